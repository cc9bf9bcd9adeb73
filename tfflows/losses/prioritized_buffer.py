"""A store of weighted points in variables, so that compiled programs write to it and read it."""

import tensorflow as tf

from tfflows import random

__all__ = ["PrioritizedBuffer", "rows_by_share"]


class PrioritizedBuffer:
    """The last weighted points of many runs, drawn in proportion to their weights.

    Parameters
    ----------
    capacity : int
        How many points it holds; then the oldest make room.
    event_shape : tuple of int
        Shape of a point.
    dtype : str
        Type of the points.

    References
    ----------
    Schaul et al. (2016), "Prioritized Experience Replay", arXiv:1511.05952.

    Examples
    --------
    >>> buffer = PrioritizedBuffer(4, (2,), "float32")
    >>> buffer.add(tf.ones([3, 2]), tf.constant([0.0, 1.0, 50.0]), tf.zeros([3]))
    >>> print(buffer.draw(5, [0, 1]).numpy())
    [2 2 2 2 2]
    """

    def __init__(self, capacity: int, event_shape: tuple, dtype: str):
        self.capacity = capacity
        nothing = tf.fill([capacity], tf.constant(-float("inf"), dtype))
        self.points = tf.Variable(tf.zeros([capacity, *event_shape], dtype), trainable=False)
        self.log_weight = tf.Variable(nothing, trainable=False)
        self.log_q = tf.Variable(tf.zeros([capacity], dtype), trainable=False)
        self.added = tf.Variable(0, trainable=False, dtype=tf.int64)

    def clear(self) -> None:
        """Forget all points."""
        self.log_weight.assign(tf.ones_like(self.log_weight) * -float("inf"))
        self.added.assign(0)

    def add(self, points, log_weight, log_q) -> None:
        """Write points, their log weights and log densities over the oldest."""
        rows = tf.range(tf.shape(points, tf.int64)[0]) + self.added.read_value()
        self._write(self.points, rows % self.capacity, points)
        self._write(self.log_weight, rows % self.capacity, log_weight)
        self._write(self.log_q, rows % self.capacity, log_q)
        self.added.assign(rows[-1] + 1)

    def draw(self, count: int, seed) -> tf.Tensor:
        """Return numbers of rows, drawn with replacement in proportion to the weights."""
        log_weight = self.log_weight.read_value()
        return rows_by_share(tf.cumsum(tf.nn.softmax(log_weight)), count, seed)

    def reweigh(self, rows, log_change, log_q) -> None:
        """Multiply the weights of rows, and note their new log densities."""
        weights = tf.gather(self.log_weight, rows) + log_change
        self._write(self.log_weight, rows, weights)
        self._write(self.log_q, rows, log_q)

    @staticmethod
    def _write(variable, rows, values) -> None:
        variable.scatter_nd_update(rows[:, tf.newaxis], values)


def rows_by_share(ends, count: int, seed) -> tf.Tensor:
    """Return numbers of rows, drawn with replacement in proportion to their shares.

    Parameters
    ----------
    ends : tf.Tensor
        Sums of the shares of a row and of all before it, ``[rows]``.
    count : int
        How many to draw.
    seed : tf.Tensor
        Seed.
    """
    u = ends[-1] * random.uniform([count], seed, ends.dtype)
    # Rounding must not lead beyond the last row that has a share.
    u = tf.minimum(u, tf.math.nextafter(ends[-1], tf.zeros_like(ends[-1])))
    return tf.minimum(tf.searchsorted(ends, u, side="right"), tf.shape(ends)[0] - 1)
