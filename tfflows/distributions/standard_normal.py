"""The standard normal base, whose samples are the same in eager, graph and XLA execution."""

import math

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfflows.distributions.base import Base
from tfflows.random import normal

__all__ = ["StandardNormal"]


class StandardNormal(Base):
    r"""Independent standard normal coordinates of any shape.

    .. math:: \log p(z) = -\tfrac12 \sum_i \left(z_i^2 + \log 2\pi\right)

    It draws by `tfflows.random.normal`, so that a seed gives the same samples in eager, graph and
    XLA execution, and a seed of three numbers those rows that the third one names.

    Parameters
    ----------
    event_shape : int or sequence of int
        Shape of an event.
    dtype : tf.DType or str
        Floating type.
    validate_args : bool
        TFP's switch for costly checks; there is nothing to check here.
    allow_nan_stats : bool
        TFP's switch for undefined statistics; all are defined here.
    name : str
        Name of the distribution.

    Examples
    --------
    >>> base = StandardNormal(2)
    >>> base.sample(5, seed=(0, 1)).shape
    TensorShape([5, 2])
    >>> round(float(base.log_prob([0.0, 0.0])), 4)
    -1.8379
    """

    def __init__(
        self,
        event_shape=(),
        dtype=tf.float32,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "StandardNormal",
    ):
        parameters = dict(locals())
        super().__init__(
            event_shape,
            dtype,
            validate_args=validate_args,
            allow_nan_stats=allow_nan_stats,
            parameters=parameters,
            name=name,
        )

    def _sample_n(self, n, seed=None):
        shape = tf.concat([[n], self._event_shape_tensor()], 0)
        return normal(shape, tfp.random.sanitize_seed(seed), self.dtype)

    def _log_prob(self, value):
        axes = list(range(-len(self._shape), 0))
        constant = math.prod(self._shape) * math.log(2 * math.pi)
        return -0.5 * (tf.reduce_sum(tf.square(value), axes) + tf.constant(constant, self.dtype))

    # Of each coordinate, in tails, too, where a difference from 1 would be rounded away.

    def _each(self):
        return tfd.Normal(tf.zeros([], self.dtype), tf.ones([], self.dtype))

    def _log_cdf(self, value):
        return tf.reduce_sum(self._each().log_cdf(value), list(range(-len(self._shape), 0)))

    def _cdf(self, value):
        return tf.reduce_prod(self._each().cdf(value), list(range(-len(self._shape), 0)))

    def _log_survival_function(self, value):
        if math.prod(self._shape) == 1:
            return self._log_cdf(-value)
        return tf.math.log1p(-self._cdf(value))

    def _survival_function(self, value):
        return self._cdf(-value) if math.prod(self._shape) == 1 else 1.0 - self._cdf(value)

    def _quantile(self, value):
        if math.prod(self._shape) != 1:
            raise NotImplementedError(
                f"a quantile is that of one coordinate; events have shape {self._shape}."
            )
        return tf.reshape(
            self._each().quantile(value), tf.concat([tf.shape(value), self._shape], 0)
        )

    def _entropy(self):
        each = 0.5 * math.log(2 * math.pi * math.e)
        return tf.constant(math.prod(self._shape) * each, self.dtype)

    def _mean(self):
        return tf.zeros(self._shape, self.dtype)

    _mode = _mean

    def _stddev(self):
        return tf.ones(self._shape, self.dtype)

    _variance = _stddev
