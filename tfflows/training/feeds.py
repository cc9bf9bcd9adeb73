"""The calls that take the steps of an epoch: many in one program, or Keras's function."""

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfflows.inputs.datasets import unpack
from tfflows.training.multi_step import longest_stride, stride
from tfflows.training.sources import Passes, Rows

__all__ = ["Call", "Feed", "KerasFeed", "many_steps"]


class Call(NamedTuple):
    """One call of a program: its first and last step in the epoch, and what runs it.

    `run` returns the logs; it raises StopIteration or tf.errors.OutOfRangeError where the data have
    ended, and NonFiniteStepError.
    """

    first: int
    last: int
    run: Callable


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

    def _run(self, passes: int, first: int, count: int) -> dict:
        if self.rows.count is None:
            return self.program.run(self.rows.arrays, None, first, count)
        index, tail = self.rows.index(passes)
        full = min(count, int(index.shape[0]) - first)
        return self.program.run(
            self.rows.arrays, index, first, full, tail if count > full else None
        )

    def step_losses(self) -> np.ndarray:
        """Return the losses of the steps since the last call of this."""
        return self.program.step_losses()


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
        self._opened: tf.data.Dataset | None = None
        self._stacked: tf.data.Dataset | None = None
        self._stacks: _Stacks | None = None

    def calls(self, epoch: int, skip: int = 0) -> Iterator[Call]:
        """Yield the calls of an epoch, but the first `skip` of them."""
        step = skip * self.stride
        opened = self.passes.open(epoch, step)
        if opened is not None:
            if opened is not self._opened:
                self._opened, self._stacked = opened, _stacked(opened, self.stride)
            self._stacks = _Stacks(self._stacked, self.stride, self.program.jit_compile)
        while self._stacks is not None and (self.steps is None or step < self.steps):
            most = self.stride if self.steps is None else min(self.stride, self.steps - step)
            piece = self._stacks.take(most)
            if piece is None:
                return
            yield Call(step, step + piece.steps - 1, functools.partial(self._run, piece))
            step += piece.steps

    def _run(self, piece: "_Piece") -> dict:
        arrays, sizes, step, count, usual = piece
        end, logs = step + count, {}
        while step < end:
            alike = 0
            while step + alike < end and sizes[step + alike] == usual == arrays[0].shape[1]:
                alike += 1
            if alike:
                logs = self.program.run(arrays, None, step, alike)
            else:
                # A smaller batch is a step of its own.
                batch = tuple(None if a is None else a[step, : sizes[step]] for a in arrays)
                logs = self.program.run(batch, None, 0, 0, tail=tf.range(sizes[step]))
            step += max(alike, 1)
        return logs

    def step_losses(self) -> np.ndarray:
        """Return the losses of the steps since the last call of this."""
        return self.program.step_losses()


class _Piece(NamedTuple):
    """Some steps of a stack of batches: its arrays, their sizes, and the usual size of a batch."""

    arrays: tuple
    sizes: np.ndarray
    first: int
    steps: int
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
        self._arrays: tuple = ()
        self._sizes, self._taken, self._usual = np.zeros(0), 0, 0

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
    step_loss : tf.Variable, optional
        Where the loss of the last step is found.
    """

    def __init__(
        self,
        function,
        source: Rows | Passes,
        per_call: int,
        strategy,
        goes_on: bool = False,
        step_loss: tf.Variable | None = None,
    ):
        self._step_loss = step_loss if per_call == 1 else None
        self._losses: list = []
        self.function, self.source, self.strategy = function, source, strategy
        self.steps, self.stride = source.steps, per_call
        # The rows, where one opening serves all epochs.
        self._rows = None
        if goes_on and isinstance(source, Rows) and source.steps % per_call == 0:
            self._rows = source
        self._iterator: Iterator | None = None

    def calls(self, epoch: int, skip: int = 0) -> Iterator[Call]:
        """Yield the calls of an epoch, but the first `skip` of them."""
        step = skip * self.stride
        if self._rows is None:
            opened = self.source.open(epoch, step)
        else:
            opened = self._rows.open(epoch, step, True) if self._iterator is None else None
        if opened is not None:
            if isinstance(opened, tf.data.Dataset):
                opened = self.strategy.experimental_distribute_dataset(opened)
            self._iterator = iter(opened)
        while self.steps is None or step < self.steps:
            # The last call may find fewer batches than it would take.
            end = step + self.stride if self.steps is None else min(step + self.stride, self.steps)
            yield Call(step, end - 1, self._run)
            step = end

    def _run(self) -> dict:
        logs = self.function(self._iterator)
        if self._step_loss is not None:
            self._losses.append(tf.identity(self._step_loss))
        return logs

    def step_losses(self) -> np.ndarray:
        """Return the losses of the steps since the last call of this."""
        losses, self._losses = self._losses, []
        return np.array([float(loss) for loss in losses])


Feed = DatasetFeed | KerasFeed | RowFeed


def many_steps(program, source: Rows | Passes) -> RowFeed | DatasetFeed:
    """Return the steps that a program takes on rows or batches, many in one call."""
    return RowFeed(program, source) if isinstance(source, Rows) else DatasetFeed(program, source)
