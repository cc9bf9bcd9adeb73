"""Flows of autoregressive layers."""

from tfflows import layers, univariates
from tfflows.models.flow import Flow
from tfflows.zoo.compose import autoregressive

__all__ = ["BPF", "IAF", "MAF", "NSF", "LinearRationalNSF"]


def MAF(
    event_shape,
    context_shape=None,
    transforms: int = 3,
    hidden_units=(128, 128),
    activation="relu",
    residual: bool = False,
    dropout: float = 0.0,
    linear: bool = False,
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
    chain = autoregressive(
        univariates.Affine,
        event_shape,
        transforms,
        hidden_units,
        activation,
        residual,
        identity_start,
        kwargs,
        dropout=dropout,
        linear=linear,
    )
    return Flow(chain, event_shape, context_shape, **kwargs)


def IAF(
    event_shape,
    context_shape=None,
    transforms: int = 3,
    hidden_units=(128, 128),
    activation="relu",
    residual: bool = False,
    dropout: float = 0.0,
    linear: bool = False,
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
    chain = autoregressive(
        univariates.Affine,
        event_shape,
        transforms,
        hidden_units,
        activation,
        residual,
        identity_start,
        kwargs,
        dropout=dropout,
        linear=linear,
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
    dropout: float = 0.0,
    linear: bool = False,
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
        Standardization and autoregressive layers with reversed orders between them.

    References
    ----------
    Durkan et al. (2019), "Neural Spline Flows", arXiv:1906.04032.

    Examples
    --------
    >>> NSF(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    chain = autoregressive(
        lambda: univariates.RationalQuadraticSpline(bins=bins, bound=bound),
        event_shape,
        transforms,
        hidden_units,
        activation,
        residual,
        identity_start,
        kwargs,
        dropout=dropout,
        linear=linear,
    )
    return Flow(chain, event_shape, context_shape, **kwargs)


def LinearRationalNSF(
    event_shape,
    context_shape=None,
    transforms: int = 3,
    hidden_units=(128, 128),
    bins: int = 8,
    bound: float = 5.0,
    activation="relu",
    residual: bool = False,
    dropout: float = 0.0,
    linear: bool = False,
    identity_start: bool = True,
    **kwargs,
) -> Flow:
    r"""Autoregressive linear rational splines, of the same form and price in both directions.

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
        Standardization and autoregressive layers with reversed orders between them.

    References
    ----------
    Dolatabadi, Erfani and Leckie (2020), "Invertible Generative Modeling using Linear Rational
    Splines", arXiv:2001.05168.

    Examples
    --------
    >>> LinearRationalNSF(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    chain = autoregressive(
        lambda: univariates.LinearRationalSpline(bins=bins, bound=bound),
        event_shape,
        transforms,
        hidden_units,
        activation,
        residual,
        identity_start,
        kwargs,
        dropout=dropout,
        linear=linear,
    )
    return Flow(chain, event_shape, context_shape, **kwargs)


def BPF(
    event_shape,
    context_shape=None,
    transforms: int = 3,
    hidden_units=(128, 128),
    degree: int = 24,
    bound: float = 4.0,
    activation="relu",
    residual: bool = False,
    dropout: float = 0.0,
    linear: bool = False,
    identity_start: bool = True,
    **kwargs,
) -> Flow:
    r"""Autoregressive Bernstein polynomials: smooth, and robust against perturbed parameters.

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
    degree : int
        Degree of each polynomial.
    bound : float
        Half-width of the box in which the polynomials bend, in standard deviations of the data.
    activation : str or callable
        Activation of the networks.
    residual : bool
        Use residual blocks.
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
        Standardization and autoregressive layers with reversed orders between them.

    References
    ----------
    Ramasinghe, Fernando, Khan and Barnes (2021), "Robust Normalizing Flows Using Bernstein-type
    Polynomials", arXiv:2102.03509.

    Examples
    --------
    >>> BPF(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    chain = autoregressive(
        lambda: univariates.Bernstein(degree=degree, bound=bound),
        event_shape,
        transforms,
        hidden_units,
        activation,
        residual,
        identity_start,
        kwargs,
        dropout=dropout,
        linear=linear,
    )
    return Flow(chain, event_shape, context_shape, **kwargs)
