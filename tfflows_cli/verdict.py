"""What `fit` says of a flow beside its NLL: baselines, what a check finds, where draws end up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tfflows_cli.baselines import Gaussian, Independent
from tfflows_cli.errors import warn, with_names
from tfflows_cli.first import First
from tfflows_cli.schema import Schema
from tfflows_cli.source import Part

# As many rows as a check of a small flow sees in some seconds.
CHECKED_ROWS = 4000
# A difference in nats that nobody would notice.
_NOTHING = 0.005


def baselines(inputs: dict[str, Part], first: First, seed: int) -> dict[str, dict[str, float]]:
    """Return the NLL of simple densities fitted to the training rows, in nats per row."""
    rows = {part: (first.continuous(x, seed), context) for part, (x, context) in inputs.items()}
    layer = First(np.zeros(len(first.steps)), first.maps, first.lower, first.upper, {}).layers()
    mapped = {part: _mapped(layer, x, rows["train"][0]) for part, (x, _) in rows.items()}
    gaussian, independent = Gaussian(*rows["train"]), Independent(mapped["train"][0])
    return {
        "gaussian": {
            part: -float(gaussian.log_prob(*both).mean()) - first.log_volume
            for part, both in rows.items()
        },
        "independent": {
            part: -float((independent.log_prob(z) + log_det).mean()) - first.log_volume
            for part, (z, log_det) in mapped.items()
        },
    }


def _mapped(made: list, x: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows after the maps of their columns, and the log-determinants of these."""
    if not made:
        return x, np.zeros(len(x))
    (layer,) = made
    if not layer.built:
        layer.build(x.shape[1:])
        layer.adapt(train)
    z, log_det = layer.inverse(np.asarray(x, layer.variable_dtype))
    return np.asarray(z, np.float64), np.asarray(log_det, np.float64)


def warn_below(nll: dict[str, float], simple: dict[str, dict[str, float]], rows: int) -> None:
    """Warn of a flow that a simpler density beats on the test rows."""
    name = min(simple, key=lambda name: simple[name]["test"])
    best = simple[name]
    if nll["test"] <= best["test"] + _NOTHING:
        return
    what = {"gaussian": "a Gaussian", "independent": "independent columns"}[name]
    # Validation rows may be harder than training rows; for both densities they are the same.
    gap = (nll["val"] - nll["train"]) - (best["val"] - best["train"])
    advice = (
        f"It knows the {rows:,} training rows too well: try --dropout 0.2, smaller networks "
        "(--hidden 32 --transforms 2), --linear where columns are many and correlated, or --flow "
        "sinh-arcsinh-normal, which has no network"
        if gap > 0.5 * (nll["test"] - best["test"])
        else "Try more --epochs, --linear, or another --flow such as maf or gf"
    )
    warn(
        f"the flow ({nll['test']:.4f}) is worse on the test rows than {what} "
        f"({best['test']:.4f}). {advice}."
    )


def record(report) -> dict[str, Any]:
    """Return a report for JSON."""
    return {
        "ok": report.ok,
        "failed": list(report.failed),
        "lines": {
            line.name: {
                "ok": line.ok,
                "value": _finite(line.value),
                "threshold": _finite(line.threshold),
                "p_value": _finite(line.p_value),
                "good": line.good,
                "detail": with_names(line.detail),
                "advice": with_names(line.advice) if not line.ok else "",
            }
            for line in report
        },
    }


def _finite(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return None if value is None else float(value)
    return str(float(value))


def show_failed(report) -> None:
    """Print the lines of a report that failed, the first of them with what to do."""
    applied = sum(line.applies for line in report)
    good = applied - len(report.failed)
    print(f"check    {good} of {applied} lines are good" + (":" if report.failed else ""))
    for name in report.failed:
        line = report[name]
        place = f" ({with_names(line.detail)})" if line.detail else ""
        print(f"  {name} {line.value:.3g}, at most {line.threshold:.3g}{place}")
        print(f"    {with_names(line.advice)}")


def propose_bounds(schema: Schema, first: First, inputs: dict[str, Part], drawn) -> None:
    """Propose `--bounds` for columns that have natural ends which draws cross."""
    every = np.concatenate([x for x, _ in inputs.values()])
    for k, name in enumerate(schema.columns):
        if name in first.bounds or first.maps[k] in ("log", "softplus"):
            continue
        low, high = every[:, k].min(), every[:, k].max()
        ends = next((end for end in (1.0, 100.0) if 0.9 * end < high <= end), None)
        if low < 0 or (ends is None and low > 0.1 * np.median(every[:, k])):
            continue
        outside = (drawn[:, k] < 0) | (drawn[:, k] > (np.inf if ends is None else ends))
        if (share := float(outside.mean())) > 1e-3:
            said = f"{name}=0," + ("" if ends is None else f"{ends:g}")
            warn(
                f"{100 * share:.1f} % of the draws of column {name!r} lie outside "
                f"{'[0, ' + format(ends, 'g') + ']' if ends else 'the numbers from 0 on'}, where "
                f"all rows are; if it can be nowhere else, fit with --bounds {said}"
            )
