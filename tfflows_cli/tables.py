"""Reading and writing tables."""

from __future__ import annotations

import csv
import difflib
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tfflows_cli.cells import (
    are_numbers,
    as_numbers,
    column_of,
    has_decimal_commas,
    is_missing,
    missing_in,
)
from tfflows_cli.errors import CommandError, warn
from tfflows_cli.text import read_text, rows_of

_PANDAS = {".parquet": "read_parquet", ".feather": "read_feather"}
_EXCEL = (".xlsx", ".xlsm")
_TEXT = (".csv", ".tsv", ".txt")
READABLE = (*_TEXT, ".npy", ".npz", *_PANDAS, *_EXCEL)


@dataclass(frozen=True)
class Table:
    """Named columns of equal length.

    Attributes
    ----------
    source : str
        Where the table came from, for messages.
    columns : mapping
        Arrays of numbers, NaN where a cell is missing, or of text as read, ``[rows]`` each.
    named : bool
        Whether the names were given; otherwise they are x0, x1, ... in order.
    unusable : mapping
        Names that mean no column, and why.
    numbering : np.ndarray or None
        Numbers of the rows in the source, from 1; None for all of them in order.
    decimal : str
        The mark before the decimals of numbers that are still text.
    """

    source: str
    columns: Mapping[str, np.ndarray]
    named: bool = True
    unusable: Mapping[str, str] = field(default_factory=dict)
    numbering: np.ndarray | None = None
    decimal: str = "."

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def column(self, name: str) -> np.ndarray:
        """Return a column as it was read; an unknown name is an error that lists the known."""
        if name in self.unusable:
            raise CommandError(f"{self.source}: {self.unusable[name]}. Rename it in the table.")
        if name not in self.columns:
            close = difflib.get_close_matches(name, self.columns, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise CommandError(
                f"{self.source} has no column {name!r}.{hint} "
                f"It has {listing(map(repr, self.columns))}."
            )
        return self.columns[name]

    def place(self, name: str, row: int) -> str:
        """Say where the cell in a column and row, counted from 0, stands in the source."""
        number = row + 1 if self.numbering is None else self.numbering[row]
        return f"{self.source}, column {name!r}, row {number}"

    def numbers(self, name: str) -> np.ndarray:
        """Return a column as finite float64; a cell that is none is an error with its place."""
        column = self.column(name)
        values = as_numbers(column)
        if values is not None and np.isfinite(values).all():
            return values
        for row, cell in enumerate(column):
            text, place = str(cell).strip(), self.place(name, row)
            if is_missing(cell):
                raise CommandError(f"{place}: the cell is missing. Drop the row or impute it.")
            value = column_of([cell], self.decimal)
            if value.dtype.kind != "f":
                raise CommandError(
                    f"{place}: {text!r} is not a number. Leave the column out with --columns, "
                    "or condition on it with --context."
                )
            if not np.isfinite(value[0]):
                raise CommandError(f"{place}: {text} is not finite. Drop or correct the row.")
        raise AssertionError("unreachable: a bad cell has been reported")

    def categories(self, name: str) -> np.ndarray:
        """Return a column as text, whole numbers without a decimal point."""
        column = self.column(name)
        if (missing := missing_in(column)).any():
            raise CommandError(
                f"{self.place(name, int(np.argmax(missing)))}: the cell is missing. "
                "Drop the row, or give the missing ones a category of their own."
            )
        unique, inverse = np.unique(np.asarray(column).astype(str), return_inverse=True)
        return np.array([_spelled(text) for text in unique], dtype=object)[inverse]

    def looks_categorical(self, name: str) -> bool:
        """Whether a column is text, or holds at most ten different whole numbers."""
        values = as_numbers(self.column(name))
        if values is None:
            return True
        values = values[~np.isnan(values)]
        whole = np.isfinite(values).all() and np.all(values == np.round(values))
        return bool(whole) and len(np.unique(values)) <= 10

    def complete(self, names: Iterable[str]) -> np.ndarray:
        """Return which rows have a value in each of the columns."""
        kept = np.ones(self.rows, bool)
        for name in names:
            kept &= ~missing_in(self.column(name))
        return kept

    def missing(self, names: Iterable[str]) -> str:
        """Count the missing cells of the columns that have any, in words; empty if none has."""
        counts = {name: int(missing_in(self.column(name)).sum()) for name in names}
        return listing([f"{name!r} ({count:,})" for name, count in counts.items() if count])

    def select(self, rows: np.ndarray) -> Table:
        """Return the table with some of its rows, which keep their numbers."""
        numbering = np.arange(1, self.rows + 1) if self.numbering is None else self.numbering
        columns = {name: column[rows] for name, column in self.columns.items()}
        return replace(self, columns=columns, numbering=numbering[rows])


def _spelled(text: str) -> str:
    """One spelling for the same whole number: 1, 1.0 and 01 are one category."""
    values = as_numbers([text])
    if values is not None and np.isfinite(values[0]) and values[0] == round(values[0]):
        return str(int(values[0]))
    return text.strip()


def listing(words: Iterable, most: int = 12) -> str:
    """List words, the first of many."""
    words = list(words)
    shown = ", ".join(map(str, words[:most]))
    return shown + (f" and {len(words) - most} more" if len(words) > most else "")


def read_table(
    path: str | Path,
    key: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
) -> Table:
    """Read a table by the ending of its name.

    Parameters
    ----------
    path : str or Path
        CSV (a first row that is all numbers is data, not names), ``.npy`` with one or two axes
        or named fields, ``.npz``, a spreadsheet, or what pandas reads.
    key : str, optional
        Array to take from an ``.npz`` file, or sheet of a spreadsheet.
    encoding : str, optional
        Encoding of a text file; UTF-8 or what it must be by default.
    decimal : str, optional
        ``"."`` or ``","``, the mark before the decimals in text; by default as it is found.

    Returns
    -------
    Table
        The table, with at least one row.

    Raises
    ------
    CommandError
        If the file is missing, of another kind, malformed or empty.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if not path.is_file():
        raise CommandError(f"there is no file {str(path)!r}")
    if kind not in READABLE:
        hint = " Save it as .xlsx." if kind in (".xls", ".xlsb", ".ods") else ""
        kinds = listing(map(repr, READABLE))
        raise CommandError(f"{path} is not a table that can be read: expected {kinds}.{hint}")
    if key is not None and kind not in (".npz", *_EXCEL):
        raise CommandError(
            f"--key chooses an array of an .npz file or a sheet of an .xlsx file; {path} is not one"
        )
    for option, value in (("--encoding", encoding), ("--decimal", decimal)):
        if value is not None and kind not in _TEXT:
            raise CommandError(f"{option} is for text files such as .csv; {path} is not one")
    if kind in (".npy", ".npz"):
        table = _read_numpy(path, key)
    elif kind in _PANDAS:
        table = _read_pandas(path, kind)
    elif kind in _EXCEL:
        table = _table_of(path, _read_excel(path, key), ".")
    else:
        table = _read_csv(path, "\t" if kind == ".tsv" else None, encoding, decimal)
    if table.rows == 0:
        raise CommandError(f"{path} has no rows")
    return table


def open_table(arguments: Namespace, path: str | Path) -> Table:
    """Read a table as the options of a command say."""
    return read_table(path, arguments.key, arguments.encoding, arguments.decimal)


def _read_csv(
    path: Path, delimiter: str | None, encoding: str | None, decimal: str | None
) -> Table:
    try:
        rows, delimiter = rows_of(read_text(path, encoding), delimiter)
    except csv.Error as error:
        raise CommandError(f"{path} is not a text table: {error}") from error
    return _table_of(path, rows, decimal or ("." if delimiter == "," else None))


def _table_of(path: Path, rows: list[list], decimal: str | None) -> Table:
    """Return rows of cells, the names first where there are any, as a table."""
    if not rows:
        raise CommandError(f"{path} is empty")
    named = not are_numbers(rows[0])
    width = len(rows[0])
    header = ["" if cell is None else str(cell).strip() for cell in rows[0]]
    if named:
        del rows[0]
    else:
        header = [f"x{k}" for k in range(width)]
    for number, row in enumerate(rows, start=1):
        if len(row) != width:
            raise CommandError(
                f"{path}, row {number}: expected {width} cells, as in the first row; got {len(row)}"
            )
    cells = list(zip(*rows, strict=True)) if rows else [()] * width
    if decimal is None:
        decimal = "," if has_decimal_commas(cells) else "."
        if decimal == ",":
            warn(f"{path}: numbers were read with decimal commas; --decimal . reads points")
    columns: dict[str, np.ndarray] = {}
    unusable: dict[str, str] = {}
    for k, (name, column) in enumerate(zip(header, cells, strict=True)):
        if not name and ((k == 0 and width > 1) or all(map(is_missing, column))):
            if not all(map(is_missing, column)):
                warn(f"{path}: the first column has no name and is left out as the rows' index")
        elif not name:
            unusable[name] = f"column names must not be empty, and that of column {k + 1} is"
        elif header.count(name) > 1:
            unusable[name] = f"column names must differ, and {name!r} stands there twice"
        else:
            columns[name] = column_of(column, decimal)
    if not columns:
        raise CommandError(f"{path}: {listing(unusable.values()) or 'no column has a name'}")
    return Table(str(path), columns, named, unusable, decimal=decimal)


def _read_excel(path: Path, key: str | None) -> list[list]:
    """Return the rows of a sheet as they stand in its cells."""
    try:
        import openpyxl

        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except ImportError as error:
        raise CommandError(
            f"reading .xlsx needs openpyxl: pip install 'tfflows[tables]' ({error})"
        ) from error
    except Exception as error:  # whatever a broken archive makes the reader stumble over
        raise CommandError(f"{path} cannot be read: {error}") from error
    sheets = {}
    for sheet in book.worksheets:
        if key in (None, sheet.title):
            rows = [
                row for row in sheet.iter_rows(values_only=True) if not all(map(is_missing, row))
            ]
            # Formats, too, make cells: rows and columns beyond the table are empty.
            width = 1 + max(
                (k for row in rows for k, cell in enumerate(row) if cell is not None), default=0
            )
            padded = [[*row, *[None] * width][:width] for row in rows]
            sheets.update({sheet.title: padded} if rows or key else {})
    titles = [sheet.title for sheet in book.worksheets]
    book.close()
    if key is None and not sheets:
        raise CommandError(f"{path} is empty")
    return sheets[_key_of(path, titles if key else list(sheets), key, "sheet")]


def _read_numpy(path: Path, key: str | None) -> Table:
    try:
        array = np.load(path, allow_pickle=False)
        if isinstance(array, np.lib.npyio.NpzFile):
            with array as archive:
                array = archive[_key_of(path, archive.files, key)]
    except (ValueError, OSError, EOFError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error
    if array.dtype.names:
        fields = {name: array[name].ravel() for name in array.dtype.names}
        return Table(
            str(path),
            {
                name: cells.astype(str if cells.dtype.kind in "SU" else np.float64)
                for name, cells in fields.items()
            },
        )
    if array.ndim not in (1, 2):
        raise CommandError(f"{path}: expected an array of rows and columns; got {array.shape}")
    array = array.reshape(len(array), -1)
    if array.dtype.kind not in "fiub":
        raise CommandError(f"{path}: expected an array of real numbers; got {array.dtype}")
    columns = {f"x{k}": array[:, k].astype(np.float64) for k in range(array.shape[1])}
    return Table(str(path), columns, named=False)


def _key_of(path: Path, keys: Sequence[str], key: str | None, what: str = "array") -> str:
    if key is None and len(keys) == 1:
        return keys[0]
    if key is None:
        raise CommandError(
            f"{path} holds several {what}s: choose with --key from {listing(map(repr, keys))}"
        )
    if key not in keys:
        raise CommandError(f"{path} has no {what} {key!r}; it has {listing(map(repr, keys))}")
    return key


def _read_pandas(path: Path, kind: str) -> Table:
    try:
        import pandas

        frame = getattr(pandas, _PANDAS[kind])(path)
    except ImportError as error:
        raise CommandError(
            f"reading {kind} needs pandas and its reader: pip install 'tfflows[tables]' ({error})"
        ) from error
    except Exception as error:  # each reader behind pandas has errors of its own
        raise CommandError(f"{path} cannot be read: {error}") from error
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    columns = {}
    for name in frame.columns:
        column = frame[name]
        numeric = pandas.api.types.is_numeric_dtype(column)
        columns[str(name)] = (
            column.to_numpy(dtype=np.float64, na_value=np.nan)
            if numeric
            else column.astype(object).where(column.notna(), "").to_numpy()
        )
    return Table(str(path), columns)


def check_output(out: str) -> None:
    """Refuse a file that could not be written, before the work is done."""
    if out == "-":
        return
    if not out.endswith((".csv", ".npy")):
        raise CommandError(f"cannot write {out!r}: expected a name that ends in .csv or .npy")
    if not Path(out).parent.is_dir():
        raise CommandError(f"cannot write {out!r}: there is no folder {str(Path(out).parent)!r}")


def write_table(out: str, columns: Mapping[str, Sequence | np.ndarray]) -> None:
    """Write columns as CSV to a file or, for ``-``, to stdout; to ``.npy`` if it is called so.

    Numbers of float32 are written with nine digits, which give the same float32 back.
    """
    if out.endswith(".npy"):
        numbers = []
        for column in columns.values():
            values = as_numbers(column)
            if values is None:
                raise CommandError(f"{out}: text cannot be written as .npy; write .csv")
            numbers.append(values)
        stacked = np.stack(numbers, axis=-1).astype(np.float32)
        np.save(out, stacked[:, 0] if len(numbers) == 1 else stacked)
        return
    if out == "-":
        _write_csv(sys.stdout, columns)
        return
    with open(out, "w", newline="", encoding="utf-8") as file:
        _write_csv(file, columns)


def _write_csv(file, columns: Mapping[str, Sequence | np.ndarray]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    spelled = [
        [f"{cell:.9g}" for cell in column]
        if np.asarray(column).dtype.kind == "f"
        else [str(cell) for cell in column]
        for column in columns.values()
    ]
    writer.writerows(zip(*spelled, strict=True))
