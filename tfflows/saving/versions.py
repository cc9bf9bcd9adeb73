"""Versions of packages, and the version of tfflows that wrote a config."""

import contextlib
import re
from collections.abc import Iterator
from importlib import metadata

__all__ = ["KEY", "installed", "reading"]

KEY = "tfflows_version"


def installed(package: str = "tfflows") -> str:
    """Return the version that is installed, "0" for a package without metadata."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "0"


@contextlib.contextmanager
def reading(config: dict) -> Iterator[dict]:
    """Yield a config without its version; what then fails for its being newer says so.

    Raises
    ------
    ValueError
        If an error comes up within, and the config was written by a newer version.

    Examples
    --------
    >>> with reading({"tfflows_version": "999.0", "event_shape": 2}) as config:
    ...     config
    {'event_shape': 2}
    """
    config = dict(config)
    version = config.pop(KEY, None)
    try:
        yield config
    except Exception as error:
        if version is None or _numbers(version) <= _numbers(installed()):
            raise
        raise ValueError(
            f"this model was saved by tfflows {version}, and tfflows {installed()}, which is "
            f"installed, cannot read it. Upgrade tfflows. ({type(error).__name__}: {error})"
        ) from error


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(version))[:3]]
