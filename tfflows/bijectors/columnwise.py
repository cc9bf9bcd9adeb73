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
    in. Outside their ranges the inverse log-determinant is minus infinity, and the latent zero.

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
        self._lower = np.broadcast_to(lower, event_shape)
        self._upper = np.broadcast_to(upper, event_shape)
        super().__init__(
            forward_min_event_ndims=0,
            batch_shape=tf.TensorShape(event_shape),
            dtype=self._location.dtype,
            name=name or "columnwise",
        )

    def _ends(self, dtype):
        return tf.constant(self._lower, dtype), tf.constant(self._upper, dtype)

    def _inverse_and_ildj(self, y):
        lower, upper = self._ends(y.dtype)
        value, log_slope = y, tf.zeros_like(y)
        for kind, mask in self._masks.items():
            start = self._location if kind == "arcsinh" else lower
            u = y - start
            if kind == "logit":
                u /= upper - lower
            elif kind != "log":
                u *= tf.exp(-self._log_scale)
            # What does not belong to the map, or is outside it, must not reach its gradient.
            inside = tf.constant(mask)
            if kind != "arcsinh":
                # Written so that NaN stays NaN and is not "outside".
                outside = (u <= 0.0) | (u >= 1.0) if kind == "logit" else (u <= 0.0)
                inside &= ~outside
                nothing = tf.constant(mask) & outside
            u = tf.where(inside, u, tf.constant(0.5, y.dtype))
            z, slope = _TO_LATENT[kind](u)
            if kind == "logit":
                slope -= tf.math.log(upper - lower)
            elif kind != "log":
                slope -= self._log_scale
            value, log_slope = tf.where(inside, z, value), tf.where(inside, slope, log_slope)
            if kind != "arcsinh":
                value = tf.where(nothing, tf.zeros([], y.dtype), value)
                log_slope = tf.where(nothing, tf.constant(-math.inf, y.dtype), log_slope)
        return value, log_slope

    def _forward_and_fldj(self, x):
        lower, upper = self._ends(x.dtype)
        value, log_slope = x, tf.zeros_like(x)
        for kind, mask in self._masks.items():
            inside = tf.constant(mask)
            u, slope = _TO_DATA[kind](tf.where(inside, x, tf.zeros([], x.dtype)))
            if kind == "logit":
                u, slope = u * (upper - lower), slope + tf.math.log(upper - lower)
            elif kind != "log":
                u, slope = u * tf.exp(self._log_scale), slope + self._log_scale
            u += self._location if kind == "arcsinh" else lower
            value, log_slope = tf.where(inside, u, value), tf.where(inside, slope, log_slope)
        return value, log_slope


def _log_cosh(z):
    return tf.math.softplus(2.0 * z) - z - math.log(2.0)


def _log(u):
    z = tf.math.log(u)
    return z, -z


def _softplus(u):
    log_slope = -tf.math.log(-tf.math.expm1(-u))
    return u - log_slope, log_slope


def _logit(u):
    left, right = tf.math.log(u), tf.math.log1p(-u)
    return left - right, -left - right


def _arcsinh(u):
    z = tf.asinh(u)
    return z, -_log_cosh(z)


# Each returns the value and the logarithm of the slope of its own direction.
_TO_LATENT = {"log": _log, "softplus": _softplus, "logit": _logit, "arcsinh": _arcsinh}
_TO_DATA = {
    "log": lambda z: (tf.exp(z), z),
    "softplus": lambda z: (tf.math.softplus(z), tf.math.log_sigmoid(z)),
    "logit": lambda z: (tf.sigmoid(z), tf.math.log_sigmoid(z) + tf.math.log_sigmoid(-z)),
    "arcsinh": lambda z: (tf.sinh(z), _log_cosh(z)),
}
