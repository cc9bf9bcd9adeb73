"""The arguments of builders and presets: handed on by ``**kwargs``, checked once."""

import functools
import inspect
import numbers
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar, cast

import keras

from tfflows.inputs.keywords import unexpected
from tfflows.inputs.validation import as_shape

__all__ = ["extends"]

_Builder = TypeVar("_Builder", bound=Callable)


def extends(
    *others: Callable,
    fixed: Sequence[str] = ("univariate",),
    without: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[_Builder], _Builder]:
    """Let the ``**kwargs`` of a function be the parameters of `others`.

    The signature of the decorated function names all of them, its own first. Calls are checked
    against it; where widths of layers are expected, an int is a single layer.

    Parameters
    ----------
    *others : callable
        What the function hands its ``**kwargs`` to; of a class, the parameters are keywords only.
    fixed : sequence of str
        Parameters of `others` that the function sets itself.
    without : mapping of str
        Parameters of other flows that mean nothing to this one, and why.

    Returns
    -------
    callable
        The decorator.
    """

    def decorate(function: _Builder) -> _Builder:
        signature = _joined(function, others, fixed)
        name = function.__name__

        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            for key in kwargs:
                if key in fixed:
                    raise TypeError(
                        f"{name} sets {key} itself; use tfflows.{others[0].__name__} to choose it."
                    )
                if key in without:
                    raise TypeError(f"{name} takes no {key}: {without[key]}.")
                if key not in signature.parameters:
                    raise TypeError(unexpected(name, key, list(signature.parameters)))
            arguments = signature.bind(*args, **kwargs).arguments
            for key, value in arguments.items():
                default = signature.parameters[key].default
                if isinstance(default, tuple) and isinstance(value, numbers.Integral):
                    arguments[key] = (value,)
            if arguments.get("transforms", 1) < 1:
                raise ValueError(f"transforms must be at least 1; got {arguments['transforms']}.")
            arguments["event_shape"] = as_shape(arguments["event_shape"], "event_shape")
            return function(**arguments)

        vars(checked)["__signature__"] = signature
        return cast(_Builder, checked)

    return decorate


def _joined(function, others, fixed) -> inspect.Signature:
    """Return the signature of `function` with the parameters of `others` for ``**kwargs``."""
    own = inspect.signature(function)
    joined = dict(own.parameters)
    for other in others:
        for key, parameter in _parameters(other).items():
            if key not in fixed:
                joined.setdefault(key, parameter)
    kept = [p for p in joined.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    return own.replace(parameters=sorted(kept, key=lambda parameter: parameter.kind))


def _parameters(other) -> dict:
    """Return the parameters of a function, or those of a Keras class as keywords."""
    if not inspect.isclass(other):
        return dict(inspect.signature(other).parameters)
    # What a class does not name itself goes to Keras.
    _, *own = inspect.signature(other.__init__).parameters.values()
    keras_own = inspect.signature(keras.layers.Layer.__init__).parameters.values()
    named = [*own, *(p for p in keras_own if p.kind is inspect.Parameter.KEYWORD_ONLY)]
    return {
        p.name: p.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for p in named
        if p.kind is not inspect.Parameter.VAR_KEYWORD
    }
