"""Flattening events of any rank to one axis and back, with batches of any size, zero included."""

import math

import tensorflow as tf

__all__ = ["batch_shape", "flatten_event", "reshape_event", "restore_event", "with_last"]


def batch_shape(x, event_ndims: int):
    """Return the batch shape of `x`: a list where it is static, else an int32 tensor."""
    if x.shape.rank is None:
        return tf.shape(x)[: tf.rank(x) - event_ndims]
    shape = x.shape[: x.shape.rank - event_ndims]
    return shape.as_list() if shape.is_fully_defined() else tf.shape(x)[: len(shape)]


def reshape_event(x, event_ndims: int, sizes: list):
    """Reshape the last `event_ndims` axes of `x` to `sizes`; what is static stays static."""
    batch = batch_shape(x, event_ndims)
    if isinstance(batch, list):
        return tf.reshape(x, [*batch, *sizes])
    reshaped = tf.reshape(x, tf.concat([batch, tf.constant(sizes, tf.int32)], 0))
    if x.shape.rank is None:
        return reshaped
    return tf.ensure_shape(reshaped, [*x.shape[: x.shape.rank - event_ndims], *sizes])


def flatten_event(x, event_shape: tuple):
    """Reshape ``[..., *event_shape]`` to ``[..., D]`` with D the number of coordinates."""
    if len(event_shape) == 1:
        return x
    return reshape_event(x, len(event_shape), [math.prod(event_shape)])


def restore_event(x, event_shape: tuple):
    """Reshape ``[..., D]`` back to ``[..., *event_shape]``."""
    return x if len(event_shape) == 1 else reshape_event(x, 1, list(event_shape))


def with_last(shape, more: int) -> tf.TensorShape:
    """Return a shape whose last axis has `more` coordinates than that of `shape`."""
    last = tf.compat.dimension_value(shape[-1])
    return tf.TensorShape([*shape[:-1], None if last is None else last + more])
