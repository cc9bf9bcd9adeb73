"""Each column of a table against samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfflows.plot.style import new_figure
from tfflows.plot.tables import as_tables, draw_histograms, limits_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def marginals(
    data: np.ndarray,
    samples: np.ndarray,
    columns: Sequence[str] | None = None,
    across: int = 3,
    most: int = 24,
) -> Figure:
    """Plot the histogram of each column of the data and of samples.

    Parameters
    ----------
    data : array_like
        Rows ``[n, columns]``.
    samples : array_like
        Rows ``[m, columns]`` drawn from the model.
    columns : sequence of str, optional
        Names of the columns, with units where they have any.
    across : int
        Panels side by side.
    most : int
        Most columns shown; of a wider table the first.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, with one panel for each column.

    Raises
    ------
    ValueError
        If data and samples are not tables with the same columns, or names are missing.

    Examples
    --------
    >>> import numpy as np, tfflows.plot
    >>> rng = np.random.default_rng(0)
    >>> figure = tfflows.plot.marginals(rng.normal(size=(50, 3)), rng.normal(size=(50, 3)))
    >>> len(figure.axes)
    3
    """
    data, samples, columns = as_tables(data, samples, columns)
    shown = min(data.shape[1], most)
    across = min(across, shown)
    rows = -(-shown // across)
    figure = new_figure(2.2 * max(across, 2), 1.9 * rows + 0.4)
    for k in range(shown):
        ax = figure.add_subplot(rows, across, k + 1)
        limits = limits_of(data[:, k], samples[:, k])
        draw_histograms(ax, data[:, k], samples[:, k], limits)
        ax.set_xlim(limits)
        ax.set_xlabel(columns[k], fontsize=8)
        ax.tick_params(labelsize=7)
        if k % across == 0:
            ax.set_ylabel("share of rows", fontsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", frameon=False, ncols=2, fontsize=8)
    if shown < data.shape[1]:
        figure.suptitle(f"first {shown} of {data.shape[1]} columns", fontsize=9, x=0.02, ha="left")
    return figure
