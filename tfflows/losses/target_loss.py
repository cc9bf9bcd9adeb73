"""What losses share that fit a model to a density known up to a constant, by draws of the model."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tfflows.losses.annealing import AdaptiveAnnealing, Annealing
from tfflows.losses.base import Loss

__all__ = ["TargetLoss", "by_path", "check_target", "target_log_prob"]


class TargetLoss(Loss):
    r"""A loss of draws :math:`z \sim q` of the model, of :math:`\log q(z)` and :math:`\log p(z)`.

    A subclass implements `of`, and training minimizes the mean of what it returns. Draws depend on
    the weights, so that gradients flow through them. The density of a draw depends on the weights
    in two ways, by the draw and by itself:

    .. math:: \frac{d}{d\theta} \log q_\theta(z_\theta) =
        \frac{\partial \log q}{\partial z} \frac{dz}{d\theta}
        + \frac{\partial \log q}{\partial \theta}

    The second part is zero on average, and noise. ``gradient="total"`` has both, ``"path"`` the
    first alone, at the cost of scoring each draw once more; its noise vanishes as the model comes
    near the target.

    Parameters
    ----------
    target_log_prob_fn : callable
        ``f(z)`` maps draws ``[samples, *event_shape]`` to log densities ``[samples]``; for a model
        with contexts ``f(z, context)``, which is called with ``context=``, maps
        ``[samples, rows, *event_shape]`` and ``[rows, *context_shape]`` to ``[samples, rows]``. To
        save a model compiled with it, register it with
        ``@keras.saving.register_keras_serializable()``.
    samples : int
        Draws in a step, for each context where there is one.
    gradient : str
        One of `gradients`.
    annealing : Annealing or AdaptiveAnnealing, optional
        Makes the target of a step, an easier one at first; metrics of draws see the target itself.
    name : str, optional
        Name of the loss.

    Raises
    ------
    TypeError
        If `target_log_prob_fn` or `annealing` is not callable, or a subclass overrides `rows`.
    ValueError
        If `samples` is not positive, or there is no such gradient; in training, if the target
        returns another shape.

    References
    ----------
    Roeder, Wu and Duvenaud (2017), "Sticking the Landing: Simple, Lower-Variance Gradient
    Estimators for Variational Inference", arXiv:1703.09194; Vaitl et al. (2022), "Gradients should
    stay on Path: Better Estimators of the Reverse- and Forward KL Divergence for Normalizing
    Flows", arXiv:2207.08219.

    Examples
    --------
    The variance of the log weights, which is zero at the target alone:

    >>> import keras, tensorflow as tf, tfflows
    >>> from tensorflow_probability import distributions as tfd
    >>> class LogVariance(TargetLoss):
    ...     def of(self, z, log_q, log_p):
    ...         difference = log_q - log_p
    ...         return tf.square(difference - tf.reduce_mean(difference, 0))
    >>> target = tfd.MultivariateNormalDiag(loc=[2.0, -1.0])
    >>> flow = tfflows.Flow([tfflows.layers.Shift()], 2)
    >>> flow.compile(keras.optimizers.Adam(0.05), loss=LogVariance(target.log_prob))
    >>> history = flow.fit(epochs=1, steps_per_epoch=200, verbose=0, seed=0)
    >>> tf.reduce_mean(flow.sample(1000, seed=0), 0).numpy().round().tolist()
    [2.0, -1.0]
    """

    needs_data = False
    draws = True
    #: The gradients that there are.
    gradients: tuple = ("total", "path")

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.rows is not TargetLoss.rows:
            raise TypeError(
                f"{cls.__name__} overrides `rows`, and training asks a TargetLoss for more than "
                "that. Implement `of(z, log_q, log_p)`, or subclass tfflows.losses.Loss."
            )

    def __init__(
        self,
        target_log_prob_fn: Callable,
        samples: int = 128,
        gradient: str = "total",
        annealing: Annealing | AdaptiveAnnealing | None = None,
        name: str | None = None,
    ):
        super().__init__(name)
        check_target(target_log_prob_fn)
        if not isinstance(samples, int) or samples < 1:
            raise ValueError(f"samples must be a positive int; got {samples!r}.")
        if gradient not in self.gradients:
            raise ValueError(
                f"gradient must be one of {', '.join(map(repr, self.gradients))}; got {gradient!r}."
            )
        if annealing is not None and not callable(annealing):
            raise TypeError(
                "annealing must be a tfflows.losses.Annealing or AdaptiveAnnealing; got "
                f"{annealing!r}."
            )
        self.target_log_prob_fn = target_log_prob_fn
        self.samples = samples
        self.gradient = gradient
        self.annealing = annealing

    def of(self, z, log_q, log_p) -> tf.Tensor:
        """Return the loss of each draw.

        Parameters
        ----------
        z : tf.Tensor
            Draws ``[samples, *event_shape]``, or ``[samples, rows, *event_shape]``.
        log_q, log_p : tf.Tensor
            Log densities of the model and of the target, ``[samples]`` or ``[samples, rows]``.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not implement `of(z, log_q, log_p)`."
        )

    def rows(self, model, x, context, seed, extra=None):
        """Return the loss of each draw, or its mean for each context."""
        return self.rows_and_log_weights(model, x, context, seed, extra)[0]

    def rows_and_log_weights(self, model, x, context, seed, extra=None) -> tuple:
        """Return what `rows` does, and ``log p - log q`` of the draws."""
        z, log_q = self.draw(model, context, seed)
        log_p = self.target(z, log_q, context)
        values = self.of_step(z, log_q, self.annealed(model, z, log_q, log_p, context), extra)
        return values, tf.stop_gradient(log_p - log_q)

    def of_step(self, z, log_q, log_p, extra=None) -> tf.Tensor:
        """Return the loss of each draw, or its mean for each context."""
        values = self.of(z, log_q, log_p)
        return tf.reduce_mean(values, 0) if log_q.shape.rank > 1 else values

    def draw(self, model, context, seed) -> tuple:
        """Return draws and log densities of the model, with the gradient asked for."""
        z, log_q = model.rsample_and_log_prob([self.draws_of(context)], seed, context)
        if self.gradient != "total":
            log_q = by_path(model.distribution(context).log_prob, z)
        return z, log_q

    def draws_of(self, context) -> int:
        """Return how many draws a step takes, for each context where there is one."""
        return self.samples

    def target(self, z, log_q, context, function: Callable | None = None) -> tf.Tensor:
        """Return the log density that the target gives each draw, checked for its shape."""
        return target_log_prob(function or self.target_log_prob_fn, z, log_q, context)

    def annealed(self, model, z, log_q, log_p, context) -> tf.Tensor:
        """Return the log density of the target of this step."""
        if self.annealing is None:
            return log_p
        if not model.compiled:
            raise ValueError("annealing counts the steps of training: compile the model first.")
        step = tf.convert_to_tensor(model.optimizer.iterations)
        start = self.annealing.start_log_prob_fn
        log_start = tf.zeros_like(log_p)
        if start is not None:
            log_start = self.target(z, log_q, context, start)
        return self.annealing(step, log_p, log_start, log_q)

    def get_config(self) -> dict:
        """Return the constructor's arguments, functions by their registered names."""
        return {
            **super().get_config(),
            "target_log_prob_fn": keras.saving.serialize_keras_object(self.target_log_prob_fn),
            "samples": self.samples,
            "gradient": self.gradient,
            "annealing": keras.saving.serialize_keras_object(self.annealing),
        }

    @classmethod
    def from_config(cls, config: dict) -> "TargetLoss":
        """Build the loss from `get_config`'s answer."""
        made = {
            key: keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
            for key, value in config.items()
        }
        return cls(**made)


def check_target(target_log_prob_fn) -> None:
    """Raise a TypeError unless a target can be called."""
    if not callable(target_log_prob_fn):
        raise TypeError(
            "target_log_prob_fn must be a callable f(z) that returns log densities; got "
            f"{target_log_prob_fn!r}."
        )


def target_log_prob(function: Callable, z, log_q, context=None, of: str = "draw") -> tf.Tensor:
    """Return the log density that a target gives each point, in the shape and type of `log_q`.

    `of` is what a message calls a point.

    Raises
    ------
    ValueError
        If the target returns another shape.
    """
    given = {} if context is None else {"context": context}
    log_p = tf.cast(function(z, **given), log_q.dtype)
    if not log_p.shape.is_compatible_with(log_q.shape) or log_p.shape.rank != log_q.shape.rank:
        raise ValueError(
            f"target_log_prob_fn must return one log density for each {of}, shape "
            f"{tuple(log_q.shape)}, of {of}s of shape {tuple(z.shape)}; it returned "
            f"{tuple(log_p.shape)}."
        )
    return log_p


def by_path(log_prob: Callable, z) -> tf.Tensor:
    """Return log densities of draws as functions of the draws alone.

    Parameters
    ----------
    log_prob : callable
        The log density of the model, which depends on weights.
    z : tf.Tensor
        Draws.

    Examples
    --------
    >>> import tensorflow as tf
    >>> w = tf.Variable(2.0)
    >>> with tf.GradientTape() as tape:
    ...     found = by_path(lambda z: w * z, 3.0 * w)
    >>> print(found.numpy(), tape.gradient(found, w).numpy())  # w of the draw, and not the other
    12.0 6.0
    """
    fixed = tf.stop_gradient(z)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(fixed)
        log_q = log_prob(fixed)
    slope = tf.stop_gradient(tape.gradient(log_q, fixed))
    moved = tf.reduce_sum(
        tf.reshape(slope * (z - fixed), tf.concat([tf.shape(log_q), [-1]], 0)), -1
    )
    return tf.stop_gradient(log_q) + moved
