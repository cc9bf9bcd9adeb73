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
    ValueError
        If the name does not end in ``.keras``.
    """
    path = os.fspath(filepath) if isinstance(filepath, (str, os.PathLike)) else ""
    if path.endswith((".h5", ".hdf5")):
        raise ValueError(
            f"{path}: Keras's older format would be written and could not be read again, because "
            "it keeps no configs of objects within objects. Save to a file that ends in .keras; "
            "save_weights takes a name that ends in .weights.h5."
        )
    if path and zipped is not False and not path.endswith(".keras"):
        raise ValueError(
            f"{path}: the name of a model's file ends in .keras, as in {path + '.keras'!r}. To "
            "write a folder for TensorFlow Serving use export(filepath)."
        )
    if zipped is False or not path.endswith(".keras") or "://" in path:
        write(filepath, overwrite=overwrite, zipped=zipped)
        return
    if not overwrite and Path(path).exists():
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it.")
    model.build()
    if model.compiled and model.optimizer is not None and not model.optimizer.built:
        # A loaded model builds it, and looks for what it keeps of each weight.
        model.optimizer.build(model.trainable_variables)
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


def export_model(
    model,
    filepath: str | os.PathLike,
    format: str = "tf_saved_model",
    verbose: bool = False,
) -> None:
    """Write the model as programs that run where tfflows, TFP and Keras are not installed.

    A SavedModel has the following signatures, whose arguments and results are tensors of the
    type of the model, with one leading axis of any size, 0 included:

    =========================  ===============================  =====================
    signature                  arguments                        results
    =========================  ===============================  =====================
    ``serving_default``        ``x``, ``context``               ``log_prob``
    ``log_prob``               ``x``, ``context``               ``log_prob``
    ``sample``                 ``n``, ``seed``, ``context``     ``x``
    ``sample_and_log_prob``    ``n``, ``seed``, ``context``     ``x``, ``log_prob``
    ``forward``                ``z``, ``context``               ``x``
    ``inverse``                ``x``, ``context``               ``z``
    =========================  ===============================  =====================

    The context is there for models with one: a row for each event, or a single row for all.
    ``n`` is an int32, ``seed`` an int32 or two of them; the samples are those that
    `sample` gives for the same seed. ``forward`` and ``inverse`` are those of a `Flow`.

    The first derivatives of the results are those of the model. Of layers with gradients of their
    own TensorFlow keeps no second ones, and says so when it loads the folder.

    Parameters
    ----------
    filepath : str or path
        Folder to write: a new one, an empty one, or an earlier SavedModel, which is replaced.
    format : str
        ``"tf_saved_model"``.
    verbose : bool
        Whether to print the names of the signatures.

    Raises
    ------
    ValueError
        If there is no such format.
    FileExistsError
        If the folder holds something else.

    Examples
    --------
    >>> import os, tempfile, tensorflow as tf, tfflows
    >>> flow = tfflows.Flow([tfflows.layers.Shift()], event_shape=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     flow.export(os.path.join(folder, "served"))
    ...     served = tf.saved_model.load(os.path.join(folder, "served"))
    >>> served.log_prob(tf.zeros([3, 2]))["log_prob"].shape
    TensorShape([3])
    >>> served.sample(n=5, seed=0)["x"].shape
    TensorShape([5, 2])
    """
    if format not in _FORMATS:
        known = ", ".join(map(repr, _FORMATS))
        raise ValueError(f"unknown format {format!r} to export to; the formats are: {known}.")
    model.build()
    names = _FORMATS[format](endpoints(model), filepath)
    if verbose:
        print(f"wrote {os.fspath(filepath)} with the signatures {', '.join(names)}")
