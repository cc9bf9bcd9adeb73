"""Metrics of density models."""

import math

import keras
import tensorflow as tf

__all__ = ["BitsPerDimension", "NegativeLogLikelihood"]


@keras.saving.register_keras_serializable(package="tfflows", name="NegativeLogLikelihoodMetric")
class NegativeLogLikelihood(keras.metrics.Mean):
    r"""The weighted mean of :math:`-\log p(x)`, in nats.

    Parameters
    ----------
    name : str
        Name in the logs.
    dtype : str, optional
        Type of the sums.

    Examples
    --------
    >>> import tensorflow as tf
    >>> metric = NegativeLogLikelihood()
    >>> metric.update_state(None, tf.constant([-1.0, -3.0]))
    >>> float(metric.result())
    2.0
    """

    def __init__(self, name: str = "nll", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add the rows whose log densities are `y_pred`."""
        values = -tf.convert_to_tensor(y_pred)
        if sample_weight is not None:
            values = tf.where(tf.cast(sample_weight, values.dtype) > 0, values, 0)
        super().update_state(values, sample_weight=sample_weight)


@keras.saving.register_keras_serializable(package="tfflows")
class BitsPerDimension(NegativeLogLikelihood):
    r"""The weighted mean of the negative log density in bits for each coordinate.

    .. math:: \frac{-\log p(x)}{D \log 2} + \log_2 s

    Parameters
    ----------
    dimensions : int, optional
        D; a tfflows model fills it in when it is compiled.
    scale : float
        s, by which the data were divided: for 8-bit images that were scaled to the unit interval,
        256 gives bits per original pixel.
    name : str
        Name in the logs.
    dtype : str, optional
        Type of the sums.

    Examples
    --------
    A uniform density over 256 grey levels, scaled to the unit interval, costs 8 bits:

    >>> import tensorflow as tf
    >>> metric = BitsPerDimension(dimensions=784, scale=256)
    >>> metric.update_state(None, tf.zeros([10]))
    >>> float(metric.result())
    8.0
    """

    def __init__(
        self,
        dimensions: int | None = None,
        scale: float = 1.0,
        name: str = "bits_per_dimension",
        dtype=None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.dimensions = dimensions
        self.scale = scale

    def result(self):
        """Return the mean over all rows seen."""
        if self.dimensions is None:
            raise ValueError("BitsPerDimension needs dimensions=..., the coordinates of an event.")
        return super().result() / (self.dimensions * math.log(2)) + math.log2(self.scale)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "dimensions": self.dimensions, "scale": self.scale}
