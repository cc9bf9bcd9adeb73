"""A function of many rows, computed for both halves of them at the same time."""

from collections.abc import Callable

import tensorflow as tf

__all__ = ["abreast"]


def abreast(program: Callable) -> Callable:
    """Return a function that runs `program` on two halves of the rows at the same time.

    Where one half waits for a single thread, as at most operations that are no products, the other
    goes on; and activations of half as many rows stay in the caches more easily. A loop over more
    blocks would be no faster, and TensorFlow vectorizes no loop, so that there were no Jacobians.

    Parameters
    ----------
    program : callable
        Takes rows ``[n, ...]`` and, if it has two arguments, contexts ``[n, ...]`` or ``[1, ...]``;
        returns tensors ``[n, ...]``, each row of which depends on its own row alone.

    Returns
    -------
    callable
        The same function; for use within a graph.

    Examples
    --------
    >>> rows = tf.TensorSpec([None], tf.float32)
    >>> double = tf.function(lambda x: 2 * x, input_signature=[rows]).get_concrete_function()
    >>> many = tf.function(abreast(double), input_signature=[rows])
    >>> many(tf.range(12345.0))[-1].numpy()
    np.float32(24688.0)
    """

    def run(rows, *contexts):
        count = _length(rows)
        if isinstance(count, int) and count < 2:
            return program(rows, *contexts)
        middle = count // 2

        def half(start, stop):
            # One context for all rows is the context of both halves.
            own = []
            for context in contexts:
                length = _length(context)
                if isinstance(length, int):
                    own.append(context if length == 1 else context[start:stop])
                else:
                    one = length == 1
                    own.append(context[tf.where(one, 0, start) : tf.where(one, 1, stop)])
            return program(rows[start:stop], *own)

        halves = half(0, middle), half(middle, count)
        return tf.nest.map_structure(lambda *parts: tf.concat(parts, 0), *halves)

    return run


def _length(rows):
    """Return the number of rows: where it is known, the programs of the halves know theirs."""
    return tf.shape(rows)[0] if rows.shape[0] is None else rows.shape[0]
