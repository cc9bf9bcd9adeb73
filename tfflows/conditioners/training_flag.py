"""Whether the call under way is one of training."""

import keras
import tensorflow as tf

__all__ = ["TrainingFlag"]


class TrainingFlag(keras.layers.Layer):
    """A layer without weights that tells whether training is on: Keras resolves the argument.

    Examples
    --------
    >>> mode = TrainingFlag()
    >>> bool(mode(tf.zeros([]))), bool(mode(tf.zeros([]), training=True))
    (False, True)
    """

    def call(self, x: tf.Tensor, training: bool | tf.Tensor | None = None) -> tf.Tensor:
        """Return the flag as a tensor."""
        return tf.constant(False) if training is None else tf.cast(training, tf.bool)
