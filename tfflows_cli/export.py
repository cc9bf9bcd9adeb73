"""``tfflows export``."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from tfflows_cli.schema import Schema, is_fit_folder


def run(arguments: Namespace) -> None:
    """Write a fitted model as programs for a server."""
    given = Path(arguments.model)
    schema = Schema.read(given) if not given.is_file() else None
    out = Path(arguments.out or (given if schema else given.parent) / arguments.format)

    # TensorFlow is imported here, so that a mistake in the arguments shows at once.
    from tfflows_cli.stored import export, load_model

    model = load_model(given)
    export(model, out, arguments.format)
    print(f"wrote the folder {out}")
    if schema is None and is_fit_folder(given.parent):
        schema = Schema.read(given.parent)
    if schema is not None:
        print(f"x        columns {', '.join(schema.columns)}")
        for column in schema.context:
            print(f"context  {column.describe()}")
