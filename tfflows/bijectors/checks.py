"""Checks of the options of bijectors, of the families over them and of networks."""

import math
import operator

import numpy as np

__all__ = [
    "check_above_zero",
    "check_at_most",
    "check_bins",
    "check_bound",
    "check_count",
    "check_fraction",
    "check_open_fraction",
    "check_positive",
    "check_slope",
    "positive_integer",
    "positive_integers",
]


def check_count(least: int, **options: int) -> None:
    """Raise a ValueError unless every option is a whole number of at least `least`."""
    for name, value in options.items():
        whole = not isinstance(value, bool) and int(value) == value
        _expect(whole and value >= least, name, value, f"a whole number of at least {least}")


def check_positive(remedy: str = "", /, **options: float) -> None:
    """Raise a ValueError, with the remedy, unless every option is a positive finite number."""
    for name, value in options.items():
        _expect(0.0 < value < math.inf, name, value, f"a positive finite number{remedy}")


def check_at_most(most: float, **options: float) -> None:
    """Raise a ValueError unless every option is at most `most`."""
    for name, value in options.items():
        _expect(value <= most, name, value, f"at most {most}")


def check_fraction(remedy: str = "", /, **options: float) -> None:
    """Raise a ValueError, with the remedy, unless every option is at least 0 and below 1."""
    for name, value in options.items():
        _expect(0.0 <= value < 1.0, name, value, f"0 <= {name} < 1{remedy}")


def check_open_fraction(**options: float) -> None:
    """Raise a ValueError unless every option is above 0 and below 1."""
    for name, value in options.items():
        _expect(0.0 < value < 1.0, name, value, f"0 < {name} < 1")


def check_bound(bound: float) -> None:
    """Raise a ValueError unless `bound` is half the width of a box."""
    check_positive(", half the width of the box", bound=bound)


def check_slope(min_slope: float) -> None:
    """Raise a ValueError unless `min_slope` leaves room for the identity."""
    check_fraction("; the slope of the identity is 1", min_slope=min_slope)


def check_bins(bins: int, min_bin: float, least: int = 1) -> None:
    """Raise a ValueError unless at least `least` bins of size `min_bin` fit in a box."""
    check_count(least, bins=bins)
    if not 0.0 <= min_bin * bins < 1.0:
        raise ValueError(
            f"min_bin={min_bin!r} with bins={bins}: expected 0 <= min_bin < 1 / bins = "
            f"{1.0 / bins:.4g}, because the bins share the box."
        )


def check_above_zero(**options: float) -> None:
    """Raise a ValueError unless the smallest bins and slopes that are allowed are above zero.

    Examples
    --------
    >>> check_above_zero(min_bin=1e-3, min_slope=1e-3)
    """
    wrong = [f"{name}={value!r}" for name, value in options.items() if not value > 0.0]
    if wrong:
        raise ValueError(
            f"{', '.join(wrong)}: expected a number above 0; a network can drive a bin or a slope "
            "down to it."
        )


def positive_integer(name: str, value: object, minimum: int = 1) -> int:
    """Return ``value`` as an int of at least ``minimum``, or raise a ValueError that names it."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}; got {value!r}.")
    return number


def positive_integers(name: str, values: object) -> tuple[int, ...]:
    """Return ``values`` (an int, or a sequence of them) as a tuple of positive ints."""
    if isinstance(values, str):
        raise ValueError(f"{name} must be a sequence of positive integers; got {values!r}.")
    try:
        entries = [values] if np.ndim(values) == 0 else list(values)
    except (TypeError, ValueError):
        entries = [values]
    return tuple(positive_integer(f"each entry of {name}", entry) for entry in entries)


def _expect(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise ValueError(f"{name}={value!r}: expected {expected}.")
