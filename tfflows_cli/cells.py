"""Cells of a table, as text or as numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?"))
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?")
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*")
_EITHER = re.compile(r"\s*[+-]?\d{1,3},\d{3}\s*")


def as_numbers(cells: Iterable) -> np.ndarray | None:
    """Return cells as float64, or None if one of them is no number."""
    try:
        return np.asarray(cells, dtype=np.float64)
    except (ValueError, TypeError):
        return None


def is_missing(cell: Any) -> bool:
    """Whether a cell says that there is no value."""
    return cell is None or str(cell).strip().lower() in MISSING


def missing_in(column: np.ndarray) -> np.ndarray:
    """Return which cells of a column are missing."""
    if column.dtype.kind == "f":
        return np.isnan(column)
    return np.fromiter(map(is_missing, column), bool, len(column))


def column_of(cells: Sequence, decimal: str = ".") -> np.ndarray:
    """Return cells as float64, NaN where they are missing, or else as text."""
    numbers = _numbers_of(cells, decimal)
    if numbers is not None:
        return numbers
    return np.array(["" if cell is None else str(cell) for cell in cells], dtype=object)


def _numbers_of(cells: Sequence, decimal: str) -> np.ndarray | None:
    if decimal == ",":
        cells = [_with_point(cell) if isinstance(cell, str) else cell for cell in cells]
    numbers = as_numbers(cells)
    if numbers is None:
        known = ["nan" if is_missing(cell) else cell for cell in cells]
        # A column with nothing in it is one of text, of which nothing is known.
        numbers = as_numbers(known) if any(cell != "nan" for cell in known) else None
    return numbers


def _with_point(cell: str) -> str:
    """Return a number with a decimal comma, and perhaps points between thousands, with a point."""
    cell = cell.strip()
    if _THOUSANDS.fullmatch(cell):
        cell = cell.replace(".", "")
    elif "." in cell:
        return f"no number: {cell}"
    return cell.replace(",", ".")


def are_numbers(cells: Iterable[Any]) -> bool:
    """Whether all cells are numbers, with a point or a comma for the decimals."""
    return as_numbers([str(cell).replace(",", ".") for cell in cells]) is not None


def has_decimal_commas(columns: Iterable[Sequence[str]]) -> bool:
    """Whether the numbers of a table can only be meant with decimal commas.

    They are where whole columns are numbers with commas, and no column has points: a table with
    both has, perhaps, commas between thousands. So may one in which three digits follow each comma.
    """
    found = False
    for cells in columns:
        known = [cell for cell in cells if not is_missing(cell)]
        if as_numbers(known) is not None:
            if any("." in cell for cell in known):
                return False
            continue
        if all(_DECIMAL_COMMA.fullmatch(cell) or as_numbers([cell]) is not None for cell in known):
            commas = [cell for cell in known if "," in cell]
            found |= not all(map(_EITHER.fullmatch, commas))
    return found
