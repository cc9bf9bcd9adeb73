"""Flows of layers that act on whole vectors, without networks."""

import math
from collections.abc import Sequence

from tfflows import layers, univariates
from tfflows.flows.arguments import extends
from tfflows.flows.stack import stack
from tfflows.models import Flow

__all__ = [
    "HouseholderFlow",
    "PlanarFlow",
    "RadialFlow",
    "ResidualFlow",
    "SylvesterFlow",
    "TriangularNormal",
]

_NO_NETWORK = "it has no network whose units could be dropped"
_OF_LAYERS = {
    "dropout": _NO_NETWORK,
    "linear": "each of its layers acts on all coordinates anyway",
    "identity_start": "its layers start near the identity in any case",
}
_SLOPES = "dropped units would leave slopes that sampling has not, and bounds that do not hold"
_NORMAL = {
    "dropout": _NO_NETWORK,
    "linear": "it is a linear map",
    "transforms": "linear maps after each other are a linear map",
    "identity_start": "it starts at the base in any case",
}


@extends(Flow, fixed=("bijectors",), without=_NORMAL)
def TriangularNormal(
    event_shape,
    context_shape=None,
    hidden_units=(64, 64),
    activation="relu",
    *,
    first: Sequence = (),
    **kwargs,
) -> Flow:
    r"""Model a normal distribution of any covariance, by a triangular factor of it.

    .. math:: x = \mu + L z

    with standard normal z and a lower triangular L of positive diagonal. The fit of greatest
    likelihood has the mean and the covariance of the rows. With a context, a network moves both.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    hidden_units : int or sequence of int
        Widths of the network of the context.
    activation : str or callable
        Activation of the network.
    first : sequence of Transform or tfb.Bijector
        What comes before standardization, nearest the data, such as `layers.Columnwise`.
    **kwargs
        Further arguments are those of `Flow`.

    References
    ----------
    Pinheiro and Bates (1996), "Unconstrained parametrizations for variance-covariance matrices",
    Statistics and Computing 6, 289.

    Examples
    --------
    >>> TriangularNormal(2).sample(5, seed=0).shape
    TensorShape([5, 2])
    """

    def layer(_, dtype):
        return [layers.TriangularAffine(hidden_units, activation, dtype=dtype)]

    return stack(layer, event_shape, context_shape, transforms=1, first=first, **kwargs)


@extends(Flow, fixed=("bijectors",), without=_NORMAL)
def HouseholderFlow(
    event_shape,
    context_shape=None,
    count: int | None = None,
    hidden_units=(64, 64),
    activation="relu",
    *,
    first: Sequence = (),
    **kwargs,
) -> Flow:
    r"""Model a normal distribution whose axes are those of the coordinates after reflections.

    .. math:: x = H_K \cdots H_1 (\mu + \sigma \odot z)

    with standard normal z. As many reflections as coordinates reach any covariance, fewer take
    fewer parameters. With a context, networks move the axes, means and deviations.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    count : int, optional
        Number of reflections K; by default the largest even number that is at most the number of
        coordinates.
    hidden_units : int or sequence of int
        Widths of the networks of the context.
    activation : str or callable
        Activation of the networks.
    first : sequence of Transform or tfb.Bijector
        What comes before standardization, nearest the data, such as `layers.Columnwise`.
    **kwargs
        Further arguments are those of `Flow`.

    References
    ----------
    Tomczak and Welling (2016), "Improving Variational Auto-Encoders using Householder Flow",
    arXiv:1611.09630.

    Examples
    --------
    >>> HouseholderFlow(2).sample(5, seed=0).shape
    TensorShape([5, 2])
    """

    def layer(_, dtype):
        network = {"hidden_units": hidden_units, "activation": activation, "dtype": dtype}
        turn = [layers.Householder(count, **network)] if math.prod(event_shape) > 1 else []
        return [*turn, layers.Elementwise(univariates.Affine(), **network)]

    return stack(layer, event_shape, context_shape, transforms=1, first=first, **kwargs)


@extends(Flow, fixed=("bijectors",), without=_OF_LAYERS)
def PlanarFlow(
    event_shape,
    context_shape=None,
    transforms: int = 16,
    inverse: bool = False,
    hidden_units=(64, 64),
    activation="relu",
    *,
    first: Sequence = (),
    **kwargs,
) -> Flow:
    """Stack planar layers, each of which bends space along one direction.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    transforms : int
        Number of layers.
    inverse : bool
        Invert each layer, as in the paper: samples are direct and scores take root searches, which
        is right for variational inference. By default it is the other way round.
    hidden_units : int or sequence of int
        Widths of the networks of the context; unused without a context.
    activation : str or callable
        Activation of the networks of the context.
    first : sequence of Transform or tfb.Bijector
        What comes before standardization, nearest the data, such as `layers.Columnwise`.
    **kwargs
        Further arguments are those of `Flow`.

    References
    ----------
    Rezende and Mohamed (2015), "Variational Inference with Normalizing Flows", arXiv:1505.05770.

    Examples
    --------
    >>> PlanarFlow(2, transforms=2).sample(5, seed=0).shape
    TensorShape([5, 2])
    """

    def layer(_, dtype):
        return _directed(layers.Planar(hidden_units, activation, dtype=dtype), inverse)

    return stack(layer, event_shape, context_shape, transforms, first=first, **kwargs)


@extends(Flow, fixed=("bijectors",), without=_OF_LAYERS)
def RadialFlow(
    event_shape,
    context_shape=None,
    transforms: int = 16,
    inverse: bool = False,
    hidden_units=(64, 64),
    activation="relu",
    *,
    first: Sequence = (),
    **kwargs,
) -> Flow:
    """Stack radial layers, each of which moves points away from a center or towards it.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    transforms : int
        Number of layers.
    inverse : bool
        Invert each layer, as in the paper, where the formula takes latent points to data; by
        default it takes data to latent points. Both directions are direct in either case.
    hidden_units : int or sequence of int
        Widths of the networks of the context; unused without a context.
    activation : str or callable
        Activation of the networks of the context.
    first : sequence of Transform or tfb.Bijector
        What comes before standardization, nearest the data, such as `layers.Columnwise`.
    **kwargs
        Further arguments are those of `Flow`.

    References
    ----------
    Rezende and Mohamed (2015), "Variational Inference with Normalizing Flows", arXiv:1505.05770.

    Examples
    --------
    >>> RadialFlow(2, transforms=2).sample(5, seed=0).shape
    TensorShape([5, 2])
    """

    def layer(_, dtype):
        return _directed(layers.Radial(hidden_units, activation, dtype=dtype), inverse)

    return stack(layer, event_shape, context_shape, transforms, first=first, **kwargs)


@extends(Flow, fixed=("bijectors",), without=_OF_LAYERS)
def SylvesterFlow(
    event_shape,
    context_shape=None,
    transforms: int = 4,
    units: int | None = None,
    basis: str = "householder",
    count: int | None = None,
    inverse: bool = False,
    hidden_units=(64, 64),
    activation="relu",
    *,
    first: Sequence = (),
    **kwargs,
) -> Flow:
    """Stack Sylvester layers, each of which bends space along several directions.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    transforms : int
        Number of layers.
    units : int, optional
        Number of directions of a layer; by default as many as coordinates.
    basis : str
        ``"householder"``, ``"orthogonal"`` or ``"triangular"``, as in `layers.Sylvester`; the order
        of the coordinates is reversed between triangular layers.
    count : int, optional
        Number of reflections of a layer.
    inverse : bool
        Invert each layer, as in the paper: samples are direct and scores take root searches, which
        is right for variational inference. By default it is the other way round.
    hidden_units : int or sequence of int
        Widths of the networks of the context; unused without a context.
    activation : str or callable
        Activation of the networks of the context.
    first : sequence of Transform or tfb.Bijector
        What comes before standardization, nearest the data, such as `layers.Columnwise`.
    **kwargs
        Further arguments are those of `Flow`.

    References
    ----------
    van den Berg et al. (2018), "Sylvester Normalizing Flows for Variational Inference",
    arXiv:1803.05649.

    Examples
    --------
    >>> SylvesterFlow(2, transforms=2).sample(5, seed=0).shape
    TensorShape([5, 2])
    """

    def layer(_, dtype):
        made = layers.Sylvester(units, basis, count, hidden_units, activation, dtype=dtype)
        return _directed(made, inverse)

    reverse = basis == "triangular"
    return stack(
        layer, event_shape, context_shape, transforms, reverse=reverse, first=first, **kwargs
    )


@extends(Flow, fixed=("bijectors",), without={"dropout": _SLOPES})
def ResidualFlow(
    event_shape,
    context_shape=None,
    transforms: int = 8,
    hidden_units=(64, 64),
    activation: str = "lipswish",
    lipschitz: float = 0.9,
    log_det: str = "auto",
    linear: bool = True,
    identity_start: bool = True,
    *,
    first: Sequence = (),
    **kwargs,
) -> Flow:
    r"""Stack residual layers, networks that are invertible because they move nothing too far.

    .. math:: z = x + g(x, c), \qquad |g(x, c) - g(y, c)| \le L\,|x - y|

    for each layer, without an order of the coordinates and without couplings: one pass scores and
    some iterations sample. Above 32 coordinates `Flow.log_prob` is an unbiased estimate by default;
    see `layers.Residual`.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context, which enters the first layer of each network.
    transforms : int
        Number of layers.
    hidden_units : int or sequence of int
        Widths of each network.
    activation : str
        ``"lipswish"``, ``"clipswish"``, ``"elu"`` or ``"tanh"``.
    lipschitz : float
        L, in ``(0, 1)``. A layer stretches no direction by more than 1 + L, so that sharp densities
        take several.
    log_det : str
        ``"exact"``, ``"estimate"`` or ``"auto"``, as in `layers.Residual`.
    linear : bool
        Put learned linear maps of all coordinates between the layers, which may stretch further.
    identity_start : bool
        Start at the base distribution; otherwise at random.
    first : sequence of Transform or tfb.Bijector
        What comes before standardization, nearest the data, such as `layers.Columnwise`.
    **kwargs
        Further arguments are those of `Flow`.

    References
    ----------
    Chen et al. (2019), "Residual Flows for Invertible Generative Modeling", arXiv:1906.02735.

    Examples
    --------
    >>> ResidualFlow(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """

    def layer(_, dtype):
        options = {"log_det": log_det, "identity_start": identity_start, "dtype": dtype}
        return [layers.Residual(hidden_units, activation, lipschitz, **options)]

    return stack(
        layer, event_shape, context_shape, transforms, linear=linear, first=first, **kwargs
    )


def _directed(layer, inverse: bool) -> list:
    """Return a layer as it is, direct from data to latent, or inverted."""
    return [layers.Invert(layer) if inverse else layer]
