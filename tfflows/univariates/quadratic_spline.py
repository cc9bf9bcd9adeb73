"""Splines of parabolas, whose slope is a broken line."""

import keras

from tfflows.bijectors import quadratic_spline
from tfflows.bijectors.checks import check_above_zero
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

__all__ = ["QuadraticSpline"]


@keras.saving.register_keras_serializable(package="tfflows")
class QuadraticSpline(Univariate):
    r"""Increasing splines of parabolas in a box, the identity outside it.

    ``2 bins - 1`` parameters per dimension: logits of the bins' widths on the data axis, and the
    slopes at the inner knots, between which the slope is a straight line. Data to latent is direct;
    latent to data is the closed-form root. `tfflows.bijectors.QuadraticSpline` has the formulas.
    Raw zeros are the identity.

    Parameters
    ----------
    bins : int
        Number of bins, K; at least 2.
    bound : float
        The box is ``[-bound, bound]`` on both axes, in units of the data as they reach the layer;
        positive.
    min_bin : float
        Smallest width as a fraction of the box, in ``(0, 1 / bins)``.
    min_slope : float
        Smallest slope at an inner knot before all are scaled to the area of the box, in ``(0, 1)``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Müller, McWilliams, Rousselle, Gross and Novák (2019), Neural importance sampling,
    arXiv:1808.03856.

    Examples
    --------
    >>> import tensorflow as tf
    >>> family = QuadraticSpline(bins=4, bound=3.0)
    >>> family.parameter_size
    7
    >>> spline = family.bijector(tf.ones([2, 7]))
    >>> print(spline.inverse(tf.constant([[0.0, -50.0]])).numpy().round(4) + 0.0)
    [[  0. -50.]]
    """

    def __init__(
        self,
        bins: int = 8,
        bound: float = 5.0,
        min_bin: float = 1e-3,
        min_slope: float = 1e-3,
    ):
        quadratic_spline.QuadraticSpline.check_options(bins, bound, min_bin, min_slope)
        check_above_zero(min_bin=min_bin, min_slope=min_slope)
        self.bins = int(bins)
        self.bound = float(bound)
        self.min_bin = float(min_bin)
        self.min_slope = float(min_slope)
        self.parameter_size = 2 * self.bins - 1

    def bijector(self, raw) -> quadratic_spline.QuadraticSpline:
        """Build the spline that raw parameters describe.

        Parameters
        ----------
        raw : tf.Tensor
            Unconstrained numbers ``[..., D, 2 bins - 1]``.

        Returns
        -------
        tfflows.bijectors.QuadraticSpline
            The bijector, latent to data, on ``[..., D]``.

        Raises
        ------
        ValueError
            If the last axis of `raw` is not ``2 bins - 1``.
        """
        return quadratic_spline.QuadraticSpline(
            as_raw(raw, self.parameter_size, "QuadraticSpline"),
            bound=self.bound,
            min_bin=self.min_bin,
            min_slope=self.min_slope,
        )

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            "bins": self.bins,
            "bound": self.bound,
            "min_bin": self.min_bin,
            "min_slope": self.min_slope,
        }
