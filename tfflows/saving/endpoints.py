"""What an exported model offers: its operations as functions of tensors with names."""

import tensorflow as tf

from tfflows.inputs.datasets import assert_finite
from tfflows.saving.saved_model import Endpoint
from tfflows.scoring.operation import Operation

__all__ = ["endpoints"]

# What the rows that an operation is about are called, and those that it returns.
_ANSWERS = {"log_prob": "log_prob", "forward": "x", "inverse": "z"}


def endpoints(model) -> list[Endpoint]:
    """Return what an export of a model offers, the log density first."""
    log_prob, *maps = (_of_rows(model, operation) for operation in model.operations())
    return [log_prob, *_of_draws(model), *maps]


def _of_rows(model, operation: Operation) -> Endpoint:
    # The names of arguments are those of the signature.
    rows = tf.TensorSpec([None, *operation.event_shape], model.variable_dtype, operation.argument)
    inputs = [rows, *([tf.TensorSpec(None, tf.int32, "seed")] if operation.draws else [])]

    def serve(rows, *others):
        seed = [_pair(others[0])] if operation.draws else []
        context = others[len(seed)] if len(others) > len(seed) else None
        context = _finite(context, "context")
        if operation.argument == "z":
            rows = _finite(rows, "z")
        return {_ANSWERS[operation.name]: operation.function(rows, context, *seed)}

    return Endpoint(operation.name, serve, (*inputs, *_context(model)))


def _of_draws(model) -> list[Endpoint]:
    inputs = tf.TensorSpec([], tf.int32, "n"), tf.TensorSpec(None, tf.int32, "seed")

    def sample(n, seed, context=None):
        context = _finite(context, "context")
        return {"x": model.sample(tf.reshape(n, [1]), _pair(seed), context)}

    def sample_and_log_prob(n, seed, context=None):
        context = _finite(context, "context")
        events, log_prob = model.sample_and_log_prob(tf.reshape(n, [1]), _pair(seed), context)
        return {"x": events, "log_prob": log_prob}

    return [
        Endpoint(function.__name__, function, (*inputs, *_context(model)))
        for function in (sample, sample_and_log_prob)
    ]


def _finite(value, what: str):
    """Return rows, or fail with a message that counts those that are not finite."""
    if value is None:
        return None
    with tf.control_dependencies([assert_finite(value, what)]):
        return tf.identity(value)


def _context(model) -> tuple:
    if model.context_shape is None:
        return ()
    return (tf.TensorSpec([None, *model.context_shape], model.variable_dtype, "context"),)


def _pair(seed) -> tf.Tensor:
    """Return a seed of one number s, which stands for (0, s), or of two as int32 [2]."""
    numbers = tf.reshape(seed, [-1])
    pair = tf.concat([tf.zeros([2 - tf.size(numbers)], tf.int32), numbers], 0)
    return tf.ensure_shape(pair, [2])
