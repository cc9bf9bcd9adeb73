"""Rotations of a circle."""

import math

import keras

from tfflows.bijectors import circular_shift
from tfflows.bijectors.checks import check_bound
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

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

    parameter_size = 1

    def __init__(self, bound: float = math.pi):
        check_bound(bound)
        self.bound = float(bound)
        self.period = 2.0 * self.bound

    def bijector(self, raw) -> circular_shift.CircularShift:
        """Build the rotation that raw parameters describe.

        Parameters
        ----------
        raw : tf.Tensor
            Unconstrained numbers ``[..., D, 1]``.

        Returns
        -------
        tfflows.bijectors.CircularShift
            The bijector, latent to data, on ``[..., D]``.

        Raises
        ------
        ValueError
            If the last axis of `raw` is not ``1``.
        """
        raw = as_raw(raw, self.parameter_size, "CircularShift")
        return circular_shift.CircularShift(raw[..., 0] * (self.bound / math.pi), bound=self.bound)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {"bound": self.bound}
