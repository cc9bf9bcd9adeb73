"""What a model is written to: a sealed file, or programs that run without Python code."""

import os
from collections.abc import Callable
from pathlib import Path

from tfflows.saving.endpoints import endpoints
from tfflows.saving.files import write_file
from tfflows.saving.saved_model import write_saved_model

__all__ = ["export_model", "save_model"]

_FORMATS = {"tf_saved_model": write_saved_model}


def save_model(
    model, filepath: str | os.PathLike, overwrite: bool, zipped: bool | None, write: Callable
) -> None:
    """Write a model by Keras's own `write`, a ``.keras`` file as a whole or not at all.

    Parameters
    ----------
    model : DensityModel
        The model.
    filepath, overwrite, zipped
        As for ``DensityModel.save``.
    write : callable
        ``write(filepath, **kwargs)``, Keras's own `save` of the model.

    Raises
    ------
    FileExistsError
        If the file exists and may not be replaced.
    """
    path = os.fspath(filepath) if isinstance(filepath, (str, os.PathLike)) else ""
    if zipped is False or not path.endswith(".keras") or "://" in path:
        write(filepath, overwrite=overwrite, zipped=zipped)
        return
    if not overwrite and Path(path).exists():
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it.")
    model.build()
    write_file(path, _label(model), write)


def _label(model) -> dict:
    """Return what a file says of its model."""
    history = getattr(getattr(model, "history", None), "history", None) or {}
    return {
        "event_shape": model.event_shape,
        "context_shape": model.context_shape,
        "parameters": model.count_params(),
        "training": {
            "steps": int(model.optimizer.iterations.numpy()) if model.compiled else 0,
            "epochs": len(history["loss"]) if "loss" in history else None,
            "last": {key: float(values[-1]) for key, values in history.items()},
        },
    }


def export_model(model, folder: str | os.PathLike, format: str, verbose: bool) -> None:
    """Write a model as programs; the arguments are those of ``DensityModel.export``."""
    if format not in _FORMATS:
        known = ", ".join(map(repr, _FORMATS))
        raise ValueError(f"unknown format {format!r} to export to; the formats are: {known}.")
    model.build()
    names = _FORMATS[format](endpoints(model), folder)
    if verbose:
        print(f"wrote {os.fspath(folder)} with the signatures {', '.join(names)}")
