r"""Substitution through a masked network: units are computed once their inputs are known.

The units of all layers are sorted by degree, and a unit depends on others of lower degree or of
layers before its own. One *sweep* goes through the degrees; in each step it computes the units of
one degree, layer after layer, and at last the coordinates, which later steps take as inputs. All
steps together multiply by every entry of the kernels at most once.

A step alone is a product with few rows, which is bound by memory. Steps therefore come in blocks:
what all known units contribute to a block is one large product, and only the part within the block
is done step by step.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfflows.bijectors.masked_mlp_weights import MaskedMLPWeights, multiply

__all__ = ["DegreeSchedule", "Stage"]

# Up to so many steps need no loop; longer sweeps have blocks of about so many steps, but not more
# blocks than that, because each is compiled by itself.
_STRAIGHT, _BLOCK, _MOST_BLOCKS = 4, 16, 3


class Stage(NamedTuple):
    """One layer in a sweep.

    Attributes
    ----------
    starts, stops : numpy.ndarray
        The range of units that each step computes.
    units : int
        The number of units.
    rows : int
        Rows of the kernel per unit.
    kept : int
        Rows per unit of what the next layer takes as its inputs.
    """

    starts: np.ndarray
    stops: np.ndarray
    units: int
    rows: int = 1
    kept: int = 1


class DegreeSchedule:
    """A plan of the steps in which the units of a masked network can be computed.

    Parameters
    ----------
    stack : MaskedMLPWeights
        The network, its coordinates in increasing degree.
    backward : bool
        False: step t computes the hidden units of degree t, layers from the input to the output,
        and then the coordinates of degree t + 1. True: degrees from the highest down, hidden
        layers from the output to the input, and then the coordinates of the same degree.

    Examples
    --------
    >>> kernels = [tf.zeros([3, 4]), tf.zeros([4, 3])]
    >>> stack = MaskedMLPWeights(kernels, [None] * 2, (1, 2, 3), ((1, 1, 2, 2),), 1, tf.tanh)
    >>> [stage.stops.tolist() for stage in DegreeSchedule(stack).stages]
    [[0, 2, 4], [1, 2, 3]]
    """

    def __init__(self, stack: MaskedMLPWeights, backward: bool = False):
        self.backward = backward
        groups, sizes = stack.groups, (stack.parameter_size, stack.feature_size)
        hidden = stack.hidden_degrees[::-1] if backward else stack.hidden_degrees
        if backward:
            idle = all(degrees[0] > 0 for degrees in hidden)
            self.steps = groups if idle else groups + 1
            of_hidden = of_input = groups - np.arange(self.steps)
        else:
            self.steps = groups
            of_hidden = np.arange(groups)
            of_input = of_hidden + 1
        self.stages = [_stage(degrees, of_hidden) for degrees in hidden]
        if backward:
            # No coordinate sees units of the highest degree, which exist where there is one group.
            self.stages = [
                stage._replace(stops=np.append(stage.units, stage.stops[1:]))
                for stage in self.stages
            ]
        rows, kept = sizes[::-1] if backward else sizes
        self.stages.append(_stage(stack.input_degrees, of_input, rows, kept))
        self.blocks = _blocks(groups)
        if self.steps > groups:
            self.blocks.append((groups, groups + 1))

    def run(
        self, kernels: Sequence, finish: Callable, carries: int, like: tf.Tensor
    ) -> tuple[list, list]:
        """Compute the units of all stages.

        Parameters
        ----------
        kernels : sequence of tf.Tensor
            ``[rows, inputs]`` of each stage; the inputs of the first are the coordinates.
        finish : callable
            ``finish(stage, product, start, size, carried) -> (value, carry)`` turns the product
            of the kernel and the inputs, for units ``start`` to ``start + size``, into the value
            that the next stage takes as its input. ``carried`` lists what it has carried so far in
            the same step, for other stages; the carry of the last stage is a list of arrays
            ``[size, ...]``.
        carries : int
            The length of that list.
        like : tf.Tensor
            An array ``[any, ...]`` of the type of kernels, values and carries, and with their
            batch.

        Returns
        -------
        values : list of tf.Tensor or None
            The values of each stage, ``[units * kept, ...]``; None where none was computed.
        carries : list of tf.Tensor
            What the last stage carried, ``[units, ...]``.
        """
        run = _Run(self, kernels, finish, carries, like)
        for first, last in self.blocks:
            # Op by op, a loop has more to do than a straight line: its ranges are computed.
            if last - first == 1 or tf.executing_eagerly():
                for step in range(first, last):
                    run.step(step)
            else:
                run.block(first, last)
        return [run.join(parts) for parts in run.known], [run.join(parts) for parts in run.carries]


class _Run:
    """A sweep on its way: the values that are known, in parts."""

    def __init__(self, plan: DegreeSchedule, kernels, finish, carries, like):
        self.plan, self.kernels, self.finish, self.like = plan, kernels, finish, like
        self.known = [[] for _ in plan.stages]
        self.carries = [[] for _ in range(carries)]

    def join(self, parts):
        """Return the parts of an array, found one after the other, in the order of the units."""
        parts = list(parts)
        if not parts:
            return None
        return tf.concat(parts[::-1] if self.plan.backward else parts, 0)

    def inputs(self, stage: int):
        """Return the known inputs of a stage, or None."""
        source = (stage - 1) % len(self.known)
        joined = self.join(self.known[source])
        if joined is not None:
            self.known[source] = [joined]
        return joined

    def zeros(self, rows: int):
        batch = self.like.shape[1:]
        if batch.is_fully_defined():
            return tf.zeros([rows, *batch], self.like.dtype)
        shape = tf.concat([[rows], tf.shape(self.like)[1:]], 0)
        return tf.ensure_shape(tf.zeros(shape, self.like.dtype), [rows, *batch])

    def product(self, stage: int, low: int, high: int):
        """Return what the known inputs contribute to units `low` to `high`, or None."""
        inputs = self.inputs(stage)
        if inputs is None:
            return None
        count, rows = inputs.shape[0], self.plan.stages[stage].rows
        kernel = self.kernels[stage][low * rows : high * rows]
        kernel = kernel[:, -count:] if self.plan.backward else kernel[:, :count]
        return multiply(kernel, inputs)

    def step(self, step: int) -> None:
        """Compute the units of one step."""
        carried = []
        for index, stage in enumerate(self.plan.stages):
            low, high = int(stage.starts[step]), int(stage.stops[step])
            if low == high:
                carried.append(None)
                continue
            product = self.product(index, low, high)
            if product is None:
                product = self.zeros((high - low) * stage.rows)
            value, carry = self.finish(index, product, low, high - low, carried)
            self.known[index].append(value)
            carried.append(carry)
        self.keep(carried[-1] or [])

    def block(self, first: int, last: int) -> None:
        """Compute the units of several steps in a loop."""
        windows = [_window(stage, first, last, self.plan.backward) for stage in self.plan.stages]
        bases = [
            self.product(index, window.low, window.high) if window.width else None
            for index, window in enumerate(windows)
        ]
        kernels = [self._within(index, windows) for index in range(len(windows))]

        def body(step, values, carries):
            values, carried = dict(values), []
            for index, (stage, window) in enumerate(zip(self.plan.stages, windows, strict=True)):
                if not window.width:
                    carried.append(None)
                    continue
                rows = window.width * stage.rows
                start = tf.constant(window.starts - window.low)[step]
                product = None
                if bases[index] is not None:
                    product = take(bases[index], start * stage.rows, rows)
                if kernels[index] is not None:
                    kernel = take(kernels[index], start * stage.rows, rows)
                    inner = multiply(kernel, values[(index - 1) % len(windows)])
                    product = inner if product is None else product + inner
                if product is None:
                    product = self.zeros(rows)
                value, carry = self.finish(
                    index, product, start + window.low, window.width, carried
                )
                carried.append(carry)
                value = window.clear(value, step, stage.kept)
                values[index] = put(values[index], value, start * stage.kept)
            start = tf.constant(windows[-1].starts - windows[-1].low)[step]
            carries = [
                put(array, rows, start) for array, rows in zip(carries, carried[-1], strict=True)
            ]
            return step + 1, values, carries

        size = windows[-1].high - windows[-1].low
        values = {
            index: self.zeros((window.high - window.low) * stage.kept)
            for index, (stage, window) in enumerate(zip(self.plan.stages, windows, strict=True))
            if window.width
        }
        _, values, carries = tf.while_loop(
            lambda *_: True,
            body,
            (tf.constant(0), values, [self.zeros(size) for _ in self.carries]),
            maximum_iterations=last - first,
        )
        for index, value in values.items():
            self.known[index].append(value)
        self.keep(carries)

    def keep(self, carries) -> None:
        """Append what the last stage has carried."""
        for parts, array in zip(self.carries, carries, strict=False):
            parts.append(array)

    def _within(self, index: int, windows):
        """Return the kernel from a block's units to its own units, or None."""
        stage, window = self.plan.stages[index], windows[index]
        source, inner = self.plan.stages[index - 1], windows[index - 1]
        if not (window.width and inner.width):
            return None
        rows = self.kernels[index][window.low * stage.rows : window.high * stage.rows]
        return rows[:, inner.low * source.kept : inner.high * source.kept]


class _Window(NamedTuple):
    """The units of a stage within a block, and the equally wide windows that cover each step's.

    A window reaches over units that are known already (they get the same values again), or, at
    the edge of the block, over units whose turn is still to come, which stay zero until then.
    """

    low: int
    high: int
    width: int
    starts: np.ndarray
    turn: np.ndarray | None
    backward: bool

    def clear(self, value, step, kept: int):
        """Set the rows whose turn is still to come to zero."""
        if self.turn is None:
            return value
        unit = np.arange(self.width * kept, dtype=np.int32) // kept
        unit = tf.reshape(unit, [-1, *[1] * (value.shape.rank - 1)])
        bound = tf.constant(self.turn)[step]
        done = unit >= bound if self.backward else unit < bound
        return tf.where(done, value, tf.zeros_like(value))


def _window(stage: Stage, first: int, last: int, backward: bool) -> _Window:
    starts, stops = stage.starts[first:last], stage.stops[first:last]
    low, high = int(starts.min()), int(stops.max())
    width = int((stops - starts).max())
    if backward:
        windows = np.minimum(starts, high - width)
        turn = starts - windows
        exact = np.all(turn == 0)
    else:
        windows = np.maximum(stops - width, low)
        turn = stops - windows
        exact = np.all(turn == width)
    if not width:
        low = high = 0
    turn = None if exact else turn.astype(np.int32)
    return _Window(low, high, width, windows.astype(np.int32), turn, backward)


def take(array, start, size: int):
    """Return ``array[start : start + size]``, where `start` may be a tensor."""
    if isinstance(start, int):
        return array[start : start + size]
    begin = tf.stack([start, *[0] * (array.shape.rank - 1)])
    shape = array.shape[1:]
    static = shape.is_fully_defined()
    sizes = [size, *shape] if static else tf.concat([[size], tf.shape(array)[1:]], 0)
    return tf.ensure_shape(tf.slice(array, begin, sizes), [size, *shape])


def put(array, rows, start):
    """Return `array` with `rows` in place of its rows from `start` on."""
    where = start + tf.range(rows.shape[0])
    return tf.tensor_scatter_nd_update(array, where[:, tf.newaxis], rows)


def _stage(degrees, of_step, rows: int = 1, kept: int = 1) -> Stage:
    starts, stops = (np.searchsorted(degrees, of_step, side) for side in ("left", "right"))
    return Stage(starts, stops, len(degrees), rows, kept)


def _blocks(steps: int) -> list[tuple[int, int]]:
    if steps <= _STRAIGHT:
        return [(step, step + 1) for step in range(steps)]
    count = min(-(-steps // _BLOCK), _MOST_BLOCKS)
    edges = [steps * index // count for index in range(count + 1)]
    return list(itertools.pairwise(edges))
