"""Presets of `AutoregressiveFlow`, and the flow of block autoregressive layers."""

from collections.abc import Sequence

from tfflows import layers, univariates
from tfflows.flows.arguments import extends
from tfflows.flows.builders import AutoregressiveFlow
from tfflows.flows.stack import stack
from tfflows.models import Flow

__all__ = ["BNAF", "BPF", "IAF", "MAF", "NAF", "NSF", "SOSPF", "UNAF", "LinearRationalNSF"]


@extends(AutoregressiveFlow)
def MAF(event_shape, context_shape=None, **kwargs) -> Flow:
    """Affine masked autoregressive layers in alternating orders: one pass scores, D passes sample.

    Parameters
    ----------
    **kwargs
        Further arguments are those of `AutoregressiveFlow`.

    References
    ----------
    Papamakarios, Pavlakou and Murray (2017), "Masked Autoregressive Flow for Density Estimation",
    arXiv:1705.07057.

    Examples
    --------
    >>> MAF(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    return AutoregressiveFlow(event_shape, context_shape, univariates.Affine(), **kwargs)


@extends(AutoregressiveFlow, fixed=("univariate", "inverse"))
def IAF(event_shape, context_shape=None, **kwargs) -> Flow:
    """Inverse autoregressive layers: one pass samples, D passes score.

    Parameters
    ----------
    **kwargs
        Further arguments are those of `AutoregressiveFlow`.

    References
    ----------
    Kingma et al. (2016), "Improving Variational Inference with Inverse Autoregressive Flow",
    arXiv:1606.04934.

    Examples
    --------
    >>> IAF(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    family = univariates.Affine()
    return AutoregressiveFlow(event_shape, context_shape, family, inverse=True, **kwargs)


@extends(AutoregressiveFlow)
def NSF(
    event_shape,
    context_shape=None,
    transforms: int = 3,
    hidden_units=(128, 128),
    bins: int = 8,
    bound: float = 5.0,
    **kwargs,
) -> Flow:
    """Autoregressive rational-quadratic splines: the most flexible of the classic flows.

    Parameters
    ----------
    bins : int
        Bins of each spline.
    bound : float
        Half-width of the box in which the splines bend, in standard deviations of the data.
    **kwargs
        Further arguments are those of `AutoregressiveFlow`.

    References
    ----------
    Durkan et al. (2019), "Neural Spline Flows", arXiv:1906.04032.

    Examples
    --------
    >>> NSF(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    family = univariates.RationalQuadraticSpline(bins=bins, bound=bound)
    return AutoregressiveFlow(
        event_shape, context_shape, family, transforms, hidden_units, **kwargs
    )


@extends(AutoregressiveFlow)
def LinearRationalNSF(
    event_shape,
    context_shape=None,
    transforms: int = 3,
    hidden_units=(128, 128),
    bins: int = 8,
    bound: float = 5.0,
    **kwargs,
) -> Flow:
    """Autoregressive linear rational splines, of the same form and price in both directions.

    Parameters
    ----------
    bins : int
        Bins of each spline.
    bound : float
        Half-width of the box in which the splines bend, in standard deviations of the data.
    **kwargs
        Further arguments are those of `AutoregressiveFlow`.

    References
    ----------
    Dolatabadi, Erfani and Leckie (2020), "Invertible Generative Modeling using Linear Rational
    Splines", arXiv:2001.05168.

    Examples
    --------
    >>> LinearRationalNSF(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    family = univariates.LinearRationalSpline(bins=bins, bound=bound)
    return AutoregressiveFlow(
        event_shape, context_shape, family, transforms, hidden_units, **kwargs
    )


@extends(AutoregressiveFlow)
def BPF(
    event_shape,
    context_shape=None,
    transforms: int = 3,
    hidden_units=(128, 128),
    degree: int = 24,
    bound: float = 4.0,
    **kwargs,
) -> Flow:
    """Autoregressive Bernstein polynomials: smooth, and robust against perturbed parameters.

    Parameters
    ----------
    degree : int
        Degree of each polynomial.
    bound : float
        Half-width of the box in which the polynomials bend, in standard deviations of the data.
    **kwargs
        Further arguments are those of `AutoregressiveFlow`.

    References
    ----------
    Ramasinghe, Fernando, Khan and Barnes (2021), "Robust Normalizing Flows Using Bernstein-type
    Polynomials", arXiv:2102.03509.

    Examples
    --------
    >>> BPF(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    family = univariates.Bernstein(degree=degree, bound=bound)
    return AutoregressiveFlow(
        event_shape, context_shape, family, transforms, hidden_units, **kwargs
    )


@extends(AutoregressiveFlow)
def SOSPF(
    event_shape,
    context_shape=None,
    transforms: int = 2,
    hidden_units=(128, 128),
    polynomials: int = 3,
    degree: int = 5,
    bound: float = 5.0,
    **kwargs,
) -> Flow:
    """Autoregressive integrals of sums of squared polynomials.

    Parameters
    ----------
    polynomials : int
        Number of squared polynomials of each map.
    degree : int
        Degree of each polynomial.
    bound : float
        Half-width of the box in which the maps bend, in standard deviations of the data.
    **kwargs
        Further arguments are those of `AutoregressiveFlow`.

    References
    ----------
    Jaini, Selby and Yu (2019), "Sum-of-Squares Polynomial Flow", arXiv:1905.02325.

    Examples
    --------
    >>> SOSPF(2, transforms=1, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    family = univariates.SumOfSquares(polynomials=polynomials, degree=degree, bound=bound)
    return AutoregressiveFlow(
        event_shape, context_shape, family, transforms, hidden_units, **kwargs
    )


@extends(AutoregressiveFlow)
def NAF(
    event_shape,
    context_shape=None,
    transforms: int = 2,
    hidden_units=(128, 128),
    units: int = 8,
    sigmoidal_layers: int = 2,
    dense: bool = False,
    **kwargs,
) -> Flow:
    """Neural autoregressive flow: monotone networks of sigmoids, written by masked networks.

    Parameters
    ----------
    units : int
        Sigmoids in each layer of a univariate map.
    sigmoidal_layers : int
        Layers of each univariate map.
    dense : bool
        Mix the sigmoids between the layers, as in the deep dense sigmoidal flow.
    **kwargs
        Further arguments are those of `AutoregressiveFlow`.

    References
    ----------
    Huang, Krueger, Lacoste and Courville (2018), "Neural Autoregressive Flows", arXiv:1804.00779.

    Examples
    --------
    >>> NAF(2, transforms=1, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    sigmoidal = univariates.DeepDenseSigmoidal if dense else univariates.DeepSigmoidal
    family = sigmoidal(units=units, layers=sigmoidal_layers)
    return AutoregressiveFlow(
        event_shape, context_shape, family, transforms, hidden_units, **kwargs
    )


@extends(AutoregressiveFlow)
def UNAF(
    event_shape,
    context_shape=None,
    transforms: int = 2,
    hidden_units=(128, 128),
    embedding: int = 8,
    integrand_units=(32, 32),
    nodes: int = 32,
    bound: float = 5.0,
    **kwargs,
) -> Flow:
    """Unconstrained monotonic autoregressive flow: integrals of positive networks.

    Parameters
    ----------
    embedding : int
        Numbers by which a masked network tells the integrand which function to be.
    integrand_units : int or sequence of int
        Widths of the integrand, one network for each layer.
    nodes : int
        Nodes of the quadrature.
    bound : float
        Half-width of the box in which the maps bend, in standard deviations of the data.
    **kwargs
        Further arguments are those of `AutoregressiveFlow`.

    References
    ----------
    Wehenkel and Louppe (2019), "Unconstrained Monotonic Neural Networks", arXiv:1908.05164.

    Examples
    --------
    >>> UNAF(2, transforms=1, hidden_units=(16,), nodes=8).sample(5, seed=0).shape
    TensorShape([5, 2])
    """

    def family(index):
        return univariates.UnconstrainedMonotonic(
            embedding, hidden_units=integrand_units, nodes=nodes, bound=bound, seed=100 * index
        )

    return AutoregressiveFlow(
        event_shape, context_shape, family, transforms, hidden_units, **kwargs
    )


@extends(
    Flow,
    fixed=("bijectors",),
    without={
        "dropout": (
            "its network is the bijector itself, and without some of its units a coordinate may be "
            "mapped to a constant. Fewer units=, or decay of the weights, do what dropout would"
        )
    },
)
def BNAF(
    event_shape,
    context_shape=None,
    transforms: int = 3,
    units=(16, 16),
    hidden_units=(64, 64),
    activation="relu",
    linear: bool = False,
    identity_start: bool = True,
    *,
    first: Sequence = (),
    **kwargs,
) -> Flow:
    """Block neural autoregressive flow: small networks that are the bijectors themselves.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    transforms : int
        Number of layers.
    units : int or sequence of int
        Hidden units per coordinate of each layer of blocks.
    hidden_units : int or sequence of int
        Widths of the networks of the context; unused without a context.
    activation : str or callable
        Activation of the networks of the context.
    linear : bool
        Put learned linear maps of all coordinates between the layers, too.
    identity_start : bool
        Start near the base distribution; otherwise at random.
    first : sequence of Transform or tfb.Bijector
        What comes before standardization, nearest the data, such as `layers.Columnwise`.
    **kwargs
        Further arguments are those of `Flow`.

    References
    ----------
    De Cao, Titov and Aziz (2019), "Block Neural Autoregressive Flow", arXiv:1904.04676.

    Examples
    --------
    >>> BNAF(2, transforms=1, units=(4,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """

    def layer(_, dtype):
        block = layers.BlockAutoregressive(
            units, hidden_units, activation, identity_start, dtype=dtype
        )
        return [block]

    return stack(
        layer,
        event_shape,
        context_shape,
        transforms,
        linear=linear,
        reverse=True,
        first=first,
        **kwargs,
    )
