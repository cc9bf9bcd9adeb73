"""Two-dimensional toy sets: how each is drawn, and its true density.

A toy is a function ``(rng, n, noise) -> (x [n, 2], labels [n] or None, Target)``. Where the noise
is zero a set lies on a curve and has no density in the plane; the target is then None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tfflows.datasets.targets import (
    Checkerboard,
    Curve,
    GaussianMixture,
    NoisyCircles,
    NoisyCurves,
    Pinwheel,
    Target,
)

Drawn = tuple[np.ndarray, np.ndarray | None, Target | None]


@dataclass(frozen=True)
class Toy:
    """How to draw a toy set.

    Attributes
    ----------
    draw : callable
        ``(rng, n, noise) -> (x, labels, target)``.
    noise : float
        Default noise; its meaning is the set's own.
    classes : tuple of str
        Name of each label; empty when unlabeled.
    columns : tuple of str
        Names of the coordinates.
    """

    draw: Callable[[np.random.Generator, int, float], Drawn]
    noise: float
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ("x0", "x1")


def _state(rng: np.random.Generator) -> int:
    """Seed for scikit-learn's ``random_state``."""
    return int(rng.integers(2**32 - 1))


def _outer_moon(t: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(t), np.sin(t)], axis=-1)


def _inner_moon(t: np.ndarray) -> np.ndarray:
    return np.stack([1.0 - np.cos(t), 0.5 - np.sin(t)], axis=-1)


def _moons(rng, n, noise):
    from sklearn.datasets import make_moons

    x, labels = make_moons(n, noise=noise, random_state=_state(rng))
    arcs = [Curve(moon, 0.0, np.pi) for moon in (_outer_moon, _inner_moon)]
    return x, labels, NoisyCurves(arcs, noise) if noise else None


def _circles(rng, n, noise):
    from sklearn.datasets import make_circles

    factor = 0.5
    x, labels = make_circles(n, noise=noise, factor=factor, random_state=_state(rng))
    return x, labels, NoisyCircles([1.0, factor], noise) if noise else None


def _swiss_roll(rng, n, noise):
    from sklearn.datasets import make_swiss_roll

    x, _ = make_swiss_roll(n, noise=noise, random_state=_state(rng))
    # The angle is uniform on [1.5, 4.5] pi; the derivative of (t cos t, t sin t) has length
    # sqrt(1 + t^2).
    stop = 4.5 * np.pi
    roll = Curve(
        lambda t: t[:, None] * np.stack([np.cos(t), np.sin(t)], axis=-1),
        1.5 * np.pi,
        stop,
        speed=float(np.hypot(1.0, stop)),
    )
    return x[:, [0, 2]], None, NoisyCurves([roll], noise) if noise else None


def _blobs(rng, n, noise):
    from sklearn.datasets import make_blobs

    centers = np.array([[0.0, 4.0], [-3.5, -2.0], [3.5, -2.0]])
    x, labels = make_blobs(n, centers=centers, cluster_std=noise, random_state=_state(rng))
    return x, labels, GaussianMixture(centers, noise) if noise else None


def _eight_gaussians(rng, n, noise):
    angles = 2.0 * np.pi * np.arange(8) / 8.0
    centers = 4.0 / np.sqrt(2.0) * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    labels = rng.integers(8, size=n)
    x = centers[labels] + noise * rng.standard_normal((n, 2))
    return x, labels, GaussianMixture(centers, noise) if noise else None


def _rings(rng, n, noise):
    radii = np.array([0.75, 1.5, 2.25, 3.0])
    labels = rng.integers(len(radii), size=n)
    angles = rng.uniform(0.0, 2.0 * np.pi, size=n)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    x = radii[labels, None] * circle + noise * rng.standard_normal((n, 2))
    return x, labels, NoisyCircles(radii, noise) if noise else None


def _pinwheel(rng, n, noise):
    blades = 5
    labels = rng.integers(blades, size=n)
    target = Pinwheel(blades, noise)
    u = np.array([1.0, 0.0]) + target.deviations * rng.standard_normal((n, 2))
    return target.place(u, labels), labels, target if noise else None


_TURNS = 3.0 * np.pi


def _spiral(sign: float) -> Callable[[np.ndarray], np.ndarray]:
    def point(t: np.ndarray) -> np.ndarray:
        return sign / 3.0 * t[:, None] * np.stack([-np.cos(t), np.sin(t)], axis=-1)

    return point


def _two_spirals(rng, n, noise):
    labels = rng.integers(2, size=n)
    # The square root spreads the points evenly along the arms rather than over the angle.
    t = _TURNS * np.sqrt(rng.uniform(size=n))
    x = (1.0 - 2.0 * labels)[:, None] * _spiral(1.0)(t) + noise * rng.standard_normal((n, 2))
    arms = [
        Curve(
            _spiral(sign),
            0.0,
            _TURNS,
            speed=float(np.hypot(1.0, _TURNS)) / 3.0,
            weight=lambda t: 2.0 * t / _TURNS**2,
        )
        for sign in (1.0, -1.0)
    ]
    return x, labels, NoisyCurves(arms, noise) if noise else None


def _checkerboard(rng, n, noise):
    if noise:
        raise ValueError(f"checkerboard has sharp edges and takes no noise; got noise={noise}")
    column = rng.integers(-2, 2, size=n)
    row = 2 * rng.integers(-1, 1, size=n) + column % 2
    x = 2.0 * (np.stack([column, row], axis=-1) + rng.uniform(size=(n, 2)))
    return x, None, Checkerboard()


TOYS = {
    "moons": Toy(_moons, 0.05, ("outer", "inner")),
    "circles": Toy(_circles, 0.05, ("outer", "inner")),
    "swiss_roll": Toy(_swiss_roll, 0.5, columns=("x", "z")),
    "blobs": Toy(_blobs, 1.0, ("top", "left", "right")),
    "8gaussians": Toy(_eight_gaussians, 0.5 / 2.0**0.5, tuple(str(k) for k in range(8))),
    "pinwheel": Toy(_pinwheel, 0.1, tuple(str(k) for k in range(5))),
    "2spirals": Toy(_two_spirals, 0.1, ("0", "1")),
    "checkerboard": Toy(_checkerboard, 0.0),
    "rings": Toy(_rings, 0.08, ("0", "1", "2", "3")),
}
