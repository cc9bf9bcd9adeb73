"""Keeping TensorFlow's greeting out of the command's output."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Discard what native libraries write to stderr while they are imported.

    TensorFlow logs about processors and drivers before its own log level can be set. An exception
    passes through and is shown as usual.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # a process may run without a stderr
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
