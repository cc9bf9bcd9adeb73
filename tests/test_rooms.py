"""A room imports from the rooms below it alone, in the order that docs/design.md gives."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DESIGN = (ROOT / "docs/design.md").read_text("utf-8")
LINES = re.search(r"```\n(tfflows_cli.*?)```", DESIGN, re.DOTALL)[1]
HEIGHT = {
    room: -number
    for number, line in enumerate(LINES.splitlines())
    for room in line.replace("tutorials", "").strip(", ").split(", ")
}
PACKAGE = ROOT / "tfflows"
ROOMS = {path.stem for path in PACKAGE.iterdir() if list(path.glob("*.py")) or path.suffix == ".py"}


def imported(tree):
    """Return the rooms that a module imports from, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, *rest = name.split(".")
            if package == "tfflows":
                # Of the package as a whole: what stands in its __init__.
                yield rest[0] if rest else "__init__"


def test_every_room_has_a_place():
    assert HEIGHT.keys() == ROOMS - {"__init__"} | {"tfflows_cli"}


@pytest.mark.parametrize("room", sorted(ROOMS - {"__init__"}))
def test_imports_point_down(room):
    files = sorted((PACKAGE / room).rglob("*.py")) or [PACKAGE / f"{room}.py"]
    for path in files:
        for other in imported(ast.parse(path.read_text("utf-8"))):
            below = HEIGHT.get(other, 0) < HEIGHT[room]
            assert other == room or below, f"{path.relative_to(ROOT)} imports from {other}"
