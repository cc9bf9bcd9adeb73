"""The distribution of the points between the layers of a flow."""

import dataclasses
from typing import Any, SupportsIndex

import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfflows.distributions import FlowDistribution
from tfflows.layers.base import batch_shape_of

__all__ = ["NearBase", "chain", "intermediate_distribution", "require_bijections", "transformed"]


def intermediate_distribution(self, k: SupportsIndex, context=None) -> FlowDistribution:
    r"""Return the distribution of the points after the first k layers, counted from the base.

    .. math:: x_k = (b_{K-k+1} \circ \dots \circ b_K)(z)

    of K layers, whose first, :math:`b_1`, is nearest the data: points of it are those of
    ``intermediate(z)[k]``. It follows the weights as `distribution` does, which it is for k = K;
    for k = 0 it is the base.

    Parameters
    ----------
    k : int
        Number of layers, from 0 to that of the flow.
    context : array or tf.Tensor, optional
        Contexts ``[..., *context_shape]``, the batch of the distribution.

    Raises
    ------
    ValueError
        If there are not so many layers.
    NotImplementedError
        If one of the k layers is no bijection.

    Examples
    --------
    >>> import tfflows
    >>> flow = tfflows.Flow([tfflows.layers.Shift(1.0), tfflows.layers.Scale(2.0)], event_shape=1)
    >>> [float(flow.intermediate_distribution(k).quantile(0.5)[0]) for k in range(3)]
    [0.0, 0.0, 1.0]
    >>> print(flow.intermediate_distribution(1).log_prob([0.0]).numpy().round(3))
    -1.612
    """
    most = len(self.bijector_layers)
    if (
        isinstance(k, bool)
        or not isinstance(k, SupportsIndex)
        or not 0 <= (count := k.__index__()) <= most
    ):
        raise ValueError(
            f"k must be a number of layers, from 0, the base, to {most}, the data; got {k!r}."
        )
    near_base = NearBase(self, count)
    require_bijections(near_base.layers)
    return FlowDistribution(near_base, self._context(context))


@dataclasses.dataclass(frozen=True)
class NearBase:
    """Some layers of a flow and its base, as far as a `FlowDistribution` asks a model.

    Parameters
    ----------
    flow : Flow
        The flow.
    count : int
        Number of layers, the nearest the base.
    """

    flow: Any
    count: int

    @property
    def layers(self) -> list:
        """The layers, the first nearest the data."""
        return self.flow.bijector_layers[len(self.flow.bijector_layers) - self.count :]

    @property
    def name(self) -> str:
        """Name of the flow, and the number of the layers."""
        return f"{self.flow.name}_{self.count}"

    @property
    def base(self):
        """The base of the flow."""
        return self.flow.base

    @property
    def context_shape(self):
        """Shape of a context."""
        return self.flow.context_shape

    @property
    def event_shape(self) -> tuple:
        """Shape of a point that the layers return."""
        shape = self.flow.event_shape
        for layer in self.flow.bijector_layers[: len(self.flow.bijector_layers) - self.count]:
            shape = tuple(layer.latent_shape(shape))
        return shape

    @property
    def trainable_weights(self) -> list:
        """Weights of the layers, of the base and of what embeds the context, that train."""
        return self._of_parts("trainable_weights")

    @property
    def non_trainable_weights(self) -> list:
        """The others."""
        return self._of_parts("non_trainable_weights")

    @property
    def weights(self) -> list:
        """All weights."""
        return self._of_parts("weights")

    def _of_parts(self, which: str) -> list:
        of_context = (self.flow.context_standardize, self.flow.context_network)
        parts = [*self.layers, self.base, *of_context]
        return [weight for part in parts for weight in getattr(part, which, ())]

    def plain_distribution(self, context=None) -> tfd.Distribution:
        """Return TFP's distribution, valid until the weights change."""
        return transformed(self.flow, self.layers, context, self.name)


def transformed(flow, layers, context, name: str) -> tfd.TransformedDistribution:
    """Return the base of a flow as some layers transform it, valid until the weights change."""
    embedded = flow.embed(context)
    bijector, base = chain(layers, embedded), flow.base.at(embedded)
    if context is not None and not flow.base.conditional:
        # Each context has its own events, also where no layer makes use of it.
        batch = batch_shape_of(context, flow.context_shape)
        latent_rank = len(base.event_shape)
        known = bijector.experimental_batch_shape(x_event_ndims=latent_rank)
        rank = batch.shape[0] if tf.is_tensor(batch) else len(batch)
        if known.rank is not None and known.rank < rank:
            base = tfd.BatchBroadcast(base, with_shape=batch)
    return tfd.TransformedDistribution(base, bijector, name=name)


def chain(layers, embedded) -> tfb.Bijector:
    """Return the chain of the layers' bijectors, for a context as the layers see it."""
    bijectors = [layer.bijector(embedded) for layer in layers]
    # A chain of nothing would answer in float32 whatever it is asked about. By default the name
    # lists all parts, and in a program each operation carries it.
    return tfb.Chain(bijectors, name="chain") if bijectors else tfb.Identity()


def require_bijections(layers) -> None:
    """Raise a NotImplementedError if a layer is no bijection."""
    if others := [repr(layer.name) for layer in layers if not layer.bijective]:
        raise NotImplementedError(
            "a tfb.Bijector, and a tfd.Distribution with one, are made of bijections, and "
            f"{', '.join(others)} of this flow is none. Use the flow's own log_prob(x, "
            "samples=...), sample(), forward() and inverse()."
        )
