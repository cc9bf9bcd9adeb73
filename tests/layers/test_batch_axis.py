"""A layer is built for events, and all axes before them are batch axes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfflows import layers, univariates

MAKE = {
    "LU": layers.LU,
    "MaskedAutoregressive": lambda: layers.MaskedAutoregressive(univariates.Affine()),
    "Invert": lambda: layers.Invert(layers.LU()),
    "Permute": lambda: layers.Permute([2, 0, 1]),
    "Standardize": layers.Standardize,
}
each = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


class Handing(keras.Model):
    """A model that hands the shape of its batches on to a layer."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def build(self, x_shape):
        self.layer.build(x_shape)

    def call(self, x):
        return self.layer(x)


class Tracing(keras.Model):
    """A model without `build`: Keras traces its `call` once before it has weights."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, x):
        return self.layer(x)


@each
def test_a_batch_axis_is_refused(make):
    for build in (
        lambda: make().build((None, 3)),
        lambda: make().build(event_shape=(None, 3)),
        lambda: keras.layers.TimeDistributed(make())(keras.Input((5, 3))),
    ):
        with pytest.raises(ValueError, match=r"no batch axis: got \(None, 3\), expected \(3,\)"):
            build()


@each
def test_a_batch_axis_of_known_size_is_refused(make):
    def built():
        layer = make()
        layer.build((4, 3))
        return layer

    for call in (
        lambda: built()(tf.zeros([4, 3])),
        lambda: built()(keras.Input((3,), batch_size=4)),
        lambda: keras.layers.TimeDistributed(make())(tf.zeros([4, 5, 3])),
        lambda: keras.layers.TimeDistributed(make())(keras.Input((5, 3), batch_size=4)),
        lambda: Handing(make())(tf.zeros([4, 3])),
    ):
        # A permutation of three coordinates does not fit twelve, to begin with.
        with pytest.raises(ValueError, match=r"\(4, 3\) has (no batch axis|12 coordinates)"):
            call()


@each
def test_keras_builds_for_events_where_it_knows_the_batch(make):
    x = tf.zeros([4, 3])
    given = keras.Input((3,), batch_size=4)
    for call in (
        lambda layer: keras.Model(given, layer(given))(x),
        lambda layer: keras.Sequential([given, layer])(x),
        lambda layer: keras.Sequential([layer])(x),
        lambda layer: Tracing(layer)(x),
    ):
        layer = make()
        assert call(layer).shape == (4, 3)
        assert layer.compute_output_shape((7, 4, 3)) == (7, 4, 3)


@each
def test_events_of_another_shape_are_refused(make):
    layer = make()
    layer.build((3,))
    for shape in ((5, 4), (5, 1), (3, 5), ()):
        with pytest.raises(ValueError, match=r"was built for events of shape \(3,\)"):
            layer(tf.zeros(shape))


def test_a_layer_that_is_built_stands_in_time_distributed():
    layer = layers.LU()
    layer.build((3,))
    x = tf.random.stateless_normal([4, 5, 3], [0, 1])
    np.testing.assert_allclose(keras.layers.TimeDistributed(layer)(x), layer(x), rtol=1e-6)


def test_rows_of_any_batch_are_mapped_one_by_one():
    layer = layers.LU()
    layer.build((3,))
    layer.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in layer.weights])
    x = tf.random.stateless_normal([4, 5, 3], [0, 1])
    np.testing.assert_allclose(layer(x)[2, 3], layer(x[2, 3][tf.newaxis])[0], rtol=1e-5)
