"""A mixture of normal distributions as a flow."""

from collections.abc import Sequence

from tfflows import layers
from tfflows.flows.arguments import extends
from tfflows.inputs.validation import as_shape
from tfflows.models import Flow, GaussianMixture

__all__ = ["GMM"]

_NO_LAYERS = "it is a mixture alone, without layers that transform it"


@extends(
    Flow,
    fixed=("bijectors", "base"),
    without={
        "dropout": _NO_LAYERS,
        "linear": _NO_LAYERS,
        "transforms": _NO_LAYERS,
        "identity_start": "it starts at the clusters of the data",
    },
)
def GMM(
    event_shape,
    context_shape=None,
    components: int = 8,
    covariance: str = "full",
    hidden_units=(64, 64),
    activation="relu",
    seed: int = 0,
    *,
    first: Sequence = (),
    **kwargs,
) -> Flow:
    r"""Gaussian mixture of standardized data: the baseline of a few clusters, and of no network.

    .. math::
        p(x \mid c) = \sum_{k=1}^{K} \pi_k(c)\, \mathcal{N}\!\left(x; \mu_k(c), \Sigma_k(c)\right)

    `fit` starts at the clusters that k-means finds and maximizes the likelihood by gradients; with
    a context a network moves all parameters, which makes a mixture density network. To transform a
    mixture take `models.GaussianMixture` as the ``base=`` of another flow.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    components : int
        Number K of components.
    covariance : str
        ``"full"``, or ``"diagonal"`` for coordinates that are independent within a component.
    hidden_units : int or sequence of int
        Widths of the network of the context; unused without a context.
    activation : str or callable
        Activation of the network.
    seed : int
        Seed of k-means.
    first : sequence of Transform or tfb.Bijector
        What comes before standardization, nearest the data, such as `layers.Supports`.
    **kwargs
        Further arguments are those of `Flow`.

    References
    ----------
    Dempster, Laird and Rubin (1977), "Maximum Likelihood from Incomplete Data via the EM
    Algorithm", Journal of the Royal Statistical Society B 39, 1.
    Bishop (1994), "Mixture Density Networks", Aston University, NCRG/94/004.

    Examples
    --------
    >>> GMM(2, components=3).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    dtype = kwargs.get("dtype")
    chain = [*first, layers.Standardize(dtype=dtype)]
    shape = event_shape
    for layer in chain:
        shape = layer.latent_shape(shape) if isinstance(layer, layers.Transform) else shape
    seen = context_shape
    if (network := kwargs.get("context_network")) is not None and context_shape is not None:
        given = as_shape(context_shape, "context_shape")
        seen = network.compute_output_shape((None, *given))[1:]
    base = GaussianMixture(
        shape, seen, components, covariance, hidden_units, activation, seed, dtype=dtype
    )
    return Flow(chain, event_shape, context_shape, base=base, **kwargs)
