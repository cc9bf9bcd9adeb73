"""Learned rotations of all coordinates at once."""

import keras
import numpy as np

from tfflows.bijectors.linear import Dense, Linear
from tfflows.bijectors.orthogonal import numbers_of_rotation, rotation
from tfflows.layers.householder import check_several
from tfflows.layers.raw_parameters import RawParameterLayer

__all__ = ["Orthogonal", "Rotation"]


@keras.saving.register_keras_serializable(package="tfflows")
class Rotation(RawParameterLayer):
    r"""A learned rotation: an orthogonal matrix of determinant 1, made from a skew matrix.

    .. math:: z = Q x, \qquad Q = e^S \quad\text{or}\quad Q = (I - S)^{-1} (I + S), \qquad
        S = -S^\top, \qquad \log\left|\det \frac{\partial z}{\partial x}\right| = 0

    Every rotation is an exponential of such a matrix. Cayley's quotient costs a linear system
    instead of some twenty products of matrices, and reaches all rotations but those that turn a
    direction around; where it comes near to these, its numbers grow. `Orthogonal` is another name
    of this layer.

    Parameters
    ----------
    method : str
        ``"exponential"`` or ``"cayley"``.
    seed : int, optional
        Start at a rotation drawn from the uniform (Haar) distribution; by default at the identity.
        With ``trainable=False`` it stays there.
    hidden_units : sequence of int
        Widths of the network that moves the skew matrix with the context, where there is one.
    activation : str or callable
        Activation of that network.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If there is no such method, or the event has one coordinate.

    References
    ----------
    Lezcano-Casado and Martínez-Rubio (2019), "Cheap Orthogonal Constraints in Neural Networks",
    arXiv:1901.08428; Stewart (1980), "The Efficient Generation of Random Orthogonal Matrices with
    an Application to Condition Estimators", SIAM Journal on Numerical Analysis 17, 403.

    Examples
    --------
    >>> import math, tensorflow as tf
    >>> layer = Rotation()
    >>> layer.build(event_shape=(2,))
    >>> print(layer(tf.constant([[1.0, 2.0]])).numpy())
    [[1. 2.]]
    >>> fixed = Rotation(seed=0, trainable=False)
    >>> z = fixed(tf.constant([[3.0, 0.0, 4.0]]))
    >>> round(float(tf.norm(z)), 5), len(fixed.trainable_weights)
    (5.0, 0)
    """

    def __init__(
        self,
        method: str = "exponential",
        seed: int | None = None,
        hidden_units=(64, 64),
        activation="relu",
        **kwargs,
    ):
        super().__init__(hidden_units, activation, **kwargs)
        self.method = check_method("method", method)
        self.seed = seed

    def build(self, event_shape, context_shape=None):
        """Create the numbers of the skew matrix for events of `event_shape`."""
        super().build(event_shape, context_shape)
        self._size = check_several(self, self.event_shape)
        shape = (self._size * (self._size - 1) // 2,)
        start = None
        if self.seed is not None:
            start = numbers_of_rotation(_drawn(self._size, self.seed), self.method)
        self.raw = self.add_raw(shape, start=start)
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        turned = rotation(self.raw(context), self._size, self.method)
        return Linear([Dense(turned)], self.event_shape, name="rotation")

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "method": self.method, "seed": self.seed}


#: What a skew matrix makes goes by both names.
Orthogonal = Rotation


def check_method(name: str, method: str) -> str:
    """Return how a rotation is made, or raise a ValueError."""
    if method not in ("exponential", "cayley"):
        raise ValueError(f'{name} must be "exponential" or "cayley"; got {method!r}.')
    return method


def _drawn(size: int, seed: int) -> np.ndarray:
    """Return a rotation from the uniform distribution."""
    normal = np.random.default_rng(seed).normal(size=(size, size))
    orthogonal, triangle = np.linalg.qr(normal)
    # Without signs of its own the algorithm would prefer some.
    orthogonal = orthogonal * np.sign(np.diag(triangle))
    orthogonal[:, 0] *= np.linalg.det(orthogonal)
    return orthogonal
