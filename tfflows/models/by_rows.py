"""A chain of bijectors that XLA runs on a fixed number of rows at a time."""

from collections.abc import Callable

import tensorflow as tf

from tfflows.bijectors.base import Bijector

__all__ = ["ByRows"]

#: Rows of one call. Enough for products to run at full rate and few enough to stay in the caches;
#: people draw round numbers.
ROWS = 1000


class ByRows(Bijector):
    """A bijector whose map in one direction is a compiled program for blocks of rows.

    A map that goes through the coordinates one after the other is made of so many small operations
    that starting them takes most of the time, unless XLA compiles them. A program of XLA is made
    for one number of rows: here that number is always the same, the last block is filled up, and a
    new number of rows compiles nothing.

    Parameters
    ----------
    chain : callable
        ``chain(context)`` returns the chain of bijectors.
    context : tf.Tensor or None
        What the layers see of the contexts, ``[..., *context_shape]``.
    context_rank : int
        Rank of one context.
    direction : str
        ``"forward"`` or ``"inverse"``: the direction that is compiled; the other is that of the
        chain.
    latent_shape, event_shape : tuple of int
        Shapes of a latent point and of an event, of one rank.

    Examples
    --------
    >>> from tensorflow_probability import bijectors as tfb
    >>> double = ByRows(lambda context: tfb.Scale(2.0), None, 0, "forward", (3,), (3,))
    >>> print(double.forward(tf.ones([1, 3])).numpy())
    [[2. 2. 2.]]
    """

    def __init__(
        self,
        chain: Callable,
        context,
        context_rank: int,
        direction: str,
        latent_shape: tuple,
        event_shape: tuple,
    ):
        self._chain, self._context, self._context_rank = chain, context, context_rank
        self._direction = direction
        self._shapes = (
            (latent_shape, event_shape) if direction == "forward" else (event_shape, latent_shape)
        )
        self._whole = chain(context)
        rank = len(event_shape)
        batch_shape = self._whole.experimental_batch_shape(x_event_ndims=rank)
        if not batch_shape.is_fully_defined():
            batch_shape = self._whole.experimental_batch_shape_tensor(x_event_ndims=rank)
        super().__init__(rank, batch_shape=batch_shape, name="by_rows")

    def _forward_and_fldj(self, x):
        if self._direction == "forward":
            return self._compiled(x)
        return self._whole.forward(x), self._whole.forward_log_det_jacobian(x, len(self._shapes[0]))

    def _inverse_and_ildj(self, y):
        if self._direction == "inverse":
            return self._compiled(y)
        return self._whole.inverse(y), self._whole.inverse_log_det_jacobian(y, len(self._shapes[0]))

    def _compiled(self, points):
        given, answered = self._shapes
        batch = tf.shape(points)[: points.shape.rank - len(given)]
        static = points.shape[: points.shape.rank - len(given)]
        arrays = [tf.reshape(points, [-1, *given])]
        if self._context is not None:
            own = self._context.shape[self._context.shape.rank - self._context_rank :]
            spread = tf.broadcast_to(self._context, tf.concat([batch, own], 0))
            arrays.append(tf.reshape(spread, [-1, *own]))
        count = tf.shape(arrays[0])[0]
        blocks = (count + ROWS - 1) // ROWS
        arrays = [_filled(array, blocks * ROWS) for array in arrays]

        @tf.function(
            jit_compile=True,
            autograph=False,
            input_signature=[tf.TensorSpec([ROWS, *a.shape[1:]], a.dtype) for a in arrays],
        )
        def program(rows, context=None):
            chain = self._chain(context)
            if self._direction == "forward":
                found = chain.forward(rows)
                log_det = chain.forward_log_det_jacobian(rows, len(given))
            else:
                found = chain.inverse(rows)
                log_det = chain.inverse_log_det_jacobian(rows, len(given))
            # One number may stand for all rows.
            return found, tf.broadcast_to(log_det, [ROWS])

        def block(number):
            start = number * ROWS
            return program(
                *(
                    tf.ensure_shape(array[start : start + ROWS], [ROWS, *array.shape[1:]])
                    for array in arrays
                )
            )

        dtype = points.dtype
        found, log_det = tf.map_fn(
            block,
            tf.range(blocks),
            parallel_iterations=1,
            fn_output_signature=(
                tf.TensorSpec([ROWS, *answered], dtype),
                tf.TensorSpec([ROWS], dtype),
            ),
        )
        found = tf.reshape(found, [-1, *answered])[:count]
        log_det = tf.reshape(log_det, [-1])[:count]
        found = tf.reshape(found, tf.concat([batch, answered], 0))
        return (
            tf.ensure_shape(found, [*static, *answered]),
            tf.ensure_shape(tf.reshape(log_det, batch), static),
        )


def _filled(array, rows):
    """Return `array` with copies of its first row up to `rows`; nothing stays nothing."""
    missing = tf.maximum(rows - tf.shape(array)[0], 0)
    return tf.concat([array, tf.repeat(array[:1], missing, axis=0)], 0)
