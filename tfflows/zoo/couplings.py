"""Flows of couplings: one network pass in both directions."""

from tfflows import layers, univariates
from tfflows.models.flow import Flow
from tfflows.zoo.compose import couplings

__all__ = ["NICE", "CouplingNSF", "RealNVP"]


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
    chain = couplings(
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
    dropout: float = 0.0,
    linear: bool = False,
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
    dropout : float
        Share of the hidden units that is dropped at random in training.
    linear : bool
        Put learned linear maps of all coordinates between the layers, too.
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
    chain = couplings(
        univariates.Affine,
        event_shape,
        transforms,
        hidden_units,
        activation,
        identity_start,
        kwargs,
        dropout=dropout,
        linear=linear,
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
    dropout: float = 0.0,
    linear: bool = False,
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
    dropout : float
        Share of the hidden units that is dropped at random in training.
    linear : bool
        Put learned linear maps of all coordinates between the layers, too.
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
    chain = couplings(
        lambda: univariates.RationalQuadraticSpline(bins=bins, bound=bound),
        event_shape,
        transforms,
        hidden_units,
        activation,
        identity_start,
        kwargs,
        dropout=dropout,
        linear=linear,
    )
    return Flow(chain, event_shape, context_shape, **kwargs)
