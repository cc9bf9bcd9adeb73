"""Every chapter runs from top to bottom; its own assertions are the test."""

from pathlib import Path

import pytest

from .run import CELL, blocks, run

CHAPTERS = sorted(Path(__file__).parent.glob("*/*.md"))


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_chapter(chapter):
    run(chapter)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_asserts_its_headline_numbers(chapter):
    code = [block.code for block in blocks(chapter.read_text("utf-8")) if block.language == CELL]
    assert sum("assert" in cell for cell in code) >= 3


def test_the_chapters_are_found():
    assert [chapter.stem for chapter in CHAPTERS] == [
        "lazy_gaussian",
        "layers",
        "one_line",
        "plain_tfp",
    ]


def test_an_error_names_the_line_of_the_chapter(tmp_path):
    chapter = tmp_path / "chapter.md"
    chapter.write_text("# Title\n\n```{code-cell} ipython3\n:tags: [x]\n\ny = 1\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as caught:
        run(chapter)
    assert caught.traceback[-1].lineno + 1 == 7


def test_a_block_that_is_never_closed():
    with pytest.raises(ValueError, match="line 3 is never closed"):
        list(blocks("text\n\n```python\nx = 1\n"))


def test_pictures_are_written(tmp_path):
    chapter = tmp_path / "chapter.md"
    chapter.write_text(
        "```{code-cell} ipython3\nimport matplotlib.pyplot as plt\n\nplt.plot([0, 1]);\n```\n"
    )
    run(chapter, figures=tmp_path / "pictures")
    assert [p.name for p in (tmp_path / "pictures").iterdir()] == ["chapter-01.png"]
