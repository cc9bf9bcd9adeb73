"""What a network sees of points of a circle: a cosine and a sine, which do not jump."""

import math

import tensorflow as tf

from tfflows.bijectors.event import reshape_event

__all__ = ["circumference", "periodic_features"]


def circumference(period: float | None) -> float | None:
    """Return a circumference as a float, or None; raise a ValueError unless it is positive."""
    if period is None:
        return None
    if not 0.0 < period < math.inf:
        raise ValueError(
            f"period={period!r}: expected a positive finite number, the circumference of a circle, "
            "or None for the line."
        )
    return float(period)


def periodic_features(x: tf.Tensor, period: float) -> tf.Tensor:
    """Return the cosine and the sine of the angle of each coordinate, side by side.

    Parameters
    ----------
    x
        Coordinates [..., D], D known, of which numbers that differ by `period` are one point.
    period
        The circumference of the circle.

    Returns
    -------
    tf.Tensor
        [..., 2 D].

    Examples
    --------
    >>> import tensorflow as tf
    >>> print(periodic_features(tf.constant([0.0, 90.0, 450.0]), 360.0).numpy().round(3) + 0.0)
    [1. 0. 0. 1. 0. 1.]
    """
    angle = x * (2.0 * math.pi / period)
    return reshape_event(tf.stack([tf.cos(angle), tf.sin(angle)], -1), 2, [2 * x.shape[-1]])
