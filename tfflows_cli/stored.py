"""A model that ``tfflows fit`` wrote."""

from __future__ import annotations

from pathlib import Path

import keras

import tfflows  # noqa: F401  registers the classes that the file names
from tfflows_cli.errors import CommandError
from tfflows_cli.schema import MODEL_FILE


def load_model(folder: str):
    """Return the model of a folder."""
    path = Path(folder) / MODEL_FILE
    if not path.is_file():
        raise CommandError(f"{folder} has a schema but no {MODEL_FILE}; fit it again")
    try:
        return keras.saving.load_model(path)
    except Exception as error:  # a damaged archive raises whatever its reader met first
        raise CommandError(f"{path} cannot be loaded: {error}") from error
