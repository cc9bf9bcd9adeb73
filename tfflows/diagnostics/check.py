"""The check of a model on held-out rows: every line, in the order of cause and effect."""

import numpy as np

from tfflows.diagnostics import (
    calibration,
    finite,
    invertibility,
    masks,
    normalization,
    overfitting,
    samples,
    saturation,
)
from tfflows.diagnostics.check_inputs import CheckInputs
from tfflows.diagnostics.report import Report
from tfflows.inputs.arrays import check_table
from tfflows.interop.dry_runs import preserve_state

__all__ = ["check"]

# Causes stand before what follows from them.
_LINES = (
    finite.adapted,
    finite.finite,
    finite.support,
    finite.finite_samples,
    masks.masks,
    invertibility.round_trip,
    invertibility.round_trip_latent,
    invertibility.log_det,
    normalization.integral,
    saturation.box,
    saturation.saturation,
    overfitting.train_gap,
    calibration.calibration,
    calibration.calibration_by_context,
    samples.marginals,
    samples.energy_distance,
    samples.classifier,
    samples.latent_marginals,
    samples.latent_joint,
)


def check(
    model,
    x,
    context=None,
    *,
    train=None,
    train_context=None,
    seed: int = 0,
    rows: int = 10_000,
    tolerance: float = 0.05,
    alpha: float = 0.01,
) -> Report:
    """Check a fitted model on held-out rows; see `DensityModel.check`."""
    model.build()
    if not 0 <= tolerance < 0.5:
        raise ValueError(f"tolerance must lie in [0, 0.5); got {tolerance!r}.")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1; got {alpha!r}.")
    if rows < 1:
        raise ValueError(f"rows must be a positive int; got {rows!r}.")
    x, context, _ = check_table(model, x, context, None)
    if len(x) == 0:
        raise ValueError("x has no rows to check the model on.")
    if isinstance(train, tuple):
        if train_context is not None or len(train) != 2:
            raise ValueError(
                "give the training rows as train=x, or train=(x, context), with their contexts."
            )
        train, train_context = train
    if train is None and train_context is not None:
        raise ValueError("train_context was given without train.")
    train, train_context, _ = check_table(model, train, train_context, None, "train")
    # Numbers far out, or NaN, are what some lines look for; they need no warnings on top.
    with np.errstate(all="ignore"), preserve_state(model.variables):
        inputs = CheckInputs(model, x, context, train, train_context, seed, rows, tolerance, alpha)
        lines = [line(inputs) for line in _LINES]
    kind = "held-out row" + ("" if len(x) == 1 else "s")
    return Report(lines, f"{type(model).__name__} {model.name!r} on {len(x)} {kind}")
