"""Flattening events of any rank to one axis and back, with batches of any size, zero included."""

import math

import tensorflow as tf

__all__ = ["batch_shape", "flatten_event", "restore_event"]


def batch_shape(x, event_ndims: int):
    """Return the batch shape of `x`: a list where it is static, else an int32 tensor."""
    shape = x.shape[: x.shape.rank - event_ndims]
    if shape.is_fully_defined():
        return shape.as_list()
    return tf.shape(x)[: x.shape.rank - event_ndims]


def flatten_event(x, event_shape: tuple):
    """Reshape ``[..., *event_shape]`` to ``[..., D]`` with D the number of coordinates."""
    if len(event_shape) == 1:
        return x
    return tf.reshape(x, _join(batch_shape(x, len(event_shape)), [math.prod(event_shape)]))


def restore_event(x, event_shape: tuple):
    """Reshape ``[..., D]`` back to ``[..., *event_shape]``."""
    if len(event_shape) == 1:
        return x
    return tf.reshape(x, _join(batch_shape(x, 1), list(event_shape)))


def _join(batch, event: list):
    # A list of no sizes would become a tensor of floats.
    return [*batch, *event] if isinstance(batch, list) else tf.concat([batch, event], 0)
