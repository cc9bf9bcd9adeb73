"""Samples alone, as a smoothed density."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfflows.plot.densities import density

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: So many rows are smoothed; the time grows with them and with the points of the grid.
_ROWS = 5_000


def samples(
    x: np.ndarray,
    ax: Axes | None = None,
    bounds: Sequence[Sequence[float]] | None = None,
    bandwidth: float | None = None,
    resolution: int = 100,
    points: int = 500,
    columns: Sequence[str] = ("x0", "x1"),
    scale: str = "linear",
    label: str = "samples",
) -> Axes:
    r"""Plot samples in the plane by the density that a kernel estimate makes of them.

    .. math:: \hat p(x) = \frac{1}{n} \sum_{i=1}^{n} \mathcal{N}(x;\, x_i,\, h^2 \hat\Sigma)

    It needs no model, for data whose density nobody knows. What is narrower than the kernel is
    blurred: of a flow look at its `density`, which is exact.

    Parameters
    ----------
    x : array_like
        Samples ``[n, 2]``, finite, of which the first 5,000 are smoothed.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default (``ax.figure``).
    bounds : sequence, optional
        Rectangle ``((low, high), (low, high))``; by default that of x with a margin of a tenth.
    bandwidth : float, optional
        Width h of the kernel in standard deviations of the samples; by default Scott's rule,
        :math:`n^{-1/6}`.
    resolution, points, columns, scale, label
        As in `density`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes; the color bar is in probability per unit area, or its logarithm.

    Raises
    ------
    ValueError
        If x is not of shape ``[n, 2]`` with three rows or more, is not finite, or lies on a line,
        or the bandwidth is not positive.

    References
    ----------
    Scott (1992), "Multivariate Density Estimation", Wiley.

    Examples
    --------
    >>> import numpy as np, tfflows.plot
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> tfflows.plot.samples(x, resolution=20).get_xlabel()
    'x0'
    """
    from scipy.stats import gaussian_kde

    x = np.asarray(x, np.float64)
    if x.ndim != 2 or x.shape[1] != 2 or len(x) < 3:
        raise ValueError(
            f"samples in the plane have shape (n, 2), with three rows or more; got {x.shape}."
        )
    if not np.isfinite(x).all():
        raise ValueError(f"x has {int((~np.isfinite(x)).any(1).sum())} non-finite rows; drop them.")
    if bandwidth is not None and not bandwidth > 0.0:
        raise ValueError(f"bandwidth={bandwidth!r}: expected a positive number of deviations.")
    try:
        estimate = gaussian_kde(x[:_ROWS].T, bandwidth)
    except np.linalg.LinAlgError as error:
        raise ValueError("the samples lie on a line, where they have no density.") from error
    return density(
        lambda grid: estimate.logpdf(np.asarray(grid).T),
        ax,
        x,
        bounds=bounds,
        resolution=resolution,
        points=points,
        columns=columns,
        scale=scale,
        label=label,
    )
