"""A residual network with an optional context that gates its blocks."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from tfflows.bijectors import checks
from tfflows.conditioners.base import ContextNetwork

# Blocks that start small leave the signal of a deep stack at its size at the start.
_BLOCK_SCALE = 0.1


@keras.saving.register_keras_serializable(package="tfflows")
class ResidualNetwork(ContextNetwork):
    """A residual network x [..., D] (and a context [..., C]) -> [..., output_size].

    With h = [x, c] K + b to begin with, each block adds

        t = a(a(h) K_1 + b_1) K_2 + b_2,    h <- h + t sigmoid(c G + g)

    (without a context, or with ``context_gate=False``, h <- h + t), and the output is
    a(h) K_out + b_out. The second kernel of a block starts at a tenth of its usual size, so that a
    deep network starts near a shallow one.

    Parameters
    ----------
    output_size
        The size of the last axis of the output.
    width
        The width of every block.
    blocks
        The number of blocks; 0 leaves one hidden layer.
    activation
        A Keras activation; None is the identity.
    zero_output
        Whether the last layer starts at zero, so that the output is zero at the start.
    dropout
        The rate of dropout between the two layers of a block, in training.
    context_gate
        Whether the context gates each block (a gated linear unit) beside entering at the input.
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
    He, Zhang, Ren, Sun 2016, "Identity Mappings in Deep Residual Networks", arXiv:1603.05027;
    gates: Durkan, Bekasov, Murray, Papamakarios 2019, "Neural Spline Flows", arXiv:1906.04032.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tfflows.conditioners import ResidualNetwork
    >>> net = ResidualNetwork(3, width=16, blocks=2, input_size=2, context_size=4)
    >>> net(tf.zeros([5, 2]), context=tf.zeros([4])).shape
    TensorShape([5, 3])
    """

    def __init__(
        self,
        output_size: int,
        width: int = 64,
        blocks: int = 2,
        activation: str | Callable | None = "relu",
        zero_output: bool = False,
        dropout: float = 0.0,
        context_gate: bool = True,
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
        self.width = checks.positive_integer("width", width)
        self.blocks = checks.positive_integer("blocks", blocks, minimum=0)
        self.context_gate = bool(context_gate)
        self._build_if_known()

    def _create_layers(self) -> None:
        width = self.width
        self.input_kernel = self._add_kernel("input_kernel", self.input_size, width)
        self.input_bias = self._add_bias("input_bias", self.input_size, width)
        self.context_kernel = None
        if self.context_size is not None:
            self.context_kernel = self._add_kernel("context_kernel", self.context_size, width)
        kernels, biases, gate_kernels, gate_biases = [], [], [], []
        for k in range(self.blocks):
            for part, scale in ((0, 1.0), (1, _BLOCK_SCALE)):
                name = f"block_{k}_{part}"
                kernels.append(self._add_kernel(f"{name}_kernel", width, width, scale=scale))
                biases.append(self._add_bias(f"{name}_bias", width, width))
            if self.context_size is not None and self.context_gate:
                name = f"block_{k}_gate"
                gate_kernels.append(self._add_kernel(f"{name}_kernel", self.context_size, width))
                gate_biases.append(self._add_bias(f"{name}_bias", self.context_size, width))
        self.kernels, self.biases = kernels, biases
        self.gate_kernels, self.gate_biases = gate_kernels, gate_biases
        self.output_kernel = self._add_kernel(
            "output_kernel", width, self.output_size, self.zero_output
        )
        self.output_bias = self._add_bias("output_bias", width, self.output_size, self.zero_output)

    def _transform(
        self, x: tf.Tensor, context: tf.Tensor | None, training: bool | None
    ) -> tf.Tensor:
        h = self._affine(x, self.input_kernel, self.input_bias)
        if context is not None:
            h = h + self._affine(context, self.context_kernel)
        for k in range(self.blocks):
            first, second = 2 * k, 2 * k + 1
            t = self._affine(self.activation(h), self.kernels[first], self.biases[first])
            t = self._affine(self._activate(t, training), self.kernels[second], self.biases[second])
            if context is not None and self.context_gate:
                t = t * tf.sigmoid(self._affine(context, self.gate_kernels[k], self.gate_biases[k]))
            h = h + t
        return self._affine(self.activation(h), self.output_kernel, self.output_bias)

    def get_config(self) -> dict:
        """Return the arguments that rebuild this layer."""
        config = {"width": self.width, "blocks": self.blocks, "context_gate": self.context_gate}
        return {**super().get_config(), **config}
