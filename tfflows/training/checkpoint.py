"""Checkpoints: numbers and arrays in one file that is whole or absent."""

import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

from tfflows.saving.files import replacing

__all__ = ["read_checkpoint", "write_checkpoint"]

_MARK = b"tfflows checkpoint\n"
_FORMAT = 1
_LENGTH = struct.Struct("<Q")
_DIGEST = hashlib.sha256().digest_size


def write_checkpoint(path: str | os.PathLike, content: dict, arrays: list[np.ndarray]) -> None:
    """Write a dict of JSON and a list of arrays to a file, which is replaced at once.

    Parameters
    ----------
    path : str or path
        The file.
    content : dict
        Whatever JSON can hold, infinities and NaN included.
    arrays : list of np.ndarray
        Arrays of numbers.

    Raises
    ------
    OSError
        If the file cannot be written, for want of space or otherwise; it is then as it was.
    """
    arrays = [np.asarray(array) for array in arrays]
    shapes = [[array.dtype.str, list(array.shape)] for array in arrays]
    head = json.dumps({"format": _FORMAT, "arrays": shapes, "content": content}).encode()
    parts: list[Any] = [_MARK, _LENGTH.pack(len(head)), head, *map(np.ascontiguousarray, arrays)]
    total = hashlib.sha256()
    try:
        with replacing(Path(path)) as aside, open(aside, "wb") as stream:
            for part in parts:
                stream.write(part)
                total.update(part)
            stream.write(total.digest())
    except OSError as error:
        raise OSError(
            error.errno,
            f"the checkpoint {path} could not be written ({error.strerror}); the one before it is "
            "still there",
        ) from error


def read_checkpoint(path: str | os.PathLike) -> tuple[dict, list[np.ndarray]]:
    """Return what `write_checkpoint` wrote.

    Raises
    ------
    ValueError
        If the file is damaged or of a newer format; the message names it.
    """
    data = Path(path).read_bytes()
    damaged = ValueError(f"the checkpoint {path} is damaged; delete it to start anew.")
    if not data.startswith(_MARK) or hashlib.sha256(data[:-_DIGEST]).digest() != data[-_DIGEST:]:
        raise damaged
    start = len(_MARK) + _LENGTH.size
    (length,) = _LENGTH.unpack_from(data, len(_MARK))
    head = json.loads(data[start : start + length])
    if head["format"] > _FORMAT:
        raise ValueError(
            f"the checkpoint {path} was written by a newer tfflows, in format {head['format']}; "
            f"this one reads no format beyond {_FORMAT}. Upgrade tfflows."
        )
    start += length
    arrays = []
    for kind, shape in head["arrays"]:
        dtype = np.dtype(kind)
        count = int(np.prod(shape, dtype=np.int64))
        arrays.append(np.frombuffer(data, dtype, count, start).reshape(shape))
        start += count * dtype.itemsize
    return head["content"], arrays
