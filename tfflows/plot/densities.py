"""Densities in the plane, one or several side by side."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfflows.plot.style import BLACK, DENSITY_MAP, GRAY, axes_or_new, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HALF_WIDTH = 4.0
#: Powers of ten that a logarithmic picture spans.
DECADES = 6
#: What the color bar of each scale shows.
_UNITS = {"linear": "density (per unit area)", "log": "log density (nats per unit area)"}


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
    label: str = "data",
    peak: float | None = None,
) -> Axes:
    """Plot a two-dimensional density as colors, with data or samples over it.

    Several densities can be compared where they have one scale of colors: `side_by_side`.

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
    label : str
        What the rows of ``x`` are, for the legend; an empty string leaves them out of it.
    peak : float, optional
        Density per unit area at the upper end of the colors; by default the largest one seen.

    Returns
    -------
    matplotlib.axes.Axes
        The axes; the color bar is in probability per unit area, or its logarithm.

    Raises
    ------
    ValueError
        If x is not of shape ``[n, 2]``, the bounds are not two increasing pairs, or the model
        is not one of events of length 2, or the scale or a region is unknown, or the peak not
        positive.

    Examples
    --------
    >>> import tfflows.datasets, tfflows.plot
    >>> data = tfflows.datasets.load("8gaussians", n=100)
    >>> ax = tfflows.plot.density(data.log_prob, x=data.train, resolution=20)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x0', 'x1')
    """
    x = _checked(x, scale, regions)
    if peak is not None and not peak > 0.0:
        raise ValueError(f"peak={peak!r}: expected a positive density per unit area.")
    seen = _on_grid(model, context, _bounds(x, bounds), resolution)
    ax = axes_or_new(ax, 5.6, 4.6)
    mesh = _draw(ax, seen, scale, _log_peak(seen) if peak is None else np.log(peak))
    _draw_rows(ax, x, points, label)
    _draw_regions(ax, *seen, regions)
    _finish(ax, seen, columns)
    ax.figure.colorbar(mesh, ax=ax).set_label(_UNITS[scale])
    return ax


def side_by_side(
    models: Mapping[str, Any],
    x: np.ndarray | None = None,
    context: np.ndarray | None = None,
    bounds: Sequence[Sequence[float]] | None = None,
    resolution: int = 200,
    points: int = 500,
    columns: Sequence[str] = ("x0", "x1"),
    scale: str = "linear",
    regions: Sequence[float] = (),
    label: str = "data",
    across: int = 3,
) -> Figure:
    """Plot two-dimensional densities on one rectangle and one scale of colors.

    The same color is the same density in every panel, so that one sees which is the higher and
    narrower.

    Parameters
    ----------
    models : mapping
        Titles, and what `density` takes as its model.
    x, context, bounds, resolution, points, columns, scale, regions, label
        As in `density`, for all panels.
    across : int
        Panels side by side.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, with a panel for each model and a color bar for all.

    Raises
    ------
    ValueError
        If there are no models, or as in `density`.

    Examples
    --------
    >>> import tfflows.plot
    >>> from tensorflow_probability import distributions as tfd
    >>> normal = tfd.MultivariateNormalDiag([0.0, 0.0])
    >>> wide = tfd.MultivariateNormalDiag([0.0, 0.0], [2.0, 2.0])
    >>> figure = tfflows.plot.side_by_side({"normal": normal, "wide": wide}, resolution=20)
    >>> [ax.get_title() for ax in figure.axes[:2]]
    ['normal', 'wide']
    """
    if not models:
        raise ValueError("nothing to draw: expected a title and a model for each panel.")
    x = _checked(x, scale, regions)
    box = _bounds(x, bounds)
    seen = [_on_grid(model, context, box, resolution) for model in models.values()]
    log_peak = max(map(_log_peak, seen))
    across = min(across, len(models))
    rows = -(-len(models) // across)
    figure = new_figure(3.2 * across + 1.0, 3.0 * rows)
    panels = figure.subplots(rows, across, squeeze=False, sharex=True, sharey=True).reshape(-1)
    for index, (ax, title, one) in enumerate(zip(panels, models, seen, strict=False)):
        mesh = _draw(ax, one, scale, log_peak)
        _draw_rows(ax, x, points, label)
        _draw_regions(ax, *one, regions)
        lowest, leftmost = index + across >= len(models), index % across == 0
        _finish(ax, one, (columns[0] if lowest else "", columns[1] if leftmost else ""))
        ax.tick_params(labelbottom=lowest)
        ax.set_title(title, fontsize=10)
    for ax in panels[len(models) :]:
        ax.remove()
    figure.colorbar(mesh, ax=list(panels[: len(models)])).set_label(_UNITS[scale])
    return figure


def _checked(x, scale: str, regions: Sequence[float]) -> np.ndarray | None:
    """Return the rows as an array, if what is to be drawn makes sense."""
    if x is not None:
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != 2:
            raise ValueError(f"a density is drawn over two columns; x has shape {x.shape}")
    if scale not in _UNITS:
        raise ValueError(f'scale={scale!r}: expected "linear" or "log".')
    wrong = [share for share in regions if not 0.0 < share < 1.0]
    if wrong:
        raise ValueError(f"regions={wrong!r}: expected shares of the probability in (0, 1).")
    return x


def _on_grid(model, context, box, resolution: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return both axes of a grid, and the log densities on it ``[up, across]``."""
    log_prob = _log_prob_of(model, context)
    across, up = (np.linspace(*ends, resolution) for ends in box)
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2).astype(np.float32)
    logs = np.asarray(log_prob(grid), dtype=np.float64).reshape(resolution, resolution)
    return across, up, logs


def _log_peak(seen) -> float:
    """Return the largest of the log densities on a grid."""
    logs = seen[2][np.isfinite(seen[2])]
    return float(logs.max()) if logs.size else 0.0


def _draw(ax, seen, scale: str, log_peak: float):
    """Draw log densities on a grid as colors that end at `log_peak`."""
    across, up, logs = seen
    values, floor, top = np.exp(logs), 0.0, np.exp(log_peak)
    if scale == "log":
        floor, top = log_peak - DECADES * np.log(10.0), log_peak
        values = np.maximum(logs, floor)
    return ax.pcolormesh(
        across,
        up,
        values,
        vmin=floor,
        vmax=top,
        cmap=DENSITY_MAP,
        shading="gouraud",
        rasterized=True,
    )


def _draw_rows(ax, x, points: int, label: str) -> None:
    """Draw the first rows as dots, and say what they are."""
    if x is None or not len(x):
        return
    shown = x[:points]
    count = f"{len(x):,}" if len(shown) == len(x) else f"{len(shown):,} of {len(x):,}"
    (dots,) = ax.plot(shown[:, 0], shown[:, 1], ls="none", marker="o", ms=2.2, mfc="white")
    dots.set(markeredgecolor=BLACK, markeredgewidth=0.3, alpha=0.7)
    if label:
        dots.set_label(f"{label} ({count} rows)")


def _finish(ax, seen, columns: Sequence[str]) -> None:
    """Set limits and labels, and explain what lies over the colors."""
    across, up, _ = seen
    ax.set(xlim=across[[0, -1]], ylim=up[[0, -1]], xlabel=columns[0], ylabel=columns[1])
    if ax.get_legend_handles_labels()[1]:
        # White dots with a dark rim, larger than in the picture, on the gray of low densities.
        ax.legend(loc="best", fontsize=7, framealpha=0.9, facecolor="0.9", markerscale=2.0)


def _draw_regions(ax, across, up, logs, shares) -> None:
    """Draw the borders of the regions of highest density that hold these shares."""
    from matplotlib.patheffects import withStroke

    values = np.exp(logs)
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
