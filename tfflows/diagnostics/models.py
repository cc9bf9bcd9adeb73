"""What can be wrong with Keras models that hold objects of TFP's."""

import inspect

import keras
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfflows.diagnostics import findings
from tfflows.diagnostics.diagnosis import Finding
from tfflows.diagnostics.prescriptions import DENSITY_MODEL, NETWORK

__all__ = ["is_keras_2", "of_keras", "of_keras_2"]


def is_keras_2(thing) -> bool:
    """Say whether something is a layer or a model of Keras 2, such as those of ``tfp.layers``."""
    return any(cls.__module__.partition(".")[0] == "tf_keras" for cls in type(thing).__mro__)


def of_keras(layer: keras.layers.Layer) -> tuple[list[Finding], list]:
    """Return what is wrong with a Keras 3 layer or model, and the TFP objects it holds."""
    held = list(_held(layer, {id(layer)}))
    known = {id(variable.value) for variable in layer.variables}
    found, objects = [], []
    for where, value in held:
        if isinstance(value, (tfd.Distribution, tfb.Bijector)):
            objects.append(value)
            inside = findings.of_tfp(value)
            found += [f for f in inside if f.name not in ("invisible_to_keras", *findings.CURED)]
            found += [f for f in inside if f.name == "unbuilt_network"]
            variables = findings.variables_of(value)
        elif isinstance(value, tf.Variable):
            variables = [value]
        else:
            found.append(
                Finding(
                    "keras_2",
                    f"{where} is a {type(value).__name__} of Keras 2, which Keras 3 does not see.",
                )
            )
            variables = list(value.variables)
        missing = [v for v in variables if v.trainable and id(v) not in known]
        if missing:
            found.append(
                Finding(
                    "unreached_variables",
                    f"{len(missing)} variables of {where} ({findings.listed(missing)}) are not "
                    f"weights of {layer.name!r}, which has {len(layer.trainable_weights)} "
                    "trainable ones: `fit` would leave them as they are, and save_weights would "
                    "not write them. Keras sees neither tf.Variables nor layers of Keras 2.",
                )
            )
    return found, sorted(objects, key=lambda value: not isinstance(value, tfd.Distribution))


def _held(layer, seen):
    """Yield what a layer holds and Keras does not know, with the name of the attribute."""
    for name, value in vars(layer).items():
        if not name.startswith("_"):
            yield from _search(name, value, seen)
    if isinstance(layer, keras.layers.Lambda) and inspect.isfunction(layer.function):
        variables = inspect.getclosurevars(layer.function)
        for name, value in {**variables.nonlocals, **variables.globals}.items():
            yield from _search(name, value, seen)
    for inner in getattr(layer, "layers", []):
        yield from _search(inner.name, inner, seen)


def _search(name, value, seen):
    if id(value) in seen or isinstance(value, (str, bytes, int, float, type(None))):
        return
    seen.add(id(value))
    if isinstance(value, (tfd.Distribution, tfb.Bijector, tf.Variable)):
        yield name, value
    elif isinstance(value, keras.layers.Layer):
        yield from _held(value, seen)
    elif isinstance(value, (list, tuple)):
        for index, entry in enumerate(value):
            yield from _search(f"{name}[{index}]", entry, seen)
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _search(f"{name}[{key!r}]", entry, seen)
    elif isinstance(value, tf.Module) and is_keras_2(value):
        yield name, value


def of_keras_2(layer) -> tuple[list[Finding], str]:
    """Return what is wrong with bringing a layer or a model of Keras 2, and the code instead."""
    kind = type(layer).__name__
    finding = Finding(
        "keras_2",
        f"{kind} belongs to Keras 2 (tf_keras), as all of tfp.layers does. Keras 3 refuses it "
        "(`Only instances of keras.Layer can be added to a Sequential model`) or does not see its "
        "weights.",
    )
    if isinstance(layer, tfb.AutoregressiveNetwork):
        return [finding], NETWORK
    return [finding], DENSITY_MODEL
