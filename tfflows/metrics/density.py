"""Metrics of density models."""

import math
import re

import keras
import tensorflow as tf

__all__ = ["BitsPerDimension", "FunctionMetric", "NegativeLogLikelihood"]


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


@keras.saving.register_keras_serializable(package="tfflows")
class FunctionMetric(keras.metrics.MeanMetricWrapper):
    """The weighted mean over all rows of a function of the log densities.

    Parameters
    ----------
    fn : callable
        ``f(y, log_prob)``, which returns one value for each row; a single value, such as the mean
        of the batch, counts for each row of it.
    name : str, optional
        Name in the logs; by default that of the function.
    dtype : str, optional
        Type of the sums.

    Examples
    --------
    >>> import tensorflow as tf
    >>> metric = FunctionMetric(lambda y, log_prob: tf.reduce_max(log_prob), name="best")
    >>> metric.update_state(None, tf.constant([-1.0, -3.0]))
    >>> float(metric.result())
    -1.0
    """

    def __init__(self, fn, name=None, dtype=None):
        if name is None:
            words = re.sub(r"\W+", "", getattr(fn, "__name__", type(fn).__name__))
            name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", words).lower()

        def of_each_row(y_true, y_pred):
            values = tf.convert_to_tensor(fn(y_true, y_pred))
            return tf.broadcast_to(values, tf.shape(y_pred)) if values.shape.rank == 0 else values

        super().__init__(of_each_row, name=name, dtype=dtype)
        self.function = fn

    def get_config(self):
        """Return the constructor's arguments."""
        function = keras.saving.serialize_keras_object(self.function)
        return {"name": self.name, "dtype": self.dtype, "fn": function}
