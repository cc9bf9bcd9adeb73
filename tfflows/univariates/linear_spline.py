"""Splines of straight lines."""

from functools import cached_property

import keras

from tfflows.bijectors import linear_spline
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option

__all__ = ["LinearSpline"]


@keras.saving.register_keras_serializable(package="tfflows")
class LinearSpline(Univariate):
    r"""Increasing splines of straight lines in a box, the identity outside it.

    One parameter per bin, the logit of its height on the latent axis; the bins are equally wide on
    the data axis. Both directions are direct. A density made of it is a histogram.
    `tfflows.bijectors.LinearSpline` has the formulas. Raw zeros are the identity.

    Parameters
    ----------
    bins : int
        Number of bins, K; at least 1 (a single bin leaves no freedom).
    bound : float
        The box is ``[-bound, bound]`` on both axes, in units of the data as they reach the layer;
        positive.
    min_bin : float
        Smallest height as a fraction of the box, in ``(0, 1 / bins)``.

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
    >>> family = LinearSpline(bins=4, bound=3.0)
    >>> family.parameter_size
    4
    >>> spline = family.bijector(tf.ones([2, 4]))
    >>> print(spline.inverse(tf.constant([[0.0, -50.0]])).numpy().round(4) + 0.0)
    [[  0. -50.]]
    """

    bijector_class = linear_spline.LinearSpline
    bins: int = option(8)
    bound: float = option(5.0)
    min_bin: float = option(1e-3, above_zero=True)
    parameter_size = cached_property(lambda self: self.bins)
