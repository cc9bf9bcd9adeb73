"""Densities that are a normal distribution, bent: normalized, with draws and entropies."""

import math

import tensorflow as tf

from tfflows.random import normal
from tfflows.targets.base import Target, registered
from tfflows.targets.wells import shape_and_seed

__all__ = ["Banana", "Funnel"]

_NORMAL = 0.5 * math.log(2.0 * math.pi)


@registered
class Funnel(Target):
    r"""Neal's funnel: the first coordinate is the scale of the others.

    .. math:: z_1 \sim \mathcal{N}(0, \sigma^2), \qquad z_i \mid z_1 \sim \mathcal{N}(0, e^{z_1})

    Parameters
    ----------
    size : int
        Number of coordinates, at least 2; 10 are usual.
    scale : float
        :math:`\sigma`.

    Raises
    ------
    ValueError
        If there are fewer than two coordinates, or the scale is not positive.

    References
    ----------
    Neal (2003), "Slice Sampling", Annals of Statistics 31, 705.

    Examples
    --------
    >>> funnel = Funnel()
    >>> funnel.sample(5, seed=0).shape, round(funnel.entropy, 4)
    (TensorShape([5, 10]), 15.288)
    """

    log_z = 0.0

    def __init__(self, size: int = 10, scale: float = 3.0):
        if size < 2 or not scale > 0:
            raise ValueError(
                f"expected two coordinates or more and a positive scale; got size={size!r} and "
                f"scale={scale!r}."
            )
        self.size, self.scale, self.event_shape = int(size), float(scale), (int(size),)
        # The scales e^(z_1 / 2) have the mean logarithm zero.
        self.entropy = size * (_NORMAL + 0.5) + math.log(scale)

    def log_prob(self, z):
        """Return the log density."""
        z = self._points(z)
        first, rest = z[..., 0], z[..., 1:]
        others = -0.5 * tf.reduce_sum(tf.square(rest), -1) * tf.exp(-first)
        constant = self.size * _NORMAL + math.log(self.scale)
        own = -0.5 * tf.square(first / self.scale) - 0.5 * (self.size - 1) * first
        return own + others - constant

    def sample(self, sample_shape=(), seed=None):
        """Draw from the density, float32."""
        shape, pair = shape_and_seed(sample_shape, seed)
        u = normal([*shape, self.size], pair)
        first = self.scale * u[..., :1]
        return tf.concat([first, tf.exp(0.5 * first) * u[..., 1:]], -1)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {"size": self.size, "scale": self.scale}


@registered
class Banana(Target):
    r"""A normal distribution in the plane, bent along a parabola.

    .. math:: z_1 \sim \mathcal{N}(0, \sigma^2), \qquad
        z_2 \mid z_1 \sim \mathcal{N}\left(b\,(z_1^2 - \sigma^2), 1\right)

    Parameters
    ----------
    bend : float
        :math:`b`.
    scale : float
        :math:`\sigma`, positive.

    Raises
    ------
    ValueError
        If the scale is not positive.

    References
    ----------
    Haario, Saksman and Tamminen (1999), "Adaptive Proposal Distribution for Random Walk Metropolis
    Algorithm", Computational Statistics 14, 375.

    Examples
    --------
    >>> banana = Banana()
    >>> banana.sample(5, seed=0).shape, round(banana.entropy, 4)
    (TensorShape([5, 2]), 5.1405)
    """

    log_z = 0.0

    def __init__(self, bend: float = 0.03, scale: float = 10.0):
        if not scale > 0:
            raise ValueError(f"scale must be positive; got {scale!r}.")
        self.bend, self.scale = float(bend), float(scale)
        self.entropy = 2.0 * (_NORMAL + 0.5) + math.log(scale)

    def _center(self, first):
        return self.bend * (tf.square(first) - self.scale**2)

    def log_prob(self, z):
        """Return the log density."""
        first, second = tf.unstack(self._points(z), axis=-1)
        apart = tf.square(first / self.scale) + tf.square(second - self._center(first))
        return -0.5 * apart - 2.0 * _NORMAL - math.log(self.scale)

    def sample(self, sample_shape=(), seed=None):
        """Draw from the density, float32."""
        shape, pair = shape_and_seed(sample_shape, seed)
        first, second = tf.unstack(normal([*shape, 2], pair), axis=-1)
        first *= self.scale
        return tf.stack([first, second + self._center(first)], -1)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {"bend": self.bend, "scale": self.scale}
