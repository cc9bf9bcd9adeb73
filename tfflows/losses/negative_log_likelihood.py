"""The loss of maximum likelihood."""

import keras
import tensorflow as tf

from tfflows.losses.base import DensityLoss

__all__ = ["NegativeLogLikelihood"]


@keras.saving.register_keras_serializable(package="tfflows")
class NegativeLogLikelihood(DensityLoss):
    r"""The weighted mean of the negative log density, in nats.

    .. math:: \frac{\sum_n w_n\, (-\log p(x_n))}{\sum_n w_n}

    Doubling every weight changes nothing.

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
        super().__init__(name)

    def of(self, context, log_prob):
        """Return minus the log density of each row."""
        return -tf.convert_to_tensor(log_prob)
