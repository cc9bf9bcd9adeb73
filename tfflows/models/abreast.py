"""A function of many rows, computed for several blocks of them at the same time."""

from collections.abc import Callable

import tensorflow as tf

__all__ = ["BLOCK_ROWS", "abreast"]

#: Rows of a block. Fewer are answered by small operations that take as long to start as to run,
#: more do not stay in the caches.
BLOCK_ROWS = 5000

# Blocks at work at the same time. Where one waits for a single thread, as at most operations that
# are no products, another goes on.
_ABREAST = 4


def abreast(program: tf.types.experimental.ConcreteFunction) -> Callable:
    """Return a function that runs `program` on blocks of rows.

    Parameters
    ----------
    program : tf.types.experimental.ConcreteFunction
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
        count = tf.shape(rows)[0]
        blocks = (count + BLOCK_ROWS - 1) // BLOCK_ROWS
        answers = tf.nest.map_structure(
            lambda spec: tf.TensorArray(
                spec.dtype, size=blocks, infer_shape=False, element_shape=spec.shape
            ),
            program.structured_outputs,
        )

        def step(number, answers):
            # Even shares, not whole blocks and a remainder. Products of two numbers of rows are
            # too large for 32 bits.
            start, stop = (
                tf.cast(tf.cast(count, tf.int64) * tf.cast(n, tf.int64) // blocks_64, tf.int32)
                for n in (number, number + 1)
            )
            own = [
                tf.cond(tf.shape(c)[0] == 1, lambda c=c: c, lambda c=c: c[start:stop])
                for c in contexts
            ]
            found = program(rows[start:stop], *own)
            written = tf.nest.map_structure(
                lambda array, value: array.write(number, value), answers, found
            )
            return number + 1, written

        blocks_64 = tf.cast(blocks, tf.int64)
        _, answers = tf.while_loop(
            lambda number, _: number < blocks,
            step,
            (tf.constant(0), answers),
            parallel_iterations=_ABREAST,
        )
        return tf.nest.map_structure(lambda array: array.concat(), answers)

    return run
