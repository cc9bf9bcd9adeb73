"""Monotone networks of sigmoids, a family of neural autoregressive flows."""

from functools import cached_property

import keras

from tfflows.bijectors import deep_dense_sigmoidal
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option

__all__ = ["DeepDenseSigmoidal"]


@keras.saving.register_keras_serializable(package="tfflows")
class DeepDenseSigmoidal(Univariate):
    r"""A monotone network of sigmoids, its units mixed between the layers.

    For each layer the parameters of a dimension are the offsets and log-rates of the units, the
    logits that mix units into outputs and, from the second layer on, the logits that mix inputs:
    ``2 K + K (outputs) + K K`` numbers in all for K units. Data to latent is direct; latent to data
    is a root search. `tfflows.bijectors.DeepDenseSigmoidal` has the formulas and says how the raw
    numbers are squashed. Raw zeros are a network of different units near the identity.

    Parameters
    ----------
    units : int
        Number of units of each layer, K; at least 2.
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
    >>> family = DeepDenseSigmoidal(units=4, layers=2)
    >>> family.parameter_size
    52
    >>> family.bijector(tf.zeros([2, 52])).inverse(tf.constant([[0.5, -50.0]])).shape
    TensorShape([1, 2])
    """

    bijector_class = deep_dense_sigmoidal.DeepDenseSigmoidal
    units: int = option(4)
    layers: int = option(2)
    log_scale_bound: float = option(5.0)
    min_slope: float = option(1e-3, above_zero=True)
    parameter_size = cached_property(lambda self: self.bijector_class.size(self.units, self.layers))
