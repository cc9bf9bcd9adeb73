"""What bases share that have an event shape, and no batch."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

__all__ = ["Base"]


class Base(tfd.Distribution):
    """A distribution on all of an event's coordinates, without a batch; by default reparameterized.

    Parameters
    ----------
    event_shape : int or sequence of int
        Shape of an event.
    dtype : tf.DType
        Floating-point type.
    **kwargs
        The other arguments of `tfd.Distribution`.
    """

    def __init__(self, event_shape, dtype, **kwargs):
        self._shape = tuple(int(size) for size in np.atleast_1d(np.asarray(event_shape, int)))
        kwargs.setdefault("reparameterization_type", tfd.FULLY_REPARAMETERIZED)
        super().__init__(dtype=tf.as_dtype(dtype), **kwargs)

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {}

    def _event_shape(self):
        return tf.TensorShape(self._shape)

    def _event_shape_tensor(self):
        return tf.constant(self._shape, tf.int32)

    def _batch_shape(self):
        return tf.TensorShape([])

    def _batch_shape_tensor(self):
        return tf.constant([], tf.int32)

    def _default_event_space_bijector(self):
        return tfp.bijectors.Identity()
