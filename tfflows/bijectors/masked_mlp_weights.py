"""The forward pass of a masked autoregressive network, and its layers as plain tensors."""

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfflows.bijectors.event import flatten_event, restore_event

__all__ = ["MaskedMLPWeights", "add", "ends_block", "forward_pass"]


def forward_pass(
    inputs, depth: int, affine: Callable, activate: Callable, residual: bool = False
) -> list:
    r"""Return what each layer of a masked network computes, from the input to the output.

    .. math:: s_l = \mathrm{affine}_l(u_l) \; (+ \, s_{l-2}), \qquad u_{l+1} = a_l(s_l),

    from :math:`u_0 =` `inputs`; the term in parentheses where a residual block ends.

    Parameters
    ----------
    inputs
        What the first layer sees: a tensor, or anything else that `affine` takes.
    depth : int
        The number of layers.
    affine : callable
        ``affine(layer, inputs, skip)`` returns the product of a layer with its offset, plus
        `skip` unless that is None.
    activate : callable
        ``activate(layer, state)`` returns the inputs of the layer after a hidden one.
    residual : bool
        Whether hidden layers are residual blocks of two layers.

    Returns
    -------
    list
        The states: what the activations act on, and last the outputs.

    Examples
    --------
    >>> def affine(layer, u, skip):
    ...     return add(10.0 * u, skip)
    >>> forward_pass(1.0, 4, affine, lambda layer, s: s + 1.0, residual=True)
    [10.0, 110.0, 1120.0, 11210.0]
    """
    states = []
    for layer in range(depth):
        skip = states[layer - 2] if ends_block(layer, depth, residual) else None
        states.append(affine(layer, inputs, skip))
        if layer < depth - 1:
            inputs = activate(layer, states[-1])
    return states


def ends_block(layer: int, depth: int, residual: bool) -> bool:
    """Whether a layer of a network of so many ends a residual block."""
    return residual and layer % 2 == 0 and 2 <= layer < depth - 1


def add(product, *terms):
    """Return `product` plus those terms that are not None."""
    for term in terms:
        product = product if term is None else product + term
    return product


@dataclasses.dataclass(frozen=True, eq=False)
class MaskedMLPWeights:
    r"""A masked autoregressive network, opened up for those who solve equations with it.

    Layer l computes, in columns,

    .. math:: s_l = K_l^\top u_l + o_l \; (+ \, s_{l-2}), \qquad u_{l+1} = a(s_l),

    from :math:`u_0 = x`, or features of it; the last s holds the raw parameters. Degrees say who
    sees whom: a hidden unit of degree d depends on coordinates of degree d or less, the parameters
    of a coordinate of degree d on those of lower degree. The entries of a kernel that would break
    this are zero.

    Parameters
    ----------
    kernels : sequence of tf.Tensor
        Masked kernels ``[inputs, outputs]``, from the input to the output; the last has
        ``D * parameter_size`` outputs, those of one coordinate side by side, as are its features in
        the first.
    offsets : sequence of tf.Tensor or None
        What is added to each product: a bias ``[outputs]``, with or without what the context
        contributes, ``[..., outputs]``; None for nothing.
    input_degrees : sequence of int
        Degrees of the D coordinates, each of 1..groups at least once.
    hidden_degrees : sequence of sequence of int
        Degrees of the units of each hidden layer, in increasing order, at least 0.
    parameter_size : int
        Number of raw parameters per coordinate.
    activation : callable
        Acts on each hidden unit by itself.
    residual : bool
        Whether s of layers 2, 4, ... (not of the last) starts from s of two layers before.
    features : callable, optional
        Maps coordinates ``[..., 1]`` to what the first layer sees of each, ``[..., features]``; by
        default the coordinate itself.

    Raises
    ------
    ValueError
        If the sizes do not fit, or hidden degrees are not sorted.

    Examples
    --------
    >>> import tensorflow as tf
    >>> kernel = tf.constant([[0.0, 2.0], [0.0, 0.0]])
    >>> stack = MaskedMLPWeights([kernel], [None], (1, 2), (), 1, tf.tanh)
    >>> print(stack(tf.constant([[3.0, 4.0]])).numpy().tolist())
    [[[0.0], [6.0]]]
    """

    kernels: tuple
    offsets: tuple
    input_degrees: tuple[int, ...]
    hidden_degrees: tuple[tuple[int, ...], ...]
    parameter_size: int
    activation: Callable
    residual: bool = False
    features: Callable | None = None

    def __post_init__(self):
        """Check that the parts fit together."""
        sizes = [
            len(self.input_degrees) * self.feature_size,
            *(len(degrees) for degrees in self.hidden_degrees),
            len(self.input_degrees) * self.parameter_size,
        ]
        given = [tuple(kernel.shape) for kernel in self.kernels]
        if given != list(itertools.pairwise(sizes)):
            raise ValueError(
                f"expected kernels from one layer of sizes {sizes} to the next; got {given}."
            )
        if len(self.offsets) != len(self.kernels):
            raise ValueError(
                f"expected an offset (or None) for each of {len(self.kernels)} kernels; got "
                f"{len(self.offsets)}."
            )
        for degrees in self.hidden_degrees:
            if list(degrees) != sorted(degrees):
                raise ValueError(f"expected hidden degrees in increasing order; got {degrees}.")

    @property
    def tensors(self) -> list[tf.Tensor]:
        """The kernels and those offsets that are there."""
        return [*self.kernels, *(offset for offset in self.offsets if offset is not None)]

    def with_tensors(self, tensors) -> "MaskedMLPWeights":
        """Return the same network with other `tensors`."""
        count = len(self.kernels)
        rest = iter(tensors[count:])
        offsets = tuple(None if offset is None else next(rest) for offset in self.offsets)
        return dataclasses.replace(self, kernels=tuple(tensors[:count]), offsets=offsets)

    @property
    def groups(self) -> int:
        """The highest degree of a coordinate."""
        return max(self.input_degrees)

    @property
    def feature_size(self) -> int:
        """The number of features of a coordinate."""
        size = len(self.input_degrees)
        return 1 if self.features is None else self.kernels[0].shape[0] // size

    def skips(self, layer: int) -> bool:
        """Whether s of `layer` starts from s of two layers before."""
        return ends_block(layer, len(self.kernels), self.residual)

    def run(self, inputs, affine: Callable) -> list:
        """Return the states of all layers, products computed by `affine`: see `forward_pass`."""

        def activate(_, state):
            return self.activation(state)

        return forward_pass(inputs, len(self.kernels), affine, activate, self.residual)

    def permuted(self, order) -> "MaskedMLPWeights":
        """Return the network whose coordinate i is coordinate ``order[i]`` of this one."""
        if list(order) == list(range(len(order))):
            return self
        rows, columns = (
            (np.asarray(order)[:, np.newaxis] * size + np.arange(size)).reshape(-1)
            for size in (self.feature_size, self.parameter_size)
        )
        kernels, offsets = list(self.kernels), list(self.offsets)
        kernels[0] = tf.gather(kernels[0], rows)
        kernels[-1] = tf.gather(kernels[-1], columns, axis=1)
        if offsets[-1] is not None:
            offsets[-1] = tf.gather(offsets[-1], columns, axis=-1)
        return dataclasses.replace(
            self,
            kernels=tuple(kernels),
            offsets=tuple(offsets),
            input_degrees=tuple(self.input_degrees[i] for i in order),
        )

    def __call__(self, x) -> tf.Tensor:
        """Return the raw parameters ``[..., D, parameter_size]`` at events ``[..., D]``."""
        count = len(self.input_degrees)
        inputs = tf.cast(x, self.kernels[0].dtype)
        if self.features is not None:
            inputs = self.features(inputs[..., tf.newaxis])
            inputs = flatten_event(inputs, (count, self.feature_size))

        def affine(layer, inputs, skip):
            kernel = self.kernels[layer]
            flat = inputs.shape.rank == 2
            product = inputs @ kernel if flat else tf.tensordot(inputs, kernel, 1)
            return add(product, self.offsets[layer], skip)

        states = self.run(inputs, affine)
        return restore_event(states[-1], (count, self.parameter_size))

    def evaluate(self, x) -> tuple[list, list]:
        """Evaluate the layers one by one at events given by rows; gradients stay within a layer.

        Parameters
        ----------
        x : tf.Tensor
            Events ``[D, ...]``, coordinates first.

        Returns
        -------
        products : list of tf.Tensor
            Product plus offset of each layer, ``[outputs, ...]``; the last are the raw parameters.
            Each sees the gradients of its own kernel and offset alone.
        states : list of tf.Tensor
            What the activation of each hidden layer acts on.
        """
        products = []

        def affine(layer, inputs, skip):
            product = multiply(tf.transpose(self.kernels[layer]), tf.stop_gradient(inputs))
            products.append(add(product, self.offset_rows(layer, x.shape.rank)))
            return add(products[-1], skip)

        states = self.run(self.encode(x), affine)[:-1]
        return products, states

    def encode(self, x) -> tf.Tensor:
        """Return the features ``[k * features, ...]`` of coordinates ``[k, ...]``."""
        x = tf.cast(x, self.kernels[0].dtype)
        if self.features is None:
            return x
        rank = x.shape.rank
        features = tf.transpose(self.features(x[..., tf.newaxis]), [0, rank, *range(1, rank)])
        rows = x.shape[0] * self.feature_size
        return tf.reshape(features, tf.concat([[rows], tf.shape(features)[2:]], 0))

    def offset_rows(self, layer: int, rank: int) -> tf.Tensor | None:
        """Return the offset of `layer` with its outputs first, for arrays of `rank`."""
        offset = self.offsets[layer]
        if offset is None:
            return None
        own = offset.shape.rank
        rows = tf.transpose(offset, [own - 1, *range(own - 1)])
        if own == rank:
            return rows
        shape = tf.shape(rows)
        return tf.reshape(rows, tf.concat([shape[:1], [1] * (rank - own), shape[1:]], 0))


def multiply(kernel, array):
    """Return ``kernel [r, n] @ array [n, ...]`` as ``[r, ...]``."""
    if array.shape.rank == 2:
        return tf.linalg.matmul(kernel, array)
    flat = tf.linalg.matmul(kernel, tf.reshape(array, [array.shape[0], -1]))
    return tf.reshape(flat, tf.concat([tf.shape(flat)[:1], tf.shape(array)[1:]], 0))
