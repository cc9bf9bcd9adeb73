"""A density in the plane."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfflows.plot.style import BLACK, DENSITY_MAP, GRAY, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HALF_WIDTH = 4.0
#: Powers of ten that a logarithmic picture spans.
DECADES = 6


def density(
    model: Any,
    ax: Axes | None = None,
    x: np.ndarray | None = None,
    context: np.ndarray | None = None,
    bounds: Sequence[Sequence[float]] | None = None,
    resolution: int = 200,
    points: int = 500,
    columns: Sequence[str] = ("x0", "x1"),
    scale: str = "linear",
    regions: Sequence[float] = (),
) -> Axes:
    """Plot a two-dimensional density as colors, with data or samples over it.

    Parameters
    ----------
    model : DensityModel or callable
        Anything with ``log_prob(x)``, or a function of ``x [n, 2]`` that returns log densities
        in nats ``[n]``, such as the ``log_prob`` of a data set.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default (``ax.figure``).
    x : array_like, optional
        Rows ``[n, 2]`` drawn as dots (the first ``points`` of them); they set the rectangle
        where ``bounds`` does not.
    context : array_like, optional
        One context row ``[context]`` for a conditional model: the picture is p(x | context).
    bounds : sequence, optional
        Rectangle ``((low, high), (low, high))``; by default that of x with a margin of a tenth,
        or [-4, 4] x [-4, 4] without x.
    resolution : int
        Grid points per axis.
    points : int
        Most dots that are drawn.
    columns : sequence of str
        Labels of the axes, with units where they have any.
    scale : str
        ``"linear"``, or ``"log"``: colors show log densities in nats, over the `DECADES` decades
        below the peak.
    regions : sequence of float
        Shares in ``(0, 1)``, for example ``(0.5, 0.9, 0.99)``: the border of the smallest region
        that holds this much of the probability is drawn for each. Those that do not fit into the
        rectangle are left out.

    Returns
    -------
    matplotlib.axes.Axes
        The axes; the color bar is in probability per unit area, or its logarithm.

    Raises
    ------
    ValueError
        If x is not of shape ``[n, 2]``, the bounds are not two increasing pairs, or the model
        is not one of events of length 2, or the scale or a region is unknown.

    Examples
    --------
    >>> import tfflows.datasets, tfflows.plot
    >>> data = tfflows.datasets.load("8gaussians", n=100)
    >>> ax = tfflows.plot.density(data.log_prob, x=data.train, resolution=20)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x0', 'x1')
    """
    if x is not None:
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != 2:
            raise ValueError(f"a density is drawn over two columns; x has shape {x.shape}")
    if scale not in ("linear", "log"):
        raise ValueError(f'scale={scale!r}: expected "linear" or "log".')
    wrong = [share for share in regions if not 0.0 < share < 1.0]
    if wrong:
        raise ValueError(f"regions={wrong!r}: expected shares of the probability in (0, 1).")
    log_prob = _log_prob_of(model, context)
    (left, right), (bottom, top) = _bounds(x, bounds)
    across = np.linspace(left, right, resolution)
    up = np.linspace(bottom, top, resolution)
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2).astype(np.float32)
    logs = np.asarray(log_prob(grid), dtype=np.float64).reshape(resolution, resolution)
    values = np.exp(logs)

    ax = axes_or_new(ax, 5.6, 4.6)
    shades = {"cmap": DENSITY_MAP, "shading": "gouraud", "rasterized": True}
    if scale == "log":
        peak = logs.max()
        floor = peak - DECADES * np.log(10.0)
        mesh = ax.pcolormesh(across, up, np.maximum(logs, floor), vmin=floor, vmax=peak, **shades)
    else:
        mesh = ax.pcolormesh(across, up, values, vmin=0.0, **shades)
    if x is not None and len(x):
        shown = x[:points]
        ax.plot(shown[:, 0], shown[:, 1], ls="none", marker="o", ms=2.2, mfc="white", mec=BLACK)
        ax.lines[-1].set(markeredgewidth=0.3, alpha=0.7)
    _draw_regions(ax, across, up, values, regions)
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel=columns[0], ylabel=columns[1])
    bar = ax.figure.colorbar(mesh, ax=ax)
    bar.set_label(
        "log density (nats per unit area)" if scale == "log" else "density (per unit area)"
    )
    return ax


def _draw_regions(ax, across, up, values, shares) -> None:
    """Draw the borders of the regions of highest density that hold these shares."""
    from matplotlib.patheffects import withStroke

    cell = (across[1] - across[0]) * (up[1] - up[0]) if len(across) > 1 else 0.0
    descending = np.sort(values.reshape(-1))[::-1]
    mass = np.cumsum(descending) * cell
    for share, style in zip(sorted(shares), itertools.cycle(("-", "--", ":"))):
        if mass[-1] <= share:
            continue
        level = descending[np.searchsorted(mass, share)]
        # White on the dark of low densities, with a rim for where they are high.
        drawn = ax.contour(across, up, values, [level], colors="white", linewidths=1.1)
        drawn.set(linestyle=style, path_effects=[withStroke(linewidth=2.0, foreground="0.25")])
        ax.plot([], [], color=GRAY, ls=style, lw=1.4, label=f"{100 * share:g} % region")
    if ax.get_legend_handles_labels()[1]:
        ax.legend(loc="best", fontsize=7, framealpha=0.9)


def _log_prob_of(model: Any, context: np.ndarray | None) -> Callable[[np.ndarray], Any]:
    """Return a function of x alone."""
    log_prob = getattr(model, "log_prob", model)
    if not callable(log_prob):
        raise ValueError(f"expected a model with log_prob, or a function; got {model!r}")
    event_shape = getattr(model, "event_shape", None)
    if event_shape is not None and tuple(event_shape) != (2,):
        raise ValueError(f"a density is drawn for events of shape (2,); got {tuple(event_shape)}")
    if context is None:
        return log_prob
    row = np.atleast_1d(np.asarray(context, dtype=np.float32))
    return lambda x: log_prob(x, context=np.broadcast_to(row, (len(x), *row.shape)))


def _bounds(x: np.ndarray | None, bounds: Sequence[Sequence[float]] | None) -> np.ndarray:
    """Rectangle as ``[[left, right], [bottom, top]]``."""
    if bounds is not None:
        box = np.asarray(bounds, dtype=np.float64)
        if box.shape != (2, 2) or not np.all(box[:, 0] < box[:, 1]):
            raise ValueError(f"bounds must be ((low, high), (low, high)); got {bounds!r}")
        return box
    if x is None or not len(x):
        return np.array([[-_HALF_WIDTH, _HALF_WIDTH]] * 2)
    low, high = x.min(axis=0), x.max(axis=0)
    margin = 0.1 * np.where(high > low, high - low, 1.0)
    return np.stack([low - margin, high + margin], axis=-1)
