"""Public calls in the hands of a person: tapes, compiled functions, loops of one's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import layers, univariates


@pytest.fixture(scope="module")
def flow():
    keras.utils.set_random_seed(0)
    options = {
        "hidden_units": (4,),
        "activation": "tanh",
        "identity_start": False,
        "dtype": "float64",
    }
    return tfflows.Flow(
        [
            layers.MaskedAutoregressive(univariates.Affine(), **options),
            layers.Coupling(univariates.Affine(), **options),
        ],
        2,
        context_shape=3,
        dtype="float64",
    )


@pytest.fixture(scope="module")
def x():
    return tf.random.stateless_normal([4, 2], [0, 1], dtype=tf.float64)


@pytest.fixture(scope="module")
def context():
    return tf.random.stateless_normal([4, 3], [0, 2], dtype=tf.float64)


CALLS = {
    "log_prob": lambda flow, x, c: flow.log_prob(x, c),
    "prob": lambda flow, x, c: flow.prob(x, c),
    "call": lambda flow, x, c: flow(x, context=c),
    "inverse": lambda flow, x, c: flow.inverse(x, c),
    "forward": lambda flow, x, c: flow.forward(x, c),
    "intermediate": lambda flow, x, c: flow.intermediate(x, c)[1],
    "sample": lambda flow, x, c: flow.sample(3, seed=1, context=c),
    "log_prob of samples": lambda flow, x, c: flow.sample_and_log_prob(3, seed=1, context=c)[1],
    "distribution": lambda flow, x, c: flow.distribution(c).log_prob(x),
}


def total(call, flow, x, context):
    values = call(flow, x, context)
    # A weighted sum, so that no gradient vanishes by symmetry.
    weight = np.random.default_rng(1).normal(size=values.shape)
    return tf.reduce_sum(values * weight)


def difference(function, value, step=1e-6):
    """The central difference along a fixed random direction."""
    direction = tf.constant(np.random.default_rng(2).normal(size=value.shape))
    up, down = function(value + step * direction), function(value - step * direction)
    return (up - down) / (2 * step), direction


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
class TestGradients:
    def test_by_points_and_contexts(self, call, flow, x, context):
        with tf.GradientTape() as tape:
            tape.watch([x, context])
            value = total(call, flow, x, context)
        by_x, by_context = tape.gradient(value, [x, context])
        expected, direction = difference(lambda c: total(call, flow, x, c), context)
        np.testing.assert_allclose(tf.reduce_sum(by_context * direction), expected, rtol=1e-5)
        if by_x is None:
            assert call in (CALLS["sample"], CALLS["log_prob of samples"])
            return
        expected, direction = difference(lambda x: total(call, flow, x, context), x)
        np.testing.assert_allclose(tf.reduce_sum(by_x * direction), expected, rtol=1e-5)

    def test_by_weights(self, call, flow, x, context):
        with tf.GradientTape() as tape:
            value = total(call, flow, x, context)
        gradients = tape.gradient(value, flow.trainable_variables)
        for weight, gradient in zip(flow.trainable_variables, gradients, strict=True):
            if gradient is None:
                # The points after the first bijector know nothing of the second one's weights.
                assert call is CALLS["intermediate"], weight.path
                continue
            before = weight.numpy()

            def moved(number, weight=weight):
                weight.assign(number)
                return total(call, flow, x, context)

            expected, direction = difference(moved, before)
            weight.assign(before)
            found = tf.reduce_sum(gradient * direction)
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)

    @pytest.mark.parametrize("jit_compile", [False, True])
    def test_within_a_compiled_function(self, call, jit_compile, flow, x, context):
        def question(x, context):
            with tf.GradientTape() as tape:
                tape.watch(context)
                value = total(call, flow, x, context)
            return value, tape.gradient(value, context)

        expected = question(x, context)
        found = tf.function(question, jit_compile=jit_compile)(x, context)
        for one, two in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-9)


def test_a_compiled_function_for_any_number_of_rows(flow, x, context):
    program = tf.function(
        flow.log_prob,
        input_signature=[
            tf.TensorSpec([None, 2], tf.float64),
            tf.TensorSpec([None, 3], tf.float64),
        ],
    )
    for rows in (4, 1, 0):
        np.testing.assert_allclose(
            program(x[:rows], context[:rows]), flow.log_prob(x[:rows], context[:rows])
        )


def test_a_compiled_function_follows_the_weights(flow, x, context):
    program = tf.function(lambda: flow.log_prob(x, context))
    before = flow.get_weights()
    first = program()
    try:
        flow.trainable_variables[0].assign_add(tf.ones_like(flow.trainable_variables[0]))
        np.testing.assert_allclose(program(), flow.log_prob(x, context))
        assert np.any(program() != first)
    finally:
        flow.set_weights(before)


def test_second_derivatives(flow, x, context):
    """The score's own gradient is differentiable: score matching needs it."""

    def score(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = flow.log_prob(x, context)
        return tape.gradient(value, x)

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(score(x) ** 2)
    gradient = tape.gradient(value, x)
    expected, direction = difference(lambda x: tf.reduce_sum(score(x) ** 2), x)
    np.testing.assert_allclose(tf.reduce_sum(gradient * direction), expected, rtol=1e-4)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_a_loop_of_ones_own_trains(compiled):
    keras.utils.set_random_seed(0)
    flow = tfflows.MAF(2, 1, transforms=1, hidden_units=(8,))
    optimizer = keras.optimizers.Adam(0.05)
    optimizer.build(flow.trainable_variables)
    rng = np.random.default_rng(0)
    context = rng.normal(size=(64, 1)).astype("float32")
    x = (0.1 * rng.normal(size=(64, 2)) + context).astype("float32")

    def step(x, context):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(flow.log_prob(x, context))
        gradients = tape.gradient(loss, flow.trainable_variables)
        optimizer.apply_gradients(zip(gradients, flow.trainable_variables, strict=True))
        return loss

    run = tf.function(step, jit_compile=True) if compiled else step
    losses = [float(run(tf.constant(x), tf.constant(context))) for _ in range(40)]
    assert losses[-1] < losses[0] - 1.0


def test_reparametrized_samples_fit_a_density():
    """The other way round: samples and their log densities fit the flow to a known density."""
    keras.utils.set_random_seed(0)
    flow = tfflows.IAF(2, transforms=1, hidden_units=(8,))
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.05, 300))

    @tf.function
    def step(seed):
        with tf.GradientTape() as tape:
            x, log_prob = flow.sample_and_log_prob(128, seed=seed)
            wanted = -0.5 * tf.reduce_sum(((x - [0.5, -0.5]) / 0.5) ** 2, -1)
            loss = tf.reduce_mean(log_prob - wanted)
        gradients = tape.gradient(loss, flow.trainable_variables)
        optimizer.apply_gradients(zip(gradients, flow.trainable_variables, strict=True))

    optimizer.build(flow.trainable_variables)
    for number in range(300):
        step(tf.constant([0, number]))
    events = flow.sample(2000, seed=1).numpy()
    np.testing.assert_allclose(events.mean(0), [0.5, -0.5], atol=0.1)
    np.testing.assert_allclose(events.std(0), [0.5, 0.5], atol=0.1)
