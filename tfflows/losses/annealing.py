"""Targets that harden as training goes on: a density to some power, on the way from an easy one."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tfflows import importance

__all__ = ["AdaptiveAnnealing", "Annealing"]


class AnnealedTarget:
    """What targets on the way from a start have in common.

    Parameters
    ----------
    start_log_prob_fn : callable, optional
        The log density of the start.
    """

    def __init__(self, start_log_prob_fn: Callable | None):
        if start_log_prob_fn is not None and not callable(start_log_prob_fn):
            raise TypeError(
                "start_log_prob_fn must be a callable f(z) that returns log densities; got "
                f"{start_log_prob_fn!r}."
            )
        self.start_log_prob_fn = start_log_prob_fn

    def get_config(self) -> dict:
        """Return the constructor's arguments, functions by their registered names."""
        start = keras.saving.serialize_keras_object(self.start_log_prob_fn)
        return {"start_log_prob_fn": start}

    @classmethod
    def from_config(cls, config: dict):
        """Build the object from `get_config`'s answer."""
        return cls(**{k: keras.saving.deserialize_keras_object(v) for k, v in config.items()})


@keras.saving.register_keras_serializable(package="tfflows")
class Annealing(AnnealedTarget):
    r"""A target on the way from a start to the density that is meant.

    .. math:: \log p_\beta(z) = \beta \log p(z) + (1 - \beta) \log p_0(z)

    Flat targets at first keep a reverse divergence from settling in the first mode that it meets.
    Without a start :math:`p_0 = 1`, and the target is the density to the power
    :math:`\beta`, at the temperature :math:`1 / \beta`.

    Parameters
    ----------
    schedule : callable or float
        :math:`\beta` in [0, 1] of the number of the optimizer's step, such as
        ``keras.optimizers.schedules.PolynomialDecay(0.01, 1000, 1.0)``; or one number for all
        steps.
    start_log_prob_fn : callable, optional
        :math:`\log p_0`, called as the target is. To save a model compiled with it, register it.

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If a number is outside [0, 1].

    References
    ----------
    Rezende and Mohamed (2015), "Variational Inference with Normalizing Flows", arXiv:1505.05770.

    Examples
    --------
    >>> import keras, numpy as np, tfflows
    >>> from tensorflow_probability import distributions as tfd
    >>> modes = tfd.MixtureSameFamily(
    ...     tfd.Categorical(probs=[0.5, 0.5]), tfd.Normal([-4.0, 4.0], 1.0))
    >>> def target(z):
    ...     return modes.log_prob(z[..., 0])
    >>> rising = keras.optimizers.schedules.PolynomialDecay(0.02, 400, 1.0)
    >>> loss = tfflows.losses.ReverseKL(target, annealing=Annealing(rising))
    >>> flow = tfflows.NSF(1, transforms=1, hidden_units=(), bound=6.0)
    >>> flow.compile(keras.optimizers.Adam(0.02), loss)
    >>> history = flow.fit(epochs=1, steps_per_epoch=600, verbose=0, seed=0)
    >>> 0.3 < float(np.mean(flow.sample(2000, seed=0) > 0)) < 0.7  # both modes
    True
    """

    def __init__(self, schedule, start_log_prob_fn: Callable | None = None):
        if not callable(schedule):
            if not isinstance(schedule, (int, float)):
                raise TypeError(
                    "schedule must be a callable of the number of a step, such as one of "
                    f"keras.optimizers.schedules, or a number; got {schedule!r}."
                )
            if not 0.0 <= schedule <= 1.0:
                raise ValueError(f"the power of a target must be in [0, 1]; got {schedule!r}.")
        super().__init__(start_log_prob_fn)
        self.schedule = schedule

    def __call__(self, step, log_p, log_start, log_q) -> tf.Tensor:
        r"""Return the log density of the target of a step.

        Parameters
        ----------
        step : tf.Tensor
            The number of the optimizer's step.
        log_p, log_start, log_q : tf.Tensor
            Log densities of draws by the target, by the start and by the model.
        """
        beta = self.schedule(step) if callable(self.schedule) else self.schedule
        beta = tf.clip_by_value(tf.cast(beta, log_p.dtype), 0.0, 1.0)
        return _between(beta, log_p, log_start)

    def get_config(self) -> dict:
        """Return the constructor's arguments, functions by their registered names."""
        schedule = keras.saving.serialize_keras_object(self.schedule)
        return {"schedule": schedule, **super().get_config()}


@keras.saving.register_keras_serializable(package="tfflows")
class AdaptiveAnnealing(AnnealedTarget):
    r"""A target as hard as its draws allow.

    .. math:: \log p_\beta(z) = \beta \log p(z) + (1 - \beta) \log p_0(z)

    with the largest :math:`\beta` of a grid on [0, 1] at which the draws of the step, weighted by
    :math:`p_\beta / q`, are worth the given share of them; if there is none, the one at which they
    are worth most. So the target moves on when the model has followed, and no further.

    Parameters
    ----------
    start_log_prob_fn : callable, optional
        :math:`\log p_0`, called as the target is; best the density that the model starts with.
        Without it :math:`p_0 = 1`.
    effective_sample_size : float
        The share of draws to keep, in (0, 1).

    Raises
    ------
    TypeError
        If the start is not callable.
    ValueError
        If the share is outside its range.

    References
    ----------
    The rule is that of adaptive sequential Monte Carlo: Jasra et al. (2011), "Inference for
    Lévy-Driven Stochastic Volatility Models via Adaptive Sequential Monte Carlo".

    Examples
    --------
    >>> import keras, tfflows
    >>> from tensorflow_probability import distributions as tfd
    >>> start, target = (tfd.MultivariateNormalDiag([at, 0.0]) for at in (0.0, 8.0))
    >>> loss = tfflows.losses.ForwardKL(
    ...     target.log_prob, annealing=AdaptiveAnnealing(start.log_prob))
    >>> flow = tfflows.Flow([tfflows.layers.Shift()], 2)
    >>> flow.compile(keras.optimizers.Adam(0.05), loss)
    >>> history = flow.fit(epochs=1, steps_per_epoch=500, verbose=0, seed=0)
    >>> print(flow.sample(1000, seed=0).numpy().mean(0).round() + 0.0)
    [8. 0.]
    """

    def __init__(
        self, start_log_prob_fn: Callable | None = None, effective_sample_size: float = 0.5
    ):
        super().__init__(start_log_prob_fn)
        if not 0.0 < effective_sample_size < 1.0:
            raise ValueError(
                f"effective_sample_size must be a share in (0, 1); got {effective_sample_size!r}."
            )
        self.effective_sample_size = float(effective_sample_size)

    def __call__(self, step, log_p, log_start, log_q) -> tf.Tensor:
        """Return the log density of the target of a step; as in `Annealing`."""
        log_p_fixed, log_start_fixed, log_q_fixed = map(tf.stop_gradient, (log_p, log_start, log_q))
        grid = tf.linspace(tf.zeros([], log_p.dtype), 1.0, _GRID)
        along = tf.reshape(grid, [1, _GRID] + [1] * (log_p.shape.rank - 1))
        weights = (
            _between(along, log_p_fixed[:, tf.newaxis], log_start_fixed[:, tf.newaxis])
            - log_q_fixed[:, tf.newaxis]
        )
        # One power for all contexts.
        share = tf.reshape(importance.effective_sample_size(weights), [_GRID, -1])
        share = tf.reduce_mean(share, -1)
        enough = tf.where(share >= self.effective_sample_size, grid, -1.0)
        best = tf.gather(grid, tf.argmax(share))
        beta = tf.where(tf.reduce_any(enough >= 0.0), tf.reduce_max(enough), best)
        return _between(beta, log_p, log_start)

    def get_config(self) -> dict:
        """Return the constructor's arguments, functions by their registered names."""
        return {**super().get_config(), "effective_sample_size": self.effective_sample_size}


# Powers that are tried: so many that a step from one to the next is a small one.
_GRID = 101


def _between(beta, log_p, log_start):
    # Nothing times minus infinity is nothing here.
    rest = tf.ones_like(log_p) * (1.0 - beta)
    beta = tf.ones_like(log_p) * beta
    return tf.math.multiply_no_nan(log_p, beta) + tf.math.multiply_no_nan(log_start, rest)
