"""Continuous flows: closed forms, an independent solver, gradients, rows by themselves."""

import math

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

import tfflows
from tfflows import bijectors, layers
from tfflows.bijectors.base import forward_and_log_det, inverse_and_log_det

EXACT = {"rtol": 1e-9, "atol": 1e-9}
ROUGH = {"rtol": 1e-4, "atol": 1e-4}
LOG_2 = math.log(2.0)


def built(event_shape=(3,), context_shape=None, dtype="float64", scale=0.5, seed=0, **options):
    layer = layers.ContinuousFlow((8, 8), dtype=dtype, **{**EXACT, **options})
    layer.build(event_shape, context_shape)
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(scale * rng.normal(size=weight.shape))
    return layer


def compiled(function):
    """Return a program: step by step in Python a solver takes long."""
    return tf.function(function)


def points(rows=7, size=3, seed=1):
    return tf.constant(np.random.default_rng(seed).normal(size=(rows, size)))


@pytest.mark.parametrize(
    ("velocity", "image", "log_det"),
    [
        (lambda t, x, c: tf.ones_like(x), lambda x: x + 1.0, 0.0),
        (lambda t, x, c: LOG_2 * x, lambda x: 2.0 * x, 3.0 * LOG_2),
        (lambda t, x, c: 2.0 * t[..., tf.newaxis] * x, lambda x: math.e * x, 3.0),
        (
            lambda t, x, c: x * tf.constant([0.5, -1.0, 2.0], x.dtype),
            lambda x: x * np.exp([0.5, -1.0, 2.0]),
            1.5,
        ),
    ],
)
def test_closed_forms(velocity, image, log_det):
    bijector, x = bijectors.ContinuousFlow(velocity, [], (3,), **EXACT), points()
    y, found = compiled(lambda x: forward_and_log_det(bijector, x, 1))(x)
    np.testing.assert_allclose(y, image(x.numpy()), rtol=1e-7)
    np.testing.assert_allclose(found, log_det, atol=1e-7)
    back, found = compiled(lambda y: inverse_and_log_det(bijector, y, 1))(y)
    np.testing.assert_allclose(back, x, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(found, -log_det, atol=1e-7)


def test_closed_form_given_a_context():
    context = tf.constant([[1.0], [-2.0]], tf.float64)
    bijector = bijectors.ContinuousFlow(lambda t, x, c: c * x, [], (3,), context=context, **EXACT)
    x = points(5)[:, tf.newaxis]
    y, found = compiled(lambda x: forward_and_log_det(bijector, x, 1))(x)
    np.testing.assert_allclose(y, np.exp(context) * x, rtol=1e-7)
    np.testing.assert_allclose(found, [[3.0, -6.0]] * 5, rtol=1e-7)


def test_as_the_solver_and_the_jacobian_of_tfp():
    layer, x = built(), points()
    z, log_det = compiled(layer.inverse)(x)
    solver = tfp.math.ode.DormandPrince(rtol=1e-10, atol=1e-10)

    @compiled
    def by_tfp(x):
        return solver.solve(lambda s, at: -layer.velocity(1.0 - s, at), 0.0, x, [1.0]).states[0]

    np.testing.assert_allclose(by_tfp(x), z, atol=1e-8)

    @compiled
    def jacobian(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            z, _ = layer.inverse(x)
        return tape.batch_jacobian(z, x, experimental_use_pfor=False)

    np.testing.assert_allclose(log_det, np.linalg.slogdet(jacobian(x))[1], atol=1e-8)


def test_gradients_are_those_of_finite_differences():
    """Of points and log-determinants, by weights, data and context, in both directions."""
    layer = built((2,), (1,), rtol=1e-7, atol=1e-7)
    x, context = points(4, 2), points(4, 1, seed=2)
    to = points(4, 2, seed=3)
    for way in (layer.inverse, layer.forward):

        @compiled
        def total(x, context, way=way):
            z, log_weight = way(x, context)
            return tf.reduce_sum(z * to) + tf.reduce_sum(tf.sin(log_weight))

        with tf.GradientTape() as tape:
            tape.watch([x, context])
            value = total(x, context)
        sources = [x, context, *layer.trainable_variables]
        for source, gradient in zip(sources, tape.gradient(value, sources), strict=True):
            direction = np.random.default_rng(5).normal(size=source.shape)
            slope = float(tf.reduce_sum(gradient * direction))
            ends = []
            for sign in (1e-5, -1e-5):
                if source is x or source is context:
                    moved = [s + sign * direction if s is source else s for s in (x, context)]
                    ends.append(total(*moved))
                else:
                    start = source.numpy()
                    source.assign(start + sign * direction)
                    ends.append(total(x, context))
                    source.assign(start)
            assert slope != 0.0
            np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-5, rtol=1e-4)


def test_a_row_does_not_depend_on_its_batch():
    """A stiff row among others takes more steps, and they take none of them."""
    layer = built((2,), scale=1.5, rtol=1e-5, atol=1e-5)
    x = points(16, 2) * tf.constant([[1.0]] * 15 + [[30.0]], tf.float64)
    inverse = compiled(layer.inverse)
    z, log_det = inverse(x)
    counts = layer.evaluations(x).numpy()
    assert counts[-1] > counts[:-1].min()
    for row in (0, 3, 15):
        alone, alone_log_det = inverse(x[row : row + 1])
        np.testing.assert_allclose(alone[0], z[row], rtol=1e-9)
        np.testing.assert_allclose(alone_log_det[0], log_det[row], rtol=1e-9)
        assert layer.evaluations(x[row : row + 1])[0] == counts[row]


def test_tolerance_is_kept():
    """In float32, too, at the default tolerance."""
    layer, x = built(), points(50)
    z, log_det = compiled(layer.inverse)(x)
    single = built(dtype="float32", rtol=1e-5, atol=1e-5)
    found, found_log_det = compiled(single.inverse)(tf.cast(x, tf.float32))
    np.testing.assert_allclose(found, z, atol=1e-3)
    np.testing.assert_allclose(found_log_det, log_det, atol=1e-3)
    back, _ = compiled(single.forward)(found)
    np.testing.assert_allclose(back, x, atol=1e-3)


def test_estimate_is_unbiased():
    exact, estimated = built(**ROUGH), built(trace="hutchinson", probes=2, **ROUGH)
    x = points(1)
    assert exact.exact and not estimated.exact and estimated.estimates
    truth = float(compiled(exact.inverse)(x)[1][0])
    _, found = compiled(estimated.inverse)(tf.repeat(x, 2000, 0), seed=tf.constant([0, 1]))
    error = np.std(found) / math.sqrt(len(found))
    assert error > 1e-4 and abs(np.mean(found) - truth) < 4.0 * error


def test_estimates_of_a_flow_average_to_its_density():
    flow = tfflows.Flow([built(trace="hutchinson", **ROUGH)], event_shape=3, dtype="float64")
    exact = tfflows.Flow([built(**ROUGH)], event_shape=3, dtype="float64")
    assert flow.estimates and not flow.exact
    x = points(3)
    one, another = (flow.log_prob(x, seed=seed).numpy() for seed in (0, 1))
    assert np.all(one != another)
    np.testing.assert_array_equal(one, flow.log_prob(x, seed=0))
    np.testing.assert_allclose(flow.log_prob(x, samples=200), exact.log_prob(x), atol=0.25)
    np.testing.assert_allclose(flow.sample(5, seed=0), exact.sample(5, seed=0), atol=1e-9)
    with pytest.raises(NotImplementedError, match="is an estimate of one"):
        flow.sample_and_log_prob(5)
    # A row has the same probes in whichever part of a table it comes.
    np.testing.assert_allclose(flow.log_prob(x, batch_size=2), flow.log_prob(x), rtol=1e-10)


def test_many_coordinates_are_estimated():
    for size, exact in ((16, True), (17, False)):
        layer = layers.ContinuousFlow((8,))
        layer.build((size,))
        assert layer.exact is layer.bijective is exact


def test_a_row_that_does_not_arrive_is_nan():
    layer = built((2,), max_steps=3)
    z, log_det = layer.inverse(points(4, 2))
    assert np.all(np.isnan(z)) and np.all(np.isnan(log_det))


def test_network_of_ones_own():
    """A Keras model with a layer of batch statistics, which stay as they are."""
    network = keras.Sequential(
        [keras.layers.Dense(8, "tanh"), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    )
    flow = tfflows.Flow([layers.ContinuousFlow(network=network)], event_shape=2, context_shape=1)
    flow.compile(keras.optimizers.Adam(0.01))
    x, context = points(64, 2).numpy(), points(64, 1).numpy()
    flow.fit(x, context=context, epochs=1, verbose=0)
    assert "network=Sequential" in repr(flow.bijector_layers[0])
    copy = tfflows.Flow.from_config(flow.get_config())
    copy.set_weights(flow.get_weights())
    np.testing.assert_allclose(copy.log_prob(x, context), flow.log_prob(x, context))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trace": "some"}, 'trace must be "auto", "exact" or "hutchinson"'),
        ({"rtol": 0.0}, "rtol"),
        ({"max_steps": 0}, "max_steps"),
        ({"probes": 0}, "probes"),
    ],
)
def test_options(options, message):
    with pytest.raises(ValueError, match=message):
        layers.ContinuousFlow(**options)


def test_network_that_does_not_fit():
    layer = layers.ContinuousFlow(network=keras.layers.Dense(5))
    with pytest.raises(ValueError, match=r"must map \(batch, 9\), the 2 coordinates, then 7"):
        layer.build((2,))


def test_no_second_derivative():
    layer, x = built((2,), rtol=0.01, atol=0.01), points(2, 2)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            log_weight = layer.inverse(x)[1]
        gradient = tape.gradient(log_weight, x)
    with pytest.raises(LookupError, match="solution of a differential equation"):
        outer.gradient(gradient, x)


def test_density_integrates_to_one():
    flow = tfflows.Flow(
        [built((1,), scale=1.0, rtol=1e-6, atol=1e-6)], event_shape=1, dtype="float64"
    )
    grid = np.linspace(-12.0, 12.0, 1001)
    density = np.exp(flow.log_prob(grid[:, np.newaxis]))
    np.testing.assert_allclose(np.trapezoid(density, grid), 1.0, atol=1e-3)
    draws = flow.sample(2000, seed=0).numpy()[:, 0]
    cumulated = np.interp(draws, grid, np.cumsum(density) * (grid[1] - grid[0]))
    assert scipy.stats.kstest(cumulated, "uniform").pvalue > 1e-4
