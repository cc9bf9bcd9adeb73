"""Graphs, XLA, unknown sizes, higher derivatives, dropout, and what is evaluated how often."""

import functools

import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import conditioners, univariates

from .reference import assert_same, compare, everything, forward, make, normal


@pytest.fixture(scope="module")
def layer():
    return make(
        univariates.RationalQuadraticSpline(bins=4, bound=3.0),
        (7,),
        (2,),
        hidden_units=(12, 10),
        order="right-to-left",
    )


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "XLA"])
def test_unknown_numbers_of_points(layer, jit_compile):
    """One program for any number of points, none included."""

    def run(layer, z, context):
        program = tf.function(
            lambda z, context: everything(layer, z, context),
            input_signature=[tf.TensorSpec([None, 7], z.dtype), tf.TensorSpec([None, 2], z.dtype)],
            jit_compile=jit_compile,
            autograph=False,
        )
        nothing = program(z[:0], context[:0])
        assert nothing[0].shape == (0, 7) and nothing[1].shape == (0,)
        assert all(np.all(np.isfinite(gradient)) for gradient in nothing)
        twice = program(tf.repeat(z, 2, axis=0), tf.repeat(context, 2, axis=0))
        assert_same([twice[0][1::2]], [forward(layer, z, context)[0]], 1e-10)
        return program(z, context)

    compare(layer, normal(layer, 3, 7), normal(layer, 3, 2, seed=2), function=run)


def test_xla_in_single_precision():
    layer = make(None, (33,), (2,), dtype="float32", hidden_units=(50, 40), scale=0.1)
    compare(
        layer,
        normal(layer, 6, 33),
        normal(layer, 6, 2, seed=2),
        function=tf.function(everything, jit_compile=True, autograph=False),
    )


def second(layer, z, context, passes=False):
    """Return derivatives of functions of gradients."""
    first, last = layer.trainable_weights[0].value, layer.trainable_weights[-1].value
    with tf.GradientTape() as outer:
        outer.watch([z, context])
        with tf.GradientTape() as inner:
            inner.watch([z, context])
            x, log_det = forward(layer, z, context, passes)
            total = tf.reduce_sum(tf.sin(x) ** 2) + tf.reduce_sum(log_det**2 * x[:, 0])
        by_z, by_context, by_first = inner.gradient(total, [z, context, first])
        total = tf.reduce_sum(tf.sin(by_z) * z) + tf.reduce_sum(by_context**2)
        total += tf.reduce_sum(by_first**3)
    return outer.gradient(total, [z, context, first, last])


@pytest.mark.parametrize("mode", ["eager", "graph", "XLA"])
def test_second_derivatives(mode):
    layer = make(None, (5,), (2,), hidden_units=(6,))
    z, context = normal(layer, 3, 5), normal(layer, 3, 2, seed=2)
    run = second
    if mode != "eager":
        run = tf.function(second, jit_compile=mode == "XLA", autograph=False)
    assert_same(run(layer, z, context), second(layer, z, context, passes=True), 1e-10)


def test_jacobians_are_vectorized():
    layer = make(None, (5,), hidden_units=(6,))
    z = normal(layer, 3, 5)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        x, log_det = forward(layer, z)
    jacobian = tape.batch_jacobian(x, z)
    rows = tape.batch_jacobian(x, z, experimental_use_pfor=False)
    np.testing.assert_allclose(jacobian, rows, atol=1e-12)
    np.testing.assert_array_equal(np.triu(jacobian, 1), np.zeros([3, 5, 5]))
    np.testing.assert_allclose(np.linalg.slogdet(jacobian)[1], log_det, atol=1e-12)
    mapped = tf.vectorized_map(lambda point: forward(layer, point)[0], z)
    np.testing.assert_allclose(mapped, x, atol=1e-12)


def test_forward_mode_is_refused():
    layer = make(None, (5,), hidden_units=(6,))
    z = normal(layer, 3, 5)
    with (
        tf.autodiff.ForwardAccumulator(z, tf.ones_like(z)),
        pytest.raises(NotImplementedError, match="GradientTape"),
    ):
        forward(layer, z)


def test_weights_of_the_family_get_their_gradients():
    family = univariates.UnconstrainedMonotonic(embedding=2, hidden_units=(4,))
    layer = make(family, (4,), (2,), hidden_units=(6,))
    assert any(weight is kernel for weight in layer.trainable_weights for kernel in family.weights)
    z, context = normal(layer, 3, 4), normal(layer, 3, 2, seed=2)
    compare(layer, z, context, function=tf.function(everything, autograph=False))


@pytest.fixture
def runs(monkeypatch):
    """The calls of the network."""
    counted = []
    original = conditioners.AutoregressiveNetwork.call

    @functools.wraps(original)  # Keras hands `training` to calls whose signature has it.
    def call(self, *args, **kwargs):
        counted.append(1)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(conditioners.AutoregressiveNetwork, "call", call)
    return counted


@pytest.mark.parametrize("make_flow, samples, scores", [("MAF", 0, 2), ("IAF", 2, 0)])
def test_no_network_is_called_where_the_sweep_runs(make_flow, samples, scores, runs):
    flow = getattr(tfflows, make_flow)(4, transforms=2, hidden_units=(6,))
    for weight in flow.trainable_weights:
        weight.assign(weight + 0.1)
    runs.clear()
    drawn = flow.sample(3, seed=0)
    assert len(runs) == samples
    runs.clear()
    log_prob = flow.log_prob(drawn)
    assert len(runs) == scores
    _, expected = flow.sample_and_log_prob(3, seed=0)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-4)


def test_active_dropout_takes_whole_passes(runs):
    class Wrapped(tfflows.layers.base.BijectorLayer):
        def __init__(self, inner):
            super().__init__(dtype=inner.dtype_policy)
            self.inner = inner
            self.built = True

        def call(self, x, context=None, training=None):
            return self.inner.bijector(context).forward(tf.identity(x))

    inner = make(None, (5,), dropout=0.5, hidden_units=(30, 30))
    layer, z = Wrapped(inner), normal(inner, 3, 5)
    calm = layer(z, training=False)
    assert not runs
    np.testing.assert_array_equal(calm, layer(z))
    noisy = layer(z, training=True)
    assert len(runs) == 5
    assert np.abs(noisy - calm).max() > 1e-3
    assert np.abs(noisy - layer(z, training=True)).max() > 1e-3
    np.testing.assert_allclose(calm, forward(inner, z, passes=True)[0], atol=1e-12)


def test_samples_of_reloaded_programs_have_gradients(tmp_path):
    """A SavedModel keeps the custom gradient."""
    layer = make(None, (5,), hidden_units=(6, 6))
    z = normal(layer, 3, 5)
    module = tf.Module()
    module.variables_of_layer = [weight.value for weight in layer.weights]
    module.run = tf.function(
        lambda z: forward(layer, z),
        input_signature=[tf.TensorSpec([None, 5], tf.float64)],
        autograph=False,
    )
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    tf.saved_model.save(module, str(tmp_path), options=options)
    reloaded = tf.saved_model.load(str(tmp_path))

    def gradient(run):
        with tf.GradientTape() as tape:
            tape.watch(z)
            x, log_det = run(z)
            total = tf.reduce_sum(tf.sin(x)) + tf.reduce_sum(log_det**2)
        return [x, log_det, tape.gradient(total, z)]

    assert_same(gradient(reloaded.run), gradient(module.run), 1e-12)
