"""The config of TensorFlow Probability objects: JSON out, the same distribution or bijector back.

A config names classes out of TFP's public ones and holds their constructor arguments. Reading one
runs no code from the file: a name that is not on the list, or a structure that is not the expected
one, is a ValueError.
"""

import functools

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfflows.interop.tfp_classes import (
    function_name,
    is_keras_registered,
    missing_parameters,
    named_function,
    parameters_of,
    public_class,
    public_name,
)
from tfflows.interop.tfp_networks import decode_network, encode_network, is_tfp_network
from tfflows.interop.tfp_values import (
    decode_array,
    decode_value,
    encode_array,
    encode_value,
    is_value,
)

__all__ = ["from_config", "to_config"]

tfb, tfd = tfp.bijectors, tfp.distributions

_FORMAT = 1


def to_config(obj: tfb.Bijector | tfd.Distribution) -> dict:
    r"""Return a JSON-able description of a TFP bijector or distribution.

    Parameters nest to any depth: numbers, arrays, tensors, types, shapes, lists, tuples, dicts,
    other TFP objects, linear operators, ``tfp.util.TransformedVariable``, tf.Variables, Keras
    layers and TFP's own networks. A variable or network that stands in two places is written once
    and comes back shared.

    Parameters
    ----------
    obj : tfb.Bijector or tfd.Distribution
        An object of one of TFP's public classes.

    Returns
    -------
    dict
        ``{"format": 1, "variables": [...], "networks": [...], "object": {...}}``. The variables
        carry shape, type, ``trainable``, name and present value; the weights of networks are not
        part of it.

    Raises
    ------
    ValueError
        If a part has no name: a lambda or other function, an unregistered class, a tensor of a
        graph. The message names the part and what to use instead.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb
    >>> to_config(tfb.Shift(tf.Variable([0.5, 0.25])))["object"]["class"]
    'bijectors.Shift'
    """
    return _Writer().write(obj)


def from_config(
    config: dict, variables: list[tf.Variable] | None = None
) -> tfb.Bijector | tfd.Distribution:
    r"""Return the TFP object that a config of `to_config` describes.

    Parameters
    ----------
    config : dict
        The answer of `to_config`.
    variables : list of tf.Variable, optional
        Variables to use, in the order of ``config["variables"]``; by default new ones are made.

    Returns
    -------
    tfb.Bijector or tfd.Distribution
        A new object. Its networks have new weights.

    Raises
    ------
    ValueError
        If the config is not of this form, names something that is not on the list, or comes from a
        newer version of the format.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb
    >>> shift = from_config(to_config(tfb.Shift(tf.Variable([0.5, 0.25]))))
    >>> print(shift.forward(tf.zeros([2])).numpy())
    [0.5  0.25]
    """
    return _Reader(config, variables).read()


class _Writer:
    def __init__(self):
        self.variables, self.networks = [], []
        self._seen = {}

    def write(self, obj: object) -> dict:
        if not isinstance(obj, tfb.Bijector | tfd.Distribution):
            raise TypeError(
                f"to_config takes a tfb.Bijector or a tfd.Distribution; got {type(obj).__name__}."
            )
        node = self.encode(obj, type(obj).__name__.lstrip("_"))
        return {
            "format": _FORMAT,
            "variables": self.variables,
            "networks": self.networks,
            "object": node,
        }

    def encode(self, value: object, where: str) -> object:
        if isinstance(value, tf.Variable):
            return self._once(value, where, "variable", self.variables, _encode_variable)
        if isinstance(value, keras.Variable):
            raise ValueError(
                f"{where} is a keras.Variable ({value.path!r}), whose value TFP has frozen; use a "
                "tf.Variable or a layer of tfflows.layers."
            )
        if is_value(value):
            return encode_value(value, where)
        if isinstance(value, list):
            return [self.encode(entry, f"{where}[{i}]") for i, entry in enumerate(value)]
        if isinstance(value, tuple) and not hasattr(value, "_fields"):
            items = [self.encode(entry, f"{where}[{i}]") for i, entry in enumerate(value)]
            return {"kind": "tuple", "items": items}
        if isinstance(value, dict):
            return self._encode_dict(value, where)
        if public_name(value) is not None:
            return self._encode_named(value, where)
        if isinstance(value, tfp.util.DeferredTensor):
            return self._encode_deferred(value, where)
        if is_tfp_network(value):
            return self._once(value, where, "network", self.networks, encode_network)
        if hasattr(value, "get_config") and hasattr(type(value), "from_config"):
            return self._once(value, where, "network", self.networks, _encode_keras)
        return {"kind": "function", "name": _function_name(value, where)}

    def _once(self, value, where, kind, table, encode):
        if id(value) not in self._seen:
            # The value is kept beside its index: its id stays its own while this writer lives.
            self._seen[id(value)] = (len(table), value)
            table.append(encode(value, where))
        return {"kind": kind, "index": self._seen[id(value)][0]}

    def _encode_dict(self, value, where):
        if not all(isinstance(key, str) for key in value):
            raise ValueError(f"{where} is a dict with keys other than strings: {list(value)}.")
        items = {key: self.encode(entry, f"{where}[{key!r}]") for key, entry in value.items()}
        return {"kind": "dict", "items": items}

    def _encode_named(self, value, where):
        parameters = parameters_of(value)
        if value.parameters is None or missing_parameters(value, parameters):
            raise ValueError(
                f"{where} is a {type(value).__name__} that does not tell the parameters it was "
                "made from, so it cannot be written to a config."
            )
        encoded = {
            key: self.encode(parameter, f"{where}.{key}")
            for key, parameter in parameters.items()
            if parameter is not None
        }
        return {"kind": "named", "class": public_name(value), "parameters": encoded}

    def _encode_deferred(self, value, where):
        if value.also_track is not None:
            raise ValueError(
                f"{where} is a tfp.util.DeferredTensor with also_track, whose transform_fn cannot "
                "be written to a config; use a bijector as its transform."
            )
        owner = getattr(value.transform_fn, "__self__", None)
        transform = owner if isinstance(owner, tfb.Bijector) else value.transform_fn
        return {
            "kind": "deferred",
            "input": self.encode(value.pretransformed_input, f"{where}.pretransformed_input"),
            "transform": self.encode(transform, f"{where}.transform_fn"),
            "dtype": encode_value(value.dtype),
            "shape": encode_value(value.shape),
        }


def _encode_variable(variable: tf.Variable, where: str) -> dict:
    with tf.init_scope():
        value = tf.convert_to_tensor(variable).numpy()
    config = {
        "name": variable.name.partition(":")[0],
        "trainable": bool(variable.trainable),
        "value": encode_array(value, where, variable.dtype),
    }
    constraint = variable.constraint
    if constraint is None:
        return config
    if not isinstance(constraint, keras.constraints.Constraint):
        raise ValueError(
            f"{where} is a tf.Variable whose constraint {constraint!r} is a function, which a "
            "config cannot hold; use an object of keras.constraints."
        )
    return {**config, "constraint": _encode_keras(constraint, f"{where}.constraint")}


def _encode_keras(value: object, where: str) -> dict:
    if type(value).__module__.partition(".")[0] == "tf_keras":
        raise ValueError(
            f"{where} is a {type(value).__name__} of Keras 2 (tf_keras), which cannot be written "
            "to a config; make it of keras.layers."
        )
    if not is_keras_registered(value):
        raise ValueError(
            f"{where} is a {type(value).__name__}, which Keras could not find again in a file; "
            "decorate the class with @keras.saving.register_keras_serializable()."
        )
    return {"kind": "keras", "config": keras.saving.serialize_keras_object(value)}


def _function_name(value: object, where: str) -> str:
    name = function_name(value) if callable(value) else None
    if name is not None:
        return name
    if isinstance(value, tfb.Bijector | tfd.Distribution):
        what = f"a {type(value).__name__}, which is not a public class of TFP"
        advice = "register it with keras.saving.register_keras_serializable and give it get_config"
    elif callable(value):
        label = getattr(value, "__qualname__", type(value).__name__)
        what = f"a function ({label})"
        advice = "use a registered keras.layers.Layer in its place"
    else:
        what, advice = f"a {type(value).__name__}", "give numbers, arrays, variables or TFP objects"
    raise ValueError(
        f"{where} is {what}: it cannot be written to a config. To save the model, {advice}, or "
        "write the step as a tfflows.layers.BijectorLayer; save_weights works as it is."
    )


class _Reader:
    def __init__(self, config: dict, variables: list | None):
        if not isinstance(config, dict) or type(config.get("format")) is not int:
            raise ValueError("not a config of a TFP object: it has no format number.")
        if config["format"] > _FORMAT:
            raise ValueError(
                f"the config has format {config['format']}, written by a newer tfflows; this one "
                f"reads up to format {_FORMAT}. Upgrade tfflows."
            )
        for key, kind in (("variables", list), ("networks", list), ("object", dict)):
            if not isinstance(config.get(key), kind):
                raise ValueError(f"not a config of a TFP object: {key!r} is missing or damaged.")
        self.config = config
        self.given = variables

    def read(self) -> tfb.Bijector | tfd.Distribution:
        try:
            self.variables = self._read_variables()
            self.networks = [self._network(node) for node in self.config["networks"]]
            obj = self.decode(self.config["object"])
        except RecursionError as error:
            raise ValueError("the config of a TFP object is nested too deeply.") from error
        if not isinstance(obj, tfb.Bijector | tfd.Distribution):
            raise ValueError(
                f"the config describes a {type(obj).__name__}, not a bijector or a distribution."
            )
        return obj

    def _read_variables(self):
        nodes = self.config["variables"]
        if self.given is None:
            return [_decode_variable(node) for node in nodes]
        if len(self.given) != len(nodes):
            raise ValueError(
                f"the config has {len(nodes)} variables; {len(self.given)} were given."
            )
        for i, (variable, node) in enumerate(zip(self.given, nodes, strict=True)):
            saved = decode_array(_part(node, "value", dict))
            if tuple(variable.shape) != saved.shape or variable.dtype != saved.dtype:
                raise ValueError(
                    f"variable {i} of the config has shape {saved.shape} and type {saved.dtype}; "
                    f"the one given has {tuple(variable.shape)} and {variable.dtype.name}."
                )
        return list(self.given)

    def _network(self, node):
        kind = node.get("kind") if isinstance(node, dict) else None
        if kind == "keras":
            return _decode_keras(node)
        if kind in ("made", "real_nvp_default_template"):
            return _guarded(f"the network {kind!r}", lambda: decode_network(node))
        raise ValueError(f"{kind!r} is not a kind of network that a config may hold.")

    def decode(self, node: object) -> object:
        if isinstance(node, list):
            return [self.decode(entry) for entry in node]
        kind = node.get("kind") if isinstance(node, dict) else None
        if kind == "tuple":
            return tuple(self.decode(entry) for entry in _part(node, "items", list))
        if kind == "dict":
            return {key: self.decode(entry) for key, entry in _part(node, "items", dict).items()}
        if kind in ("variable", "network"):
            table = self.variables if kind == "variable" else self.networks
            index = _part(node, "index", int)
            if not 0 <= index < len(table):
                raise ValueError(f"{kind} {index} is not in the config, which has {len(table)}.")
            return table[index]
        if kind == "function":
            return named_function(node.get("name"))
        if kind == "named":
            cls = public_class(node.get("class"))
            given = _part(node, "parameters", dict)
            parameters = {key: self.decode(value) for key, value in given.items()}
            return _guarded(cls.__name__, functools.partial(cls, **parameters))
        if kind == "deferred":
            return self._deferred(node)
        return decode_value(node)

    def _deferred(self, node):
        transform = self.decode(_part(node, "transform", dict))
        inner = self.decode(_part(node, "input", dict))
        dtype = decode_value(_part(node, "dtype", dict))
        shape = decode_value(_part(node, "shape", dict))
        return _guarded(
            "DeferredTensor",
            lambda: tfp.util.DeferredTensor(inner, transform, dtype=dtype, shape=shape),
        )


def _decode_variable(node: object) -> tf.Variable:
    value = decode_array(_part(node, "value", dict))
    constraint = None
    if "constraint" in node:
        constraint = _decode_keras(_part(node, "constraint", dict))
        if not isinstance(constraint, keras.constraints.Constraint):
            raise ValueError("the constraint of a variable in the config is not a constraint.")
    name, trainable = _part(node, "name", str), _part(node, "trainable", bool)
    dtype = node["value"]["dtype"]
    return _guarded(
        f"variable {name!r}",
        lambda: tf.Variable(
            value, trainable=trainable, dtype=dtype, name=name or None, constraint=constraint
        ),
    )


def _decode_keras(node: dict) -> object:
    config = _part(node, "config", dict)
    label = f"the Keras object {config.get('class_name')!r}"
    if not isinstance(config.get("class_name"), str) or "config" not in config:
        raise ValueError("damaged config of a TFP object: a Keras object has no class name.")
    return _guarded(label, lambda: keras.saving.deserialize_keras_object(config, safe_mode=True))


def _part(node: object, key: str, kind: type) -> object:
    value = node.get(key) if isinstance(node, dict) else None
    if type(value) is not kind:
        raise ValueError(f"damaged config of a TFP object: {key!r} should be a {kind.__name__}.")
    return value


def _guarded(what: str, make):
    try:
        return make()
    except RecursionError:
        raise
    except Exception as error:
        raise ValueError(f"{what} cannot be made from the config: {error}") from error
