"""What a flow must beat to be worth its weights: a Gaussian, and columns that know of no other."""

from __future__ import annotations

import numpy as np

Rows = tuple[np.ndarray, np.ndarray | None]


class Gaussian:
    """The normal distribution of largest likelihood; with a context, its mean is linear in it.

    Parameters
    ----------
    x, context : np.ndarray
        Training rows ``[N, D]`` and their contexts ``[N, C]``, or None.
    """

    def __init__(self, x: np.ndarray, context: np.ndarray | None):
        x = x.astype(np.float64)
        self.mean, self.scale = x.mean(axis=0), _positive(x.std(axis=0))
        self.center = None if context is None else context.mean(axis=0, dtype=np.float64)
        design, z = self._design(len(x), context), (x - self.mean) / self.scale
        self.slopes = np.linalg.lstsq(design, z, rcond=None)[0]
        residual = z - design @ self.slopes
        # Of collinear columns there is no density; a little noise makes the Gaussian one.
        covariance = residual.T @ residual / len(z) + 1e-6 * np.eye(z.shape[1])
        self.root = np.linalg.cholesky(covariance)

    def _design(self, rows: int, context: np.ndarray | None) -> np.ndarray:
        ones = np.ones((rows, 1))
        return ones if context is None else np.hstack([ones, context - self.center])

    def log_prob(self, x: np.ndarray, context: np.ndarray | None) -> np.ndarray:
        """Return the log density of each row, in nats."""
        z = (x - self.mean) / self.scale - self._design(len(x), context) @ self.slopes
        white = np.linalg.solve(self.root, z.T)
        constant = np.log(np.diag(self.root)).sum() + np.log(self.scale).sum()
        return -0.5 * (white**2).sum(axis=0) - constant - 0.5 * x.shape[1] * np.log(2.0 * np.pi)


class Independent:
    """Independent columns, each with a kernel density estimate; the context is not used.

    Parameters
    ----------
    x : np.ndarray
        Training rows ``[N, D]``, each column after a map that leaves it no heavy tail.
    """

    def __init__(self, x: np.ndarray):
        self.columns = [_Kernels(column) for column in x.T.astype(np.float64)]

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Return the log density of each row, in nats."""
        return np.sum([of.log_prob(x[:, k]) for k, of in enumerate(self.columns)], axis=0)


class _Kernels:
    """Normal kernels of Silverman's width on a grid, and a wide Cauchy density where none is."""

    def __init__(self, x: np.ndarray, cells: int = 2048):
        low, self.center, high = np.quantile(x, (0.25, 0.5, 0.75))
        self.spread = float(_positive((high - low) / 1.349 or x.std()))
        width = 0.9 * min(float(_positive(x.std())), self.spread) * len(x) ** -0.2
        counts, edges = np.histogram(
            x, bins=cells, range=(x.min() - 4.0 * width, x.max() + 4.0 * width)
        )
        self.grid, step = 0.5 * (edges[1:] + edges[:-1]), edges[1] - edges[0]
        reach = np.arange(-int(4.0 * width / step) - 1, int(4.0 * width / step) + 2) * step
        kernel = np.exp(-0.5 * (reach / width) ** 2)
        density = np.convolve(counts, kernel / kernel.sum(), mode="same")[:cells]
        self.density = density / (density.sum() * step)
        self.rest = 1.0 / (1.0 + len(x))

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        inside = np.interp(x, self.grid, self.density, left=0.0, right=0.0)
        u = (x - self.center) / self.spread
        anywhere = 1.0 / (np.pi * self.spread * (1.0 + u * u))
        return np.log((1.0 - self.rest) * inside + self.rest * anywhere)


def _positive(scale):
    return np.where(scale > 0, scale, 1.0)
