"""What a model remembers of the columns of its tables: their names, and what has been seen."""

import math

import numpy as np

from tfflows.inputs.user_warnings import warn

__all__ = ["Columns", "columns_config", "restore_columns"]

# A context of more numbers is an image or a sequence, of which no column has a meaning of its own.
_MOST = 1024


class Columns:
    """The columns of the events, or of the contexts, of a model.

    Parameters
    ----------
    shape : tuple of int or None
        Shape of an event or context.
    names : sequence of str, optional
        Names of the coordinates.
    low, high : sequence of float, optional
        The smallest and the largest value seen of each coordinate.

    Attributes
    ----------
    names : tuple of str or None
        Names of the coordinates, known once the model has been fitted to a frame.
    """

    def __init__(self, shape: tuple | None, names=None, low=None, high=None):
        self.size = math.prod(shape or ())
        self.names = None if names is None else tuple(map(str, names))
        self.low = None if low is None else np.asarray(low, np.float64)
        self.high = None if high is None else np.asarray(high, np.float64)
        self._said: set[str] = set()

    def get_config(self) -> dict:
        """Return what is remembered, as JSON."""
        kept = {"names": self.names, "low": self.low, "high": self.high}
        return {key: np.asarray(v).tolist() for key, v in kept.items() if v is not None}

    def learn(self, names: tuple[str, ...] | None) -> None:
        """Remember the names of the first frame that the model is fitted to."""
        if self.names is None and names is not None and len(names) == self.size:
            self.names = names

    def see(self, rows: np.ndarray) -> None:
        """Remember between what values the coordinates of rows lie."""
        if not len(rows) or self.size > _MOST:
            return
        flat = rows.reshape(len(rows), -1)
        low, high = (end.astype(np.float64) for end in (flat.min(0), flat.max(0)))
        self.low = low if self.low is None else np.minimum(self.low, low)
        self.high = high if self.high is None else np.maximum(self.high, high)

    def seen(self) -> np.ndarray:
        """Return a row ``[size]`` within what was seen: zero, or the nearest number to it."""
        return np.zeros(self.size) if self.low is None else np.clip(0.0, self.low, self.high)

    def warn_beyond(self, rows: np.ndarray, what: str) -> None:
        """Warn, once, of values that lie more than half the seen range beyond its ends."""
        if "beyond" in self._said or self.low is None or self.high is None or not rows.size:
            return
        flat = rows.reshape(-1, self.size)
        margin = np.maximum((self.high - self.low) / 2, 1e-6 * np.abs(self.high))
        far = ((flat < self.low - margin) | (flat > self.high + margin)).any(0)
        if not far.any():
            return
        self._said.add("beyond")
        first = []
        for i in np.flatnonzero(far)[:5]:
            value = flat[np.abs(flat[:, i] - (self.low[i] + self.high[i]) / 2).argmax(), i]
            seen = f"{self.low[i]:.6g} to {self.high[i]:.6g}"
            first.append(f"{self.name(i)} is {value:.6g} (seen: {seen})")
        warn(
            f"{what} lies far outside of what this model was fitted to, and its answers there are "
            f"extrapolations: {', '.join(first)}."
        )

    def warn_once(self, message: str) -> None:
        """Give a warning, if there is a message, unless the model has given it before."""
        if message and message not in self._said:
            self._said.add(message)
            warn(message)

    def name(self, index: int) -> str:
        """Return the name of a coordinate, quoted, or its number."""
        return f"coordinate {index}" if self.names is None else repr(self.names[index])

    def symbol(self, index: int) -> str:
        """Return the name of a coordinate, quoted, or x and its number, for an equation."""
        return f"x{index}" if self.names is None else repr(self.names[index])

    def listed(self, indices) -> str:
        """Return the names or numbers of some coordinates, for a message."""
        indices = list(indices)
        names = self.names or tuple(map(str, range(self.size)))
        shown = ", ".join(names[i] if self.names is None else repr(names[i]) for i in indices[:10])
        kind = "coordinate" if self.names is None else "column"
        return f"{kind} {shown}" + (f" and {len(indices) - 10} more" if len(indices) > 10 else "")


def columns_config(model) -> dict:
    """Return what a model remembers of columns as an argument of its constructor, if anything."""
    kept = {"event": model.event_columns, "context": model.context_columns}
    known = {key: columns.get_config() for key, columns in kept.items()}
    return {"known_columns": known} if any(known.values()) else {}


def restore_columns(model, known: dict | None) -> None:
    """Let a model remember of columns what `columns_config` said."""
    known = known or {}
    model.event_columns = Columns(model.event_shape, **known.get("event", {}))
    model.context_columns = Columns(model.context_shape, **known.get("context", {}))
