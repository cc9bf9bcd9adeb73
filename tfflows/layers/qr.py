"""A learned invertible linear map as a rotation after a triangular map."""

import keras
import numpy as np
import tensorflow as tf

from tfflows.bijectors import checks
from tfflows.bijectors.linear import Linear
from tfflows.bijectors.orthogonal import Reflections
from tfflows.layers.householder import check_several, mirror_pairs
from tfflows.layers.raw_parameters import RawParameterLayer
from tfflows.layers.triangular_affine import triangle_of

__all__ = ["QR"]


@keras.saving.register_keras_serializable(package="tfflows")
class QR(RawParameterLayer):
    r"""A learned invertible linear map in QR form, which mixes all coordinates.

    .. math:: z = Q R x, \qquad Q = H_1 \cdots H_K, \qquad
        R = \operatorname{diag}(s)\,(I + N), \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| = \sum_i \log s_i

    with reflections H as in `Householder`, a strictly upper triangular N and
    :math:`\log s_i = 7 \tanh(raw_i / 7)`. It starts as the identity.

    Parameters
    ----------
    count : int, optional
        Number of reflections K; by default the largest even number that is at most the number of
        coordinates D.
    hidden_units : sequence of int
        Widths of the network that moves the factors with the context, where there is one.
    activation : str or callable
        Activation of that network.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If `count` is no positive integer, or the event has one coordinate.

    References
    ----------
    Hoogeboom, van den Berg and Welling (2019), "Emerging Convolutions for Generative Normalizing
    Flows", arXiv:1901.11137.

    Examples
    --------
    >>> import tensorflow as tf
    >>> layer = QR()
    >>> layer.build(event_shape=(2,))
    >>> print(layer(tf.constant([[1.0, 2.0]])).numpy())
    [[1. 2.]]
    """

    def __init__(
        self, count: int | None = None, hidden_units=(64, 64), activation="relu", **kwargs
    ):
        super().__init__(hidden_units, activation, **kwargs)
        self.count = None if count is None else checks.positive_integer("count", count)

    def build(self, event_shape, context_shape=None):
        """Create the factors for events of `event_shape`."""
        super().build(event_shape, context_shape)
        size = check_several(self, self.event_shape)
        mirrors = mirror_pairs(size, self.count)
        # The vectors of the reflections, and the triangle with its diagonal.
        self._sizes = [mirrors.size, size * (size + 1) // 2]
        self._shape = mirrors.shape
        start = np.concatenate([mirrors.ravel(), np.zeros(self._sizes[1])])
        self.raw = self.add_raw(start.shape, start=start)
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        vectors, numbers = tf.split(self.raw(context), self._sizes, axis=-1)
        vectors = tf.reshape(vectors, tf.concat([tf.shape(vectors)[:-1], self._shape], 0))
        factors = [Reflections(vectors), triangle_of(numbers, lower=False)]
        return Linear(factors, self.event_shape, name="qr")

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "count": self.count}
