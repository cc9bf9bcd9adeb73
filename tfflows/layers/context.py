"""What the layers share about contexts."""

import math

import tensorflow as tf

from tfflows.bijectors.event import flatten_event

__all__ = ["flatten_context", "join_context"]


def flatten_context(context, context_shape):
    """Return the context as ``[..., C]``; raise a ValueError if it is missing or not wanted."""
    if context_shape is None:
        if context is not None:
            raise ValueError(
                f"this layer takes no context, but one of shape {tuple(context.shape)} was given; "
                "build it with context_shape=... to use one."
            )
        return None
    if context is None:
        raise ValueError(
            f"this layer needs context of shape (..., {_inner(context_shape)}); got None."
        )
    context = tf.convert_to_tensor(context)
    given = tuple(context.shape[context.shape.rank - len(context_shape) :])
    if context.shape.rank < len(context_shape) or given != tuple(context_shape):
        raise ValueError(
            f"expected context (..., {_inner(context_shape)}), got {tuple(context.shape)}."
        )
    return flatten_event(context, tuple(context_shape))


def join_context(x, context):
    """Concatenate ``[..., D]`` and ``[..., C]`` along the last axis, spreading batches."""
    if context is None:
        return x
    batch = tf.broadcast_dynamic_shape(tf.shape(x)[:-1], tf.shape(context)[:-1])
    static = tf.broadcast_static_shape(x.shape[:-1], context.shape[:-1])
    parts = []
    for part in (x, tf.cast(context, x.dtype)):
        wide = tf.broadcast_to(part, tf.concat([batch, tf.shape(part)[-1:]], 0))
        parts.append(tf.ensure_shape(wide, [*static, part.shape[-1]]))
    return tf.concat(parts, -1)


def _inner(shape) -> str:
    return ", ".join(str(size) for size in shape) if math.prod(shape) else str(tuple(shape))
