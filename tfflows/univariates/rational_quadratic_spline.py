"""Rational-quadratic splines, the family of neural spline flows."""

import keras

from tfflows.bijectors import rational_quadratic_spline
from tfflows.bijectors.checks import check_above_zero
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

__all__ = ["RationalQuadraticSpline"]


@keras.saving.register_keras_serializable(package="tfflows")
class RationalQuadraticSpline(Univariate):
    r"""Increasing splines of rational quadratics in a box or on a circle.

    The parameters of a dimension are logits of the bins' widths on the data axis, logits of their
    heights on the latent axis, and slopes at the knots. Data to latent is direct; latent to data is
    the closed-form root. `tfflows.bijectors.RationalQuadraticSpline` has the formulas and says how
    the raw numbers are squashed. Raw zeros are the identity.

    At the ends of the box there are three possibilities, the `boundary`:

    - ``"fixed"``: the slope is 1 there, and values outside pass unchanged (``3 bins - 1``
      parameters);
    - ``"learned"``: the slopes are learned there, and the lines outside continue with them
      (``3 bins + 1``);
    - ``"circular"``: values are points of the circle ``[-bound, bound)``, whose ends are one point
      with one slope (``3 bins``). Networks that see such values see the cosine and the sine of
      their angle, so that the density is continuous across the ends. `CircularShift` between two
      layers lets the second one move the point that the first leaves in place.

    Parameters
    ----------
    bins : int
        Number of bins, K; at least 1 (a single bin leaves no freedom).
    bound : float
        The box is ``[-bound, bound]`` on both axes, in units of the data as they reach the layer;
        positive. On the circle it is half the circumference: pi for radians, 180 for degrees.
    min_bin : float
        Smallest bin as a fraction of the box, in ``(0, 1 / bins)``.
    min_slope : float
        Smallest slope at a knot, in ``(0, 1)``.
    boundary : str
        ``"fixed"``, ``"learned"`` or ``"circular"``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Durkan, Bekasov, Murray and Papamakarios (2019), Neural spline flows, arXiv:1906.04032;
    on the circle: Rezende et al. (2020), Normalizing flows on tori and spheres, arXiv:2002.02428.

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
        boundary: str = "fixed",
    ):
        rational_quadratic_spline.RationalQuadraticSpline.check_options(
            bins, bound, min_bin, min_slope, boundary
        )
        check_above_zero(min_bin=min_bin, min_slope=min_slope)
        self.bins = int(bins)
        self.bound = float(bound)
        self.min_bin = float(min_bin)
        self.min_slope = float(min_slope)
        self.boundary = boundary
        self.parameter_size = 3 * self.bins + rational_quadratic_spline.EXTRA_SLOPES[boundary]
        self.period = 2.0 * self.bound if boundary == "circular" else None

    def bijector(self, raw) -> rational_quadratic_spline.RationalQuadraticSpline:
        """Build the spline that raw parameters describe.

        Parameters
        ----------
        raw : tf.Tensor
            Unconstrained numbers ``[..., D, P]``.

        Returns
        -------
        tfflows.bijectors.RationalQuadraticSpline
            The bijector, latent to data, on ``[..., D]``.

        Raises
        ------
        ValueError
            If the last axis of `raw` is not of the size that `boundary` says.
        """
        return rational_quadratic_spline.RationalQuadraticSpline(
            as_raw(raw, self.parameter_size, "RationalQuadraticSpline"),
            bound=self.bound,
            min_bin=self.min_bin,
            min_slope=self.min_slope,
            boundary=self.boundary,
        )

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            "bins": self.bins,
            "bound": self.bound,
            "min_bin": self.min_bin,
            "min_slope": self.min_slope,
            "boundary": self.boundary,
        }
