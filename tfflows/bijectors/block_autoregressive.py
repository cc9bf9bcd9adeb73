"""One network as an autoregressive bijector: its diagonal blocks are positive."""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfflows.bijectors.base import Bijector
from tfflows.bijectors.checks import check_fraction, check_positive
from tfflows.bijectors.event import flatten_event, restore_event
from tfflows.bijectors.forward_mode import refuse_forward_mode
from tfflows.bijectors.parameters import batch_of
from tfflows.bijectors.root_search import solve_increasing
from tfflows.privates import custom_gradient

__all__ = ["BlockAutoregressive"]


class BlockAutoregressive(Bijector):
    r"""A block neural autoregressive map: a network of blocks that itself is the bijector.

    Every layer holds a group of units for each of the D coordinates. With blocks
    :math:`B_{ij}` that take group i to group j, data to latent is

    .. math::
        h^0 = x, \qquad
        h^l_j = \tanh\Big(\sum_{i < j} h^{l-1}_i B^l_{ij} + h^{l-1}_j e^{A^l_j} + b^l_j\Big), \qquad
        z = (1 - \mu)\, h^L + \mu\, x

    without the tanh in the last layer, which has one unit per coordinate. So :math:`z_j` depends on
    :math:`x_{\le j}` and increases with :math:`x_j`; its slope is a product of positive blocks,
    multiplied by their logarithms. The share :math:`\mu` of the straight line is
    ``min_slope + (1 - min_slope) sigmoid(raw)`` for each coordinate; without it, bounded units
    would leave latent points that no data has. Latent to data is one root search per coordinate, in
    their order, in which only the units of that coordinate are evaluated. Its gradients are exact
    and take D passes of the network.

    Parameters
    ----------
    diagonals : sequence of tf.Tensor
        Raw positive blocks of every layer, ``[D, inputs, outputs]``, with
        :math:`A = s \tanh(raw / s)`, s = `log_scale_bound`.
    blocks : sequence of tf.Tensor
        Blocks below the diagonal, ``[D, inputs, D, outputs]``; the others are ignored. Empty for
        D = 1.
    offsets : tf.Tensor
        ``[..., D, T]`` with the offsets b of all layers and, last, the raw share of the line. The
        leading axes are the batch of the context.
    event_shape : tuple of int
        Shape of an event.
    log_scale_bound : float
        Bound s on the logarithm of a positive weight; positive.
    min_slope : float
        Smallest slope of every coordinate, in ``(0, 1)``.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If an option is out of its range.

    References
    ----------
    De Cao, Titov and Aziz (2019), "Block Neural Autoregressive Flow", arXiv:1904.04676.

    Examples
    --------
    >>> import tensorflow as tf
    >>> diagonals = [tf.zeros([2, 1, 3]), tf.zeros([2, 3, 1])]
    >>> blocks = [tf.zeros([2, 1, 2, 3]), tf.ones([2, 3, 2, 1])]
    >>> b = BlockAutoregressive(diagonals, blocks, tf.zeros([2, 5]), (2,))
    >>> z = b.inverse(tf.constant([[0.5, -1.0]]))
    >>> print(b.forward(tf.identity(z)).numpy().round(4))
    [[ 0.5 -1. ]]
    """

    def __init__(
        self,
        diagonals: Sequence,
        blocks: Sequence,
        offsets,
        event_shape: tuple,
        *,
        log_scale_bound: float = 5.0,
        min_slope: float = 1e-2,
        name: str = "block_autoregressive",
    ):
        check_positive(log_scale_bound=log_scale_bound)
        check_fraction(min_slope=min_slope)
        offsets = tf.convert_to_tensor(offsets)
        self._tensors = [
            *(tf.convert_to_tensor(tensor) for tensor in (*diagonals, *blocks)),
            offsets,
        ]
        self._layers = len(diagonals)
        self._event_shape = tuple(event_shape)
        self._size = math.prod(self._event_shape)
        self._log_scale_bound = float(log_scale_bound)
        self._min_slope = float(min_slope)
        super().__init__(
            len(self._event_shape),
            batch_shape=batch_of(offsets, trailing=2),
            dtype=offsets.dtype,
            name=name,
        )

    @property
    def increasing(self) -> bool | None:
        """True of a single coordinate."""
        return True if math.prod(self._event_shape) == 1 else None

    def _inverse_and_ildj(self, y):
        x, log_slope = self._direct(flatten_event(y, self._event_shape), self._tensors)
        return restore_event(x, self._event_shape), tf.reduce_sum(log_slope, -1)

    def _forward_and_fldj(self, x):
        latent = flatten_event(x, self._event_shape)
        offsets = self._tensors[-1]
        static = tf.broadcast_static_shape(latent.shape, offsets.shape[:-1])
        shape = tf.broadcast_dynamic_shape(tf.shape(latent), tf.shape(offsets)[:-1])
        latent = tf.ensure_shape(tf.broadcast_to(latent, shape), static)
        found = self._search(
            tf.stop_gradient(latent), [tf.stop_gradient(tensor) for tensor in self._tensors]
        )
        data = self._with_gradient(tf.stop_gradient(found), latent, self._tensors)
        _, log_slope = self._direct(data, self._tensors)
        return restore_event(data, self._event_shape), -tf.reduce_sum(log_slope, -1)

    def _split(self, tensors):
        """Return positive diagonal blocks, blocks below, offsets by layer, and the line's share."""
        *kernels, offsets = tensors
        bound = self._log_scale_bound
        diagonals = [tf.exp(bound * tf.tanh(raw / bound)) for raw in kernels[: self._layers]]
        below = np.triu(np.ones([self._size, self._size]), 1)[:, None, :, None]
        blocks = [kernel * tf.constant(below, kernel.dtype) for kernel in kernels[self._layers :]]
        widths = [diagonal.shape[-1] for diagonal in diagonals]
        *offsets, raw_share = tf.split(offsets, [*widths, 1], -1)
        share = self._min_slope + (1.0 - self._min_slope) * tf.sigmoid(raw_share[..., 0])
        return diagonals, blocks, offsets, share

    def _direct(self, x, tensors):
        """Return z and the log-slopes of its coordinates, of x ``[..., D]``."""
        diagonals, blocks, offsets, share = self._split(tensors)
        value, log_slope = x[..., tf.newaxis], tf.zeros_like(x)[..., tf.newaxis]
        for layer, diagonal in enumerate(diagonals):
            product = tf.einsum("...ja,jab->...jb", value, diagonal)
            if blocks:
                product += tf.tensordot(value, blocks[layer], 2)
            value, log_slope = self._unit(
                layer, product + offsets[layer], _log_product(log_slope, diagonal)
            )
        return _mix(value[..., 0], log_slope[..., 0], x, share)

    def _unit(self, layer, value, log_slope):
        if layer == self._layers - 1:
            return value, log_slope
        # log(1 - tanh^2), which neither overflows nor cancels.
        bent = 2.0 * (math.log(2.0) - value - tf.math.softplus(-2.0 * value))
        return tf.tanh(value), log_slope + bent

    def _search(self, latent, tensors):
        """Return x for z ``[..., D]``, coordinate after coordinate."""
        diagonals, blocks, offsets, share = self._split(tensors)
        size = self._size

        def next_coordinate(index, data, *hidden):
            here = tf.one_hot(index, size, dtype=latent.dtype)

            def own(array, axis):
                return tf.gather(array, index, axis=axis)

            # What the coordinates before give to the units of this one.
            given = [own(offset, -2) for offset in offsets]
            if blocks:
                for layer, value in enumerate([data[..., tf.newaxis], *hidden]):
                    given[layer] += tf.tensordot(value, own(blocks[layer], 2), 2)
            kernels = [own(diagonal, 0) for diagonal in diagonals]
            own_share = own(share, -1)

            def units(x):
                value, log_slope = x[..., tf.newaxis], tf.zeros_like(x)[..., tf.newaxis]
                values = []
                for layer, kernel in enumerate(kernels):
                    value, log_slope = self._unit(
                        layer,
                        tf.tensordot(value, kernel, 1) + given[layer],
                        _log_product(log_slope, kernel),
                    )
                    values.append(value)
                return values, log_slope[..., 0]

            def function(x):
                values, log_slope = units(x)
                return _mix(values[-1][..., 0], log_slope, x, own_share)

            target = own(latent, -1)
            x, _ = solve_increasing(function, target)
            values, _ = units(x)
            data = tf.ensure_shape(data + here * x[..., tf.newaxis], latent.shape)
            return (
                index + 1,
                data,
                *(
                    tf.ensure_shape(old + here[:, tf.newaxis] * new[..., tf.newaxis, :], old.shape)
                    for old, new in zip(hidden, values, strict=False)
                ),
            )

        hidden = [
            tf.zeros_like(latent)[..., tf.newaxis] + tf.zeros([diagonal.shape[-1]], latent.dtype)
            for diagonal in diagonals[:-1]
        ]
        _, data, *_ = tf.while_loop(
            lambda index, *_: index < size,
            next_coordinate,
            (tf.constant(0), tf.zeros_like(latent), *hidden),
            maximum_iterations=size,
        )
        return data

    def _with_gradient(self, solution, latent, tensors):
        """Return `solution` as a function of the latent points and the tensors."""

        @custom_gradient
        def implicit(latent, *tensors):
            def gradient(upstream):
                refuse_forward_mode("latent to data of a block autoregressive bijector")
                # The solution again, not the constant, so that this gradient has one itself.
                data = self._with_gradient(solution, latent, tensors)
                adjoint = tf.linalg.triangular_solve(
                    self._jacobian(data, tensors),
                    upstream[..., tf.newaxis],
                    lower=True,
                    adjoint=True,
                )[..., 0]
                with tf.GradientTape() as tape:
                    tape.watch(tensors)
                    z, _ = self._direct(data, tensors)
                by_tensors = tape.gradient(z, list(tensors), -adjoint, unconnected_gradients="zero")
                return (adjoint, *by_tensors)

            return tf.identity(solution), gradient

        return implicit(latent, *tensors)

    def _jacobian(self, x, tensors):
        """Return dz/dx ``[..., D, D]``: as many copies of the batch as there are rows."""
        size, rank = self._size, x.shape.rank
        copies = tf.broadcast_to(x, tf.concat([[size], tf.shape(x)], 0))
        rows = tf.reshape(tf.eye(size, dtype=x.dtype), [size, *([1] * (rank - 1)), size])
        with tf.GradientTape() as tape:
            tape.watch(copies)
            z, _ = self._direct(copies, tensors)
        rows = tape.gradient(z, copies, tf.broadcast_to(rows, tf.shape(z)))
        return tf.transpose(rows, [*range(1, rank), 0, rank])


def _log_product(log_slope, kernel):
    """Return log(exp(log_slope) @ kernel) for positive kernels ``[..., a, b]``."""
    largest = tf.stop_gradient(tf.reduce_max(log_slope, -1, keepdims=True))
    scaled = tf.exp(log_slope - largest)
    if kernel.shape.rank == 2:
        product = tf.tensordot(scaled, kernel, 1)
    else:
        product = tf.einsum("...ja,jab->...jb", scaled, kernel)
    return tf.math.log(product) + largest


def _mix(value, log_slope, x, share):
    """Return (1 - share) value + share x and the logarithm of its slope."""
    log_slope = tfp.math.log_add_exp(log_slope + tf.math.log1p(-share), tf.math.log(share))
    return (1.0 - share) * value + share * x, log_slope
