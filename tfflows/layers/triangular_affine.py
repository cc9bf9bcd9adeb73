"""An affine map whose matrix is triangular, as that of a normal distribution."""

import math

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb

from tfflows.bijectors.linear import Linear, Triangular
from tfflows.layers.raw_parameters import RawParameterLayer

__all__ = ["TriangularAffine", "bounded_log_scale", "triangle_of"]

LOG_SCALE_BOUND = 7.0


@keras.saving.register_keras_serializable(package="tfflows")
class TriangularAffine(RawParameterLayer):
    r"""A shift and a lower triangular matrix of positive diagonal.

    .. math:: x = \mu + L z, \qquad L = \operatorname{diag}(s)\,(I + N), \qquad
        \log\left|\det \frac{\partial x}{\partial z}\right| = \sum_i \log s_i

    with a strictly lower triangular N and :math:`\log s_i = 7 \tanh(raw_i / 7)`. Of standard normal
    latents it makes any normal distribution, with mean :math:`\mu` and covariance
    :math:`L L^\top`. It starts as the identity.

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
    Pinheiro and Bates (1996), "Unconstrained parametrizations for variance-covariance matrices",
    Statistics and Computing 6, 289.

    Examples
    --------
    >>> import tensorflow as tf
    >>> layer = TriangularAffine()
    >>> layer.build(event_shape=(2,))
    >>> print(layer(tf.constant([[1.0, 2.0]])).numpy())
    [[1. 2.]]
    """

    def build(self, event_shape, context_shape=None):
        """Create the numbers for events of `event_shape`."""
        super().build(event_shape, context_shape)
        self._size = math.prod(self.event_shape)
        self.raw = self.add_raw((self._size * (self._size + 3) // 2,))
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        raw = self.raw(context)
        shift, numbers = raw[..., : self._size], raw[..., self._size :]
        return tfb.Invert(
            Linear([triangle_of(numbers, lower=True)], self.event_shape, shift, "triangular_affine")
        )

    @property
    def adjacency(self) -> np.ndarray | None:
        """Each latent coordinate depends on its own of the data and on those before it."""
        return np.tri(self._size, dtype=bool) if self.built else None


def triangle_of(numbers, *, lower: bool) -> Triangular:
    r"""Return the factor :math:`\operatorname{diag}(s)(I + N)` of numbers ``[..., D (D + 1) / 2]``.

    The rows are scaled, so that N has no units, and the inverse is as well conditioned as N allows.
    """
    square = tfp.math.fill_triangular(numbers, upper=not lower)
    log_scale = bounded_log_scale(tf.linalg.diag_part(square))
    return Triangular(square * tf.exp(log_scale)[..., tf.newaxis], log_scale, lower=lower)


def bounded_log_scale(raw):
    r"""Return :math:`7 \tanh(raw / 7)`: scales between a thousandth and a thousand."""
    return LOG_SCALE_BOUND * tf.tanh(raw / LOG_SCALE_BOUND)
