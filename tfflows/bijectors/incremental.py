r"""Latent to data through a masked network, for the price of about one pass, with exact gradients.

Two sweeps do it (see `tfflows.bijectors.sweep`). The first finds
:math:`x_i = f(z_i; \theta_i(x_{<i}))` coordinate after coordinate. The second runs through the
transposed network and solves, from the last coordinate to the first, the triangular system

.. math::
    \lambda = g + \Big(\frac{\partial\theta}{\partial x}\Big)^{\!\top} r, \qquad
    r = \frac{\partial f}{\partial\theta}\,\lambda + h\,\frac{\partial\log f'}{\partial\theta},

in which g and h are the gradients with respect to x and the log-determinant. Its solution gives
every gradient by products that involve one layer at a time.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfflows.bijectors.masked_stack import MaskedStack, add_offset
from tfflows.bijectors.sweep import Sweep, take

__all__ = ["by_passes", "solve"]


def by_passes(refine: Callable, latent, passes: int):
    """Solve by repeated evaluation: each pass makes one more group of coordinates exact.

    Parameters
    ----------
    refine : callable
        Maps a guess of x to ``(x, log_det)`` whose coordinates of degree d are exact if those of
        lower degree of the guess are.
    latent : tf.Tensor
        Any array like x.
    passes : int
        The number of groups.

    Returns
    -------
    tuple
        The exact ``(x, log_det)``.
    """
    (known,) = tf.while_loop(
        lambda _: True,
        lambda known: (refine(known)[0],),
        (tf.zeros_like(latent),),
        maximum_iterations=passes - 1,
    )
    return refine(known)


def solve(stack: MaskedStack, univariate: Callable, latent) -> tuple[tf.Tensor, tf.Tensor]:
    r"""Map latent points to data through a masked network.

    The gradients with respect to the latent points and the tensors of `stack` are those of the
    exact solution. Second derivatives are exact, too, at one pass of the network per group.

    Parameters
    ----------
    stack : MaskedStack
        The network.
    univariate : callable
        Maps raw parameters ``[..., k, P]`` to a scalar bijector on ``[..., k]``, for any number k
        of coordinates. It must depend on tensors through its argument alone: no gradient reaches
        any other.
    latent : tf.Tensor
        Latent points ``[..., D]``, spread over the batch of the offsets.

    Returns
    -------
    x : tf.Tensor
        Events ``[..., D]``.
    log_det : tf.Tensor
        ``log |det dx/dz|``, ``[...]``.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb
    >>> stack = MaskedStack([tf.constant([[0.0, 2.0], [0.0, 0.0]])], [None], (1, 2), (), 1, tf.tanh)
    >>> x, log_det = solve(stack, lambda raw: tfb.Shift(raw[..., 0]), tf.constant([[3.0, 1.0]]))
    >>> print(x.numpy(), log_det.numpy())
    [[3. 7.]] [0.]
    """

    @tf.custom_gradient
    def forward(latent, *tensors):
        # The sweep must not be recorded: the gradient below stands for it.
        fixed = [tf.stop_gradient(tensor) for tensor in (latent, *tensors)]
        x, log_det = _unless_empty(
            latent,
            lambda: _forward(stack.with_tensors(fixed[1:]), univariate, fixed[0]),
            lambda: (latent, tf.reduce_sum(latent, -1)),
        )

        def gradient(x_gradient, log_det_gradient):
            return backward(x_gradient, log_det_gradient, x, latent, *tensors)

        return (x, log_det), gradient

    @tf.custom_gradient
    def backward(x_gradient, log_det_gradient, x, latent, *tensors):
        fixed = [
            tf.stop_gradient(tensor)
            for tensor in (x_gradient, log_det_gradient, x, latent, *tensors)
        ]
        gradients = _unless_empty(
            latent,
            lambda: _backward(stack.with_tensors(fixed[4:]), univariate, *fixed[:4]),
            lambda: [tf.zeros_like(value) for value in fixed[3:]],
        )

        def second(*upstream):
            sources = [x_gradient, log_det_gradient, latent, *tensors]
            with tf.GradientTape() as outer:
                outer.watch(sources)
                first = _backward_by_passes(stack.with_tensors(tensors), univariate, *sources[:3])
            found = outer.gradient(
                first, sources, output_gradients=upstream, unconnected_gradients="zero"
            )
            # The reference knows x by itself.
            return [*found[:2], tf.zeros_like(x), *found[2:]]

        return gradients, second

    return forward(latent, *stack.tensors)


def _unless_empty(latent, compute: Callable, otherwise: Callable):
    """Return ``compute()``, or ``otherwise()`` for a batch of size 0, which no scatter takes."""
    if latent.shape.is_fully_defined():
        return compute() if latent.shape.num_elements() else otherwise()
    return tf.cond(tf.size(latent) > 0, compute, otherwise)


def _rows(array, order):
    """Return ``[..., D]`` as ``[D, ...]`` in another order of the coordinates."""
    rank = array.shape.rank
    rows = tf.transpose(array, [rank - 1, *range(rank - 1)])
    return rows if np.array_equal(order, np.arange(len(order))) else tf.gather(rows, order)


def _columns(array, order):
    """Return ``[D, ...]`` as ``[..., D]`` in another order of the coordinates."""
    if not np.array_equal(order, np.arange(len(order))):
        array = tf.gather(array, order)
    return tf.transpose(array, [*range(1, array.shape.rank), 0])


def _apply(univariate, raw, latent):
    """Return x and the log-determinant of each coordinate, all by rows ``[k, ...]``."""
    count, rank = latent.shape[0], latent.shape.rank
    size = raw.shape[0] // count
    raw = tf.reshape(raw, tf.concat([[count, size], tf.shape(raw)[1:]], 0))
    scalar = univariate(tf.transpose(raw, [*range(2, rank + 1), 0, 1]))
    latent = _columns(latent, np.arange(count))
    log_det = scalar.forward_log_det_jacobian(latent, event_ndims=0)
    log_det = tf.broadcast_to(log_det, tf.shape(latent))
    return [_rows(array, np.arange(count)) for array in (scalar.forward(latent), log_det)]


def _forward(stack, univariate, latent):
    """Return x and its log-determinant by a sweep."""
    order, place = _order(stack)
    stack, latent = stack.permuted(order), _rows(latent, order)
    dtype, compute, rank = latent.dtype, stack.kernels[0].dtype, latent.shape.rank
    offsets = [stack.offset_rows(layer, rank) for layer in range(len(stack.kernels))]
    last = len(stack.kernels) - 1
    size = stack.parameter_size

    def finish(layer, product, start, count, carried):
        per = size if layer == last else 1
        offset = None if offsets[layer] is None else take(offsets[layer], start * per, count * per)
        # Rounded where the network rounds.
        state = add_offset(tf.cast(product, compute), offset)
        if layer < last:
            if stack.skips(layer):
                state += carried[layer - 2]
            return tf.cast(stack.activation(state), dtype), state
        x, log_det = _apply(univariate, tf.cast(state, dtype), take(latent, start, count))
        rounded = tf.cast(tf.cast(x, compute), dtype)
        return rounded, [log_det] if compute == dtype else [log_det, x]

    kernels = [tf.transpose(tf.cast(kernel, dtype)) for kernel in stack.kernels]
    values, carries = Sweep(stack).run(kernels, finish, 1 if compute == dtype else 2, latent)
    x = values[-1] if compute == dtype else carries[1]
    return _columns(x, place), tf.reduce_sum(carries[0], 0)


def _backward(stack, univariate, x_gradient, log_det_gradient, x, latent):
    """Return the gradients with respect to the latent points and the tensors of the network."""
    order, place = _order(stack)
    stack = stack.permuted(order)
    x, latent, x_gradient = (_rows(array, order) for array in (x, latent, x_gradient))
    dtype, last, size = x.dtype, len(stack.kernels) - 1, stack.parameter_size

    with tf.GradientTape(persistent=True) as tape:
        tape.watch([latent, *stack.tensors])
        products, states = stack.evaluate(x, detached=True)
        raw = tf.cast(products[-1], dtype)
        events, log_dets = _apply(univariate, raw, latent)
    of_event = tape.gradient(events, [raw, latent], unconnected_gradients="zero")
    of_log_det = tape.gradient(
        log_dets,
        [raw, latent],
        output_gradients=tf.broadcast_to(log_det_gradient, tf.shape(log_dets)),
        unconnected_gradients="zero",
    )
    slopes = [tf.cast(_slope(stack.activation, state), dtype) for state in states]

    def finish(stage, product, start, count, carried):
        if stage < last:
            layer = last - 1 - stage
            value = take(slopes[layer], start, count) * product
            if stack.skips(layer + 2):
                value += carried[stage - 2]
            return value, value
        total = take(x_gradient, start, count) + product
        value = take(of_event[0], start * size, count * size) * tf.repeat(total, size, axis=0)
        return value + take(of_log_det[0], start * size, count * size), [total]

    kernels = [tf.cast(kernel, dtype) for kernel in reversed(stack.kernels)]
    values, (total,) = Sweep(stack, backward=True).run(kernels, finish, 1, latent)
    gradients = tape.gradient(
        products,
        stack.tensors,
        output_gradients=[
            tf.cast(value, product.dtype)
            for value, product in zip([*values[:-1][::-1], values[-1]], products, strict=True)
        ],
    )
    gradients = stack.with_tensors(gradients).permuted(place).tensors
    return [_columns(total * of_event[1] + of_log_det[1], place), *gradients]


def _backward_by_passes(stack, univariate, x_gradient, log_det_gradient, latent):
    """Return the same gradients by differentiating through every pass."""
    sources = [latent, *stack.tensors]

    def refine(known):
        scalar = univariate(tf.cast(stack(known), latent.dtype))
        return scalar.forward(latent), scalar.forward_log_det_jacobian(latent, event_ndims=1)

    with tf.GradientTape() as tape:
        tape.watch(sources)
        outputs = by_passes(refine, latent, stack.groups)
    return tape.gradient(
        outputs,
        sources,
        output_gradients=[x_gradient, log_det_gradient],
        unconnected_gradients="zero",
    )


def _order(stack) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates in increasing degree, and the place of each among them."""
    order = np.argsort(stack.input_degrees, kind="stable")
    return order, np.argsort(order)


def _slope(activation, state):
    """Return the derivative of the activation, which acts on each unit by itself."""
    with tf.GradientTape() as tape:
        tape.watch(state)
        value = activation(state)
    return tape.gradient(value, state, unconnected_gradients="zero")
