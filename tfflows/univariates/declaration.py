"""Options that a family declares; its constructor and its checks follow from them."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from tfflows.bijectors.checks import check_above_zero
from tfflows.inputs.keywords import unexpected

__all__ = ["Option", "constructor", "option", "taken"]


class Option(NamedTuple):
    """What `option` was given."""

    default: Any
    checks: tuple = ()
    above_zero: bool = False


def option(default: Any, *checks: Callable, above_zero: bool = False) -> Any:
    """Declare an option of a family, in the body of the class.

    The range is stated once: by the static method ``check_options`` of the bijector, if it takes
    the option there, otherwise here.

    Parameters
    ----------
    default : int, float, bool or str
        Default value; its type is that of the option.
    *checks : callable
        Functions of `tfflows.bijectors.checks`, called with the option by name.
    above_zero : bool
        Whether the value must not be zero, though the bijector allows it.

    Returns
    -------
    Option
        The declaration; the class has the default in its place.

    Examples
    --------
    >>> from tfflows.bijectors.checks import check_positive
    >>> from tfflows.univariates import Univariate
    >>> class Stretched(Univariate):
    ...     largest: float = option(3.0, check_positive)
    >>> Stretched(largest=2)
    Stretched(largest=2.0)
    >>> Stretched(largest=-2)
    Traceback (most recent call last):
        ...
    ValueError: largest=-2: expected a positive finite number.
    """
    return Option(default, checks, above_zero)


def constructor(cls: type, options: dict[str, Option]) -> Callable:
    """Return the ``__init__`` of a family that takes, checks and keeps the options."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature(
        [
            inspect.Parameter("self", kind),
            *(
                inspect.Parameter(name, kind, default=made.default, annotation=type(made.default))
                for name, made in options.items()
            ),
        ]
    )

    def __init__(self, *args, **kwargs):
        for key in kwargs:
            if key not in options:
                raise TypeError(unexpected(f"{cls.__name__}.__init__()", key, options))
        try:
            bound = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{cls.__name__}.__init__() {error}") from None
        bound.apply_defaults()
        values = {name: bound.arguments[name] for name in options}
        for name, value in values.items():
            for check in options[name].checks:
                check(**{name: value})
        check = getattr(self.bijector_class, "check_options", None)
        if check is not None:
            check(**taken(check, values))
        check_above_zero(
            **{name: value for name, value in values.items() if options[name].above_zero}
        )
        for name, value in values.items():
            setattr(self, name, type(options[name].default)(value))

    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    __init__.__signature__ = signature
    return __init__


def taken(function: Callable, values: dict) -> dict:
    """Return those of the values, by name, that a function or a class takes."""
    names = _parameters(function)
    return {name: value for name, value in values.items() if name in names}


@functools.cache
def _parameters(function):
    return frozenset(inspect.signature(function).parameters)
