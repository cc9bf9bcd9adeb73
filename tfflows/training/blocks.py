"""One program for a block of batches: the loop over steps runs inside the compiled function."""

import math

import keras
import tensorflow as tf

from tfflows.training.batches import is_no_context

__all__ = ["BLOCK", "Blocks", "block_size", "blocks_of_stream", "has_batch_hooks", "says_xla"]

# Beyond some dozens of steps a longer block saves nothing, and callbacks wait for it.
BLOCK = 64


def block_size(steps: int | None) -> int:
    """Return the number of steps in a block: even shares of the epoch, at most `BLOCK`."""
    if steps is None:
        return BLOCK // 4
    return math.ceil(steps / math.ceil(steps / BLOCK))


def has_batch_hooks(callback) -> bool:
    """Whether a callback acts on single batches, so that steps must not be taken in blocks."""
    if getattr(callback, "follows_blocks", False):
        return False
    hooks = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
    kind = type(callback)
    if kind is keras.callbacks.LambdaCallback:
        return any(name in vars(callback) for name in hooks)
    return any(
        getattr(kind, name, None) is not getattr(keras.callbacks.Callback, name) for name in hooks
    )


class Blocks:
    """The compiled loop of one `fit`: takes blocks from an iterator and trains on them.

    Parameters
    ----------
    model : Trainer
        The model, whose `train_step` takes one step.
    arrays : tuple of tf.Tensor or None, optional
        ``(x, context, sample_weight)`` that blocks of row numbers index; None if the blocks hold
        the batches themselves.
    jit_compile : bool
        Whether XLA compiles the program.
    may_fall_back : bool
        Whether to go on without XLA where a program cannot be compiled.
    """

    def __init__(self, model, arrays, jit_compile: bool, may_fall_back: bool):
        self.model = model
        self.arrays = arrays
        self.may_fall_back = may_fall_back
        self.program = self._compile(jit_compile)
        self.tail_program = None

    def _compile(self, jit_compile):
        take = self._rows if self.arrays is not None else self._batch

        @tf.function(jit_compile=jit_compile, autograph=False)
        def program(arrays, block, count):
            tripped = self.model.guard.tripped

            def step(number):
                self.model.train_step(take(arrays, block, number))
                return (number + 1,)

            tf.while_loop(
                lambda number: (number < count) & tf.logical_not(tripped),
                step,
                (tf.constant(0, count.dtype),),
            )
            return self.model.get_metrics_result(), tripped.read_value()

        return program

    @staticmethod
    def _rows(arrays, block, number):
        index, real = block
        x, context, weight = arrays
        rows = tf.gather(index, number)
        if real is not None:
            real = tf.cast(tf.gather(real, number), x.dtype)
        if weight is not None:
            weight = tf.cast(tf.gather(weight, rows), x.dtype)
            real = weight if real is None else real * weight
        return tf.gather(x, rows), None if context is None else tf.gather(context, rows), real

    @staticmethod
    def _batch(arrays, block, number):
        return tuple(None if part is None else tf.gather(part, number) for part in block)

    def __call__(self, iterator):
        """Take one block from `iterator`, train on it and return the logs."""
        element = next(iterator)
        tail = None
        if self.arrays is None:
            *block, count = element
        else:
            *block, tail, count = element
        try:
            logs, tripped = self.program(self.arrays, tuple(block), count)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            if not self.may_fall_back or not says_xla(error):
                raise
            self.may_fall_back = False
            self.program = self._compile(False)
            logs, tripped = self.program(self.arrays, tuple(block), count)
        if tail is not None and tail.shape[0] and not tripped:
            # A second compilation would cost more than this one step of each epoch does.
            if self.tail_program is None:
                self.tail_program = self._compile(False)
            block = (tail[tf.newaxis], tf.ones([1, tail.shape[0]]))
            logs, tripped = self.tail_program(self.arrays, block, tf.ones_like(count))
        if tripped:
            self.model.stopped_by_guard()
        return logs


def says_xla(error) -> bool:
    """Whether an error is one of XLA's compiler."""
    text = str(error)
    return "XLA" in text or "tf2xla" in text or "compile" in text.lower()


def blocks_of_stream(dataset, block: int):
    """Return a dataset of blocks ``(x, context, weight, count)`` of the batches of a dataset.

    Smaller batches are filled with copies of their first row under zero weight, a smaller last
    block with copies of its first batch that `count` excludes.
    """
    spec = dataset.element_spec
    has_context = len(spec) > 1 and not is_no_context(spec[1])

    def with_real(x, context=None, weight=None):
        real = tf.ones([tf.shape(x)[0]], x.dtype)
        real = real if weight is None else real * tf.cast(weight, x.dtype)
        flag = tf.ones([tf.shape(x)[0]], tf.bool)
        return (x, context, real, flag) if has_context else (x, real, flag)

    def fill(*parts):
        *values, flag = parts
        count = tf.shape(flag)[0]

        def spread(value):
            mask = tf.reshape(flag, tf.concat([tf.shape(flag), [1] * (value.shape.rank - 2)], 0))
            value = tf.where(mask, value, value[:, :1])
            more = tf.repeat(value[:1], block - count, axis=0)
            value = tf.concat([value, more], 0)
            return tf.ensure_shape(value, [block, *value.shape[1:]])

        *values, real = values
        real = tf.where(flag, real, 0)
        real = tf.concat([real, tf.zeros([block - count, tf.shape(real)[1]], real.dtype)], 0)
        values = [spread(value) for value in values]
        if not has_context:
            values.append(None)
        return (*values, real, count)

    return dataset.map(with_real, tf.data.AUTOTUNE).padded_batch(block).map(fill).prefetch(2)
