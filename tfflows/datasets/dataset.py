"""What `tfflows.datasets.load` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tfflows.datasets.targets import Target


class Split(NamedTuple):
    """Three arrays of rows: for training, for validation and for the final test."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """Rows split into training, validation and test parts, with the truth where it is known.

    The object unpacks as ``train, val, test``. For labeled data, ``labels`` and ``context`` are
    split in the same way and row by row in the same order, so a conditional fit reads
    ``flow.fit(data.train, context=data.context.train)``.

    Attributes
    ----------
    name : str
        The name given to `tfflows.datasets.load`.
    splits : Split
        The three parts, float32 of shape ``[rows, event]``.
    columns : tuple of str
        One name per column of the event.
    labels : Split or None
        Integer class of each row, shape ``[rows]``; None for unlabeled data.
    classes : tuple of str
        Name of each class; the label k means ``classes[k]``. Empty for unlabeled data.
    target : Target or None
        The true density; None for tables, whose density nobody knows.

    Examples
    --------
    >>> import tfflows.datasets
    >>> data = tfflows.datasets.load("moons", seed=0)
    >>> train, val, test = data
    >>> train.shape, val.shape, test.shape
    ((8000, 2), (1000, 2), (1000, 2))
    >>> round(data.entropy, 3)
    0.289
    >>> data.context.train.shape
    (8000, 2)
    """

    name: str
    splits: Split
    columns: tuple[str, ...]
    labels: Split | None = None
    classes: tuple[str, ...] = ()
    target: Target | None = field(default=None, repr=False)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Iterate over the training, validation and test rows, in this order."""
        return iter(self.splits)

    @property
    def train(self) -> np.ndarray:
        """Rows to fit on, float32 ``[rows, event]``."""
        return self.splits.train

    @property
    def val(self) -> np.ndarray:
        """Rows to stop early on, float32 ``[rows, event]``."""
        return self.splits.val

    @property
    def test(self) -> np.ndarray:
        """Rows to report on, float32 ``[rows, event]``."""
        return self.splits.test

    @property
    def context(self) -> Split | None:
        """Labels as one-hot rows, float32 ``[rows, classes]``; None for unlabeled data."""
        if self.labels is None:
            return None
        one_hot = np.eye(len(self.classes), dtype=np.float32)
        return Split(*(one_hot[part] for part in self.labels))

    @property
    def log_prob(self) -> Callable[..., np.ndarray] | None:
        """True log density in nats, called as ``log_prob(x, labels=None)``; None where unknown.

        It maps ``x [..., 2]`` to ``[...]`` in float64. With ``labels``, integers that broadcast
        against ``[...]``, the value is that of the conditional density p(x | label).
        """
        return None if self.target is None else self.target.log_prob

    @property
    def entropy(self) -> float | None:
        """Differential entropy in nats per event: the least NLL a model can reach, or None."""
        return None if self.target is None else self.target.entropy

    @property
    def conditional_entropy(self) -> float | None:
        """Entropy in nats per event once the label is known; None where it is unknown.

        It is the least mean of ``-log p(x | label)`` that a conditional model can reach.
        """
        if self.target is None or self.labels is None:
            return None
        return self.target.conditional_entropy

    def __repr__(self) -> str:
        """Name and sizes on one line."""
        sizes = "/".join(str(len(part)) for part in self.splits)
        labeled = f", classes={list(self.classes)}" if self.classes else ""
        return f"Dataset({self.name!r}, rows={sizes}, event={len(self.columns)}{labeled})"
