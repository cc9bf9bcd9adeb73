"""The training history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfflows.plot.style import BLACK, BLUE, GRAY, ORANGE, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def history(history: Any, entropy: float | None = None, ax: Axes | None = None) -> Axes:
    """Plot training and validation loss in nats against the epoch.

    The vertical axis ends a little above the loss at a tenth of the training, where it has
    usually fallen most of its way, so that the end of the curve can be read.

    Parameters
    ----------
    history : keras.callbacks.History or mapping
        What ``fit`` returned, or its ``.history``: at least ``loss``, and ``val_loss`` where
        there was validation.
    entropy : float, optional
        Entropy of the data in nats, the least loss that any model can reach, drawn as a line.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default (``ax.figure``).

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    ValueError
        If the history holds no loss.

    Examples
    --------
    >>> import tfflows.plot
    >>> ax = tfflows.plot.history({"loss": [2.0, 1.1, 0.9], "val_loss": [1.8, 1.2, 1.0]})
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('epoch', 'negative log-likelihood (nats per event)')
    """
    curves: Mapping[str, Sequence[float]] = getattr(history, "history", history)
    if "loss" not in curves or not len(curves["loss"]):
        raise ValueError(f"expected a history with a loss per epoch; got keys {sorted(curves)}")
    ax = axes_or_new(ax, 6.0, 4.0)
    shown = []
    for key, label, color in (("loss", "training", BLUE), ("val_loss", "validation", ORANGE)):
        if key in curves:
            values = np.asarray(curves[key], dtype=np.float64)
            epochs = np.arange(1, len(values) + 1)
            marker = "o" if len(values) <= 20 else None
            ax.plot(epochs, values, color=color, label=label, lw=1.6, marker=marker, ms=4)
            shown.append(values)
    if "val_loss" in curves and np.isfinite(shown[1]).any():
        best = int(np.nanargmin(shown[1]))
        ax.plot(
            best + 1,
            shown[1][best],
            marker="D",
            ms=7,
            mfc="none",
            mec=BLACK,
            ls="none",
            label=f"best: {shown[1][best]:.3f} in epoch {best + 1}",
        )
    if entropy is not None:
        ax.axhline(
            entropy, color=GRAY, ls="--", lw=1.2, label=f"entropy of the data: {entropy:.3f}"
        )
    _end_axis_early(ax, shown, entropy)
    ax.set_xlabel("epoch")
    ax.set_ylabel("negative log-likelihood (nats per event)")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(frameon=False)
    return ax


def _end_axis_early(ax: Axes, curves: Sequence[np.ndarray], entropy: float | None) -> None:
    """Cut the steep first epochs off the vertical axis."""
    early = min(len(curve) // 10 for curve in curves)
    tails = np.concatenate([curve[early:] for curve in curves])
    tails = tails[np.isfinite(tails)]
    if early < 1 or not tails.size:
        return
    low = min(tails.min(), np.inf if entropy is None else entropy)
    high = tails.max()
    margin = 0.08 * (high - low) or 0.1
    ax.set_ylim(low - margin, high + margin)
