"""The sinh-arcsinh map of Jones and Pewsey."""

import math

import tensorflow as tf

from tfflows.bijectors.parameters import ScalarBijector, as_parameters

__all__ = ["SinhArcsinh"]

#: Where sinh continues as a straight line: sinh(10) is 11013.
_LAST = 10.0


class SinhArcsinh(ScalarBijector):
    r"""The sinh-arcsinh map with location and scale, elementwise.

    .. math::
        x = \mu + \sigma \sinh\frac{\operatorname{arcsinh} z + \epsilon}{\delta}, \qquad
        z = \sinh\left(\delta \operatorname{arcsinh}\frac{x - \mu}{\sigma} - \epsilon\right)

    from latent z to data x. The skewness :math:`\epsilon` is that of the data: positive, they have
    the longer tail on the right. The tail weight :math:`\delta` below 1 makes tails heavier than
    those of the latents, above 1 lighter. Of a standard normal z it makes the density

    .. math::
        p(x) = \frac{\delta}{\sigma \sqrt{2 \pi}} \frac{C}{\sqrt{1 + y^2}}\, e^{-S^2 / 2}, \qquad
        S = \sinh(\delta \operatorname{arcsinh} y - \epsilon), \quad
        C = \sqrt{1 + S^2}, \quad y = \frac{x - \mu}{\sigma} .

    Where the latent is farther than sinh(10) = 11013 from zero, the map continues as a straight
    line, so that light tails do not overflow.

    Parameters
    ----------
    skewness : tf.Tensor
        :math:`\epsilon`; broadcasts against the values, as do the others.
    log_tail : tf.Tensor
        :math:`\log\delta`.
    location : tf.Tensor, optional
        :math:`\mu`, in units of the data; by default 0.
    log_scale : tf.Tensor, optional
        :math:`\log\sigma`; by default 0.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If the parameters are not floating-point numbers of one type.

    References
    ----------
    Jones and Pewsey (2009), Sinh-arcsinh distributions, Biometrika 96, 761.

    Examples
    --------
    >>> import tensorflow as tf
    >>> bijector = SinhArcsinh(skewness=tf.constant(1.0), log_tail=tf.constant(0.0))
    >>> print(bijector.forward(tf.constant([-1.0, 0.0, 1.0])).numpy().round(4))
    [0.1189 1.1752 3.2051]
    """

    increasing = True

    def __init__(
        self, skewness, log_tail, location=None, log_scale=None, *, name: str | None = None
    ):
        given = as_parameters(
            skewness=skewness, log_tail=log_tail, location=location, log_scale=log_scale
        )
        self._skewness, self._log_tail, self._location, self._log_scale = given
        super().__init__(*given, name=name or "sinh_arcsinh")

    def _line(self, positive):
        """Return where the straight line begins, as arcsinh of the data, and its log-slope."""
        last = tf.constant(_LAST, self.dtype)
        angle = tf.where(positive, last, -last)
        start = (angle + self._skewness) * tf.exp(-self._log_tail)
        # With the hyperbolic angle no square is taken, which might overflow.
        return start, self._log_tail + _log_cosh(angle) - _log_cosh(start)

    def _inverse_and_ildj(self, y):
        log_scale = tf.zeros([], y.dtype) if self._log_scale is None else self._log_scale
        if self._location is not None:
            y = y - self._location
        y = y * tf.exp(-log_scale)
        along = tf.asinh(y)
        angle = along * tf.exp(self._log_tail) - self._skewness
        inside = tf.abs(angle) <= _LAST
        boxed = tf.clip_by_value(angle, -_LAST, _LAST)
        start, log_slope = self._line(angle > 0.0)
        # Selected before the sinh, whose gradient may not be infinite where it is not used.
        line = tf.sinh(boxed) + (y - tf.sinh(tf.where(inside, along, start))) * tf.exp(log_slope)
        value = tf.where(inside, tf.sinh(boxed), line)
        log_slope = tf.where(
            inside, self._log_tail + _log_cosh(boxed) - _log_cosh(along), log_slope
        )
        return value, log_slope - log_scale

    def _forward_and_fldj(self, x):
        log_scale = tf.zeros([], x.dtype) if self._log_scale is None else self._log_scale
        last = math.sinh(_LAST)
        boxed = tf.clip_by_value(x, -last, last)
        angle = tf.asinh(boxed)
        along = (angle + self._skewness) * tf.exp(-self._log_tail)
        log_slope = self._log_tail + _log_cosh(angle) - _log_cosh(along)
        value = tf.sinh(along) + (x - boxed) * tf.exp(-log_slope)
        log_slope -= log_scale
        value *= tf.exp(log_scale)
        if self._location is not None:
            value += self._location
        return value, -log_slope + tf.zeros_like(value)


def _log_cosh(x):
    return tf.math.softplus(2.0 * x) - x - math.log(2.0)
