"""Positive numbers that add up to one."""

import math

import numpy as np
import tensorflow as tf

from tfflows.bijectors.base import Bijector
from tfflows.bijectors.event import with_last

__all__ = ["Simplex"]


class Simplex(Bijector):
    r"""K - 1 latent numbers to K positive ones that add up to one: log ratios to the last.

    .. math::
        z_i = \log\frac{x_i}{x_K}, \qquad x = \operatorname{softmax}(z_1, \dots, z_{K-1}, 0),
        \qquad \log\left|\det \frac{\partial z}{\partial x}\right| = -\sum_{i=1}^{K} \log x_i

    The determinant is that of the map of the first K - 1 coordinates, :math:`x_K` being one minus
    their sum: densities are with respect to these, as those of ``tfd.Dirichlet`` are. Where an
    entry is not positive, or the sum is not one to within the square root of the precision of the
    type (3e-4 in float32), the inverse log-determinant is minus infinity, and the latent zero.

    Parameters
    ----------
    name : str, optional
        Name of the bijector.

    References
    ----------
    Aitchison (1982), "The Statistical Analysis of Compositional Data", Journal of the Royal
    Statistical Society B 44, 139.

    Examples
    --------
    >>> print(Simplex().forward([0.0, 0.0]).numpy().round(3))
    [0.333 0.333 0.333]
    >>> print(Simplex().inverse_log_det_jacobian([0.5, 0.6], event_ndims=1).numpy())
    -inf
    """

    def __init__(self, name: str | None = None):
        super().__init__(forward_min_event_ndims=1, name=name or "simplex")

    def _inverse_and_ildj(self, y):
        limits = np.finfo(y.dtype.as_numpy_dtype)
        apart = tf.abs(tf.reduce_sum(y, -1) - 1.0)
        # Written so that NaN stays NaN and is not "outside".
        outside = (apart > math.sqrt(limits.eps)) | tf.reduce_any(y < limits.tiny, -1)
        log_y = tf.math.log(tf.where(outside[..., tf.newaxis], tf.constant(0.5, y.dtype), y))
        nothing = tf.constant(-math.inf, y.dtype)
        log_det = tf.where(outside, nothing, -tf.reduce_sum(log_y, -1))
        return log_y[..., :-1] - log_y[..., -1:], log_det

    def _forward_and_fldj(self, x):
        limits = np.finfo(x.dtype.as_numpy_dtype)
        log_y = tf.nn.log_softmax(tf.concat([x, tf.zeros_like(x[..., :1])], -1))
        # Rounded to zero or one, an entry would lie on the edge.
        log_y = tf.maximum(log_y, tf.constant(math.log(limits.tiny) + 1.0, x.dtype))
        y = tf.minimum(tf.exp(log_y), tf.constant(1.0 - limits.epsneg, x.dtype))
        return y, tf.reduce_sum(log_y, -1)

    def _forward_event_shape(self, input_shape):
        return with_last(input_shape, 1)

    def _inverse_event_shape(self, output_shape):
        return with_last(output_shape, -1)

    def _forward_event_shape_tensor(self, input_shape):
        return tf.concat([input_shape[:-1], input_shape[-1:] + 1], 0)

    def _inverse_event_shape_tensor(self, output_shape):
        return tf.concat([output_shape[:-1], output_shape[-1:] - 1], 0)
