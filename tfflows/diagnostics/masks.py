"""The line about masks: no coordinate may move one that it must not."""

import math

import numpy as np
import tensorflow as tf

from tfflows.diagnostics.jacobian import jacobian
from tfflows.diagnostics.report import CheckResult
from tfflows.interop.tfp_classes import chained, is_a

__all__ = ["cyclic", "masks"]

_LARGEST = 4096


def masks(inputs) -> CheckResult:
    """Look for slopes where a masked layer promises zeros."""
    good = "largest slope where a masked layer promises none; exactly zero"
    if inputs.model.event_size > _LARGEST:
        return CheckResult.skipped("masks", good, f"events of more than {_LARGEST} coordinates")
    if not len(inputs.x):
        return CheckResult.skipped("masks", good, "there are no rows with a finite density")
    rows = inputs.some(max(1, min(16, 4096 // inputs.model.event_size)), "masks")
    context = inputs.embedded(rows)
    found = {}
    for component, data, latent in inputs.walked:
        points = tf.constant(component.data_side(data, latent)[rows])
        given = component.context(context)
        bijector, adjacency = component.bijector, None
        if component.layer is not None:
            bijector, adjacency = component.layer.bijector, component.layer.adjacency
        if adjacency is None:
            for name, slope in _of_tfp(component.name, bijector(given), points):
                found[name] = slope
        elif (adjacency.sum(1) > 1).any():
            matrix = jacobian(lambda x, c, b=bijector: b(c).inverse(x), points, given)
            wrong = np.abs(matrix[:, ~adjacency])
            found[component.name] = float(wrong.max()) if wrong.size else 0.0
    if not found:
        return CheckResult.skipped("masks", good, "no layer is masked")
    worst = max(found, key=lambda name: (math.isnan(found[name]), found[name]))
    broken = [repr(name) for name, forbidden in found.items() if forbidden != 0]
    return CheckResult(
        "masks",
        found[worst],
        0.0,
        good,
        "Masked weights are multiplied by zero, so nothing is left for rounding.",
        "The log-determinant of such a layer is that of a triangular map, which it no longer is. "
        "Build it anew and fit again. In a network of TFP's the masks hold only as long as the "
        "optimizer applies their constraints; tfflows.layers.MaskedAutoregressive masks in the "
        "forward pass.",
        f"Broken: {', '.join(broken)}." if broken else "",
    )


def _of_tfp(name, bijector, points):
    """Yield the largest slope on a cycle for each autoregressive bijector of a chain of TFP's."""
    parts = chained(bijector)
    inside = [part.bijector if is_a(part, "bijectors.Invert") else part for part in parts]
    if not any(is_a(inner, "bijectors.MaskedAutoregressiveFlow") for inner in inside):
        return
    for part, inner in zip(parts, inside, strict=True):
        image = part.inverse(tf.identity(points))
        if is_a(inner, "bijectors.MaskedAutoregressiveFlow"):
            start = points if inner is part else image
            matrix = jacobian(lambda x, c, b=inner: b.inverse(tf.identity(x)), start)
            yield (part.name if part.name == name else f"{name}: {part.name}"), cyclic(matrix)
        points = image


def cyclic(matrix) -> float:
    """Return the largest slope between coordinates that move each other.

    A map is triangular in some order if and only if there is none.

    Examples
    --------
    >>> cyclic(np.array([[[1.0, 0.0], [5.0, 1.0]]])), cyclic(np.array([[[1.0, 0.1], [5.0, 1.0]]]))
    (0.0, 5.0)
    """
    from scipy.sparse.csgraph import connected_components

    strength = np.abs(matrix).max(0)
    np.fill_diagonal(strength, 0.0)
    if np.isnan(strength).any():
        return math.nan
    _, group = connected_components(strength > 0, directed=True, connection="strong")
    among = strength[group[:, np.newaxis] == group[np.newaxis, :]]
    return float(among.max()) if among.size else 0.0
