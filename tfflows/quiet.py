"""TensorFlow's greeting, kept out of notebooks and of the command's output.

TensorFlow logs about processors, drivers and compilers while it is imported, in part before its own
log level can be set. Here it is imported with the records held back that ``TF_CPP_MIN_LOG_LEVEL``
does not ask for: all but fatal ones, if nobody has set it.
"""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

__all__: list[str] = []

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_DEFAULT = "3"

# "I0000 00:00:1700000000.000000 1 a.cc:1] ..." and "2024-01-01 00:00:00.000000: I a/b.cc:1] ..."
_RECORD = re.compile(
    rb"(?:[\d-]{10} [\d:.]+: )?([IWEF])(?:\d{4} [\d:.]+ +\d+)? [\w./-]+:\d+\] ", re.ASCII
)
_AROUND_RECORDS = (b"WARNING: All log messages before absl::", b"To enable the following instr")


def wanted(line: bytes, level: int) -> bool:
    """Whether a line that appeared on stderr is to be shown at a log level of TensorFlow."""
    record = _RECORD.match(line)
    if record is None:
        return level < 1 or not line.startswith(_AROUND_RECORDS)
    return b"IWEF".index(record[1]) >= level


@contextlib.contextmanager
def _default_level() -> Iterator[int]:
    """Yield the log level; TensorFlow reads it once, so that the environment stays as it was."""
    unset = _LEVEL not in os.environ
    given = os.environ.setdefault(_LEVEL, _DEFAULT)
    try:
        yield int(given) if given.isdecimal() else 0
    finally:
        if unset:
            del os.environ[_LEVEL]


@contextlib.contextmanager
def _held_back(level: int) -> Iterator[None]:
    """Hold back what is written to stderr, and show at the end what is wanted of it.

    After an exception, everything: it may say why a library could not be loaded.
    """
    with contextlib.ExitStack() as stack:
        try:  # a process may run without a stderr, or without a place for files
            kept = stack.enter_context(os.fdopen(os.dup(2), "wb", buffering=0))
            lines = stack.enter_context(tempfile.TemporaryFile())
        except OSError:
            yield
            return
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(lines.fileno(), 2)
        try:
            yield
            show = wanted
        except BaseException:
            show = _everything
            raise
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(kept.fileno(), 2)
            lines.seek(0)
            kept.write(b"".join(line for line in lines if show(line, level)))


def _everything(line: bytes, level: int) -> bool:
    return True


with _default_level() as _level:
    if _level < 1:
        import tensorflow
    else:
        with _held_back(_level):
            import tensorflow  # noqa: F401
