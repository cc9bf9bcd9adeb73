r"""Latent to data through a masked network, for the price of about one pass, with exact gradients.

Two sweeps do it (see `tfflows.bijectors.degree_schedule`). The first finds
:math:`x_i = f(z_i; \theta_i(x_{<i}))` coordinate after coordinate. The second runs through the
transposed network and solves, from the last coordinate to the first, the triangular system

.. math::
    \lambda = g + \Big(\frac{\partial\theta}{\partial x}\Big)^{\!\top} r, \qquad
    r = \frac{\partial f}{\partial\theta}\,\lambda + h\,\frac{\partial\log f'}{\partial\theta},

in which g and h are the gradients with respect to x and the log-determinant. Its solution gives
every gradient by products that involve one layer at a time.
"""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfflows.bijectors.degree_schedule import DegreeSchedule, take
from tfflows.bijectors.forward_mode import refuse_forward_mode
from tfflows.bijectors.masked_mlp_weights import MaskedMLPWeights, add
from tfflows.privates import custom_gradient

__all__ = ["by_passes", "sequential_inverse"]


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


def sequential_inverse(
    stack: MaskedMLPWeights, univariate: Callable, latent, weights: Sequence = ()
) -> tuple[tf.Tensor, tf.Tensor]:
    r"""Map latent points to data through a masked network.

    The gradients with respect to the latent points, the tensors of `stack` and the weights are
    those of the exact solution. Second derivatives are exact, too, at the price of one pass of the
    network per group of coordinates.

    Parameters
    ----------
    stack : MaskedMLPWeights
        The network.
    univariate : callable
        Maps raw parameters ``[..., k, P]``, for any number k of coordinates, and the `weights` to a
        scalar bijector on ``[..., k]``. Gradients reach its arguments, and nothing else that it may
        depend on.
    latent : tf.Tensor
        Latent points ``[..., D]``, spread over the batch of the offsets.
    weights : sequence of tf.Tensor
        Further arguments of `univariate`.

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
    >>> kernel = tf.constant([[0.0, 2.0], [0.0, 0.0]])
    >>> stack = MaskedMLPWeights([kernel], [None], (1, 2), (), 1, tf.tanh)
    >>> z = tf.constant([[3.0, 1.0]])
    >>> x, log_det = sequential_inverse(stack, lambda raw: tfb.Shift(raw[..., 0]), z)
    >>> print(x.numpy(), log_det.numpy())
    [[3. 7.]] [0.]
    """
    count = len(stack.tensors)

    def problem(tensors):
        own = tensors[count:]
        return stack.with_tensors(tensors[:count]), lambda raw: univariate(raw, *own), own

    # Whatever runs inside a custom gradient must not be recorded, hence the stopped gradients.

    @custom_gradient
    def forward(latent, *tensors):
        fixed = _stopped([latent, *tensors])
        network, family, _ = problem(fixed[1:])
        x, log_det = _forward(network, family, fixed[0])

        def gradient(x_gradient, log_det_gradient):
            refuse_forward_mode("latent to data of an autoregressive bijector")
            return backward(x_gradient, log_det_gradient, x, latent, *tensors)

        return (x, log_det), gradient

    @custom_gradient
    def backward(x_gradient, log_det_gradient, x, latent, *tensors):
        fixed = _stopped([x_gradient, log_det_gradient, x, latent, *tensors])
        gradients = _backward(*problem(fixed[4:]), *fixed[:4])

        def second(*upstream):
            sources = [x_gradient, log_det_gradient, latent, *tensors]
            with tf.GradientTape() as tape:
                tape.watch(sources)
                first = _backward_by_passes(*problem(tensors), *sources[:3])
            found = tape.gradient(
                first, sources, output_gradients=upstream, unconnected_gradients="zero"
            )
            # The passes find x by themselves.
            return [*found[:2], tf.zeros_like(x), *found[2:]]

        return gradients, second

    tensors = [*stack.kernels, *map(_filled, stack.tensors[len(stack.kernels) :]), *weights]
    filled = _filled(latent)
    x, log_det = forward(filled, *tensors)
    if filled is latent:
        return x, log_det
    shape = tf.shape(latent)
    x = tf.ensure_shape(tf.slice(x, tf.zeros_like(shape), shape), latent.shape)
    log_det = tf.slice(log_det, tf.zeros_like(shape[:-1]), shape[:-1])
    return x, tf.ensure_shape(log_det, latent.shape[:-1])


def _stopped(tensors) -> list:
    return [tf.stop_gradient(tensor) for tensor in tensors]


def _filled(array):
    """Return `array` with batch axes of size 0, which no scatter takes, padded to size 1."""
    batch = array.shape[:-1].as_list()
    if all(batch):
        return array
    missing = tf.cast(tf.equal(tf.shape(array), 0), tf.int32)
    filled = tf.pad(array, tf.stack([tf.zeros_like(missing), missing], 1))
    return tf.ensure_shape(
        filled, [*(size if size is None else max(size, 1) for size in batch), array.shape[-1]]
    )


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
    scalar = univariate(tf.transpose(_per_unit(raw, count), [*range(2, rank + 1), 0, 1]))
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
        skip = carried[layer - 2] if stack.skips(layer) else None
        state = add(tf.cast(product, compute), offset, skip)
        if layer < last:
            return tf.cast(stack.activation(state), dtype), state
        x, log_det = _apply(univariate, tf.cast(state, dtype), take(latent, start, count))
        return tf.cast(stack.encode(x), dtype), [log_det] if seen else [log_det, x]

    # Whether the network takes x as it is.
    seen = compute == dtype and stack.features is None
    kernels = [tf.transpose(tf.cast(kernel, dtype)) for kernel in stack.kernels]
    values, carries = DegreeSchedule(stack).run(kernels, finish, 1 if seen else 2, latent)
    return _columns(values[-1] if seen else carries[1], place), tf.reduce_sum(carries[0], 0)


def _backward(stack, univariate, weights, x_gradient, log_det_gradient, x, latent):
    """Return the gradients of the latent points, the tensors of the network and the weights."""
    order, place = _order(stack)
    stack = stack.permuted(order)
    x, latent, x_gradient = (_rows(array, order) for array in (x, latent, x_gradient))
    dtype, last, size = x.dtype, len(stack.kernels) - 1, stack.parameter_size

    with tf.GradientTape(persistent=True) as tape:
        tape.watch([latent, *stack.tensors, *weights])
        products, states = stack.evaluate(x)
        raw = tf.cast(products[-1], dtype)
        events, log_dets = _apply(univariate, raw, latent)
        log_det_gradient = tf.broadcast_to(log_det_gradient, tf.shape(log_dets))
    events_by, log_dets_by = (
        tape.gradient(
            target, [raw, latent], output_gradients=gradient, unconnected_gradients="zero"
        )
        for target, gradient in ((events, None), (log_dets, log_det_gradient))
    )
    slopes = [tf.cast(_slope(stack.activation, state), dtype) for state in states]
    by_feature = _feature_slopes(stack, x)

    def finish(stage, product, start, count, carried):
        if stage < last:
            layer = last - 1 - stage
            value = take(slopes[layer], start, count) * product
            if stack.skips(layer + 2):
                value += carried[stage - 2]
            return value, value
        if by_feature is not None:
            product = _per_unit(product, count) * take(by_feature, start, count)
            product = tf.reduce_sum(product, 1)
        total = take(x_gradient, start, count) + product
        value = take(events_by[0], start * size, count * size) * tf.repeat(total, size, axis=0)
        return value + take(log_dets_by[0], start * size, count * size), [total]

    kernels = [tf.cast(kernel, dtype) for kernel in reversed(stack.kernels)]
    values, (total,) = DegreeSchedule(stack, backward=True).run(kernels, finish, 1, latent)
    gradients = tape.gradient(
        products,
        stack.tensors,
        output_gradients=[
            tf.cast(value, product.dtype)
            for value, product in zip([*values[:-1][::-1], values[-1]], products, strict=True)
        ],
    )
    gradients = stack.with_tensors(gradients).permuted(place).tensors
    if weights:
        gradients += tape.gradient(
            [events, log_dets],
            weights,
            output_gradients=[total, log_det_gradient],
            unconnected_gradients="zero",
        )
    return [_columns(total * events_by[1] + log_dets_by[1], place), *gradients]


def _backward_by_passes(stack, univariate, weights, x_gradient, log_det_gradient, latent):
    """Return the same gradients by differentiating through every pass."""
    sources = [latent, *stack.tensors, *weights]

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


def _feature_slopes(stack, x):
    """Return the derivatives of the features of each coordinate, or None where it is its own."""
    if stack.features is None:
        return None
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        features = tf.unstack(_per_unit(stack.encode(x), x.shape[0]), axis=1)
    return tf.stack(
        [tape.gradient(feature, x, unconnected_gradients="zero") for feature in features], 1
    )


def _per_unit(rows, count: int):
    """Return ``[count * n, ...]`` as ``[count, n, ...]``."""
    shape = tf.concat([[count, rows.shape[0] // count], tf.shape(rows)[1:]], 0)
    return tf.reshape(rows, shape)
