"""Compiled programs for chunks of rows answer as the operations one by one do."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

import tfflows
from tfflows import layers, univariates

KIND = {"transforms": 2, "hidden_units": (12,), "identity_start": False, "dtype": "float64"}


@pytest.fixture(scope="module")
def maf():
    return tfflows.MAF(6, 2, **KIND)


@pytest.fixture(scope="module")
def iaf():
    return tfflows.IAF(6, **KIND)


def both(flow, ask):
    """Return the answers with and without compiled programs."""
    assert any(layer.sequential for layer in flow.bijector_layers) and flow.programs.xla
    compiled = ask()
    flow.programs.xla = False
    try:
        return compiled, ask()
    finally:
        flow.programs.xla = True


CONTEXT = np.random.default_rng(0).normal(size=[5, 2])


@pytest.mark.parametrize("rows", [0, 1, 999, 1001])
def test_any_number_of_rows(maf, rows):
    z = np.random.default_rng(1).normal(size=[rows, 6])
    compiled, plain = both(maf, lambda: maf.forward(z, context=CONTEXT[0]))
    assert compiled.shape == (rows, 6)
    np.testing.assert_allclose(compiled, plain, atol=1e-10)


@pytest.mark.parametrize("shape", [(), 0, 300, (2, 3)])
def test_draws_for_each_context(maf, shape):
    compiled, plain = both(maf, lambda: maf.sample_and_log_prob(shape, seed=3, context=CONTEXT))
    for one, other in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)
    same = maf.sample(shape, seed=3, context=CONTEXT)
    np.testing.assert_allclose(same, compiled[0], atol=1e-10)


def test_the_density_of_an_inverse_autoregressive_flow(iaf):
    x = np.random.default_rng(1).normal(size=[1100, 6])
    for ask in (lambda: iaf.log_prob(x), lambda: iaf.inverse(x), lambda: iaf.log_prob(x[0])):
        compiled, plain = both(iaf, ask)
        np.testing.assert_allclose(compiled, plain, atol=1e-9)


def test_weights_that_change_are_seen(iaf):
    x = np.random.default_rng(1).normal(size=[7, 6])
    before = iaf.log_prob(x).numpy()
    for weight in iaf.trainable_weights:
        weight.assign(weight + 0.1)
    compiled, plain = both(iaf, lambda: iaf.log_prob(x))
    assert np.abs(compiled - before).max() > 1e-3
    np.testing.assert_allclose(compiled, plain, atol=1e-9)


def test_samples_have_gradients(maf):
    weights = [weight.value for weight in maf.trainable_weights]

    def gradients():
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(tf.sin(maf.sample(400, seed=0, context=CONTEXT[:3])))
        return tape.gradient(total, weights)

    for one, other in zip(*both(maf, gradients), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-8)


def test_what_xla_cannot_compile_runs_all_the_same():
    class Stubborn(tfb.Bijector):
        def __init__(self):
            super().__init__(forward_min_event_ndims=0, parameters={})

        def _forward(self, x):
            return tf.ensure_shape(tf.numpy_function(lambda v: v + 1.0, [x], x.dtype), x.shape)

        def _inverse(self, y):
            return y - 1.0

        def _forward_log_det_jacobian(self, x):
            return tf.zeros_like(x)

        def _inverse_log_det_jacobian(self, y):
            return tf.zeros_like(y)

    layer = layers.MaskedAutoregressive(univariates.Affine(), hidden_units=(8,), dtype="float64")
    flow = tfflows.Flow([layer, Stubborn()], 6, dtype="float64")
    z = np.zeros([3, 6])
    np.testing.assert_allclose(flow.forward(z), z + 1.0)
    assert not flow.programs.xla
    np.testing.assert_allclose(flow.forward(z), z + 1.0)


def test_few_steps_are_not_compiled():
    assert not tfflows.MAF(4, **KIND)._sequential("forward")
    assert not tfflows.RealNVP(6, transforms=2, hidden_units=(8,))._sequential("forward")
    assert tfflows.IAF(6, **KIND)._sequential("inverse")
    assert not tfflows.IAF(6, **KIND)._sequential("forward")
