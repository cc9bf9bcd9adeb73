"""The loss of variational inference: a model fitted to a density instead of to data."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tfflows.losses.base import Loss

__all__ = ["ReverseKL"]


@keras.saving.register_keras_serializable(package="tfflows")
class ReverseKL(Loss):
    r"""The reverse Kullback-Leibler divergence to a density known up to a constant.

    .. math::
        \mathrm{KL}(q \,\|\, p) = \mathbb{E}_{z \sim q}\left[\log q(z) - \log p(z)\right]

    estimated by draws that depend on the weights of the model, so that gradients flow through
    them. It needs no data: ``fit(epochs=..., steps_per_epoch=...)``. With a context the
    divergence is that of each context, ``fit(context=...)``. For a target that is not normalized
    the loss is the negative evidence lower bound (ELBO), up to whose constant it is minimized.

    Parameters
    ----------
    target_log_prob_fn : callable
        ``f(z)`` maps draws ``[samples, *event_shape]`` to log densities ``[samples]``; for a model
        with contexts ``f(z, context)``, ``[samples, rows, *event_shape]`` and
        ``[rows, *context_shape]`` to ``[samples, rows]``. To save a model compiled with it,
        register it with ``@keras.saving.register_keras_serializable()``.
    samples : int
        Draws in a step, for each context where there is one.
    name : str
        Name of the loss.

    Raises
    ------
    TypeError
        If `target_log_prob_fn` is not callable.
    ValueError
        If `samples` is not positive; in training, if the target returns another shape.

    References
    ----------
    Rezende and Mohamed (2015), "Variational Inference with Normalizing Flows", arXiv:1505.05770.

    Examples
    --------
    >>> import keras, tensorflow as tf, tfflows
    >>> from tensorflow_probability import distributions as tfd
    >>> target = tfd.MultivariateNormalDiag(loc=[2.0, -1.0])
    >>> flow = tfflows.IAF(2, transforms=1, hidden_units=(8,))
    >>> flow.compile(keras.optimizers.Adam(0.05), loss=ReverseKL(target.log_prob, samples=64))
    >>> flow.fit(epochs=1, steps_per_epoch=200, verbose=0, seed=0).history["loss"][0] < 1.0
    True
    >>> tf.reduce_mean(flow.sample(1000, seed=0), 0).numpy().round().tolist()
    [2.0, -1.0]
    """

    needs_data = False

    def __init__(self, target_log_prob_fn: Callable, samples: int = 128, name: str = "reverse_kl"):
        super().__init__(name)
        if not callable(target_log_prob_fn):
            raise TypeError(
                "target_log_prob_fn must be a callable f(z) that returns log densities; got "
                f"{target_log_prob_fn!r}."
            )
        if not isinstance(samples, int) or samples < 1:
            raise ValueError(f"samples must be a positive int; got {samples!r}.")
        self.target_log_prob_fn = target_log_prob_fn
        self.samples = samples

    def rows(self, model, x, context, seed):
        """Return ``log q - log p`` of each draw, or its mean for each context."""
        z, log_q = model.rsample_and_log_prob([self.samples], seed, context)
        given = () if context is None else (context,)
        log_p = tf.cast(self.target_log_prob_fn(z, *given), log_q.dtype)
        if not log_p.shape.is_compatible_with(log_q.shape) or log_p.shape.rank != log_q.shape.rank:
            raise ValueError(
                "target_log_prob_fn must return one log density for each draw, shape "
                f"{tuple(log_q.shape)}, of draws of shape {tuple(z.shape)}; it returned "
                f"{tuple(log_p.shape)}."
            )
        difference = log_q - log_p
        return difference if context is None else tf.reduce_mean(difference, 0)

    def get_config(self) -> dict:
        """Return the constructor's arguments, the target by its registered name."""
        return {
            **super().get_config(),
            "target_log_prob_fn": keras.saving.serialize_keras_object(self.target_log_prob_fn),
            "samples": self.samples,
        }

    @classmethod
    def from_config(cls, config: dict) -> "ReverseKL":
        """Build the loss from `get_config`'s answer."""
        target = config["target_log_prob_fn"]
        if not callable(target):
            target = keras.saving.deserialize_keras_object(target)
        return cls(**{**config, "target_log_prob_fn": target})
