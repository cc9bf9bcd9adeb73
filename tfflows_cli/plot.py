"""``tfflows plot``."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from tfflows_cli.errors import CommandError, name_columns
from tfflows_cli.schema import METRICS_FILE, Schema, read_rows


def run(arguments: Namespace) -> None:
    """Draw a picture of a fitted flow."""
    folder = Path(arguments.model)
    schema = Schema.read(folder)
    name_columns(schema.columns)
    out = Path(arguments.out or f"{arguments.kind}.png")
    if not out.parent.is_dir():
        raise CommandError(f"cannot write {str(out)!r}: there is no folder {str(out.parent)!r}")
    rows = None if arguments.data is None else read_rows(schema, arguments, arguments.data)

    # TensorFlow is imported here, so that a mistake in the arguments shows at once.
    from tfflows import plot
    from tfflows_cli.pictures import figure, save
    from tfflows_cli.stored import load_model

    if arguments.kind == "history":
        metrics = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))
        ax = plot.history(metrics["history"], entropy=metrics.get("entropy_nats"))
        drawn = ax.figure
    else:
        drawn = figure(arguments.kind, load_model(folder), schema, rows, arguments.seed)
    save(drawn, out)
    print(f"wrote {out}")
