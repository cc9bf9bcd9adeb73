"""One program for a block of batches: the loop over steps runs inside the compiled function."""

import functools
import math
from contextlib import nullcontext

import keras
import tensorflow as tf

from tfflows.training.batches import is_no_context
from tfflows.training.guard import all_finite

__all__ = [
    "BLOCK",
    "Blocks",
    "block_size",
    "blocks_of_stream",
    "has_batch_hooks",
    "longest_block",
    "says_xla",
]

# Beyond some dozens of steps a longer block saves little, and callbacks wait for it.
BLOCK = 64


# Weights times rows of a batch up to which a step takes well under a millisecond, so that four
# times as many steps are still over before anybody waits: 0.22 instead of 0.25 ms at 50,000
# weights and 32 rows.
_SMALL = 2**22


def longest_block(weights: int, batch_size: int) -> int:
    """Return how many steps a block of a model with so many weights may have."""
    return 4 * BLOCK if weights * batch_size <= _SMALL else BLOCK


def block_size(steps: int | None, most: int = BLOCK) -> int:
    """Return the number of steps in a block: even shares of the epoch, at most `most`."""
    if steps is None:
        return BLOCK // 4
    return math.ceil(steps / math.ceil(steps / most))


_HOOKS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")


def has_batch_hooks(callback) -> bool:
    """Whether a callback acts on single batches, so that steps must not be taken in blocks."""
    if getattr(callback, "follows_blocks", False):
        return False
    # Training stops at a loss that is not a number in any case.
    idle = [keras.callbacks.Callback, keras.callbacks.TerminateOnNaN]
    if getattr(callback, "save_freq", None) == "epoch":
        idle += [keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore]
    return any(
        name in vars(callback)
        or getattr(type(callback), name, None) not in [getattr(kind, name) for kind in idle]
        for name in _HOOKS
    )


class Blocks:
    """The compiled loop of one `fit`: takes blocks from an iterator and trains on them.

    Parameters
    ----------
    model : Trainer
        The model, whose `train_step` takes one step.
    indexed : bool
        Whether blocks hold row numbers of `arrays`; otherwise they hold the batches themselves.
    jit_compile : bool
        Whether XLA compiles the program.
    may_fall_back : bool
        Whether to go on without XLA where a program cannot be compiled.
    halves : bool
        Whether XLA's program computes both halves of a batch at the same time.

    Attributes
    ----------
    arrays : tuple of tf.Tensor or None
        ``(x, context, sample_weight)`` of the current `fit`.
    """

    def __init__(self, model, indexed: bool, jit_compile: bool, may_fall_back: bool, halves: bool):
        self.model = model
        self.arrays = None
        self.indexed = indexed
        self.may_fall_back = may_fall_back
        self.halves = halves
        self._made_of = (model, indexed, jit_compile, may_fall_back, halves)
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        self.state = _State([*model.variables, *model.optimizer.variables])
        # What layers hold beside their weights is theirs: a statistic may well be infinite.
        self.watched = [*model.trainable_variables, *model.optimizer.variables]
        self._parts = _parts(model)
        self.program = self._compile(jit_compile)
        self.tail_program = None

    def is_made_of(self, *arguments) -> bool:
        """Whether made anew of these arguments, and of the model as it is now, this is the same."""
        return self._made_of == arguments and self._parts == _parts(self.model)

    def _compile(self, jit_compile):
        take = self._rows if self.indexed else self._batch
        guard = self.model.guard
        in_halves = self.halves and jit_compile

        @tf.function(jit_compile=jit_compile, autograph=False)
        def program(arrays, block, count):
            def step(number):
                self.model.train_step(take(arrays, block, number))
                return (number + 1,)

            with guard.deferred(), self.model.in_halves() if in_halves else nullcontext():
                (taken,) = tf.while_loop(
                    lambda number: (number < count) & tf.logical_not(guard.tripped),
                    step,
                    (tf.constant(0, count.dtype),),
                )
            finite = all_finite(self.watched) & tf.logical_not(guard.tripped)
            return self.model.get_metrics_result(), taken, finite

        return _by_signature(program)

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
        if self.indexed:
            *block, tail, count = element
        else:
            *block, count = element
        logs, finite = self._advance(self._run, tuple(block), count)
        if tail is not None and tail.shape[0] and finite:
            # A second compilation would cost more than this one step of each epoch does.
            if self.tail_program is None:
                self.tail_program = self._compile(False)
            block = (tail[tf.newaxis], tf.ones([1, tail.shape[0]]))
            run = functools.partial(self.tail_program, self.arrays)
            logs, finite = self._advance(run, block, tf.ones_like(count))
        if not finite:
            self.model.stopped_by_guard()
        return logs

    def _run(self, block, count):
        try:
            return self.program(self.arrays, block, count)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            if not self.may_fall_back or not says_xla(error):
                raise
            self.may_fall_back = False
            self.program = self._compile(False)
            return self.program(self.arrays, block, count)

    def _advance(self, run, block, count) -> tuple[dict, bool]:
        """Take the steps of a block; stop before one that leaves anything that is not finite.

        Returns
        -------
        tuple
            The logs, and whether all steps were taken.
        """
        before = self.state.values()
        logs, taken, finite = run(block, count)
        if finite:
            return logs, True

        def finite_after(steps):
            self.state.restore(before)
            self.model.guard.reset()
            return run(block, tf.constant(steps, count.dtype))[-1]

        # The loss tells of the batch itself or of the update by the batch before, hence the order.
        good, bad = 0, int(taken)
        probe = bad - 1
        while bad - good > 1:
            if finite_after(probe):
                good = probe
            else:
                bad = probe
            probe = (good + bad) // 2
        finite_after(good)
        return logs, False


def _by_signature(function):
    """Return what calls a compiled function without TensorFlow's search for what fits arguments.

    The search takes as long as a step of a small flow, and warns of many models as of retracing.
    """
    concrete = {}

    def call(*arguments):
        parts = tf.nest.flatten(arguments)
        signature = tuple(None if part is None else (part.dtype, *part.shape) for part in parts)
        if signature not in concrete:
            concrete[signature] = function.get_concrete_function(*arguments)
        return concrete[signature](*(part for part in parts if part is not None))

    return call


def _parts(model) -> list:
    """Return what a program is compiled of, to compare: objects by identity, numbers by value."""
    optimizer = model.optimizer
    try:
        settings = dict(optimizer.get_config())
    except NotImplementedError:
        return [object()]  # like no other
    if isinstance(settings.get("learning_rate"), float):
        del settings["learning_rate"]  # a variable's value, which programs read
    objects = [optimizer, model.loss, *model.metrics, *model.weights, *optimizer.variables]
    return [
        repr(settings),
        *map(id, objects),
        len(model.weights),
        *map(id, model.trainable_variables),
    ]


class _State:
    """The variables that a step changes, to look at and to set back."""

    def __init__(self, variables):
        self.variables = [getattr(variable, "value", variable) for variable in variables]
        # One call: a loop in Python over a small flow's variables takes as long as a step.
        self.values = _by_signature(
            tf.function(
                lambda: [variable.read_value() for variable in self.variables], autograph=False
            )
        )

    def restore(self, values) -> None:
        """Set all variables to what `values` returned."""
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)


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
