"""Run the code of a chapter or of the README from top to bottom, without Jupyter.

``python tutorials/run.py CHAPTER.md`` executes the code cells of a MyST Markdown notebook, and
``--figures DIR`` writes the pictures that they draw to PNG files.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

CELL = "{code-cell}"

_FENCE = re.compile(r"(?P<fence>`{3,})\s*(?P<language>\S*)")


class Block(NamedTuple):
    """One fenced block of a Markdown file.

    Attributes
    ----------
    language : str
        What stands behind the opening fence: ``python``, ``bash``, ``{code-cell}``.
    line : int
        Number of the line of the first row of code, from 1.
    code : str
        The rows between the fences, without cell options such as ``:tags: [hide-input]``.
    """

    language: str
    line: int
    code: str


def blocks(text: str) -> Iterator[Block]:
    r"""Yield the fenced blocks of a Markdown text in their order.

    Examples
    --------
    >>> text = "A cell:\n\n```{code-cell}\n:tags: [hide-input]\n\nx = 1\n```\n"
    >>> [(block.language, block.line, block.code) for block in blocks(text)]
    [('{code-cell}', 6, 'x = 1\n')]
    """
    rows = text.splitlines()
    number = 0
    while number < len(rows):
        opening = _FENCE.match(rows[number])
        number += 1
        if opening is None:
            continue
        start = number
        while number < len(rows) and rows[number].rstrip() != opening["fence"]:
            number += 1
        if number == len(rows):
            raise ValueError(f"the block that opens in line {start} is never closed")
        if opening["language"] == CELL:
            while start < number and (not rows[start].strip() or rows[start].startswith(":")):
                start += 1
        yield Block(
            opening["language"], start + 1, "".join(row + "\n" for row in rows[start:number])
        )
        number += 1


def run(path: Path, language: str = CELL, figures: Path | None = None) -> dict[str, Any]:
    """Execute the blocks of a file that are in `language`, in one namespace.

    Parameters
    ----------
    path : Path
        A Markdown file.
    language : str
        ``{code-cell}`` for a chapter, ``python`` for the README.
    figures : Path, optional
        Folder for the pictures, numbered in the order in which they were drawn.

    Returns
    -------
    dict
        The namespace after the last block.

    Raises
    ------
    ValueError
        If the file has no such block.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    cells = [block for block in blocks(path.read_text("utf-8")) if block.language == language]
    if not cells:
        raise ValueError(f"{path} has no block of {language}")
    # A class defined in a cell needs a module name to be saved by.
    namespace: dict[str, Any] = {"__name__": "__main__"}
    drawn = 0
    for block in cells:
        # Empty rows above the code let a traceback name the line of the Markdown file.
        code = "\n" * (block.line - 1) + block.code
        exec(compile(code, str(path), "exec"), namespace)
        for number in plt.get_fignums():
            drawn += 1
            if figures is not None:
                figures.mkdir(parents=True, exist_ok=True)
                plt.figure(number).savefig(figures / f"{path.stem}-{drawn:02d}.png", dpi=100)
        plt.close("all")
    return namespace


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapter", type=Path, help="a MyST Markdown notebook")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write the pictures here")
    arguments = parser.parse_args()
    run(arguments.chapter, figures=arguments.figures)
