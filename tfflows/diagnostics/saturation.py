"""Lines about the families of one variable: data outside their box, parameters without effect."""

import numpy as np
import tensorflow as tf

from tfflows.diagnostics.reach import advice_of_box, box_of
from tfflows.diagnostics.report import CheckResult

__all__ = ["box", "effects", "saturation"]

_OUTSIDE = 0.01
_FLAT = 0.01
_FLAT_SHARE = 0.3
_ROWS = 2000


def box(inputs) -> CheckResult:
    """Measure the share of values that lie outside the box in which a layer bends them."""
    good = "largest share of a coordinate's values outside the box of its spline"
    worst, detail, any_box, advice = 0.0, "", False, advice_of_box([])
    for index, (component, data, latent) in enumerate(inputs.walked):
        layer = component.layer
        bound = box_of(layer)
        if bound is None or not len(data):
            continue
        any_box = True
        points = component.data_side(data, latent).reshape(len(data), -1)
        share = (np.abs(points) > bound).mean(0)
        if layer.transformed is not None:
            share = np.where(layer.transformed, share, 0.0)
        if share.max() > worst:
            worst = float(share.max())
            before = [other.layer for other, *_ in inputs.walked[:index]]
            advice = advice_of_box([one for one in before if one is not None])
            detail = (
                f"{100 * worst:.1f} % of coordinate {int(share.argmax())} as it reaches the layer "
                f"{component.name!r}, whose box is ±{bound:g}."
            )
    if not any_box:
        return CheckResult.skipped("box", good, "no layer has a box")
    return CheckResult(
        "box",
        worst,
        _OUTSIDE,
        good,
        "Outside its box a spline is a straight line; of tails that hold less than a hundredth "
        "of the values a straight line is a fair model.",
        advice,
        detail,
    )


def saturation(inputs) -> CheckResult:
    """Measure the share of a layer's raw parameters that have no effect any more."""
    good = "largest share of a layer's raw parameters that no longer move anything"
    worst, detail, any_raw = 0.0, "", False
    rows = inputs.some(_ROWS, "saturation")
    context = inputs.embedded(rows)
    for component, data, latent in inputs.walked:
        if component.layer is None or not len(rows):
            continue
        points = tf.constant(component.data_side(data, latent)[rows])
        found = effects(component.layer, points, component.context(context))
        if found is None:
            continue
        any_raw, flat = True, found < _FLAT
        # A coordinate that is stuck shows by its own parameters, however many others there are.
        share = flat.mean(-1)
        if share.max() > worst or not detail:
            worst = float(share.max())
            detail = (
                f"Coordinate {int(share.argmax())} of those that the layer {component.name!r} moves"
                f"; of all its parameters {100 * flat.mean():.0f} %."
            )
    if not any_raw:
        return CheckResult.skipped("saturation", good, "no layer is a network times a family")
    return CheckResult(
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


def effects(layer, points, context=None) -> np.ndarray | None:
    """Return the effect of each raw parameter, relative to its effect where all of them are zero.

    The effect of a parameter is the root mean square, over rows, of the slopes by it of the
    latent coordinate and of the logarithm of its slope.

    Parameters
    ----------
    layer : BijectorLayer
        The layer.
    points : tf.Tensor
        Points on its data side, ``[n, *event_shape]``.
    context : tf.Tensor, optional
        Embedded contexts, one for each row.

    Returns
    -------
    np.ndarray or None
        ``[transformed coordinates, parameters]``; infinite where there is none to compare with.
        None for a layer without raw parameters.
    """
    raw = layer.raw_parameters(points, context)
    if raw is None:
        return None
    transformed = tf.reshape(points, [points.shape[0], -1])
    if layer.transformed is not None:
        transformed = tf.gather(transformed, np.flatnonzero(layer.transformed), axis=1)

    def effect(raw):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(raw)
            scalar = layer.univariate.bijector(raw)
            value = scalar.inverse(tf.identity(transformed))
            slope = scalar.inverse_log_det_jacobian(tf.identity(transformed), 0)
        total = tf.zeros_like(raw)
        for output in (value, slope):
            gradient = tape.gradient(output, raw, unconnected_gradients="zero")
            total += tf.square(gradient)
        return np.sqrt(np.mean(total.numpy().astype(np.float64), 0))

    reference = effect(tf.zeros_like(raw))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(reference > 1e-6, effect(raw) / reference, np.inf)
