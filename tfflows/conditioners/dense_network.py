"""A multilayer perceptron with an optional context."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from tfflows.bijectors import checks
from tfflows.conditioners.base import ContextNetwork


@keras.saving.register_keras_serializable(package="tfflows")
class DenseNetwork(ContextNetwork):
    """A multilayer perceptron x [..., D] (and a context [..., C]) -> [..., output_size].

    h_0 = [x, c], h_l = a(h_{l-1} K_l + b_l), and the output is h_L K + b. The product of the
    context with its rows of K_1 is taken before the batch axes are broadcast.

    Parameters
    ----------
    output_size
        The size of the last axis of the output.
    hidden_units
        The widths of the hidden layers; empty for an affine map.
    activation
        A Keras activation; None is the identity.
    dropout
        The rate of dropout after hidden activations, in training.
    zero_output
        Whether the last layer starts at zero, so that the output is zero at the start.
    input_size, context_size
        D and C. Where ``input_size`` is given, every weight exists after construction, and
        ``context_size=None`` means no context; otherwise the first call tells both.
    **kwargs
        ``use_bias``, ``kernel_initializer``, ``bias_initializer``, ``seed`` (fixes the initial
        kernels and the dropout), and those of ``keras.layers.Layer``.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or a call has an x or a context of another shape.

    References
    ----------
    Goodfellow, Bengio, Courville 2016, "Deep Learning", chapter 6.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tfflows.conditioners import DenseNetwork
    >>> net = DenseNetwork(3, hidden_units=(16, 16), input_size=2, context_size=4)
    >>> net(tf.zeros([7, 1, 2]), context=tf.zeros([5, 4])).shape
    TensorShape([7, 5, 3])
    """

    def __init__(
        self,
        output_size: int,
        hidden_units: Sequence[int] = (64, 64),
        activation: str | Callable | None = "relu",
        zero_output: bool = False,
        dropout: float = 0.0,
        input_size: int | None = None,
        context_size: int | None = None,
        **kwargs,
    ):
        super().__init__(
            output_size,
            activation=activation,
            zero_output=zero_output,
            dropout=dropout,
            input_size=input_size,
            context_size=context_size,
            **kwargs,
        )
        self.hidden_units = checks.positive_integers("hidden_units", hidden_units)
        self._build_if_known()

    def _create_layers(self) -> None:
        sizes = (self.input_size, *self.hidden_units, self.output_size)
        last = len(sizes) - 2
        kernels, biases = [], []
        for k, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
            zero = self.zero_output and k == last
            kernels.append(self._add_kernel(f"kernel_{k}", inputs, outputs, zero))
            biases.append(self._add_bias(f"bias_{k}", inputs, outputs, zero))
        self.kernels, self.biases = kernels, biases
        self.context_kernel = None
        if self.context_size is not None:
            zero = self.zero_output and last == 0
            self.context_kernel = self._add_kernel(
                "context_kernel", self.context_size, sizes[1], zero
            )

    def _transform(
        self, x: tf.Tensor, context: tf.Tensor | None, training: bool | None
    ) -> tf.Tensor:
        h = self._affine(x, self.kernels[0], self.biases[0])
        if context is not None:
            h = h + self._affine(context, self.context_kernel)
        for kernel, bias in zip(self.kernels[1:], self.biases[1:], strict=True):
            h = self._affine(self._activate(h, training), kernel, bias)
        return h

    def get_config(self) -> dict:
        """Return the arguments that rebuild this layer."""
        return {**super().get_config(), "hidden_units": list(self.hidden_units)}
