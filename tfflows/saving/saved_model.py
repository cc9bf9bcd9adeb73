"""SavedModels: a model as TensorFlow programs, which run where only TensorFlow is installed."""

import contextlib
import dataclasses
import inspect
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import tensorflow as tf

__all__ = ["Endpoint", "write_saved_model"]


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A function of a model that a SavedModel offers by name.

    Attributes
    ----------
    name : str
        Name of the signature.
    function : callable
        Takes tensors and returns a dict of tensors, whose keys name the outputs.
    inputs : tuple of tf.TensorSpec
        Its arguments; their names are those of the inputs.
    """

    name: str
    function: Callable
    inputs: tuple


def write_saved_model(endpoints: Sequence[Endpoint], folder: str | os.PathLike) -> list[str]:
    """Write the folder of a SavedModel; what stood there before is replaced as a whole.

    The first endpoint is also the signature ``serving_default``. An endpoint that the model has no
    way to compute (its program raises NotImplementedError) is left out.

    Parameters
    ----------
    endpoints : sequence of Endpoint
        What to offer.
    folder : str or path
        Folder to write: a new one, an empty one, or an earlier SavedModel.

    Returns
    -------
    list of str
        Names of the signatures written.

    Raises
    ------
    FileExistsError
        If the folder holds something else than a SavedModel.
    """
    archive = keras.export.ExportArchive()
    # The archive finds the variables by its functions; to track the model, too, would store each
    # of them twice.
    written = []
    for endpoint in endpoints:
        program = tf.function(endpoint.function, input_signature=endpoint.inputs, autograph=False)
        try:
            traced = program.get_concrete_function()
        except NotImplementedError:
            continue
        archive.add_endpoint(endpoint.name, _calling(traced, endpoint.inputs))
        written.append(endpoint.name)
    with _aside(Path(folder)) as aside:
        archive.write_out(str(aside), verbose=False)
    return ["serving_default", *written]


def _calling(traced, inputs):
    """Return a function of one call.

    TensorFlow traces and stores what it saves twice, and this is less than the program itself.
    """

    def call(*given):
        return traced(*given)

    names = [inspect.Parameter(i.name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for i in inputs]
    call.__signature__ = inspect.Signature(names)
    call = tf.function(call, input_signature=inputs, autograph=False)
    call.get_concrete_function()
    return call


@contextlib.contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """Yield a folder to write, which takes the place of `folder` when all is written.

    A server may watch for the folder, and must never see half of a model.
    """
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; export needs the name of a folder.")
    old = folder.is_dir() and any(folder.iterdir())
    if old and not (folder / "saved_model.pb").is_file():
        raise FileExistsError(
            f"the folder {folder} holds something else than a SavedModel; choose another one."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield room / "new"
        if old:
            folder.rename(room / "old")
        elif folder.is_dir():
            folder.rmdir()
        (room / "new").rename(folder)
    finally:
        shutil.rmtree(room, ignore_errors=True)
