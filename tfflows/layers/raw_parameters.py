"""Raw parameters that do not depend on the event: a weight, or a network of the context."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfflows.bijectors.checks import positive_integers
from tfflows.bijectors.event import restore_event
from tfflows.conditioners.dense_network import DenseNetwork
from tfflows.layers.base import BijectorLayer
from tfflows.layers.context import flatten_context

__all__ = ["RawParameterLayer", "RawParameters"]


@keras.saving.register_keras_serializable(package="tfflows")
class RawParameters(keras.layers.Layer):
    r"""Unconstrained numbers of a given shape, moved by the context where there is one.

    .. math:: r(c) = w + f(c)

    with a weight :math:`w`, zero at the start, and a network :math:`f` whose last layer starts at
    zero, so that every context begins at the same parameters.

    Parameters
    ----------
    shape : tuple of int
        Shape of the parameters for one context.
    hidden_units : sequence of int
        Hidden widths of the network of the context; unused without a context.
    activation : str or callable
        Activation of that network.
    zero_start : bool
        Start at zero; otherwise at small random numbers.
    start : array, optional
        Numbers to start at instead of zero, of the given shape.
    **kwargs
        Keras's own arguments.
    """

    def __init__(
        self,
        shape,
        hidden_units=(64, 64),
        activation="relu",
        zero_start=True,
        start=None,
        **kwargs,
    ):
        kwargs.setdefault("autocast", False)
        super().__init__(**kwargs)
        self.shape = tuple(shape)
        self.hidden_units = tuple(hidden_units)
        self.activation = activation
        self.zero_start = zero_start
        self.start = None if start is None else np.asarray(start, np.float64)
        self.network = None

    def build(self, context_shape=None):
        """Create the weight and, for a context of `context_shape`, the network."""
        self.context_shape = None if context_shape is None else tuple(context_shape)
        self.value = self.add_weight(
            shape=self.shape,
            initializer=self._initializer(),
            # Within a model of a mixed policy Keras would lower its type.
            autocast=False,
            name="value",
        )
        if self.context_shape is not None:
            self.network = DenseNetwork(
                math.prod(self.shape),
                hidden_units=self.hidden_units,
                activation=self.activation,
                zero_output=self.zero_start,
                dtype=self.dtype_policy,
                name="network",
            )
            self.network.build((None, math.prod(self.context_shape)))
        self.built = True

    def _initializer(self):
        if self.start is not None:
            return lambda shape, dtype: tf.constant(self.start, dtype)
        return "zeros" if self.zero_start else keras.initializers.RandomNormal(stddev=0.1)

    def call(self, context):
        """Return the parameters for flat contexts ``[..., C]``."""
        value = tf.convert_to_tensor(self.value)
        return value + restore_event(tf.cast(self.network(context), value.dtype), self.shape)

    def __call__(self, context=None):
        """Return the parameters, ``[*batch of the context, *shape]``.

        Raises
        ------
        ValueError
            If a context is missing, not wanted or of another shape.
        """
        context = flatten_context(context, self.context_shape)
        # Without a context there is no tensor argument, which Keras would take for a missing input.
        return tf.convert_to_tensor(self.value) if context is None else super().__call__(context)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "shape": self.shape,
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(keras.activations.get(self.activation)),
            "zero_start": self.zero_start,
            "start": None if self.start is None else self.start.tolist(),
        }


class RawParameterLayer(BijectorLayer):
    """What layers of raw parameters share: the network that moves these with the context.

    Parameters
    ----------
    hidden_units : sequence of int
        Hidden widths of the network; unused without a context.
    activation : str or callable
        Activation of that network.
    **kwargs
        Keras's own arguments.
    """

    def __init__(self, hidden_units=(64, 64), activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.hidden_units = positive_integers("hidden_units", hidden_units)
        self.activation = activation

    def build(self, event_shape, context_shape=None):
        """Remember the shapes; a subclass adds the parameters and says that it is built."""
        self.event_shape = tuple(event_shape)
        self.context_shape = None if context_shape is None else tuple(context_shape)

    def add_raw(
        self, shape: tuple, name: str = "raw", zero_start: bool = True, start=None
    ) -> RawParameters:
        """Create raw parameters of a given shape for each context."""
        raw = RawParameters(
            shape,
            hidden_units=self.hidden_units,
            activation=self.activation,
            zero_start=zero_start,
            start=start,
            dtype=self.dtype_policy,
            name=name,
        )
        raw.build(self.context_shape)
        return raw

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(keras.activations.get(self.activation)),
        }
