"""Rational-quadratic splines, the family of neural spline flows."""

import keras

from tfflows.bijectors import rational_quadratic_spline
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

__all__ = ["RationalQuadraticSpline"]


@keras.saving.register_keras_serializable(package="tfflows")
class RationalQuadraticSpline(Univariate):
    r"""Increasing splines of rational quadratics in a box, the identity outside it.

    ``3 bins - 1`` parameters per dimension: logits of the bins' widths on the data axis, logits of
    their heights on the latent axis, and the slopes at the inner knots. Data to latent is direct;
    latent to data is the closed-form root. `tfflows.bijectors.RationalQuadraticSpline` has the
    formulas and says how the raw numbers are squashed. Raw zeros are the identity.

    Parameters
    ----------
    bins : int
        Number of bins, K; at least 1 (a single bin leaves no freedom).
    bound : float
        The box is ``[-bound, bound]`` on both axes, in units of the data as they reach the layer;
        positive. Values outside pass unchanged.
    min_bin : float
        Smallest bin as a fraction of the box, in ``(0, 1 / bins)``.
    min_slope : float
        Smallest slope at an inner knot, in ``(0, 1)``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Durkan, Bekasov, Murray and Papamakarios (2019), Neural spline flows, arXiv:1906.04032.

    Examples
    --------
    >>> import tensorflow as tf
    >>> family = RationalQuadraticSpline(bins=4, bound=3.0)
    >>> family.parameter_size
    11
    >>> spline = family.bijector(tf.ones([2, 11]))
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
        rational_quadratic_spline.RationalQuadraticSpline.check_options(
            bins, bound, min_bin, min_slope
        )
        if not (min_bin > 0.0 and min_slope > 0.0):
            raise ValueError(
                f"min_bin={min_bin!r}, min_slope={min_slope!r}: expected both above 0; a network "
                "can drive a bin or a slope down to them."
            )
        self.bins = int(bins)
        self.bound = float(bound)
        self.min_bin = float(min_bin)
        self.min_slope = float(min_slope)
        self.parameter_size = 3 * self.bins - 1

    def bijector(self, raw) -> rational_quadratic_spline.RationalQuadraticSpline:
        """Build the spline that raw parameters describe.

        Parameters
        ----------
        raw : tf.Tensor
            Unconstrained numbers ``[..., D, 3 bins - 1]``.

        Returns
        -------
        tfflows.bijectors.RationalQuadraticSpline
            The bijector, latent to data, on ``[..., D]``.

        Raises
        ------
        ValueError
            If the last axis of `raw` is not ``3 bins - 1``.
        """
        return rational_quadratic_spline.RationalQuadraticSpline(
            as_raw(raw, self.parameter_size, "RationalQuadraticSpline"),
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
