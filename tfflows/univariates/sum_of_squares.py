"""Integrals of sums of squared polynomials, the family of sum-of-squares flows."""

import keras

from tfflows.bijectors import sum_of_squares
from tfflows.bijectors.checks import check_above_zero
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

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

    def __init__(
        self,
        polynomials: int = 3,
        degree: int = 5,
        bound: float = 5.0,
        coefficient_bound: float = 10.0,
        min_slope: float = 1e-3,
    ):
        sum_of_squares.SumOfSquares.check_options(
            polynomials, degree, bound, coefficient_bound, min_slope
        )
        check_above_zero(min_slope=min_slope)
        self.polynomials = int(polynomials)
        self.degree = int(degree)
        self.bound = float(bound)
        self.coefficient_bound = float(coefficient_bound)
        self.min_slope = float(min_slope)
        self.parameter_size = self.polynomials * (self.degree + 1) + 1

    def bijector(self, raw) -> sum_of_squares.SumOfSquares:
        """Build the map that raw parameters describe.

        Parameters
        ----------
        raw : tf.Tensor
            Unconstrained numbers ``[..., D, polynomials (degree + 1) + 1]``.

        Returns
        -------
        tfflows.bijectors.SumOfSquares
            The bijector, latent to data, on ``[..., D]``.

        Raises
        ------
        ValueError
            If the last axis of `raw` is not ``polynomials (degree + 1) + 1``.
        """
        return sum_of_squares.SumOfSquares(
            as_raw(raw, self.parameter_size, "SumOfSquares"),
            polynomials=self.polynomials,
            bound=self.bound,
            coefficient_bound=self.coefficient_bound,
            min_slope=self.min_slope,
        )

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            "polynomials": self.polynomials,
            "degree": self.degree,
            "bound": self.bound,
            "coefficient_bound": self.coefficient_bound,
            "min_slope": self.min_slope,
        }
