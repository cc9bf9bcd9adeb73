"""One masked dense layer: its weights, its product, and how a file holds its kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfflows.bijectors.masked_mlp_weights import add
from tfflows.conditioners import linear
from tfflows.conditioners.block_masked_matmul import BlockMaskedMatmul

__all__ = ["MaskedDense", "WholeKernel", "whole_kernels"]


class MaskedDense:
    r"""A dense layer with a masked kernel, whose weights belong to a Keras layer.

    .. math:: s = u (K \odot M) + c\, C + b \; (+ \, \mathrm{skip}),

    with inputs u and a context c. The weights are created at once, by ``owner.add_weight``: they
    are the owner's in names, paths and order (blocks of the kernel, bias, kernel of the context).

    Parameters
    ----------
    owner
        The Keras layer that the weights belong to; its ``compute_dtype`` is that of products.
    product
        The mask, and the blocks in which the kernel is kept.
    index
        The number of the layer: part of the names of the weights, and of their seeds.
    context_size
        The size of the context, None where it does not enter.
    context_mask
        Zeros and ones [context_size, outputs] for the kernel of the context; None for ones.
    zero
        Whether all weights start at zero.
    zero_bias
        Whether the bias starts at zero where no `bias_initializer` is given.
    scale
        A factor of the initial kernel.
    use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer
        As in ``AutoregressiveNetwork``.
    kernel_constraint, bias_constraint, seed
        As in ``AutoregressiveNetwork``.

    Attributes
    ----------
    product : BlockMaskedMatmul
        As given.
    blocks : list of keras.Variable
        The blocks of the kernel.
    bias, context_kernel : keras.Variable or None
        The bias [outputs], and the kernel of the context [context_size, outputs].

    Examples
    --------
    >>> mask = np.array([[1.0, 1.0], [0.0, 1.0]], "float32")
    >>> owner = keras.layers.Layer(name="owner")
    >>> dense = MaskedDense(owner, BlockMaskedMatmul(mask), kernel_initializer="ones")
    >>> dense([tf.constant([[2.0, 3.0]])])[0].numpy().tolist()
    [[2.0, 5.0]]
    >>> [weight.name for weight in owner.weights]
    ['kernel_0']
    """

    def __init__(
        self,
        owner: keras.layers.Layer,
        product: BlockMaskedMatmul,
        index: int = 0,
        context_size: int | None = None,
        context_mask: np.ndarray | None = None,
        zero: bool = False,
        zero_bias: bool = False,
        scale: float = 1.0,
        *,
        use_bias: bool = False,
        kernel_initializer: str | dict | Callable = linear.KERNEL_INITIALIZER,
        bias_initializer: str | dict | Callable | None = None,
        kernel_regularizer: Callable | None = None,
        bias_regularizer: Callable | None = None,
        kernel_constraint: Callable | None = None,
        bias_constraint: Callable | None = None,
        seed: int | None = None,
    ):
        self.product, self._context_mask = product, context_mask
        self._owner = owner
        inputs_seen = product.mask.sum(axis=0)
        of_kernel = {"regularizer": kernel_regularizer, "constraint": kernel_constraint}
        draw = linear.fresh_initializer(kernel_initializer, seed, 3 * index)
        parts = _parts_of_one_draw(draw, product, scale)
        self.blocks = [
            owner.add_weight(
                name=f"kernel_{index}" if len(parts) == 1 else f"kernel_{index}_{number}",
                shape=block.shape,
                initializer="zeros" if zero else part,
                **of_kernel,
            )
            for number, (block, part) in enumerate(zip(product.blocks, parts, strict=True))
        ]
        self.bias = self.context_kernel = None
        if use_bias:
            if bias_initializer is None:
                draw = linear.spread_biases(inputs_seen, seed, 3 * index + 1)
                zero_bias = zero or zero_bias
            else:
                draw = linear.fresh_initializer(bias_initializer, seed, 3 * index + 1)
                zero_bias = zero
            self.bias = owner.add_weight(
                name=f"bias_{index}",
                shape=inputs_seen.shape,
                initializer="zeros" if zero_bias else draw,
                regularizer=bias_regularizer,
                constraint=bias_constraint,
            )
        if context_size is not None:
            draw = linear.fresh_initializer(kernel_initializer, seed, 3 * index + 2)
            self.context_kernel = owner.add_weight(
                name=f"context_kernel_{index}",
                shape=(context_size, len(inputs_seen)),
                initializer="zeros" if zero else draw,
                **of_kernel,
            )

    def __call__(
        self,
        parts: Sequence[tf.Tensor],
        context: tf.Tensor | None = None,
        skip: Sequence[tf.Tensor] | None = None,
    ) -> list[tf.Tensor]:
        """Return the outputs, whole or in halves.

        Parameters
        ----------
        parts
            The inputs [..., inputs], a list of one tensor or of halves, as `product` takes them.
        context
            A context [..., context_size].
        skip
            What is added, in the parts of the outputs.

        Returns
        -------
        list of tf.Tensor
            The outputs [..., outputs], or their halves.
        """
        results = self.product(parts, self._tensors())
        offset = self.offset(context)
        offsets = [offset] * len(results)
        if offset is not None and len(results) > 1:
            sizes = [columns.stop - columns.start for columns in self.product.columns]
            offsets = tf.split(offset, sizes, axis=-1)
        skips = [None] * len(results) if skip is None else skip
        return [add(*terms) for terms in zip(results, offsets, skips, strict=True)]

    @property
    def kernel(self) -> tf.Tensor:
        """The masked kernel [inputs, outputs]."""
        return self.product.join(self.product.masked(self._tensors()))

    def offset(self, context: tf.Tensor | None = None) -> tf.Tensor | None:
        """Return what a context and the bias add to the product, None for nothing."""
        bias = None if self.bias is None else self._tensor(self.bias)
        if self.context_kernel is None:
            return bias
        kernel = self._tensor(self.context_kernel)
        if self._context_mask is not None:
            kernel *= tf.constant(self._context_mask, kernel.dtype)
        return add(linear.affine(context, kernel), bias)

    def _tensors(self) -> list[tf.Tensor]:
        return [self._tensor(block) for block in self.blocks]

    def _tensor(self, variable: keras.Variable) -> tf.Tensor:
        return tf.cast(tf.convert_to_tensor(variable), self._owner.compute_dtype)


def _parts_of_one_draw(draw: Callable, product: BlockMaskedMatmul, scale: float) -> list[Callable]:
    """Return an initializer of each block: all of them are parts of one masked kernel."""
    mask = product.mask
    factor = mask * scale
    if isinstance(draw, keras.initializers.VarianceScaling):
        factor = factor * np.sqrt(mask.shape[0] / np.maximum(mask.sum(axis=0), 1.0))
    drawn = []

    def part_of(block):
        def initialize(shape, dtype=None):
            if not drawn:
                # A model of layers is traced before it has weights; the draw outlives that graph.
                with tf.init_scope():
                    values = draw(mask.shape, dtype=dtype)
                    drawn.append(values * keras.ops.cast(factor, values.dtype))
            return drawn[0][block.rows, block.columns]

        return initialize

    return [part_of(block) for block in product.blocks]


class WholeKernel(NamedTuple):
    """The kernel of a layer in one piece, read and assigned like a variable."""

    layer: MaskedDense

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the whole kernel."""
        return self.layer.product.mask.shape

    def numpy(self) -> np.ndarray:
        """Return the kernel, not masked within its blocks."""
        blocks = [tf.convert_to_tensor(block) for block in self.layer.blocks]
        return self.layer.product.join(blocks).numpy()

    def assign(self, value: np.ndarray) -> None:
        """Set the blocks to those of `value`."""
        for block, part in zip(self.layer.blocks, self.layer.product.split(value), strict=True):
            block.assign(part)


def whole_kernels(
    layers: Iterable[MaskedDense], variables: Iterable[keras.Variable]
) -> list[keras.Variable | WholeKernel]:
    """Return variables for a file, each kernel as a whole in place of its first block.

    Parameters
    ----------
    layers
        The layers whose blocks may be among the variables.
    variables
        The variables, those of other objects included, in the order of the file.
    """
    kernels = {id(layer.blocks[0]): WholeKernel(layer) for layer in layers}
    others = {id(block) for layer in layers for block in layer.blocks[1:]}
    return [kernels.get(id(one), one) for one in variables if id(one) not in others]
