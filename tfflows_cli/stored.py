"""A model that ``tfflows fit`` wrote."""

from __future__ import annotations

from pathlib import Path

import tfflows
from tfflows.saving import files
from tfflows_cli.errors import CommandError
from tfflows_cli.schema import MODEL_FILE


def load_model(path: str | Path):
    """Return the model of a folder or file."""
    path = Path(path)
    if path.is_dir():
        if not (path / MODEL_FILE).is_file():
            raise CommandError(f"{path} has a schema but no {MODEL_FILE}; fit it again")
        path = path / MODEL_FILE
    try:
        return tfflows.load(path)
    except ValueError as error:
        raise CommandError(str(error)) from error


def label_of(path: Path) -> dict | None:
    """Return what a file says of itself, or None."""
    try:
        return files.label_of(path)
    except ValueError as error:
        raise CommandError(str(error)) from error


def export(model, folder: Path, format: str) -> None:
    """Write a model in a format for servers."""
    if not isinstance(model, tfflows.DensityModel):
        raise CommandError(f"a {type(model).__name__} is no density; there is nothing to export")
    try:
        model.export(folder, format=format)
    except FileExistsError as error:
        raise CommandError(str(error)) from error
