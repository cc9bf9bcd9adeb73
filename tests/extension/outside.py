"""A layer, a family and a model as a stranger writes them: with the public face alone."""

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfflows import DensityModel
from tfflows.layers import BijectorLayer
from tfflows.univariates import Univariate


@keras.saving.register_keras_serializable("outside")
class Stretch(BijectorLayer):
    """Scale each coordinate of a vector, by a weight and by a network of the context."""

    def build(self, event_shape, context_shape=None):
        self.log_scale = self.add_weight(shape=event_shape, initializer="zeros", name="log_scale")
        self.network = None
        if context_shape is not None:
            self.network = keras.layers.Dense(*event_shape, "tanh", dtype=self.dtype_policy)
            self.network.build((None, *context_shape))
        self.built = True

    def bijector(self, context=None):
        log_scale = tf.convert_to_tensor(self.log_scale)
        if self.network is not None:
            log_scale += self.network(context[tf.newaxis])[0]
        return tfb.Scale(log_scale=log_scale)


@keras.saving.register_keras_serializable("outside")
class Tails(Univariate):
    """Lean to one side, with heavier or lighter tails."""

    parameter_size = 2

    def bijector(self, raw):
        return tfb.SinhArcsinh(skewness=raw[..., 0], tailweight=tf.exp(tf.tanh(raw[..., 1])))


@keras.saving.register_keras_serializable("outside")
class Markov(BijectorLayer):
    """Map each coordinate of a vector by a family that the coordinate before it bends."""

    univariate = Tails()

    def build(self, event_shape, context_shape=None):
        self.slopes = self.add_weight(shape=(*event_shape, 2), initializer="ones", name="slopes")
        self.built = True

    def bijector(self, context=None):
        slopes = tf.convert_to_tensor(self.slopes)
        return tfb.MaskedAutoregressiveFlow(
            bijector_fn=lambda x: self.univariate.bijector(_after(x) * slopes)
        )

    @property
    def adjacency(self):
        size = self.slopes.shape[0]
        return np.eye(size, dtype=bool) | np.eye(size, k=-1, dtype=bool)

    def raw_parameters(self, x, context=None):
        return _after(x) * tf.convert_to_tensor(self.slopes)


def _after(x):
    return tf.concat([tf.ones_like(x[..., :1]), tf.tanh(x[..., :-1])], -1)[..., tf.newaxis]


@keras.saving.register_keras_serializable("outside")
class Laplace(DensityModel):
    """Independent Laplace distributions whose places and widths a network predicts."""

    def __init__(self, size=2, context_shape=2, **kwargs):
        super().__init__(event_shape=size, context_shape=context_shape, **kwargs)
        self.network = keras.layers.Dense(2 * size, dtype=self.dtype_policy)

    def distribution(self, context=None):
        loc, log_scale = tf.split(self.network(context[tf.newaxis])[0], 2, axis=-1)
        return tfd.Independent(tfd.Laplace(loc, tf.exp(log_scale)), 1)

    def get_config(self):
        return {"size": self.event_size, "dtype": self.dtype_policy.name, "name": self.name}
