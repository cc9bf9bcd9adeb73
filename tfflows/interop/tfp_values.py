"""Numbers, arrays, tensors, types and shapes as JSON, exactly."""

import base64
import binascii
import math

import numpy as np
import tensorflow as tf

__all__ = ["decode_array", "decode_value", "encode_array", "encode_value", "is_value"]

# Longer arrays are written as base64, which is shorter and as exact.
_LISTED = 64

_VALUES = (
    *(bool, int, float, complex, str),
    *(np.ndarray, np.generic, np.dtype),
    *(tf.Tensor, tf.DType, tf.TensorShape),
)
_KINDS = ("array", "dtype", "float", "scalar", "shape", "tensor")


def is_value(value: object) -> bool:
    """Whether `encode_value` can write the value: no container, no object with state."""
    if isinstance(value, type):
        return issubclass(value, np.generic | bool | int | float)
    return value is None or isinstance(value, _VALUES)


def encode_value(value: object, where: str = "value") -> object:
    """Return the JSON form of a number, string, array, tensor, type or shape.

    Raises
    ------
    ValueError
        If a tensor has no value (made while a graph was traced), or an array holds objects.

    Examples
    --------
    >>> import numpy as np
    >>> encode_value(np.float32([1, 2]))
    {'kind': 'array', 'dtype': 'float32', 'shape': [2], 'values': [1.0, 2.0]}
    """
    if value is None or isinstance(value, bool | int | str):
        # np.str_ and the like are subclasses; JSON wants the plain type.
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not isinstance(value, np.generic):
        return value if math.isfinite(value) else {"kind": "float", "value": repr(value)}
    if isinstance(value, tf.TensorShape):
        dims = None if value.rank is None else list(value)
        return {"kind": "shape", "dims": dims}
    if isinstance(value, tf.DType | np.dtype | type):
        return {"kind": "dtype", "name": tf.as_dtype(value).name}
    if isinstance(value, np.ndarray):
        return {"kind": "array", **encode_array(value, where)}
    if isinstance(value, np.generic | complex):
        return {"kind": "scalar", **encode_array(np.asarray(value), where)}
    try:
        array = value.numpy()
    except (AttributeError, NotImplementedError) as error:
        raise ValueError(
            f"{where} is a symbolic tensor ({value.name!r}); a config needs its value. Build the "
            "object outside tf.function, from numbers, arrays or variables."
        ) from error
    return {"kind": "tensor", **encode_array(array, where, value.dtype)}


def encode_array(array: np.ndarray, where: str = "array", dtype: tf.DType | None = None) -> dict:
    """Return an array's type, shape and values as JSON: listed if few, else as base64."""
    array = np.asarray(array)
    name = (dtype or _tf_dtype(array.dtype, where)).name
    config = {"dtype": name, "shape": list(array.shape)}
    if name == "string":
        texts = [text if isinstance(text, bytes) else str(text).encode() for text in array.flat]
        return {**config, "bytes": [base64.b64encode(text).decode() for text in texts]}
    plain = array.dtype.kind in "biu" or (array.dtype.kind == "f" and np.isfinite(array).all())
    if plain and array.size <= _LISTED:
        return {**config, "values": array.tolist()}
    return {**config, "bytes": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()}


def _tf_dtype(dtype: np.dtype, where: str) -> tf.DType:
    try:
        return tf.as_dtype(dtype)
    except TypeError as error:
        raise ValueError(
            f"{where} is an array of {dtype}, which a config cannot hold; give numbers."
        ) from error


def decode_value(node: object) -> object:
    """Return the value of its JSON form; raise a ValueError if it is none.

    Examples
    --------
    >>> decode_value({"kind": "array", "dtype": "float32", "shape": [2], "values": [1.0, 2.0]})
    array([1., 2.], dtype=float32)
    """
    if node is None or isinstance(node, bool | int | float | str):
        return node
    kind = node.get("kind") if isinstance(node, dict) else None
    if kind == "float" and node.get("value") in ("inf", "-inf", "nan"):
        return float(node["value"])
    if kind == "dtype":
        return _dtype(node.get("name"))
    if kind == "shape":
        dims = node.get("dims")
        return tf.TensorShape(None if dims is None else _dims(dims, unknown=True))
    if kind == "array":
        return decode_array(node)
    if kind == "scalar":
        return decode_array({**node, "shape": []})[()]
    if kind == "tensor":
        return tf.constant(decode_array(node), _dtype(node.get("dtype")))
    raise ValueError(f"not a value of one of the kinds {', '.join(_KINDS)}: {_brief(node)}.")


def decode_array(node: dict) -> np.ndarray:
    """Return the array of `encode_array`'s answer; raise a ValueError if it is damaged."""
    dtype, shape = _dtype(node.get("dtype")), _dims(node.get("shape"))
    size = math.prod(shape)
    try:
        if dtype == tf.string:
            texts = [base64.b64decode(text, validate=True) for text in node["bytes"]]
            flat = np.empty(len(texts), object)
            flat[:] = texts
        elif "values" in node:
            flat = np.asarray(node["values"], dtype.as_numpy_dtype).reshape(-1)
        else:
            raw = base64.b64decode(node["bytes"], validate=True)
            flat = np.frombuffer(raw, dtype.as_numpy_dtype).copy()
    except (KeyError, TypeError, ValueError, OverflowError, binascii.Error) as error:
        raise ValueError(f"damaged array in a config: {_brief(node)}.") from error
    if flat.size != size:
        raise ValueError(f"damaged array in a config: {flat.size} values for shape {tuple(shape)}.")
    return flat.reshape(shape)


def _dtype(name: object) -> tf.DType:
    try:
        dtype = tf.as_dtype(name) if isinstance(name, str) else None
    except TypeError:
        dtype = None
    if dtype is None or dtype in (tf.resource, tf.variant):
        raise ValueError(f"{name!r} is not the name of a numeric type in a config.")
    return dtype


def _dims(dims: object, unknown: bool = False) -> list:
    whole = isinstance(dims, list) and all(
        (type(size) is int and size >= 0) or (unknown and size is None) for size in dims
    )
    if not whole:
        raise ValueError(f"{_brief(dims)} is not a shape in a config.")
    return dims


def _brief(node: object) -> str:
    text = repr(node)
    return text if len(text) <= 80 else text[:77] + "..."
