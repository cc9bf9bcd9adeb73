"""Rotations of a circle."""

import math
from functools import cached_property

import keras

from tfflows.bijectors import circular_shift
from tfflows.bijectors.checks import check_bound
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option

__all__ = ["CircularShift"]


@keras.saving.register_keras_serializable(package="tfflows")
class CircularShift(Univariate):
    r"""Rotation of the circle ``[-bound, bound)``, whose ends are one point.

    .. math:: x = z + \frac{bound}{\pi} r \mod 2\,bound

    from latent z to data x. One parameter per dimension, the angle r in radians. The
    log-determinant is exactly zero. Raw zeros are the identity. It maps the circle onto itself, but
    is increasing only up to the turn it makes.

    Parameters
    ----------
    bound : float
        Half the circumference, in units of the data: pi for radians, 180 for degrees; positive.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Rezende et al. (2020), Normalizing flows on tori and spheres, arXiv:2002.02428.

    Examples
    --------
    >>> import math, tensorflow as tf
    >>> shift = CircularShift(bound=180.0).bijector(tf.constant([[math.pi / 2]]))
    >>> print(shift.forward(tf.constant([[-10.0], [170.0]])).numpy().round(3).ravel())
    [  80. -100.]
    """

    bijector_class = circular_shift.CircularShift
    parameter_size = 1
    bound: float = option(math.pi, check_bound)
    period = cached_property(lambda self: 2.0 * self.bound)

    def _arguments(self, raw):
        return {"shift": raw[..., 0] * (self.bound / math.pi)}
