"""Text files as rows of cells: their encoding, and what stands between two cells."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from tfflows_cli.cells import are_numbers
from tfflows_cli.errors import CommandError, warn

# Bytes that next to no text in a western encoding has: controls, and ÿ, which comes from elsewhere.
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xff]")


def read_text(path: Path, encoding: str | None) -> str:
    """Read a file as UTF-8, as UTF-16 if it says so, as Windows' or ISO's Latin-1 if it must be.

    Raises
    ------
    CommandError
        If the file is no text of the encoding.
    """
    content = path.read_bytes()
    if encoding is None and content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    try:
        text = content.decode(encoding or "utf-8-sig")
        if "\x00" in text:
            raise CommandError(f"{path} is not a text table: it holds zero bytes")
        return text
    except LookupError as error:
        raise CommandError(f"--encoding: {error}") from error
    except UnicodeError as error:
        if encoding is not None or _NO_TEXT.search(content):
            raise CommandError(
                f"{path} is not a text table: {error}. If it is one, name its encoding with "
                "--encoding, such as latin-1."
            ) from error
    for guess in ("cp1252", "latin-1"):
        try:
            text = content.decode(guess)
        except UnicodeDecodeError:
            continue
        warn(f"{path} is not UTF-8 and was read as {guess}; --encoding names another encoding")
        return text
    raise AssertionError("unreachable: every byte is a character of latin-1")


def rows_of(text: str, delimiter: str | None) -> tuple[list[list[str]], str]:
    """Return the rows that are not blank, and the delimiter.

    Parameters
    ----------
    text : str
        A table.
    delimiter : str, optional
        What stands between cells; by default what the first rows suggest, a blank for any white
        space.
    """
    lines = text.splitlines()
    if lines and (said := re.fullmatch(r"sep=(.)", lines[0].strip())):
        # As spreadsheets write it for themselves.
        delimiter, text = said[1], text.split("\n", 1)[-1]
    if delimiter is None:
        delimiter = _delimiter([line for line in lines[:20] if line.strip()])
    if delimiter == " ":
        return [line.split() for line in lines if line.strip()], delimiter
    return [row for row in csv.reader(text.splitlines(True), delimiter=delimiter) if row], delimiter


def _delimiter(lines: list[str]) -> str:
    if not lines:
        return ","
    counts = {mark: len(next(csv.reader(lines[:1], delimiter=mark))) for mark in ",;\t"}
    cells = next(csv.reader(lines[:1], delimiter=";"))
    if counts[";"] > 1 and are_numbers(cells):
        # Without names, numbers with decimal commas have more commas than semicolons.
        return ";"
    best = max(counts, key=lambda mark: counts[mark])
    if counts[best] > 1:
        return best
    widths = {len(line.split()) for line in lines}
    return " " if len(widths) == 1 and widths != {1} else ","
