"""Products that leave out the block of zeros are those of the whole masked kernel."""

import numpy as np
import pytest
import tensorflow as tf

from tfflows.conditioners import AutoregressiveNetwork
from tfflows.conditioners.halves import MaskedProduct, best_cut

CASES = {
    "plain": {},
    "reversed": {"input_order": "right-to-left"},
    "random": {"input_order": "random", "seed": 1},
    "residual": {"residual": True},
    "context": {"conditional": True, "conditional_event_shape": 3},
    "context, random degrees": {
        "conditional": True,
        "conditional_event_shape": 3,
        "hidden_degrees": "random",
        "seed": 2,
    },
    "passes": {"passes": 3},
    "angles": {"period": 2 * np.pi},
    "uneven": {"hidden_units": (256, 400)},
    "no bias": {"use_bias": False},
}


def network(**options):
    options = {"hidden_units": (256, 256), **options}
    made = AutoregressiveNetwork(params=3, event_shape=9, **options)
    random = np.random.default_rng(0)
    made.set_weights([random.normal(size=w.shape).astype("float32") for w in made.get_weights()])
    return made


def whole(made):
    """Return the network with each product in one piece."""
    other = type(made).from_config(made.get_config())
    other.set_weights(made.get_weights())
    other._products = tuple(MaskedProduct(mask) for mask in other.masks)
    return other


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_whole_products(name, jit_compile):
    made = network(**CASES[name])
    assert any(len(product.columns) == 2 for product in made._products)
    random = np.random.default_rng(1)
    x = tf.constant(random.normal(size=(4, 1, 9)), "float32")
    context = tf.constant(random.normal(size=(5, 3)), "float32") if made.conditional else None
    found = []
    for one in (made, whole(made)):

        @tf.function(jit_compile=jit_compile, autograph=False)
        def run(one=one):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = one(x, context)
                loss = tf.reduce_sum(tf.sin(y / 1e3))
            return y, *tape.gradient(loss, [x, *one.trainable_variables])

        found.append(run())
    for ours, expected in zip(*found, strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(ours, expected, atol=2e-5 * scale)


def test_second_derivatives_pass():
    made = network(activation="tanh")
    x = tf.constant(np.random.default_rng(1).normal(size=(2, 9)), "float32")
    for one in (made, whole(made)):
        kernel = one.kernels[1]
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                value = tf.reduce_sum(tf.sin(one(x) / 100))
            first = inner.gradient(value, kernel)
            norm = tf.reduce_sum(first**2)
        second = outer.gradient(norm, kernel).numpy()
        if one is made:
            expected = second
    np.testing.assert_allclose(second, expected, atol=1e-4 * np.abs(expected).max())


def test_a_quarter_of_the_products_of_a_wide_layer_is_left_out():
    made = network()
    product = made._products[1]
    size = sum(
        (b.rows.stop - b.rows.start) * (b.columns.stop - b.columns.start)
        for blocks in product.blocks
        for b in blocks
    )
    assert size == pytest.approx(0.75 * 256**2, rel=0.03)


@pytest.mark.parametrize("event", [1, 2])
def test_networks_of_one_degree_stay_whole(event):
    made = AutoregressiveNetwork(params=2, event_shape=event, hidden_units=(256, 256))
    assert made(tf.ones([3, event])).shape == (3, event, 2)
    assert all(len(product.columns) == 1 for product in made._products)


def test_inputs_that_nothing_sees_are_left_out():
    mask = np.array([[1.0, 1.0], [0.0, 0.0]], "float32")
    x, kernel = tf.constant([[2.0, 3.0]]), tf.ones([2, 2])
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        (y,) = MaskedProduct(mask, 1, None, first=True)([x], kernel)
    np.testing.assert_array_equal(y, [[2.0, 2.0]])
    to_x, to_kernel = tape.gradient(y, [x, kernel])
    np.testing.assert_array_equal(to_x, [[2.0, 0.0]])
    np.testing.assert_array_equal(to_kernel, [[2.0, 2.0], [0.0, 0.0]])


def test_narrow_and_unsorted_layers_stay_whole():
    narrow = AutoregressiveNetwork(params=2, event_shape=9, hidden_units=(64, 256))
    assert best_cut(narrow.layer_degrees) == [None] * 4
    backwards = network(input_order="right-to-left")
    assert [cut is None for cut in best_cut(backwards.layer_degrees)] == [True, False, False, True]
