"""Lines about numbers that are not finite, and the layer that made them."""

import numpy as np
import tensorflow as tf

from tfflows.diagnostics.report import CheckResult

__all__ = ["adapted", "finite", "finite_samples", "support", "waiting_layers"]


def adapted(inputs) -> CheckResult:
    """Look for layers that still wait to see data."""
    good = "layers that still wait to see data; none should"
    waiting = inputs.model.needs_adapt
    return CheckResult(
        "adapted",
        float(waiting),
        0.0,
        good,
        "A layer that waits works in the units of nobody's data.",
        "Call flow.adapt(x) or flow.fit(x) with training rows.",
        f"Waiting: {waiting_layers(inputs.model)}." if waiting else "",
    )


def waiting_layers(model) -> str:
    """Name the layers of a model that still wait to see data."""
    names = model.unadapted_layers
    if not names:
        return "this model"
    return f"the layer{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"


def finite(inputs) -> CheckResult:
    """Count the rows whose log density is NaN or plus infinity."""
    bad = np.isnan(inputs.all_log_prob) | np.isposinf(inputs.all_log_prob)
    detail = ""
    if bad.any():
        first = int(bad.argmax())
        detail = f"First: row {first}. {_maker(inputs, first)}"
    return CheckResult(
        "finite",
        float(bad.sum()),
        0.0,
        "rows whose log density is NaN or infinite; there should be none",
        "One such row makes a mean, a loss and a gradient useless.",
        "Look at the layer named above and at the rows: values far out, a division by zero, a "
        "logarithm of nothing. Standardize the data, or compute in float64.",
        detail,
    )


def support(inputs) -> CheckResult:
    """Count the rows where the density is zero."""
    outside = np.isneginf(inputs.all_log_prob)
    return CheckResult(
        "support",
        float(outside.sum()),
        0.0,
        "rows where the density is exactly zero; there should be none",
        "A row that was seen cannot be impossible.",
        "Use a base and layers whose support holds the data (an unbounded base, bounds further "
        "out), or drop rows that cannot be true.",
        f"First: row {int(outside.argmax())}." if outside.any() else "",
    )


def finite_samples(inputs) -> CheckResult:
    """Count the drawn events that are not finite."""
    bad = ~np.isfinite(inputs.flat_drawn).all(1)
    return CheckResult(
        "finite_samples",
        float(bad.sum()),
        0.0,
        "drawn events that are not finite; there should be none",
        "A density from which one cannot draw has no use as one.",
        "Look at the direction from latent to data of the layers: scales that explode, or an "
        "inverse that is not one. round_trip says more.",
        f"{int(bad.sum())} of {len(bad)} draws." if bad.any() else "",
    )


def _maker(inputs, row: int) -> str:
    """Name the first part of the model that makes something not finite of a row."""
    x = tf.constant(inputs.all_x[row : row + 1])
    context = inputs.all_context
    context = None if context is None else tf.constant(context[row : row + 1])
    embedded = inputs.decomposition.embed(context)
    if embedded is not None and not np.isfinite(embedded).all():
        return "The context network is the first whose output is not finite."
    for component in inputs.decomposition.components:
        bijector = component.bijector(embedded)
        log_det = bijector.inverse_log_det_jacobian(tf.identity(x), len(component.event_shape))
        x = bijector.inverse(tf.identity(x))
        for what, value in (("output", x), ("log-determinant", log_det)):
            if not np.isfinite(value).all():
                return f"The layer {component.name!r} is the first whose {what} is not finite."
    return "The base is what is not finite." if inputs.decomposition.components else ""
