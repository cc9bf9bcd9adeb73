"""The room stands beneath layers and models, which import it."""

import ast
from pathlib import Path

import tfflows

ROOT = Path(tfflows.__file__).parent


def imported(path):
    """Return the modules of the package that a file imports, at its top or within functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.startswith("tfflows.")}


def file_of(module):
    path = ROOT.joinpath(*module.split(".")[1:])
    return next(filter(Path.is_file, (path / "__init__.py", path.with_suffix(".py"))), None)


def test_neither_layers_nor_models_are_needed():
    reached, waiting = set(), {"tfflows.diagnostics"}
    while waiting:
        module = waiting.pop()
        if module not in reached and (path := file_of(module)) is not None:
            reached.add(module)
            waiting |= imported(path)
    assert {"tfflows.diagnostics.doctor", "tfflows.interop.dry_runs"} <= reached
    above = (
        "tfflows.layers",
        "tfflows.models",
        "tfflows.training",
        "tfflows.plot",
        "tfflows.flows",
    )
    assert not [module for module in reached if module.startswith(above)]
