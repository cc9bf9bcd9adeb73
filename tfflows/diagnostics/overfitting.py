"""The line about rows learned by heart: training against held-out likelihood."""

import math

import numpy as np

from tfflows.diagnostics.report import CheckResult

__all__ = ["train_gap"]

_PER_COORDINATE = 0.05
_FEWEST = 20


def train_gap(inputs) -> CheckResult:
    """Compare the mean log density of training rows with that of held-out rows."""
    good = "mean log density of training rows minus that of held-out rows, in nats"
    if inputs.train is None:
        return CheckResult.skipped(
            "train_gap", good, "pass train= to compare with the training rows"
        )
    rows = slice(None)
    if len(inputs.train) > 10_000:
        rows = np.sort(inputs.random("train_gap").choice(len(inputs.train), 10_000, replace=False))
    context = None if inputs.train_context is None else inputs.train_context[rows]
    train = inputs.model.log_prob(inputs.train[rows], context).numpy().astype(np.float64)
    train, held = train[np.isfinite(train)], inputs.log_prob.astype(np.float64)
    if min(len(train), len(held)) < _FEWEST:
        return CheckResult.skipped(
            "train_gap", good, f"fewer than {_FEWEST} rows with a finite density"
        )
    from scipy.stats import norm

    tolerance = _PER_COORDINATE * inputs.model.event_size
    error = math.sqrt(train.var(ddof=1) / len(train) + held.var(ddof=1) / len(held))
    gap = float(train.mean() - held.mean())
    margin = float(norm.isf(inputs.alpha)) * error
    return CheckResult(
        "train_gap",
        gap,
        tolerance + margin,
        good,
        f"{_PER_COORDINATE:g} nats for each coordinate, which any fit gains on its own rows, and "
        f"{margin:.2g} that chance adds (with probability {inputs.alpha:.2g}).",
        "The model has learned training rows by heart. Stop earlier "
        "(keras.callbacks.EarlyStopping on validation data), make it smaller, add weight decay or "
        "dropout, or find more data.",
        f"Training {train.mean():.3f}, held out {held.mean():.3f}.",
        p_value=float(norm.sf((gap - tolerance) / error)) if error > 0 else None,
    )
