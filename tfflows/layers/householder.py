"""Products of learned reflections."""

import math

import keras
import numpy as np

from tfflows.bijectors import checks
from tfflows.bijectors.linear import Linear
from tfflows.bijectors.orthogonal import Reflections
from tfflows.layers.raw_parameters import RawParameterLayer

__all__ = ["Householder", "check_several", "mirror_pairs"]


@keras.saving.register_keras_serializable(package="tfflows")
class Householder(RawParameterLayer):
    r"""A product of learned reflections, which mixes all coordinates and keeps every length.

    .. math:: z = H_1 \cdots H_K x, \qquad H_k = I - 2 \frac{v_k v_k^\top}{|v_k|^2}, \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| = 0

    The vectors :math:`v_k` may be any: a vector of zeros reflects nothing. An even number of
    reflections, which start as pairs that undo each other, makes a rotation and starts as the
    identity; any rotation of D coordinates is a product of at most D reflections.

    Parameters
    ----------
    count : int, optional
        Number of reflections K; by default the largest even number that is at most the number of
        coordinates.
    hidden_units : sequence of int
        Widths of the network that moves the vectors with the context, where there is one.
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
    Tomczak and Welling (2016), "Improving Variational Auto-Encoders using Householder Flow",
    arXiv:1611.09630.

    Examples
    --------
    >>> import tensorflow as tf
    >>> layer = Householder(count=1)
    >>> layer.build(event_shape=(2,))
    >>> _ = layer.raw.value.assign([[1.0, 1.0]])
    >>> print(layer(tf.constant([[1.0, 2.0]])).numpy().round(5))
    [[-2. -1.]]
    """

    def __init__(
        self, count: int | None = None, hidden_units=(64, 64), activation="relu", **kwargs
    ):
        super().__init__(hidden_units, activation, **kwargs)
        self.count = None if count is None else checks.positive_integer("count", count)

    def build(self, event_shape, context_shape=None):
        """Create the vectors for events of `event_shape`."""
        super().build(event_shape, context_shape)
        start = mirror_pairs(check_several(self, self.event_shape), self.count)
        self.raw = self.add_raw(start.shape, start=start)
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        return Linear([Reflections(self.raw(context))], self.event_shape, name="householder")

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "count": self.count}


def mirror_pairs(size: int, count: int | None = None) -> np.ndarray:
    """Return vectors ``[K, D]`` of reflections, of which each two that follow are the same.

    Examples
    --------
    >>> mirror_pairs(3).tolist()
    [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    count = size - size % 2 if count is None else count
    return np.eye(size)[np.arange(count) // 2 % size]


def check_several(layer, event_shape: tuple) -> int:
    """Return the number of coordinates, or raise a ValueError if there are none to mix."""
    size = math.prod(event_shape)
    if size < 2:
        raise ValueError(
            f"{type(layer).__name__} mixes coordinates, and events of shape {event_shape} have a "
            "single one; leave it out."
        )
    return size
