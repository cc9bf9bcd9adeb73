"""What builders and presets are composed of."""

import math
from collections.abc import Callable

import keras

from tfflows import layers, univariates
from tfflows.distributions import CircularUniform
from tfflows.models import Flow

__all__ = ["copies", "stack"]


def stack(
    layer: Callable,
    event_shape: tuple,
    context_shape,
    transforms: int,
    linear: bool = False,
    reverse: bool = False,
    period: float | None = None,
    first=(),
    last=(),
    base=None,
    dtype=None,
    **kwargs,
) -> Flow:
    """Return a flow of standardization and `transforms` layers, and of what mixes between them.

    Parameters
    ----------
    layer : callable
        ``layer(index, dtype)`` returns a list of new layers, the one with that number.
    **kwargs
        Arguments of `Flow`.
    transforms : int
        Number of calls of `layer`.
    linear : bool
        Put learned linear maps between the layers.
    reverse : bool
        Reverse the order of the coordinates between the layers.
    period : float, optional
        Circumference of the circles that the coordinates are points of: rotations take the place
        of standardization, and the base is uniform.
    first : sequence of Transform or tfb.Bijector
        What comes before standardization, nearest the data.
    last : sequence of BijectorLayer or tfb.Bijector
        What comes after the layers, nearest the base.

    Raises
    ------
    ValueError
        If `linear` is asked for on circles.
    """
    several = math.prod(event_shape) > 1
    if linear and period is not None:
        raise ValueError(
            "linear=True is for coordinates on a line: a linear map of angles is not continuous "
            "where an angle starts anew. Leave it out for a family with a period."
        )
    chain = [*first, *([layers.Standardize(dtype=dtype)] if period is None else [])]
    for index in range(transforms):
        if index and period is not None:
            rotation = univariates.CircularShift(bound=period / 2.0)
            chain.append(layers.Elementwise(rotation, dtype=dtype))
        if index and linear and several:
            # Were it moved by the context, it would be as large as a layer.
            chain.append(layers.Unconditional(layers.LU(dtype=dtype)))
        if index and reverse and several:
            # Without a change of order each layer would repeat the same conditionals.
            chain.append(layers.Reverse(dtype=dtype))
        chain += layer(index, dtype)
    if period is not None and base is None:
        variable_dtype = keras.dtype_policies.get(dtype).variable_dtype
        base = CircularUniform(event_shape, period / 2.0, variable_dtype)
    return Flow([*chain, *last], event_shape, context_shape, base=base, dtype=dtype, **kwargs)


def copies(original, number: int) -> list:
    """Return new objects: copies by config, or the answers of a function of their numbers."""
    if isinstance(original, univariates.Univariate | keras.layers.Layer):
        return [type(original).from_config(original.get_config()) for _ in range(number)]
    if callable(original) and not isinstance(original, type):
        return [original(index) for index in range(number)]
    # None; of anything else the layer that gets it says what is wrong.
    return [original] * number
