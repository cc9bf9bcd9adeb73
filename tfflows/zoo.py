"""Prebuilt flows: each a few lines of composition."""

import math

from tfflows import layers, univariates
from tfflows.models import door
from tfflows.models.flow import Flow

__all__ = ["IAF", "MAF", "NICE", "NSF", "CouplingNSF", "RealNVP"]


def NICE(
    event_shape,
    context_shape=None,
    transforms: int = 4,
    hidden_units=(64, 64),
    activation="relu",
    identity_start: bool = True,
    **kwargs,
) -> Flow:
    r"""Additive couplings whose halves change places, and a learned scale at the end.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event of at least two coordinates.
    context_shape : int or tuple of int, optional
        Shape of a context.
    transforms : int
        Number of couplings.
    hidden_units : sequence of int
        Widths of each conditioner.
    activation : str or callable
        Activation of the conditioners.
    identity_start : bool
        Start at the base distribution; otherwise at random.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``dtype``, ``name``.

    Returns
    -------
    Flow
        Standardization, couplings, scale.

    References
    ----------
    Dinh, Krueger and Bengio (2014), "NICE: Non-linear Independent Components Estimation",
    arXiv:1410.8516.

    Examples
    --------
    >>> NICE(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    chain = _couplings(
        univariates.Additive,
        event_shape,
        transforms,
        hidden_units,
        activation,
        identity_start,
        kwargs,
    )
    chain.append(layers.Scale(dtype=kwargs.get("dtype")))
    return Flow(chain, event_shape, context_shape, **kwargs)


def RealNVP(
    event_shape,
    context_shape=None,
    transforms: int = 6,
    hidden_units=(64, 64),
    activation="relu",
    identity_start: bool = True,
    **kwargs,
) -> Flow:
    r"""Affine couplings whose halves change places: one network pass in both directions.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event of at least two coordinates.
    context_shape : int or tuple of int, optional
        Shape of a context.
    transforms : int
        Number of couplings.
    hidden_units : sequence of int
        Widths of each conditioner.
    activation : str or callable
        Activation of the conditioners.
    identity_start : bool
        Start at the base distribution; otherwise at random.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``dtype``, ``name``.

    Returns
    -------
    Flow
        Standardization and couplings.

    References
    ----------
    Dinh, Sohl-Dickstein and Bengio (2017), "Density estimation using Real NVP", arXiv:1605.08803.

    Examples
    --------
    >>> RealNVP(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    chain = _couplings(
        univariates.Affine,
        event_shape,
        transforms,
        hidden_units,
        activation,
        identity_start,
        kwargs,
    )
    return Flow(chain, event_shape, context_shape, **kwargs)


def CouplingNSF(
    event_shape,
    context_shape=None,
    transforms: int = 4,
    hidden_units=(64, 64),
    bins: int = 8,
    bound: float = 5.0,
    activation="relu",
    identity_start: bool = True,
    **kwargs,
) -> Flow:
    r"""Rational-quadratic spline couplings: flexible, and one network pass in both directions.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event of at least two coordinates.
    context_shape : int or tuple of int, optional
        Shape of a context.
    transforms : int
        Number of couplings.
    hidden_units : sequence of int
        Widths of each conditioner.
    bins : int
        Bins of each spline.
    bound : float
        Half-width of the box in which the splines bend, in standard deviations of the data.
    activation : str or callable
        Activation of the conditioners.
    identity_start : bool
        Start at the base distribution; otherwise at random.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``dtype``, ``name``.

    Returns
    -------
    Flow
        Standardization and couplings.

    References
    ----------
    Durkan et al. (2019), "Neural Spline Flows", arXiv:1906.04032.

    Examples
    --------
    >>> CouplingNSF(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    chain = _couplings(
        lambda: univariates.RationalQuadraticSpline(bins=bins, bound=bound),
        event_shape,
        transforms,
        hidden_units,
        activation,
        identity_start,
        kwargs,
    )
    return Flow(chain, event_shape, context_shape, **kwargs)


def MAF(
    event_shape,
    context_shape=None,
    transforms: int = 3,
    hidden_units=(128, 128),
    activation="relu",
    residual: bool = False,
    identity_start: bool = True,
    **kwargs,
) -> Flow:
    r"""Affine masked autoregressive layers in alternating orders: one pass scores, D passes sample.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    transforms : int
        Number of layers.
    hidden_units : sequence of int
        Widths of each masked network.
    activation : str or callable
        Activation of the networks.
    residual : bool
        Use residual blocks.
    identity_start : bool
        Start at the base distribution; otherwise at random.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``dtype``, ``name``.

    Returns
    -------
    Flow
        Standardization and autoregressive layers with reversed orders between them.

    References
    ----------
    Papamakarios, Pavlakou and Murray (2017), "Masked Autoregressive Flow for Density Estimation",
    arXiv:1705.07057.

    Examples
    --------
    >>> MAF(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    chain = _autoregressive(
        univariates.Affine,
        event_shape,
        transforms,
        hidden_units,
        activation,
        residual,
        identity_start,
        kwargs,
    )
    return Flow(chain, event_shape, context_shape, **kwargs)


def IAF(
    event_shape,
    context_shape=None,
    transforms: int = 3,
    hidden_units=(128, 128),
    activation="relu",
    residual: bool = False,
    identity_start: bool = True,
    **kwargs,
) -> Flow:
    r"""Inverse autoregressive layers: one pass samples, D passes score.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    transforms : int
        Number of layers.
    hidden_units : sequence of int
        Widths of each masked network.
    activation : str or callable
        Activation of the networks.
    residual : bool
        Use residual blocks.
    identity_start : bool
        Start at the base distribution; otherwise at random.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``dtype``, ``name``.

    Returns
    -------
    Flow
        Standardization and inverted autoregressive layers with reversed orders between them.

    References
    ----------
    Kingma et al. (2016), "Improving Variational Inference with Inverse Autoregressive Flow",
    arXiv:1606.04934.

    Examples
    --------
    >>> IAF(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    chain = _autoregressive(
        univariates.Affine,
        event_shape,
        transforms,
        hidden_units,
        activation,
        residual,
        identity_start,
        kwargs,
        wrap=layers.Invert,
    )
    return Flow(chain, event_shape, context_shape, **kwargs)


def NSF(
    event_shape,
    context_shape=None,
    transforms: int = 3,
    hidden_units=(128, 128),
    bins: int = 8,
    bound: float = 5.0,
    activation="relu",
    residual: bool = False,
    identity_start: bool = True,
    **kwargs,
) -> Flow:
    r"""Autoregressive rational-quadratic splines: the most flexible of the classic flows.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    transforms : int
        Number of layers.
    hidden_units : sequence of int
        Widths of each masked network.
    bins : int
        Bins of each spline.
    bound : float
        Half-width of the box in which the splines bend, in standard deviations of the data.
    activation : str or callable
        Activation of the networks.
    residual : bool
        Use residual blocks.
    identity_start : bool
        Start at the base distribution; otherwise at random.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``dtype``, ``name``.

    Returns
    -------
    Flow
        Standardization and autoregressive layers with reversed orders between them.

    References
    ----------
    Durkan et al. (2019), "Neural Spline Flows", arXiv:1906.04032.

    Examples
    --------
    >>> NSF(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    chain = _autoregressive(
        lambda: univariates.RationalQuadraticSpline(bins=bins, bound=bound),
        event_shape,
        transforms,
        hidden_units,
        activation,
        residual,
        identity_start,
        kwargs,
    )
    return Flow(chain, event_shape, context_shape, **kwargs)


def _couplings(
    family, event_shape, transforms, hidden_units, activation, identity_start, flow_arguments
) -> list:
    """Return standardization and couplings that transform the two halves in turn."""
    size = _check(event_shape, transforms)
    if size < 2:
        raise ValueError(
            "a coupling flow splits an event in two, and this one has a single coordinate; use "
            "tfflows.MAF or tfflows.NSF, which model it by elementwise maps."
        )
    dtype = flow_arguments.get("dtype")
    chain = [layers.Standardize(dtype=dtype)]
    for index in range(transforms):
        chain.append(
            layers.Coupling(
                family(),
                mask="half" if size == 2 else "alternating",
                swap=index % 2 == 1,
                hidden_units=hidden_units,
                activation=activation,
                identity_start=identity_start,
                dtype=dtype,
            )
        )
    return chain


def _autoregressive(
    family,
    event_shape,
    transforms,
    hidden_units,
    activation,
    residual,
    identity_start,
    flow_arguments,
    wrap=lambda layer: layer,
) -> list:
    """Return standardization and autoregressive layers with reversals between them."""
    size = _check(event_shape, transforms)
    dtype = flow_arguments.get("dtype")
    chain = [layers.Standardize(dtype=dtype)]
    for index in range(transforms):
        if index and size > 1:
            # Without a change of order each layer would repeat the same conditionals.
            chain.append(layers.Reverse(dtype=dtype))
        chain.append(
            wrap(
                layers.MaskedAutoregressive(
                    family(),
                    hidden_units=hidden_units,
                    activation=activation,
                    residual=residual,
                    identity_start=identity_start,
                    dtype=dtype,
                )
            )
        )
    return chain


def _check(event_shape, transforms) -> int:
    if transforms < 1:
        raise ValueError(f"transforms must be at least 1; got {transforms}.")
    return math.prod(door.as_shape(event_shape, "event_shape"))
