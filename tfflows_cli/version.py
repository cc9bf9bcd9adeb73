"""The installed version."""

from importlib import metadata


def version() -> str:
    """Version of the installed package, or a note that it runs from its source folder."""
    try:
        return metadata.version("tfflows")
    except metadata.PackageNotFoundError:
        return "(not installed)"
