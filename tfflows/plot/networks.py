"""Who sees whom in a masked network."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from tfflows.plot.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def masks(network: Any) -> Figure:
    """Plot the masks of an autoregressive network, and which coordinates each output sees.

    Dark is a connection. The last panel counts the ways from each input coordinate to the
    parameters of each coordinate; in the order of the network it must be strictly triangular.

    Parameters
    ----------
    network : AutoregressiveNetwork or MaskedAutoregressive
        A built network, or a layer that has one.

    Returns
    -------
    matplotlib.figure.Figure
        The figure: a panel for each mask and one for the whole.

    Raises
    ------
    ValueError
        If there are no masks, or they do not exist yet.

    Examples
    --------
    >>> from tfflows import conditioners, plot
    >>> network = conditioners.AutoregressiveNetwork(2, event_shape=[3], hidden_units=[6])
    >>> figure = plot.masks(network)
    >>> [ax.get_title() for ax in figure.axes]
    ['x to hidden 1', 'hidden 1 to parameters', 'who sees whom']
    """
    network = getattr(network, "network", network)
    found = getattr(network, "masks", None)
    if found is None:
        raise ValueError(
            "expected a built AutoregressiveNetwork or a MaskedAutoregressive layer; got "
            f"{type(network).__name__} without masks. Build it by calling it once."
        )
    found = [np.asarray(mask) for mask in found]
    size = len(network.input_degrees)
    units = ["x", *(f"hidden {k + 1}" for k in range(len(found) - 1)), "parameters"]
    figure = new_figure(1.9 * (len(found) + 1), 2.4)
    panels = figure.subplots(1, len(found) + 1)
    for ax, mask, source, target in zip(panels, found, units[:-1], units[1:], strict=False):
        _draw(ax, mask, f"{source} to {target}", f"unit of {source}", f"unit of {target}")
    ways = functools.reduce(np.matmul, found)
    ways = ways.reshape(size, found[0].shape[0] // size, size, -1).sum((1, 3)) > 0
    _draw(panels[-1], ways, "who sees whom", "input coordinate", "parameters of coordinate")
    return figure


def _draw(ax, mask, title, rows, columns) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.imshow(mask, cmap="gray_r", vmin=0, vmax=1.4, aspect="auto", interpolation="nearest")
    ax.set_title(title, fontsize=9)
    ax.set_xlabel(columns, fontsize=8)
    ax.set_ylabel(rows, fontsize=8)
    ax.tick_params(labelsize=7)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
