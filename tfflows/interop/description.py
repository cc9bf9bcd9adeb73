"""What objects are and what they were made with, on one line."""

import inspect

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfflows.inputs.keywords import constructor_parameters
from tfflows.interop.tfp_classes import parameters_of
from tfflows.univariates.base import Univariate

__all__ = ["call_of", "describe"]

_MOST = 6
_UNKNOWN = object()
_COMMON = {"name", "dtype", "trainable", "validate_args", "allow_nan_stats"}
_PREFIXES = {tfb.Bijector: "tfb.", tfd.Distribution: "tfd."}


def describe(value: object) -> str:
    """Return a short text for an argument, a family or a TFP object, with what it was made of.

    Examples
    --------
    >>> from tensorflow_probability import bijectors as tfb
    >>> describe(tfb.Shift([0.5, 0.25])(tfb.Permute([1, 0])))
    'tfb.Chain(bijectors=[tfb.Shift([0.5, 0.25]), tfb.Permute([1, 0])])'
    >>> import numpy as np
    >>> describe(np.zeros([8, 3])), describe("relu")
    ('float64[8, 3]', "'relu'")
    """
    for base, prefix in _PREFIXES.items():
        if isinstance(value, base):
            ours = not type(value).__module__.startswith("tensorflow_probability")
            name = type(value).__name__.lstrip("_")
            return call_of(value, "" if ours else prefix + name, parameters_of(value), _COMMON)
    if isinstance(value, Univariate):
        # Of a family the numbers of its parts; bounds and the like only where they are chosen.
        sizes = [key for key, size in vars(value).items() if type(size) is int]
        return call_of(value, left_out=_COMMON, always=sizes)
    if isinstance(value, (list, tuple)) and not _is_numbers(value):
        return f"[{', '.join(map(describe, value))}]"
    if _is_array(value) or isinstance(value, (list, tuple)):
        return _numbers(value)
    if isinstance(value, keras.Layer) and type(value).__repr__ is keras.Layer.__repr__:
        return type(value).__name__
    if isinstance(value, float):
        return _text(value, "[]")
    if callable(value) and not hasattr(type(value), "get_config"):
        return getattr(value, "__name__", type(value).__name__)
    return repr(value)


def call_of(
    obj: object, name: str = "", arguments: dict | None = None, left_out=(), always=()
) -> str:
    """Return the call that makes an object, without the arguments that have their defaults.

    Parameters
    ----------
    obj : object
        What was made.
    name : str
        What its class is called; by default its name.
    arguments : dict, optional
        Arguments of the constructor by name; by default those that the object keeps as attributes
        of their names.
    left_out, always : collection of str
        Arguments that are never shown, and those that are shown with their defaults, too.
    """
    shown = []
    for key, parameter in constructor_parameters(type(obj)).items():
        value = getattr(obj, key, _UNKNOWN) if arguments is None else arguments.get(key, _UNKNOWN)
        if key in left_out or value is _UNKNOWN or inspect.ismethod(value):
            continue
        given = parameter.default
        if given is parameter.empty:
            shown.append(describe(value))
        elif key in always or not _same(value, given):
            shown.append(f"{key}={describe(value)}")
    return f"{name or type(obj).__name__}({', '.join(shown)})"


def _same(value, default) -> bool:
    if value is default or value is None or default is None:
        return value is default
    if _is_array(value) or isinstance(value, (list, tuple)):
        number = _static(value)
        return number is not None and _is_numbers(default) and np.array_equal(number, default)
    return bool(value == default)


def _is_array(value) -> bool:
    return isinstance(value, (np.ndarray, np.generic, tf.Variable, keras.Variable)) or (
        tf.is_tensor(value)
    )


def _is_numbers(value) -> bool:
    """Whether a nest of lists holds nothing but numbers."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_numbers, value))
    return isinstance(value, (bool, int, float, np.number, np.bool_)) or _is_array(value)


def _static(value) -> np.ndarray | None:
    """Return the numbers of an array; None within a graph that does not know them."""
    if isinstance(value, keras.Variable):
        value = value.value
    if isinstance(value, tf.Variable):
        with tf.init_scope():
            return value.numpy() if tf.executing_eagerly() else None
    return tf.get_static_value(value) if tf.is_tensor(value) else np.asarray(value)


def _numbers(value) -> str:
    array = _static(value)
    if array is None or array.size > _MOST:
        shape = value.shape if array is None else array.shape
        dtype = getattr(value, "dtype", None) if array is None else array.dtype
        return f"{tf.as_dtype(dtype).name}{list(shape)}"
    return _text(array.tolist(), "()" if isinstance(value, tuple) else "[]")


def _text(value, brackets: str) -> str:
    if isinstance(value, list):
        inside = ", ".join(_text(entry, brackets) for entry in value)
        inside += "," if brackets == "()" and len(value) == 1 else ""
        return f"{brackets[0]}{inside}{brackets[1]}"
    return repr(float(f"{value:.4g}") if isinstance(value, float) else value)
