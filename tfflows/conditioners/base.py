"""The common part of the unmasked networks: arguments, weights, checks and config."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfflows.bijectors import checks
from tfflows.conditioners import linear


class ContextNetwork(keras.layers.Layer):
    """Base of networks x [..., D] (and a context [..., C]) -> [..., output_size].

    A subclass implements ``_create_layers()`` (with ``_add_kernel`` and ``_add_bias``) and
    ``_transform(x, context, training)``, and adds its own arguments to ``get_config``.

    Parameters
    ----------
    output_size
        The size of the last axis of the output.
    activation
        A Keras activation; None is the identity.
    use_bias
        Whether layers have biases.
    kernel_initializer, bias_initializer
        Keras initializers, drawn afresh for each weight. By default both are uniform on
        +-1/sqrt(n) for a unit of n inputs.
    dropout
        The rate of dropout after hidden activations, in training.
    zero_output
        Whether the kernels and the bias of the last layer start at zero.
    input_size, context_size
        D and C. Where ``input_size`` is given, every weight exists after construction, and
        ``context_size=None`` means no context; otherwise the first call tells both.
    seed
        An int that fixes the initial kernels and the dropout.
    **kwargs
        Those of ``keras.layers.Layer``: ``name``, ``dtype``, ``trainable``.
    """

    def __init__(
        self,
        output_size: int,
        activation: str | Callable | None = "relu",
        use_bias: bool = True,
        kernel_initializer: str | dict | Callable | None = None,
        bias_initializer: str | dict | Callable | None = None,
        dropout: float = 0.0,
        zero_output: bool = False,
        input_size: int | None = None,
        context_size: int | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.output_size = checks.positive_integer("output_size", output_size)
        self.activation = keras.activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = keras.initializers.get(
            linear.KERNEL_INITIALIZER if kernel_initializer is None else kernel_initializer
        )
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.dropout = linear.dropout_rate(dropout)
        self.zero_output = bool(zero_output)
        self.input_size = (
            None if input_size is None else checks.positive_integer("input_size", input_size)
        )
        self.context_size = (
            None if context_size is None else checks.positive_integer("context_size", context_size)
        )
        self.seed = None if seed is None else int(seed)
        self._weight_count = 0
        self._dropout = (
            keras.layers.Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
            if self.dropout
            else None
        )

    def _build_if_known(self) -> None:
        """Create every weight now where the sizes are known: a subclass's last step."""
        if self.input_size is not None and not self.built:
            context = None if self.context_size is None else (None, self.context_size)
            self.build((None, self.input_size), context)

    def build(
        self, x_shape: Sequence[int | None], context_shape: Sequence[int | None] | None = None
    ) -> None:
        """Create every weight.

        Parameters
        ----------
        x_shape
            The shape of x, batch axes included.
        context_shape
            The shape of the context, batch axes included; None without a context.

        Raises
        ------
        ValueError
            If a size is unknown or differs from the one given at construction.
        """
        self.input_size = _size("x", x_shape, self.input_size)
        if context_shape is not None:
            self.context_size = _size("context", context_shape, self.context_size)
        elif self.context_size is not None:
            raise ValueError(
                f"{self._owner()} needs context of shape (..., {self.context_size}); got None."
            )
        self._create_layers()
        if self._dropout is not None and not self._dropout.built:
            self._dropout.build((None, self.input_size))

    def _create_layers(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} must implement _create_layers().")

    def _transform(
        self, x: tf.Tensor, context: tf.Tensor | None, training: bool | None
    ) -> tf.Tensor:
        raise NotImplementedError(f"{type(self).__name__} must implement _transform().")

    def _add_kernel(
        self, name: str, inputs: int, outputs: int, zero: bool = False, scale: float = 1.0
    ) -> keras.Variable:
        self._weight_count += 1
        draw = linear.fresh_initializer(self.kernel_initializer, self.seed, self._weight_count)

        def scaled(shape, dtype=None):
            values = draw(shape, dtype=dtype)
            return values * keras.ops.cast(scale, values.dtype)

        return self.add_weight(
            name=name,
            shape=(inputs, outputs),
            initializer="zeros" if zero else draw if scale == 1.0 else scaled,
        )

    def _add_bias(
        self, name: str, inputs: int, outputs: int, zero: bool = False
    ) -> keras.Variable | None:
        if not self.use_bias:
            return None
        self._weight_count += 1
        if self.bias_initializer is None:
            draw = linear.spread_biases(np.full(outputs, inputs), self.seed, self._weight_count)
        else:
            draw = linear.fresh_initializer(self.bias_initializer, self.seed, self._weight_count)
        return self.add_weight(name=name, shape=(outputs,), initializer="zeros" if zero else draw)

    def call(
        self, x: tf.Tensor, context: tf.Tensor | None = None, training: bool | None = None
    ) -> tf.Tensor:
        """Return the network's output.

        Parameters
        ----------
        x
            A tensor [..., D].
        context
            A tensor [..., C] whose batch axes broadcast against those of x; None for a network
            that was built without one.
        training
            Whether dropout is active.

        Returns
        -------
        tf.Tensor
            [..., output_size], with the batch axes of x and the context broadcast.

        Raises
        ------
        ValueError
            If x or the context is missing, not wanted, or of another shape.
        """
        x = tf.cast(tf.convert_to_tensor(x), self.compute_dtype)
        linear.check_event(self._owner(), "x", x, (self.input_size,))
        if self.context_size is None:
            if context is not None:
                raise ValueError(
                    f"{self._owner()} was built without a context, but one of shape "
                    f"{linear.shape_of(context)} was given; construct it with context_size."
                )
        elif context is None:
            raise ValueError(
                f"{self._owner()} needs context of shape (..., {self.context_size}); got None."
            )
        else:
            context = tf.cast(tf.convert_to_tensor(context), self.compute_dtype)
            linear.check_event(self._owner(), "context", context, (self.context_size,))
            linear.check_batches(self._owner(), "context", x, context)
        return self._transform(x, context, training)

    @staticmethod
    def _affine(
        x: tf.Tensor, kernel: keras.Variable, bias: keras.Variable | None = None
    ) -> tf.Tensor:
        product = linear.affine(x, tf.convert_to_tensor(kernel))
        return product if bias is None else product + tf.convert_to_tensor(bias)

    def _activate(self, h: tf.Tensor, training: bool | None) -> tf.Tensor:
        h = self.activation(h)
        return h if self._dropout is None else self._dropout(h, training=training)

    def _owner(self) -> str:
        return f"{type(self).__name__} {self.name!r}"

    def get_config(self) -> dict:
        """Return the arguments that rebuild this layer."""
        config = {
            "output_size": self.output_size,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "dropout": self.dropout,
            "zero_output": self.zero_output,
            "input_size": self.input_size,
            "context_size": self.context_size,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}


def _size(name: str, shape: Sequence[int | None], known: int | None) -> int:
    if known is None:
        return linear.last_size(name, shape)
    if not len(shape) or shape[-1] not in (None, known):
        raise ValueError(f"{name} must have {known} columns; it has shape {tuple(shape)}.")
    return known
