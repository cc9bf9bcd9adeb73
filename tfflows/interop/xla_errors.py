"""Errors of XLA's compiler, which TensorFlow gives no type of their own."""

import tensorflow as tf

__all__ = ["is_xla_error"]


def is_xla_error(error: Exception) -> bool:
    """Whether an error is one of XLA's compiler."""
    if isinstance(error, tf.errors.UnimplementedError):
        return True
    # Programs raise errors of this type as well, for values that they check.
    words = ("XLA", "tf2xla", "compil")
    return isinstance(error, tf.errors.InvalidArgumentError) and any(
        word in str(error) for word in words
    )
