"""Degrees and masks of masked autoregressive networks, in plain NumPy.

Every coordinate has a degree, 1 for the first in the order. A hidden unit of degree d sees what
has degree d or less; the outputs for a coordinate of degree d see the hidden units of degree less
than d. Hence they depend on the coordinates of lower degree alone (Germain et al. 2015, MADE,
arXiv:1502.03509).
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence

import numpy as np

__all__ = ["group_degrees", "layer_mask", "make_masks", "resolve_hidden_degrees", "resolve_order"]

_ORDERS = ("left-to-right", "right-to-left", "random")
_ORDER_STREAM, _DEGREE_STREAM = 0, 1


def _generator(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed % 2**63, stream])


def _integers(values: object) -> list[int] | None:
    """Return the entries as Python ints, or None where they are not integers."""
    try:
        return [operator.index(value) for value in values]
    except TypeError:
        return None


def resolve_order(input_order: str | Sequence[int], size: int, seed: int = 0) -> tuple[int, ...]:
    """Turn a description of the order of the coordinates into the degree of each coordinate.

    Parameters
    ----------
    input_order
        ``"left-to-right"`` (degrees 1, 2, ..., size), ``"right-to-left"`` (size, ..., 1),
        ``"random"`` (a permutation that follows from ``seed``), or a list with the place of each
        coordinate, counted from 1 or from 0: whichever it is, each number stands there once.
    size
        The number of coordinates.
    seed
        An int; used by ``"random"`` alone.

    Returns
    -------
    tuple of int
        Entry i is the degree of coordinate i, between 1 and ``size``.

    Raises
    ------
    ValueError
        If ``input_order`` is none of the above.

    Examples
    --------
    >>> resolve_order("right-to-left", 3)
    (3, 2, 1)
    >>> resolve_order([2, 1, 3], 3)
    (2, 1, 3)
    >>> resolve_order([1, 0, 2], 3)
    (2, 1, 3)
    """
    expected = (
        f"input_order must be one of {', '.join(map(repr, _ORDERS))}, or a list that holds each of "
        f"1..{size} or each of 0..{size - 1} once (entry i is the place of coordinate i in the "
        f"order); got {input_order!r}."
    )
    if isinstance(input_order, str):
        if input_order == "left-to-right":
            return tuple(range(1, size + 1))
        if input_order == "right-to-left":
            return tuple(range(size, 0, -1))
        if input_order == "random":
            permutation = _generator(seed, _ORDER_STREAM).permutation(size) + 1
            return tuple(int(degree) for degree in permutation)
        raise ValueError(expected)
    places = _integers(input_order)
    if places is not None and sorted(places) == list(range(size)):
        return tuple(place + 1 for place in places)
    if places is None or sorted(places) != list(range(1, size + 1)):
        raise ValueError(expected + ("" if places is None else _what_is_wrong(places, size)))
    return tuple(places)


def _what_is_wrong(places: list[int], size: int) -> str:
    """Return what keeps a list of integers from being an order."""
    if len(places) != size:
        return f" It has {len(places)} entries for {size} coordinates."
    if twice := sorted({place for place in places if places.count(place) > 1}):
        return f" It holds {', '.join(map(str, twice))} more than once."
    first = 0 if 0 in places else 1
    missing = sorted(set(range(first, first + size)) - set(places))
    ranks = [sorted(places).index(place) for place in places]
    return (
        f" {', '.join(map(str, missing))} is missing; if the numbers are meant by their ranks, "
        f"write {ranks}."
    )


def group_degrees(order: Sequence[int], passes: int | None = None) -> tuple[int, ...]:
    """Coarsen degrees 1..D to 1..passes, so that sampling takes ``passes`` network evaluations.

    A coordinate of degree d in 1..D gets 1 + floor((d - 1) passes / D): groups of nearly equal
    size, in the same order. Coordinates of one group do not see each other. ``passes=2`` is a
    coupling, ``passes=D`` is fully autoregressive, with ``passes=1`` no coordinate sees another.

    Parameters
    ----------
    order
        The degree of each coordinate, each of 1..D once.
    passes
        The number of groups, from 1 to D; None means D.

    Returns
    -------
    tuple of int
        The coarsened degree of each coordinate.

    Raises
    ------
    ValueError
        If ``passes`` is not an integer from 1 to D.

    Examples
    --------
    >>> group_degrees((1, 2, 3, 4, 5), passes=2)
    (1, 1, 1, 2, 2)
    """
    size = len(order)
    if passes is None:
        return tuple(order)
    counts = None if isinstance(passes, bool) else _integers([passes])
    if counts is None or not 1 <= counts[0] <= size:
        raise ValueError(
            f"passes must be an integer from 1 to the event size {size} (2 is a coupling, {size} "
            f"is fully autoregressive), or None for {size}; got {passes!r}."
        )
    return tuple(1 + (degree - 1) * counts[0] // size for degree in order)


def resolve_hidden_degrees(
    hidden_degrees: str | Sequence[Sequence[int]],
    hidden_units: Sequence[int],
    groups: int,
    conditional: bool = False,
    shared: bool = False,
    seed: int = 0,
) -> tuple[tuple[int, ...], ...]:
    """Give each hidden unit a degree; the units of a layer are sorted by it.

    Degrees run from 1 to ``groups - 1``, and from 0 with a context: units of degree 0 see the
    context alone, so that also the first coordinate's parameters are non-linear in it.
    ``"equal"`` gives unit j of n the degree low + floor(j k / n), with k the number of degrees.
    ``"random"`` draws uniformly; the lowest degree is always present, so that no coordinate is
    cut off from those before it.

    Parameters
    ----------
    hidden_degrees
        ``"equal"``, ``"random"``, or a list with a list of degrees for each hidden layer.
    hidden_units
        The width of each hidden layer.
    groups
        The highest degree of a coordinate.
    conditional
        Whether there is a context.
    shared
        Whether all layers must have the same degrees (residual networks: the skip connections
        pass unit j on to unit j).
    seed
        An int; used by ``"random"`` alone.

    Returns
    -------
    tuple of tuple of int
        The degrees of the units of each hidden layer, in increasing order.

    Raises
    ------
    ValueError
        If ``hidden_degrees`` is none of the above, has the wrong lengths, a degree out of range,
        or differs from layer to layer where it must be shared.

    Examples
    --------
    >>> resolve_hidden_degrees("equal", [5, 3], groups=3)
    ((1, 1, 1, 2, 2), (1, 1, 2))
    >>> resolve_hidden_degrees("equal", [6], groups=3, conditional=True)
    ((0, 0, 1, 1, 2, 2),)
    """
    low = 0 if conditional else 1
    # With one group and no context no degree is useful: outputs of degree 1 see no unit of it.
    count = max(groups - low, 1)
    high = low + count - 1
    if isinstance(hidden_degrees, str):
        if hidden_degrees == "equal":
            return tuple(tuple(low + j * count // n for j in range(n)) for n in hidden_units)
        if hidden_degrees == "random":
            generator = _generator(seed, _DEGREE_STREAM)
            layers: list[tuple[int, ...]] = []
            for width in hidden_units:
                if shared and layers:
                    layers.append(layers[0])
                    continue
                drawn = generator.integers(low, high + 1, size=width - 1)
                layers.append((low, *sorted(int(degree) for degree in drawn)))
            return tuple(layers)
    rule = (
        f"hidden_degrees must be 'equal', 'random', or a list with one list per hidden layer, of "
        f"lengths {list(hidden_units)} and with degrees from {low} to {high}"
    )
    if isinstance(hidden_degrees, str):
        raise ValueError(f"{rule}; got {hidden_degrees!r}.")
    try:
        parsed = [_integers(layer) for layer in hidden_degrees]
    except TypeError:
        parsed = [None]
    if any(layer is None for layer in parsed):
        raise ValueError(f"{rule}; got {hidden_degrees!r}.")
    if [len(layer) for layer in parsed] != list(hidden_units):
        raise ValueError(f"{rule}; got lengths {[len(layer) for layer in parsed]}.")
    wrong = sorted({degree for layer in parsed for degree in layer if not low <= degree <= high})
    if wrong:
        raise ValueError(f"{rule}; got degrees {wrong}.")
    resolved = tuple(tuple(sorted(layer)) for layer in parsed)
    if shared and len(set(resolved)) > 1:
        raise ValueError(
            "A residual network needs the same hidden_degrees in every layer, because its skip "
            "connections join units of equal position; give every layer the same list."
        )
    return resolved


def layer_mask(
    in_degrees: Sequence[int], out_degrees: Sequence[int], strict: bool = False
) -> np.ndarray:
    """Return the mask of one layer: entry [i, j] is 1 where unit j may see unit i.

    Unit j sees unit i where in_degrees[i] <= out_degrees[j], or, if ``strict``, where
    in_degrees[i] < out_degrees[j].

    Parameters
    ----------
    in_degrees, out_degrees
        Degrees of the layer's inputs and outputs.
    strict
        Whether equal degrees are hidden from each other (the last layer of a network).

    Returns
    -------
    numpy.ndarray
        float32, of shape [len(in_degrees), len(out_degrees)].

    Examples
    --------
    >>> layer_mask([1, 2, 3], [1, 1, 2, 2]).astype(int).tolist()
    [[1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]]
    """
    rows = np.asarray(in_degrees, dtype=np.int64)[:, np.newaxis]
    columns = np.asarray(out_degrees, dtype=np.int64)[np.newaxis, :]
    return (rows < columns if strict else rows <= columns).astype(np.float32)


def make_masks(
    input_degrees: Sequence[int],
    hidden_degrees: Sequence[Sequence[int]],
    params: int,
    features: int = 1,
) -> tuple[np.ndarray, ...]:
    """Return the masks of a network's layers, from the input to the output.

    Parameters
    ----------
    input_degrees
        The degree of each of the D coordinates.
    hidden_degrees
        The degrees of the units of each hidden layer.
    params
        The number of outputs of each coordinate; column d * params + p of the last mask belongs
        to parameter p of coordinate d.
    features
        The number of inputs of each coordinate, side by side like its outputs.

    Returns
    -------
    tuple of numpy.ndarray
        One mask of shape [inputs, outputs] per layer; one more than there are hidden layers.

    Examples
    --------
    >>> [mask.shape for mask in make_masks((1, 2, 3), ((1, 1, 2, 2),), params=2)]
    [(3, 4), (4, 6)]
    """
    degrees = [np.repeat(input_degrees, features), *(tuple(layer) for layer in hidden_degrees)]
    hidden = [layer_mask(a, b) for a, b in itertools.pairwise(degrees)]
    output_degrees = np.repeat(np.asarray(input_degrees), params)
    return (*hidden, layer_mask(degrees[-1], output_degrees, strict=True))
