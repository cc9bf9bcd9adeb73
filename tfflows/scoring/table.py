"""Events and contexts of any batch shape as rows, so that one trace serves all of them."""

import math
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

__all__ = ["Table"]


class Table:
    """Events and contexts of any batch shape as rows.

    Parameters
    ----------
    x : array or tf.Tensor
        Events ``[..., *event_shape]``.
    context : array or tf.Tensor, optional
        Contexts ``[..., *context_shape]``, whose batch broadcasts with that of the events.
    seed : tf.Tensor, optional
        Seed of what is drawn for the rows, int32 ``[2]``.
    event_shape, context_shape : tuple of int
        Shapes of an event and of a context.
    """

    def __init__(self, x, context, seed, event_shape: tuple, context_shape: tuple | None):
        self.batch = tuple(x.shape)[: len(x.shape) - len(event_shape)]
        if context is not None:
            context_batch = tuple(context.shape)[: len(context.shape) - len(context_shape)]
            self.batch = np.broadcast_shapes(self.batch, context_batch)
            x = _spread(x, (*self.batch, *event_shape))
            if math.prod(context_batch) == 1:
                context = _reshape(context, (1, *context_shape))
            else:
                context = _spread(context, (*self.batch, *context_shape))
                context = _reshape(context, (math.prod(self.batch), *context_shape))
        self.context = context
        self.seed = seed
        self.x = _reshape(x, (math.prod(self.batch), *event_shape))

    def __len__(self):
        return self.x.shape[0]

    def chunks(self, size: int, dtype) -> Iterator[tuple]:
        """Yield rows, contexts and seeds, those that there are, of at most `size` rows at a time.

        A table without rows is one chunk. The third number of a seed is the row at which the chunk
        begins.
        """
        shared = self.context is None or len(self.context) == 1
        for start in range(0, max(len(self), 1), size):
            rows = slice(start, start + size)
            chunk = [tf.cast(self.x[rows], dtype)]
            if self.context is not None:
                chunk.append(tf.cast(self.context if shared else self.context[rows], dtype))
            if self.seed is not None:
                chunk.append(tf.concat([self.seed, [start]], 0))
            yield tuple(chunk)

    def join(self, parts: list):
        """Return the answers for the chunks, tensors or structures of them, of the batch shape."""
        return tf.nest.map_structure(self._join, *parts)

    def _join(self, *parts):
        joined = parts[0] if len(parts) == 1 else tf.concat(parts, 0)
        if len(self.batch) == 1:
            return joined
        return tf.reshape(joined, (*self.batch, *joined.shape[1:]))


def _reshape(value, shape):
    if tuple(value.shape) == tuple(shape):
        return value
    return tf.reshape(value, shape) if tf.is_tensor(value) else np.reshape(value, shape)


def _spread(value, shape):
    if tuple(value.shape) == tuple(shape):
        return value
    return tf.broadcast_to(value, shape) if tf.is_tensor(value) else np.broadcast_to(value, shape)
