"""Lines about the families of one variable: data outside their box, parameters without effect."""

import numpy as np
import tensorflow as tf

from tfflows import bijectors, layers
from tfflows.diagnostics.anatomy import core_of
from tfflows.diagnostics.report import Line

__all__ = ["box", "effects", "saturation"]

_OUTSIDE = 0.01
_FLAT = 0.01
_FLAT_SHARE = 0.3
_ROWS = 2000


def box(study) -> Line:
    """Measure the share of values that lie outside the box in which a layer bends them."""
    good = "largest share of a coordinate's values outside the box of its spline"
    worst, detail, any_box = 0.0, "", False
    for piece, data, latent in study.walked:
        core, inverted = core_of(piece.layer)
        bound = getattr(getattr(core, "univariate", None), "box", None)
        if bound is None or not len(data):
            continue
        any_box = True
        points = (latent if inverted else data).reshape(len(data), -1)
        share = (np.abs(points) > bound).mean(0)
        if isinstance(core, layers.Coupling):
            share = np.where(core._passing, 0.0, share)
        if share.max() > worst:
            worst = float(share.max())
            detail = (
                f"{100 * worst:.1f} % of coordinate {int(share.argmax())} as it reaches the layer "
                f"{piece.name!r}, whose box is ±{bound:g}."
            )
    if not any_box:
        return Line.without("box", good, "no layer has a box")
    return Line(
        "box",
        worst,
        _OUTSIDE,
        good,
        "Outside its box a spline is a straight line; of tails that hold less than a hundredth "
        "of the values a straight line is a fair model.",
        "Put tfflows.layers.Standardize() nearest the data and adapt it to these data, or widen "
        "bound=.",
        detail,
    )


def saturation(study) -> Line:
    """Measure the share of a layer's raw parameters that have no effect any more."""
    good = "largest share of a layer's raw parameters that no longer move anything"
    worst, detail, any_raw = 0.0, "", False
    rows = study.some(_ROWS, "saturation")
    context = study.embedded(rows)
    for piece, data, latent in study.walked:
        core, inverted = core_of(piece.layer)
        if not hasattr(core, "univariate") or not len(rows):
            continue
        points = tf.constant((latent if inverted else data)[rows])
        inner = None if core.context_shape is None else context
        found = effects(core, points, inner)
        if found is None:
            continue
        any_raw, flat = True, found < _FLAT
        # A coordinate that is stuck shows by its own parameters, however many others there are.
        share = flat.mean(-1)
        if share.max() > worst or not detail:
            worst = float(share.max())
            detail = (
                f"Coordinate {int(share.argmax())} of those that the layer {piece.name!r} moves; "
                f"of all its parameters {100 * flat.mean():.0f} %."
            )
    if not any_raw:
        return Line.without("saturation", good, "no layer is a network times a family")
    return Line(
        "saturation",
        worst,
        _FLAT_SHARE,
        good,
        f"A parameter counts whose effect on the output has fallen below {_FLAT:.0%} of what it "
        "is at the start of training; when three in ten of a coordinate's do, gradients can hardly "
        "move it back.",
        "Standardize the data and the context, lower the learning rate, clip gradients "
        "(clipnorm=), or start again from another seed.",
        detail,
    )


def effects(core, points, context=None) -> np.ndarray | None:
    """Return the effect of each raw parameter, relative to its effect where all of them are zero.

    The effect of a parameter is the root mean square, over rows, of the slopes by it of the
    latent coordinate and of the logarithm of its slope.

    Parameters
    ----------
    core : BijectorLayer
        A layer with a `univariate`.
    points : tf.Tensor
        Points on its data side, ``[n, *event_shape]``.
    context : tf.Tensor, optional
        Embedded contexts, one for each row.

    Returns
    -------
    np.ndarray or None
        ``[coordinates that move, parameter_size]``; infinite where there is none to compare with.
        None for a layer whose bijector is of a kind of its own.
    """
    rows = points.shape[0]
    flat = tf.reshape(points, [rows, -1])
    moving = flat
    bijector = core.bijector(context)
    if isinstance(core, layers.Elementwise):
        raw = core.raw(context)
        raw = tf.broadcast_to(raw, [rows, *raw.shape[raw.shape.rank - len(core.event_shape) - 1 :]])
        raw = tf.reshape(raw, [rows, flat.shape[1], core.univariate.parameter_size])
        family = core.univariate.bijector
    elif isinstance(bijector, bijectors.Coupling):
        raw = bijector._raw_parameters(tf.gather(flat, np.flatnonzero(core._passing), axis=1))
        moving = tf.gather(flat, np.flatnonzero(~core._passing), axis=1)
        family = core.univariate.bijector
    elif not isinstance(bijector, bijectors.MaskedAutoregressive):
        return None
    else:
        raw = bijector._raw_parameters(flat)

        def family(raw):
            return bijector._univariate(raw, *bijector._weights)

    def effect(raw):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(raw)
            scalar = family(raw)
            value = scalar.inverse(tf.identity(moving))
            slope = scalar.inverse_log_det_jacobian(tf.identity(moving), 0)
        total = tf.zeros_like(raw)
        for output in (value, slope):
            gradient = tape.gradient(output, raw, unconnected_gradients="zero")
            total += tf.square(gradient)
        return np.sqrt(np.mean(total.numpy().astype(np.float64), 0))

    reference = effect(tf.zeros_like(raw))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(reference > 1e-6, effect(raw) / reference, np.inf)
