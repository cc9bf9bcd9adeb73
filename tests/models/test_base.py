"""The base of a flow: a TFP distribution, or a model, which may take the context."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfflows
from tfflows import layers, univariates

tfd, tfb = tfp.distributions, tfp.bijectors

RNG = np.random.default_rng(0)


@keras.saving.register_keras_serializable(package="tests")
class ConditionalGaussian(tfflows.DensityModel):
    def __init__(self, context_shape=3, **kwargs):
        super().__init__(event_shape=2, context_shape=context_shape, **kwargs)
        self.network = keras.layers.Dense(4)

    def distribution(self, context=None):
        loc, log_scale = tf.split(self.network(context), 2, -1)
        return tfd.MultivariateNormalDiag(loc, tf.exp(log_scale))


def conditional(**kwargs):
    keras.utils.set_random_seed(1)
    layer = layers.MaskedAutoregressive(univariates.Affine(), (8,))
    chain = [layers.Standardize(), layer, tfb.Permute([1, 0])]
    return tfflows.Flow(chain, 2, 3, base=ConditionalGaussian(), **kwargs)


def table(rows=600):
    context = RNG.normal(size=(rows, 3)).astype("float32")
    x = 2.0 * context[:, :2] + RNG.normal(size=(rows, 2))
    return x.astype("float32"), context


@pytest.fixture(scope="module")
def fitted():
    x, context = table()
    flow = conditional()
    flow.compile(keras.optimizers.Adam(0.02))
    loss = flow.fit(x, context=context, epochs=10, verbose=0).history["loss"]
    assert loss[-1] < loss[0] - 0.2
    return flow, x, context


def test_a_conditional_base_adds_its_density_at_the_context_of_the_layers(fitted):
    flow, x, context = fitted
    assert {w.path for w in flow.base.trainable_weights} <= {w.path for w in flow.trainable_weights}
    assert len(flow.base.trainable_weights) == 2
    seen = flow.embed(context)
    z = flow.inverse(x, context)
    latent = flow.base.at(seen).log_prob(z)
    unconditional = tfflows.Flow(flow.bijector_layers, 2, 3)
    unconditional.context_standardize.set_weights(flow.context_standardize.get_weights())
    normal = unconditional.log_prob(x, context) - unconditional.base.distribution.log_prob(z)
    scores = flow.log_prob(x, context)
    np.testing.assert_allclose(scores, latent + normal, atol=2e-5)
    np.testing.assert_allclose(flow(x, context=context), scores, atol=2e-5)
    np.testing.assert_allclose(flow.distribution(context).log_prob(x), scores, atol=2e-5)
    # One context for all rows, and for one row.
    np.testing.assert_allclose(flow.log_prob(x, context[4])[4], scores[4], atol=2e-5)
    one = flow.log_prob(x[4], context[4])
    assert one.shape == ()
    np.testing.assert_allclose(one, scores[4], atol=2e-5)


def test_draws_of_a_conditional_base_score_as_they_say(fitted):
    flow, _, context = fitted
    for given, batch in ((context[:5], (5,)), (context[0], ())):
        drawn, log_prob = flow.sample_and_log_prob((4, 2), seed=3, context=given)
        assert drawn.shape == (4, 2, *batch, 2) and log_prob.shape == (4, 2, *batch)
        np.testing.assert_allclose(flow.log_prob(drawn, given), log_prob, atol=1e-4)
        np.testing.assert_array_equal(drawn, flow.sample((4, 2), seed=3, context=given))
        assert flow.distribution(given).sample(3, seed=(0, 1)).shape == (3, *batch, 2)
    # The means follow the context.
    drawn = flow.sample(500, seed=0, context=[[-1.0, 1.0, 0.0], [1.0, -1.0, 0.0]]).numpy().mean(0)
    assert drawn[0, 0] < -1 < 1 < drawn[0, 1] and drawn[1, 1] < -1 < 1 < drawn[1, 0]


def test_a_conditional_base_is_saved_exported_and_shown(fitted, tmp_path):
    flow, x, context = fitted
    scores = flow.log_prob(x[:9], context[:9])
    flow.save(tmp_path / "flow.keras")
    again = tfflows.load(tmp_path / "flow.keras")
    np.testing.assert_array_equal(again.log_prob(x[:9], context[:9]), scores)
    flow.export(tmp_path / "served")
    served = tf.saved_model.load(tmp_path / "served")
    found = served.log_prob(x=x[:9], context=context[:9])["log_prob"]
    np.testing.assert_allclose(found, scores, atol=1e-5)
    drawn = served.sample(n=3, seed=0, context=context[:2])["x"]
    np.testing.assert_allclose(drawn, flow.sample(3, seed=0, context=context[:2]), atol=1e-5)
    assert "base: ConditionalGaussian" in repr(flow) and flow.components() == []
    with pytest.raises(ValueError, match="has a distribution for each context"):
        _ = flow.base.distribution


def test_it_sees_what_the_context_network_makes():
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    flow = tfflows.Flow([], 2, 4, base=ConditionalGaussian(), context_network=network)
    x, context = RNG.normal(size=(5, 2)), RNG.normal(size=(5, 4)).astype("float32")
    expected = flow.base.model.log_prob(x, flow.embed(context))
    np.testing.assert_allclose(flow.log_prob(x, context), expected, atol=1e-6)


def test_a_flow_is_the_base_of_a_flow_and_sees_data_through_it():
    x = RNG.normal(3.0, 2.0, size=(400, 2)).astype("float32")
    inner = tfflows.Flow([layers.Standardize(), layers.Shift()], 2)
    flow = tfflows.Flow([layers.Scale([2.0, 2.0])], 2, base=inner)
    assert flow.needs_adapt
    flow.adapt(x)
    assert not flow.needs_adapt
    np.testing.assert_allclose(inner.bijector_layers[0].location, x.mean(0) / 2, rtol=1e-4)
    expected = inner.log_prob(x / 2) - 2 * np.log(2)
    np.testing.assert_allclose(flow.log_prob(x), expected, atol=1e-5)
    np.testing.assert_allclose(flow.distribution().log_prob(x), expected, atol=1e-5)
    np.testing.assert_allclose(flow.sample(5, seed=0), 2 * inner.sample(5, seed=0), rtol=1e-6)


def test_a_model_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"takes contexts of shape \(3,\), and .* shape \(2,\)"):
        tfflows.Flow([], 2, 2, base=ConditionalGaussian())
    with pytest.raises(ValueError, match=r"contexts of shape None"):
        tfflows.Flow([], 2, base=ConditionalGaussian())
    with pytest.raises(ValueError, match=r"base has events of shape \(2,\), .* shape \(3,\)"):
        tfflows.Flow([], 3, 3, base=ConditionalGaussian())
    bound = tfflows.Flow([layers.Dequantize()], 2)
    with pytest.raises(ValueError, match="knows a bound of its density alone"):
        tfflows.Flow([], 2, base=bound)


def test_what_leaves_a_bounded_base_is_told_of_the_remedy_which_works():
    uniform = tfd.Independent(tfd.Uniform([-1.0, -1.0], [1.0, 1.0]), 1)
    remedy = r"Put tfflows.layers.Invert\(tfflows.layers.Interval\(low, high\)\) last"
    with pytest.warns(UserWarning, match=remedy):
        flow = tfflows.Flow([layers.Shift()], 2, base=uniform)
    x = RNG.normal(size=(300, 2)).astype("float32")
    flow.compile()
    with pytest.raises(ValueError, match=rf"rows lie outside the support .*{remedy}"):
        flow.fit(x, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        last = layers.Invert(layers.Interval(-1.0, 1.0))
        flow = tfflows.Flow([layers.Shift(), last], 2, base=uniform)
    flow.compile()
    assert np.isfinite(flow.fit(x, verbose=0).history["loss"]).all()
    # A uniform share, drawn out by a logit, is logistic.
    logistic = tfd.Independent(tfd.Logistic([0.0, 0.0], 1.0), 1)
    bare = tfflows.Flow([layers.Invert(layers.Interval(-1.0, 1.0))], 2, base=uniform)
    np.testing.assert_allclose(bare.log_prob(x), logistic.log_prob(x), atol=1e-5)
