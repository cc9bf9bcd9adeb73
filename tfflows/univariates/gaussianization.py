"""Gaussianization by mixtures, the family of Gaussianization flows."""

from functools import cached_property

import keras

from tfflows.bijectors import gaussianization
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option

__all__ = ["Gaussianization"]


@keras.saving.register_keras_serializable(package="tfflows")
class Gaussianization(Univariate):
    r"""Distribution functions of mixtures, followed by the normal quantile function.

    ``3 components`` parameters per dimension: logits of the weights, positions and log-rates. Data
    to latent is direct; latent to data is a root search. `tfflows.bijectors.Gaussianization` has
    the formulas and says how the raw numbers are squashed. Raw zeros are the equal mixture of
    different components with mean 0 and variance 1, a map near the identity.

    Parameters
    ----------
    components : int
        Number of components, K; at least 2.
    kernel : str
        ``"logistic"`` or ``"normal"``, the distribution of a component. Logistic tails are mapped
        to square roots, normal tails to straight lines.
    log_scale_bound : float
        How far, in nats, a raw number can move a component's log-rate; positive. The default 5 lets
        a component be 148 times as narrow or as wide as at the start.
    min_slope : float
        Smallest slope, in ``(0, 1)``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Meng, Song, Song and Ermon (2020), "Gaussianization Flows", arXiv:2003.01941.

    Examples
    --------
    >>> import tensorflow as tf
    >>> family = Gaussianization(components=4)
    >>> family.parameter_size
    12
    >>> family.bijector(tf.zeros([2, 12])).inverse(tf.constant([[0.5, -50.0]])).shape
    TensorShape([1, 2])
    """

    bijector_class = gaussianization.Gaussianization
    components: int = option(8)
    kernel: str = option("logistic")
    log_scale_bound: float = option(5.0)
    min_slope: float = option(1e-3, above_zero=True)
    parameter_size = cached_property(lambda self: 3 * self.components)
