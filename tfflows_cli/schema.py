"""What the columns of a fitted model mean: stored beside the model, applied to every table."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from tfflows_cli.errors import CommandError
from tfflows_cli.tables import Table, open_table
from tfflows_cli.version import version

SCHEMA_FILE = "schema.json"
MODEL_FILE = "model.keras"
RESUME_FILE = "resume.ckpt"
METRICS_FILE = "metrics.json"
_FORMAT = "tfflows-fit"
_VERSION = 1
_MOST_CATEGORIES = 1000


@dataclass(frozen=True)
class ContextColumn:
    """A column to condition on.

    Attributes
    ----------
    name : str
        Name of the column.
    categories : tuple of str or None
        Known categories, each one column of a one-hot row; None for a column of numbers.
    """

    name: str
    categories: tuple[str, ...] | None = None

    @property
    def width(self) -> int:
        """Entries of the context that the column fills."""
        return 1 if self.categories is None else len(self.categories)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of these entries."""
        if self.categories is None:
            return (self.name,)
        return tuple(f"{self.name}={category}" for category in self.categories)

    def encode(self, table: Table) -> np.ndarray:
        """Map the column to ``[rows, width]``; an unknown category is an error that names it."""
        if self.categories is None:
            return table.numbers(self.name)[:, None]
        cells = table.categories(self.name)
        known = {category: k for k, category in enumerate(self.categories)}
        places = np.array([known.get(cell, -1) for cell in cells], dtype=np.intp)
        if (places < 0).any():
            row = int(np.argmax(places < 0))
            raise CommandError(
                f"{table.place(self.name, row)}: unknown category "
                f"{cells[row]!r}. The model knows {', '.join(map(repr, self.categories))}."
            )
        return np.eye(len(self.categories))[places]

    def describe(self) -> str:
        """Name and kind, for people."""
        if self.categories is None:
            return f"{self.name} (number)"
        shown = ", ".join(self.categories[:8]) + (", ..." if len(self.categories) > 8 else "")
        return f"{self.name} (category: {shown})"


@dataclass(frozen=True)
class Schema:
    """The modeled columns and the context columns, in the order of the model's inputs.

    `bounds` has, for columns that cannot leave an interval, its ends, None where there is none.
    """

    columns: tuple[str, ...]
    context: tuple[ContextColumn, ...] = ()
    named: bool = True
    bounds: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)

    @property
    def context_width(self) -> int | None:
        """Length of a context row, or None without context."""
        return sum(column.width for column in self.context) if self.context else None

    @property
    def context_names(self) -> tuple[str, ...] | None:
        """Names of the entries of a context row, or None without context."""
        if not self.context:
            return None
        return tuple(name for column in self.context for name in column.names)

    @classmethod
    def of(cls, table: Table, columns: Sequence[str] | None, context: Sequence[str]) -> Schema:
        """Choose columns by name and decide which context columns are categories.

        Parameters
        ----------
        table : Table
            The table to fit, all rows: the categories found in it are those the model knows.
        columns : sequence of str or None
            Columns to model; None for all that are not context.
        context : sequence of str
            Context columns, each ``name``, ``name:number`` or ``name:category``.
        """
        columns, contexts = chosen_names(table, columns, context)
        chosen = [
            ContextColumn(name, _categories(table, name))
            if kind == "category" or (not kind and table.looks_categorical(name))
            else ContextColumn(name)
            for name, kind in contexts.items()
        ]
        return cls(tuple(columns), tuple(chosen), table.named)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, those of the context last."""
        return (*self.columns, *(column.name for column in self.context))

    def encode(self, table: Table) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the events ``[rows, columns]`` and the context ``[rows, width]``, float32."""
        check_complete(table, self.names_in(table))
        return self.encode_events(table), self.encode_context(table)

    def encode_events(self, table: Table) -> np.ndarray:
        """Return the modeled columns as float32 ``[rows, columns]``."""
        names = self.names_in(table)[: len(self.columns)]
        return np.stack([table.numbers(name) for name in names], axis=-1).astype(np.float32)

    def names_in(self, table: Table) -> tuple[str, ...]:
        """Return the names that the columns have in a table."""
        if not table.named and not self.context and len(table.columns) == len(self.columns):
            # Columns without names can only be meant by their order.
            return tuple(table.columns)
        return self.names

    def encode_context(self, table: Table) -> np.ndarray | None:
        """Return the context columns as float32 ``[rows, width]``, or None."""
        if not self.context:
            return None
        parts = [column.encode(table) for column in self.context]
        return np.concatenate(parts, axis=-1).astype(np.float32)

    def bounded_by(self, bounds: Mapping[str, tuple[float, float | None]]) -> Schema:
        """Return the schema with bounds."""
        return replace(self, bounds=bounds)

    def within_bounds(self, x: np.ndarray) -> np.ndarray:
        """Return rows ``[..., columns]`` with what lies beyond a bound moved onto it.

        A bound on which rows lie is a little inside the range of the model.
        """
        if not self.bounds:
            return x
        x = np.array(x)
        for name, (low, high) in self.bounds.items():
            k = self.columns.index(name)
            x[..., k] = np.clip(x[..., k], low, high)
        return x

    def write(self, folder: Path) -> None:
        """Write the schema into a folder."""
        content = {"format": _FORMAT, "version": _VERSION, "tfflows": version(), **asdict(self)}
        (folder / SCHEMA_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Schema:
        """Read the schema of a folder that ``tfflows fit`` wrote."""
        if not folder.is_dir():
            raise CommandError(f"there is no folder {str(folder)!r}")
        if not is_fit_folder(folder):
            raise CommandError(f"{folder} is not a folder that tfflows fit wrote")
        content = json.loads((folder / SCHEMA_FILE).read_text(encoding="utf-8"))
        if content["version"] > _VERSION:
            raise CommandError(
                f"{folder / SCHEMA_FILE} was written by tfflows {content['tfflows']}, which is "
                f"newer than this tfflows {version()}: upgrade to read it"
            )
        context = tuple(
            ContextColumn(
                column["name"],
                None if column["categories"] is None else tuple(column["categories"]),
            )
            for column in content["context"]
        )
        bounds = {name: tuple(ends) for name, ends in content.get("bounds", {}).items()}
        return cls(tuple(content["columns"]), context, content["named"], bounds)


def chosen_names(
    table: Table, columns: Sequence[str] | None, context: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the columns to model and those to condition on, with their kinds where given.

    The arguments are those of `Schema.of`.
    """
    kinds: dict[str, str] = {}
    for word in context:
        name, _, kind = word.rpartition(":")
        if kind not in ("number", "category") or not name:
            name, kind = word, ""
        table.column(name)
        if name in kinds:
            raise CommandError(f"a context column is given twice: {name}")
        kinds[name] = kind
    if columns is None:
        if table.unusable:
            raise CommandError(
                f"{table.source}: {'; '.join(table.unusable.values())}. Rename them in the table, "
                "or choose others with --columns."
            )
        columns = [name for name in table.columns if name not in kinds]
    if both := [name for name in columns if name in kinds]:
        raise CommandError(f"{both[0]!r} cannot be both a modeled column and context")
    if not columns:
        raise CommandError(f"{table.source}: every column is context; none is left to model")
    for name in columns:
        table.column(name)
    return tuple(columns), kinds


def check_complete(table: Table, names: Sequence[str]) -> None:
    """Refuse missing cells in the named columns, with their number in each."""
    if counts := table.missing(names):
        rows = int((~table.complete(names)).sum())
        raise CommandError(
            f"{table.source} has missing cells in {rows:,} of {table.rows:,} rows, by columns "
            f"{counts}. Drop these rows with --dropna, impute them, or choose other columns."
        )


def drop_missing(table: Table, names: Sequence[str]) -> Table:
    """Return the rows that have a value in each of the named columns, and say what was dropped."""
    if not (counts := table.missing(names)):
        return table
    kept = table.complete(names)
    if not kept.any():
        raise CommandError(f"{table.source}: every row has a missing cell, by columns {counts}")
    print(
        f"dropped  {int((~kept).sum()):,} of {table.rows:,} rows of {table.source} with missing "
        f"cells, by columns {counts}",
        file=sys.stderr,
    )
    return table.select(kept)


def read_rows(
    schema: Schema, arguments: Namespace, path: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the events and contexts of a table as the options of a command say."""
    table = open_table(arguments, path)
    if arguments.dropna:
        table = drop_missing(table, schema.names_in(table))
    return schema.encode(table)


def check_resolution(table: Table, schema: Schema) -> None:
    """Refuse columns that float32 would round to steps, such as times in seconds since 1970."""
    numbers = [column.name for column in schema.context if column.categories is None]
    for name in (*schema.columns, *numbers):
        values = table.numbers(name)
        step = float(np.spacing(np.abs(values).max().astype(np.float32)))
        if 0.0 < values.std() < 20.0 * step:
            raise CommandError(
                f"{table.source}, column {name!r}: float32 holds values of this size in steps of "
                f"{step:.3g}, too coarse for a standard deviation of {values.std():.3g}. Subtract "
                f"an offset such as {values.mean():.6g} from the column."
            )


def is_fit_folder(folder: Path) -> bool:
    """Whether ``tfflows fit`` wrote this folder."""
    try:
        content = json.loads((folder / SCHEMA_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == _FORMAT


def _categories(table: Table, name: str) -> tuple[str, ...]:
    """Categories of a column: whole numbers by size, text by alphabet."""
    found = set(table.categories(name))
    if len(found) > _MOST_CATEGORIES:
        raise CommandError(
            f"{table.source}, column {name!r}: {len(found)} different values are too many for "
            f"categories (at most {_MOST_CATEGORIES}); numbers are passed with {name}:number"
        )
    try:
        return tuple(sorted(found, key=int))
    except ValueError:
        return tuple(sorted(found))
