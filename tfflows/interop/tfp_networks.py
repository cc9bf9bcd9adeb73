"""How TFP's own networks, written for Keras 2, are taken apart for a config and made again.

They have no complete config of their own: random orders and degrees are drawn when the network is
built and are not among its arguments. This module is the only one that reads their private
attributes.
"""

import inspect
import warnings

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfflows.conditioners import AutoregressiveNetwork
from tfflows.interop.tfp_classes import function_name, named_function
from tfflows.interop.tfp_values import (
    decode_array,
    decode_value,
    encode_array,
    encode_value,
    is_value,
)
from tfflows.privates import (
    MADE_ATTRIBUTES,
    REAL_NVP_TEMPLATE,
    drawn_order,
    is_real_nvp_template,
    masks_of,
)

__all__ = [
    "argument_of",
    "decode_network",
    "encode_network",
    "is_tfp_network",
    "wants_conditional_input",
]

_KERAS2_FAMILIES = ("initializers", "regularizers", "constraints")


def is_tfp_network(obj: object) -> bool:
    """Whether this module can write the object: TFP's AutoregressiveNetwork or RealNVP template."""
    return isinstance(obj, tfb.AutoregressiveNetwork) or is_real_nvp_template(obj)


def argument_of(network: object, name: str, default: object = None) -> object:
    """Return what a network was given as an argument: a public attribute, or TFP's private one."""
    return getattr(network, name, getattr(network, MADE_ATTRIBUTES[name], default))


def wants_conditional_input(function: object) -> bool:
    """Whether a network or a function, called with an event alone, lacks a ``conditional_input``.

    Examples
    --------
    >>> from tensorflow_probability import bijectors as tfb
    >>> made = {"params": 2, "event_shape": [2], "hidden_units": [4]}
    >>> wants_conditional_input(tfb.AutoregressiveNetwork(**made))
    False
    >>> wants_conditional_input(
    ...     tfb.AutoregressiveNetwork(**made, conditional=True, conditional_event_shape=[1]))
    True
    """
    if isinstance(function, tfb.AutoregressiveNetwork | AutoregressiveNetwork):
        return bool(argument_of(function, "conditional"))
    if not callable(function):
        return False
    try:
        # A layer of Keras takes what its `call` takes.
        signature = inspect.signature(getattr(function, "call", function))
    except (TypeError, ValueError):  # functions that are not written in Python
        return False
    wanted = signature.parameters.get("conditional_input")
    return wanted is not None and wanted.default is wanted.empty


def encode_network(network: object, where: str) -> dict:
    """Return the JSON form of a TFP network: its arguments, and what it drew at random.

    Raises
    ------
    ValueError
        If an argument is a function of the user's own.
    """
    if is_real_nvp_template(network):
        arguments = inspect.getclosurevars(network.func).nonlocals
        if arguments["args"]:
            raise ValueError(
                f"{where}: pass the arguments of {REAL_NVP_TEMPLATE} by name, so that it can be "
                "saved."
            )
        arguments = {**arguments, **arguments["kwargs"], "name": network.name}
        del arguments["args"], arguments["kwargs"]
        return {"kind": REAL_NVP_TEMPLATE, "arguments": _encode_arguments(arguments, where)}
    if type(network) is not tfb.AutoregressiveNetwork:
        raise ValueError(
            f"{where} is a subclass {type(network).__name__} of tfb.AutoregressiveNetwork, which "
            "a config cannot hold; use tfflows.conditioners.AutoregressiveNetwork."
        )
    arguments = {name: getattr(network, key) for name, key in MADE_ATTRIBUTES.items()}
    arguments |= {"name": network.name, "dtype": network.dtype, "trainable": network.trainable}
    config = {"kind": "made"}
    drawn = any(
        isinstance(arguments[name], str) and arguments[name] == "random"
        for name in ("input_order", "hidden_degrees")
    )
    if network.built and drawn:
        arguments["input_order"] = drawn_order(network).tolist()
        config["masks"] = [encode_array(np.asarray(mask, bool)) for mask in masks_of(network)]
    return {**config, "arguments": _encode_arguments(arguments, where)}


def decode_network(node: dict) -> object:
    """Return a new network from `encode_network`'s answer; raise a ValueError if it is damaged."""
    if not isinstance(node.get("arguments"), dict):
        raise ValueError("damaged network in a config: it has no arguments.")
    arguments = {key: _decode_argument(value) for key, value in node["arguments"].items()}
    if node["kind"] == REAL_NVP_TEMPLATE:
        return tfb.real_nvp_default_template(**arguments)
    allowed = {*MADE_ATTRIBUTES, "name", "dtype", "trainable"}
    if not set(arguments) <= allowed:
        raise ValueError(
            f"damaged network in a config: unknown arguments {sorted(set(arguments) - allowed)}."
        )
    network = tfb.AutoregressiveNetwork(**arguments)
    if "masks" in node:
        _restore_masks(network, node["masks"])
    return network


def _restore_masks(network: tfb.AutoregressiveNetwork, nodes: list) -> None:
    network.build([None, *network.event_shape])
    masks = [decode_array(mask) for mask in nodes]
    if [mask.shape for mask in masks] != [mask.shape for mask in masks_of(network)]:
        raise ValueError("damaged network in a config: its masks do not fit its layers.")
    for own, saved in zip(masks_of(network), masks, strict=True):
        # In place: the initializers and constraints of the kernels hold these very arrays.
        own[...] = saved
    with warnings.catch_warnings():
        # Keras 2 warns that the second draw repeats the first; under the new masks it should.
        warnings.filterwarnings("ignore", message=".*initializer.*unseeded")
        for layer in network.submodules:
            if hasattr(layer, "kernel_initializer"):
                kernel = layer.kernel
                kernel.assign(layer.kernel_initializer(kernel.shape, kernel.dtype))


def _encode_arguments(arguments: dict, where: str) -> dict:
    return {
        name: _encode_argument(value, f"{where}.{name}")
        for name, value in arguments.items()
        if value is not None
    }


def _encode_argument(value: object, where: str) -> object:
    if isinstance(value, list | tuple):
        return [_encode_argument(entry, f"{where}[{i}]") for i, entry in enumerate(value)]
    if is_value(value):
        return encode_value(value, where)
    name = function_name(value)
    if name is not None:
        return {"kind": "function", "name": name}
    for family in _KERAS2_FAMILIES:
        public = getattr(_keras2(family), type(value).__name__, None)
        if public is type(value) and hasattr(value, "get_config"):
            arguments = _encode_arguments(value.get_config(), where)
            return {"kind": family, "class": type(value).__name__, "arguments": arguments}
    raise ValueError(
        f"{where} is {value!r}, which a config cannot hold; give the name of a Keras object such "
        "as 'relu' or 'glorot_uniform', or use tfflows.conditioners.AutoregressiveNetwork."
    )


def _decode_argument(node: object) -> object:
    if isinstance(node, list):
        return [_decode_argument(entry) for entry in node]
    kind = node.get("kind") if isinstance(node, dict) else None
    if kind == "function":
        return named_function(node.get("name"))
    if kind in _KERAS2_FAMILIES:
        name, arguments = node.get("class"), node.get("arguments")
        cls = getattr(_keras2(kind), name, None) if isinstance(name, str) else None
        if not inspect.isclass(cls) or not isinstance(arguments, dict):
            raise ValueError(f"{name!r} is not a class of tf_keras.{kind}.")
        return cls(**{key: _decode_argument(value) for key, value in arguments.items()})
    return decode_value(node)


def _keras2(family: str):
    # Imported where it is needed: TFP brings it along, but only these networks use it.
    import tf_keras

    return getattr(tf_keras, family)


def built_variables(network: object) -> list[tf.Variable]:
    """Return the variables a TFP network has so far, in the order of its layers."""
    variables = list(network.variables)
    # A template lists its variables in the order of their names, dense_10 before dense_2.
    return sorted(variables, key=_natural) if is_real_nvp_template(network) else variables


def _natural(variable: tf.Variable) -> list:
    parts = variable.name.replace("_", "/").split("/")
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
