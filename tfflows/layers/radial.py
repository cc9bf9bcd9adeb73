"""A learned radial map."""

import math

import keras

from tfflows import bijectors
from tfflows.layers.raw_parameters import RawParameterLayer
from tfflows.layers.triangular_affine import bounded_log_scale

__all__ = ["Radial"]


@keras.saving.register_keras_serializable(package="tfflows")
class Radial(RawParameterLayer):
    r"""A map that moves points away from a center or towards it.

    .. math:: z = x + \frac{\beta}{\alpha + |x - c|}\,(x - c), \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| =
        (D - 1) \log(1 + \kappa h) + \log(1 + \kappa h^2), \quad
        \kappa = \frac{\beta}{\alpha}, \; h = \frac{\alpha}{\alpha + |x - c|}

    with a learned center c, :math:`\log \alpha = 7 \tanh(raw / 7)` and a :math:`\kappa > -1`; see
    `bijectors.Radial`. Both directions are direct. It starts near the identity.

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
    >>> layer = Radial()
    >>> layer.build(event_shape=(2,))
    >>> _ = layer.raw.value.assign([0.0, 0.0, 0.0, 3.0])
    >>> print(layer(tf.constant([[0.0, 1.0]])).numpy())
    [[0.  2.5]]
    """

    def build(self, event_shape, context_shape=None):
        """Create the numbers for events of `event_shape`."""
        super().build(event_shape, context_shape)
        self.raw = self.add_raw((math.prod(self.event_shape) + 2,), zero_start=False)
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        raw = self.raw(context)
        log_radius = bounded_log_scale(raw[..., -2])
        return bijectors.Radial(raw[..., :-2], log_radius, raw[..., -1], self.event_shape)
