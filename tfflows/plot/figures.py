"""Figures that show themselves at the end of a notebook's cell."""

from __future__ import annotations

import io

from matplotlib import axes, figure
from matplotlib.backends.backend_agg import FigureCanvasAgg

__all__ = ["Axes", "Figure"]


class Figure(figure.Figure):
    """A figure that no global registry keeps alive, and that notebooks show as a value.

    A notebook asks the value of the last line of a cell how it looks; pyplot, whose figures appear
    because they are open, is not needed. Where a backend for notebooks is active, which knows
    figures, that one draws it instead.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        FigureCanvasAgg(self)

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()


class Axes(axes.Axes):
    """Axes of a `Figure`, shown as the whole of it."""

    def _repr_png_(self) -> bytes:
        return self.figure._repr_png_()
