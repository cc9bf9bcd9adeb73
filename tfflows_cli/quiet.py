"""Keeping TensorFlow's greeting out of the command's output."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Import tfflows first, which holds the greeting back, and then what is imported within."""
    import tfflows  # noqa: F401

    yield
