"""What a model is made of: its bijectors from the data on, and the base under them."""

import dataclasses
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfflows.interop.tfp_classes import chained

__all__ = ["Component", "Decomposition"]


@dataclasses.dataclass(frozen=True)
class Component:
    """One bijector of a model.

    Attributes
    ----------
    name : str
        Its name.
    bijector : callable
        Maps an embedded context to a fresh ``tfb.Bijector``, latent to data.
    event_shape : tuple of int
        Shape of an event on its data side.
    layer : BijectorLayer or None
        The layer that it comes from, without its wrappers.
    inverted : bool
        Whether the wrappers exchange the directions of `layer`.
    conditional : bool
        Whether the wrappers pass the context on to `layer`.
    """

    name: str
    bijector: Callable
    event_shape: tuple
    layer: keras.layers.Layer | None = None
    inverted: bool = False
    conditional: bool = True

    def data_side(self, data, latent):
        """Return, of the points at both ends, those on the data side of `layer`."""
        return latent if self.inverted else data

    def context(self, embedded):
        """Return the embedded context as `layer` sees it."""
        return embedded if self.conditional else None


class Decomposition:
    """The components of a model, as far as `model.components()` names any.

    Parameters
    ----------
    model : DensityModel
        The model.

    Attributes
    ----------
    components : list of Component
        The bijectors, the first nearest the data; empty for a model that names none.
    base : tfd.Distribution or None
        The distribution of the latent points; None for a model that names none.
    """

    def __init__(self, model):
        self.model = model
        self.components: list[Component] = []
        *parts, self.base = model.components() or [None]
        shape = model.event_shape
        for part in parts:
            if not isinstance(part, tfb.Bijector):
                self.components.append(Component(part.name, part.bijector, shape, *part.unwrap()))
                shape = tuple(part.latent_shape(shape))
                continue
            for bijector in chained(part):
                made = Component(bijector.name, lambda context, b=bijector: b, shape)
                self.components.append(made)
                shape = tuple(bijector.inverse_event_shape(shape))

    @property
    def latent_shape(self) -> tuple:
        """Shape of a latent point."""
        return tuple(self.base.event_shape)

    def embed(self, context):
        """Return the context as the bijectors see it."""
        return self.model.embed(context) if self.base is not None else context

    def inverse(self, x, context=None):
        """Map data to latent, without help from any cache."""
        context = self.embed(context)
        for component in self.components:
            x = component.bijector(context).inverse(tf.identity(x))
        return x

    def forward(self, z, context=None):
        """Map latent to data, without help from any cache."""
        context = self.embed(context)
        for component in reversed(self.components):
            z = component.bijector(context).forward(tf.identity(z))
        return z

    def walk(self, x, context=None) -> Iterator[tuple]:
        """Yield each component with the points on its data side and on its latent side."""
        context = self.embed(context)
        for component in self.components:
            image = component.bijector(context).inverse(tf.identity(x))
            yield component, x, image
            x = image
