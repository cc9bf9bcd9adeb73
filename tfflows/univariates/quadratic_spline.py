"""Splines of parabolas, whose slope is a broken line."""

from functools import cached_property

import keras

from tfflows.bijectors import quadratic_spline
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option

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

    bijector_class = quadratic_spline.QuadraticSpline
    bins: int = option(8)
    bound: float = option(5.0)
    min_bin: float = option(1e-3, above_zero=True)
    min_slope: float = option(1e-3, above_zero=True)
    parameter_size = cached_property(lambda self: 2 * self.bins - 1)
