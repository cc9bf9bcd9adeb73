"""The small tables that come with scikit-learn: iris, wine and digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Table:
    """A table of measurements and the width of the noise that dequantizes it by default.

    Attributes
    ----------
    read : callable
        Returns ``(x [rows, columns], labels [rows], columns, classes)``.
    noise : float
        Width of the uniform noise added to every cell.
    """

    read: Callable[[], tuple[np.ndarray, np.ndarray, tuple[str, ...], tuple[str, ...]]]
    noise: float = 0.0


def _reader(loader: str):
    def read():
        import sklearn.datasets

        table = getattr(sklearn.datasets, loader)()
        columns = tuple(str(name) for name in table.feature_names)
        classes = tuple(str(name) for name in table.target_names)
        return table.data, table.target, columns, classes

    return read


TABLES = {
    "iris": Table(_reader("load_iris")),
    "wine": Table(_reader("load_wine")),
    "digits": Table(_reader("load_digits"), noise=1.0),
}
