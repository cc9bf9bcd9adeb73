"""Many rows at the same time are the same rows."""

import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows.scoring.split_batch import split_batch

MANY = 5001


@pytest.mark.parametrize("count", [0, 1, 2, 7, MANY])
@pytest.mark.parametrize("contexts", [None, "one", "each"])
def test_every_row_once_and_in_its_place(count, contexts):
    rows, context = tf.TensorSpec([None, 2]), tf.TensorSpec([None])
    signature = [rows] if contexts is None else [rows, context]

    @tf.function(input_signature=signature)
    def program(x, c=0.0):
        return {"sum": tf.reduce_sum(x, -1) + c, "twice": (2 * x,)}

    many = tf.function(split_batch(program.get_concrete_function()), input_signature=signature)
    x = np.random.default_rng(0).normal(size=(count, 2)).astype("float32")
    given = [] if contexts is None else [np.arange(count if contexts == "each" else 1, dtype="f4")]
    found = many(x, *given)
    np.testing.assert_array_equal(found["sum"], x.sum(-1) + (given[0] if given else 0))
    np.testing.assert_array_equal(found["twice"][0], 2 * x)


def test_no_half_is_larger_than_the_other():
    sizes = []
    rows = tf.TensorSpec([None])

    @tf.function(input_signature=[rows])
    def program(x):
        tf.numpy_function(lambda n: sizes.append(int(n)), [tf.size(x)], [])
        return x

    tf.function(split_batch(program.get_concrete_function()), input_signature=[rows])(tf.range(7.0))
    assert sorted(sizes) == [3, 4]


def test_a_flow_of_many_rows_has_the_densities_and_gradients_of_few():
    flow = tfflows.MAF(3, transforms=2, hidden_units=(16,), context_shape=2)
    random = np.random.default_rng(0)
    x = tf.constant(random.normal(size=(MANY, 3)), tf.float32)
    context = tf.constant(random.normal(size=(len(x), 2)), tf.float32)
    found = []
    for size in (None, MANY // 5):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = flow.log_prob(x, context, batch_size=size)
            mean = tf.reduce_mean(tf.tanh(value))
        found.append([value, *tape.gradient(mean, [x, *flow.trainable_variables])])
    for many, few in zip(*found, strict=True):
        np.testing.assert_allclose(many, few, atol=1e-6 * max(1.0, np.abs(few).max()), rtol=1e-4)


def test_jacobians_and_directional_derivatives_of_many_rows():
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
    x = tf.constant(np.random.default_rng(0).normal(size=(MANY, 2)), tf.float32)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = flow.log_prob(x)
        score = inner.gradient(value, x)
        some = value[:3]
    jacobian = outer.jacobian(some, x)
    np.testing.assert_allclose(jacobian[1, 1], score[1], atol=1e-5)
    assert outer.batch_jacobian(score, x).shape == (MANY, 2, 2)
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as forward:
        value = flow.log_prob(x)
    along = forward.jvp(value)
    np.testing.assert_allclose(along, tf.reduce_sum(score, -1), atol=1e-4)
