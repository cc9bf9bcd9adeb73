"""Flows of any univariate family: the builders that the presets call."""

import math
from collections.abc import Callable, Sequence

from tfflows import layers, univariates
from tfflows.flows.arguments import extends
from tfflows.flows.stack import copies, stack
from tfflows.inputs.validation import as_shape
from tfflows.models import Flow
from tfflows.univariates import Univariate

__all__ = ["AutoregressiveFlow", "CouplingFlow"]


@extends(Flow, fixed=("bijectors",))
def AutoregressiveFlow(
    event_shape: int | Sequence[int],
    context_shape: int | Sequence[int] | None = None,
    univariate: Univariate | Callable[[int], Univariate] | None = None,
    transforms: int = 3,
    hidden_units: int | Sequence[int] = (128, 128),
    activation: str | Callable = "relu",
    residual: bool = False,
    dropout: float = 0.0,
    linear: bool = False,
    identity_start: bool = True,
    *,
    order: str | Sequence[int] = "left-to-right",
    passes: int | None = None,
    seed: int | None = None,
    inverse: bool = False,
    first: Sequence = (),
    last: Sequence = (),
    **kwargs,
) -> Flow:
    r"""Stack masked autoregressive layers of any univariate family, in alternating orders.

    .. math:: z_i = f^{-1}\big(x_i;\, \theta_i(x_{<i}, c)\big)

    for each layer, with masked networks :math:`\theta`: one pass scores, D passes sample. Between
    two layers the order of the coordinates is reversed.

    Coordinates on circles, which a family with a `period` makes of them, are not standardized:
    learned rotations stand between the layers, the networks see cosine and sine, and the base is
    uniform by default.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    univariate : Univariate or callable, optional
        The family f, of which every layer gets a copy by its config; or a function that returns
        the family of each layer, called with its number from 0. By default
        ``tfflows.univariates.RationalQuadraticSpline()``.
    transforms : int
        Number of layers, at least 1.
    hidden_units : int or sequence of int
        Widths of each network; an int is a single hidden layer.
    activation : str or callable
        Activation of the networks.
    residual : bool
        Use residual blocks; the widths must then be equal.
    dropout : float
        Share of the hidden units that is dropped at random in training.
    linear : bool
        Put learned linear maps of all coordinates between the layers, too.
    identity_start : bool
        Start at (for families of interchangeable parts: near) the base distribution; otherwise at
        random.
    order : str or sequence of int
        ``"left-to-right"``, ``"right-to-left"``, ``"random"`` (with `seed`), or the
        position of each flattened coordinate, counted from 0 or from 1.
    passes : int, optional
        Number of groups the coordinates are ordered in: 2 is a coupling, None is fully
        autoregressive.
    seed : int, optional
        Seed of a random order; every layer draws another.
    inverse : bool
        Invert each layer: one pass samples, D passes score.
    first : sequence of Transform or tfb.Bijector
        What comes before standardization, nearest the data, such as `layers.Columnwise`.
    last : sequence of BijectorLayer or tfb.Bijector
        What comes after the layers, nearest the base.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``standardize_context``, ``dtype``,
        ``name``.

    Returns
    -------
    Flow
        Standardization and autoregressive layers with reversed orders between them.

    Raises
    ------
    TypeError
        If `univariate` is no family, or a keyword is unknown.
    ValueError
        If an argument is out of its range, or does not fit the event or the family.

    References
    ----------
    Papamakarios et al. (2019), "Normalizing Flows for Probabilistic Modeling and Inference",
    arXiv:1912.02762.

    Examples
    --------
    >>> from tfflows import univariates
    >>> flow = AutoregressiveFlow(3, univariate=univariates.SinhArcsinh(), order=[2, 3, 1])
    >>> flow.sample(5, seed=0).shape
    TensorShape([5, 3])
    """
    shape = as_shape(event_shape, "event_shape")
    families = _families(univariate, transforms)

    def layer(index, dtype):
        masked = layers.MaskedAutoregressive(
            families[index],
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
        return [layers.Invert(masked) if inverse else masked]

    return stack(
        layer,
        shape,
        context_shape,
        transforms,
        linear=linear,
        reverse=True,
        period=_period(families),
        first=first,
        last=last,
        **kwargs,
    )


@extends(Flow, fixed=("bijectors",))
def CouplingFlow(
    event_shape: int | Sequence[int],
    context_shape: int | Sequence[int] | None = None,
    univariate: Univariate | Callable[[int], Univariate] | None = None,
    transforms: int = 4,
    hidden_units: int | Sequence[int] = (64, 64),
    activation: str | Callable = "relu",
    dropout: float = 0.0,
    linear: bool = False,
    identity_start: bool = True,
    *,
    mask: str | Sequence[bool] = "alternating",
    conditioner=None,
    first: Sequence = (),
    last: Sequence = (),
    **kwargs,
) -> Flow:
    r"""Stack couplings of any univariate family whose parts change places.

    .. math:: z_A = x_A, \qquad z_B = f^{-1}\big(x_B;\, \theta(x_A, c)\big)

    for each coupling, with a network :math:`\theta`: one pass scores, and one samples. From one
    coupling to the next, A and B are exchanged.

    Coordinates on circles, which a family with a `period` makes of them, are not standardized:
    learned rotations stand between the couplings, the networks see cosine and sine, and the base
    is uniform by default.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event of at least two coordinates.
    context_shape : int or tuple of int, optional
        Shape of a context.
    univariate : Univariate or callable, optional
        The family f, of which every coupling gets a copy by its config; or a function that returns
        the family of each coupling, called with its number from 0. By default
        ``tfflows.univariates.RationalQuadraticSpline()``.
    transforms : int
        Number of couplings, at least 1; with two or more every coordinate is transformed.
    hidden_units : int or sequence of int
        Widths of each conditioner; an int is a single hidden layer.
    activation : str or callable
        Activation of the conditioners.
    dropout : float
        Share of the hidden units that is dropped at random in training.
    linear : bool
        Put learned linear maps of all coordinates between the couplings, too.
    identity_start : bool
        Start at (for families of interchangeable parts: near) the base distribution; otherwise at
        random.
    mask : str or sequence of bool
        The flattened coordinates that are A in the first coupling: ``"alternating"`` (every second
        one), ``"half"`` (the first half), or a list with True for each.
    conditioner : keras.layers.Layer, keras.Model or callable, optional
        Maps ``[B, |A| + C]``, A and the flattened context, to features ``[B, F]`` in the place of
        the dense network of `hidden_units`, `activation` and `dropout`. Every coupling gets a copy
        by its config, with weights of its own; or give a function that returns the network of each
        coupling, called with its number from 0.
    first : sequence of Transform or tfb.Bijector
        What comes before standardization, nearest the data, such as `layers.Columnwise`.
    last : sequence of BijectorLayer or tfb.Bijector
        What comes after the couplings, nearest the base.
    **kwargs
        Arguments of `Flow`: ``base``, ``context_network``, ``standardize_context``, ``dtype``,
        ``name``.

    Returns
    -------
    Flow
        Standardization and couplings.

    Raises
    ------
    TypeError
        If `univariate` is no family, or a keyword is unknown.
    ValueError
        If the event has a single coordinate, or an argument is out of its range or does not fit
        the event or the family.

    References
    ----------
    Papamakarios et al. (2019), "Normalizing Flows for Probabilistic Modeling and Inference",
    arXiv:1912.02762.

    Examples
    --------
    >>> import keras
    >>> from tfflows import univariates
    >>> network = keras.Sequential([keras.layers.Dense(32, "gelu"), keras.layers.Dense(16)])
    >>> flow = CouplingFlow(3, univariate=univariates.SinhArcsinh(), conditioner=network)
    >>> flow.sample(5, seed=0).shape
    TensorShape([5, 3])
    """
    shape = as_shape(event_shape, "event_shape")
    if math.prod(shape) < 2:
        raise ValueError(
            "a coupling flow splits an event in two, and this one has a single coordinate; use "
            "tfflows.MAF or tfflows.NSF, which model it by elementwise maps."
        )
    families = _families(univariate, transforms)
    conditioners = copies(conditioner, transforms)

    def layer(index, dtype):
        coupling = layers.Coupling(
            families[index],
            mask=mask,
            swap=index % 2 == 1,
            conditioner=conditioners[index],
            hidden_units=hidden_units,
            activation=activation,
            dropout=dropout,
            identity_start=identity_start,
            dtype=dtype,
        )
        return [coupling]

    return stack(
        layer,
        shape,
        context_shape,
        transforms,
        linear=linear,
        period=_period(families),
        first=first,
        last=last,
        **kwargs,
    )


def _families(univariate, transforms: int) -> list:
    """Return a family for each layer."""
    default = univariates.RationalQuadraticSpline()
    return copies(default if univariate is None else univariate, transforms)


def _period(families) -> float | None:
    """Return the circumference that all families share, None for those on the line."""
    periods = {getattr(family, "period", None) for family in families}
    if len(periods) > 1:
        raise ValueError(
            "the families of all layers must have the same period (None is the line); got "
            f"{', '.join(sorted(map(str, periods)))}."
        )
    return periods.pop()
