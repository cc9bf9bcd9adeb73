"""Layers around a layer."""

import keras
from tensorflow_probability import bijectors as tfb

from tfflows.layers.base import BijectorLayer
from tfflows.layers.masked_autoregressive import deserialize
from tfflows.layers.transform import Transform

__all__ = ["Invert", "Unconditional"]


class _Wrapper(Transform):
    """What the wrappers share: the wrapped layer and its config."""

    def __init__(self, layer: Transform, **kwargs):
        if not isinstance(layer, Transform):
            raise TypeError(
                f"{type(self).__name__} wraps a tfflows layer; got {type(layer).__name__}. Wrap a "
                "TFP bijector in tfflows.layers.TFPBijector first."
            )
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(**kwargs)
        self.layer = layer

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config):
        """Build the layer from `get_config`'s answer."""
        return cls(**{**config, "layer": deserialize(config["layer"])})


@keras.saving.register_keras_serializable(package="tfflows")
class Invert(_Wrapper, BijectorLayer):
    r"""A layer with its two directions exchanged.

    An inverse autoregressive flow is an inverted masked autoregressive one: it samples in one pass
    of the network and scores in one for each coordinate.

    Parameters
    ----------
    layer : BijectorLayer
        The layer to invert.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    TypeError
        If the layer is no bijection: what it draws in one direction has another meaning in the
        other.
    ValueError
        If the layer takes statistics from data: what it would see is on its latent side.

    References
    ----------
    Kingma et al. (2016), "Improving Variational Inference with Inverse Autoregressive Flow",
    arXiv:1606.04934.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tfflows import layers
    >>> print(Invert(layers.Shift(1.0))(tf.zeros([1, 2])).numpy())
    [[1. 1.]]
    """

    def __init__(self, layer: BijectorLayer, **kwargs):
        super().__init__(layer, **kwargs)
        if not layer.bijective:
            raise TypeError(
                f"Invert exchanges the directions of a bijection, and {type(layer).__name__} is "
                "none; write a tfflows.layers.Transform with the two directions that you need."
            )

    def build(self, event_shape, context_shape=None):
        """Build the inner layer, whose latent side is the data here."""
        inner_shape = self.layer.data_shape(tuple(event_shape))
        if not self.layer.built:
            self.layer.build(inner_shape, context_shape)
        if self.layer.needs_adapt:
            raise ValueError(
                f"Invert({type(self.layer).__name__}) cannot adapt to data, which would reach the "
                "layer on its latent side; put the layer in the flow as it is."
            )
        self.built = True

    def bijector(self, context=None):
        """Return the inverted bijector."""
        return tfb.Invert(self.layer.bijector(context))

    @property
    def sequential(self) -> frozenset:
        """The directions in which coordinates wait for others: those of the layer, exchanged."""
        other = {"forward": "inverse", "inverse": "forward"}
        return frozenset(other[direction] for direction in self.layer.sequential)

    def unwrap(self):
        """Return what the wrapped layer does, with its directions exchanged."""
        layer, inverted, conditional = self.layer.unwrap()
        return layer, not inverted, conditional

    def latent_shape(self, event_shape):
        """Return the event shape on the latent side."""
        return self.layer.data_shape(event_shape)

    def data_shape(self, latent_shape):
        """Return the event shape on the data side."""
        return self.layer.latent_shape(latent_shape)


@keras.saving.register_keras_serializable(package="tfflows")
class Unconditional(_Wrapper):
    """A layer that does not see the context of its flow.

    Parameters
    ----------
    layer : Transform
        The layer to keep from the context.
    **kwargs
        Keras's own arguments.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tfflows import layers
    >>> layer = Unconditional(layers.Shift())
    >>> layer.build(event_shape=(2,), context_shape=(3,))
    >>> len(layer.weights)
    1
    """

    def build(self, event_shape, context_shape=None):
        """Build the inner layer without a context."""
        if not self.layer.built:
            self.layer.build(tuple(event_shape), None)
        self.built = True

    @property
    def exact(self) -> bool:
        """Whether the inner layer is exact."""
        return self.layer.exact

    @property
    def estimates(self) -> bool:
        """Whether the inner layer estimates a log-determinant."""
        return self.layer.estimates

    @property
    def bijective(self) -> bool:
        """Whether the inner layer has a bijector."""
        return self.layer.bijective

    @property
    def dequantizes(self) -> bool:
        """Whether the inner layer makes data on a grid continuous."""
        return self.layer.dequantizes

    def inverse(self, x, context=None, seed=None):
        """Map data to latent by the inner layer."""
        return self.layer.inverse(x, None, seed)

    def forward(self, z, context=None, seed=None):
        """Map latent to data by the inner layer."""
        return self.layer.forward(z, None, seed)

    def bijector(self, context=None):
        """Return the inner layer's bijector."""
        return self.layer.bijector(None)

    def unwrap(self):
        """Return what the wrapped layer does, without a context."""
        return *self.layer.unwrap()[:2], False

    def latent_shape(self, event_shape):
        """Return the event shape on the latent side."""
        return self.layer.latent_shape(event_shape)

    def data_shape(self, latent_shape):
        """Return the event shape on the data side."""
        return self.layer.data_shape(latent_shape)

    @property
    def sequential(self) -> frozenset:
        """The directions in which coordinates wait for others."""
        return self.layer.sequential

    @property
    def bounded(self) -> bool:
        """Whether some events are outside the range of the inner bijector."""
        return self.layer.bounded

    def explain_outside(self, x):
        """Say what to do about rows outside the range of the inner bijector."""
        return self.layer.explain_outside(x)

    @property
    def adapts(self) -> bool:
        """Whether the inner layer takes anything from data."""
        return self.layer.adapts

    @property
    def needs_adapt(self) -> bool:
        """Whether the inner layer still waits for data."""
        return self.layer.needs_adapt

    def keep_start(self):
        """Let the inner layer stay at its start."""
        self.layer.keep_start()

    def adapt(self, x, context=None, sample_weight=None):
        """Adapt the inner layer."""
        self.layer.adapt(x, None, sample_weight)
