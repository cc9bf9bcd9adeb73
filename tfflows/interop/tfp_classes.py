"""Which TensorFlow Probability objects can be named in a file, and how to take them apart."""

import functools
import inspect
from collections.abc import Callable

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfflows.distributions.box_uniform import BoxUniform
from tfflows.distributions.circular_uniform import CircularUniform
from tfflows.distributions.standard_normal import StandardNormal
from tfflows.distributions.tails import GeneralizedNormal, StudentT

tfb, tfd = tfp.bijectors, tfp.distributions

#: The distributions of tfflows that are made of numbers and variables.
OURS = (BoxUniform, CircularUniform, GeneralizedNormal, StandardNormal, StudentT)

__all__ = [
    "chained",
    "function_name",
    "is_a",
    "is_keras_registered",
    "missing_parameters",
    "named_function",
    "parameters_of",
    "public_class",
    "public_name",
]

_FUNCTIONS_BY_MODULE = {
    "tf": (tf, ("identity",)),
    "tf.nn": (
        tf.nn,
        (
            *("elu", "gelu", "leaky_relu", "relu", "relu6", "selu", "sigmoid", "silu"),
            *("softplus", "softsign", "swish", "tanh"),
        ),
    ),
    "tf.math": (
        tf.math,
        ("abs", "exp", "expm1", "log", "log1p", "sigmoid", "softplus", "sqrt", "square", "tanh"),
    ),
    "tf.linalg": (tf.linalg, ("cholesky",)),
    "tfp.math": (tfp.math, ("fill_triangular", "softplus_inverse")),
    # Glow takes the classes themselves, as functions that make a network.
    "tfp.bijectors": (tfb, ("GlowDefaultExitNetwork", "GlowDefaultNetwork")),
}


@functools.cache
def _families() -> dict[str, dict[str, type]]:
    def public(module, base):
        classes = {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}
        return {
            name: cls
            for name, cls in classes.items()
            if inspect.isclass(cls) and issubclass(cls, base)
        }

    return {
        "bijectors": public(tfb, tfb.Bijector),
        "distributions": public(tfd, tfd.Distribution),
        "linalg": public(tf.linalg, tf.linalg.LinearOperator),
        "tfflows": {cls.__name__: cls for cls in OURS},
    }


@functools.cache
def _functions() -> dict[str, Callable]:
    table = {
        f"{prefix}.{name}": getattr(module, name)
        for prefix, (module, names) in _FUNCTIONS_BY_MODULE.items()
        for name in names
    }
    for name in dir(keras.activations):
        value = getattr(keras.activations, name)
        if inspect.isfunction(value) and name not in ("deserialize", "get", "serialize"):
            table[f"keras.activations.{name}"] = value
    return table


def public_name(obj: object) -> str | None:
    """Return the public name of an object's class, such as ``"bijectors.Shift"``, or None.

    TFP makes a private twin of some classes (``_Chain`` beside ``Chain``) when a part is not a
    composite tensor; the twin goes by the public name.

    Examples
    --------
    >>> from tensorflow_probability import bijectors as tfb
    >>> public_name(tfb.Shift(1.0))
    'bijectors.Shift'
    >>> public_name(3) is None
    True
    """
    return _public_name(type(obj))


@functools.cache
def _public_name(cls: type) -> str | None:
    for family, classes in _families().items():
        for name, public in classes.items():
            twin = issubclass(public, cls) and cls.__name__ == f"_{public.__name__}"
            if public is cls or twin:
                return f"{family}.{name}"
    return None


def public_class(name: object) -> type:
    """Return the class of a public name; raise a ValueError for anything else.

    Examples
    --------
    >>> public_class("bijectors.Shift").__name__
    'Shift'
    """
    family, _, class_name = name.partition(".") if isinstance(name, str) else ("", "", "")
    cls = _families().get(family, {}).get(class_name)
    if cls is None:
        raise ValueError(
            f"{name!r} is not a public class of tfp.bijectors, tfp.distributions, tf.linalg or "
            "tfflows.distributions in the installed versions; the config is damaged or comes from "
            "another version."
        )
    return cls


def is_a(obj: object, *names: str) -> bool:
    """Say whether an object is of one of TFP's classes, the private twins of some included.

    Examples
    --------
    >>> from tensorflow_probability import bijectors as tfb
    >>> is_a(tfb.Chain([tfb.Exp()]), "bijectors.Chain", "bijectors.Invert")
    True
    """
    name = public_name(obj)
    return name in names or any(isinstance(obj, public_class(given)) for given in names)


def chained(bijector: tfb.Bijector) -> list[tfb.Bijector]:
    """Return the bijectors of a chain, chains within it included, the first nearest the data.

    Examples
    --------
    >>> from tensorflow_probability import bijectors as tfb
    >>> [b.name for b in chained(tfb.Chain([tfb.Exp(), tfb.Chain([tfb.Tanh()])]))]
    ['exp', 'tanh']
    """
    if not is_a(bijector, "bijectors.Chain"):
        return [bijector]
    return [part for entry in bijector.bijectors for part in chained(entry)]


def function_name(function: Callable) -> str | None:
    """Return the public name of a function that may stand in a config, or None."""
    return next((name for name, value in _functions().items() if value is function), None)


def named_function(name: object) -> Callable:
    """Return the function of a public name; raise a ValueError for any other name."""
    if not isinstance(name, str) or name not in _functions():
        raise ValueError(
            f"{name!r} is not one of the functions that a config may name: "
            f"{', '.join(sorted(_functions()))}."
        )
    return _functions()[name]


def parameters_of(obj: object) -> dict[str, object]:
    """Return the constructor arguments that a TFP object or a linear operator was made with.

    Functions that are the constructor's own defaults are left out: a rebuild finds them again.

    Examples
    --------
    >>> from tensorflow_probability import bijectors as tfb
    >>> parameters_of(tfb.Permute([1, 0]))["permutation"]
    [1, 0]
    """
    given = getattr(obj, "parameters", None) or {}
    name = public_name(obj)
    if name == "bijectors.LambertWTail":
        given = {**given, **_lambert_parameters(obj)}
    signature = inspect.signature((public_class(name) if name else type(obj)).__init__)
    return {
        key: given[key]
        for key, argument in signature.parameters.items()
        # `parameters` is how a TFP subclass tells its base class what it was made from.
        if key in given
        and key not in ("self", "parameters")
        and not (callable(given[key]) and given[key] is argument.default)
    }


def missing_parameters(obj: object, parameters: dict[str, object]) -> list[str]:
    """Return the names of arguments that the constructor needs and `parameters` does not have."""
    arguments = list(inspect.signature(public_class(public_name(obj)).__init__).parameters.values())
    return [
        argument.name
        for argument in arguments[1:]
        if argument.default is argument.empty
        and argument.kind not in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD)
        and argument.name not in parameters
    ]


def _lambert_parameters(obj: tfb.LambertWTail) -> dict[str, object]:
    # The one class that tells the chain it makes instead of what it was made from.
    standardize, tail, _ = obj.bijectors
    shift, scale = standardize.bijectors
    tailweight = tail.parameters["tailweight"]
    return {"shift": shift.shift, "scale": scale.scale, "tailweight": tailweight}


def is_keras_registered(obj: object) -> bool:
    """Whether Keras can find the object's class again when it loads a file."""
    cls = type(obj)
    if cls.__module__.partition(".")[0] == "keras":
        return True
    return keras.saving.get_registered_object(keras.saving.get_registered_name(cls)) is cls
