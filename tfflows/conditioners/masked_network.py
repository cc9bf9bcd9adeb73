"""A masked network: from degrees to masks, from masks to layers, and the forward pass."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfflows.bijectors.masked_mlp_weights import MaskedMLPWeights, ends_block, forward_pass
from tfflows.conditioners.block_masked_matmul import BlockMaskedMatmul, best_cut
from tfflows.conditioners.dependency_masks import DependencyMasks
from tfflows.conditioners.masked_dense import MaskedDense
from tfflows.conditioners.masks import make_masks
from tfflows.conditioners.periodic_features import periodic_features

__all__ = ["MaskedNetwork"]

# Blocks that start small leave the signal of a deep stack at its size at the start.
_BLOCK_SCALE = 0.1


class MaskedNetwork:
    """The masked layers of a network, whose weights belong to a Keras layer.

    Parameters
    ----------
    owner
        The Keras layer that creates and owns the weights.
    input_degrees
        The degree of each of the D coordinates.
    hidden_degrees
        The degrees of the units of each hidden layer; with `residual`, of the input layer and of
        each block.
    params
        The number of outputs of each coordinate.
    activation
        Acts on each hidden unit by itself.
    residual
        Whether hidden layers are residual blocks of two masked layers.
    period
        The circumference of the circle that coordinates are points of; None on the line.
    context_size
        The size of the context, None without one.
    context_everywhere
        Whether the context enters all layers but those that end a residual block, or the first
        alone.
    zero_output
        Whether the last layer starts at zero.
    graph
        The masks of a graph of dependences, to which the degrees belong; None where each
        coordinate depends on all of lower degree.
    **options
        Initializers and the like, as `MaskedDense` takes them.

    Attributes
    ----------
    layers : list of MaskedDense
        The layers from the input to the output.
    layer_degrees : tuple of pairs
        The degrees of the inputs and of the outputs of each layer.

    Examples
    --------
    >>> network = MaskedNetwork(keras.layers.Layer(), (1, 2), [(1, 1, 1)], 4, tf.tanh)
    >>> network(tf.zeros([5, 2])).shape
    TensorShape([5, 8])
    """

    def __init__(
        self,
        owner: keras.layers.Layer,
        input_degrees: Sequence[int],
        hidden_degrees: Sequence[Sequence[int]],
        params: int,
        activation: Callable,
        residual: bool = False,
        period: float | None = None,
        context_size: int | None = None,
        context_everywhere: bool = True,
        zero_output: bool = False,
        graph: DependencyMasks | None = None,
        **options,
    ):
        self.input_degrees, self.params = tuple(input_degrees), params
        self.activation, self.residual = activation, residual
        self.features = (
            None if period is None else functools.partial(periodic_features, period=period)
        )
        features = 1 if period is None else 2
        hidden = [
            tuple(degrees)
            for position, degrees in enumerate(hidden_degrees)
            for _ in range(2 if residual and position else 1)
        ]
        inputs, outputs = (
            tuple(np.repeat(input_degrees, count).tolist()) for count in (features, params)
        )
        self.layer_degrees = tuple(itertools.pairwise([inputs, *hidden, outputs]))
        if graph is None:
            masks = make_masks(self.input_degrees, hidden, params, features)
            context_masks = [None] * len(masks)
        else:
            widths = [len(degrees) for degrees in hidden]
            masks = graph.masks(widths, params, features)
            context_masks = graph.context_masks(widths, params)
        cuts = best_cut(self.layer_degrees)
        if _needs_whole_kernels(**options):
            cuts = [None] * len(cuts)
        self.layers = []
        for k, (mask, cut) in enumerate(zip(masks, itertools.pairwise(cuts), strict=True)):
            ends = ends_block(k, len(masks), residual)
            enters = k == 0 or (context_everywhere and not ends)
            dense = MaskedDense(
                owner,
                BlockMaskedMatmul(mask, *cut, first=k == 0),
                index=k,
                context_size=context_size if enters else None,
                context_mask=context_masks[k],
                zero=zero_output and k == len(hidden),
                zero_bias=k == len(hidden),
                scale=_BLOCK_SCALE if ends else 1.0,
                **options,
            )
            self.layers.append(dense)

    def __call__(
        self,
        x: tf.Tensor,
        context: tf.Tensor | None = None,
        dropout: Callable | None = None,
    ) -> tf.Tensor:
        """Return the outputs [..., D * params], those of a coordinate side by side.

        Parameters
        ----------
        x
            Coordinates [..., D], of the owner's ``compute_dtype``.
        context
            A context [..., context_size] whose batch axes broadcast against those of x.
        dropout
            Acts on hidden units after their activation; with residual blocks, within these alone.
        """

        def activate(layer, state):
            parts = [self.activation(part) for part in state]
            # The states of even layers are sums of blocks, which stay whole.
            if dropout is None or (self.residual and layer % 2 == 0):
                return parts
            return [dropout(part) for part in parts]

        # The units of a layer, whole or in halves: see BlockMaskedMatmul.
        outputs = forward_pass(
            [x if self.features is None else self.features(x)],
            len(self.layers),
            lambda layer, parts, skip: self.layers[layer](parts, context, skip),
            activate,
            self.residual,
        )[-1]
        return outputs[0] if len(outputs) == 1 else tf.concat(outputs, -1)

    def weights(self, context: tf.Tensor | None = None) -> MaskedMLPWeights:
        """Return the layers as tensors, for a solver that computes them unit by unit."""
        return MaskedMLPWeights(
            kernels=tuple(layer.kernel for layer in self.layers),
            offsets=tuple(layer.offset(context) for layer in self.layers),
            input_degrees=self.input_degrees,
            hidden_degrees=tuple(degrees for degrees, _ in self.layer_degrees[1:]),
            parameter_size=self.params,
            activation=self.activation,
            residual=self.residual,
            features=self.features,
        )


def _needs_whole_kernels(kernel_regularizer=None, kernel_constraint=None, **_) -> bool:
    """Whether something acts on kernels that would do something else to their blocks."""
    separable = (type(None), keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
    return kernel_constraint is not None or type(kernel_regularizer) not in separable
