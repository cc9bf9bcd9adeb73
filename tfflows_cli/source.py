"""The rows that a fit trains on, stops by and is tested on."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfflows_cli.errors import CommandError
from tfflows_cli.schema import Schema, check_complete, chosen_names, drop_missing
from tfflows_cli.tables import READABLE, Table, open_table

if TYPE_CHECKING:
    from tfflows.datasets import Dataset

# Enough to train on that a flow cannot learn the rows by heart, and enough to test on that the
# test NLL is within about 0.01 nats of its expectation.
_DRAWN_ROWS = 60_000
_DRAWN_SPLIT = (0.7, 0.1, 0.2)
_SPLIT = (0.8, 0.1, 0.1)
_SPLIT_WITHOUT_TEST = (0.9, 0.1)


Part = tuple[np.ndarray, np.ndarray | None]


@dataclass(frozen=True)
class Source:
    """A table, how its rows are split to fit on, and where it comes from.

    Attributes
    ----------
    name : str
        For titles and the default output folder.
    table : Table
        All rows of DATA.
    order : np.ndarray
        Row numbers in the order in which they are split.
    sizes : tuple of int
        Training rows, validation rows and, unless the test rows are a table of their own, those.
    test : Table or None
        The separate table with the test rows.
    dataset : tfflows.datasets.Dataset or None
        The named data set, with its truth; None for a table.
    """

    name: str
    table: Table
    order: np.ndarray
    sizes: tuple[int, ...]
    test: Table | None = None
    dataset: Dataset | None = None

    def encode(self, schema: Schema, dequantized: bool = False) -> dict[str, Part]:
        """Return the events and contexts of the parts ``train``, ``val`` and ``test``.

        The table is read before it is split, so that errors give the rows as they stand in it.
        """
        x, context = schema.encode(self.table)
        order = self.order
        if context is not None and self.dataset is None:
            order = _first_of_each_kind_first(order, context)
        rows = np.split(order, np.cumsum(self.sizes)[:-1])
        parts = [(x[part], None if context is None else context[part]) for part in rows]
        if self.test is not None:
            parts.append(schema.encode(self.test))
        if not dequantized:
            _check_spread(schema, self.table.source, parts[0][0])
        _check_context(schema, self.table.source, parts[0][1])
        return dict(zip(("train", "val", "test"), parts, strict=True))


def _first_of_each_kind_first(order: np.ndarray, context: np.ndarray) -> np.ndarray:
    """Move a row of every category to the front, into the training part.

    A category that is met only in validation or test rows would be one of which nothing was
    learned.
    """
    first = np.unique(np.argmax(context[order] != 0, axis=0))
    return np.concatenate([order[first], np.delete(order, first)])


def _check_spread(schema: Schema, source: str, x: np.ndarray) -> None:
    """Refuse columns that have one value in all training rows."""
    for name, constant in zip(schema.columns, np.ptp(x, axis=0) == 0, strict=True):
        if constant:
            raise CommandError(
                f"{source}, column {name!r} is constant, so that its density has no bound. Choose "
                "other columns with --columns, or add noise of one step with --noise."
            )


def _check_context(schema: Schema, source: str, context: np.ndarray | None) -> None:
    """Refuse a context that does not tell the training rows apart."""
    if context is None:
        return
    start = 0
    for column in schema.context:
        if np.ptp(context[:, start : start + column.width], axis=0).max() == 0:
            raise CommandError(
                f"{source}, context column {column.name!r} has one value in all training rows: "
                "there is nothing to condition on. Leave it out of --context."
            )
        start += column.width


def open_source(arguments: Namespace) -> Source:
    """Find the data of ``tfflows fit``: a file if it looks like one, else a name."""
    data = arguments.data
    if Path(data).is_file() or Path(data).suffix.lower() in READABLE:
        return _from_table(arguments)
    return _from_name(arguments)


def _from_table(arguments: Namespace) -> Source:
    if arguments.rows is not None:
        raise CommandError("--rows is for named data sets; a table is read as a whole")
    if arguments.noise is not None and not arguments.noise >= 0.0:
        raise CommandError(f"--noise must be at least 0; got {arguments.noise}")
    table = open_table(arguments, arguments.data)
    separate = None if arguments.test is None else open_table(arguments, arguments.test)
    columns, context = chosen_names(table, arguments.columns, arguments.context)
    if arguments.dropna:
        table = drop_missing(table, (*columns, *context))
        separate = None if separate is None else drop_missing(separate, (*columns, *context))
    check_complete(table, (*columns, *context))
    shares = arguments.split or (_SPLIT if separate is None else _SPLIT_WITHOUT_TEST)
    expected = 3 if separate is None else 2
    if len(shares) != expected:
        raise CommandError(
            f"--split takes {expected} shares {'without' if separate is None else 'with'} --test; "
            f"got {len(shares)}"
        )
    if table.rows < 10 * expected:
        raise CommandError(
            f"{table.source} has {table.rows} rows; a fit needs at least {10 * expected}"
        )
    order = np.random.default_rng(arguments.seed).permutation(table.rows)
    held_out = [max(1, round(share * table.rows)) for share in shares[1:]]
    sizes = (table.rows - sum(held_out), *held_out)
    return Source(Path(arguments.data).stem, table, order, sizes, test=separate)


def _from_name(arguments: Namespace) -> Source:
    from tfflows import datasets

    for option in ("key", "test", "encoding", "decimal", "dropna"):
        if getattr(arguments, option):
            raise CommandError(f"--{option} is for tables; {arguments.data!r} is no file")
    if arguments.split is not None and len(arguments.split) != 3:
        raise CommandError("--split takes three shares for a named data set")
    name = arguments.data
    try:
        drawn = datasets.load(name, n=10, seed=arguments.seed).target is not None
    except ValueError as error:
        raise CommandError(f"{error} A table needs an ending such as .csv or .npz.") from error
    data = datasets.load(
        name,
        seed=arguments.seed,
        n=arguments.rows or (_DRAWN_ROWS if drawn else None),
        noise=arguments.noise,
        splits=arguments.split or (_DRAWN_SPLIT if drawn else _SPLIT),
    )
    columns = {column: np.concatenate(data.splits)[:, k] for k, column in enumerate(data.columns)}
    if data.labels is not None:
        columns["label"] = np.asarray(data.classes, dtype=object)[np.concatenate(data.labels)]
    table = Table(name, columns)
    sizes = tuple(len(part) for part in data)
    return Source(name, table, np.arange(table.rows), sizes, dataset=data)
