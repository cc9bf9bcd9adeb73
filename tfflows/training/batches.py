"""Batches of arrays as `tf.data`: shuffled by seed and epoch, without a Python loop."""

import math

import tensorflow as tf

__all__ = [
    "batch_stream",
    "block_stream",
    "epoch_stream",
    "is_no_context",
    "no_context",
    "ordered_batches",
    "steps_in_epoch",
]


def steps_in_epoch(rows: int, batch_size: int) -> int:
    """Return the number of batches that cover `rows`, the ragged last one included."""
    return math.ceil(rows / batch_size)


def _order(rows: int, seed: int, epoch, shuffle: bool):
    order = tf.range(rows)
    if not shuffle:
        return order
    # Keras reshuffles from its own state, which after seeding repeats in every epoch.
    return tf.random.experimental.stateless_shuffle(
        order, seed=tf.stack([tf.cast(seed, tf.int32), tf.cast(epoch, tf.int32)])
    )


def _epochs(first_epoch: int):
    return tf.data.Dataset.range(first_epoch, tf.int32.max)


def batch_stream(arrays: tuple, batch_size: int, seed: int, shuffle: bool, first_epoch: int = 0):
    """Return an endless dataset of batches of the rows of `arrays`, epoch after epoch.

    Parameters
    ----------
    arrays : tuple of tf.Tensor or None
        ``(x, context, sample_weight)`` with the same number of rows; the latter two may be None.
    batch_size : int
        Rows in a batch; the last batch of an epoch holds what is left.
    seed : int
        Seed; the order of an epoch depends on the seed and the epoch alone.
    shuffle : bool
        Whether to shuffle at all.
    first_epoch : int
        Epoch to begin with.
    """
    rows = int(next(a for a in arrays if a is not None).shape[0])

    def one_epoch(epoch):
        order = tf.data.Dataset.from_tensor_slices(_order(rows, seed, epoch, shuffle))
        return order.batch(batch_size)

    return (
        _epochs(first_epoch)
        .flat_map(one_epoch)
        .map(_taker(arrays), tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def epoch_stream(arrays: tuple, batch_size: int, seed: int, shuffle: bool, epoch, begun=(0, 0)):
    """Return a dataset of the batches of that epoch of `batch_stream` which `epoch` names.

    Keras opens it anew for each epoch, so that several batches in one call end with the epoch.

    Parameters
    ----------
    arrays, batch_size, seed, shuffle
        As for `batch_stream`.
    epoch : tf.Variable
        The number of the epoch, an int64.
    begun : tuple of int
        An epoch, and how many of its batches have been taken before.
    """
    rows = int(next(a for a in arrays if a is not None).shape[0])

    def one_epoch(_):
        number = epoch.read_value()
        taken = tf.where(tf.equal(number, begun[0]), tf.constant(begun[1], tf.int64), 0)
        order = tf.data.Dataset.from_tensor_slices(_order(rows, seed, number, shuffle))
        return order.batch(batch_size).skip(taken)

    stream = tf.data.Dataset.range(1).flat_map(one_epoch).map(_taker(arrays), tf.data.AUTOTUNE)
    if not begun[1]:
        steps = steps_in_epoch(rows, batch_size)
        stream = stream.apply(tf.data.experimental.assert_cardinality(steps))
    return stream.prefetch(tf.data.AUTOTUNE)


def ordered_batches(arrays: tuple, batch_size: int):
    """Return a dataset of the batches of the rows of `arrays` in their order, once.

    Keras's own adapter of arrays loses the weights where there are no targets.
    """
    rows = tf.data.Dataset.range(len(arrays[0])).batch(batch_size)
    return rows.map(_taker(arrays), tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def no_context(x):
    """Return what stands for a missing context beside weights: no numbers for each row of `x`.

    A bare None in a dataset cannot be spread over replicas.
    """
    return tf.zeros([tf.shape(x)[0], 0], x.dtype)


def is_no_context(context) -> bool:
    """Whether a context holds no numbers."""
    return context is None or context.shape[-1:].as_list() == [0]


def _taker(arrays):
    x, context, weight = arrays

    def take(index):
        batch = tf.gather(x, index)
        if context is None and weight is None:
            return (batch,)
        c = no_context(batch) if context is None else tf.gather(context, index)
        return (batch, c) if weight is None else (batch, c, tf.gather(weight, index))

    return take


def block_stream(
    rows: int,
    batch_size: int,
    block: int,
    seed: int,
    shuffle: bool,
    first_epoch: int = 0,
    fill: bool = True,
):
    """Return an endless dataset of blocks of batches of row numbers.

    An element is ``(index [block, batch_size], real [block, batch_size], tail [r], steps)``. With
    `fill`, a ragged last batch is filled with copies of a real row, marked by ``real = 0``;
    otherwise its rows stand in `tail` and it is not among the `steps`. A ragged last block is
    filled with batches that `steps` excludes.
    """
    steps = steps_in_epoch(rows, batch_size)
    blocks = math.ceil(steps / block)
    ragged = 0 if fill else rows % batch_size
    missing = blocks * block * batch_size - (rows - ragged)

    def one_epoch(epoch):
        order = _order(rows, seed, epoch, shuffle)
        index = tf.concat([order[: rows - ragged], tf.fill([missing], order[0])], 0)
        real = tf.concat([tf.ones([rows - ragged]), tf.zeros([missing])], 0)
        shape = [blocks, block, batch_size]
        count = tf.minimum(block, steps - (ragged > 0) - block * tf.range(blocks))

        def with_tail(number, index, real, count):
            size = tf.where(tf.equal(number, blocks - 1), ragged, 0)
            return index, real, order[rows - size :], count

        parts = (tf.range(blocks), tf.reshape(index, shape), tf.reshape(real, shape), count)
        return tf.data.Dataset.from_tensor_slices(parts).map(with_tail)

    return _epochs(first_epoch).flat_map(one_epoch).prefetch(2)
