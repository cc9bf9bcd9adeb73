"""True densities of the two-dimensional data sets: log densities and entropies in nats."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Rows handled at a time, so that the [rows, nodes] work arrays stay in a few tens of megabytes.
_CHUNK = 4096

# Beyond this many standard deviations a Gaussian has no mass that float64 sums can notice.
_REACH = 8.0

_LOG_2PI = float(np.log(2.0 * np.pi))


def _log_sum_exp(a: np.ndarray) -> np.ndarray:
    """Return ``log(sum(exp(a)))`` over the last axis; -inf where every entry is."""
    top = a.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(a - top).sum(axis=-1)) + top[..., 0]


class Target(abc.ABC):
    r"""A density in the plane that is an equally weighted mixture of one part per label.

    .. math:: p(x) = \frac{1}{K} \sum_{k=0}^{K-1} p(x \mid k)

    A subclass gives the log density of each part and says where the mass lies and on which
    length the density changes; entropies then follow by the trapezoidal rule, whose error falls
    exponentially in length over step for densities as smooth as these.
    """

    @property
    @abc.abstractmethod
    def parts(self) -> int:
        """Number K of parts."""

    @property
    @abc.abstractmethod
    def box(self) -> np.ndarray:
        """Rectangle that holds the mass, ``[[low_0, low_1], [high_0, high_1]]``."""

    @property
    @abc.abstractmethod
    def scale(self) -> float:
        """Shortest length on which the density changes."""

    @abc.abstractmethod
    def _parts_log_prob(self, x: np.ndarray) -> np.ndarray:
        """Map ``x [n, 2]`` to the log densities of the parts, ``[n, K]``."""

    def log_prob(self, x: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Log density in nats, marginal or given the label.

        Parameters
        ----------
        x : array_like
            Points, shape ``[..., 2]``.
        labels : array_like of int, optional
            Label of each point, broadcast against ``[...]``.

        Returns
        -------
        np.ndarray
            ``log p(x)``, or ``log p(x | label)``, float64 of shape ``[...]``.

        Raises
        ------
        ValueError
            If the last axis of x is not of length 2, or a label is not in 0..K-1.

        Examples
        --------
        >>> import tfflows.datasets
        >>> data = tfflows.datasets.load("checkerboard", seed=0)
        >>> data.log_prob([[-3.0, 1.0], [9.0, 9.0]]).round(4)
        array([-3.4657,    -inf])
        """
        x = np.asarray(x, dtype=np.float64)
        if x.ndim == 0 or x.shape[-1] != 2:
            raise ValueError(f"expected points of shape (..., 2); got {x.shape}")
        rows = x.reshape(-1, 2)
        if labels is not None:
            labels = np.asarray(labels)
            if labels.size and (labels.min() < 0 or labels.max() >= self.parts):
                raise ValueError(
                    f"labels must be integers in 0..{self.parts - 1}; "
                    f"got {labels.min()}..{labels.max()}"
                )
            labels = np.broadcast_to(labels, x.shape[:-1]).reshape(-1, 1).astype(np.intp)
        out = np.empty(len(rows))
        for start in range(0, len(rows), _CHUNK):
            here = slice(start, start + _CHUNK)
            parts = self._parts_log_prob(rows[here])
            if labels is None:
                out[here] = _log_sum_exp(parts) - np.log(self.parts)
            else:
                out[here] = np.take_along_axis(parts, labels[here], axis=-1)[:, 0]
        return out.reshape(x.shape[:-1])

    def _near(self, x: np.ndarray) -> np.ndarray:
        """Which grid points ``[n, 2]`` can carry mass; a subclass may rule some out cheaply."""
        return np.ones(len(x), dtype=bool)

    def _quadrature(self) -> tuple[np.ndarray, float]:
        """Log densities of the parts on a grid, ``[points, K]``, and the area of one cell."""
        low, high = self.box
        step = self.scale / 3.0
        axes = [np.arange(a, b + step, step) for a, b in zip(low, high, strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        grid = grid[self._near(grid)]
        parts = [
            self._parts_log_prob(grid[start : start + _CHUNK])
            for start in range(0, len(grid), _CHUNK)
        ]
        return np.concatenate(parts), step * step

    @cached_property
    def _entropies(self) -> tuple[float, float]:
        """Marginal entropy and mean entropy of the parts."""

        def entropy(log_p: np.ndarray) -> float:
            log_p = log_p[np.isfinite(log_p)]
            return float(-np.sum(np.exp(log_p) * log_p) * area)

        parts, area = self._quadrature()
        marginal = entropy(_log_sum_exp(parts) - np.log(self.parts))
        return marginal, float(np.mean([entropy(part) for part in parts.T]))

    @property
    def entropy(self) -> float:
        """Differential entropy of the mixture in nats."""
        return self._entropies[0]

    @property
    def conditional_entropy(self) -> float:
        """Mean differential entropy of the parts in nats."""
        return self._entropies[1]


class GaussianMixture(Target):
    """Isotropic Gaussians of one width at given centers.

    Parameters
    ----------
    centers : np.ndarray
        Shape ``[K, 2]``.
    noise : float
        Standard deviation of each Gaussian, positive.
    """

    def __init__(self, centers: np.ndarray, noise: float):
        self.centers = np.asarray(centers, dtype=np.float64)
        self.noise = noise

    parts = property(lambda self: len(self.centers))
    scale = property(lambda self: self.noise)

    @property
    def box(self) -> np.ndarray:  # noqa: D102
        reach = _REACH * self.noise
        return np.stack([self.centers.min(axis=0) - reach, self.centers.max(axis=0) + reach])

    def _parts_log_prob(self, x):
        squares = np.sum((x[:, None, :] - self.centers) ** 2, axis=-1)
        return -0.5 * squares / self.noise**2 - _LOG_2PI - 2.0 * np.log(self.noise)


class NoisyCircles(Target):
    r"""Circles about the origin, uniform in angle, blurred by Gaussian noise in the plane.

    .. math:: p(x \mid k) = \frac{1}{2\pi\sigma^2}
        \exp\Bigl(-\frac{|x|^2 + r_k^2}{2\sigma^2}\Bigr) I_0\Bigl(\frac{r_k |x|}{\sigma^2}\Bigr)

    Parameters
    ----------
    radii : sequence of float
        One radius per part.
    noise : float
        Standard deviation of the noise in each coordinate, positive.
    """

    def __init__(self, radii: Sequence[float], noise: float):
        self.radii = np.asarray(radii, dtype=np.float64)
        self.noise = noise

    parts = property(lambda self: len(self.radii))
    scale = property(lambda self: self.noise)

    @property
    def box(self) -> np.ndarray:  # noqa: D102
        edge = self.radii.max() + _REACH * self.noise
        return np.array([[-edge, -edge], [edge, edge]])

    def _parts_log_prob(self, x):
        from scipy.special import i0e

        radius = np.linalg.norm(x, axis=-1)[:, None]
        variance = self.noise**2
        # i0e is the Bessel function times exp(-argument): that factor turns the sum of squares
        # in the exponent into the square of a difference.
        return (
            -0.5 * (radius - self.radii) ** 2 / variance
            + np.log(i0e(self.radii * radius / variance))
            - _LOG_2PI
            - np.log(variance)
        )

    def _near(self, x):
        gaps = np.abs(np.linalg.norm(x, axis=-1)[:, None] - self.radii)
        return gaps.min(axis=-1) < _REACH * self.noise


@dataclass(frozen=True)
class Curve:
    """A plane curve and the density of its parameter.

    Attributes
    ----------
    point : callable
        Maps parameters ``[n]`` to points ``[n, 2]``.
    start, stop : float
        Range of the parameter.
    speed : float
        Upper bound of the length of the derivative of ``point``.
    weight : callable, optional
        Maps parameters ``[n]`` to their density ``[n]``; uniform by default.
    """

    point: Callable[[np.ndarray], np.ndarray]
    start: float
    stop: float
    speed: float = 1.0
    weight: Callable[[np.ndarray], np.ndarray] | None = None


class NoisyCurves(Target):
    r"""Curves blurred by isotropic Gaussian noise.

    .. math:: p(x \mid k) = \int w_k(t)\, N(x; c_k(t), \sigma^2 I)\, dt

    The integral is a Gauss-Legendre sum over panels no longer than 1.5 noise widths.

    Parameters
    ----------
    curves : sequence of Curve
        One curve per part.
    noise : float
        Standard deviation of the noise in each coordinate, positive.
    """

    def __init__(self, curves: Sequence[Curve], noise: float):
        self.noise = noise
        self._nodes = [self._integration_nodes(curve) for curve in curves]

    parts = property(lambda self: len(self._nodes))
    scale = property(lambda self: self.noise)

    def _integration_nodes(self, curve: Curve) -> tuple[np.ndarray, np.ndarray]:
        """Points ``[m, 2]`` along the curve and the logs of their integration weights ``[m]``."""
        span = curve.stop - curve.start
        panels = int(np.ceil(span * curve.speed / (1.5 * self.noise)))
        edges = np.linspace(curve.start, curve.stop, panels + 1)
        nodes, weights = np.polynomial.legendre.leggauss(6)
        half = 0.5 * span / panels
        t = (edges[:-1, None] + half * (1.0 + nodes)).ravel()
        density = np.full_like(t, 1.0 / span) if curve.weight is None else curve.weight(t)
        return curve.point(t), np.log(np.tile(half * weights, panels) * density)

    @property
    def box(self) -> np.ndarray:  # noqa: D102
        points = np.concatenate([points for points, _ in self._nodes])
        reach = _REACH * self.noise
        return np.stack([points.min(axis=0) - reach, points.max(axis=0) + reach])

    def _parts_log_prob(self, x):
        constant = _LOG_2PI + 2.0 * np.log(self.noise)
        parts = []
        for points, log_weights in self._nodes:
            squares = np.square(x[:, :1] - points[:, 0])
            squares += np.square(x[:, 1:] - points[:, 1])
            squares *= -0.5 / self.noise**2
            squares += log_weights
            parts.append(_log_sum_exp(squares) - constant)
        return np.stack(parts, axis=-1)

    def _near(self, x):
        from scipy.spatial import cKDTree

        tree = cKDTree(np.concatenate([points for points, _ in self._nodes]))
        distance, _ = tree.query(x, distance_upper_bound=_REACH * self.noise)
        return np.isfinite(distance)


class Pinwheel(Target):
    r"""Gaussian blades around the origin, twisted by an angle that grows with the radius.

    With u Gaussian about (1, 0), standard deviations (0.3, 0.1) along and across the blade,
    :math:`x = 2 R(2 \pi k / K + \exp(|u|) / 4)\, u`. A rotation by an angle that depends on the
    radius alone preserves area, so that the density of x is that of u over 4.

    Parameters
    ----------
    blades : int
        Number of blades.
    noise : float
        Standard deviation across a blade, positive; along the blade it is three times as large.
    """

    zoom = 2.0
    rate = 0.25

    def __init__(self, blades: int, noise: float):
        self.blades = blades
        self.deviations = np.array([3.0 * noise, noise])

    parts = property(lambda self: self.blades)
    # The twist shears a blade by about one, which narrows its structure by less than two.
    scale = property(lambda self: self.zoom * self.deviations[1] / 2.0)

    @property
    def box(self) -> np.ndarray:  # noqa: D102
        edge = self.zoom * (1.0 + _REACH * self.deviations[0])
        return np.array([[-edge, -edge], [edge, edge]])

    def place(self, u: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Map the untwisted ``u [n, 2]`` of the blades ``labels [n]`` to points ``[n, 2]``."""
        return self.zoom * self._turn(u, labels, 1.0)

    def _turn(self, u, labels, sign):
        radius = np.linalg.norm(u, axis=-1)
        # No blade reaches as far as radius 50; the bound keeps the angle of remote points finite.
        angle = 2.0 * np.pi * labels / self.blades + self.rate * np.exp(np.minimum(radius, 50.0))
        cos, sin = np.cos(angle), sign * np.sin(angle)
        return np.stack([cos * u[..., 0] - sin * u[..., 1], sin * u[..., 0] + cos * u[..., 1]], -1)

    def _parts_log_prob(self, x):
        u = self._turn(x[:, None, :] / self.zoom, np.arange(self.blades), -1.0)
        scaled = (u - np.array([1.0, 0.0])) / self.deviations
        log_volume = np.log(self.deviations).sum() + 2.0 * np.log(self.zoom)
        return -0.5 * np.sum(scaled**2, axis=-1) - _LOG_2PI - log_volume


class Checkerboard(Target):
    """Uniform on the eight squares of side 2 of one color of a board on [-4, 4] x [-4, 4].

    The density is 1/32 on the squares and 0 off them, so the entropy is log 32 = 3.466 nats.
    """

    parts = property(lambda self: 1)
    scale = property(lambda self: 2.0)
    area = 32.0

    @property
    def box(self) -> np.ndarray:  # noqa: D102
        return np.array([[-4.0, -4.0], [4.0, 4.0]])

    def _parts_log_prob(self, x):
        cell = np.floor(x / 2.0)
        inside = np.all((cell >= -2) & (cell <= 1), axis=-1) & (cell.sum(axis=-1) % 2 == 0)
        return np.where(inside, -np.log(self.area), -np.inf)[:, None]

    @cached_property
    def _entropies(self) -> tuple[float, float]:
        entropy = float(np.log(self.area))
        return entropy, entropy
