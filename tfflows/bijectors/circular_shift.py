"""A rotation of a circle."""

import tensorflow as tf

from tfflows.bijectors.checks import check_bound
from tfflows.bijectors.circle import wrap
from tfflows.bijectors.parameters import ScalarBijector, as_parameters

__all__ = ["CircularShift"]


class CircularShift(ScalarBijector):
    r"""A rotation of the circle ``[-bound, bound)``, whose ends are one point.

    .. math::
        x = z + s \mod 2\,bound, \qquad z = x - s \mod 2\,bound

    with representatives in ``[-bound, bound)``; the log-determinant is 0. A value outside is
    another name of a point of the circle.

    Parameters
    ----------
    shift : tf.Tensor
        The shift s, in units of the data; broadcasts against the values.
    bound : float
        Half the circumference, in units of the data; positive.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If `shift` is not a floating-point number, or the bound is out of its range.

    References
    ----------
    Rezende et al. (2020), Normalizing flows on tori and spheres, arXiv:2002.02428.

    Examples
    --------
    >>> import tensorflow as tf
    >>> shift = CircularShift(tf.constant(90.0), bound=180.0)
    >>> print(shift.forward(tf.constant([-10.0, 80.0, 170.0])).numpy())
    [  80.  170. -100.]
    """

    def __init__(self, shift, *, bound: float, name: str | None = None):
        check_bound(bound)
        (self._shift,) = as_parameters(shift=shift)
        self._bound = float(bound)
        super().__init__(self._shift, name=name or "circular_shift")

    @property
    def bound(self) -> float:
        """Half the circumference."""
        return self._bound

    def _inverse_and_ildj(self, y):
        x = wrap(y - self._shift, self._bound)
        return x, tf.zeros_like(x)

    def _forward_and_fldj(self, x):
        y = wrap(x + self._shift, self._bound)
        return y, tf.zeros_like(y)
