"""Warnings that point to the line of the user's program, whatever lies between."""

import inspect
import warnings

__all__ = ["warn"]

_BETWEEN = {"tfflows", "keras", "tensorflow", "contextlib"}


def warn(message: str) -> None:
    """Give a UserWarning at the nearest call that comes from outside of this package and Keras."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in _BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)
