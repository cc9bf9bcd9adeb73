"""Whether the probabilities that a model states come true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfflows.diagnostics.two_sample import kolmogorov_margin
from tfflows.distributions import StandardNormal
from tfflows.plot.latents import latent_points
from tfflows.plot.style import GRAY, axes_or_new, cycle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 8


def calibration(
    model: Any,
    x: np.ndarray,
    context: np.ndarray | None = None,
    ax: Axes | None = None,
    confidence: float = 0.99,
) -> Axes:
    r"""Plot how far the probability integral transforms of the data are from uniform.

    .. math:: u_i = F_i(z_i), \qquad z = f^{-1}(x; c)

    where F is the distribution function of a coordinate of the base. For a right model the u are
    uniform, given any context. The curve is the share of rows with u below p, less p: it stays in
    the gray band with probability `confidence`. A curve shaped like an S lying above zero first
    comes from a model too narrow for the data, one below zero first from a model too wide, one arch
    from a shift.

    Parameters
    ----------
    model : Flow
        A flow with a standard normal base.
    x : array_like
        Held-out rows ``[n, *event_shape]``.
    context : array_like, optional
        Contexts ``[n, *context_shape]`` of a conditional flow.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default (``ax.figure``).
    confidence : float
        Probability with which the curve of a right model stays within the band, by the inequality
        of Dvoretzky, Kiefer and Wolfowitz with Massart's constant (1990).

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    ValueError
        If there are no rows, the base is not standard normal, or the confidence not in (0, 1).

    References
    ----------
    Gneiting, Balabdaoui and Raftery (2007), "Probabilistic forecasts, calibration and sharpness",
    J. R. Stat. Soc. B 69, 243; Massart (1990), Ann. Probab. 18, 1269.

    Examples
    --------
    >>> import numpy as np, tfflows
    >>> flow = tfflows.MAF(2, transforms=1, hidden_units=(4,))
    >>> ax = tfflows.plot.calibration(flow, np.random.default_rng(0).normal(size=[50, 2]))
    >>> ax.get_xlabel()
    'stated probability p'
    """
    from scipy.stats import norm

    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence={confidence!r}: expected a probability in (0, 1).")
    z = latent_points(model, x, context, rows=10**6)
    if not isinstance(model.base.given, StandardNormal):
        raise ValueError(
            "calibration needs a standard normal base, whose distribution function is known by "
            f"coordinate; this flow has {model.base.given.name!r}."
        )
    ax = axes_or_new(ax, 5.6, 4.2)
    grid = np.linspace(0.0, 1.0, 401)
    half = kolmogorov_margin(1.0 - confidence, 1, len(z))
    ax.axhspan(-half, half, color=GRAY, alpha=0.25, lw=0, label=f"{100 * confidence:g} % band")
    ax.axhline(0.0, color=GRAY, lw=0.8)
    reach = half
    for column, color, style in zip(range(min(z.shape[1], _MOST)), *cycle(_MOST), strict=False):
        u = np.sort(norm.cdf(z[:, column]))
        share = np.searchsorted(u, grid, side="right") / len(u)
        reach = max(reach, np.abs(share - grid).max())
        ax.plot(grid, share - grid, color=color, ls=style, lw=1.4, label=f"coordinate {column}")
    ax.set(xlim=(0, 1), xlabel="stated probability p", ylabel="share of rows below, less p")
    ax.set_ylim(-1.1 * reach, 1.5 * reach)  # Room for the legend above the curves.
    ax.legend(frameon=False, fontsize=8, loc="upper center", ncols=3)
    return ax
