"""A circle, cut open and drawn out to the line."""

import tensorflow as tf

from tfflows.bijectors.base import Bijector
from tfflows.bijectors.circle import wrap
from tfflows.bijectors.columnwise import Columnwise

__all__ = ["CutCircle"]


class CutCircle(Bijector):
    r"""The line, bent to a circle whose ends meet at a cut.

    .. math::
        x = c + \frac{2B}{1 + e^{-z}} \;\text{ wrapped to } [-B, B), \qquad
        \frac{dx}{dz} = \frac{u\,(2B - u)}{2B}

    with :math:`u = (x - c) \bmod 2B`, the way from the cut. Numbers that differ by whole turns are
    one point and have one latent; no number is outside the range.

    Parameters
    ----------
    cut : tf.Tensor
        :math:`c`, an angle for each coordinate.
    bound : float
        :math:`B`, half the circumference.
    name : str, optional
        Name of the bijector.

    Examples
    --------
    >>> import math
    >>> circle = CutCircle(tf.constant(-math.pi), bound=math.pi)
    >>> print(circle.forward(0.0).numpy())
    0.0
    >>> print(circle.inverse([1.0, 1.0 + 2.0 * math.pi]).numpy().round(3))
    [0.66 0.66]
    """

    def __init__(self, cut, bound: float, name: str | None = None):
        self._bound = bound
        self._opposite = tf.convert_to_tensor(cut) + tf.constant(bound, cut.dtype)
        shape = tuple(self._opposite.shape)
        size = self._opposite.shape.num_elements()
        zeros = tf.zeros(shape, cut.dtype)
        self._arc = Columnwise(
            ["logit"] * size, shape, -bound, bound, location=zeros, log_scale=zeros
        )
        super().__init__(
            forward_min_event_ndims=0,
            batch_shape=self._opposite.shape,
            dtype=cut.dtype,
            name=name or "cut_circle",
        )

    def _inverse_and_ildj(self, y):
        return self._arc._inverse_and_ildj(self._arc.nearest(wrap(y - self._opposite, self._bound)))

    def _forward_and_fldj(self, x):
        y, log_slope = self._arc._forward_and_fldj(x)
        return wrap(y + self._opposite, self._bound), log_slope
