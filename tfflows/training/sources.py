"""Where the batches of an epoch come from: rows of arrays, or a dataset."""

import math
from collections.abc import Callable
from typing import TypeVar

import keras
import tensorflow as tf

from tfflows.inputs.datasets import Batches, no_context

__all__ = ["Passes", "Rows", "limited", "row_order"]

_Count = TypeVar("_Count", int, int | None)


def limited(count: _Count, what: str) -> _Count:
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
        ``(x, context, sample_weight)``, three times None for steps without data; and, if the loss
        takes it, what it is given beside: one entry for each row, or each step.
    batch_size : int
        Rows of a batch; the last one of a pass may be smaller.
    order : callable
        Returns the order of the rows in a pass, for the number of the epoch that it would be if
        each epoch were a pass.
    first_epoch : int
        The epoch that the first pass belongs to.
    steps : int, optional
        Steps of an epoch; by default those of a pass, which is one step where there are no rows.
    """

    def __init__(
        self,
        arrays: tuple,
        batch_size: int,
        order: Callable,
        first_epoch: int = 0,
        steps: int | None = None,
    ):
        self.arrays = tuple(None if a is None else tf.convert_to_tensor(a) for a in arrays)
        self._beside = [a for a in self.arrays[3:] if a is not None]
        count = next((int(a.shape[0]) for a in self.arrays[:3] if a is not None), None)
        self.count = count
        self.batch_size = min(batch_size, max(count or 1, 1))
        self.order, self.first_epoch = order, first_epoch
        if count is not None:
            self.pass_steps = math.ceil(count / self.batch_size)
        elif self._beside:
            self.pass_steps = int(self._beside[0].shape[0])
        else:
            self.pass_steps = steps or 1
        self.steps = limited(self.pass_steps if steps is None else steps, "steps_per_epoch")
        self._number: int | None = None
        self._index: tuple = ()
        self._range: tuple[int, int] | None = None
        self._batches: tf.data.Dataset | None = None

    def begin(self, epoch: int) -> int:
        """Return how many steps are taken before an epoch."""
        return (epoch - self.first_epoch) * self.steps

    def index(self, number: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the row numbers of a pass, ``[steps, batch]``, and those of a smaller last one."""
        if self._number != number:
            order = self.order(self.first_epoch + number)
            full = len(order) // self.batch_size * self.batch_size
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
        number, within = divmod(step, self.pass_steps)
        if self.count is None:
            return None, None, None, *(extra[within] for extra in self._beside)
        index, tail = self.index(number)
        rows = index[within] if within < len(index) else tail
        return None, tf.gather(self.arrays[1], rows), None, *self._extra(rows)

    def _take(self, index) -> tuple:
        x, context, weight = self.arrays[:3]
        batch, extra = tf.gather(x, index), self._extra(index)
        if context is None and weight is None and not extra:
            return (batch,)
        c = no_context(batch) if context is None else tf.gather(context, index)
        if weight is None and not extra:
            return batch, c
        # A bare None in a dataset cannot be spread over replicas.
        weight = tf.ones_like(index, batch.dtype) if weight is None else tf.gather(weight, index)
        return batch, c, weight, *extra

    def _extra(self, index) -> tuple:
        return tuple(tf.gather(extra, index) for extra in self._beside)


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
        self.steps = limited(steps or batches.steps, "steps_per_epoch")
        if self.goes_on and batches.reopens and isinstance(self.dataset, tf.data.Dataset):
            self.dataset = self.dataset.repeat()
        self._begun = False

    def open(self, epoch: int, skip: int):
        """Return the batches of an epoch but the first `skip`; None to go on with what is open."""
        dataset, passed = self.dataset, epoch - self.first_epoch
        if self.goes_on and self.steps is not None:
            if self._begun:
                return None
            skip += passed * self.steps
        elif not self._begun:
            # A dataset that shuffles anew in each pass must have begun those that are passed over.
            for _ in range(passed):
                next(iter(dataset), None)
        self._begun = True
        return dataset.skip(skip) if skip else dataset
