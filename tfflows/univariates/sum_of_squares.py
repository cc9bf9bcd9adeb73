"""Integrals of sums of squared polynomials, the family of sum-of-squares flows."""

from functools import cached_property

import keras

from tfflows.bijectors import sum_of_squares
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option

__all__ = ["SumOfSquares"]


@keras.saving.register_keras_serializable(package="tfflows")
class SumOfSquares(Univariate):
    r"""Integrals of sums of squared polynomials in a box, straight lines outside it.

    ``polynomials (degree + 1) + 1`` parameters per dimension: the coefficients, polynomial after
    polynomial, and a shift. Data to latent is direct; latent to data is a root search.
    `tfflows.bijectors.SumOfSquares` has the formulas and says how the raw numbers are squashed. Raw
    zeros are different polynomials whose squares sum to nearly 1, a map near the identity.

    Parameters
    ----------
    polynomials : int
        Number of polynomials, K; at least 1.
    degree : int
        Degree of each, R; at least 1. The slope is a polynomial of twice this degree.
    bound : float
        The box is ``[-bound, bound]``, in units of the data as they reach the layer; positive.
    coefficient_bound : float
        How far a raw number can move a coefficient; positive.
    min_slope : float
        Smallest slope, in ``(0, 1)``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Jaini, Selby and Yu (2019), "Sum-of-Squares Polynomial Flow", arXiv:1905.02325.

    Examples
    --------
    >>> import tensorflow as tf
    >>> family = SumOfSquares(polynomials=2, degree=3)
    >>> family.parameter_size
    9
    >>> family.bijector(tf.zeros([2, 9])).inverse(tf.constant([[0.5, -50.0]])).shape
    TensorShape([1, 2])
    """

    bijector_class = sum_of_squares.SumOfSquares
    polynomials: int = option(3)
    degree: int = option(5)
    bound: float = option(5.0)
    coefficient_bound: float = option(10.0)
    min_slope: float = option(1e-3, above_zero=True)
    parameter_size = cached_property(lambda self: self.polynomials * (self.degree + 1) + 1)
