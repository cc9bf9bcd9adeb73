"""A density in the plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfflows.plot.style import BLACK, DENSITY_MAP, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HALF_WIDTH = 4.0


def density(
    model: Any,
    ax: Axes | None = None,
    x: np.ndarray | None = None,
    context: np.ndarray | None = None,
    bounds: Sequence[Sequence[float]] | None = None,
    resolution: int = 200,
    points: int = 500,
    columns: Sequence[str] = ("x0", "x1"),
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
        Labels of the axes.

    Returns
    -------
    matplotlib.axes.Axes
        The axes; the color bar is in probability per unit area.

    Raises
    ------
    ValueError
        If x is not of shape ``[n, 2]``, the bounds are not two increasing pairs, or the model
        is not one of events of length 2.

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
    log_prob = _log_prob_of(model, context)
    (left, right), (bottom, top) = _bounds(x, bounds)
    across = np.linspace(left, right, resolution)
    up = np.linspace(bottom, top, resolution)
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2).astype(np.float32)
    values = np.exp(np.asarray(log_prob(grid), dtype=np.float64)).reshape(resolution, resolution)

    ax = axes_or_new(ax, 5.6, 4.6)
    mesh = ax.pcolormesh(
        across, up, values, cmap=DENSITY_MAP, shading="gouraud", vmin=0.0, rasterized=True
    )
    if x is not None and len(x):
        shown = x[:points]
        ax.plot(shown[:, 0], shown[:, 1], ls="none", marker="o", ms=2.2, mfc="white", mec=BLACK)
        ax.lines[-1].set(markeredgewidth=0.3, alpha=0.7)
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel=columns[0], ylabel=columns[1])
    bar = ax.figure.colorbar(mesh, ax=ax)
    bar.set_label("density (per unit area)")
    return ax


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
