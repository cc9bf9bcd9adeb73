"""Where the batches of an epoch come from, and the calls that take its steps."""

import functools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfflows.inputs.datasets import Batches, no_context, unpack
from tfflows.training.multi_step import longest_stride, stride

__all__ = ["Call", "DatasetFeed", "KerasFeed", "RowFeed", "Rows", "limited", "row_order"]


class Call(NamedTuple):
    """One call of a program: its first and last step in the epoch, and what runs it.

    `run` returns whether all has been finite, or the logs of Keras's function; it raises
    StopIteration or tf.errors.OutOfRangeError where the data have ended.
    """

    first: int
    last: int
    run: Callable


def limited(count: int | None, what: str) -> int | None:
    """Return a number of epochs or steps, at most what ``keras.config`` allows in a trial run."""
    most = getattr(keras.config, f"max_{what}", lambda: None)()
    return min(count or most, most) if most else count


def row_order(rows: int, seed: int, epoch, shuffle: bool) -> tf.Tensor:
    """Return the order in which an epoch takes the rows; it depends on seed and epoch alone."""
    order = tf.range(rows)
    if not shuffle:
        return order
    # Keras reshuffles from its own state, which after seeding repeats in every epoch.
    seed = tf.stack([tf.cast(number, tf.int32) for number in (seed, epoch)])
    return tf.random.experimental.stateless_shuffle(order, seed=seed)


class Rows:
    """The rows of arrays in batches, pass after pass; or steps without any rows.

    Parameters
    ----------
    arrays : tuple of array or None
        ``(x, context, sample_weight)``; three times None for steps without data.
    batch_size : int
        Rows of a batch; the last one of a pass may be smaller.
    order : callable
        Returns the order of the rows in a pass, for the number of the epoch that it would be if
        each epoch were a pass.
    first_epoch : int
        The epoch that the first pass belongs to.
    steps : int, optional
        Steps of an epoch; by default those of a pass.
    """

    def __init__(self, arrays, batch_size: int, order: Callable, first_epoch: int = 0, steps=None):
        self.arrays = tuple(None if a is None else tf.convert_to_tensor(a) for a in arrays)
        self.count = next((int(a.shape[0]) for a in self.arrays if a is not None), None)
        self.batch_size = min(batch_size, max(self.count or 1, 1))
        self.order, self.first_epoch = order, first_epoch
        self.pass_steps = steps if self.count is None else math.ceil(self.count / self.batch_size)
        self.steps = limited(self.pass_steps if steps is None else steps, "steps_per_epoch")
        self._number = self._index = self._range = self._batches = None

    def begin(self, epoch: int) -> int:
        """Return how many steps are taken before an epoch."""
        return (epoch - self.first_epoch) * self.steps

    def index(self, number: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the row numbers of a pass, ``[steps, batch]``, and those of a smaller last one."""
        if self._number != number:
            order = self.order(self.first_epoch + number)
            full = self.count // self.batch_size * self.batch_size
            self._index = tf.reshape(order[:full], [-1, self.batch_size]), order[full:]
            self._number = number
        return self._index

    def open(self, epoch: int, skip: int, goes_on: bool = False):
        """Return the batches of an epoch but the first `skip`, as a dataset if there are events.

        With `goes_on` those of all later epochs follow.
        """
        begin = self.begin(epoch) + skip
        end = tf.int32.max if goes_on else self.begin(epoch + 1)
        if self.arrays[0] is None:
            return map(self._without_events, range(begin, end))
        if self._range != (begin, end):
            self._range = begin, end
            number, skipped = divmod(begin, self.pass_steps)
            passes = tf.data.Dataset.range(number, math.ceil(end / self.pass_steps))
            batches = passes.flat_map(self._row_numbers).skip(skipped).take(end - begin)
            self._batches = batches.map(self._take, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
        return self._batches

    def _row_numbers(self, number) -> tf.data.Dataset:
        order = self.order(self.first_epoch + number)
        return tf.data.Dataset.from_tensor_slices(order).batch(self.batch_size)

    def _without_events(self, step: int) -> tuple:
        if self.count is None:
            return None, None, None
        number, within = divmod(step, self.pass_steps)
        index, tail = self.index(number)
        rows = index[within] if within < len(index) else tail
        return None, tf.gather(self.arrays[1], rows), None

    def _take(self, index) -> tuple:
        x, context, weight = self.arrays
        batch = tf.gather(x, index)
        if context is None and weight is None:
            return (batch,)
        c = no_context(batch) if context is None else tf.gather(context, index)
        return (batch, c) if weight is None else (batch, c, tf.gather(weight, index))


class Passes:
    """The batches of a dataset, epoch after epoch.

    Parameters
    ----------
    batches : Batches
        The batches.
    first_epoch : int
        The epoch that the first pass belongs to.
    steps : int, optional
        Steps of an epoch, after which the next one goes on in the dataset; by default an epoch is
        a pass through it.
    """

    def __init__(self, batches: Batches, first_epoch: int = 0, steps: int | None = None):
        self.dataset, self.first_epoch = batches.dataset, first_epoch
        self.goes_on = steps is not None
        self.steps = limited(steps or batches.count, "steps_per_epoch")
        if self.goes_on and batches.reopens and isinstance(self.dataset, tf.data.Dataset):
            self.dataset = self.dataset.repeat()
        self._begun = False

    def open(self, epoch: int, skip: int):
        """Return the batches of an epoch but the first `skip`; None to go on with what is open."""
        dataset, passed = self.dataset, epoch - self.first_epoch
        if self.goes_on:
            if self._begun:
                return None
            skip += passed * self.steps
        elif not self._begun:
            # A dataset that shuffles anew in each pass must have begun those that are passed over.
            for _ in range(passed):
                next(iter(dataset), None)
        self._begun = True
        return dataset.skip(skip) if skip else dataset


class RowFeed:
    """Steps on the rows of arrays, many in one call of a program.

    Parameters
    ----------
    program : EvaluationSteps
        What takes the steps.
    rows : Rows
        The rows.
    """

    def __init__(self, program, rows: Rows):
        self.program, self.rows, self.steps = program, rows, rows.steps
        longest = longest_stride(program.model.count_params(), rows.batch_size)
        self.stride = stride(min(rows.steps, rows.pass_steps), longest)

    def calls(self, epoch: int, skip: int = 0) -> Iterator[Call]:
        """Yield the calls of an epoch, but the first `skip` of them."""
        begin, step, number = self.rows.begin(epoch), 0, 0
        while step < self.steps:
            passes, within = divmod(begin + step, self.rows.pass_steps)
            count = min(self.stride, self.steps - step, self.rows.pass_steps - within)
            if number >= skip:
                run = functools.partial(self._run, passes, within, count)
                yield Call(step, step + count - 1, run)
            step, number = step + count, number + 1

    def _run(self, passes: int, first: int, count: int) -> bool:
        if self.rows.count is None:
            return self.program.run(self.rows.arrays, None, first, count)
        index, tail = self.rows.index(passes)
        full = min(count, int(index.shape[0]) - first)
        return self.program.run(
            self.rows.arrays, index, first, full, tail if count > full else None
        )


class DatasetFeed:
    """Steps on the batches of a dataset, stacked so that one call takes many.

    Parameters
    ----------
    program : EvaluationSteps
        What takes the steps.
    passes : Passes
        The batches.
    """

    def __init__(self, program, passes: Passes):
        self.program, self.passes, self.steps = program, passes, passes.steps
        self.stride = stride(passes.steps)
        self._opened = self._stacked = self._stacks = None

    def calls(self, epoch: int, skip: int = 0) -> Iterator[Call]:
        """Yield the calls of an epoch, but the first `skip` of them."""
        step = skip * self.stride
        opened = self.passes.open(epoch, step)
        if opened is not None:
            if opened is not self._opened:
                self._opened, self._stacked = opened, _stacked(opened, self.stride)
            self._stacks = _Stacks(self._stacked, self.stride, self.program.jit_compile)
        while self.steps is None or step < self.steps:
            most = self.stride if self.steps is None else min(self.stride, self.steps - step)
            piece = self._stacks.take(most)
            if piece is None:
                return
            yield Call(step, step + piece.count - 1, functools.partial(self._run, piece))
            step += piece.count

    def _run(self, piece: "_Piece") -> bool:
        arrays, sizes, step, count, usual = piece
        end, finite = step + count, True
        while step < end and finite:
            alike = 0
            while step + alike < end and sizes[step + alike] == usual == arrays[0].shape[1]:
                alike += 1
            if alike:
                finite = self.program.run(arrays, None, step, alike)
            else:
                # A smaller batch is a step of its own.
                batch = tuple(None if a is None else a[step, : sizes[step]] for a in arrays)
                finite = self.program.run(batch, None, 0, 0, tail=tf.range(sizes[step]))
            step += max(alike, 1)
        return finite


class _Piece(NamedTuple):
    """Some steps of a stack of batches: its arrays, their sizes, and the usual size of a batch."""

    arrays: tuple
    sizes: np.ndarray
    first: int
    count: int
    usual: int


def _stacked(dataset: tf.data.Dataset, stride: int) -> tf.data.Dataset:
    """Return stacks ``[stride, batch, ...]`` of batches and their sizes, smaller ones filled up."""
    sized = dataset.map(lambda *parts: (*parts, tf.shape(parts[0])[0]))
    return sized.padded_batch(stride).prefetch(2)


class _Stacks:
    """The batches of a dataset, taken from its stacks some at a time."""

    def __init__(self, stacked: tf.data.Dataset, stride: int, keep_shape: bool):
        self._stacks = iter(stacked)
        self._stride, self._keep_shape = stride, keep_shape
        self._arrays, self._sizes, self._taken, self._usual = (), np.zeros(0), 0, None

    def take(self, most: int) -> _Piece | None:
        """Return the next steps, at most so many; None at the end."""
        if self._taken == len(self._sizes):
            stack = next(self._stacks, None)
            if stack is None:
                return None
            *values, sizes = stack
            self._sizes, self._taken = sizes.numpy(), 0
            self._usual = self._usual or int(self._sizes[0])
            missing = self._stride - len(self._sizes)
            if self._keep_shape and missing:
                # XLA compiles for one number of batches.
                values = [tf.concat([v, tf.repeat(v[:1], missing, 0)], 0) for v in values]
            self._arrays = unpack(tuple(values))
        first, count = self._taken, min(most, len(self._sizes) - self._taken)
        self._taken += count
        return _Piece(self._arrays, self._sizes, first, count, self._usual)


class KerasFeed:
    """Steps that Keras's own function takes on the batches of an iterator, one or a few in a call.

    Parameters
    ----------
    function : callable
        Keras's training or test function; takes an iterator and returns logs.
    source : Rows or Passes
        What opens the batches of an epoch.
    per_call : int
        Steps in a call.
    strategy : tf.distribute.Strategy
        What shares batches out among replicas.
    goes_on : bool
        Whether to open the rows once for all epochs, as a call must not reach into the next one.
    """

    def __init__(self, function, source: Rows | Passes, per_call: int, strategy, goes_on=False):
        self.function, self.source, self.strategy = function, source, strategy
        self.steps, self.stride = source.steps, per_call
        self._goes_on = goes_on and isinstance(source, Rows) and source.steps % per_call == 0
        self._iterator = None

    def calls(self, epoch: int, skip: int = 0) -> Iterator[Call]:
        """Yield the calls of an epoch, but the first `skip` of them."""
        step = skip * self.stride
        if not self._goes_on:
            opened = self.source.open(epoch, step)
        else:
            opened = self.source.open(epoch, step, True) if self._iterator is None else None
        if opened is not None:
            if isinstance(opened, tf.data.Dataset):
                opened = self.strategy.experimental_distribute_dataset(opened)
            self._iterator = iter(opened)
        while self.steps is None or step < self.steps:
            yield Call(step, step + self.stride - 1, lambda: self.function(self._iterator))
            step += self.stride
