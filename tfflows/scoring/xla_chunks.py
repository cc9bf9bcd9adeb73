"""A pass through layers that XLA runs on a fixed number of rows at a time."""

from collections.abc import Callable

import tensorflow as tf

from tfflows.scoring.split_batch import at_row

__all__ = ["ROWS", "xla_chunks"]

#: Rows of one call. Enough for products to run at full rate and few enough to stay in the caches;
#: people draw round numbers.
ROWS = 1000


def xla_chunks(
    function: Callable, shape: tuple, answer_shape: tuple, context_rank: int = 1
) -> Callable:
    """Return a function that runs another as a compiled program for chunks of rows.

    A map that goes through the coordinates one after the other is made of so many small operations
    that starting them takes most of the time, unless XLA compiles them. A program of XLA is made
    for one number of rows: here that number is always the same, the last chunk is filled up, and a
    new number of rows compiles nothing.

    Parameters
    ----------
    function : callable
        ``function(rows, context, seed)`` maps rows ``[n, *shape]``, with contexts ``[n, ...]`` or
        None and a seed, int32 ``[3]``, or None, to points ``[n, *answer_shape]`` and log weights
        that broadcast to ``[n]``.
    shape, answer_shape : tuple of int
        Shapes of a row and of its image.
    context_rank : int
        Rank of the context of a row.

    Returns
    -------
    callable
        The same function, of rows ``[..., *shape]`` and contexts whose batch broadcasts to theirs;
        for use within a graph.

    Examples
    --------
    >>> double = xla_chunks(lambda rows, context, seed: (2.0 * rows, 0.0), (3,), (3,))
    >>> points, log_weight = double(tf.ones([4, 3]), None, None)
    >>> print(points[-1].numpy(), log_weight.shape)
    [2. 2. 2.] (4,)
    """

    @tf.function(jit_compile=True, autograph=False)
    def program(rows, context, seed):
        answer, log_weight = function(rows, context, seed)
        # One number may stand for all rows.
        return answer, tf.broadcast_to(log_weight, [ROWS])

    def run(points, context, seed):
        rank = points.shape.rank - len(shape)
        batch, static = tf.shape(points)[:rank], points.shape[:rank]
        rows = tf.reshape(points, [-1, *shape])
        count = tf.shape(rows)[0]
        chunks = (count + ROWS - 1) // ROWS
        rows = _filled(rows, chunks * ROWS)
        if context is not None:
            own = context.shape[context.shape.rank - context_rank :]
            context = tf.broadcast_to(context, tf.concat([batch, own], 0))
            context = _filled(tf.reshape(context, [-1, *own]), chunks * ROWS)

        def chunk(number):
            start = number * ROWS
            return program(
                _chunk(rows, start),
                None if context is None else _chunk(context, start),
                None if seed is None else at_row(seed, start),
            )

        answers, log_weights = tf.map_fn(
            chunk,
            tf.range(chunks),
            parallel_iterations=1,
            fn_output_signature=(
                tf.TensorSpec([ROWS, *answer_shape], points.dtype),
                tf.TensorSpec([ROWS], points.dtype),
            ),
        )
        answers = tf.reshape(answers, [-1, *answer_shape])[:count]
        answers = tf.reshape(answers, tf.concat([batch, answer_shape], 0))
        log_weights = tf.reshape(tf.reshape(log_weights, [-1])[:count], batch)
        return (
            tf.ensure_shape(answers, [*static, *answer_shape]),
            tf.ensure_shape(log_weights, static),
        )

    return run


def _chunk(array, start):
    return tf.ensure_shape(array[start : start + ROWS], [ROWS, *array.shape[1:]])


def _filled(array, rows):
    """Return `array` with copies of its first row up to `rows`; nothing stays nothing."""
    missing = tf.maximum(rows - tf.shape(array)[0], 0)
    return tf.concat([array, tf.repeat(array[:1], missing, axis=0)], 0)
