"""Run the code of a chapter or of the README from top to bottom, without Jupyter.

``python tutorials/run.py CHAPTER.md`` executes the code cells of a MyST Markdown notebook, and
``--figures DIR`` writes the pictures that they draw to PNG files.
"""

from __future__ import annotations

import argparse
import ast
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


def table(text: str, heading: str) -> list[list[str]]:
    r"""Return the cells of the table under a heading, row by row, without its header.

    Examples
    --------
    >>> table("# Page\n\n## Names\n\n| a | b |\n| - | - |\n| 1 | p(x \\| y) |\n", "Names")
    [['1', 'p(x | y)']]
    """
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [row for row in section.splitlines() if row.startswith("|")][2:]
    cells = [re.split(r"(?<!\\)\|", row)[1:-1] for row in rows]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in cells]


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
        value = _execute(block, path, namespace)
        pictures = [plt.figure(number) for number in plt.get_fignums()]
        # A notebook shows the last value of a cell, too.
        if hasattr(value, "_repr_png_"):
            pictures.append(getattr(value, "figure", value))
        for picture in pictures:
            drawn += 1
            if figures is not None:
                figures.mkdir(parents=True, exist_ok=True)
                picture.savefig(figures / f"{path.stem}-{drawn:02d}.png", dpi=100)
        plt.close("all")
    return namespace


def _execute(block: Block, path: Path, namespace: dict[str, Any]) -> Any:
    """Execute a block, and return the value of its last row if that is an expression."""
    # Empty rows above the code let a traceback name the line of the Markdown file.
    tree = ast.parse("\n" * (block.line - 1) + block.code, str(path))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(path), "exec"), namespace)
    if last is None:
        return None
    value = eval(compile(ast.Expression(last.value), str(path), "eval"), namespace)
    return None if block.code.rstrip().endswith(";") else value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapter", type=Path, help="a MyST Markdown notebook")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write the pictures here")
    arguments = parser.parse_args()
    run(arguments.chapter, figures=arguments.figures)
