"""The rows that a fit trains on, stops by and is tested on."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfflows_cli.errors import CommandError
from tfflows_cli.quiet import quiet_import
from tfflows_cli.tables import READABLE, Table, read_table

# Enough rows that the test NLL of a drawn set is within about 0.01 nats of its expectation.
_DRAWN_ROWS = 20_000
_DRAWN_SPLIT = (0.7, 0.1, 0.2)
_TABLE_SPLIT = (0.8, 0.1, 0.1)
_SPLIT_WITHOUT_TEST = (0.9, 0.1)


@dataclass(frozen=True)
class Source:
    """Training, validation and test rows, and the data set that they come from, if it has a name.

    Attributes
    ----------
    name : str
        For titles and the default output folder.
    whole : Table
        All rows that were split, from which the meaning of the columns is taken.
    train, val, test : Table
        The parts.
    dataset : tfflows.datasets.Dataset or None
        The named data set, with its truth; None for a table.
    """

    name: str
    whole: Table
    train: Table
    val: Table
    test: Table
    dataset: object | None = None


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
    table = read_table(arguments.data, arguments.key)
    separate = None if arguments.test is None else read_table(arguments.test, arguments.key)
    shares = arguments.split or (_TABLE_SPLIT if separate is None else _SPLIT_WITHOUT_TEST)
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
    sizes = [max(1, round(share * table.rows)) for share in shares[1:]]
    cuts = np.cumsum([table.rows - sum(sizes), *sizes])[:-1]
    parts = [table.take(rows) for rows in np.split(order, cuts)]
    test = parts[2] if separate is None else separate
    return Source(Path(arguments.data).stem, table, parts[0], parts[1], test)


def _from_name(arguments: Namespace) -> Source:
    with quiet_import():
        from tfflows import datasets
    for option, value in (("--key", arguments.key), ("--test", arguments.test)):
        if value is not None:
            raise CommandError(f"{option} is for tables; {arguments.data!r} is no file")
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
        splits=arguments.split or (_DRAWN_SPLIT if drawn else _TABLE_SPLIT),
    )
    columns = {column: np.concatenate(data.splits)[:, k] for k, column in enumerate(data.columns)}
    if data.labels is not None:
        columns["label"] = np.asarray(data.classes, dtype=object)[np.concatenate(data.labels)]
    whole = Table(name, columns)
    cuts = np.cumsum([len(part) for part in data])[:-1]
    parts = [whole.take(rows) for rows in np.split(np.arange(whole.rows), cuts)]
    return Source(name, whole, *parts, dataset=data)
