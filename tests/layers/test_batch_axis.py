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


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_a_batch_axis_is_refused(make):
    for build in (
        lambda: make().build((None, 3)),
        lambda: make().build(event_shape=(None, 3)),
        lambda: keras.layers.TimeDistributed(make())(keras.Input((5, 3))),
    ):
        with pytest.raises(ValueError, match=r"no batch axis: got \(None, 3\), expected \(3,\)"):
            build()


def test_rows_of_any_batch_are_mapped_one_by_one():
    layer = layers.LU()
    layer.build((3,))
    layer.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in layer.weights])
    x = tf.random.stateless_normal([4, 5, 3], [0, 1])
    np.testing.assert_allclose(layer(x)[2, 3], layer(x[2, 3][tf.newaxis])[0], rtol=1e-5)
