"""What the command line says when something is wrong, or might be."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_COORDINATES = re.compile(r"\bcoordinate (\d+(?:, \d+)*)(?! of (?:the )?context)")
_columns: list[str] = []


class CommandError(Exception):
    """Something the user can put right; shown as one line, without a traceback."""


def name_columns(columns: Sequence[str]) -> None:
    """From now on, call the coordinates of events by the names of these columns."""
    _columns[:] = columns


def with_names(message: object) -> str:
    """Return a message of the library with names of columns for numbers of coordinates."""

    def named(found: re.Match) -> str:
        numbers = [int(number) for number in found[1].split(", ")]
        if max(numbers) >= len(_columns):
            return found[0]
        return "column " + ", ".join(repr(_columns[number]) for number in numbers)

    return _COORDINATES.sub(named, str(message))


def one_line(message: object) -> str:
    """Return a message, with the names of columns, as one line."""
    return " ".join(with_names(message).split())


def warn(message: object) -> None:
    """Show a warning as one line on stderr."""
    print(f"tfflows: warning: {one_line(message)}", file=sys.stderr)


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Show the warnings that the library gives as lines, each once and without a place in code."""
    said = set()

    def show(message, category, filename, lineno, file=None, line=None):
        if str(message) not in said:
            said.add(str(message))
            warn(message)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield
