"""Lines about whether events lie where a conditional model says, for every context."""

import numpy as np

from tfflows.diagnostics import two_sample
from tfflows.diagnostics.report import CheckResult

__all__ = ["calibration", "calibration_by_context", "context_groups", "ranks"]

_ROWS = 4000
_DRAWS = 31
_NUMBERS = 8_000_000
_FEWEST = 50
_MOST_COLUMNS = 8

_ADVICE = (
    "The spread or the place that the model gives these events is wrong for their contexts. Does "
    "the context reach every layer, and is it the right one for each row (sorted or shuffled "
    "apart)? Standardize it, train longer, or give the networks more units."
)


def calibration(inputs) -> CheckResult:
    """Compare the ranks of events among draws for their contexts with uniform ones."""
    good = "Kolmogorov distance of ranks among draws for the same context from uniform: largest"
    if inputs.context is None:
        return CheckResult.skipped("calibration", good, "the model has no context")
    if len(inputs.x) < _FEWEST:
        return CheckResult.skipped("calibration", good, f"fewer than {_FEWEST} rows")
    u = _ranks_of(inputs)[1]
    return _line(inputs, "calibration", good, [("all rows", u)])


def calibration_by_context(inputs) -> CheckResult:
    """Compare ranks with uniform ones within groups of similar contexts."""
    good = "the same within groups of similar contexts: largest"
    name = "calibration_by_context"
    if inputs.context is None:
        return CheckResult.skipped(name, good, "the model has no context")
    if len(inputs.x) < _FEWEST:
        return CheckResult.skipped(name, good, f"fewer than {_FEWEST} rows")
    rows, u = _ranks_of(inputs)
    context = inputs.context[rows].reshape(len(rows), -1)
    groups = [(label, u[chosen]) for label, chosen in context_groups(context)]
    if not groups:
        return CheckResult.skipped(name, good, "the contexts do not vary")
    return _line(inputs, name, good, groups)


def _line(inputs, name, good, groups) -> CheckResult:
    columns = groups[0][1].shape[1]
    tests = columns * len(groups)
    found = [
        (distance, inputs.tolerance + two_sample.kolmogorov_margin(inputs.alpha, tests, len(u)))
        for _, u in groups
        for distance in two_sample.kolmogorov_uniform(u)
    ]
    worst = max(range(tests), key=lambda i: found[i][0] - found[i][1])
    distance, threshold = found[worst]
    label, u = groups[worst // columns]
    column = worst % columns
    what = "the density" if column == columns - 1 else f"coordinate {column}"
    return CheckResult(
        name,
        float(distance),
        float(threshold),
        good,
        f"The tolerance {inputs.tolerance:g}, and what chance adds with {len(u)} rows and {tests} "
        f"distances (with probability {inputs.alpha:.2g}).",
        _ADVICE,
        f"The worst are the ranks of {what}, for {label}: {_shape(u[:, column])}.",
        p_value=two_sample.kolmogorov_p_value(distance - inputs.tolerance, tests, len(u)),
    )


def _shape(u) -> str:
    """Say in words how ranks that should be uniform are not."""
    low, middle, high = (np.mean((u >= a) & (u < b)) for a, b in ((0, 0.2), (0.2, 0.8), (0.8, 1.1)))
    if middle < 0.6 and min(low, high) > 0.2:
        return "too many at both ends, so the model is too narrow"
    if middle > 0.6 and max(low, high) < 0.2:
        return "too few at both ends, so the model is too wide"
    return "too many at the low end" if low > high else "too many at the high end"


def _ranks_of(inputs) -> tuple:
    """Return the rows looked at and their ranks, drawn once for both lines."""
    known = getattr(inputs, "_ranks", None)
    if known is None:
        rows = inputs.some(_ROWS, "calibration")
        seed = int(inputs.random("calibration: draws").integers(2**31 - 1))
        known = inputs._ranks = (
            rows,
            ranks(inputs.model, inputs.x[rows], inputs.context[rows], inputs.log_prob[rows], seed),
        )
    return known


def ranks(model, x, context, log_prob, seed: int) -> np.ndarray:
    """Return the ranks of events among draws for their contexts, scaled to the unit interval.

    Where the model is right they are uniform, for each coordinate and for the density, which tells
    how far out an event lies.

    Parameters
    ----------
    model : DensityModel
        A model with a context.
    x, context, log_prob : np.ndarray
        Events, their contexts and log densities.
    seed : int
        Seed of the draws.

    Returns
    -------
    np.ndarray
        ``[n, D + 1]``: the coordinates, then the density.

    References
    ----------
    Talts et al. (2018), "Validating Bayesian Inference Algorithms with Simulation-Based
    Calibration", arXiv:1804.06788.
    """
    size = model.event_size
    count = int(np.clip(_NUMBERS // (max(len(x), 1) * size), 15, _DRAWS))
    drawn = model.sample(count, seed=seed, context=context)
    density = model.log_prob(drawn, context).numpy()
    drawn = drawn.numpy().reshape(count, len(x), size)
    below = (drawn < x.reshape(len(x), size)).sum(0)
    lower = (density < log_prob).sum(0)[:, np.newaxis]
    rank = np.concatenate([below, lower], 1)
    jitter = np.random.default_rng(seed).uniform(size=rank.shape)
    return (rank + jitter) / (count + 1)


def context_groups(context) -> list:
    """Return labels and rows of groups of similar contexts.

    Each column that varies most is divided at its median, or, where it takes few values, by value.

    Examples
    --------
    >>> groups = context_groups(np.arange(200.0)[:, None])
    >>> [(label, len(rows)) for label, rows in groups]
    [('context 0 up to 99.5', 100), ('context 0 above 99.5', 100)]
    """
    groups = []
    order = np.argsort(-context.std(0), kind="stable")[:_MOST_COLUMNS]
    for column in sorted(order):
        values = context[:, column]
        unique = np.unique(values)
        if 1 < len(unique) <= 5:
            parts = [(f"context {column} equal to {v:g}", values == v) for v in unique]
        elif len(unique) > 5:
            middle = np.median(values)
            parts = [
                (f"context {column} up to {middle:g}", values <= middle),
                (f"context {column} above {middle:g}", values > middle),
            ]
        else:
            parts = []
        groups += [(label, np.flatnonzero(m)) for label, m in parts if m.sum() >= _FEWEST]
    return groups
