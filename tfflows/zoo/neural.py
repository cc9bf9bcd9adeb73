"""Autoregressive flows whose univariate maps are polynomials or networks."""

import itertools

from tfflows import layers, univariates
from tfflows.layers.masked_autoregressive import check_univariate
from tfflows.models.flow import Flow
from tfflows.univariates.base import Univariate
from tfflows.zoo.compose import autoregressive, event_size, linear_map

__all__ = ["BNAF", "NAF", "SOSPF", "UNAF", "NeuralAutoregressive"]


def SOSPF(
    event_shape,
    context_shape=None,
    transforms: int = 2,
    hidden_units=(128, 128),
    polynomials: int = 3,
    degree: int = 5,
    bound: float = 5.0,
    activation="relu",
    residual: bool = False,
    dropout: float = 0.0,
    linear: bool = False,
    identity_start: bool = True,
    **kwargs,
) -> Flow:
    r"""Autoregressive integrals of sums of squared polynomials.

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
    polynomials : int
        Number of squared polynomials of each map.
    degree : int
        Degree of each polynomial.
    bound : float
        Half-width of the box in which the maps bend, in standard deviations of the data.
    activation : str or callable
        Activation of the networks.
    residual : bool
        Use residual blocks.
    dropout : float
        Share of the hidden units that is dropped at random in training.
    linear : bool
        Put learned linear maps of all coordinates between the layers, too.
    identity_start : bool
        Start near the base distribution; otherwise at random.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``dtype``, ``name``.

    Returns
    -------
    Flow
        Standardization and autoregressive layers with reversed orders between them.

    References
    ----------
    Jaini, Selby and Yu (2019), "Sum-of-Squares Polynomial Flow", arXiv:1905.02325.

    Examples
    --------
    >>> SOSPF(2, transforms=1, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    chain = autoregressive(
        lambda: univariates.SumOfSquares(polynomials=polynomials, degree=degree, bound=bound),
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


def NAF(
    event_shape,
    context_shape=None,
    transforms: int = 2,
    hidden_units=(128, 128),
    units: int = 8,
    sigmoidal_layers: int = 2,
    dense: bool = False,
    activation="relu",
    residual: bool = False,
    dropout: float = 0.0,
    linear: bool = False,
    identity_start: bool = True,
    **kwargs,
) -> Flow:
    r"""Neural autoregressive flow: monotone networks of sigmoids, written by masked networks.

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
    units : int
        Sigmoids in each layer of a univariate map.
    sigmoidal_layers : int
        Layers of each univariate map.
    dense : bool
        Mix the sigmoids between the layers, as in the deep dense sigmoidal flow.
    activation : str or callable
        Activation of the networks.
    residual : bool
        Use residual blocks.
    dropout : float
        Share of the hidden units that is dropped at random in training.
    linear : bool
        Put learned linear maps of all coordinates between the layers, too.
    identity_start : bool
        Start near the base distribution; otherwise at random.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``dtype``, ``name``.

    Returns
    -------
    Flow
        Standardization and autoregressive layers with reversed orders between them.

    References
    ----------
    Huang, Krueger, Lacoste and Courville (2018), "Neural Autoregressive Flows", arXiv:1804.00779.

    Examples
    --------
    >>> NAF(2, transforms=1, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    family = univariates.DeepDenseSigmoidal if dense else univariates.DeepSigmoidal
    chain = autoregressive(
        lambda: family(units=units, layers=sigmoidal_layers),
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


def UNAF(
    event_shape,
    context_shape=None,
    transforms: int = 2,
    hidden_units=(128, 128),
    embedding: int = 8,
    integrand_units=(32, 32),
    nodes: int = 32,
    bound: float = 5.0,
    activation="relu",
    residual: bool = False,
    dropout: float = 0.0,
    linear: bool = False,
    identity_start: bool = True,
    **kwargs,
) -> Flow:
    r"""Unconstrained monotonic autoregressive flow: integrals of positive networks.

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
    embedding : int
        Numbers by which a masked network tells the integrand which function to be.
    integrand_units : sequence of int
        Widths of the integrand, one network for each layer.
    nodes : int
        Nodes of the quadrature.
    bound : float
        Half-width of the box in which the maps bend, in standard deviations of the data.
    activation : str or callable
        Activation of the networks.
    residual : bool
        Use residual blocks.
    dropout : float
        Share of the hidden units that is dropped at random in training.
    linear : bool
        Put learned linear maps of all coordinates between the layers, too.
    identity_start : bool
        Start near the base distribution; otherwise at random.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``dtype``, ``name``.

    Returns
    -------
    Flow
        Standardization and autoregressive layers with reversed orders between them.

    References
    ----------
    Wehenkel and Louppe (2019), "Unconstrained Monotonic Neural Networks", arXiv:1908.05164.

    Examples
    --------
    >>> UNAF(2, transforms=1, hidden_units=(16,), nodes=8).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    seeds = itertools.count(step=100)
    chain = autoregressive(
        lambda: univariates.UnconstrainedMonotonic(
            embedding=embedding,
            hidden_units=integrand_units,
            nodes=nodes,
            bound=bound,
            seed=next(seeds),
        ),
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


def BNAF(
    event_shape,
    context_shape=None,
    transforms: int = 3,
    units=(16, 16),
    hidden_units=(64, 64),
    activation="relu",
    linear: bool = False,
    identity_start: bool = True,
    **kwargs,
) -> Flow:
    r"""Block neural autoregressive flow: small networks that are the bijectors themselves.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    transforms : int
        Number of layers.
    units : sequence of int
        Hidden units per coordinate of each layer of blocks.
    hidden_units : sequence of int
        Widths of the networks of the context; unused without a context.
    activation : str or callable
        Activation of the networks of the context.
    linear : bool
        Put learned linear maps of all coordinates between the layers, too.
    identity_start : bool
        Start near the base distribution; otherwise at random.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``dtype``, ``name``.

    Returns
    -------
    Flow
        Standardization and block autoregressive layers with reversed orders between them.

    References
    ----------
    De Cao, Titov and Aziz (2019), "Block Neural Autoregressive Flow", arXiv:1904.04676.

    Examples
    --------
    >>> BNAF(2, transforms=1, units=(4,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    size = event_size(event_shape, transforms)
    dtype = kwargs.get("dtype")
    chain = [layers.Standardize(dtype=dtype)]
    for index in range(transforms):
        if index and size > 1:
            if linear:
                chain.append(linear_map(dtype))
            chain.append(layers.Reverse(dtype=dtype))
        chain.append(
            layers.BlockAutoregressive(
                units=units,
                hidden_units=hidden_units,
                activation=activation,
                identity_start=identity_start,
                dtype=dtype,
            )
        )
    return Flow(chain, event_shape, context_shape, **kwargs)


def NeuralAutoregressive(
    event_shape,
    context_shape=None,
    univariate: Univariate | None = None,
    order="left-to-right",
    passes: int | None = None,
    transforms: int = 1,
    hidden_units=(128, 128),
    activation="relu",
    residual: bool = False,
    dropout: float = 0.0,
    linear: bool = False,
    identity_start: bool = True,
    seed: int | None = None,
    **kwargs,
) -> Flow:
    r"""Autoregressive layers of any univariate family, in a given order and number of passes.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    univariate : Univariate, optional
        The family; every layer gets a copy of its own. By default
        ``tfflows.univariates.DeepDenseSigmoidal()``.
    order : str or sequence of int
        ``"left-to-right"``, ``"right-to-left"``, ``"random"`` (with `seed`), or the 1-based
        position of each flattened coordinate. Between two layers the order is reversed.
    passes : int, optional
        Number of groups the coordinates are ordered in: 2 is a coupling, None is fully
        autoregressive.
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
        Start near the base distribution; otherwise at random.
    seed : int, optional
        Seed of a random order; every layer draws another.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``dtype``, ``name``.

    Returns
    -------
    Flow
        Standardization and autoregressive layers with reversed orders between them.

    References
    ----------
    Huang, Krueger, Lacoste and Courville (2018), "Neural Autoregressive Flows", arXiv:1804.00779.

    Examples
    --------
    >>> NeuralAutoregressive(2, order=[2, 1], hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    size = event_size(event_shape, transforms)
    dtype = kwargs.get("dtype")
    if univariate is None:
        univariate = univariates.DeepDenseSigmoidal()
    check_univariate(univariate)
    chain = [layers.Standardize(dtype=dtype)]
    for index in range(transforms):
        if index and size > 1:
            if linear:
                chain.append(linear_map(dtype))
            chain.append(layers.Reverse(dtype=dtype))
        chain.append(
            layers.MaskedAutoregressive(
                type(univariate).from_config(univariate.get_config()),
                hidden_units=hidden_units,
                activation=activation,
                order=order,
                passes=passes,
                residual=residual,
                dropout=dropout,
                identity_start=identity_start,
                seed=None if seed is None else seed + index,
                dtype=dtype,
            )
        )
    return Flow(chain, event_shape, context_shape, **kwargs)
