"""Mixtures of logistics with logit and affine map, the family of Flow++."""

from functools import cached_property

import keras

from tfflows.bijectors import mixture_of_logistics
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option

__all__ = ["MixtureOfLogistics"]


@keras.saving.register_keras_serializable(package="tfflows")
class MixtureOfLogistics(Univariate):
    r"""Distribution functions of mixtures of logistics, followed by the logit and an affine map.

    ``3 components + 2`` parameters per dimension: logits of the weights, positions, log-rates, and
    the log-scale and shift of the affine map. Data to latent is direct; latent to data is a root
    search. `tfflows.bijectors.MixtureOfLogistics` has the formulas and says how the raw numbers are
    squashed. Raw zeros are the equal mixture of different components with the variance of the
    standard logistic distribution, a map near the identity.

    Parameters
    ----------
    components : int
        Number of components, K; at least 2.
    log_scale_bound : float
        How far, in nats, a raw number can move a log-rate or the log-scale; positive.
    min_slope : float
        Smallest slope, in ``(0, 1)``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Ho, Chen, Srinivas, Duan and Abbeel (2019), "Flow++: Improving Flow-Based Generative Models
    with Variational Dequantization and Architecture Design", arXiv:1902.00275.

    Examples
    --------
    >>> import tensorflow as tf
    >>> family = MixtureOfLogistics(components=4)
    >>> family.parameter_size
    14
    >>> family.bijector(tf.zeros([2, 14])).inverse(tf.constant([[0.5, -50.0]])).shape
    TensorShape([1, 2])
    """

    bijector_class = mixture_of_logistics.MixtureOfLogistics
    components: int = option(8)
    log_scale_bound: float = option(5.0)
    min_slope: float = option(1e-3, above_zero=True)
    parameter_size = cached_property(lambda self: 3 * self.components + 2)
