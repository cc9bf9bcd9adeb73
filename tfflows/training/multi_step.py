"""Many steps in one compiled program, and the way back from a step that was not finite."""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfflows.interop.xla_errors import is_xla_error
from tfflows.training.finiteness import NonFiniteStepError, all_finite
from tfflows.training.step import logs_of, training_logs

__all__ = ["EvaluationSteps", "TrainingSteps", "longest_stride", "stride"]

# Beyond some dozens of steps a longer call saves little, and callbacks wait for it.
LONGEST = 64

# Weights times rows of a batch up to which a step takes well under a millisecond, so that four
# times as many steps are still over before anybody waits.
_SMALL = 2**22


def longest_stride(weights: int, batch_size: int) -> int:
    """Return how many steps one call of a model with so many weights may take."""
    return 4 * LONGEST if weights * batch_size <= _SMALL else LONGEST


def stride(steps: int | None, most: int = LONGEST) -> int:
    """Return the number of steps in a call: even shares of the epoch, at most `most`."""
    if not steps:
        return LONGEST // 4
    return math.ceil(steps / math.ceil(steps / most))


class EvaluationSteps:
    """Steps on batches that a compiled program takes from arrays by itself.

    Keras takes one step at a time, and for a small model the call costs more than the step.

    Parameters
    ----------
    model : DensityModel
        The model, compiled.
    step : callable
        Takes one step on a batch ``(x, context, sample_weight)``.
    """

    #: Whether XLA compiles the program.
    jit_compile = False

    def __init__(self, model, step: Callable):
        self.model, self.step = model, step
        self._made_of = self._parts()
        self._programs: dict = {}

    def _parts(self) -> list:
        """Return what the program is compiled of, to compare: objects by their identity."""
        model = self.model
        return [*map(id, [model.loss, *model.metrics]), *map(id, model.weights)]

    @property
    def is_current(self) -> bool:
        """Whether the model is still what the program was compiled of."""
        return self._made_of == self._parts()

    def run(self, arrays: tuple, index, first: int, count: int, tail=None) -> dict:
        """Take `count` steps, and one on the `tail` if there is one; return the logs.

        Parameters
        ----------
        arrays : tuple of tf.Tensor or None
            ``(x, context, sample_weight)``.
        index : tf.Tensor or None
            Numbers of rows of the arrays, ``[steps, batch]``; None where the arrays hold one batch
            after the other.
        first, count : int
            The steps to take.
        tail : tf.Tensor, optional
            Numbers of rows of a smaller batch at the end.

        Raises
        ------
        NonFiniteStepError
            If something that is looked at was not finite.
        """
        logs = self._advance(self.jit_compile, arrays, index, first, count) if count else {}
        if tail is not None:
            # Plain operations: to compile a program for this one step would take longer.
            logs = self._advance(False, arrays, tail[tf.newaxis], 0, 1)
        return logs

    def _advance(self, jit_compile: bool, arrays, index, first: int, count: int) -> dict:
        return self._take(jit_compile, arrays, index, first, count)[-1]

    def _take(self, jit_compile: bool, arrays, index, first: int, count: int):
        if jit_compile not in self._programs:
            program = tf.function(self._steps, jit_compile=jit_compile, autograph=False)
            self._programs[jit_compile] = _by_signature(program, None if jit_compile else _any_size)
        numbers = tf.constant(first, tf.int32), tf.constant(count, tf.int32)
        return self._programs[jit_compile](arrays, index, *numbers)

    def _steps(self, arrays, index, first, count):
        """Return how many steps were taken, whether all was finite, their losses, and the logs."""

        def body(number, losses):
            rows = number if index is None else tf.gather(index, number)
            self.step(tuple(None if a is None else tf.gather(a, rows) for a in arrays))
            return number + 1, self._noted(losses, number - first)

        def goes_on(number, losses):
            return self._goes_on(number < first + count)

        start = first, tf.zeros([4 * LONGEST], tf.float64)
        end, losses = tf.while_loop(goes_on, body, start)
        return end - first, self._all_finite(), losses, self._logs(arrays)

    def _noted(self, losses, number):
        return losses

    def _goes_on(self, wanted):
        return wanted

    def _all_finite(self):
        return tf.constant(True)

    def _logs(self, arrays) -> dict:
        return logs_of(self.model, density=arrays[0] is not None)


class TrainingSteps(EvaluationSteps):
    """Training steps, of which none leaves a value in the weights that is not finite.

    Parameters
    ----------
    model, step
        As for `EvaluationSteps`.
    may_fall_back : bool
        Whether to go on without XLA where it cannot compile the program.

    Attributes
    ----------
    suits_xla : bool
        Whether XLA has not yet failed to compile the program.
    """

    def __init__(self, model, step: Callable, may_fall_back: bool):
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        super().__init__(model, step)
        self._losses: list = []
        self.suits_xla, self._may_fall_back = True, may_fall_back
        self._guard = model.training_state.guard
        self._state = _Variables([*model.variables, *model.optimizer.variables])
        # What layers hold beside their weights is theirs: a statistic may well be infinite.
        self._watched = [*model.trainable_variables, *model.optimizer.variables]

    def _parts(self) -> list:
        """Return, beside the parts of evaluation, the optimizer, its settings by their value."""
        optimizer, variables = self.model.optimizer, self.model.trainable_variables
        try:
            settings = dict(optimizer.get_config())
        except NotImplementedError:
            return [object()]  # like no other
        if isinstance(settings.get("learning_rate"), float):
            del settings["learning_rate"]  # a variable's value, which programs read
        ids = [*map(id, [optimizer, *optimizer.variables]), len(variables), *map(id, variables)]
        return [*super()._parts(), repr(settings), *ids]

    def _steps(self, arrays, index, first, count):
        with self._guard.deferred():
            return super()._steps(arrays, index, first, count)

    def _noted(self, losses, number):
        here = tf.range(4 * LONGEST) == number
        return tf.where(here, self.model.training_state.step_loss.read_value(), losses)

    def step_losses(self) -> np.ndarray:
        """Return the losses of all steps since the last call of this."""
        losses, self._losses = self._losses, []
        return np.concatenate([np.zeros(0), *(part.numpy()[:count] for part, count in losses)])

    def _goes_on(self, wanted):
        return wanted & tf.logical_not(self._guard.tripped)

    def _all_finite(self):
        return all_finite(self._watched) & tf.logical_not(self._guard.tripped)

    def _logs(self, arrays) -> dict:
        return training_logs(self.model)

    def _take(self, jit_compile: bool, arrays, index, first: int, count: int):
        try:
            return super()._take(jit_compile, arrays, index, first, count)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            if not (jit_compile and self._may_fall_back and is_xla_error(error)):
                raise
            self.jit_compile = self.suits_xla = False
            return super()._take(False, arrays, index, first, count)

    def _advance(self, jit_compile: bool, arrays, index, first: int, count: int) -> dict:
        before = self._state.values()
        taken, finite, losses, logs = self._take(jit_compile, arrays, index, first, count)
        if finite:
            self._losses.append((losses, count))
            return logs

        def finite_after(steps):
            self._state.restore(before)
            self._guard.reset()
            return self._take(jit_compile and self.jit_compile, arrays, index, first, steps)[1]

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
        raise NonFiniteStepError(self.model)


def _by_signature(function, generalize: Callable | None = None) -> Callable:
    """Return what calls a compiled function without TensorFlow's search for what fits arguments.

    The search takes as long as a step of a small flow, and warns of many models as of retracing.
    `generalize` turns arguments into the specifications that one trace is to serve.
    """
    concrete = {}

    def call(*arguments):
        specs = generalize(*arguments) if generalize else arguments
        parts = tf.nest.flatten(specs)
        signature = tuple(None if part is None else (part.dtype, *part.shape) for part in parts)
        if signature not in concrete:
            concrete[signature] = function.get_concrete_function(*specs)
        # Arranged as in the trace: TensorFlow takes them flat as well, but first prints all of them
        # into the message of an error that it catches.
        return concrete[signature](*arguments)

    return call


def _any_size(arrays, index, first, count) -> tuple:
    """Return specifications of any number of rows, steps and batch sizes."""

    def spec(part, axes):
        if part is None:
            return None
        return tf.TensorSpec([None] * axes + list(part.shape[axes:]), part.dtype)

    stacked = index is None and any(a is not None for a in arrays[:3])
    batched = 2 if stacked else 1
    return tuple(spec(a, batched) for a in arrays), spec(index, 2), first, count


class _Variables:
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
