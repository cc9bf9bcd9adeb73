"""Splines of cubics."""

from functools import cached_property

import keras

from tfflows.bijectors import cubic_spline
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option

__all__ = ["CubicSpline"]


@keras.saving.register_keras_serializable(package="tfflows")
class CubicSpline(Univariate):
    r"""Increasing splines of cubics in a box, linear outside it.

    ``2 bins + 2`` parameters per dimension: logits of the bins' widths on the data axis, logits of
    their heights on the latent axis, and the slopes at both ends of the box, with which the lines
    outside continue; the slopes at the inner knots follow from the bins. Data to latent is direct;
    latent to data is a root search within the bin. `tfflows.bijectors.CubicSpline` has the
    formulas. Raw zeros are the identity.

    Parameters
    ----------
    bins : int
        Number of bins, K; at least 2.
    bound : float
        The box is ``[-bound, bound]`` on both axes, in units of the data as they reach the layer;
        positive.
    min_bin : float
        Smallest bin as a fraction of the box, in ``(0, 1 / bins)``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Durkan, Bekasov, Murray and Papamakarios (2019), Cubic-spline flows, arXiv:1906.02145.

    Examples
    --------
    >>> import tensorflow as tf
    >>> family = CubicSpline(bins=4, bound=3.0)
    >>> family.parameter_size
    10
    >>> spline = family.bijector(tf.zeros([2, 10]))
    >>> print(spline.inverse(tf.constant([[1.0, -50.0]])).numpy().round(3))
    [[  1. -50.]]
    """

    bijector_class = cubic_spline.CubicSpline
    bins: int = option(8)
    bound: float = option(5.0)
    min_bin: float = option(1e-3, above_zero=True)
    parameter_size = cached_property(lambda self: 2 * self.bins + 2)
