"""Many modes, of equal or of different weight, at known places."""

import math

import numpy as np
import tensorflow as tf

from tfflows.random import fold_in, normal, uniform
from tfflows.targets.base import Target, registered

__all__ = ["ManyWell", "MixtureOfDiagNormals"]


@registered
class ManyWell(Target):
    r"""Pairs of coordinates with two wells each: 2 to the number of pairs modes.

    .. math:: f(z) = \sum_{i=1}^{D/2} -z_{2i-1}^4 + 6 z_{2i-1}^2 + \tfrac12 z_{2i-1}
        - \tfrac12 z_{2i}^2

    Two coordinates are the double well. The constant of a pair is an integral over one coordinate,
    computed to twelve digits by the trapezoidal rule, and so is the entropy.

    Parameters
    ----------
    size : int
        D, an even number of coordinates; 32 are usual.

    Raises
    ------
    ValueError
        If `size` is not even and positive.

    References
    ----------
    Noé, Olsson, Köhler and Wu (2019), "Boltzmann Generators", arXiv:1812.01729.
    Midgley et al. (2023), "Flow Annealed Importance Sampling Bootstrap", arXiv:2208.01893.

    Examples
    --------
    >>> well = ManyWell(2)
    >>> print(well([[0.0, 0.0], [1.0, 1.0]]).numpy(), round(well.log_z, 4))
    [0. 5.] 10.2935
    """

    def __init__(self, size: int = 2):
        if size < 2 or size % 2:
            raise ValueError(f"size must be an even number of coordinates; got {size!r}.")
        self.size, self.event_shape = int(size), (int(size),)
        step = 1e-3
        line = np.arange(-6.0, 6.0, step)
        energy = -(line**4) + 6.0 * line**2 + 0.5 * line
        volume = np.exp(energy).sum() * step
        mean = (np.exp(energy) * energy).sum() * step / volume
        normal_log_z = 0.5 * math.log(2.0 * math.pi)
        self.log_z = size / 2 * (math.log(volume) + normal_log_z)
        self.entropy = size / 2 * (math.log(volume) - mean + normal_log_z + 0.5)

    def log_prob(self, z):
        """Return the log density up to a constant."""
        z = self._points(z)
        first, second = z[..., ::2], z[..., 1::2]
        square = tf.square(first)
        each = -tf.square(square) + 6.0 * square + 0.5 * first - 0.5 * tf.square(second)
        return tf.reduce_sum(each, -1)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {"size": self.size}


@registered
class MixtureOfDiagNormals(Target):
    r"""Normal distributions of independent coordinates, with weights.

    .. math:: p(z) = \sum_{k=1}^{K} \pi_k \prod_i \mathcal{N}(z_i; \mu_{ki}, \sigma_{ki}^2)

    Parameters
    ----------
    loc, scale : array
        :math:`\mu` and :math:`\sigma`, ``[K, D]``, or what broadcasts to that.
    probs : array, optional
        :math:`\pi`, ``[K]``; by default all equal.

    Raises
    ------
    ValueError
        If shapes do not fit, or scales or weights are not positive.

    Examples
    --------
    >>> target = MixtureOfDiagNormals(loc=[[-3.0, 0.0], [3.0, 0.0]], scale=0.5)
    >>> target.sample(5, seed=0).shape, target.log_z
    (TensorShape([5, 2]), 0.0)
    >>> forty = MixtureOfDiagNormals.forty()  # 40 modes on [-40, 40] x [-40, 40]
    >>> len(forty.loc), bool(abs(forty.loc).max() < 40.0)
    (40, True)
    """

    log_z = 0.0

    def __init__(self, loc, scale=1.0, probs=None):
        loc, scale = np.asarray(loc, np.float64), np.asarray(scale, np.float64)
        if loc.ndim != 2 or np.broadcast_shapes(loc.shape, scale.shape) != loc.shape:
            raise ValueError(
                "loc must have shape (components, coordinates), and scale one that broadcasts to "
                f"it; got {loc.shape} and {scale.shape}."
            )
        probs = np.full(len(loc), 1.0 / len(loc)) if probs is None else np.asarray(probs, float)
        if probs.shape != (len(loc),) or not (probs > 0).all() or not (scale > 0).all():
            raise ValueError(
                f"probs must be {len(loc)} positive weights, and scale positive; got "
                f"{probs.tolist()} and {scale.tolist()}."
            )
        self.loc, self.scale = loc, np.broadcast_to(scale, loc.shape)
        self.probs, self.event_shape = probs / probs.sum(), loc.shape[1:]

    @classmethod
    def forty(cls, seed: int = 0) -> "MixtureOfDiagNormals":
        r"""Return forty modes of equal weight in the square [-40, 40] x [-40, 40].

        The scales are :math:`\log(1 + e) = 1.31`, and the means uniform in the square: the setting
        of Midgley et al. The means themselves are our own, by ``numpy.random.default_rng(seed)``,
        because theirs are the draws of another generator.

        Parameters
        ----------
        seed : int
            Seed of the means.

        References
        ----------
        Midgley et al. (2023), "Flow Annealed Importance Sampling Bootstrap", arXiv:2208.01893.
        """
        loc = np.random.default_rng(seed).uniform(-40.0, 40.0, size=(40, 2))
        return cls(loc, math.log1p(math.e))

    def log_prob(self, z):
        """Return the log density."""
        z = self._points(z)
        loc, scale, probs = (tf.constant(p, z.dtype) for p in (self.loc, self.scale, self.probs))
        u = (z[..., tf.newaxis, :] - loc) / scale
        constant = 0.5 * math.log(2.0 * math.pi)
        each = tf.reduce_sum(-0.5 * tf.square(u) - tf.math.log(scale) - constant, -1)
        return tf.reduce_logsumexp(tf.math.log(probs) + each, -1)

    def sample(self, sample_shape=(), seed=None):
        """Draw from the density, float32."""
        shape, pair = shape_and_seed(sample_shape, seed)
        ends = tf.constant(np.cumsum(self.probs)[:-1], tf.float32)
        share = uniform(shape, pair)[..., tf.newaxis]
        component = tf.reduce_sum(tf.cast(share >= ends, tf.int32), -1)
        loc, scale = (
            tf.gather(tf.constant(p, tf.float32), component) for p in (self.loc, self.scale)
        )
        return loc + scale * normal([*shape, *self.event_shape], fold_in(pair, 1))

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        parts = {"loc": self.loc, "scale": self.scale, "probs": self.probs}
        return {key: value.tolist() for key, value in parts.items()}


def shape_and_seed(sample_shape, seed) -> tuple[list, list]:
    """Return the shape of draws as a list, and a seed as a pair; one at random for None."""
    shape = [int(size) for size in np.atleast_1d(np.asarray(sample_shape, int))]
    if seed is None:
        seed = int(np.random.default_rng().integers(2**31))
    return shape, [0, int(seed)] if np.ndim(seed) == 0 else list(seed)
