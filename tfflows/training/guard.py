"""Stopping a training run at the first loss or gradient that is not finite."""

import contextlib

import tensorflow as tf

from tfflows.training.replicas import over_replicas, replicas_in_sync

__all__ = ["FiniteGuard", "Progress", "all_finite", "batches_taken"]


class Progress:
    """Where a training run is, so that an error can say so; opaque to Keras's tracking."""

    __slots__ = ("epoch", "first_step")

    def __init__(self):
        self.epoch = 0
        self.first_step = 0


def batches_taken(optimizer) -> int:
    """Return how many batches an optimizer has seen, also where it updates once for several."""
    counts = [v for v in optimizer.variables if v.name == "iteration"]
    return int((counts[0] if counts else optimizer.iterations).numpy())


class FiniteGuard:
    """Keeps values that are not finite out of the weights, and remembers that there were any.

    A single step is checked before its update. Within a block of steps that would cost as much as
    a third of a small flow's step, because the compiler copies all weights where an update may or
    may not happen; there the update goes through, and `Blocks` takes back what it should not have
    done (see `deferred`).

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
