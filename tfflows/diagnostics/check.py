"""The check of a model on held-out rows: every line, in the order of cause and effect."""

import numpy as np

from tfflows.diagnostics import (
    calibration,
    dependence,
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
    dependence.dependence,
    dependence.surface,
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
    """Check the model on held-out rows, from its mathematics to its fit.

    The report prints as a table and can be asserted on. Its lines stand in the order of cause
    and effect; those about layers apply to models made of bijectors.

    Parameters
    ----------
    x : array
        Rows that the model was not fitted to, ``[N, *event_shape]``.
    context : array, optional
        Their contexts ``[N, *context_shape]``.
    train : array or pair of arrays, optional
        Rows that it was fitted to (or those and their contexts), to look for overfitting.
    train_context : array, optional
        Contexts of `train`.
    seed : int
        Seed of everything that is drawn; the same seed, the same report.
    rows : int
        Rows that the costly lines look at; all are looked at for numbers that are not finite.
    tolerance : float
        How far from perfect is good enough for the lines that compare distributions, as a
        difference of probabilities. At 0 they test whether the model is exactly right, which
        no fitted model is.
    alpha : float
        Probability that a model within the tolerance fails some line by chance.

    Returns
    -------
    Report
        ``report.ok``, ``report.failed``, and lines such as ``report["round_trip"]`` with
        ``value``, ``threshold``, ``ok``, ``reason``, ``advice`` and ``detail``.

    Raises
    ------
    ValueError
        If rows, shapes or arguments do not fit.

    Examples
    --------
    >>> import numpy as np, tfflows
    >>> flow = tfflows.SinhArcsinhNormal(2)
    >>> x = np.random.default_rng(0).normal(size=(500, 2)).astype("float32")
    >>> flow.adapt(x[:250])
    >>> report = flow.check(x[250:])
    >>> report.ok, report["round_trip"].ok, len(report.failed)
    (True, True, 0)
    """
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
