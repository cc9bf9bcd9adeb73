"""Neighbors that move the same coordinates by the same ones, in a chain of TFP's or in a flow."""

import warnings
import weakref
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfflows.diagnostics import networks
from tfflows.diagnostics.diagnosis import Finding
from tfflows.interop.tfp_classes import chained, is_a
from tfflows.interop.tfp_networks import argument_of

__all__ = ["of_chain", "of_model", "warn_unpermuted"]

_WARNED: weakref.WeakSet = weakref.WeakSet()

# What a bijector does to the order of coordinates, where it is not moving some by others.
_KEEPS, _CHANGES = "keeps", "changes"


def of_chain(chain) -> Iterator[Finding]:
    """Find what stands between two bijectors of TFP's that have the same structure: nothing."""
    return _between((b.name, *_structure(b)) for b in chain)


def of_model(model) -> Iterator[Finding]:
    """Find the same between the layers of a flow, or the parts of another model."""
    # The last component is the base.
    return _between(step for part in model.components()[:-1] for step in _steps(part, model))


def warn_unpermuted(model) -> None:
    """Warn, once for each model, of the first pair of layers without a permutation between."""
    finding = next(of_model(model), None)
    if finding is not None and model not in _WARNED:
        _WARNED.add(model)
        warnings.warn(finding.what, stacklevel=6)


def _between(steps) -> Iterator[Finding]:
    last = (None, None)
    for name, structure, leaves in steps:
        if structure == _KEEPS:
            continue
        if structure == _CHANGES:
            last = (None, None)
            continue
        if structure == last[1]:
            yield Finding(
                "missing_permutation",
                f"between {last[0]} and {name} the coordinates keep their places, so "
                + (
                    "those that the first leaves as they are never change."
                    if leaves
                    else "the first coordinate never sees another, and layers add little."
                )
                + " Put a permutation between them: tfflows.layers.Reverse() or Permute, or "
                "tfb.Permute.",
            )
        last = (name, structure)


def _structure(bijector) -> tuple:
    """Return who moves whom in a bijector of TFP's, and whether it leaves coordinates as they are.

    Structures of two bijectors are equal if they do the same.
    """
    core = networks.inner(bijector)
    if not is_a(core, *networks.MOVING):
        return _CHANGES if int(core.forward_min_event_ndims) > 0 else _KEEPS, False
    if is_a(core, "bijectors.RealNVP"):
        return tuple(core.parameters.get(key) for key in ("num_masked", "fraction_masked")), True
    found = networks.networks_in(networks.function_of(core))
    orders = [str(argument_of(network, "input_order", "")) for network in found]
    # Two random orders are two.
    return object() if "random" in orders else ("in order", *orders), False


def _steps(part, model) -> Iterator[tuple]:
    """Yield name, structure, and whether coordinates stay as they are, of a layer or bijector."""
    if not hasattr(part, "unwrap"):
        return (yield from ((b.name, *_structure(b)) for b in chained(part)))
    layer, _, conditional = part.unwrap()
    adjacency = layer.adjacency
    if adjacency is None:
        given = None
        if conditional and model.context_shape is not None:
            row = model.context_columns.seen().reshape([1, *model.context_shape])
            given = model.embed(tf.constant(row, model.variable_dtype))
        for bijector in chained(layer.bijector(given)):
            # TFP calls a chain by all that is in it.
            yield part.name, *_structure(bijector)
    elif (adjacency == np.eye(len(adjacency), dtype=bool)).all():
        yield part.name, _KEEPS, False
    elif (adjacency.sum(1) == 1).all():
        yield part.name, _CHANGES, False
    else:
        leaves = layer.transformed is not None and not layer.transformed.all()
        yield part.name, adjacency.tobytes(), leaves
