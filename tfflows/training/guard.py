"""Stopping a training run at the first loss or gradient that is not finite."""

import tensorflow as tf

__all__ = ["FiniteGuard", "Progress"]


class Progress:
    """Where a training run is, so that an error can say so; opaque to Keras's tracking."""

    __slots__ = ("epoch", "first_step")

    def __init__(self):
        self.epoch = 0
        self.first_step = 0


class FiniteGuard:
    """A variable that remembers the step at which something was not finite.

    The compiled step reads and writes it; Python looks at it after each call. It is no weight of
    the model and is not saved.
    """

    __slots__ = ("tripped",)

    def __init__(self):
        self.tripped = tf.Variable(
            False,
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            name="tripped",
        )

    def reset(self) -> None:
        """Forget an earlier run."""
        self.tripped.assign(False)

    def apply(self, finite, update) -> None:
        """Run `update` while everything has been finite; remember when it was not."""
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync
        if replicas > 1:
            # Updates of mirrored variables cannot stand in a branch: see `Trainer.train_step`,
            # which hands zero gradients over instead.
            update()
            self.tripped.assign(tf.logical_or(self.tripped, tf.logical_not(finite)))
            return
        self.tripped.assign(tf.logical_or(self.tripped, tf.logical_not(finite)))

        def run():
            update()
            return True

        tf.cond(tf.logical_not(self.tripped), run, lambda: False)
