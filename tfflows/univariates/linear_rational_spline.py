"""Splines of linear rational functions."""

from functools import cached_property

import keras

from tfflows.bijectors import linear_rational_spline
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option

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

    bijector_class = linear_rational_spline.LinearRationalSpline
    bins: int = option(8)
    bound: float = option(5.0)
    min_bin: float = option(1e-3, above_zero=True)
    min_slope: float = option(1e-3, above_zero=True)
    min_split: float = option(0.025, above_zero=True)
    parameter_size = cached_property(lambda self: 4 * self.bins - 1)
