"""The masked autoregressive bijector: each coordinate moves by those before it."""

import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from tfflows.bijectors.base import Bijector
from tfflows.bijectors.event import flatten_event, restore_event
from tfflows.bijectors.masked_mlp_weights import MaskedMLPWeights
from tfflows.bijectors.sequential_inverse import by_passes, sequential_inverse
from tfflows.privates import is_increasing

__all__ = ["MaskedAutoregressive"]


class MaskedAutoregressive(Bijector):
    r"""An autoregressive bijector of any univariate family.

    .. math::
        x_i = f\big(z_i;\, \theta_i(x_{<i})\big), \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| =
        \sum_i \log \frac{\partial f^{-1}}{\partial x_i}(x_i;\, \theta_i(x_{<i}))

    Data to latent takes one evaluation of the network. Latent to data needs the coordinates one
    after the other (group after group), because a coordinate must be known before the parameters
    of the next can be computed. With a `stack` each unit of the network is computed once, as soon
    as its inputs are known, so that all of it costs about as much as one evaluation, and gradients
    a few of them. Without one the network is evaluated for each of the `passes` groups.

    Parameters
    ----------
    parameters : callable
        Maps events ``[..., D]`` to raw parameters ``[..., D, P]``, those of coordinate i a function
        of the coordinates before it in the order of the network.
    univariate : callable
        Maps raw parameters ``[..., k, P]``, for any number k of coordinates, and the `weights` to a
        scalar bijector on ``[..., k]``. With a `stack`, gradients reach its arguments, and nothing
        else that it may depend on.
    event_shape : tuple of int
        Shape of an event; D is the number of its coordinates.
    passes : int
        Number of groups of coordinates that the network orders.
    batch_shape : optional
        Batch shape of the parameters, that of the context.
    dtype : optional
        Type of the values.
    name : str, optional
        Name of the bijector.
    stack : callable, optional
        Returns the layers behind `parameters` as a
        `tfflows.bijectors.masked_mlp_weights.MaskedMLPWeights`, or None where
        they cannot be given.
    weights : sequence of tf.Tensor
        Further arguments of `univariate`, for families with weights of their own.

    References
    ----------
    Papamakarios, Pavlakou and Murray (2017), "Masked Autoregressive Flow for Density Estimation",
    arXiv:1705.07057.

    Examples
    --------
    A map whose second coordinate is shifted by the first:

    >>> import tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb
    >>> def before(x):
    ...     return tf.stack([tf.zeros_like(x[..., 0]), x[..., 0]], -1)[..., tf.newaxis]
    >>> b = MaskedAutoregressive(before, lambda raw: tfb.Shift(raw[..., 0]), (2,), passes=2)
    >>> print(b.forward([[1.0, 1.0]]).numpy(), b.inverse([[1.0, 2.0]]).numpy())
    [[1. 2.]] [[1. 1.]]
    """

    def __init__(
        self,
        parameters: Callable,
        univariate: Callable,
        event_shape: tuple,
        passes: int,
        batch_shape=(),
        dtype=None,
        name: str = "masked_autoregressive",
        *,
        stack: Callable[[], MaskedMLPWeights | None] | None = None,
        weights: Sequence[tf.Tensor] = (),
    ):
        self._raw_parameters = parameters
        self._univariate = univariate
        self._event_shape = tuple(event_shape)
        self._passes = passes
        self._stack = stack
        self._weights = tuple(weights)
        super().__init__(len(self._event_shape), batch_shape=batch_shape, dtype=dtype, name=name)

    def raw_parameters(self, y) -> tf.Tensor:
        """Return the raw parameters ``[..., D, P]`` of the scalar maps at data `y`."""
        return self._raw_parameters(flatten_event(y, self._event_shape))

    def _is_increasing(self, **kwargs):
        if math.prod(self._event_shape) > 1:
            return super()._is_increasing(**kwargs)
        raw = self._raw_parameters(tf.zeros([1], self.dtype))
        return is_increasing(self._univariate(raw, *self._weights))

    def _inverse_and_ildj(self, y):
        flat = flatten_event(y, self._event_shape)
        raw = tf.cast(self._raw_parameters(flat), flat.dtype)
        scalar = self._univariate(raw, *self._weights)
        x = scalar.inverse(flat)
        return restore_event(x, self._event_shape), scalar.inverse_log_det_jacobian(flat, 1)

    def _forward_and_fldj(self, x):
        latent = flatten_event(x, self._event_shape)
        # Spread the latent points over the batch of the parameters, so that the loop keeps a shape.
        batch = tf.broadcast_dynamic_shape(
            tf.shape(latent)[:-1], tf.convert_to_tensor(self._own_batch_shape, tf.int32)
        )
        static = tf.broadcast_static_shape(
            latent.shape[:-1], self.experimental_batch_shape(x_event_ndims=len(self._event_shape))
        )
        latent = tf.broadcast_to(latent, tf.concat([batch, tf.shape(latent)[-1:]], 0))
        latent = tf.ensure_shape(latent, [*static, latent.shape[-1]])

        stack = None if self._stack is None else self._stack()
        if stack is not None:
            y, fldj = sequential_inverse(stack, self._univariate, latent, self._weights)
            return restore_event(y, self._event_shape), fldj

        def refine(known):
            raw = tf.cast(self._raw_parameters(known), known.dtype)
            scalar = self._univariate(raw, *self._weights)
            return scalar.forward(latent), scalar.forward_log_det_jacobian(latent, 1)

        y, fldj = by_passes(refine, latent, self._passes)
        return restore_event(y, self._event_shape), fldj
