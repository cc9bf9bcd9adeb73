"""Every chapter runs from top to bottom; its own assertions are the test.

They run when the book is built; here it is seen that each has the parts of its kind.
"""

import inspect
import re
from pathlib import Path

import pytest

import tfflows

from .run import CELL, blocks, run

README = Path(__file__).parents[1] / "README.md"
FOLDER = Path(__file__).parent
TOC = (FOLDER / "_toc.yml").read_text("utf-8")
CHAPTERS = sorted(
    path for path in FOLDER.glob("*/*.md") if path.parent.name not in ("_build", "reference")
)
FIRST_STEPS = [path for path in CHAPTERS if path.parent.name in ("lazy_gaussian", "two_moons")]
GUIDE = [path for path in CHAPTERS if path.parent.name == "guide"]
BOOK = [path for path in CHAPTERS if path not in FIRST_STEPS + GUIDE]


@pytest.mark.exhaustive
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_chapter(chapter):
    run(chapter)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_is_in_the_table_of_contents(chapter):
    page = chapter.relative_to(FOLDER).with_suffix("").as_posix()
    assert f"- file: {page}\n" in TOC


def test_the_packages_are_in_the_table_of_contents():
    packages = [name for name in tfflows.__all__ if inspect.ismodule(getattr(tfflows, name))]
    assert [name for name in packages if f"- file: reference/tfflows.{name}\n" not in TOC] == []
    # Pages of names stand below a package that has names of its own.
    own = [p for p in packages if set(getattr(tfflows, p).__all__) - set(tfflows.__all__)]
    assert [name for name in own if f"- glob: reference/tfflows.{name}/*\n" not in TOC] == []


@pytest.mark.parametrize("chapter", BOOK, ids=lambda path: path.stem)
def test_a_chapter_of_the_book_has_its_parts(chapter):
    text = chapter.read_text("utf-8")
    parts = ["Who this is for", "find_spec", "## Exercises", "## Summary", "{footbibliography}"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    for part in ("{margin}", ":tags: [hide-cell, install]", ":tags: [hide-cell, setup]"):
        assert part in text
    exercises = re.split(r"\{admonition\} Exercise \d", text)[1:]
    assert 3 <= len(exercises) <= 5
    for exercise in exercises:  # with a solution that stays closed
        assert ":class: dropdown" in exercise or ":tags: [hide-cell, solution]" in exercise


@pytest.mark.parametrize("page", GUIDE, ids=lambda path: path.stem)
def test_a_page_of_the_guide_has_its_parts(page):
    text = page.read_text("utf-8")
    for tags in ("install", "setup", "assertions"):
        assert f":tags: [hide-cell, {tags}]" in text
    assert "## Exercises" not in text and "seed" in text


def test_the_guide_comes_first():
    assert re.findall("caption: (.+)", TOC)[0] == "Guide"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_asserts_its_headline_numbers(chapter):
    code = [block.code for block in blocks(chapter.read_text("utf-8")) if block.language == CELL]
    assert sum("assert" in cell for cell in code) >= 3


def test_the_references_are_whole():
    entries = (FOLDER / "references.bib").read_text("utf-8").split("\n@")
    assert len(entries) > 30
    for entry in entries:
        assert entry.count("{") == entry.count("}"), entry


def test_the_chapters_are_found():
    assert [chapter.stem for chapter in FIRST_STEPS] == [
        "lazy_gaussian",
        "layers",
        "one_line",
        "plain_tfp",
    ]
    assert [page.stem for page in GUIDE] == ["chains", "check", "command_line", "errors", "fit"]
    assert "change_of_variables" in [chapter.stem for chapter in BOOK]


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
        "```{code-cell} ipython3\nfrom tfflows import plot\n\nplot.history({'loss': [1.0]})\n```\n"
        "```{code-cell} ipython3\nplot.history({'loss': [1.0]});\n```\n"
    )
    run(chapter, figures=tmp_path / "pictures")
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert names == ["chapter-01.png", "chapter-02.png"]


@pytest.mark.parametrize("page", [README, *CHAPTERS], ids=lambda path: path.stem)
def test_code_fits_into_the_column_of_a_book(page):
    for block in blocks(page.read_text("utf-8")):
        if block.language in (CELL, "python"):
            for number, row in enumerate(block.code.splitlines(), block.line):
                assert len(row) <= 80, f"line {number}: {row}"
