"""Numbers as names of points of a circle ``[-bound, bound)``, whose ends are one point."""

import tensorflow as tf

__all__ = ["split_turns", "wrap"]


def split_turns(value: tf.Tensor, bound: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Write numbers as points of ``[-bound, bound]`` and whole turns of length ``2 bound``.

    Parameters
    ----------
    value : tf.Tensor
        Any numbers.
    bound : float
        Half the circumference.

    Returns
    -------
    within : tf.Tensor
        The point; its slope is 1.
    turns : tf.Tensor
        What was taken off; it has no gradient.

    Examples
    --------
    >>> import tensorflow as tf
    >>> within, turns = split_turns(tf.constant([-370.0, 0.0, 190.0]), 180.0)
    >>> print(within.numpy(), turns.numpy())
    [ -10.    0. -170.] [-360.    0.  360.]
    """
    turns = tf.stop_gradient(2.0 * bound * tf.floor((value + bound) / (2.0 * bound)))
    within = value - turns
    # Only rounding can leave the interval.
    return within + tf.stop_gradient(tf.clip_by_value(within, -bound, bound) - within), turns


def wrap(value: tf.Tensor, bound: float) -> tf.Tensor:
    """Return the name in ``[-bound, bound)`` of a point of the circle.

    Parameters
    ----------
    value : tf.Tensor
        Any numbers.
    bound : float
        Half the circumference.

    Returns
    -------
    tf.Tensor
        ``value`` less a whole number of turns; its slope is 1.

    Examples
    --------
    >>> import tensorflow as tf
    >>> print(wrap(tf.constant([-370.0, -180.0, 0.0, 180.0]), 180.0).numpy())
    [ -10. -180.    0. -180.]
    """
    within, _ = split_turns(value, bound)
    # A value just below -bound may be rounded to bound, which is the same point as -bound.
    period = tf.constant(2.0 * bound, value.dtype)
    return within - tf.stop_gradient(tf.where(within >= bound, period, tf.zeros_like(period)))
