"""A function of many rows, computed for both halves of them at the same time."""

import os
from collections.abc import Callable

import tensorflow as tf

__all__ = ["abreast", "repays"]

# Both halves of a training step have gradients of their own for all weights, to be added, which
# only enough rows repay. On two cores, weights by rows and what a step takes with and without
# halves: 200: 0.72 and 0.97 ms; 500: 2.5 and 2.7; 1,200: 4.0 and 4.5; 1,600: 0.20 and 0.22;
# 1,900: 1.16 and 1.17; 4,800: 1.75 and 1.58; 5,300: 13.8 and 13.8; 21,000: 5.2 and 4.4.
_WEIGHTS_PER_ROW = 1_800
# So many products of a weight and a row save some one to two seconds, as many as it takes to
# compile twice as many operations.
_PRODUCTS = 2**37


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


def repays(weights: int, rows: int, steps: int | None) -> bool:
    """Whether a training step had better run on both halves of its rows at the same time.

    Parameters
    ----------
    weights, rows : int
        How many weights the model has, and rows a batch.
    steps : int or None
        How many steps the program will take; None where nobody knows.

    Returns
    -------
    bool
        Whether the steps save more than compiling both halves costs. Never where there is but one
        core, nor where an accelerator may run the program, which works on all rows at once.

    Examples
    --------
    >>> repays(weights=100_000, rows=256, steps=100)
    False
    """
    return (
        rows > 1
        and weights <= _WEIGHTS_PER_ROW * rows
        and steps is not None
        and steps * weights * rows >= _PRODUCTS
        and _cores() > 1
        # TensorFlow lists the processor itself, and whatever else it can run programs on.
        and len(tf.config.list_logical_devices()) == 1
    )


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
