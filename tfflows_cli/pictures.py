"""Pictures of a fitted flow, as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfflows import plot
from tfflows_cli.errors import CommandError, warn
from tfflows_cli.schema import Schema
from tfflows_cli.source import Part


def draws_like(flow, rows: Part, schema: Schema, seed: int = 0) -> np.ndarray:
    """Draw as many finite rows as there are given, at their contexts, within the bounds."""
    x, context = rows
    if context is None:
        drawn = np.asarray(flow.sample(len(x), seed=seed))
    else:
        drawn = np.asarray(flow.sample(1, context=context, seed=seed))[0]
    finite = np.isfinite(drawn).all(axis=-1)
    if not finite.all():
        warn(f"{np.sum(~finite)} draws are not finite and not shown")
    return schema.within_bounds(drawn[finite])


def figure(kind: str, flow, schema: Schema, rows: Part | None, seed: int = 0, label: str = "data"):
    """Return the figure of a kind; `rows` are what it is drawn of, and `label` what they are.

    Raises
    ------
    CommandError
        If the flow has no picture of that kind.
    """
    if kind == "density":
        if len(schema.columns) != 2 or schema.context or flow.dequantizes:
            raise CommandError(
                "a density is drawn of two continuous columns without context; choose another "
                "--kind, such as pairs"
            )
        return plot.density(
            flow, x=None if rows is None else rows[0], columns=schema.columns
        ).figure
    if rows is None:
        raise CommandError(f"--kind {kind} needs DATA, a table with rows")
    x, context = rows
    if kind in ("pairs", "marginals"):
        drawn = draws_like(flow, rows, schema, seed)
        return getattr(plot, kind)(x, drawn, schema.columns)
    if kind == "latent":
        return plot.latent(flow, x, context=context)
    return plot.calibration(flow, x, context=context).figure


def save(drawn, path: Path) -> None:
    """Write a figure."""
    try:
        drawn.savefig(path)
    except ValueError as error:
        raise CommandError(f"cannot write {str(path)!r}: {error}") from error
