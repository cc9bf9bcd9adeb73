"""Lines about numbers that are not finite, and the layer that made them."""

import numpy as np
import tensorflow as tf

from tfflows.diagnostics.report import Line

__all__ = ["adapted", "finite", "finite_samples", "support"]


def adapted(study) -> Line:
    """Look for layers that still wait to see data."""
    good = "layers that still wait to see data; none should"
    waiting = study.model.needs_adapt
    return Line(
        "adapted",
        float(waiting),
        0.0,
        good,
        "A layer that waits works in the units of nobody's data.",
        "Call flow.adapt(x) or flow.fit(x) with training rows.",
        f"Waiting: {study.model._waiting()}." if waiting else "",
    )


def finite(study) -> Line:
    """Count the rows whose log density is NaN or plus infinity."""
    bad = np.isnan(study.all_log_prob) | np.isposinf(study.all_log_prob)
    detail = ""
    if bad.any():
        first = int(bad.argmax())
        detail = f"First: row {first}. {_maker(study, first)}"
    return Line(
        "finite",
        float(bad.sum()),
        0.0,
        "rows whose log density is NaN or infinite; there should be none",
        "One such row makes a mean, a loss and a gradient useless.",
        "Look at the layer named above and at the rows: values far out, a division by zero, a "
        "logarithm of nothing. Standardize the data, or compute in float64.",
        detail,
    )


def support(study) -> Line:
    """Count the rows where the density is zero."""
    outside = np.isneginf(study.all_log_prob)
    return Line(
        "support",
        float(outside.sum()),
        0.0,
        "rows where the density is exactly zero; there should be none",
        "A row that was seen cannot be impossible.",
        "Use a base and layers whose support holds the data (an unbounded base, bounds further "
        "out), or drop rows that cannot be true.",
        f"First: row {int(outside.argmax())}." if outside.any() else "",
    )


def finite_samples(study) -> Line:
    """Count the drawn events that are not finite."""
    bad = ~np.isfinite(study.flat_drawn).all(1)
    return Line(
        "finite_samples",
        float(bad.sum()),
        0.0,
        "drawn events that are not finite; there should be none",
        "A density from which one cannot draw has no use as one.",
        "Look at the direction from latent to data of the layers: scales that explode, or an "
        "inverse that is not one. round_trip says more.",
        f"{int(bad.sum())} of {len(bad)} draws." if bad.any() else "",
    )


def _maker(study, row: int) -> str:
    """Name the first part of the model that makes something not finite of a row."""
    x = tf.constant(study.all_x[row : row + 1])
    context = study.all_context
    context = None if context is None else tf.constant(context[row : row + 1])
    embedded = study.anatomy.embed(context)
    if embedded is not None and not np.isfinite(embedded).all():
        return "The context network is the first whose output is not finite."
    for piece in study.anatomy.pieces:
        bijector = piece.bijector(embedded)
        log_det = bijector.inverse_log_det_jacobian(tf.identity(x), len(piece.event_shape))
        x = bijector.inverse(tf.identity(x))
        for what, value in (("output", x), ("log-determinant", log_det)):
            if not np.isfinite(value).all():
                return f"The layer {piece.name!r} is the first whose {what} is not finite."
    return "The base is what is not finite." if study.anatomy.pieces else ""
