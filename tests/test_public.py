"""What a user reaches as ``tfflows.NAME`` is listed and there; the papers name one version."""

import re
from pathlib import Path

import pytest

import tfflows

ROOT = Path(__file__).parents[1]
VERSION = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)[1]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "tutorials").glob("guide/*.md")),
    *sorted((ROOT / "tutorials").glob("practice/*.md")),
]
NAMED = sorted(
    {
        name
        for page in PAGES
        for name in re.findall(r"\btfflows\.([a-zA-Z]\w*)", page.read_text("utf-8"))
    }
)


@pytest.mark.parametrize("name", tfflows.__all__)
def test_a_listed_name_is_there_and_explains_itself(name):
    assert name in dir(tfflows)
    assert getattr(tfflows, name).__doc__.strip()


def test_no_name_is_listed_twice():
    assert len(set(tfflows.__all__)) == len(tfflows.__all__)


@pytest.mark.parametrize("name", ["doctor", "training"])
def test_training_and_doctor_are_listed(name):
    assert name in tfflows.__all__


def test_what_the_documents_name_is_listed():
    assert {"NSF", "doctor", "load", "training"} <= set(NAMED)
    assert set(NAMED) <= set(tfflows.__all__)


@pytest.mark.parametrize(
    "page, pattern",
    [("CHANGELOG.md", r"^## \[(\d.*?)\]"), ("CITATION.cff", r"^version: (.+)")],
)
def test_the_version_is_the_same_everywhere(page, pattern):
    assert re.search(pattern, (ROOT / page).read_text("utf-8"), re.M)[1] == VERSION
