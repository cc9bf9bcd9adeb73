"""A function of one variable: its values, its slope, its knots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfflows.plot.style import BLUE, GRAY, ORANGE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def univariate(
    family: Any, raw: np.ndarray | None = None, bounds: tuple[float, float] | None = None
) -> Figure:
    """Plot a map of one variable, data to latent, and its slope; of a spline also the knots.

    Bins of a linear rational spline have two parts; diamonds mark where they meet.

    Parameters
    ----------
    family : Univariate
        The family.
    raw : array_like, optional
        Raw parameters ``[parameter_size]``; by default zeros, the family's start.
    bounds : tuple of float, optional
        Range of the data; by default 1.3 times the box of a spline, or [-4, 4].

    Returns
    -------
    matplotlib.figure.Figure
        The figure, with the function above its slope.

    Raises
    ------
    ValueError
        If `raw` has another size than the family asks for, or the bounds do not increase.

    Examples
    --------
    >>> from tfflows import plot, univariates
    >>> figure = plot.univariate(univariates.RationalQuadraticSpline(bins=4))
    >>> [ax.get_ylabel() for ax in figure.axes]
    ['latent z', 'slope dz/dx']
    """
    import tensorflow as tf

    if hasattr(family, "built") and not family.built:
        family.build((1,), "float64")
    dtype = getattr(family, "variable_dtype", "float64")
    raw = np.zeros(family.parameter_size) if raw is None else np.asarray(raw)
    if raw.shape != (family.parameter_size,):
        raise ValueError(
            f"{family!r} takes raw parameters of shape ({family.parameter_size},); got {raw.shape}."
        )
    bijector = family.bijector(tf.constant(raw[np.newaxis], dtype))
    box = getattr(bijector, "bound", None)
    low, high = bounds or ((-1.3 * box, 1.3 * box) if box else (-4.0, 4.0))
    if not low < high:
        raise ValueError(f"bounds={bounds!r}: expected (low, high).")
    x = np.linspace(low, high, 801)
    points = tf.constant(x[:, np.newaxis], dtype)
    z = bijector.inverse(points).numpy()[:, 0]
    slope = np.exp(bijector.inverse_log_det_jacobian(tf.identity(points), 0).numpy()[:, 0])
    figure = new_figure(5.0, 5.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    above.plot([low, high], [low, high], color=GRAY, lw=0.8, label="identity")
    above.plot(x, z, color=BLUE, lw=1.8, label=type(family).__name__)
    below.plot(x, slope, color=BLUE, lw=1.8)
    below.axhline(1.0, color=GRAY, lw=0.8)
    marks = [("data_knots", "knots", "o"), ("data_splits", "parts of a bin meet", "d")]
    for method, label, marker in marks:
        if hasattr(bijector, method):
            places = getattr(bijector, method)().numpy().reshape(-1)
            images = bijector.inverse(tf.constant(places[:, np.newaxis], dtype)).numpy()[:, 0]
            above.plot(places, images, ls="none", marker=marker, ms=5, color=ORANGE, label=label)
    if hasattr(bijector, "data_knots"):
        for ax in (above, below):
            ax.axvspan(-box, box, color=GRAY, alpha=0.12, lw=0)
    above.set(ylabel="latent z", xlim=(low, high))
    below.set(xlabel="data x", ylabel="slope dz/dx", ylim=(0.0, None))
    above.legend(frameon=False, fontsize=8)
    return figure
