"""Flows that transform each coordinate on its own and mix them by linear maps."""

import math
from collections.abc import Sequence

from tfflows import layers, univariates
from tfflows.flows.arguments import extends
from tfflows.flows.stack import stack
from tfflows.models import Flow

__all__ = ["GF", "SinhArcsinhNormal"]

_NO_NETWORK = "no network stands between its coordinates whose units could be dropped"
_ONE_MAP = "it is one map, of a few parameters for each coordinate"


@extends(
    Flow,
    fixed=("bijectors",),
    without={
        "dropout": _NO_NETWORK,
        "linear": "there is a linear map before each of its layers anyway",
    },
)
def GF(
    event_shape,
    context_shape=None,
    transforms: int = 8,
    components: int = 8,
    kernel: str = "logistic",
    hidden_units=(64, 64),
    activation="relu",
    identity_start: bool = True,
    *,
    first: Sequence = (),
    **kwargs,
) -> Flow:
    """Gaussianization flow: marginals are made normal, a linear map mixes them, and again.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    transforms : int
        Number of Gaussianizations, each with a linear map before it.
    components : int
        Components of each mixture.
    kernel : str
        ``"logistic"`` or ``"normal"``, the distribution of a component.
    hidden_units : int or sequence of int
        Widths of the networks of the context; unused without a context.
    activation : str or callable
        Activation of the networks of the context.
    identity_start : bool
        Start near the base distribution; otherwise at random.
    first : sequence of Transform or tfb.Bijector
        What comes before standardization, nearest the data, such as `layers.Columnwise`.
    **kwargs
        Further arguments are those of `Flow`.

    References
    ----------
    Meng, Song, Song and Ermon (2020), "Gaussianization Flows", arXiv:2003.01941.

    Examples
    --------
    >>> GF(2, transforms=2).sample(5, seed=0).shape
    TensorShape([5, 2])
    """

    def layer(_, dtype):
        network = {"hidden_units": hidden_units, "activation": activation, "dtype": dtype}
        family = univariates.Gaussianization(components=components, kernel=kernel)
        linear = [layers.LU(**network)] if math.prod(event_shape) > 1 else []
        return [*linear, layers.Elementwise(family, identity_start=identity_start, **network)]

    return stack(layer, event_shape, context_shape, transforms, first=first, **kwargs)


@extends(
    Flow,
    fixed=("bijectors",),
    without={
        "dropout": _NO_NETWORK,
        "linear": "it has a linear map, which holds the correlations, anyway",
        "transforms": _ONE_MAP,
        "identity_start": f"{_ONE_MAP}, and starts at the base in any case",
    },
)
def SinhArcsinhNormal(
    event_shape,
    context_shape=None,
    hidden_units=(64, 64),
    activation="relu",
    *,
    first: Sequence = (),
    **kwargs,
) -> Flow:
    r"""Bend normal coordinates by sinh-arcsinh maps: skewness and heavy tails by few parameters.

    .. math:: x_i = \mu_i + \sigma_i \sinh\frac{\operatorname{arcsinh} u_i + \epsilon_i}{\delta_i},
        \qquad u = L z

    with standard normal z and a triangular L that gives every u the variance 1. Each coordinate has
    its own location, scale, skewness :math:`\epsilon` and tail weight :math:`\delta`, and
    :math:`L L^\top` holds the correlations of u. With a context, networks move all of them.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
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
    Jones and Pewsey (2009), "Sinh-arcsinh distributions", Biometrika 96, 761.

    Examples
    --------
    >>> SinhArcsinhNormal(2).sample(5, seed=0).shape
    TensorShape([5, 2])
    """

    def layer(_, dtype):
        network = {"hidden_units": hidden_units, "activation": activation, "dtype": dtype}
        correlation = [layers.Correlation(**network)] if math.prod(event_shape) > 1 else []
        return [layers.Elementwise(univariates.SinhArcsinh(), **network), *correlation]

    return stack(layer, event_shape, context_shape, transforms=1, first=first, **kwargs)
