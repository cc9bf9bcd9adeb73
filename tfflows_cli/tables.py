"""Reading and writing tables."""

from __future__ import annotations

import csv
import difflib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfflows_cli.errors import CommandError

_MISSING = ("", "na", "n/a", "nan", "null", "none", "?")
_PANDAS = {".parquet": "read_parquet", ".feather": "read_feather"}
READABLE = (".csv", ".tsv", ".txt", ".npy", ".npz", *_PANDAS)


@dataclass(frozen=True)
class Table:
    """Named columns of equal length.

    Attributes
    ----------
    source : str
        Where the table came from, for messages.
    columns : mapping
        Arrays of numbers, or of text as read, ``[rows]`` each.
    named : bool
        Whether the names were given; otherwise they are x0, x1, ... in order.
    """

    source: str
    columns: Mapping[str, np.ndarray]
    named: bool = True

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def column(self, name: str) -> np.ndarray:
        """Return a column as it was read; an unknown name is an error that lists the known."""
        if name not in self.columns:
            close = difflib.get_close_matches(name, self.columns, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise CommandError(
                f"{self.source} has no column {name!r}.{hint} It has {_listing(self.columns)}."
            )
        return self.columns[name]

    def numbers(self, name: str) -> np.ndarray:
        """Return a column as finite float64; a cell that is none is an error with its place."""
        column = self.column(name)
        values = _as_numbers(column)
        if values is not None and np.isfinite(values).all():
            return values
        for row, cell in enumerate(column, start=1):
            text = str(cell).strip()
            place = f"{self.source}, column {name!r}, row {row}"
            if text.lower() in _MISSING:
                raise CommandError(f"{place}: the cell is missing. Drop the row or impute it.")
            value = _as_numbers([cell])
            if value is None:
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
        unique, inverse = np.unique(np.asarray(column).astype(str), return_inverse=True)
        spelled = np.array([_spelled(text) for text in unique], dtype=object)
        if missing := [text for text in unique if text.strip().lower() in _MISSING]:
            row = 1 + int(np.argmax(np.isin(np.asarray(column).astype(str), missing)))
            raise CommandError(
                f"{self.source}, column {name!r}, row {row}: the cell is missing. "
                "Drop the row, or give the missing ones a category of their own."
            )
        return spelled[inverse]

    def looks_categorical(self, name: str) -> bool:
        """Whether a column is text, or holds at most ten different whole numbers."""
        values = _as_numbers(self.column(name))
        if values is None:
            return True
        whole = np.isfinite(values).all() and np.all(values == np.round(values))
        return bool(whole) and len(np.unique(values)) <= 10


def _spelled(text: str) -> str:
    """One spelling for the same whole number: 1, 1.0 and 01 are one category."""
    values = _as_numbers([text])
    if values is not None and np.isfinite(values[0]) and values[0] == round(values[0]):
        return str(int(values[0]))
    return text.strip()


def _as_numbers(column: Iterable) -> np.ndarray | None:
    try:
        return np.asarray(column, dtype=np.float64)
    except (ValueError, TypeError):
        return None


def _listing(names: Iterable[str], most: int = 12) -> str:
    names = list(names)
    shown = ", ".join(repr(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def read_table(path: str | Path, key: str | None = None) -> Table:
    """Read a table by the ending of its name.

    Parameters
    ----------
    path : str or Path
        CSV (a first row that is all numbers is data, not names), ``.npy`` with one or two axes
        or named fields, ``.npz``, or what pandas reads.
    key : str, optional
        Array to take from an ``.npz`` file.

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
        raise CommandError(f"{path} is not a table that can be read: expected {_listing(READABLE)}")
    if key is not None and kind != ".npz":
        raise CommandError(f"--key chooses an array of an .npz file; {path} is not one")
    if kind in (".npy", ".npz"):
        table = _read_numpy(path, key)
    elif kind in _PANDAS:
        table = _read_pandas(path, kind)
    else:
        table = _read_csv(path, "\t" if kind == ".tsv" else None)
    if table.rows == 0:
        raise CommandError(f"{path} has no rows")
    return table


def _read_csv(path: Path, delimiter: str | None) -> Table:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            if delimiter is None:
                delimiter = max(",;\t", key=first.count)
            rows = [row for row in csv.reader(file, delimiter=delimiter) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"{path} is not a text table: {error}") from error
    if not rows:
        raise CommandError(f"{path} is empty")
    header = [name.strip() for name in rows[0]]
    named = _as_numbers(header) is None
    if named:
        del rows[0]
    else:
        header = [f"x{k}" for k in range(len(header))]
    if not all(header) or len(set(header)) < len(header):
        raise CommandError(f"{path}: column names must differ and not be empty; got {header}")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise CommandError(
                f"{path}, row {number}: expected {len(header)} cells, as in the first row; "
                f"got {len(row)}"
            )
    columns = {}
    for k, name in enumerate(header):
        cells = [row[k] for row in rows]
        values = _as_numbers(cells)
        columns[name] = np.array(cells, dtype=object) if values is None else values
    return Table(str(path), columns, named)


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


def _key_of(path: Path, keys: Sequence[str], key: str | None) -> str:
    if key is None and len(keys) == 1:
        return keys[0]
    if key is None:
        raise CommandError(f"{path} holds several arrays: choose with --key from {_listing(keys)}")
    if key not in keys:
        raise CommandError(f"{path} has no array {key!r}; it has {_listing(keys)}")
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
            values = _as_numbers(column)
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
