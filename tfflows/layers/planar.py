"""A learned planar map."""

import math

import keras

from tfflows import bijectors
from tfflows.layers.raw_parameters import RawParameterLayer

__all__ = ["Planar"]


@keras.saving.register_keras_serializable(package="tfflows")
class Planar(RawParameterLayer):
    r"""A map that moves points along one direction, by how far they are along another.

    .. math:: z = x + \hat u \tanh(w^\top x + b), \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| =
        \log\left(1 + w^\top \hat u\,(1 - \tanh^2(w^\top x + b))\right)

    of free numbers w, u and b; see `bijectors.Planar` for the :math:`\hat u` that keeps it
    one-to-one. Data to latent is direct, latent to data a root search in one dimension; in
    `layers.Invert` it is the other way round, which is that of the paper and of variational
    inference. It starts near the identity.

    Parameters
    ----------
    hidden_units : sequence of int
        Widths of the network that moves the numbers with the context, where there is one.
    activation : str or callable
        Activation of that network.
    **kwargs
        Keras's own arguments.

    References
    ----------
    Rezende and Mohamed (2015), "Variational Inference with Normalizing Flows", arXiv:1505.05770.

    Examples
    --------
    >>> import tensorflow as tf
    >>> layer = Planar()
    >>> layer.build(event_shape=(2,))
    >>> _ = layer.raw.value.assign([50.0, 0.0, 0.0, 2.0, 0.0])
    >>> print(layer(tf.constant([[1.0, 1.0], [-1.0, 1.0]])).numpy())
    [[ 1.  3.]
     [-1. -1.]]
    """

    def build(self, event_shape, context_shape=None):
        """Create the numbers for events of `event_shape`."""
        super().build(event_shape, context_shape)
        self._size = math.prod(self.event_shape)
        self.raw = self.add_raw((2 * self._size + 1,), zero_start=False)
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        raw, size = self.raw(context), self._size
        return bijectors.Planar(raw[..., :size], raw[..., size:-1], raw[..., -1], self.event_shape)
