"""Presets of `CouplingFlow`: one network pass in both directions."""

from tfflows import layers, univariates
from tfflows.flows.arguments import extends
from tfflows.flows.builders import CouplingFlow
from tfflows.models import Flow

__all__ = ["NICE", "CouplingNSF", "FlowPlusPlus", "RealNVP"]


@extends(CouplingFlow, fixed=("univariate", "last"))
def NICE(
    event_shape,
    context_shape=None,
    transforms: int = 4,
    hidden_units=(64, 64),
    activation="relu",
    identity_start: bool = True,
    *,
    dtype=None,
    **kwargs,
) -> Flow:
    """Additive couplings whose halves change places, and a learned scale at the end.

    Parameters
    ----------
    **kwargs
        Further arguments are those of `CouplingFlow`.

    References
    ----------
    Dinh, Krueger and Bengio (2014), "NICE: Non-linear Independent Components Estimation",
    arXiv:1410.8516.

    Examples
    --------
    >>> NICE(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    return CouplingFlow(
        event_shape,
        context_shape,
        univariates.Additive(),
        transforms,
        hidden_units,
        activation,
        identity_start=identity_start,
        last=[layers.Scale(dtype=dtype)],
        dtype=dtype,
        **kwargs,
    )


@extends(CouplingFlow)
def RealNVP(event_shape, context_shape=None, transforms: int = 6, **kwargs) -> Flow:
    """Affine couplings whose halves change places: one network pass in both directions.

    Parameters
    ----------
    **kwargs
        Further arguments are those of `CouplingFlow`.

    References
    ----------
    Dinh, Sohl-Dickstein and Bengio (2017), "Density estimation using Real NVP", arXiv:1605.08803.

    Examples
    --------
    >>> RealNVP(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    return CouplingFlow(event_shape, context_shape, univariates.Affine(), transforms, **kwargs)


@extends(CouplingFlow)
def CouplingNSF(
    event_shape,
    context_shape=None,
    transforms: int = 4,
    hidden_units=(64, 64),
    bins: int = 8,
    bound: float = 5.0,
    **kwargs,
) -> Flow:
    """Rational-quadratic spline couplings: flexible, and one network pass in both directions.

    Parameters
    ----------
    bins : int
        Bins of each spline.
    bound : float
        Half-width of the box in which the splines bend, in standard deviations of the data.
    **kwargs
        Further arguments are those of `CouplingFlow`.

    References
    ----------
    Durkan et al. (2019), "Neural Spline Flows", arXiv:1906.04032.

    Examples
    --------
    >>> CouplingNSF(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    family = univariates.RationalQuadraticSpline(bins=bins, bound=bound)
    return CouplingFlow(event_shape, context_shape, family, transforms, hidden_units, **kwargs)


@extends(CouplingFlow)
def FlowPlusPlus(
    event_shape,
    context_shape=None,
    transforms: int = 4,
    hidden_units=(64, 64),
    components: int = 8,
    **kwargs,
) -> Flow:
    """Couplings by mixtures of logistics: flexible, and one network pass in both directions.

    The conditioners are dense networks, not the convolutions and attention of the paper, which
    models images.

    Parameters
    ----------
    components : int
        Components of each mixture.
    **kwargs
        Further arguments are those of `CouplingFlow`.

    References
    ----------
    Ho, Chen, Srinivas, Duan and Abbeel (2019), "Flow++: Improving Flow-Based Generative Models
    with Variational Dequantization and Architecture Design", arXiv:1902.00275.

    Examples
    --------
    >>> FlowPlusPlus(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    family = univariates.MixtureOfLogistics(components=components)
    return CouplingFlow(event_shape, context_shape, family, transforms, hidden_units, **kwargs)
