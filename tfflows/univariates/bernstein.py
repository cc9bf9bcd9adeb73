"""Increasing polynomials in Bernstein's basis."""

import keras

from tfflows.bijectors import bernstein
from tfflows.bijectors.checks import check_above_zero
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

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

    def __init__(
        self,
        degree: int = 16,
        bound: float = 5.0,
        bounded: bool = False,
        min_slope: float = 1e-3,
    ):
        bernstein.Bernstein.check_options(degree, bound, bounded, min_slope)
        check_above_zero(min_slope=min_slope)
        self.degree = int(degree)
        self.bound = float(bound)
        self.bounded = bool(bounded)
        self.min_slope = float(min_slope)
        self.parameter_size = self.degree - 2 if self.bounded else self.degree + 1

    def bijector(self, raw) -> bernstein.Bernstein:
        """Build the polynomial that raw parameters describe.

        Parameters
        ----------
        raw : tf.Tensor
            Unconstrained numbers ``[..., D, P]``.

        Returns
        -------
        tfflows.bijectors.Bernstein
            The bijector, latent to data, on ``[..., D]``.

        Raises
        ------
        ValueError
            If the last axis of `raw` is not ``P``.
        """
        raw = as_raw(raw, self.parameter_size, "Bernstein")
        return bernstein.Bernstein(
            raw, bound=self.bound, bounded=self.bounded, min_slope=self.min_slope
        )

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            "degree": self.degree,
            "bound": self.bound,
            "bounded": self.bounded,
            "min_slope": self.min_slope,
        }
