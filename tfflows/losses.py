"""Losses of density models, in nats."""

import keras
import tensorflow as tf

__all__ = ["NegativeLogLikelihood", "weighted_mean", "weighted_sum"]


@keras.saving.register_keras_serializable(package="tfflows")
class NegativeLogLikelihood(keras.losses.Loss):
    r"""The weighted mean of the negative log density.

    .. math:: \frac{\sum_n w_n\, (-\log p(x_n))}{\sum_n w_n}

    Doubling every weight changes nothing. Keras's targets are ignored: a density has none.

    Parameters
    ----------
    name : str
        Name of the loss.

    Examples
    --------
    >>> import tensorflow as tf
    >>> loss = NegativeLogLikelihood()
    >>> float(loss(None, tf.constant([-1.0, -3.0]), sample_weight=tf.constant([1.0, 3.0])))
    2.5
    """

    def __init__(self, name: str = "negative_log_likelihood"):
        super().__init__(name=name, reduction="mean_with_sample_weight")

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Return the weighted mean over the rows."""
        return weighted_mean(self.call(y_true, y_pred), sample_weight)

    def call(self, y_true, y_pred):
        """Return the loss of each row from its log density `y_pred`."""
        return -tf.convert_to_tensor(y_pred)

    def get_config(self):
        """Return the constructor's arguments."""
        return {"name": self.name}


def weighted_mean(values, weight=None):
    """Return ``sum(w * v) / sum(w)``; rows of weight zero count for nothing, whatever they hold."""
    if weight is None:
        return tf.reduce_mean(values)
    weight = tf.cast(weight, values.dtype)
    return tf.math.divide_no_nan(weighted_sum(values, weight), tf.reduce_sum(weight))


def weighted_sum(values, weight):
    """Return ``sum(w * v)`` without letting 0 times infinity through."""
    # Selected before multiplying, because 0 * inf is NaN and so is its gradient.
    return tf.reduce_sum(weight * tf.where(weight > 0, values, tf.zeros_like(values)))
