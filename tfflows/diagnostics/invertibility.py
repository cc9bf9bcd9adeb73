"""Lines about the map between data and latent points: round trips and log-determinants."""

import functools

import numpy as np
import tensorflow as tf

from tfflows.diagnostics.jacobian import jacobian
from tfflows.diagnostics.report import CheckResult

__all__ = ["log_det", "round_trip", "round_trip_latent"]

_ROWS = 500
_LARGEST = 2048
_ROUNDING = 1000


def round_trip(inputs) -> CheckResult:
    """Compare data with what comes back from latent space."""
    good = "data → latent → data: largest error, in standard deviations of the coordinate"
    if inputs.decomposition.base is None:
        return CheckResult.skipped("round_trip", good, inputs.why_no_latent)
    x, context = inputs.tensors(inputs.some(_ROWS, "round_trip"))
    forward = functools.partial(inputs.decomposition.forward, context=context)
    z = inputs.decomposition.inverse(x, context)
    scale = inputs.scale.reshape(inputs.model.event_shape)
    return _trip(inputs, "round_trip", good, x, z, forward(z), forward, scale)


def round_trip_latent(inputs) -> CheckResult:
    """Compare latent points with what comes back from data space."""
    good = "latent → data → latent: largest error, in units of the base"
    name = "round_trip_latent"
    if inputs.decomposition.base is None:
        return CheckResult.skipped(name, good, inputs.why_no_latent)
    _, context = inputs.tensors(inputs.some(_ROWS, name))
    seed = int(inputs.random(name).integers(2**31 - 1))
    z = inputs.decomposition.base.sample(min(_ROWS, len(inputs.x)), seed=(0, seed))
    inverse = functools.partial(inputs.decomposition.inverse, context=context)
    x = inputs.decomposition.forward(z, context)
    return _trip(inputs, name, good, z, x, inverse(x), inverse, 1.0)


def _trip(inputs, name, good, start, middle, end, back, scale) -> CheckResult:
    reason = (
        f"{_ROUNDING} times what rounding to {inputs.model.variable_dtype} at both ends explains, "
        "given how much the way back stretches a small step at this row."
    )
    advice = (
        "The two directions of a layer do not undo each other: look at its `bijector`, both "
        "`_inverse` and `_forward`. If log_det is good and the error small, the map is merely "
        "steep: standardize the data, or compute in float64."
    )
    rows = len(start)
    if not rows:
        return CheckResult.skipped(name, good, "there are no rows with a finite density")

    def largest(difference):
        return np.abs(difference / scale).reshape(rows, -1).max(1)

    start, middle, end = (v.numpy().astype(np.float64) for v in (start, middle, end))
    step = inputs.eps**0.33
    stretch = np.zeros(rows)
    dtype = inputs.model.variable_dtype
    random = inputs.random(f"{name}: steps")
    for _ in range(3):
        signs = random.choice([-1.0, 1.0], middle.shape)
        moved = back(tf.constant(middle + step * (1 + np.abs(middle)) * signs, dtype)).numpy()
        stretch = np.fmax(stretch, largest(moved - end) / step)
    error = largest(end - start)
    allowed = _ROUNDING * inputs.eps * (1 + largest(start) + stretch)
    ratio = np.where(np.isfinite(error), error / allowed, np.inf)
    worst = int(ratio.argmax())
    return CheckResult(
        name,
        float(error[worst]),
        float(allowed[worst]),
        good,
        reason,
        advice,
        f"{int((ratio > 1).sum())} of {rows} rows are beyond rounding; median error "
        f"{np.median(error):.2g}.{_culprit_of_trip(inputs) if ratio[worst] > 1 else ''}",
    )


def _culprit_of_trip(inputs) -> str:
    """Name the layers that do not undo themselves, judged as the whole is but more coarsely."""
    rows = inputs.some(_ROWS, "round_trip")
    context = inputs.embedded(rows)
    named = []
    for component, points, _ in inputs.walked:
        x = tf.constant(points[rows])
        bijector = component.bijector(context)
        z = bijector.inverse(tf.identity(x))
        error = np.abs(bijector.forward(tf.identity(z)).numpy() - x.numpy())
        size = 1 + np.abs(x.numpy()) + np.abs(z.numpy()).max()
        if not (error <= 10 * _ROUNDING * inputs.eps * size).all():
            named.append(repr(component.name))
    return f" By itself, {', '.join(named)} does not undo itself." if named else ""


def log_det(inputs) -> CheckResult:
    """Compare the log-determinant within log_prob with that of the Jacobian by autodiff."""
    name = "log_det"
    good = "log-determinant against automatic differentiation: largest difference, in nats"
    decomposition = inputs.decomposition
    if decomposition.base is None:
        return CheckResult.skipped(name, good, inputs.why_no_latent)
    if int(np.prod(decomposition.latent_shape)) != inputs.model.event_size:
        return CheckResult.skipped(name, good, "latent points and events have different sizes")
    if any(np.prod(p.shape[1:]) != inputs.model.event_size for _, p, _ in inputs.walked):
        return CheckResult.skipped(name, good, "a layer changes the number of coordinates")
    if inputs.model.event_size > _LARGEST:
        return CheckResult.skipped(name, good, f"events of more than {_LARGEST} coordinates")
    rows = inputs.some(max(2, min(64, 8192 // inputs.model.event_size)), name)
    if not len(rows):
        return CheckResult.skipped(name, good, "there are no rows with a finite density")
    x, context = inputs.tensors(rows)
    matrix = jacobian(decomposition.inverse, x, context)
    base = decomposition.base.log_prob(decomposition.inverse(x, context)).numpy().astype(np.float64)
    found = inputs.log_prob[rows].astype(np.float64) - base
    size = np.abs(base) + np.abs(inputs.log_prob[rows])
    difference, allowed = _against(matrix, found, size, inputs.eps)
    worst = int(np.argmax(difference / allowed))
    detail = f"Row {int(inputs.index[rows[worst]])}."
    if difference[worst] > allowed[worst]:
        detail += _culprit_of_log_det(inputs, rows)
    return CheckResult(
        name,
        float(difference[worst]),
        float(allowed[worst]),
        good,
        f"What rounding to {inputs.model.variable_dtype} explains, given how close to singular the "
        "Jacobian of this row is.",
        "A log-determinant of the wrong sign or with a term missing makes the loss fall without "
        "end or to a wrong place. Compare `_inverse_log_det_jacobian` of the layer with the "
        "logarithm of the slopes of `_inverse`. If masks fails, too, begin there.",
        detail,
    )


def _against(matrix, found, size, eps) -> tuple:
    """Return differences from the Jacobian's log-determinants, and what rounding allows."""
    expected = np.linalg.slogdet(matrix)[1]
    with np.errstate(all="ignore"):
        condition = np.where(np.isfinite(expected), np.linalg.cond(matrix), np.inf)
    allowed = eps * (1000 * (1 + np.abs(expected) + size) + 10 * len(matrix[0]) * condition)
    difference = np.abs(found - expected)
    allowed = np.where(np.isfinite(allowed), allowed, np.finfo(np.float64).max)
    return np.where(np.isnan(difference), np.inf, difference), allowed


def _culprit_of_log_det(inputs, rows) -> str:
    context = inputs.embedded(rows)
    named = []
    for component, points, _ in inputs.walked:
        x = tf.constant(points[rows])

        def inverse(value, c, component=component):
            return component.bijector(c).inverse(tf.identity(value))

        matrix = jacobian(inverse, x, context)
        bijector = component.bijector(context)
        found = bijector.inverse_log_det_jacobian(tf.identity(x), len(component.event_shape))
        found = found.numpy() * np.ones(len(rows))
        difference, allowed = _against(matrix, found, np.abs(found), inputs.eps)
        if (difference > allowed).any():
            negated = np.abs(found + np.linalg.slogdet(matrix)[1])
            flipped = (negated <= allowed).all()
            named.append(repr(component.name) + (" (its sign is flipped)" if flipped else ""))
    return f" It comes from {', '.join(named)}." if named else ""
