"""A flow with a layer that is not exact says so, and offers what a bound has."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers

X = np.random.default_rng(0).integers(0, 5, size=(40, 2)).astype("f4")


@pytest.fixture(scope="module")
def flow():
    flow = tfflows.Flow([layers.Dequantize(), layers.Standardize(), layers.LU()], 2, 1)
    flow.adapt(X, context=X[:, :1])
    return flow


@pytest.fixture
def context():
    return X[:, :1]


class RandomSign(layers.Transform):
    """An even density: exact, and no bijection."""

    exact = True

    def inverse(self, x, context=None, seed=None):
        return tf.abs(x), -x.shape[-1] * tf.math.log(2.0)

    def forward(self, z, context=None, seed=None):
        sign = tf.sign(tfflows.random.uniform(tf.shape(z), seed) - 0.5)
        return sign * z, -z.shape[-1] * tf.math.log(2.0)


def test_it_says_so(flow):
    lines = []
    flow.summary(print_fn=lambda line, **_: lines.append(line))
    assert not flow.exact and "lower bound" in lines[-1] and "'dequantize" in lines[-1]
    exact = tfflows.MAF(2, transforms=1)
    lines.clear()
    exact.summary(print_fn=lambda line, **_: lines.append(line))
    assert exact.exact and not any("bound" in line for line in lines)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda f, c: f.distribution(c), r"'dequantize.*none. Use .*log_prob\(x, samples"),
        (lambda f, c: f.bijector(c), r"'dequantize.*none. Use .*log_prob\(x, samples"),
        (lambda f, c: f.sample_and_log_prob(3, context=c), "lower bound.*Use sample"),
        (lambda f, c: f.explain(X, c), "explain needs a density.*lower bound.*Use log_prob"),
        (lambda f, c: f.level(0.9, X, c), "level needs a density.*lower bound.*Use a threshold"),
    ],
)
def test_what_a_bound_has_not_is_explained(flow, context, ask, message):
    with pytest.raises(NotImplementedError, match=message):
        ask(flow, context)


def test_a_check_leaves_out_what_only_densities_have(flow, context):
    report = flow.check(X, context=context, seed=0)
    lines = {line.name: line for line in report}
    left_out = ["round_trip", "round_trip_latent", "log_det", "integral", "latent_marginals"]
    assert not any(lines[name].applies for name in left_out)
    assert "lower bound" in lines["integral"].reason
    assert lines["finite"].applies and lines["adapted"].applies and lines["marginals"].applies


def test_draws_are_those_of_their_seeds(flow, context):
    seeds = [tfflows.random.fold_in([0, 9], s) for s in range(6)]
    each = np.stack([flow.log_prob(X, context, seed=seed) for seed in seeds])
    expected = np.log(np.mean(np.exp(each.astype("f8")), 0))
    found = flow.log_prob(X, context, samples=6, seed=9)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(flow.prob(X, context, samples=6, seed=9), np.exp(found), rtol=1e-5)
    with pytest.raises(ValueError, match="samples must be a positive int; got 0"):
        flow.log_prob(X, context, samples=0)


def test_gradients_of_many_draws(flow, context):
    weights = [weight.value for weight in flow.trainable_weights]

    def gradient(score):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(score())
        return tape.gradient(total, weights)

    def by_hand():
        each = [flow.log_prob(X, context, seed=tfflows.random.fold_in([0, 9], s)) for s in range(3)]
        return tf.reduce_logsumexp(tf.stack(each), 0)

    ours = gradient(lambda: flow.log_prob(X, context, samples=3, seed=9))
    for found, expected in zip(ours, gradient(by_hand), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_an_export_serves_the_bound_with_a_seed(flow, context, tmp_path):
    flow.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served"))
    assert set(served.signatures) == {"serving_default", "log_prob", "sample", "forward", "inverse"}
    found = served.log_prob(x=X, seed=4, context=context)["log_prob"]
    np.testing.assert_allclose(found, flow.log_prob(X, context, seed=4), atol=1e-5)
    z = served.inverse(x=X, seed=4, context=context)["z"]
    np.testing.assert_allclose(z, flow.inverse(X, context, seed=4), atol=1e-5)
    np.testing.assert_array_equal(served.forward(z=z, seed=0, context=context)["x"], X)
    drawn = served.sample(n=3, seed=4, context=context)["x"]
    np.testing.assert_array_equal(drawn, flow.sample(3, seed=4, context=context))


class TestReparameterized:
    def test_an_exact_flow_gives_its_samples_and_densities(self):
        flow = tfflows.MAF(3, 2, transforms=1, hidden_units=(8,), identity_start=False)
        context = np.ones([4, 2], "f4")
        expected = flow.sample_and_log_prob(5, seed=3, context=context)
        with tf.GradientTape() as tape:
            found = flow.rsample_and_log_prob(5, seed=3, context=context)
            total = tf.reduce_sum(tf.sin(found[0]))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
        gradients = tape.gradient(total, [w.value for w in flow.trainable_weights])
        assert all(g is not None and np.all(np.isfinite(g)) for g in gradients)

    def test_that_of_a_bound_lies_above_in_expectation(self, flow, context):
        events, over = flow.rsample_and_log_prob(200, seed=3, context=context)
        under = flow.log_prob(events, context, seed=5)
        near = flow.log_prob(events, context, samples=100, seed=5)
        assert np.mean(under) < np.mean(near) < np.mean(over)

    def test_a_distribution_model(self):
        model = tfflows.DistributionModel(tfd.MultivariateNormalDiag(tf.Variable([0.5, 1.0])))
        with tf.GradientTape() as tape:
            events, log_prob = model.rsample_and_log_prob(7, seed=1)
            total = tf.reduce_sum(events)
        np.testing.assert_allclose(log_prob, model.log_prob(events), atol=1e-5)
        np.testing.assert_allclose(tape.gradient(total, model.trainable_weights[0].value), [7, 7])

    def test_draws_without_gradients_are_refused(self):
        mixture = tfd.MixtureSameFamily(
            tfd.Categorical(logits=[0.0, 0.0]),
            tfd.MultivariateNormalDiag([[0.0, 0.0], [3.0, 3.0]], [1.0, 1.0]),
        )
        with pytest.raises(ValueError, match=r"not differentiable.*gradients would be wrong"):
            tfflows.Flow([layers.Shift()], 2, base=mixture).rsample_and_log_prob(3, seed=0)

    def test_dropout_is_active_within_a_call_in_training(self):
        class Drawing(tf.keras.layers.Layer):
            def __init__(self, model):
                super().__init__(name="drawing")
                self.model = model

            def call(self, x):
                return self.model.rsample_and_log_prob(20, seed=0)[1] + x

        flow = tfflows.IAF(3, transforms=1, hidden_units=(40,), dropout=0.5, identity_start=False)
        layer, zero = Drawing(flow), tf.zeros([])
        calm = layer(zero, training=False)
        np.testing.assert_array_equal(calm, layer(zero, training=False))
        assert np.abs(calm - layer(zero, training=True)).max() > 1e-3


class TestExactWithoutBijection:
    def test_densities_and_samples(self):
        flow = tfflows.Flow([RandomSign(), layers.Scale(2.0)], 2)
        x = tf.constant([[1.0, -2.0], [-1.0, 2.0]])
        log_prob = flow.log_prob(x)
        assert flow.exact and log_prob[0] == log_prob[1]
        events, ours = flow.sample_and_log_prob(500, seed=1)
        np.testing.assert_allclose(ours, flow.log_prob(events), atol=1e-5)
        assert 0.3 < np.mean(events > 0) < 0.7
        # The base has mass below zero, which the absolute value never reaches.
        with pytest.raises(NotImplementedError, match="'random_sign"):
            flow.distribution()
        with pytest.raises(TypeError, match="Invert exchanges the directions of a bijection"):
            layers.Invert(RandomSign())
        inner = layers.Unconditional(RandomSign())
        np.testing.assert_array_equal(inner(x), tf.abs(x))
        assert inner.exact and not inner.bijective
