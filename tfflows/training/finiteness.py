"""Keeping values that are not finite out of the weights."""

import contextlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfflows.inputs.arrays import chunks
from tfflows.training.replicas import over_replicas, replicas_in_sync

__all__ = ["FiniteGuard", "NonFiniteStepError", "all_finite", "explain", "stopping"]


class FiniteGuard:
    """Keeps values that are not finite out of the weights, and remembers that there were any.

    A single step is checked before its update. Within a block of steps that would cost as much as
    a third of a small flow's step, because the compiler copies all weights where an update may or
    may not happen; there the update goes through, and `TrainingSteps` takes back what it should not
    have done (see `deferred`).

    The flag is a variable that the compiled step reads and writes and Python looks at after each
    call. It is no weight of the model and is not saved.
    """

    __slots__ = ("is_deferred", "tripped")

    def __init__(self):
        self.tripped = tf.Variable(
            False,
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            name="tripped",
        )
        self.is_deferred = False

    def reset(self) -> None:
        """Forget an earlier run."""
        self.tripped.assign(False)

    @contextlib.contextmanager
    def deferred(self):
        """While a step is traced in here, it only notes whether its loss is finite."""
        self.is_deferred = True
        try:
            yield
        finally:
            self.is_deferred = False

    def take(self, loss, gradients, update, weights, state) -> None:
        """Run ``update(gradients)`` if all has been finite so far; remember if it was not.

        Parameters
        ----------
        loss, gradients
            What must be finite before.
        update : callable
            Takes the gradients and changes the `state`.
        weights, state : list of keras.Variable
            What must be finite afterwards, and what is set back if it is not.
        """
        if self.is_deferred:
            self._trip(tf.math.is_finite(loss))
            update(gradients)
            return
        finite = all_finite([loss, *(g for g in gradients if g is not None)])
        if tf.distribute.has_strategy():
            # Updates of mirrored variables cannot stand in a branch.
            finite = over_replicas(tf.cast(finite, tf.float32)) >= replicas_in_sync()
            update(
                [None if g is None else tf.where(finite, g, tf.zeros_like(g)) for g in gradients]
            )
            self._trip(finite)
            return
        self._trip(finite)
        state = [getattr(variable, "value", variable) for variable in state]

        def run():
            before = [variable.read_value() for variable in state]
            update(gradients)
            # Finite gradients, too, may become too large a step, or nothing over nothing.
            finite = all_finite(weights)
            self._trip(finite)

            def go_back():
                for variable, value in zip(state, before, strict=True):
                    variable.assign(value)
                return True

            return tf.cond(finite, lambda: True, go_back)

        tf.cond(tf.logical_not(self.tripped), run, lambda: False)

    def _trip(self, finite) -> None:
        self.tripped.assign(tf.logical_or(self.tripped, tf.logical_not(finite)))


def all_finite(values):
    """Whether all numbers of all tensors are finite."""
    values = [tf.convert_to_tensor(value) for value in values]
    floats = [value for value in values if value.dtype.is_floating]
    if not floats:
        return tf.constant(True)
    # What is not finite times zero is NaN. Asking each tensor instead makes XLA build a program of
    # its own for each: a third of a second for a hundred weights and moments. The zero must not
    # look like one, or the product would be optimized away.
    largest = tf.constant(float("inf"), floats[0].dtype)
    zero = tf.reduce_sum(floats[0]) > largest
    spoilt = [tf.reduce_sum(value * tf.cast(zero, value.dtype)) for value in floats]
    return tf.math.is_finite(tf.add_n([tf.cast(value, tf.float32) for value in spoilt]))


_ADVICE = "Try a smaller learning rate or gradient clipping (clipnorm)."


class NonFiniteStepError(FloatingPointError):
    """A step of a model whose loss or gradient was not finite, and which left no trace.

    Parameters
    ----------
    model : DensityModel
        The model, its optimizer as before that step.
    """

    def __init__(self, model):
        state = model.training_state
        state.guard.reset()
        self.where = (
            f"the loss or its gradient became non-finite in epoch {state.epoch + 1}, batch "
            f"{state.steps_in_epoch(model.optimizer) + 1}. The weights from before that batch are "
            "kept."
        )
        super().__init__(f"{self.where} {_ADVICE}")


def stopping(model, train_function: Callable) -> Callable:
    """Return Keras's training function, which stops at the first value that is not finite."""

    def function(iterator):
        logs = train_function(iterator)
        if model.training_state.guard.tripped.numpy():
            raise NonFiniteStepError(model)
        return logs

    return function


def explain(model, error: NonFiniteStepError, x, context) -> Exception:
    """Return an error that says what the training data, where there are any, tell of the cause."""
    if x is None:
        return FloatingPointError(str(error))
    parts = [model.outside_support(x[rows], c) for rows, c in chunks(x, context)]
    outside = np.flatnonzero(np.concatenate(parts))
    if len(outside):
        lie = "row lies" if len(outside) == 1 else "rows lie"
        few = outside[:1000]
        advice = model.explain_outside(x[few], None if context is None else context[few])
        return ValueError(
            f"{len(outside)} {lie} outside the support of the model, where the density is zero "
            f"(first: row {outside[0]}). {advice}"
        )
    culprit = model.first_non_finite(x, context)
    return FloatingPointError(" ".join(filter(None, [error.where, culprit, _ADVICE])))
