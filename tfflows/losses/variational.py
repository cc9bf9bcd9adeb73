"""A loss of one's own of the draws of a model, in one function."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tfflows.losses.target_loss import TargetLoss

__all__ = ["Variational"]


@keras.saving.register_keras_serializable(package="tfflows")
class Variational(TargetLoss):
    r"""A function of draws of the model and of both log densities, as a loss.

    .. math:: \mathbb{E}_{z \sim q}\left[f(z, \log q(z), \log p(z))\right]

    With ``tfp.vi``'s Csiszár functions, ``lambda z, log_q, log_p: tfp.vi.jeffreys(log_p - log_q)``,
    it is the divergence of that name.

    Parameters
    ----------
    function : callable
        ``f(samples, log_q, log_p)`` of draws ``[samples, *event_shape]`` and log densities
        ``[samples]`` (``[samples, rows, ...]`` with contexts) returns one number for each draw.
        Where ``fit`` is given ``extra=``, it is called with ``extra=``, the part of the step.
    target_log_prob_fn : callable
        As for `ReverseKL`.
    samples : int
        Draws in a step, for each context where there is one.
    gradient : str
        ``"total"`` or ``"path"``, as for `ReverseKL`; the second is unbiased only where the
        function is linear in ``log_q``.
    annealing : Annealing or AdaptiveAnnealing, optional
        Makes the target of a step, an easier one at first.
    name : str, optional
        Name of the loss; by default that of the function.

    Raises
    ------
    TypeError
        If a function is not callable.
    ValueError
        If `samples` is not positive; in training, if a function returns another shape.

    Examples
    --------
    >>> import keras, tensorflow as tf, tfflows
    >>> from tensorflow_probability import distributions as tfd
    >>> target = tfd.MultivariateNormalDiag(loc=[2.0, -1.0])
    >>> def tempered(samples, log_q, log_p):
    ...     return log_q - 0.5 * log_p  # as if the target had the temperature 2
    >>> flow = tfflows.Flow([tfflows.layers.Shift(), tfflows.layers.Scale()], 2)
    >>> flow.compile(keras.optimizers.Adam(0.02), loss=Variational(tempered, target.log_prob))
    >>> history = flow.fit(epochs=1, steps_per_epoch=600, verbose=0, seed=0)
    >>> tf.reduce_mean(flow.sample(4000, seed=0) ** 2, 0).numpy().round()  # 2 + loc**2
    array([6., 3.], dtype=float32)
    """

    takes_extra = True

    def __init__(
        self,
        function: Callable,
        target_log_prob_fn: Callable,
        samples: int = 128,
        gradient: str = "total",
        annealing=None,
        name: str | None = None,
    ):
        name = name or getattr(function, "__name__", None)
        super().__init__(target_log_prob_fn, samples, gradient, annealing, name)
        if not callable(function):
            raise TypeError(
                f"function must be a callable f(samples, log_q, log_p); got {function!r}."
            )
        self.function = function

    def of_step(self, z, log_q, log_p, extra=None):
        """Return what the function makes of each draw, or its mean for each context."""
        values = self.function(z, log_q, log_p, **({} if extra is None else {"extra": extra}))
        if values.shape.rank != log_q.shape.rank or not values.shape.is_compatible_with(
            log_q.shape
        ):
            raise ValueError(
                "the function must return one number for each draw, shape "
                f"{tuple(log_q.shape)}; it returned shape {tuple(values.shape)}. Drop the mean."
            )
        return tf.reduce_mean(values, 0) if log_q.shape.rank > 1 else values

    def get_config(self) -> dict:
        """Return the constructor's arguments, functions by their registered names."""
        return {
            **super().get_config(),
            "function": keras.saving.serialize_keras_object(self.function),
        }
