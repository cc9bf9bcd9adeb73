"""A learned invertible linear map."""

import math

import keras
import tensorflow as tf

from tfflows import bijectors
from tfflows.bijectors import checks
from tfflows.layers.base import BijectorLayer
from tfflows.layers.raw_parameters import RawParameters

__all__ = ["LU"]


@keras.saving.register_keras_serializable(package="tfflows")
class LU(BijectorLayer):
    r"""A learned invertible linear map in LU form, which mixes all coordinates.

    .. math:: z = L U x + b, \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| = \sum_i \log U_{ii}

    It starts as the identity.

    Parameters
    ----------
    hidden_units : sequence of int
        Widths of the network that moves the factors with the context, where there is one.
    activation : str or callable
        Activation of that network.
    **kwargs
        Keras's own arguments.

    References
    ----------
    Kingma and Dhariwal (2018), "Glow: Generative Flow with Invertible 1x1 Convolutions",
    arXiv:1807.03039.

    Examples
    --------
    >>> import tensorflow as tf
    >>> layer = LU()
    >>> layer.build(event_shape=(2,))
    >>> print(layer(tf.constant([[1.0, 2.0]])).numpy())
    [[1. 2.]]
    """

    def __init__(self, hidden_units=(64, 64), activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.hidden_units = checks.positive_integers("hidden_units", hidden_units)
        self.activation = activation

    def build(self, event_shape, context_shape=None):
        """Create the factors for events of `event_shape`."""
        self.event_shape = tuple(event_shape)
        self.context_shape = None if context_shape is None else tuple(context_shape)
        size = math.prod(self.event_shape)
        # The strict triangles of L and U share one square; its diagonal would be idle, so log U_ii
        # lives there.
        self.raw = RawParameters(
            (size + 1, size),
            hidden_units=self.hidden_units,
            activation=self.activation,
            dtype=self.dtype_policy,
            name="raw",
        )
        self.raw.build(context_shape)
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        raw = self.raw(context)
        square = raw[..., :-1, :]
        return bijectors.LU(
            square, square, tf.linalg.diag_part(square), raw[..., -1, :], self.event_shape
        )

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(keras.activations.get(self.activation)),
        }
