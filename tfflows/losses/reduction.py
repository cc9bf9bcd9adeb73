"""Weighted sums and means that rows of weight zero cannot spoil."""

import tensorflow as tf

__all__ = ["weighted_mean", "weighted_sum"]


def weighted_mean(values: tf.Tensor, weight: tf.Tensor | None = None) -> tf.Tensor:
    """Return ``sum(w * v) / sum(w)``; rows of weight zero count for nothing, whatever they hold.

    Examples
    --------
    >>> float(weighted_mean(tf.constant([1.0, 3.0]), tf.constant([1.0, 3.0])))
    2.5
    """
    if weight is None:
        return tf.reduce_mean(values)
    weight = tf.cast(weight, values.dtype)
    return tf.math.divide_no_nan(weighted_sum(values, weight), tf.reduce_sum(weight))


def weighted_sum(values: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Return ``sum(w * v)`` without letting 0 times infinity through."""
    # Selected before multiplying, because 0 * inf is NaN and so is its gradient.
    return tf.reduce_sum(weight * tf.where(weight > 0, values, tf.zeros_like(values)))
