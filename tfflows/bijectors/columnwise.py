"""A map of its own, out of a few, for each coordinate."""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfflows.bijectors.base import Bijector

__all__ = ["MAPS", "Columnwise"]

#: Each map with the latent-to-data formula of what the data are after shift and scale.
MAPS = ("identity", "log", "softplus", "logit", "arcsinh")


class Columnwise(Bijector):
    r"""A fixed scalar map for each coordinate of an event, chosen by name.

    From latent z to data x,

    .. math::
        \text{identity:}\; x = z, \quad
        \text{log:}\; x = a + e^z, \quad
        \text{softplus:}\; x = a + \sigma \log(1 + e^z), \quad
        \text{logit:}\; x = a + \frac{b - a}{1 + e^{-z}}, \quad
        \text{arcsinh:}\; x = \mu + \sigma \sinh z

    so that each map is called by what data to latent does at the ends: log, softplus and logit take
    data above :math:`a`, or between :math:`a` and :math:`b`, to the line; arcsinh draws heavy tails
    in. Where :math:`a = -\infty`, log and softplus are mirrored and take data below :math:`b`:
    :math:`x = b - e^{-z}` and :math:`x = b - \sigma \log(1 + e^{-z})`.

    Outside their ranges, and on their ends, the inverse log-determinant is minus infinity, and the
    latent zero. Whatever is the latent point, its image lies strictly within the range: what would
    be rounded to an end, or overflow, becomes the nearest number inside.

    Parameters
    ----------
    maps : sequence of str
        A name for each flattened coordinate.
    event_shape : tuple of int
        Shape of an event.
    lower, upper : float or array
        :math:`a` and :math:`b`, of the shape of an event.
    location, log_scale : tf.Tensor
        :math:`\mu` and :math:`\log\sigma`, of the shape of an event.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If a map is unknown, or there is not one for each coordinate.

    Examples
    --------
    >>> import tensorflow as tf
    >>> zeros = tf.zeros([2])
    >>> both = Columnwise(("log", "identity"), (2,), location=zeros, log_scale=zeros)
    >>> print(both.forward(tf.zeros([2])).numpy(), both.inverse(tf.constant([1.0, 3.0])).numpy())
    [1. 0.] [0. 3.]
    >>> print(both.inverse_log_det_jacobian(tf.constant([-1.0, 3.0]), event_ndims=1).numpy())
    -inf
    """

    def __init__(
        self,
        maps: Sequence[str],
        event_shape: tuple,
        lower=0.0,
        upper=1.0,
        *,
        location,
        log_scale,
        name: str | None = None,
    ):
        maps = np.asarray(maps, dtype=object)
        if unknown := set(maps.ravel()) - set(MAPS):
            raise ValueError(
                f"unknown maps {sorted(map(str, unknown))}; there are {', '.join(MAPS)}."
            )
        if maps.size != math.prod(event_shape):
            raise ValueError(
                f"expected a map for each of the {math.prod(event_shape)} coordinates; got "
                f"{maps.size}."
            )
        maps = maps.reshape(event_shape)
        self._masks = {kind: maps == kind for kind in MAPS[1:] if (maps == kind).any()}
        self._location = tf.convert_to_tensor(location)
        self._log_scale = tf.convert_to_tensor(log_scale)
        dtype = self._location.dtype.as_numpy_dtype
        self._range = _Range(
            maps, *(np.broadcast_to(end, event_shape) for end in (lower, upper)), dtype
        )
        super().__init__(
            forward_min_event_ndims=0,
            batch_shape=tf.TensorShape(event_shape),
            dtype=self._location.dtype,
            name=name or "columnwise",
        )

    def nearest(self, y):
        """Return `y`, moved into the range where it is not; its slope is 1."""
        inside = tf.clip_by_value(y, self._range.least, self._range.greatest)
        return y + tf.stop_gradient(inside - y)

    def _inverse_and_ildj(self, y):
        value, log_slope = y, tf.zeros_like(y)
        for kind, mask in self._masks.items():
            # Written so that NaN stays NaN and is not "outside".
            outside = tf.constant(mask) & ((y < self._range.least) | (y > self._range.greatest))
            inside = tf.constant(mask) & ~outside
            # What does not belong to the map, or is outside it, must not reach its gradient.
            safe = tf.where(inside, y, self._range.middle)
            z, slope = getattr(self, f"_{kind}_to_latent")(safe)
            value, log_slope = tf.where(inside, z, value), tf.where(inside, slope, log_slope)
            value = tf.where(outside, tf.zeros([], y.dtype), value)
            log_slope = tf.where(outside, tf.constant(-math.inf, y.dtype), log_slope)
        return value, log_slope

    def _forward_and_fldj(self, x):
        value, log_slope = x, tf.zeros_like(x)
        for kind, mask in self._masks.items():
            inside = tf.constant(mask)
            u, slope = getattr(self, f"_{kind}_to_data")(tf.where(inside, x, tf.zeros([], x.dtype)))
            u = tf.clip_by_value(u, self._range.least, self._range.greatest)
            value, log_slope = tf.where(inside, u, value), tf.where(inside, slope, log_slope)
        return value, log_slope

    # Each returns the value and the logarithm of the slope of its own direction.

    def _log_to_latent(self, y):
        z = tf.math.log(self._range.distance(y))
        return self._range.sign * z, -z

    def _log_to_data(self, z):
        z = self._range.sign * z
        # The exponential of a larger number would overflow, and its gradient with it.
        largest = tf.constant(math.log(z.dtype.max) - 1.0, z.dtype)
        return self._range.at(tf.exp(tf.minimum(z, largest))), z

    def _softplus_to_latent(self, y):
        u = self._range.distance(y) * tf.exp(-self._log_scale)
        u = tf.maximum(u, tf.constant(np.finfo(y.dtype.as_numpy_dtype).tiny, y.dtype))
        log_slope = -tf.math.log(-tf.math.expm1(-u))
        return self._range.sign * (u - log_slope), log_slope - self._log_scale

    def _softplus_to_data(self, z):
        z = self._range.sign * z
        distance = tf.math.softplus(z) * tf.exp(self._log_scale)
        return self._range.at(distance), tf.math.log_sigmoid(z) + self._log_scale

    def _logit_to_latent(self, y):
        # Each distance is exact near its own end, where it counts.
        left, right = tf.math.log(y - self._range.lower), tf.math.log(self._range.upper - y)
        return left - right, self._range.log_width - left - right

    def _logit_to_data(self, z):
        near = self._range.width * tf.sigmoid(-tf.abs(z))
        y = tf.where(z < 0.0, self._range.lower + near, self._range.upper - near)
        return y, tf.math.log_sigmoid(z) + tf.math.log_sigmoid(-z) + self._range.log_width

    def _arcsinh_to_latent(self, y):
        z = tf.asinh((y - self._location) * tf.exp(-self._log_scale))
        return z, -_log_cosh(z) - self._log_scale

    def _arcsinh_to_data(self, z):
        y = self._location + tf.sinh(z) * tf.exp(self._log_scale)
        return y, _log_cosh(z) + self._log_scale


class _Range:
    """The ends of the ranges of maps, and what lies strictly within them, as arrays of a type."""

    def __init__(self, maps, lower, upper, dtype):
        limits, infinity = np.finfo(dtype), np.asarray(np.inf, dtype)
        ended = np.isin(maps, ("log", "softplus", "logit"))
        has_lower = ended & np.isfinite(lower)
        has_upper = ended & np.isfinite(upper) & ((maps == "logit") | ~has_lower)
        lower = np.where(has_lower, lower, 0.0).astype(dtype)
        upper = np.where(has_upper, upper, 0.0).astype(dtype)
        # Distances that are no normal numbers may count as zero.
        least = np.maximum(np.nextafter(lower, infinity), lower + limits.tiny)
        greatest = np.minimum(np.nextafter(upper, -infinity), upper - limits.tiny)
        self.least = np.where(has_lower, least, np.where(ended, limits.min, -infinity))
        self.greatest = np.where(has_upper, greatest, np.where(ended, limits.max, infinity))
        # Where there is no end, a point that no map minds takes its place.
        step = np.maximum(np.abs(np.where(has_lower, lower, upper)), 1.0).astype(dtype)
        self.lower = np.where(has_lower, lower, upper - 2.0 * step).astype(dtype)
        self.upper = np.where(has_upper, upper, lower + 2.0 * step).astype(dtype)
        self.middle = self.lower + (self.upper - self.lower) / 2
        self.sign = np.where(has_upper & ~has_lower, -1.0, 1.0).astype(dtype)
        self.width = self.upper - self.lower
        self.log_width = np.log(self.width)
        self.end = np.where(self.sign > 0, self.lower, self.upper)

    def distance(self, y):
        return self.sign * (y - self.end)

    def at(self, distance):
        return self.end + self.sign * distance


def _log_cosh(z):
    return tf.math.softplus(2.0 * z) - z - math.log(2.0)
