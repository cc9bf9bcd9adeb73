"""Warnings of tables whose numbers may not mean what a density takes them for."""

from __future__ import annotations

import numpy as np

from tfflows_cli.errors import warn
from tfflows_cli.schema import Schema
from tfflows_cli.source import Part
from tfflows_cli.tables import Table

_SENTINELS = tuple(sign * value for sign in (-1.0, 1.0) for value in (99, 999, 9999, 99999, 999999))


def warn_of_columns(table: Table, schema: Schema) -> None:
    """Warn of numbers that stand for missing cells, and of columns that count the rows."""
    for name in schema.columns:
        values = table.numbers(name)
        sentinel, count = _sentinel(values)
        if count:
            warn(
                f"{table.source}, column {name!r}: {sentinel:g} stands in {count:,} rows, away "
                "from all other values. If it means that there is none, empty these cells and drop "
                "their rows with --dropna."
            )
        if _counts_rows(values):
            warn(
                f"{table.source}, column {name!r} grows from row to row by whole numbers, as the "
                "number of a row or a case does. Such a column has no density; leave it out with "
                "--columns."
            )


def _sentinel(values: np.ndarray) -> tuple[float, int]:
    """Return a number that stands for missing cells, and how often; 0 times if there is none."""
    for value in (values.min(), values.max()):
        others = values[values != value]
        count = len(values) - len(others)
        if value not in _SENTINELS or count < 2 or len(others) < 2:
            continue
        gap = np.abs(others - value).min()
        if gap > 3.0 * others.std() or (value < 0.0 <= others.min() and gap > -0.5 * value):
            return float(value), count
    return 0.0, 0


def _counts_rows(values: np.ndarray) -> bool:
    whole = np.all(values == np.round(values))
    return bool(whole) and (bool(np.all(np.diff(values) > 0)) or _is_a_range(values))


def _is_a_range(values: np.ndarray) -> bool:
    return np.ptp(values) == len(values) - 1 and len(np.unique(values)) == len(values)


def warn_of_repeated_rows(source: str, inputs: dict[str, Part]) -> None:
    """Warn of test rows that stand among the training rows more often than chance explains.

    Two rows of independent columns agree with the probability that each of the columns does.
    """
    train, test = (
        np.ascontiguousarray(x if context is None else np.concatenate([x, context], axis=-1))
        for x, context in (inputs["train"], inputs["test"])
    )
    known = {row.tobytes() for row in train}
    share = np.mean([row.tobytes() in known for row in test])
    agree = 1.0
    for column in train.T:
        _, counts = np.unique(column, return_counts=True)
        agree *= float(np.mean(counts[np.searchsorted(np.unique(column), column)] / len(column)))
    if share > max(0.01, 5.0 * min(1.0, agree * len(train))):
        warn(
            f"{source}: {100 * share:.0f} % of the test rows stand among the training rows as "
            "well, so that the NLL of the test rows says little about new ones. Take the repeated "
            "rows out, or give test rows of their own with --test."
        )
