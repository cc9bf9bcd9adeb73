"""Events that a bijector cannot have made: density zero instead of NaN."""

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfflows.bijectors.base import Bijector
from tfflows.privates import is_increasing

__all__ = ["InRange"]


class InRange(Bijector):
    r"""A bijector whose inverse log-determinant is minus infinity outside its range.

    .. math::
        \log\left|\det \frac{\partial z}{\partial x}\right| = -\infty
        \quad\text{where } x \notin \{b(z)\}

    TFP's bijectors answer there with NaN, or with something finite and wrong, and so do their
    gradients. Here a stand-in takes the place of such an event before the inverse is computed, so
    that the density is zero, every gradient is zero, and other rows of the batch are not touched.

    Parameters
    ----------
    bijector : tfb.Bijector
        The bijector, elementwise or not. An event is outside its range where its inverse or the
        log-determinant of that is not finite.
    latent : float or array
        A latent point, or the number that fills it, whose image stands in for events outside; it
        is also what `inverse` answers for them.
    latent_shape : tuple of int
        Shape of a latent point.
    name : str, optional
        Name of the bijector.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb
    >>> exp = InRange(tfb.Exp(), latent=0.0, latent_shape=())
    >>> print(exp.inverse_log_det_jacobian(tf.constant([1.0, -2.0]), event_ndims=0).numpy() + 0.0)
    [  0. -inf]
    """

    def __init__(
        self, bijector: tfb.Bijector, latent, latent_shape: tuple, name: str | None = None
    ):
        self._bijector = bijector
        self._latent = np.broadcast_to(latent, latent_shape)
        super().__init__(
            forward_min_event_ndims=bijector.forward_min_event_ndims,
            inverse_min_event_ndims=bijector.inverse_min_event_ndims,
            is_constant_jacobian=False,
            name=name or f"in_range_of_{bijector.name}",
        )

    def _inverse_and_ildj(self, y):
        rank = int(self.inverse_min_event_ndims)
        latent = tf.constant(self._latent, y.dtype)
        stand_in = tf.stop_gradient(self._bijector.forward(latent))
        asked = tf.identity(y)
        # The inverse alone may be finite where nothing is, as that of the softsign is.
        volume = self._bijector.inverse_log_det_jacobian(asked, event_ndims=rank)
        inside = self._all_finite(self._bijector.inverse(asked), latent=True)
        inside = tf.logical_and(inside, tf.math.is_finite(volume))
        safe = tf.where(_with_axes(inside, rank), y, stand_in)
        x = self._bijector.inverse(safe)
        log_det = self._bijector.inverse_log_det_jacobian(safe, event_ndims=rank)
        # What is not finite itself is not outside, it is broken, and stays so.
        nothing = tf.where(self._all_finite(y, latent=False), tf.constant(-np.inf, y.dtype), np.nan)
        return x, tf.where(inside, log_det, nothing)

    def _forward_and_fldj(self, x):
        rank = int(self.forward_min_event_ndims)
        return (
            self._bijector.forward(x),
            self._bijector.forward_log_det_jacobian(x, event_ndims=rank),
        )

    def _all_finite(self, values, latent: bool):
        rank = self.forward_min_event_ndims if latent else self.inverse_min_event_ndims
        return tf.reduce_all(tf.math.is_finite(values), list(range(-int(rank), 0)))

    def _is_increasing(self, **kwargs):
        return is_increasing(self._bijector)

    def _forward_event_shape(self, input_shape):
        return self._bijector.forward_event_shape(input_shape)

    def _inverse_event_shape(self, output_shape):
        return self._bijector.inverse_event_shape(output_shape)

    def _forward_event_shape_tensor(self, input_shape):
        return self._bijector.forward_event_shape_tensor(input_shape)

    def _inverse_event_shape_tensor(self, output_shape):
        return self._bijector.inverse_event_shape_tensor(output_shape)


def _with_axes(values, count: int):
    return tf.reshape(values, tf.concat([tf.shape(values), [1] * count], 0)) if count else values
