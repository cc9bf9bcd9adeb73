"""Products that leave out the block of zeros are those of the whole masked kernel."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfflows.conditioners import AutoregressiveNetwork
from tfflows.conditioners.block_masked_matmul import BlockMaskedMatmul, best_cut

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


def free(kernel):
    """A constraint that changes nothing; but who has one keeps its kernels whole."""
    return kernel


def whole(made):
    """Return the network with each kernel in one piece."""
    options = {**made.get_config(), "kernel_constraint": None}
    other = type(made)(**{**options, "activation": made.activation, "kernel_constraint": free})
    assert all(len(layer.blocks) == 1 for layer in other._network.layers)
    store = {}
    made.save_own_variables(store)
    other.load_own_variables(store)
    return other


def in_whole_kernels(made, weights) -> list:
    """Return arrays like the blocks of kernels and the biases, kernels joined."""
    weights, joined = iter(weights), []
    for layer in made._network.layers:
        joined.append(layer.product.join([next(weights) for _ in layer.blocks]))
        joined += [next(weights) for one in (layer.bias, layer.context_kernel) if one is not None]
    assert not list(weights)
    return joined


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_whole_products(name, jit_compile):
    made = network(**CASES[name])
    assert any(len(layer.product.columns) == 2 for layer in made._network.layers)
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

        y, to_x, *gradients = run()
        found.append([y, to_x, *in_whole_kernels(one, gradients)])
    for ours, expected in zip(*found, strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(ours, expected, atol=2e-5 * scale)


def test_second_derivatives_pass():
    made = network(activation="tanh")
    x = tf.constant(np.random.default_rng(1).normal(size=(2, 9)), "float32")
    found = []
    for one in (made, whole(made)):
        weights = one.trainable_variables
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                value = tf.reduce_sum(tf.sin(one(x) / 100))
            norm = sum(tf.reduce_sum(first**2) for first in inner.gradient(value, weights))
        second = outer.gradient(norm, weights, unconnected_gradients="zero")
        found.append(in_whole_kernels(one, second))
    for ours, expected in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-4 * max(np.abs(expected).max(), 1e-6))


def test_a_quarter_of_the_products_of_a_wide_layer_is_left_out():
    made = network()
    size = sum(np.prod(block.shape) for block in made._network.layers[1].blocks)
    assert size == pytest.approx(0.75 * 256**2, rel=0.03)


@pytest.mark.parametrize("event", [1, 2])
def test_networks_of_one_degree_stay_whole(event):
    made = AutoregressiveNetwork(params=2, event_shape=event, hidden_units=(256, 256))
    assert made(tf.ones([3, event])).shape == (3, event, 2)
    assert all(len(layer.product.columns) == 1 for layer in made._network.layers)


def test_inputs_that_nothing_sees_are_left_out():
    mask = np.array([[1.0, 1.0], [0.0, 0.0]], "float32")
    x, kernel = tf.constant([[2.0, 3.0]]), tf.ones([2, 2])
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        product = BlockMaskedMatmul(mask, 1, None, first=True)
        (y,) = product([x], product.split(kernel))
    np.testing.assert_array_equal(y, [[2.0, 2.0]])
    to_x, to_kernel = tape.gradient(y, [x, kernel])
    np.testing.assert_array_equal(to_x, [[2.0, 0.0]])
    np.testing.assert_array_equal(to_kernel, [[2.0, 2.0], [0.0, 0.0]])


def test_narrow_and_unsorted_layers_stay_whole():
    narrow = AutoregressiveNetwork(params=2, event_shape=9, hidden_units=(255, 512))
    assert best_cut(narrow.layer_degrees) == [None] * 4
    backwards = network(input_order="right-to-left")
    assert [cut is None for cut in best_cut(backwards.layer_degrees)] == [True, False, False, True]


def test_blocks_start_as_parts_of_the_whole_kernel():
    for initializer in (None, "glorot_uniform"):
        made = AutoregressiveNetwork(
            2, 9, hidden_units=(256, 256), seed=3, kernel_initializer=initializer
        )
        other = AutoregressiveNetwork(
            2,
            9,
            hidden_units=(256, 256),
            seed=3,
            kernel_initializer=initializer,
            kernel_constraint=free,
        )
        assert len(made.weights) > len(other.weights) == 6
        for ours, expected in zip(made.kernels, other.kernels, strict=True):
            np.testing.assert_array_equal(ours, expected)
            assert np.any(expected != 0.0)


@pytest.mark.parametrize("name", ["l1", "l2", "L1L2"])
def test_penalties_are_those_of_whole_kernels(name):
    made = AutoregressiveNetwork(2, 9, hidden_units=(256, 256), seed=3, kernel_regularizer=name)
    assert len(made.weights) > 6
    expected = sum(keras.regularizers.get(name)(kernel) for kernel in made.kernels)
    np.testing.assert_allclose(sum(made.losses), expected, rtol=1e-5)


def test_what_acts_on_units_keeps_kernels_whole():
    for options in (
        {"kernel_constraint": keras.constraints.MaxNorm(1.0)},
        {"kernel_regularizer": keras.regularizers.OrthogonalRegularizer()},
    ):
        made = AutoregressiveNetwork(2, 9, hidden_units=(256, 256), **options)
        assert len(made.weights) == 6


@pytest.mark.parametrize("name", ["plain", "context", "no bias", "residual"])
def test_files_hold_whole_kernels(name, tmp_path):
    made = network(**CASES[name])
    store = {}
    made.save_own_variables(store)
    kernels = [value for value in store.values() if value.shape[0] != 3 and value.ndim == 2]
    assert [value.shape for value in kernels] == [mask.shape for mask in made.masks]
    other = type(made).from_config(made.get_config())
    other.load_own_variables(store)
    for ours, expected in zip(other.get_weights(), made.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_weights_of_another_network_are_refused():
    store = {}
    network().save_own_variables(store)
    with pytest.raises(ValueError, match="kernels and biases of shapes"):
        network(hidden_units=(256, 300)).load_own_variables(store)
    with pytest.raises(ValueError, match="kernels and biases of shapes"):
        network(use_bias=False).load_own_variables(store)


class WithOneMore(AutoregressiveNetwork):
    """A network with a weight and a layer that its base knows nothing of."""

    def build(self, *shapes):
        super().build(*shapes)
        self.extra = self.add_weight(shape=(2,), initializer="zeros", name="extra")
        self.further = keras.layers.Dense(7)
        self.further.build((None, 5))


def test_weights_that_a_subclass_adds_are_in_the_file():
    made, other = (WithOneMore(2, 9, hidden_units=(256, 256)) for _ in range(2))
    made.extra.assign([5.0, 6.0])
    store = {}
    made.save_own_variables(store)
    # Keras has the layer write its weights itself.
    assert (5, 7) not in [value.shape for value in store.values()]
    other.load_own_variables(store)
    further = {id(weight) for weight in other.further.weights}
    for ours, expected in zip(other.weights, made.weights, strict=True):
        if id(ours) not in further:
            np.testing.assert_array_equal(ours, expected)


def test_a_network_before_its_first_call_has_nothing_in_a_file():
    store = {}
    AutoregressiveNetwork(2).save_own_variables(store)
    assert not store


def test_blocks_are_parts_of_one_draw():
    seed = keras.random.SeedGenerator(1)
    made = AutoregressiveNetwork(
        2, 9, hidden_units=(256, 256), kernel_initializer=keras.initializers.Orthogonal(seed=seed)
    )
    kernel = made.kernels[1].numpy()
    norms = np.linalg.norm(kernel[:, -20:], axis=0)
    np.testing.assert_allclose(norms, 1.0, atol=1e-5)
