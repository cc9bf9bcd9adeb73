"""Rows on curves and surfaces, which fill no volume though no column is a linear function."""

import numpy as np
from scipy.spatial import KDTree

from tfflows.inputs.dependence import UNBOUNDED

__all__ = ["MOST", "describe_surface", "dimension_of", "find_surface", "flatness"]

#: Most columns that are looked at: among more, some thousand rows are far from their neighbors.
MOST = 10

# How flat the neighborhoods of rows on a smooth surface are, at least. Of tables with a density
# hardly one is below 0.1.
_FLAT = 0.05

# Enough rows to see surfaces among three columns, and curves among ten.
_ROWS, _ROWS_OF_MANY = 4000, 2000


def flatness(x) -> np.ndarray:
    r"""Return how flat the neighborhoods of rows are, for each dimension they might have.

    Of a row and its D + 2 nearest neighbors, after columns were made uncorrelated, let
    :math:`s_1 \ge \dots \ge s_D` be the singular values. If rows lie on a smooth surface of
    dimension d, the ratio :math:`s_{d+1} / s_d` goes to zero as neighbors come nearer, as fast as
    they do; where rows have a density it does not. This is local principal component analysis.

    Parameters
    ----------
    x : array
        Rows ``[N, ...]``; some thousand of them are looked at.

    Returns
    -------
    np.ndarray
        The ratio that four rows in five stay below, for each d from 1 to D - 1. Columns of which
        half the values or more are repeated are left out, and so are repeated rows. Empty for fewer
        than two or more than 10 columns, for fewer than 200 rows or than ten for each column, and
        where a column is a linear function of others.

    References
    ----------
    Fukunaga and Olsen (1971), "An Algorithm for Finding Intrinsic Dimensionality of Data", IEEE
    Transactions on Computers C-20(2), 176-183.

    Examples
    --------
    >>> angle = np.random.default_rng(0).uniform(0, 6.28, 1000)
    >>> circle = np.c_[np.cos(angle), np.sin(angle)]
    >>> print(flatness(circle).round(3), flatness(circle + 0.1 * np.roll(circle, 1, 0)).round(1))
    [0.004] [0.7]
    """
    x = np.asarray(x)
    x = x.reshape(len(x), -1)
    nothing = np.zeros(0)
    if not 1 < x.shape[1] <= MOST:
        return nothing
    most = _ROWS if x.shape[1] < 4 else _ROWS_OF_MANY
    if len(x) > most:
        # At random: rows in equal steps might hide how they lie.
        x = x[np.sort(np.random.default_rng(0).choice(len(x), most, replace=False))]
    x = x[:, [len(np.unique(column)) > len(x) / 2 for column in x.T]].astype(np.float64)
    x = np.unique(x, axis=0)
    count, size = x.shape
    if size < 2 or count < max(200, 10 * size):
        return nothing
    # Flat in one scaling of the columns alone would be an accident of that scaling.
    found = [_flatness(x, tails) for tails in ((0.25, 0.75), (0.05, 0.95))]
    return np.max(found, axis=0) if all(map(len, found)) else nothing


def _flatness(x: np.ndarray, quantiles: tuple[float, float]) -> np.ndarray:
    low, high = np.quantile(x, quantiles, axis=0)
    if not np.all(high > low):
        return np.zeros(0)
    z = (x - np.median(x, axis=0)) / (high - low)
    # Rows far out have no say in what is uncorrelated.
    variances, axes = np.linalg.eigh(np.cov(np.clip(z, -5.0, 5.0).T))
    if variances[0] < 1e-6 * variances[-1]:
        return np.zeros(0)
    z = z @ axes / np.sqrt(variances)
    _, neighbors = KDTree(z).query(z, x.shape[1] + 3)
    near = z[neighbors]
    values = np.linalg.svd(near - near.mean(axis=1, keepdims=True), compute_uv=False)
    smallest = np.finfo(np.float64).tiny
    return np.quantile(values[:, 1:] / np.maximum(values[:, :-1], smallest), 0.8, axis=0)


def find_surface(x) -> int | None:
    """Return the dimension of the surface that rows lie on, smaller than the number of columns.

    Surfaces are found from their `flatness`, to which curvature adds: curves from some hundred rows
    on, surfaces among three columns from some thousand. None where nothing was found.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=1000)
    >>> find_surface(np.c_[x, x**2])
    1
    """
    return dimension_of(flatness(x))


def dimension_of(ratios: np.ndarray) -> int | None:
    """Return the least dimension whose `flatness` is that of a smooth surface, None for none."""
    flat = np.flatnonzero(ratios < _FLAT)
    return int(flat[0]) + 1 if len(flat) else None


def describe_surface(dimension: int | None, what: str = "x") -> str:
    """Return a sentence on rows that lie on a surface, and one on what to do; or nothing."""
    if dimension is None:
        return ""
    kind = {1: "curves", 2: "surfaces"}.get(dimension, f"surfaces of dimension {dimension}")
    place = {1: "a line", 2: "a plane"}.get(dimension, f"a space of {dimension} dimensions")
    return (
        f"rows of {what} lie on {kind}: one and its nearest neighbors are on {place}, all but "
        f"exactly. {UNBOUNDED} Drop columns that follow from others, or add noise of the size of a "
        "measurement error."
    )
