"""Rational-quadratic splines, the family of neural spline flows."""

from functools import cached_property

import keras

from tfflows.bijectors import rational_quadratic_spline
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option

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

    bijector_class = rational_quadratic_spline.RationalQuadraticSpline
    bins: int = option(8)
    bound: float = option(5.0)
    min_bin: float = option(1e-3, above_zero=True)
    min_slope: float = option(1e-3, above_zero=True)
    boundary: str = option("fixed")
    parameter_size = cached_property(
        lambda self: 3 * self.bins + rational_quadratic_spline.EXTRA_SLOPES[self.boundary]
    )
    period = cached_property(lambda self: 2.0 * self.bound if self.boundary == "circular" else None)
