"""A univariate family applied to each coordinate on its own."""

import math

import keras
import tensorflow as tf

from tfflows.layers.masked_autoregressive import (
    build_univariate,
    check_univariate,
    deserialize,
)
from tfflows.layers.raw_parameters import RawParameterLayer
from tfflows.univariates.base import Univariate

__all__ = ["Elementwise"]


@keras.saving.register_keras_serializable(package="tfflows")
class Elementwise(RawParameterLayer):
    r"""A univariate family applied to each coordinate on its own.

    .. math:: z_i = f^{-1}\big(x_i;\, \theta_i(c)\big)

    Without a context :math:`\theta` is a weight; with one it is a network of the context.

    Parameters
    ----------
    univariate : Univariate
        The family f.
    hidden_units : sequence of int
        Widths of the network of the context.
    activation : str or callable
        Activation of that network.
    identity_start : bool
        Start at raw zeros, the identity of most families; otherwise near it, at random.
    **kwargs
        Keras's own arguments.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tfflows import layers, univariates
    >>> layer = layers.Elementwise(univariates.RationalQuadraticSpline(bins=4))
    >>> layer.build(event_shape=(3,))
    >>> layer(tf.ones([5, 3])).shape
    TensorShape([5, 3])
    """

    def __init__(
        self,
        univariate: Univariate,
        hidden_units=(64, 64),
        activation="relu",
        identity_start: bool = True,
        **kwargs,
    ):
        super().__init__(hidden_units, activation, **kwargs)
        self.univariate = check_univariate(univariate)
        self.identity_start = identity_start
        self.raw = None

    def build(self, event_shape, context_shape=None):
        """Create the raw parameters for events of `event_shape`."""
        super().build(event_shape, context_shape)
        build_univariate(self.univariate, self.event_shape, self.variable_dtype)
        shape = (*self.event_shape, self.univariate.parameter_size)
        self.raw = self.add_raw(shape, zero_start=self.identity_start)
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        return self.univariate.bijector(self.raw(context))

    def raw_parameters(self, x, context=None) -> tf.Tensor:
        """Return the parameters of each coordinate, the same for every `x`, ``[n, D, P]``."""
        rows, shape = x.shape[0], (*self.event_shape, self.univariate.parameter_size)
        raw = tf.broadcast_to(self.raw(context), [rows, *shape])
        return tf.reshape(raw, [rows, math.prod(self.event_shape), shape[-1]])

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "univariate": keras.saving.serialize_keras_object(self.univariate),
            "identity_start": self.identity_start,
        }

    @classmethod
    def from_config(cls, config):
        """Build the layer from `get_config`'s answer."""
        return cls(**{**config, "univariate": deserialize(config["univariate"])})
