"""Splines of linear rational functions."""

import keras

from tfflows.bijectors import linear_rational_spline
from tfflows.bijectors.checks import check_above_zero
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

__all__ = ["LinearRationalSpline"]


@keras.saving.register_keras_serializable(package="tfflows")
class LinearRationalSpline(Univariate):
    r"""Increasing splines of linear rationals in a box, the identity outside it.

    ``4 bins - 1`` parameters per dimension: logits of the bins' widths on the data axis, logits of
    their heights on the latent axis, the slopes at the inner knots, and where in each bin its two
    parts meet. Both directions are direct and of the same form. `tfflows.bijectors.
    LinearRationalSpline` has the formulas. Raw zeros are the identity; there, the places where the
    parts meet do not matter, and have no gradient until another parameter has moved.

    Parameters
    ----------
    bins : int
        Number of bins, K; at least 1.
    bound : float
        The box is ``[-bound, bound]`` on both axes, in units of the data as they reach the layer;
        positive.
    min_bin : float
        Smallest bin as a fraction of the box, in ``(0, 1 / bins)``.
    min_slope : float
        Smallest slope at an inner knot, in ``(0, 1)``.
    min_split : float
        Smallest part of a bin as a fraction of it, in ``(0, 1 / 2)``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Dolatabadi, Erfani and Leckie (2020), Invertible generative modeling using linear rational
    splines, arXiv:2001.05168.

    Examples
    --------
    >>> import tensorflow as tf
    >>> family = LinearRationalSpline(bins=4, bound=3.0)
    >>> family.parameter_size
    15
    >>> spline = family.bijector(tf.ones([2, 15]))
    >>> print(spline.inverse(tf.constant([[-3.0, -50.0]])).numpy().round(4))
    [[ -3. -50.]]
    """

    def __init__(
        self,
        bins: int = 8,
        bound: float = 5.0,
        min_bin: float = 1e-3,
        min_slope: float = 1e-3,
        min_split: float = 0.025,
    ):
        linear_rational_spline.LinearRationalSpline.check_options(
            bins, bound, min_bin, min_slope, min_split
        )
        check_above_zero(min_bin=min_bin, min_slope=min_slope, min_split=min_split)
        self.bins = int(bins)
        self.bound = float(bound)
        self.min_bin = float(min_bin)
        self.min_slope = float(min_slope)
        self.min_split = float(min_split)
        self.parameter_size = 4 * self.bins - 1

    def bijector(self, raw) -> linear_rational_spline.LinearRationalSpline:
        """Build the spline that raw parameters describe.

        Parameters
        ----------
        raw : tf.Tensor
            Unconstrained numbers ``[..., D, 4 bins - 1]``.

        Returns
        -------
        tfflows.bijectors.LinearRationalSpline
            The bijector, latent to data, on ``[..., D]``.

        Raises
        ------
        ValueError
            If the last axis of `raw` is not ``4 bins - 1``.
        """
        return linear_rational_spline.LinearRationalSpline(
            as_raw(raw, self.parameter_size, "LinearRationalSpline"),
            bound=self.bound,
            min_bin=self.min_bin,
            min_slope=self.min_slope,
            min_split=self.min_split,
        )

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            "bins": self.bins,
            "bound": self.bound,
            "min_bin": self.min_bin,
            "min_slope": self.min_slope,
            "min_split": self.min_split,
        }
