"""What the prebuilt flows are composed of."""

import math

from tfflows import layers
from tfflows.inputs import validation

__all__ = ["autoregressive", "couplings", "event_size", "linear_map"]


def couplings(
    family,
    event_shape,
    transforms,
    hidden_units,
    activation,
    identity_start,
    flow_arguments,
    standardize=True,
    between=lambda: [],
    dropout=0.0,
    linear=False,
) -> list:
    """Return standardization and couplings that transform the two halves in turn.

    `family` returns a new univariate family for each coupling, and `between` new layers to stand
    between two of them; `linear` puts a learned linear map there.
    """
    size = event_size(event_shape, transforms)
    if size < 2:
        raise ValueError(
            "a coupling flow splits an event in two, and this one has a single coordinate; use "
            "tfflows.MAF or tfflows.NSF, which model it by elementwise maps."
        )
    dtype = flow_arguments.get("dtype")
    chain = [layers.Standardize(dtype=dtype)] if standardize else []
    for index in range(transforms):
        if index:
            chain.extend(between())
            if linear and size > 1:
                chain.append(linear_map(dtype))
        chain.append(
            layers.Coupling(
                family(),
                mask="half" if size == 2 else "alternating",
                swap=index % 2 == 1,
                hidden_units=hidden_units,
                activation=activation,
                dropout=dropout,
                identity_start=identity_start,
                dtype=dtype,
            )
        )
    return chain


def autoregressive(
    family,
    event_shape,
    transforms,
    hidden_units,
    activation,
    residual,
    identity_start,
    flow_arguments,
    wrap=lambda layer: layer,
    standardize=True,
    between=lambda: [],
    dropout=0.0,
    linear=False,
) -> list:
    """Return standardization and autoregressive layers with reversals between them.

    `family` returns a new univariate family for each layer, `wrap` may put the layer into another,
    and `between` returns new layers to stand between two of them; `linear` puts a learned linear
    map there.
    """
    size = event_size(event_shape, transforms)
    dtype = flow_arguments.get("dtype")
    chain = [layers.Standardize(dtype=dtype)] if standardize else []
    for index in range(transforms):
        if index:
            chain.extend(between())
            if linear and size > 1:
                chain.append(linear_map(dtype))
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
                    dropout=dropout,
                    identity_start=identity_start,
                    dtype=dtype,
                )
            )
        )
    return chain


def linear_map(dtype):
    """Return a learned linear map that no context moves."""
    return layers.Unconditional(layers.LU(dtype=dtype))


def event_size(event_shape, transforms) -> int:
    """Return the number of coordinates of an event, and check the number of transforms."""
    if transforms < 1:
        raise ValueError(f"transforms must be at least 1; got {transforms}.")
    return math.prod(validation.as_shape(event_shape, "event_shape"))
