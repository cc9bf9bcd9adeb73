"""Stacked mixtures of sigmoids, a family of neural autoregressive flows."""

from functools import cached_property

import keras

from tfflows.bijectors import deep_sigmoidal
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option

__all__ = ["DeepSigmoidal"]


@keras.saving.register_keras_serializable(package="tfflows")
class DeepSigmoidal(Univariate):
    r"""Layers of sigmoids that are mixed and taken back to the line by the logit.

    ``3 units layers`` parameters per dimension: for each layer, logits of the weights, offsets and
    log-rates of the sigmoids. Data to latent is direct; latent to data is a root search.
    `tfflows.bijectors.DeepSigmoidal` has the formulas and says how the raw numbers are squashed.
    Raw zeros are equal mixtures of different sigmoids with the variance of the standard one, a map
    near the identity.

    Parameters
    ----------
    units : int
        Number of sigmoids of each layer, K; at least 2.
    layers : int
        Number of layers, L; at least 1.
    log_scale_bound : float
        How far, in nats, a raw number can move a log-rate; positive.
    min_slope : float
        Smallest slope, in ``(0, 1)``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Huang, Krueger, Lacoste and Courville (2018), "Neural Autoregressive Flows", arXiv:1804.00779.

    Examples
    --------
    >>> import tensorflow as tf
    >>> family = DeepSigmoidal(units=4, layers=2)
    >>> family.parameter_size
    24
    >>> family.bijector(tf.zeros([2, 24])).inverse(tf.constant([[0.5, -50.0]])).shape
    TensorShape([1, 2])
    """

    bijector_class = deep_sigmoidal.DeepSigmoidal
    units: int = option(8)
    layers: int = option(1)
    log_scale_bound: float = option(5.0)
    min_slope: float = option(1e-3, above_zero=True)
    parameter_size = cached_property(lambda self: 3 * self.units * self.layers)
