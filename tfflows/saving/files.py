"""Files of models: Keras's archive, sealed by a label and a checksum over every byte."""

import contextlib
import hashlib
import json
import os
import platform
import secrets
import shutil
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import keras

from tfflows.privates import OPTIMIZER_LEFT_OUT
from tfflows.saving.versions import installed

__all__ = ["FORMAT", "label_of", "load", "replacing", "write_file"]

#: Version of the format of files; one that a reader does not know is refused.
FORMAT = 1

MODEL_FILE = "model.keras"
"""The file of the model in a folder that ``tfflows fit`` wrote."""

# The seal is the comment of the last member of the archive: other readers overlook it there, and a
# file that lost a piece of its end has no directory any more.
_MARK = b"tfflows "
_DIGEST = 64
_END = struct.Struct("<4s4H2LH")  # the last entry of a zip archive without a comment
_END_MARK = b"PK\x05\x06"
_SWELLS = 100  # no array of weights is packed as densely as this
_PACKAGES = ("tfflows", "keras", "tensorflow", "tensorflow-probability", "numpy")


def versions() -> dict[str, str]:
    """Return the versions of what takes part in a file, "0" for a package without metadata."""
    found = {"python": platform.python_version()}
    found.update((name, installed(name)) for name in _PACKAGES)
    return found


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a new path beside a file; what is written there takes the place of the file at once.

    A process that is killed, or a full disk, leaves the file as it was.

    Parameters
    ----------
    path : Path
        The file to write. Its folder must exist.
    """
    path = Path(os.path.realpath(path))  # a link goes on pointing where it does
    aside = path.with_name(f".{path.stem}-{secrets.token_hex(8)}{path.suffix}")
    try:
        yield aside
        _sync(aside)
        aside.replace(path)
        _sync(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name == "nt":  # folders cannot be opened there
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: str | os.PathLike, label: dict, save: Callable[[str], None]) -> None:
    """Write the archive of a model and seal it.

    Parameters
    ----------
    path : str or path
        The file, ``*.keras``; a file of this name is replaced as a whole.
    label : dict
        What the file says of itself, beside the format and the versions of the packages.
    save : callable
        Writes Keras's archive to the path that it is given.
    """
    path = Path(path)
    label = {"format": FORMAT, "versions": versions(), **label}
    with replacing(path) as aside:
        save(str(aside))
        _seal(aside, label)


def _repack(file: Path, comment: bytes) -> None:
    """Rewrite an archive so that whoever reads a member checks it, and comment on the last."""
    # Python's reader jumps about in a member that is stored as it is, and then skips the check of
    # its sum; Keras reads weights that way once a first, checked reading has failed.
    compact = {"compression": zipfile.ZIP_DEFLATED, "compresslevel": 0}
    with (
        replacing(file) as aside,
        zipfile.ZipFile(file) as old,
        zipfile.ZipFile(aside, "w", **compact) as new,
    ):
        for info in old.infolist():
            large = info.file_size >= 1 << 31
            with old.open(info) as source, new.open(info.filename, "w", force_zip64=large) as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
        new.infolist()[-1].comment = comment


def _seal(file: Path, label: dict) -> None:
    comment = _MARK + json.dumps(label).encode() + b" " + _DIGEST * b"0"
    _repack(file, comment)
    with open(file, "r+b") as stream:
        place = _place_of_digest(stream, comment)
        digest = _digest(stream, place)
        stream.seek(place)
        stream.write(digest)


def _place_of_digest(stream, comment: bytes) -> int:
    """Return where in a file the checksum at the end of a comment stands."""
    size = stream.seek(0, os.SEEK_END)
    length = min(size, len(comment) + _END.size)
    stream.seek(size - length)
    return size - length + stream.read(length).rfind(comment) + len(comment) - _DIGEST


def _digest(stream, place: int) -> bytes:
    """Return the checksum of all bytes but those of the checksum itself."""
    total = hashlib.sha256()
    stream.seek(0)
    while place:
        block = stream.read(min(place, 1 << 20))
        if not block:
            break
        total.update(block)
        place -= len(block)
    stream.seek(_DIGEST, os.SEEK_CUR)
    total.update(stream.read())
    return total.hexdigest().encode()


def label_of(path: str | os.PathLike) -> dict | None:
    """Return what a sealed file says of itself; None for a file that Keras alone wrote.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    dict or None
        ``format``, ``versions``, ``event_shape``, ``context_shape``, ``parameters``, ``training``.

    Raises
    ------
    ValueError
        If the file is damaged, no archive, or of a newer format; the message names it.
    """
    path = Path(path)
    comments = _comments(path)
    if not any(comments):
        return None
    label = _parse(comments[-1])
    if any(comments[:-1]) or label is None:
        raise ValueError(_damaged(path, "its label cannot be read"))
    if label["format"] > FORMAT:
        raise ValueError(
            f"{path} was written by tfflows {label['versions'].get('tfflows')} in format "
            f"{label['format']}, and tfflows {installed()}, which is installed, reads "
            f"no format beyond {FORMAT}. Upgrade tfflows."
        )
    with open(path, "rb") as stream:
        digest = _digest(stream, _place_of_digest(stream, comments[-1]))
    if digest != comments[-1][-_DIGEST:]:
        raise ValueError(_damaged(path, "its checksum does not match"))
    return label


def _comments(path: Path) -> list[bytes]:
    """Return the comments of the members of an archive."""
    with open(path, "rb") as stream:
        stream.seek(max(stream.seek(0, os.SEEK_END) - _END.size, 0))
        end = stream.read()
    if len(end) < _END.size or not end.startswith(_END_MARK) or end[-2:] != b"\0\0":
        raise ValueError(f"{path} is no .keras file, or its end is missing.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    # Whatever a directory of nonsense makes its reader stumble over.
    except Exception as error:
        raise ValueError(_damaged(path, f"{error}")) from error
    for member in members:
        if member.file_size > max(_SWELLS * member.compress_size, 1 << 26):
            raise ValueError(f"{path} holds a part that would swell to {member.file_size:,} bytes.")
    return [member.comment for member in members] or [b"nothing"]


def _damaged(path: Path, why: str) -> str:
    return f"{path} is damaged: {why}. Copy it again from where it came from."


def _parse(comment: bytes) -> dict | None:
    if not comment.startswith(_MARK) or len(comment) <= len(_MARK) + _DIGEST:
        return None
    try:
        label = json.loads(comment[len(_MARK) : -_DIGEST])
    except ValueError:
        return None
    whole = (
        isinstance(label, dict)
        and type(label.get("format")) is int
        and isinstance(label.get("versions"), dict)
    )
    return label if whole else None


def load(
    path: str | os.PathLike, custom_objects: dict | None = None, compile: bool = True
) -> keras.Model:
    """Load a model from a file, or from the folder that ``tfflows fit`` wrote.

    Every byte of the file is checked before a part of it is used, and no code is taken from it.
    ``keras.models.load_model`` reads the same files; it checks less, and its errors do not always
    name the file.

    Parameters
    ----------
    path : str or path
        A ``.keras`` file, or the folder of a fit.
    custom_objects : dict, optional
        Your own classes by name, where they are not registered with Keras.
    compile : bool
        Whether to compile the model as it was, with the state of its optimizer.

    Returns
    -------
    keras.Model
        The model: the same densities, and the same samples for the same seed.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, incomplete, of a newer format, or names a class that is not known
        or a function that would have to be executed. The message names the file.

    Examples
    --------
    >>> import os, tempfile, tfflows
    >>> flow = tfflows.Flow([tfflows.layers.Shift()], event_shape=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     flow.save(os.path.join(folder, "flow.keras"))
    ...     again = tfflows.load(os.path.join(folder, "flow.keras"))
    >>> again.event_shape
    (2,)
    """
    path = Path(path)
    if path.is_dir():
        if not (path / MODEL_FILE).is_file():
            raise FileNotFoundError(f"the folder {path} holds no {MODEL_FILE}.")
        path = path / MODEL_FILE
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}.")
    if label_of(path) is None:
        _check_members(path)
    try:
        return _read(path, custom_objects, compile)
    except Exception as error:  # whatever the readers of its parts met first
        way_out = ""
        if compile and _loads(path, custom_objects):
            way_out = (
                " It is what it was compiled with that does not fit, such as the state of its "
                "optimizer; load(..., compile=False) reads the weights alone."
            )
        raise ValueError(
            f"{path} cannot be loaded: {error} ({type(error).__name__}){way_out}"
        ) from error


def _read(path: Path, custom_objects: dict | None, compile: bool) -> keras.Model:
    with warnings.catch_warnings():
        # Keras leaves out the state of an optimizer that does not fit, and goes on.
        warnings.filterwarnings("error", message=OPTIMIZER_LEFT_OUT)
        return keras.saving.load_model(
            path, custom_objects=custom_objects, compile=compile, safe_mode=True
        )


def _loads(path: Path, custom_objects: dict | None) -> bool:
    """Whether a file can be read without what its model was compiled with."""
    try:
        _read(path, custom_objects, compile=False)
    except Exception:
        return False
    return True


def _check_members(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except Exception as error:
        raise ValueError(_damaged(path, f"{error}")) from error
    if bad is not None:
        raise ValueError(_damaged(path, f"the checksum of {bad} in it does not match"))
