"""Data and samples of a model, pair of columns by pair of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfflows.plot.style import BLUE, ORANGE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Bins of a histogram: fewer hide its form, more show nothing but the luck of the draw.
_FEWEST, _MOST = 5, 60
_LIGHT = "#C8C8C8"


def pairs(
    data: np.ndarray,
    samples: np.ndarray,
    columns: Sequence[str] | None = None,
    points: int = 1000,
    most: int = 8,
    train: np.ndarray | None = None,
    label: str = "data",
) -> Figure:
    """Plot data against samples: histograms on the diagonal, scatter plots below it.

    A scatter plot shows equally many rows of both, neither on top of the other, so that a good
    fit is two clouds that cannot be told apart. Where the data are few, the rows that the model was
    fitted to, in light gray behind them, show what it has seen.

    Parameters
    ----------
    data : array_like
        Rows ``[n, columns]``.
    samples : array_like
        Rows ``[m, columns]`` drawn from the model.
    columns : sequence of str, optional
        Names of the columns, with units where they have any.
    points : int
        Most rows of each kind drawn as dots, chosen at random; histograms use all rows.
    most : int
        Most columns shown; of a wider table the first.
    train : array_like, optional
        Rows ``[k, columns]`` that the model was fitted to.
    label : str
        What the data are, for the legend, such as "test rows".

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ValueError
        If data and samples are not tables with the same columns, or names are missing.

    Examples
    --------
    >>> import numpy as np, tfflows.plot
    >>> rng = np.random.default_rng(0)
    >>> figure = tfflows.plot.pairs(rng.normal(size=(50, 3)), rng.normal(size=(50, 3)))
    >>> len(figure.axes)
    6
    """
    data, samples, columns = as_tables(data, samples, columns)
    shown = min(data.shape[1], most)
    figure = new_figure(2.0 * max(shown, 2) + 1.0, 2.0 * max(shown, 2) + 0.3)
    grid = figure.add_gridspec(shown, shown)
    dots, colors = _interleaved(data, samples, points)
    behind = data[:0]
    if train is not None:
        behind = as_tables(train, samples, columns)[0]
        behind = behind[np.random.default_rng(0).permutation(len(behind))]
    seen = np.concatenate([data, behind])
    limits = [limits_of(seen[:, k], samples[:, k]) for k in range(shown)]
    for row in range(shown):
        for column in range(row + 1):
            ax = figure.add_subplot(grid[row, column])
            ax.set_xlim(limits[column])
            if row == column:
                column_of = data[:, row], samples[:, row], limits[row]
                draw_histograms(ax, *column_of, behind[:, row], label)
            else:
                ax.set_ylim(limits[row])
                if len(behind):
                    first = behind[: 2 * points]
                    ax.scatter(first[:, column], first[:, row], s=4, color=_LIGHT, lw=0, zorder=0.5)
                ax.scatter(dots[:, column], dots[:, row], s=4, c=colors, alpha=0.6, lw=0)
            ax.tick_params(labelsize=7, labelbottom=row == shown - 1)
            if row == shown - 1:
                ax.set_xlabel(columns[column], fontsize=8)
            if row == column:
                ax.set_yticks([])
                ax.spines[["top", "right", "left"]].set_visible(False)
            else:
                ax.tick_params(labelleft=column == 0)
            if column == 0:
                ax.set_ylabel("share" if row == 0 else columns[row], fontsize=8)
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(),
        loc="outside upper right",
        frameon=False,
        ncols=3,
        fontsize=8,
    )
    if shown < data.shape[1]:
        figure.suptitle(f"first {shown} of {data.shape[1]} columns", fontsize=9)
    return figure


def as_tables(data, samples, columns) -> tuple[np.ndarray, np.ndarray, Sequence[str]]:
    """Return both tables and the names of their columns, or raise a ValueError."""
    data, samples = np.asarray(data), np.asarray(samples)
    if data.ndim != 2 or samples.ndim != 2 or data.shape[1] != samples.shape[1]:
        raise ValueError(
            "expected two tables with the same columns; "
            f"data has shape {data.shape}, samples have shape {samples.shape}"
        )
    if columns is None:
        columns = [f"x{k}" for k in range(data.shape[1])]
    if len(columns) != data.shape[1]:
        raise ValueError(f"expected {data.shape[1]} column names; got {list(columns)}")
    if not len(data) or not len(samples):
        raise ValueError(f"nothing to draw: {len(data)} rows of data, {len(samples)} samples")
    return data, samples, columns


def _interleaved(data: np.ndarray, samples: np.ndarray, points: int) -> tuple[np.ndarray, list]:
    """Equally many rows of both in one random order, and the color of each."""
    rng = np.random.default_rng(0)
    count = min(points, len(data), len(samples))
    chosen = [rng.choice(len(rows), count, replace=False) for rows in (data, samples)]
    dots = np.concatenate([data[chosen[0]], samples[chosen[1]]])
    order = rng.permutation(2 * count)
    return dots[order], [BLUE if k < count else ORANGE for k in order]


def limits_of(data: np.ndarray, samples: np.ndarray) -> tuple[float, float]:
    """Range that holds the data and all but the outermost samples."""
    low = min(data.min(), np.quantile(samples, 0.005))
    high = max(data.max(), np.quantile(samples, 0.995))
    margin = 0.05 * (high - low) or 0.5
    return float(low - margin), float(high + margin)


def draw_histograms(
    ax,
    data: np.ndarray,
    samples: np.ndarray,
    limits: tuple[float, float],
    behind: Sequence[float] = (),
    label: str = "data",
) -> None:
    """Two histograms on common bins, each as shares of its own rows, and one behind them."""
    bins = np.linspace(*limits, _bins(data, limits) + 1)
    for values, name, style in (
        (np.asarray(behind), "training rows", {"color": _LIGHT}),
        (data, label, {"color": BLUE, "alpha": 0.45}),
        (samples, "samples", {"color": ORANGE, "histtype": "step", "lw": 1.5}),
    ):
        if len(values):
            weights = np.full(len(values), 1.0 / len(values))
            ax.hist(values, bins, weights=weights, label=f"{name} ({len(values):,})", **style)


def _bins(data: np.ndarray, limits: tuple[float, float]) -> int:
    """Return how many bins the rows can fill, by the rule of Freedman and Diaconis (1981)."""
    low, high = np.quantile(data, [0.25, 0.75])
    width = 2.0 * (high - low) / len(data) ** (1 / 3)
    count = np.ceil((limits[1] - limits[0]) / width) if width > 0.0 else _MOST
    # Of few rows the quartiles themselves are uncertain.
    return int(max(_FEWEST, min(_MOST, 2.0 * len(data) ** 0.5, count)))
