"""The line about masks: no coordinate may move one that it must not."""

import math

import numpy as np
import tensorflow as tf

from tfflows import layers
from tfflows.diagnostics.anatomy import chained, core_of, is_a
from tfflows.diagnostics.jacobian import jacobian
from tfflows.diagnostics.report import Line

__all__ = ["cyclic", "masks"]

_LARGEST = 4096


def masks(study) -> Line:
    """Look for slopes where a masked layer promises zeros."""
    good = "largest slope where a masked layer promises none; exactly zero"
    if study.model.event_size > _LARGEST:
        return Line.without("masks", good, f"events of more than {_LARGEST} coordinates")
    if not len(study.x):
        return Line.without("masks", good, "there are no rows with a finite density")
    rows = study.some(max(1, min(16, 4096 // study.model.event_size)), "masks")
    context = study.embedded(rows)
    found = {}
    for piece, data, latent in study.walked:
        core, inverted = core_of(piece.layer)
        points = tf.constant((latent if inverted else data)[rows])
        if core is None or isinstance(core, layers.Static):
            bijector = piece.bijector(context) if core is None else core.bijector()
            for name, forbidden in _of_tfp(piece.name, bijector, points):
                found[name] = forbidden
        elif isinstance(core, layers.MaskedAutoregressive | layers.Coupling):
            inner = None if core.context_shape is None else context
            matrix = jacobian(lambda x, c, core=core: core.bijector(c).inverse(x), points, inner)
            wrong = np.abs(matrix[:, ~_allowed(core)])
            found[piece.name] = float(wrong.max()) if wrong.size else 0.0
    if not found:
        return Line.without("masks", good, "no layer is masked")
    worst = max(found, key=lambda name: (math.isnan(found[name]), found[name]))
    broken = [repr(name) for name, forbidden in found.items() if forbidden != 0]
    return Line(
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


def _allowed(core) -> np.ndarray:
    """Return which inputs may move which outputs, [output, input]."""
    size = math.prod(core.event_shape)
    own = np.eye(size, dtype=bool)
    if isinstance(core, layers.Coupling):
        passing = core._passing
        return own | (~passing[:, np.newaxis] & passing[np.newaxis, :])
    degrees = np.asarray(core.network.input_degrees)
    return own | (degrees[np.newaxis, :] < degrees[:, np.newaxis])


def _of_tfp(name, bijector, points):
    """Yield the largest slope on a cycle for each autoregressive bijector of a chain of TFP's."""
    for part in chained(bijector):
        inner = part
        turned = is_a(part, "bijectors.Invert")
        if turned:
            inner = part.bijector
        image = part.inverse(tf.identity(points))
        if is_a(inner, "bijectors.MaskedAutoregressiveFlow"):
            start = image if turned else points
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
