"""A learned invertible linear map."""

import math

import keras
import tensorflow as tf

from tfflows import bijectors
from tfflows.layers.raw_parameters import RawParameterLayer

__all__ = ["LU"]


@keras.saving.register_keras_serializable(package="tfflows")
class LU(RawParameterLayer):
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

    def build(self, event_shape, context_shape=None):
        """Create the factors for events of `event_shape`."""
        super().build(event_shape, context_shape)
        size = math.prod(self.event_shape)
        # The strict triangles of L and U share one square; its diagonal would be idle, so log U_ii
        # lives there.
        self.raw = self.add_raw((size + 1, size))
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        raw = self.raw(context)
        square = raw[..., :-1, :]
        return bijectors.LU(
            square, square, tf.linalg.diag_part(square), raw[..., -1, :], self.event_shape
        )
