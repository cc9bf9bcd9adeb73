"""Checks of options that more than one family has."""

__all__ = ["check_above_zero"]


def check_above_zero(**options: float) -> None:
    """Raise a ValueError unless every smallest value is above zero.

    Parameters
    ----------
    **options : float
        Smallest bins and slopes, by name.

    Raises
    ------
    ValueError
        If one is not above zero.

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
