"""What each bijector of a flow does to the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfflows.plot.style import BLACK, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_REACH = 2.5


def flow(
    model: Any,
    context: np.ndarray | None = None,
    points: int = 1500,
    lines: int = 11,
    columns: int = 3,
    seed: int = 0,
) -> Figure:
    """Plot a grid of the latent plane, and points of the base, after each bijector.

    The first panel is the latent plane, the last that of the data. A point keeps its color, which
    tells its direction from the origin of the latent plane, so that one sees where each part goes;
    the grid shows where the plane is stretched and where it is squeezed.

    Parameters
    ----------
    model : Flow
        A flow of events of shape (2,).
    context : array_like, optional
        One context row of a conditional flow.
    points : int
        Points drawn from the base.
    lines : int
        Lines of the grid in each direction.
    columns : int
        Panels side by side.
    seed : int
        Seed of the points.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, with a panel for the latent points and one for each bijector.

    Raises
    ------
    ValueError
        If the model is not a flow in the plane.

    Examples
    --------
    >>> import tfflows
    >>> flow = tfflows.MAF(2, transforms=2, hidden_units=(4,))
    >>> figure = tfflows.plot.flow(flow, points=20)
    >>> figure.axes[0].get_title(), len(figure.axes)
    ('latent', 5)
    """
    shape = tuple(getattr(model, "event_shape", ()))
    if not hasattr(model, "intermediate") or shape != (2,):
        raise ValueError(
            "expected a flow of events of shape (2,), whose plane can be drawn; got "
            f"{type(model).__name__} of events of shape {shape}."
        )
    row = None if context is None else np.asarray(context, model.variable_dtype)
    row = None if row is None else row.reshape(1, *model.context_shape)
    base = model.base.at(model.embed(row))  # it may have a distribution for each context
    z = np.asarray(base.sample(points, seed=[seed, 0])).reshape(points, 2)
    along = np.linspace(-_REACH, _REACH, 60)
    fixed = np.linspace(-_REACH, _REACH, lines)
    grid = np.stack(np.meshgrid(along, fixed), -1)  # [lines, 60, 2]
    grid = np.concatenate([grid, grid[..., ::-1]]).reshape(-1, 2)
    everything = np.concatenate([z, grid]).astype(z.dtype)
    context = None if row is None else np.repeat(row, len(everything), 0)
    stages = [np.asarray(stage) for stage in model.intermediate(everything, context=context)]
    names = ["latent", *(layer.name for layer in reversed(model.bijector_layers))]
    angle = np.arctan2(z[:, 1], z[:, 0])
    rows = -(-len(stages) // columns)
    across = min(columns, len(stages))
    figure = new_figure(2.2 * across, 2.2 * rows)
    for index, (stage, name) in enumerate(zip(stages, names, strict=True)):
        ax = figure.add_subplot(rows, across, index + 1)
        cloud, net = stage[: len(z)], stage[len(z) :].reshape(2 * lines, -1, 2)
        for line in net:
            ax.plot(line[:, 0], line[:, 1], color=BLACK, lw=0.4, alpha=0.45)
        # A cyclic map of even lightness steps that color-blind readers can follow.
        ax.scatter(cloud[:, 0], cloud[:, 1], c=angle, s=3, cmap="twilight", lw=0, zorder=3)
        low, high = np.quantile(cloud, [0.005, 0.995], axis=0)
        margin = 0.15 * (high - low)
        ax.set(xlim=(low[0] - margin[0], high[0] + margin[0]))
        ax.set(ylim=(low[1] - margin[1], high[1] + margin[1]))
        ax.set_title(name, fontsize=8)
        kind = "z" if index == 0 else "x" if index == len(stages) - 1 else "y"
        ax.set_xlabel(f"{kind}0", fontsize=8)
        ax.set_ylabel(f"{kind}1", fontsize=8)
        ax.tick_params(labelsize=7)
    return figure
