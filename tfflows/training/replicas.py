"""What replicas share."""

import tensorflow as tf

__all__ = ["over_replicas", "replicas_in_sync"]


def replicas_in_sync() -> int:
    """Return how many replicas take a step together."""
    replica = tf.distribute.get_replica_context()
    # Keras builds under a strategy by a symbolic call, outside of any replica.
    return 1 if replica is None else replica.num_replicas_in_sync


def over_replicas(value):
    """Return the sum of a scalar over all replicas, on each of them."""
    # `all_reduce` is a collective of its own; beside those of the optimizer their order may differ
    # between replicas, and they then wait for each other.
    return tf.distribute.get_replica_context().merge_call(
        lambda strategy, part: strategy.reduce(tf.distribute.ReduceOp.SUM, part, axis=None),
        args=(tf.stop_gradient(value),),
    )
