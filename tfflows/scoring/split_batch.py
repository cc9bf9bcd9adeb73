"""A function of many rows, computed for both halves of them at the same time."""

from collections.abc import Callable

import tensorflow as tf

__all__ = ["at_row", "split_batch"]


def split_batch(function: Callable) -> Callable:
    """Return a function that runs another on two halves of the rows at the same time.

    Where one half waits for a single thread, as at most operations that are no products, the other
    goes on; and activations of half as many rows stay in the caches more easily. A loop over more
    parts would be no faster, and TensorFlow vectorizes no loop, so that there were no Jacobians.

    Parameters
    ----------
    function : callable
        Takes rows ``[n, ...]`` and, by position, contexts ``[n, ...]`` or ``[1, ...]`` and a seed,
        int32 ``[3]``, where there are any; returns tensors ``[n, ...]``, each row of which depends
        on its own row alone.

    Returns
    -------
    callable
        The same function; for use within a graph.

    Examples
    --------
    >>> rows = tf.TensorSpec([None], tf.float32)
    >>> double = tf.function(lambda x: 2 * x, input_signature=[rows]).get_concrete_function()
    >>> many = tf.function(split_batch(double), input_signature=[rows])
    >>> many(tf.range(12345.0))[-1].numpy()
    np.float32(24688.0)
    """

    def run(rows, *others):
        count = _length(rows)
        if isinstance(count, int) and count < 2:
            return function(rows, *others)
        middle = count // 2

        def half(start, stop):
            return function(rows[start:stop], *(_part(other, start, stop) for other in others))

        halves = half(0, middle), half(middle, count)
        return tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), *halves)

    return run


def at_row(seed, row):
    """Return the seed, int32 ``[3]``, of what comes `row` rows later in a table."""
    seed = tf.convert_to_tensor(seed, tf.int32)
    first = seed[2] if seed.shape[0] == 3 else 0
    return tf.concat([seed[:2], [first + row]], 0)


def _part(other, start, stop):
    if other.dtype == tf.int32:
        return at_row(other, start)
    # One context for all rows is the context of both halves.
    length = _length(other)
    if isinstance(length, int):
        return other if length == 1 else other[start:stop]
    one = length == 1
    return other[tf.where(one, 0, start) : tf.where(one, 1, stop)]


def _length(rows):
    """Return the number of rows: where it is known, the programs of the halves know theirs."""
    return tf.shape(rows)[0] if rows.shape[0] is None else rows.shape[0]
