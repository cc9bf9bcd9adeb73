"""A power of the magnitude that keeps the sign."""

import numpy as np
import tensorflow as tf

from tfflows.bijectors.parameters import ScalarBijector, as_parameters

__all__ = ["SignedPower"]

# Rounding in the exponent must not carry the largest number over the edge.
_NEARLY = 1.0 - 1e-6


class SignedPower(ScalarBijector):
    r"""The map ``x = sign(z) |z|^p`` from latent z to data x, elementwise.

    .. math::
        z = \operatorname{sign}(x)\, |x|^{1/p}, \qquad
        \log\left|\frac{dx}{dz}\right| = \log p + (p - 1) \log |z|

    A power above 1 makes tails heavier. At zero the slope is 0 or infinite, unless p is 1: there,
    and for magnitudes below the smallest normal number, log-determinants are those of the smallest
    normal number, and gradients do not mean anything. A power beyond the range of the numbers is
    the largest of them, and zero is one below it; log-determinants are right there, too.

    Parameters
    ----------
    log_power : tf.Tensor
        Natural logarithm of p; broadcasts against the values.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If `log_power` is not a floating-point number.

    Examples
    --------
    >>> import tensorflow as tf
    >>> square = SignedPower(tf.math.log(2.0))
    >>> print(square.forward(tf.constant([-3.0, 0.0, 2.0])).numpy().round(4))
    [-9.  0.  4.]
    """

    increasing = True

    def __init__(self, log_power, *, name: str | None = None):
        (self._log_power,) = as_parameters(log_power=log_power)
        super().__init__(self._log_power, name=name or "signed_power")

    def _inverse_and_ildj(self, y):
        return _raise(y, -self._log_power)

    def _forward_and_fldj(self, x):
        return _raise(x, self._log_power)


def _raise(value, log_power):
    """Return sign(v) |v|^p and the logarithm of its slope."""
    limits = np.finfo(value.dtype.as_numpy_dtype)
    # Infinity would leave nothing but NaN behind it.
    value = tf.clip_by_value(value, limits.min, limits.max)
    log_magnitude = tf.math.log(tf.maximum(tf.abs(value), limits.tiny))
    # As a factor, the magnitude leaves zero at zero and needs no gradient of the sign.
    log_factor = tf.minimum(tf.math.expm1(log_power), limits.max) * log_magnitude
    held = tf.minimum(log_factor, np.log(limits.max) * _NEARLY - log_magnitude)
    return value * tf.exp(held), log_power + log_factor
