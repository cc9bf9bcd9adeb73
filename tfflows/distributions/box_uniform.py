"""The uniform distribution on a box."""

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfflows.distributions.base import Base
from tfflows.random import uniform

__all__ = ["BoxUniform"]


class BoxUniform(Base):
    r"""Independent coordinates, each uniform between two ends.

    .. math:: \log p(z) = -\sum_i \log(b_i - a_i) \;\text{ in the box,} \quad -\infty \text{ off it}

    As the base of a flow it wants layers that stay within the box:
    ``layers.Invert(layers.Interval(low, high))`` last in the list, nearest the base, sees to that.

    It draws by `tfflows.random.uniform`, so that a seed gives the same samples in eager, graph and
    XLA execution, and a seed of three numbers those rows that the third one names.

    Parameters
    ----------
    low, high : float or array
        :math:`a` and :math:`b`, finite.
    event_shape : int or sequence of int, optional
        Shape of an event; by default that of the ends.
    dtype : tf.DType or str
        Floating type.
    validate_args : bool
        TFP's switch for costly checks; there is nothing to check here.
    allow_nan_stats : bool
        TFP's switch for undefined statistics; all are defined here.
    name : str
        Name of the distribution.

    Raises
    ------
    ValueError
        If `low` is not below `high`, an end is not finite, or the ends do not have the shape of an
        event.

    Examples
    --------
    >>> base = BoxUniform([0.0, -1.0], [1.0, 1.0])
    >>> base.sample(5, seed=(0, 1)).shape
    TensorShape([5, 2])
    >>> print(base.log_prob([[0.5, 0.0], [0.5, 2.0]]).numpy().round(4))
    [-0.6931    -inf]
    """

    def __init__(
        self,
        low=0.0,
        high=1.0,
        event_shape=None,
        dtype=tf.float32,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "BoxUniform",
    ):
        parameters = dict(locals())
        low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
        if event_shape is None:
            event_shape = np.broadcast_shapes(low.shape, high.shape)
        super().__init__(
            event_shape,
            dtype,
            validate_args=validate_args,
            allow_nan_stats=allow_nan_stats,
            parameters=parameters,
            name=name,
        )
        try:
            self._low, self._high = (np.broadcast_to(end, self._shape) for end in (low, high))
        except ValueError:
            raise ValueError(
                f"low has shape {low.shape} and high {high.shape}; expected numbers, or shapes "
                f"that broadcast to that of an event, {self._shape}."
            ) from None
        if not np.all(np.isfinite(low) & np.isfinite(high)) or not np.all(low < high):
            raise ValueError(
                f"low must be below high, and both finite; got low={low.tolist()} and "
                f"high={high.tolist()}."
            )

    @property
    def low(self) -> np.ndarray:
        """The lower ends."""
        return self._low

    @property
    def high(self) -> np.ndarray:
        """The upper ends."""
        return self._high

    def _ends(self):
        return tf.constant(self._low, self.dtype), tf.constant(self._high, self.dtype)

    def _sample_n(self, n, seed=None):
        low, high = self._ends()
        shape = tf.concat([[n], self._event_shape_tensor()], 0)
        drawn = low + (high - low) * uniform(shape, tfp.random.sanitize_seed(seed), self.dtype)
        return tf.minimum(drawn, high)

    def _log_prob(self, value):
        low, high = self._ends()
        axes = list(range(-len(self._shape), 0))
        # Written so that NaN stays NaN and is not "outside".
        outside = tf.reduce_any((value < low) | (value > high), axes)
        inside = 0.0 * tf.reduce_sum(tf.clip_by_value(value, low, high), axes) - self._entropy()
        return tf.where(outside, tf.constant(-math.inf, self.dtype), inside)

    def _cdf(self, value):
        low, high = self._ends()
        share = tf.clip_by_value((value - low) / (high - low), 0.0, 1.0)
        return tf.reduce_prod(share, list(range(-len(self._shape), 0)))

    def _quantile(self, value):
        if math.prod(self._shape) != 1:
            raise NotImplementedError(
                f"a quantile is that of one coordinate; events have shape {self._shape}."
            )
        low, high = self._ends()
        value = tf.reshape(value, tf.concat([tf.shape(value), self._shape], 0))
        return low + (high - low) * value

    def _entropy(self):
        return tf.constant(np.log(self._high - self._low).sum(), self.dtype)

    def _mean(self):
        return tf.constant((self._low + self._high) / 2.0, self.dtype)

    def _variance(self):
        return tf.constant((self._high - self._low) ** 2 / 12.0, self.dtype)
