"""Möbius transformations of a circle."""

import math
from functools import cached_property, partial

import keras
import numpy as np
import tensorflow as tf

from tfflows.bijectors import moebius
from tfflows.bijectors.checks import check_bound, check_count, check_open_fraction
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option

__all__ = ["Moebius"]


@keras.saving.register_keras_serializable(package="tfflows")
class Moebius(Univariate):
    r"""Möbius transformations of the circle ``[-bound, bound)``, or averages of several.

    A transformation has a center in the unit disk, two parameters (r, s) per dimension: the center
    is ``max_radius (r + i s) / sqrt(1 + r^2 + s^2)``. The closer it is to the circle, the more of
    the circle one point draws near. The point at both ends of the interval stays in place;
    `CircularShift` between two layers changes which. Both directions are in closed form, and raw
    zeros are the identity.

    An average of K transformations has ``3 K`` parameters per dimension, the real parts of the
    centers, their imaginary parts and logits of the weights; latent to data is a root search with
    exact gradients. Its parts are interchangeable, so they start apart: half a unit is added to the
    raw centers in K directions. Raw zeros are then an increasing map near the identity.
    `tfflows.bijectors.Moebius` has the formulas.

    Parameters
    ----------
    components : int
        Number of transformations, K.
    bound : float
        Half the circumference, in units of the data: pi for radians, 180 for degrees; positive.
    max_radius : float
        Largest radius of a center, in ``(0, 1)``. The slopes are between (1 - max_radius) /
        (1 + max_radius) and its inverse.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Rezende et al. (2020), Normalizing flows on tori and spheres, arXiv:2002.02428.

    Examples
    --------
    >>> import tensorflow as tf
    >>> family = Moebius(bound=180.0)
    >>> moebius = family.bijector(tf.constant([[1.0, 0.0]]))
    >>> print(moebius.inverse(tf.constant([[-180.0], [0.0], [90.0]])).numpy().round().ravel())
    [-180.    0.  160.]
    >>> Moebius(components=3).parameter_size
    9
    """

    bijector_class = moebius.Moebius
    components: int = option(1, partial(check_count, 1))
    bound: float = option(math.pi, check_bound)
    max_radius: float = option(0.99, check_open_fraction)
    parameter_size = cached_property(
        lambda self: 2 if self.components == 1 else 3 * self.components
    )
    period = cached_property(lambda self: 2.0 * self.bound)

    def _arguments(self, raw):
        count = self.components
        raw_centers, log_weights = raw[..., : 2 * count], raw[..., 2 * count :]
        if count > 1:
            angles = 2.0 * np.pi * (np.arange(count) + 0.5) / count
            start = 0.5 * np.concatenate([np.cos(angles), np.sin(angles)])
            raw_centers += tf.constant(start, raw.dtype)
        pair = tf.stack([raw_centers[..., :count], raw_centers[..., count:]], -1)
        length = tf.sqrt(1.0 + tf.reduce_sum(pair * pair, -1, keepdims=True))
        return {
            "centers": self.max_radius * pair / length,
            "log_weights": log_weights if count > 1 else None,
        }
