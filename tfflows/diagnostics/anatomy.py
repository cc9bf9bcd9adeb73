"""Taking a model apart: its bijectors from the data on, and the base under them."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfflows import layers
from tfflows.models.density_model import DensityModel
from tfflows.models.distribution_model import DistributionModel
from tfflows.models.flow import Flow
from tfflows.saving.tfp_classes import public_class, public_name

__all__ = ["Anatomy", "Piece", "chained", "core_of", "is_a"]


@dataclasses.dataclass(frozen=True)
class Piece:
    """One bijector of a model.

    Attributes
    ----------
    name : str
        Its name.
    layer : BijectorLayer or None
        The layer that it comes from.
    bijector : callable
        Maps an embedded context to a fresh ``tfb.Bijector``, latent to data.
    event_shape : tuple of int
        Shape of an event on its data side.
    """

    name: str
    layer: layers.BijectorLayer | None
    bijector: Callable
    event_shape: tuple


class Anatomy:
    """The parts of a model, as far as it has any.

    Parameters
    ----------
    model : DensityModel
        The model.

    Attributes
    ----------
    pieces : list of Piece
        The bijectors, the first nearest the data; empty for a model that is none of bijectors.
    base : tfd.Distribution or None
        The distribution of the latent points; None for a model that has none.
    """

    def __init__(self, model: DensityModel):
        self.model = model
        self.pieces: list[Piece] = []
        self.base = None
        if isinstance(model, Flow):
            self.base = model.base.distribution
            shape = model.event_shape
            for layer in model.bijector_layers:
                self.pieces.append(Piece(layer.name, layer, layer.bijector, shape))
                shape = tuple(layer.latent_shape(shape))
        elif isinstance(model, DistributionModel) and is_a(
            model.tfp_distribution, "distributions.TransformedDistribution"
        ):
            self._from_tfp(model.tfp_distribution, model.event_shape)

    def _from_tfp(self, distribution, shape):
        self.base = distribution.distribution
        for bijector in chained(distribution.bijector):
            self.pieces.append(Piece(bijector.name, None, lambda c, b=bijector: b, shape))
            shape = tuple(bijector.inverse_event_shape(shape))

    @property
    def latent_shape(self) -> tuple:
        """Shape of a latent point."""
        return tuple(self.base.event_shape)

    def embed(self, context):
        """Return the context as the bijectors see it."""
        if context is None or not isinstance(self.model, Flow):
            return context
        return self.model.embed(context)

    def inverse(self, x, context=None):
        """Map data to latent, without help from any cache."""
        context = self.embed(context)
        for piece in self.pieces:
            x = piece.bijector(context).inverse(tf.identity(x))
        return x

    def forward(self, z, context=None):
        """Map latent to data, without help from any cache."""
        context = self.embed(context)
        for piece in reversed(self.pieces):
            z = piece.bijector(context).forward(tf.identity(z))
        return z

    def walk(self, x, context=None):
        """Yield each piece with the points that reach it and those that leave it for the base."""
        context = self.embed(context)
        for piece in self.pieces:
            image = piece.bijector(context).inverse(tf.identity(x))
            yield piece, x, image
            x = image


def is_a(obj, *names: str) -> bool:
    """Say whether an object is of one of TFP's classes, the private twins of some included.

    Examples
    --------
    >>> from tensorflow_probability import bijectors as tfb
    >>> is_a(tfb.Chain([tfb.Exp()]), "bijectors.Chain", "bijectors.Invert")
    True
    """
    name = public_name(obj)
    return name in names or any(isinstance(obj, public_class(given)) for given in names)


def chained(bijector: tfb.Bijector) -> list[tfb.Bijector]:
    """Return the bijectors of a chain, chains within it included, the first nearest the data.

    Examples
    --------
    >>> from tensorflow_probability import bijectors as tfb
    >>> [b.name for b in chained(tfb.Chain([tfb.Exp(), tfb.Chain([tfb.Tanh()])]))]
    ['exp', 'tanh']
    """
    if not is_a(bijector, "bijectors.Chain"):
        return [bijector]
    return [part for entry in bijector.bijectors for part in chained(entry)]


def core_of(layer) -> tuple:
    """Return the layer inside wrappers, and whether its directions are exchanged."""
    inverted = False
    while isinstance(layer, layers.Invert | layers.Unconditional):
        inverted ^= isinstance(layer, layers.Invert)
        layer = layer.layer
    return layer, inverted
