"""A walk through everything a TFP object is made of, closures included, in a fixed order."""

import functools
import inspect
from collections.abc import Iterator

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfflows.interop.tfp_classes import public_name
from tfflows.interop.tfp_networks import built_variables, is_tfp_network

__all__ = ["Part", "parts_of"]

tfb, tfd = tfp.bijectors, tfp.distributions

# Functions of these packages hold no user's weights; following their globals would walk far.
_LIBRARIES = ("builtins", "keras", "numpy", "tensorflow", "tensorflow_probability", "tf_keras")


class Part:
    """One thing found in a TFP object: a variable, a Keras variable, a Keras layer or an object.

    Attributes
    ----------
    value : object
        What was found.
    where : str
        The way to it, such as ``TransformedDistribution.bijector.bijectors[0].shift``.
    holder : object
        The TFP object, linear operator or function whose parameter leads to it.
    group : str
        Name of the network that a variable belongs to, or ``""``.
    """

    def __init__(self, value: object, where: str, holder: object, group: str = ""):
        self.value, self.where, self.holder, self.group = value, where, holder, group


def parts_of(obj: tfb.Bijector | tfd.Distribution) -> Iterator[Part]:
    """Yield each part of a TFP object once, depth first, in the order of constructor arguments.

    The order is the same for an object and its rebuild from a config, so it can pair weights with
    their saved values.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb
    >>> chain = tfb.Chain([tfb.Shift(tf.Variable(1.0)), tfb.Exp()])
    >>> [part.where for part in parts_of(chain) if isinstance(part.value, tf.Variable)]
    ['Chain.bijectors[0].shift']
    """
    yield from _Walk().visit(obj, type(obj).__name__.lstrip("_"), None)


class _Walk:
    def __init__(self):
        # Values are kept so that no id is reused while the walk lasts.
        self._seen = {}

    def visit(self, value: object, where: str, holder: object, group: str = "") -> Iterator[Part]:
        if id(value) in self._seen or isinstance(value, str | bytes | int | float | type(None)):
            return
        self._seen[id(value)] = value
        if isinstance(value, keras.Variable):
            self._seen[id(value.value)] = value.value
            yield Part(value, where, holder, group)
        elif isinstance(value, tf.Variable):
            yield Part(value, where, holder, group)
        elif isinstance(value, keras.layers.Layer):
            yield Part(value, where, holder)
            # Variables of a layer are its own affair; a later mention elsewhere is the same one.
            self._seen.update({id(v.value): v for v in value.variables})
        elif isinstance(value, list | tuple):
            for i, entry in enumerate(value):
                yield from self.visit(entry, f"{where}[{i}]", holder, group)
        elif isinstance(value, dict):
            for key, entry in value.items():
                yield from self.visit(entry, f"{where}[{key!r}]", holder, group)
        elif is_tfp_network(value):
            for variable in built_variables(value):
                yield from self.visit(variable, where, value, value.name)
        elif _has_parameters(value):
            yield from self._visit_object(value, where)
        elif isinstance(value, tf.Module):
            yield from self._visit_module(value, where)
        elif callable(value):
            yield from self._visit_function(value, where)

    def _visit_object(self, value, where):
        yield Part(value, where, value)
        for key, parameter in (value.parameters or {}).items():
            yield from self.visit(parameter, f"{where}.{key}", value)
        if isinstance(value, tf.Module):
            # What a constructor made for itself, as Glow does.
            yield from self._visit_module(value, where)

    def _visit_module(self, value, where):
        group = "" if _has_parameters(value) else getattr(value, "name", "")
        if isinstance(value, tfp.util.DeferredTensor):
            yield from self.visit(value.pretransformed_input, f"{where}", value)
            yield from self.visit(value.transform_fn, f"{where}.transform_fn", value)
        for variable in value.variables:
            yield from self.visit(variable, where, value, group)

    def _visit_function(self, value, where):
        if isinstance(value, functools.partial):
            for entry in (value.func, value.args, value.keywords):
                yield from self.visit(entry, where, value)
            return
        if inspect.ismethod(value):
            yield from self.visit(value.__self__, where, value)
            value = value.__func__
        value = getattr(value, "python_function", value)
        module = getattr(value, "__module__", None) or ""
        if not inspect.isfunction(value):
            if type(value).__module__.partition(".")[0] not in _LIBRARIES:
                for name, entry in getattr(value, "__dict__", {}).items():
                    yield from self.visit(entry, f"{where} ({name})", value)
            return
        found = inspect.getclosurevars(value)
        for name, entry in found.nonlocals.items():
            yield from self.visit(entry, f"{where} ({name})", value)
        if module.partition(".")[0] in _LIBRARIES:
            return
        for name, entry in found.globals.items():
            # Of functions among the globals, only those of the user's own module.
            if not inspect.isfunction(entry) or entry.__module__ == module:
                yield from self.visit(entry, f"{where} ({name})", value)


def _has_parameters(value: object) -> bool:
    return public_name(value) is not None or isinstance(value, tfb.Bijector | tfd.Distribution)
