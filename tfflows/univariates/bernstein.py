"""Increasing polynomials in Bernstein's basis."""

from functools import cached_property

import keras

from tfflows.bijectors import bernstein
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option

__all__ = ["Bernstein"]


@keras.saving.register_keras_serializable(package="tfflows")
class Bernstein(Univariate):
    r"""Increasing Bernstein polynomials in a box, linear outside it.

    A polynomial of degree n in the Bernstein basis is increasing where its coefficients are; its
    slope is a smooth average of n numbers along the box. `tfflows.bijectors.Bernstein` has the
    formulas. Data to latent is direct; latent to data is a root search with exact gradients.
    Raw zeros are the identity.

    Parameters
    ----------
    degree : int
        The degree n: at least 1, bounded at least 4, at most 64.
    bound : float
        The box is ``[-bound, bound]`` on the data axis, in units of the data as they reach the
        layer; positive.
    bounded : bool
        False: the image of the box is learned, too, with its slopes at the ends (``degree + 1``
        parameters). True: the box is mapped onto itself, and values outside pass unchanged
        (``degree - 2`` parameters).
    min_slope : float
        Smallest slope, in ``(0, 1)``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Ramasinghe, Fernando, Khan and Barnes (2021), Robust normalizing flows using Bernstein-type
    polynomials, arXiv:2102.03509.

    Examples
    --------
    >>> import tensorflow as tf
    >>> family = Bernstein(degree=6, bound=3.0)
    >>> family.parameter_size
    7
    >>> polynomial = family.bijector(tf.constant([[0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]))
    >>> print(polynomial.inverse(tf.constant([[1.0], [50.0]])).numpy().round(3).ravel())
    [ 1.5 50.5]
    """

    bijector_class = bernstein.Bernstein
    degree: int = option(16)
    bound: float = option(5.0)
    bounded: bool = option(False)
    min_slope: float = option(1e-3, above_zero=True)
    parameter_size = cached_property(
        lambda self: self.degree - 2 if self.bounded else self.degree + 1
    )
