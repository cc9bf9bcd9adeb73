"""Keywords that nobody takes, with the one that was meant."""

import difflib
import inspect
from collections.abc import Iterable, Mapping

import keras

__all__ = ["constructor_parameters", "refuse_misspelled", "unexpected"]

_OPEN = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def unexpected(name: str, key: str, known: Iterable[str]) -> str:
    """Return what to say of a keyword that the function `name` does not take."""
    known = list(known)
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known)}."
    return f"{name} got an unexpected keyword argument {key!r}; {hint}"


def constructor_parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Return the parameters of a constructor, and the optional ones of those that it hands on to.

    Keras's own are left out.
    """
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if base in (keras.Model, keras.Layer, object):
            break
        if "__init__" not in vars(base):
            continue
        _, *own = inspect.signature(vars(base)["__init__"]).parameters.values()
        for parameter in own:
            # What a base needs, the class gives it.
            given = base is not cls and parameter.default is parameter.empty
            if parameter.kind not in _OPEN and not (found and given):
                found.setdefault(parameter.name, parameter)
        if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in own):
            break
    return found


def refuse_misspelled(cls: type, given: Mapping[str, object]) -> None:
    """Raise a TypeError if a keyword left for Keras is nearly one that the class takes."""
    known = list(constructor_parameters(cls))
    of_keras = inspect.signature(keras.Layer.__init__).parameters
    for key in given:
        if key not in of_keras and difflib.get_close_matches(key, known, n=1):
            raise TypeError(unexpected(cls.__name__, key, known))
