"""Unit vectors, and a flat chart of them: heights and a longitude."""

import math

import numpy as np
import tensorflow as tf

from tfflows.bijectors.base import Bijector
from tfflows.bijectors.circle import wrap
from tfflows.bijectors.cut_circle import CutCircle
from tfflows.bijectors.event import with_last

__all__ = ["Sphere"]


class Sphere(Bijector):
    r"""A flat chart to the unit sphere: d numbers to d + 1 whose squares add up to one.

    A unit vector of k coordinates is one of k - 1, :math:`y`, and a height
    :math:`h_k \in (-1, 1)`; one of two coordinates is a longitude :math:`\varphi`:

    .. math::
        x = \left(\sqrt{1 - h_k^2}\; y,\; h_k\right), \quad k = d + 1, \dots, 3, \qquad
        y = (\cos\varphi, \sin\varphi)

    The latents are :math:`(h_{d+1}, \dots, h_3, \varphi)`, of which each longitude stands for all
    numbers that differ by whole turns. Densities are with respect to the surface of the sphere,
    :math:`d\sigma = \prod_k (1 - h_k^2)^{(k - 3)/2}\, dh_k\; d\varphi`, so that

    .. math::
        \log\left|\frac{dz}{d\sigma}\right| = -\sum_{k=4}^{d+1} \frac{k - 3}{2} \log(1 - h_k^2)

    which for the sphere in three dimensions is zero: the cylinder around it has the same area.
    With a `cut` the latents are those of the line, :math:`2 \operatorname{artanh} h_k` and the
    longitude cut open there as by `CutCircle`, each with its slope.

    Where the length of a vector is not one to within the square root of the precision of the type
    (3e-4 in float32), the inverse log-determinant is minus infinity. A vector within is taken for
    the point of the sphere in its direction; at a pole, where longitudes meet, for that of
    longitude zero. Heights beyond -1 and 1 are moved there.

    Parameters
    ----------
    cut : tf.Tensor, optional
        The longitude, ``[1]``, at which the circle is cut open; by default heights and longitudes
        stay what they are.
    name : str, optional
        Name of the bijector.

    References
    ----------
    Rezende et al. (2020), "Normalizing Flows on Tori and Spheres", arXiv:2002.02428.

    Examples
    --------
    >>> print(Sphere().inverse([[0.0, 1.0, 0.0], [0.6, 0.0, -0.8]]).numpy().round(3) + 0.0)
    [[ 0.     1.571]
     [-0.8    0.   ]]
    >>> print(Sphere().inverse_log_det_jacobian([0.0, 1.0, 0.1], event_ndims=1).numpy())
    -inf
    """

    def __init__(self, cut=None, name: str | None = None):
        self._circle = None if cut is None else CutCircle(cut, math.pi)
        super().__init__(forward_min_event_ndims=1, name=name or "sphere")

    def _inverse_and_ildj(self, y):
        limits = np.finfo(y.dtype.as_numpy_dtype)
        length = tf.norm(tf.stop_gradient(y), axis=-1, keepdims=True)
        # Written so that NaN stays NaN and is not "outside".
        outside = tf.abs(length - 1.0) > math.sqrt(limits.eps)
        y = tf.where(outside, tf.one_hot(0, y.shape[-1], dtype=y.dtype), y)
        y /= tf.norm(y, axis=-1, keepdims=True)
        squares = tf.maximum(tf.cumsum(tf.square(y), -1), limits.tiny)
        # Of each height in turn, the outermost first.
        heights = y[..., :1:-1]
        log_below = 0.5 * tf.math.log(squares[..., -2:0:-1])
        log_whole = 0.5 * tf.math.log(squares[..., :1:-1])
        log_shrink, dims = log_below - log_whole, self._dims(heights)
        longitude = _angle(y[..., :1], y[..., 1:2], limits)
        if self._circle is None:
            z = heights / tf.sqrt(squares[..., :1:-1])
            log_det = -tf.reduce_sum(dims * log_shrink, -1)
        else:
            z = 2.0 * tf.asinh(heights / tf.sqrt(squares[..., -2:0:-1]))
            longitude, slope = self._circle._inverse_and_ildj(longitude)
            log_two = math.log(2.0)
            log_det = tf.reduce_sum(log_two - (dims + 2.0) * log_shrink, -1) + slope[..., 0]
        nothing = tf.constant(-math.inf, y.dtype)
        return tf.concat([z, longitude], -1), tf.where(outside[..., 0], nothing, log_det)

    def _forward_and_fldj(self, x):
        limits = np.finfo(x.dtype.as_numpy_dtype)
        z, longitude = x[..., :-1], x[..., -1:]
        dims = self._dims(z)
        if self._circle is None:
            heights = tf.clip_by_value(z, -1.0, 1.0)
            # As a product, which is exact near the poles.
            square = tf.maximum((1.0 - heights) * (1.0 + heights), limits.tiny)
            log_shrink = 0.5 * tf.math.log(square)
            log_det = tf.reduce_sum(dims * log_shrink, -1)
        else:
            heights = tf.tanh(0.5 * z)
            size = 0.5 * tf.abs(z)
            log_shrink = math.log(2.0) - size - tf.math.log1p(tf.exp(-2.0 * size))
            longitude, slope = self._circle._forward_and_fldj(longitude)
            log_two = math.log(2.0)
            log_det = tf.reduce_sum((dims + 2.0) * log_shrink - log_two, -1) + slope[..., 0]
        y = tf.concat([tf.cos(longitude), tf.sin(longitude)], -1)
        for index in reversed(range(z.shape[-1])):
            shrink = tf.exp(log_shrink[..., index : index + 1])
            y = tf.concat([shrink * y, heights[..., index : index + 1]], -1)
        return y / tf.norm(y, axis=-1, keepdims=True), log_det

    def _dims(self, heights):
        """Return the power of the radius in the surface at each height, the outermost first."""
        count = heights.shape[-1]
        return tf.constant(np.arange(count)[::-1], heights.dtype)

    def _forward_event_shape(self, input_shape):
        return with_last(input_shape, 1)

    def _inverse_event_shape(self, output_shape):
        return with_last(output_shape, -1)

    def _forward_event_shape_tensor(self, input_shape):
        return tf.concat([input_shape[:-1], input_shape[-1:] + 1], 0)

    def _inverse_event_shape_tensor(self, output_shape):
        return tf.concat([output_shape[:-1], output_shape[-1:] - 1], 0)


def _angle(first, second, limits):
    """Return the longitude of points of the plane, and zero, without a slope, for the origin."""
    pole = tf.square(first) + tf.square(second) < limits.tiny
    one, zero = tf.ones([], first.dtype), tf.zeros([], first.dtype)
    return wrap(tf.atan2(tf.where(pole, zero, second), tf.where(pole, one, first)), math.pi)
