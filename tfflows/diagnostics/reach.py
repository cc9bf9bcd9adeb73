"""Before a fit: whether the data lie where the layers that they reach can bend them."""

import warnings

import numpy as np

__all__ = ["advice_of_box", "box_of", "warn_around", "warn_outside"]


def box_of(layer) -> float | None:
    """Return the half-width of the box a layer bends the data in, or None."""
    return getattr(getattr(layer, "univariate", None), "box", None)


def advice_of_box(layers) -> str:
    """Return what to do about rows outside a box, by the layers between them and the box."""
    if any(layer.adapts for layer in layers):
        return (
            "If the layers before it were adapted to other rows, call adapt(x); of heavy tails "
            "let tfflows.layers.Columnwise take a logarithm or an arcsinh first, or widen bound=."
        )
    return (
        "Put tfflows.layers.Standardize() nearest the data and adapt it to these data, or widen "
        "bound=."
    )


def warn_outside(layer, x, before=()) -> bool:
    """Warn, and say so, if many of the rows `x` lie outside the box in which a layer bends them."""
    bound = box_of(layer)
    if bound is None:
        return False
    moved = getattr(layer, "transformed", None)
    reached = x if moved is None else np.reshape(x, (len(x), -1))[:, moved]
    share = float(np.mean(np.abs(reached) > bound))
    if share > 0.01:
        warnings.warn(
            f"{100 * share:.1f} % of the values that reach the layer {layer.name!r} lie outside "
            f"its box of ±{bound}, where it is linear. {advice_of_box(before)}",
            stacklevel=6,
        )
    return share > 0.01


def warn_around(layer, x) -> None:
    """Warn if the rows `x` that reach a layer of angles span more than one turn."""
    period = getattr(getattr(layer, "univariate", None), "period", None)
    if period is None or not len(x):
        return
    span = float(np.max(np.max(x, axis=0) - np.min(x, axis=0)))
    if span > 1.001 * period:
        warnings.warn(
            f"the values span {span:.6g}, more than one turn of {period:.6g}, and the layer "
            f"{layer.name!r} takes values that differ by whole turns for one point. Are they in "
            "other units? bound= is half a turn: pi for radians, 180 for degrees.",
            stacklevel=6,
        )
