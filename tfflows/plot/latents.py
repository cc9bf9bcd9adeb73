"""Data in latent space: what a good flow makes look like its base."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tfflows.distributions import StandardNormal
from tfflows.plot.style import BLACK, BLUE, GRAY, cycle, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROWS = 5000
_MOST = 8


def latent(model: Any, x: np.ndarray, context: np.ndarray | None = None) -> Figure:
    r"""Plot data in latent space, where it should look like the base distribution.

    On the left the first two coordinates of the latent points (of one: their histogram), with the
    circles that hold 50, 90 and 99 % of a standard normal base. On the right, for each coordinate,
    the quantiles of the latent points against those of the base: on the diagonal where the flow is
    right. A curve that is steeper at its ends than the diagonal has heavier tails than the base.

    Parameters
    ----------
    model : Flow
        Anything with ``inverse(x, context)`` and a base distribution.
    x : array_like
        Rows ``[n, *event_shape]``, best held out; the first 5,000 are used.
    context : array_like, optional
        Contexts ``[n, *context_shape]`` of a conditional flow.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ValueError
        If there are no rows, or the model has no `inverse`.

    Examples
    --------
    >>> import numpy as np, tfflows
    >>> flow = tfflows.MAF(2, transforms=1, hidden_units=(4,))
    >>> figure = tfflows.plot.latent(flow, np.random.default_rng(0).normal(size=[50, 2]))
    >>> [ax.get_xlabel() for ax in figure.axes]
    ['z0', 'quantile of the base']
    """
    z = latent_points(model, x, context)
    base, normal = base_sample(model, z.shape[1])
    figure = new_figure(7.2, 3.6)
    left, right = figure.subplots(1, 2)
    if z.shape[1] == 1:
        reach = np.abs(np.concatenate([z, base])).max()
        bins = np.linspace(-reach, reach, 41)
        left.hist(z[:, 0], bins, density=True, color=BLUE, alpha=0.5, label="data")
        left.hist(
            base[:, 0], bins, density=True, histtype="step", color=BLACK, lw=1.4, label="base"
        )
        left.set(xlabel="z0", ylabel="density (per unit of z)")
        left.legend(frameon=False)
    else:
        size, alpha = (2.0, 0.4) if len(z) > 1000 else (3.5, 0.7)
        left.plot(z[:, 0], z[:, 1], ls="none", marker="o", ms=size, color=BLUE, alpha=alpha, mew=0)
        if normal:
            angle = np.linspace(0.0, 2.0 * math.pi, 200)
            for share, style in ((0.5, "-"), (0.9, "--"), (0.99, ":")):
                radius = math.sqrt(-2.0 * math.log(1.0 - share))
                left.plot(
                    radius * np.cos(angle),
                    radius * np.sin(angle),
                    color=BLACK,
                    ls=style,
                    lw=1.2,
                    label=f"{100 * share:g} % of the base",
                )
            left.legend(loc="upper right", fontsize=7, framealpha=0.9)
        left.set(xlabel="z0", ylabel="z1", aspect="equal")
    quantiles(right, z, base)
    return figure


def latent_points(model: Any, x, context=None, rows: int = _ROWS) -> np.ndarray:
    """Return the latent points ``[n, coordinates]`` of the first `rows` rows."""
    if not hasattr(model, "inverse"):
        raise ValueError(
            f"expected a flow, which has inverse(x); got {type(model).__name__}. A distribution "
            "without a bijector has no latent space."
        )
    x = np.asarray(x)[:rows]
    if not len(x):
        raise ValueError("nothing to draw: x has no rows.")
    context = None if context is None else np.asarray(context)[: len(x)]
    z = np.asarray(model.inverse(x, context=context))
    z = z.reshape(len(x), -1).astype(np.float64)
    return z[np.isfinite(z).all(1)]


def quantiles(ax: Axes, z: np.ndarray, base: np.ndarray) -> None:
    """Draw the quantiles of each latent coordinate against those of the base."""
    shares = (np.arange(200) + 0.5) / 200
    # No more than the rows support: beyond, a quantile is one row.
    shares = shares[(shares > 1.0 / len(z)) & (shares < 1.0 - 1.0 / len(z))]
    ends = []
    for column, color, style in zip(range(min(z.shape[1], _MOST)), *cycle(_MOST), strict=False):
        expected = np.quantile(base[:, column], shares)
        found = np.quantile(z[:, column], shares)
        ends += [expected.min(), expected.max(), found.min(), found.max()]
        ax.plot(expected, found, color=color, ls=style, lw=1.5, label=f"z{column}")
    low, high = min(ends), max(ends)
    ax.plot([low, high], [low, high], color=GRAY, lw=0.8, zorder=0)
    ax.set(xlabel="quantile of the base", ylabel="quantile of the latent points")
    ax.legend(frameon=False, fontsize=8)


def base_sample(model, size):
    """Return many points of the base ``[n, coordinates]``, and whether it is standard normal."""
    base = model.base.distribution
    if isinstance(base, StandardNormal):
        from scipy.stats import norm

        # Evenly spaced shares instead of draws: quantiles without noise.
        line = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
        return np.repeat(line[:, None], size, 1), True
    return np.asarray(base.sample(20_000, seed=[0, 0])).reshape(20_000, -1), False
