"""Flows whose univariate maps are distribution functions of mixtures."""

from tfflows import layers, univariates
from tfflows.models.flow import Flow
from tfflows.zoo.compose import couplings, event_size

__all__ = ["GF", "FlowPlusPlus"]


def GF(
    event_shape,
    context_shape=None,
    transforms: int = 8,
    components: int = 8,
    kernel: str = "logistic",
    hidden_units=(64, 64),
    activation="relu",
    identity_start: bool = True,
    **kwargs,
) -> Flow:
    r"""Gaussianization flow: marginals are made normal, a linear map mixes them, and again.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    transforms : int
        Number of Gaussianizations.
    components : int
        Components of each mixture.
    kernel : str
        ``"logistic"`` or ``"normal"``, the distribution of a component.
    hidden_units : sequence of int
        Widths of the networks of the context; unused without a context.
    activation : str or callable
        Activation of the networks of the context.
    identity_start : bool
        Start near the base distribution; otherwise at random.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``dtype``, ``name``.

    Returns
    -------
    Flow
        Standardization, then elementwise Gaussianizations with linear maps before each.

    References
    ----------
    Meng, Song, Song and Ermon (2020), "Gaussianization Flows", arXiv:2003.01941.

    Examples
    --------
    >>> GF(2, transforms=2).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    size = event_size(event_shape, transforms)
    dtype = kwargs.get("dtype")
    network = {"hidden_units": hidden_units, "activation": activation, "dtype": dtype}
    chain = [layers.Standardize(dtype=dtype)]
    for _ in range(transforms):
        if size > 1:
            chain.append(layers.LU(**network))
        chain.append(
            layers.Elementwise(
                univariates.Gaussianization(components=components, kernel=kernel),
                identity_start=identity_start,
                **network,
            )
        )
    return Flow(chain, event_shape, context_shape, **kwargs)


def FlowPlusPlus(
    event_shape,
    context_shape=None,
    transforms: int = 4,
    hidden_units=(64, 64),
    components: int = 8,
    activation="relu",
    dropout: float = 0.0,
    linear: bool = False,
    identity_start: bool = True,
    **kwargs,
) -> Flow:
    r"""Couplings by mixtures of logistics: flexible, and one network pass in both directions.

    The conditioners are dense networks, not the convolutions and attention of the paper, which
    models images.

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
    components : int
        Components of each mixture.
    activation : str or callable
        Activation of the conditioners.
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
        Standardization and couplings.

    References
    ----------
    Ho, Chen, Srinivas, Duan and Abbeel (2019), "Flow++: Improving Flow-Based Generative Models
    with Variational Dequantization and Architecture Design", arXiv:1902.00275.

    Examples
    --------
    >>> FlowPlusPlus(2, transforms=2, hidden_units=(16,)).sample(5, seed=0).shape
    TensorShape([5, 2])
    """
    chain = couplings(
        lambda: univariates.MixtureOfLogistics(components=components),
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
