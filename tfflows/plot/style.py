"""Colors and figure making shared by the plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# From the palette of Okabe and Ito (2008), which stays distinct under color blindness.
BLUE, ORANGE, GREEN, BLACK, GRAY = "#0072B2", "#E69F00", "#009E73", "#000000", "#7F7F7F"

# Perceptually uniform and the same in gray and for color-blind readers.
DENSITY_MAP = "cividis"


def cycle(count: int) -> tuple[list[str], list[str]]:
    """Return colors and line styles that tell `count` curves apart, also without color."""
    colors, styles = (BLUE, ORANGE, GREEN, BLACK), ("-", "--", ":", "-.")
    order = range(count)
    return (
        [colors[k % len(colors)] for k in order],
        [styles[(k + k // len(colors)) % len(styles)] for k in order],
    )


def new_figure(width: float, height: float) -> Figure:
    """Make a figure of this size in inches, which a notebook shows as a value."""
    from tfflows.plot.figures import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=120)


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """Return the given axes, or those of a new figure, which show themselves as it does."""
    if ax is not None:
        return ax
    from tfflows.plot import figures

    return new_figure(width, height).add_subplot(axes_class=figures.Axes)
