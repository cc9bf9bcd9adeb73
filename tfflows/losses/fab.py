"""A flow fitted to where it is too small: by its own draws, annealed towards the target."""

import math
import weakref

import keras
import tensorflow as tf

from tfflows import random
from tfflows.losses.annealed_importance import TRANSITIONS, AnnealedImportanceSampling
from tfflows.losses.base import Loss
from tfflows.losses.prioritized_buffer import PrioritizedBuffer
from tfflows.losses.target_loss import check_target, target_log_prob

__all__ = ["FAB"]


@keras.saving.register_keras_serializable(package="tfflows")
class FAB(Loss):
    r"""Flow annealed importance sampling bootstrap: the divergence that finds missing modes.

    The :math:`\alpha`-divergence with :math:`\alpha = 2` is the variance of importance weights,

    .. math::
        D_2(p \,\|\, q) \propto \int \frac{p(x)^2}{q(x)}\,dx, \qquad
        \nabla_\theta \log \int \frac{p^2}{q_\theta}\,dx
        = -\mathbb{E}_{x \sim g}\left[\nabla_\theta \log q_\theta(x)\right], \quad
        g \propto \frac{p^2}{q_\theta}

    and large where the model has less density than the target. Points of g come from draws of the
    model by annealed importance sampling, Hamiltonian trajectories or random walks through
    :math:`\pi_\beta \propto q^{1 - \beta} g^\beta`. They are kept in a buffer with their weights w;
    each step draws rows in proportion to w, and minimizes the mean of

    .. math::
        -\min\left(\frac{q_\text{then}(x)}{q_\theta(x)}, c\right) \log q_\theta(x)

    whose ratio, a number without a gradient, makes up for how the model has changed since the
    point was weighed, and is multiplied into w. Unlike `ReverseKL` and `ForwardKL` it sees modes
    that the draws of the model do not reach by themselves. The value of the loss says little:
    watch the effective sample size of the model's own draws.

    Parameters
    ----------
    target_log_prob_fn : callable
        As for `ReverseKL`; for ``"hmc"`` differentiable.
    samples : int
        Draws in a run of annealed importance sampling, and rows of a step.
    updates : int
        Steps for each run.
    levels : int
        Transitions between q and g.
    transition : str
        ``"hmc"``, a Hamiltonian trajectory, or ``"metropolis"``, a random walk.
    transition_steps : int
        Leapfrog steps of a trajectory, or steps of a walk.
    step_size : float
        Size of these steps at the start. After each run that of each level is a tenth longer or
        shorter, towards an acceptance of 65 % (trajectories) or 35 % (walks).
    capacity : int
        Points in the buffer.
    fill : int
        Runs before the first step.
    max_ratio : float
        c.
    name : str
        Name of the loss.

    Raises
    ------
    TypeError
        If `target_log_prob_fn` is not callable.
    ValueError
        If a number is not positive, there is no such transition, or the buffer is smaller than
        what is in it before the first step. In training: if the target returns another shape, the
        model has a context or knows only a bound of its density, or a strategy shares steps out
        among replicas.

    Notes
    -----
    The buffer lies in variables beside the model, one buffer for each model, which `fit` goes on
    with and `reset` empties. It is no part of a saved model or of a checkpoint of
    `tfflows.training.Resume`: a model that is loaded, and a run that is taken up, begin by filling
    it anew, so that the run goes on well, but not to the same last bit. Evaluation leaves the
    buffer alone, and weighs a run of its own. A model that scores and draws fast both ways suits
    the loss, such as `tfflows.CouplingNSF`.

    References
    ----------
    Midgley et al. (2023), "Flow Annealed Importance Sampling Bootstrap", arXiv:2208.01893.

    Examples
    --------
    >>> import keras, tfflows
    >>> target = tfflows.targets.MixtureOfDiagNormals([[-2.0, 0.0], [2.0, 1.0]])
    >>> flow = tfflows.Flow([tfflows.layers.Shift(), tfflows.layers.LU()], event_shape=2)
    >>> loss = FAB(target, samples=64, transition="metropolis", fill=4, capacity=1024)
    >>> flow.compile(keras.optimizers.Adam(0.05), loss=loss)
    >>> history = flow.fit(epochs=1, steps_per_epoch=100, verbose=0, seed=0)
    >>> bool(flow.sample(1000, seed=0).numpy().std(0)[0] > 1.5)  # it covers both modes
    True
    >>> loss.target_evaluations(100)
    10752
    """

    needs_data = False

    def __init__(
        self,
        target_log_prob_fn,
        samples: int = 128,
        updates: int = 4,
        levels: int = 1,
        transition: str = "hmc",
        transition_steps: int = 5,
        step_size: float = 0.5,
        capacity: int = 16384,
        fill: int = 8,
        max_ratio: float = 10.0,
        name: str = "fab",
    ):
        super().__init__(name)
        check_target(target_log_prob_fn)
        counts = {
            "samples": samples,
            "updates": updates,
            "levels": levels,
            "transition_steps": transition_steps,
            "fill": fill,
        }
        for what, count in counts.items():
            if not isinstance(count, int) or count < 1:
                raise ValueError(f"{what} must be a positive int; got {count!r}.")
        if transition not in TRANSITIONS:
            raise ValueError(
                f"transition must be one of {', '.join(map(repr, TRANSITIONS))}; got "
                f"{transition!r}."
            )
        if not (step_size > 0 and max_ratio > 0):
            raise ValueError(
                f"step_size and max_ratio must be positive; got {step_size!r} and {max_ratio!r}."
            )
        if not isinstance(capacity, int) or capacity < samples * fill:
            raise ValueError(
                f"capacity must be at least samples * fill = {samples * fill}, what the buffer "
                f"holds before the first step; got {capacity!r}."
            )
        self.target_log_prob_fn, self.samples = target_log_prob_fn, samples
        self.updates, self.levels = updates, levels
        self.transition, self.transition_steps = transition, transition_steps
        self.step_size, self.max_ratio = float(step_size), float(max_ratio)
        self.capacity, self.fill = capacity, fill
        self._sampler = AnnealedImportanceSampling(levels, transition, transition_steps)
        self._stores: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
        self._mode = _Mode(name="mode")

    def target_evaluations(self, steps: int) -> int:
        """Return how often so many steps from the start evaluate the target, point by point.

        Parameters
        ----------
        steps : int
            Steps of training.
        """
        runs = self.fill + max(math.ceil(steps / self.updates) - 1, 0) if steps else 0
        return runs * self.samples * self._sampler.evaluations

    def reset(self, model) -> None:
        """Empty the buffer of a model, as it is before the first step.

        Parameters
        ----------
        model : DensityModel
            The model that was fitted by this loss.
        """
        if model in self._stores:
            self._stores[model].reset(self.step_size)

    def rows(self, model, x, context, seed):
        """Return the loss of each of the rows that are drawn from the buffer."""
        self._check(model, context)
        store = self._store(model)
        if not self._mode(seed):
            return self._evaluated(model, store, seed)
        self._refill(model, store, seed)
        buffer = store.buffer
        rows = buffer.draw(self.samples, random.fold_in(seed, self.fill))
        log_q = model(tf.gather(buffer.points, rows))
        log_ratio = tf.stop_gradient(tf.gather(buffer.log_q, rows) - log_q)
        buffer.reweigh(rows, log_ratio, tf.stop_gradient(log_q))
        ratio = tf.exp(tf.minimum(log_ratio, math.log(self.max_ratio)))
        # Where no point has a weight there is nothing to learn from, and training stops.
        some = tf.reduce_any(tf.math.is_finite(buffer.log_weight))
        return tf.where(some, -ratio * log_q, tf.constant(math.nan, log_q.dtype))

    def _refill(self, model, store, seed) -> None:
        """Run annealed importance sampling as often as this step is to."""
        step, buffer = store.step.read_value(), store.buffer
        again = tf.cast(step % self.updates == 0, tf.int32)
        runs = tf.where(step == 0, self.fill, again)

        def body(run):
            points, log_weight, log_q, sizes = self._run(model, store, random.fold_in(seed, run))
            buffer.add(points, log_weight, log_q)
            store.step_sizes.assign(sizes)
            return (run + 1,)

        tf.while_loop(lambda run: run < runs, body, (tf.constant(0),))
        store.step.assign(step + 1)

    def _run(self, model, store, seed) -> tuple:
        drawn = model.distribution().sample([self.samples], seed=random.fold_in(seed, 0))

        def log_probs(x):
            log_q = model(x)
            return log_q, target_log_prob(self.target_log_prob_fn, x, log_q, of="point")

        start = tf.stop_gradient(drawn)
        sizes = store.step_sizes.read_value()
        found = self._sampler.run(log_probs, start, sizes, random.fold_in(seed, 1))
        return tuple(tf.stop_gradient(part) for part in found)

    def _evaluated(self, model, store, seed):
        """Return the loss of the points of a run of its own, which leaves the buffer alone."""
        points, log_weight, _, _ = self._run(model, store, seed)
        return -self.samples * tf.nn.softmax(log_weight) * model(points)

    def _check(self, model, context) -> None:
        if context is not None:
            raise ValueError(
                "FAB keeps points of one target, and fit was given contexts, each of which has "
                "its own. Use ReverseKL or ForwardKL."
            )
        if not model.exact:
            raise ValueError(
                "FAB needs the density of the model, and this one knows a bound of it; leave out "
                "the layers that are not exact, or use ReverseKL."
            )
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            raise ValueError(
                "FAB keeps its points in one buffer, and a strategy shares out the steps among "
                "replicas; train on one device."
            )

    def _store(self, model):
        if model not in self._stores:
            with tf.init_scope():  # while a program is traced, too
                self._stores[model] = _Store(self, model)
        return self._stores[model]

    def get_config(self) -> dict:
        """Return the constructor's arguments, the target by its registered name."""
        names = """samples updates levels transition transition_steps step_size capacity fill
            max_ratio"""
        return {
            **super().get_config(),
            "target_log_prob_fn": keras.saving.serialize_keras_object(self.target_log_prob_fn),
            **{name: getattr(self, name) for name in names.split()},
        }

    @classmethod
    def from_config(cls, config: dict) -> "FAB":
        """Build the loss from `get_config`'s answer."""
        target = config["target_log_prob_fn"]
        if isinstance(target, dict):
            target = keras.saving.deserialize_keras_object(target)
        return cls(**{**config, "target_log_prob_fn": target})


class _Store:
    """What the loss keeps of one model: the buffer, step sizes, and the number of the step."""

    def __init__(self, loss: FAB, model):
        self.buffer = PrioritizedBuffer(loss.capacity, model.event_shape, model.variable_dtype)
        sizes = tf.fill([loss.levels], tf.constant(loss.step_size, model.variable_dtype))
        self.step_sizes = tf.Variable(sizes, trainable=False)
        self.step = tf.Variable(0, trainable=False, dtype=tf.int64)

    def reset(self, step_size: float) -> None:
        """Set all as it was at the start."""
        self.buffer.clear()
        self.step_sizes.assign(tf.ones_like(self.step_sizes) * step_size)
        self.step.assign(0)


class _Mode(keras.layers.Layer):
    """Tells whether a Keras call under way trains; a call by hand does."""

    def call(self, seed, training=None):
        """Return False in evaluation."""
        return training is not False
