"""The networks and the shapes inside TFP's bijectors of networks."""

import inspect

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfflows.interop.tfp_classes import chained, is_a, public_name
from tfflows.interop.tfp_networks import built_variables, is_tfp_network

__all__ = [
    "bijectors_in",
    "event_size",
    "function_of",
    "has_weights",
    "holds_several_arrays",
    "inner",
    "is_transformed",
    "networks_in",
]

MOVING = ("bijectors.MaskedAutoregressiveFlow", "bijectors.RealNVP")


def bijectors_in(thing) -> list[tfb.Bijector]:
    """Return the bijectors of a distribution or of a bijector, the first nearest the data."""
    if isinstance(thing, tfb.Bijector):
        return chained(thing)
    return chained(thing.bijector) if is_transformed(thing) else []


def is_transformed(thing) -> bool:
    """Say whether a distribution was made of a base and a bijector by its maker, not by TFP.

    Examples
    --------
    >>> from tensorflow_probability import distributions as tfd
    >>> normal = tfd.MultivariateNormalDiag([0.0])
    >>> isinstance(normal, tfd.TransformedDistribution), is_transformed(normal)
    (True, False)
    """
    if not isinstance(getattr(thing, "bijector", None), tfb.Bijector):
        return False
    return public_name(thing) in (None, "distributions.TransformedDistribution")


def holds_several_arrays(thing) -> bool:
    """Say whether the events of a distribution, or what a bijector maps, are not single arrays.

    Examples
    --------
    >>> from tensorflow_probability import distributions as tfd
    >>> holds_several_arrays(tfd.JointDistributionSequential([tfd.Normal(0.0, 1.0)]))
    True
    """
    if isinstance(thing, tfb.Bijector):
        ndims = (thing.forward_min_event_ndims, thing.inverse_min_event_ndims)
        return any(map(tf.nest.is_nested, ndims))
    if isinstance(thing, tfd.JointDistribution) or tf.nest.is_nested(thing.dtype):
        return True
    return is_transformed(thing) and any(
        map(holds_several_arrays, (thing.distribution, thing.bijector))
    )


def inner(bijector) -> tfb.Bijector:
    """Return the bijector within inversions."""
    while is_a(bijector, "bijectors.Invert"):
        bijector = bijector.bijector
    return bijector


def function_of(bijector):
    """Return the function that gives a bijector of TFP's its parameters, if it has one."""
    parameters = inner(bijector).parameters or {}
    return parameters.get("shift_and_log_scale_fn") or parameters.get("bijector_fn")


def networks_in(function) -> list:
    """Return the networks that a function is, or refers to by its closure."""
    if function is None:
        return []
    if is_tfp_network(function) or isinstance(function, keras.layers.Layer):
        return [function]
    if isinstance(function, tf.Module) and hasattr(function, "call"):
        return [function]
    if not inspect.isfunction(function):
        return []
    found = inspect.getclosurevars(function)
    values = [*found.nonlocals.values(), *found.globals.values()]
    return [network for value in values if not _no_search(value) for network in networks_in(value)]


def _no_search(value) -> bool:
    """Say whether a value is a plain function, through which no search goes on."""
    return inspect.isfunction(value) or inspect.isclass(value) or inspect.ismodule(value)


def has_weights(network) -> bool:
    """Say whether the weights of a network exist."""
    if is_tfp_network(network):
        return bool(built_variables(network))
    return bool(getattr(network, "built", True))


def event_size(thing) -> int | None:
    """Return the number of coordinates that a flow is meant for, as far as a part of it tells."""
    base = thing.distribution if is_transformed(thing) else thing
    if isinstance(base, tfd.Distribution):
        for shape in (base.event_shape, base.batch_shape):
            # A single number may have been meant to be spread over the parameters of the bijector.
            if shape.is_fully_defined() and np.prod(shape) > 1:
                return int(np.prod(shape))
    sizes = list(_sizes_of(thing))
    if isinstance(base, tfd.Distribution) and base.event_shape.rank:
        sizes.append(1)
    return max(sizes, default=None)


def _sizes_of(thing):
    """Yield the numbers of coordinates that the bijectors tell of."""
    for bijector in bijectors_in(thing):
        for network in networks_in(function_of(bijector)):
            shape = getattr(network, "event_shape", None)
            if shape is not None and np.size(shape):
                yield int(np.prod(shape))
        if is_a(bijector, "bijectors.Permute"):
            yield int(bijector.permutation.shape[-1])
        for parameter in (bijector.parameters or {}).values():
            shape = getattr(parameter, "shape", ())
            if len(shape) == 1:
                yield int(shape[0])
