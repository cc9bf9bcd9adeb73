"""Numbers in increasing order."""

import math

import numpy as np
import tensorflow as tf

from tfflows.bijectors.base import Bijector

__all__ = ["Ordered"]


class Ordered(Bijector):
    r"""Any numbers to strictly increasing ones, by the logarithms of the gaps.

    .. math::
        x_1 = z_1, \quad x_i = x_{i-1} + e^{z_i}, \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| = -\sum_{i=2}^{K} \log(x_i - x_{i-1})

    Where the numbers do not increase, the inverse log-determinant is minus infinity, and the
    latents of the gaps that are none are zero. Gaps too small for the precision of the sums are
    made as large as that.

    Parameters
    ----------
    name : str, optional
        Name of the bijector.

    Examples
    --------
    >>> print(Ordered().forward([-1.0, 0.0, 0.0]).numpy())
    [-1.  0.  1.]
    >>> print(Ordered().inverse_log_det_jacobian([0.0, 2.0, 1.0], event_ndims=1).numpy())
    -inf
    """

    def __init__(self, name: str | None = None):
        super().__init__(forward_min_event_ndims=1, name=name or "ordered")

    def _inverse_and_ildj(self, y):
        gaps = y[..., 1:] - y[..., :-1]
        # Written so that NaN stays NaN and is not "outside".
        outside = gaps < np.finfo(y.dtype.as_numpy_dtype).tiny
        z = tf.math.log(tf.where(outside, tf.ones([], y.dtype), gaps))
        log_det = tf.where(
            tf.reduce_any(outside, -1), tf.constant(-math.inf, y.dtype), -tf.reduce_sum(z, -1)
        )
        return tf.concat([y[..., :1], z], -1), log_det

    def _forward_and_fldj(self, x):
        limits = np.finfo(x.dtype.as_numpy_dtype)
        first, z = x[..., :1], x[..., 1:]
        # The sum of that many exponentials, or of larger ones, would overflow.
        size = max(x.shape[-1] or 2, 2)
        largest = tf.constant(math.log(limits.max / size) - 1.0, x.dtype)
        gaps = tf.exp(tf.minimum(z, largest))
        # Sums are added up in one order or another, each time with an error of rounding.
        reach = tf.abs(first) + tf.reduce_sum(gaps, -1, keepdims=True)
        least = tf.stop_gradient(tf.maximum(2.0 * size * limits.eps * reach, limits.tiny))
        gaps = tf.maximum(gaps, least)
        return first + tf.concat([tf.zeros_like(first), tf.cumsum(gaps, -1)], -1), tf.reduce_sum(
            z, -1
        )
