"""The distribution of a model: alive whatever the weights become, with a cdf in one dimension."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tests.registry import FAMILIES, IMPLICIT_FAMILIES
from tfflows import layers, univariates

F64 = {"dtype": "float64"}


def autoregressive():
    return layers.MaskedAutoregressive(univariates.Affine(), hidden_units=(4,))


def mixed(context_shape=None):
    """Return a flow of raw parameters, a network and a TFP bijector over a base that trains."""
    base = tfd.MultivariateNormalDiag(tf.Variable([0.0, 0.0]))
    chain = [layers.Shift(), autoregressive(), tfb.Shift(tf.Variable([0.0, 0.0])), layers.LU()]
    return tfflows.Flow(chain, 2, context_shape, base)


def disturb(model, seed=0):
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.3, size=weight.shape))


class TestAlive:
    @pytest.mark.parametrize("context_shape", [None, 3])
    def test_kept_across_updates(self, context_shape):
        flow = mixed(context_shape)
        context = None if context_shape is None else tf.ones([4, 3])
        kept, x = flow.distribution(context), tf.ones([4, 2])
        before = kept.log_prob(x).numpy()
        for weight in flow.trainable_weights:
            weight.assign(weight + 0.05)
            after = kept.log_prob(x).numpy()
            np.testing.assert_allclose(after, flow.log_prob(x, context), rtol=1e-5)
        assert np.all(np.abs(after - before) > 1e-3)
        drawn = kept.sample(3, seed=(0, 1))
        np.testing.assert_array_equal(drawn, flow.distribution(context).sample(3, seed=(0, 1)))
        drawn, log_prob = kept.experimental_sample_and_log_prob(3, seed=(0, 1))
        np.testing.assert_allclose(log_prob, kept.log_prob(drawn), rtol=1e-4)
        np.testing.assert_allclose(kept.bijector.forward(kept.bijector.inverse(x)), x, atol=1e-5)

    def test_it_says_what_trains(self):
        flow = mixed()
        kept = flow.distribution()
        assert len(kept.trainable_variables) == len(flow.trainable_weights) == 8
        flow.bijector_layers[1].trainable = False
        assert [id(v) for v in kept.trainable_variables] == [
            id(w.value) for w in flow.trainable_weights
        ]
        assert len(kept.variables) == len(flow.weights)
        assert len(kept.non_trainable_variables) == len(flow.non_trainable_weights) > 0
        # As a part of another distribution, too.
        for whole in (
            tfd.Sample(flow.distribution(), 3),
            tfd.JointDistributionSequential([flow.distribution()]),
        ):
            assert len(whole.trainable_variables) == 4

    @pytest.mark.parametrize(
        "make",
        [
            lambda: tfflows.Flow([layers.Shift(), autoregressive()], event_shape=2),
            lambda: tfflows.Flow([layers.Shift(), layers.Scale()], event_shape=2),
            lambda: tfflows.DistributionModel(
                tfd.MultivariateNormalDiag(tf.Variable([0.0, 0.0]), tf.Variable([1.0, 1.0]))
            ),
        ],
        ids=["network", "raw parameters", "model"],
    )
    def test_a_surrogate_posterior(self, make):
        target = tfd.MultivariateNormalDiag([1.0, -2.0], [1.0, 0.5])
        model = make()
        before = [weight.numpy() for weight in model.trainable_weights]
        losses = tfp.vi.fit_surrogate_posterior(
            target.log_prob,
            model.distribution(),
            tf_keras.optimizers.Adam(0.1),
            num_steps=100,
            sample_size=16,
            seed=1,
        )
        assert losses[-1] < 0.2 < 1.0 < losses[0]
        for weight, old in zip(model.trainable_weights, before, strict=True):
            assert np.any(weight.numpy() != old), weight.path

    def test_in_a_function_of_tensorflow(self):
        flow = tfflows.MAF(2, context_shape=3, transforms=1, hidden_units=(4,))
        disturb(flow)
        score = tf.function(lambda d, x: d.log_prob(x))
        x, rng = tf.ones([2, 2]), np.random.default_rng(1)
        for _ in range(2):
            context = tf.constant(rng.normal(size=(2, 3)), tf.float32)
            found = score(flow.distribution(context), x)
            np.testing.assert_allclose(found, flow.log_prob(x, context), rtol=1e-5)
        disturb(flow, seed=2)
        found = score(flow.distribution(context), x)
        np.testing.assert_allclose(found, flow.log_prob(x, context), rtol=1e-5)
        assert score.experimental_get_tracing_count() == 1

    def test_names_are_those_that_a_joint_distribution_gives(self):
        flow, model = mixed(), tfflows.DistributionModel(tfd.Normal(0.0, tf.Variable(1.0)))
        joint = tfd.JointDistributionSequential(
            [flow.distribution(), model.distribution(), lambda b, a: tfd.Normal(a[..., 0] + b, 1.0)]
        )
        a, b, c = joint.sample(seed=1)
        parts = flow.log_prob(a) + model.log_prob(b) + tfd.Normal(a[0] + b, 1.0).log_prob(c)
        np.testing.assert_allclose(joint.log_prob([a, b, c]), parts, rtol=1e-5)


class TestBatches:
    def test_slices_and_copies(self):
        flow = tfflows.MAF(2, context_shape=3, transforms=1, hidden_units=(4,))
        disturb(flow)
        context = tf.constant(np.random.default_rng(1).normal(size=(5, 3)), tf.float32)
        whole, x = flow.distribution(context), tf.constant([0.5, -1.0])
        for one, rows in (
            (whole[1:3], context[1:3]),
            (whole[2], context[2]),
            (whole[..., tf.newaxis], context[:, tf.newaxis]),
            (whole.copy(), context),
            (whole.copy(context=context[:2]), context[:2]),
        ):
            assert one.batch_shape == rows.shape[:-1]
            np.testing.assert_allclose(
                one.log_prob(x),
                flow.log_prob(tf.broadcast_to(x, [*rows.shape[:-1], 2]), rows),
                rtol=1e-5,
            )
            assert one.sample([2, 4], seed=0).shape == (2, 4, *rows.shape[:-1], 2)
        disturb(flow, seed=2)
        np.testing.assert_allclose(whole[2].log_prob(x), flow.log_prob(x, context[2]), rtol=1e-5)


LINE = {name: make for name, make in {**FAMILIES, **IMPLICIT_FAMILIES}.items()}
CIRCLE = {name for name, make in LINE.items() if make().period is not None}


def of_family(name, event_shape, scale):
    flow = tfflows.Flow(
        [layers.Scale(scale, **F64), layers.Elementwise(LINE[name](), **F64)], event_shape, **F64
    )
    disturb(flow)
    return flow


class TestCdf:
    @pytest.mark.parametrize("name", sorted(set(LINE) - CIRCLE))
    def test_every_family_of_the_line(self, name):
        scale = -2.0 if len(name) % 2 else 2.0
        d = of_family(name, (1,), scale).distribution()
        x = np.array([[-3.0], [-0.2], [0.4], [40.0]])
        z = d.bijector.inverse(x).numpy()[:, 0]
        normal = scipy.stats.norm
        np.testing.assert_allclose(d.cdf(x), (normal.cdf if scale > 0 else normal.sf)(z), rtol=1e-9)
        if name not in IMPLICIT_FAMILIES:
            np.testing.assert_allclose(d.quantile(d.cdf(x[1:3])), x[1:3], rtol=1e-6)

    @pytest.mark.parametrize("scale", [2.0, -2.0])
    def test_every_question(self, scale):
        d = of_family("SinhArcsinh", (), scale).distribution()
        x = np.array([-3.0, -0.2, 0.4])
        z, normal = d.bijector.inverse(x).numpy(), scipy.stats.norm
        right = [normal.cdf, normal.logcdf, normal.sf, normal.logsf]
        asked = [d.cdf, d.log_cdf, d.survival_function, d.log_survival_function]
        for question, expected in zip(
            asked, right if scale > 0 else right[2:] + right[:2], strict=True
        ):
            np.testing.assert_allclose(question(x), expected(z), rtol=1e-9)

    @pytest.mark.parametrize("name", sorted(CIRCLE))
    def test_a_circle_has_no_order(self, name):
        for question, value in (("cdf", [0.5]), ("quantile", 0.5)):
            with pytest.raises(NotImplementedError, match="the points of a circle"):
                getattr(of_family(name, (1,), 2.0).distribution(), question)(value)

    @pytest.mark.parametrize("name", ["MAF", "NSF", "BNAF", "IAF", "SinhArcsinhNormal"])
    def test_the_integral_of_the_density(self, name):
        flow = getattr(tfflows, name)(1, **F64)
        rng = np.random.default_rng(0)
        for weight in flow.trainable_weights:
            weight.assign(weight + rng.normal(scale=0.02, size=weight.shape))
        nodes, shares = np.polynomial.legendre.leggauss(100)
        mass = np.sum(shares * flow.prob(nodes[:, np.newaxis]).numpy())
        low, high = flow.distribution().cdf([[-1.0], [1.0]]).numpy()
        assert 0.2 < mass < 0.95
        np.testing.assert_allclose(high - low, mass, atol=1e-4)

    def test_each_context_has_its_own(self):
        flow = tfflows.NSF(1, context_shape=2, transforms=1, hidden_units=(4,), **F64)
        disturb(flow)
        context = np.random.default_rng(1).normal(size=(3, 2))
        d, x = flow.distribution(context), np.array([[[-1.0]], [[0.5]]])
        assert d.cdf(x).shape == (2, 3) and d.quantile(0.5).shape == (3, 1)
        assert d.quantile([[0.1], [0.2]]).shape == (2, 3, 1)
        one = flow.distribution(context[1])
        np.testing.assert_allclose(d.cdf(x)[:, 1], one.cdf(x[:, 0]), rtol=1e-12)
        assert one.quantile(0.5).shape == (1,) and one.quantile([0.5, 0.2]).shape == (2, 1)

    def test_outside_the_range_of_a_bijector(self):
        d = tfflows.Flow([tfb.Exp(), tfb.Scale(-2.0)], event_shape=()).distribution()
        given = tfflows.DistributionModel(
            tfd.TransformedDistribution(tfd.Normal(0.0, 2.0), tfb.Exp())
        ).distribution()
        x = np.array([-1.0, 0.5, 3.0, np.inf, np.nan], "float32")
        right = scipy.stats.lognorm(2.0)
        for found in (d, given):
            np.testing.assert_allclose(found.cdf(x), right.cdf(x), rtol=1e-5)
            np.testing.assert_allclose(found.survival_function(x), right.sf(x), rtol=1e-5)
            np.testing.assert_allclose(found.log_cdf(x[1:3]), right.logcdf(x[1:3]), rtol=1e-5)
            np.testing.assert_allclose(found.quantile([0.1, 0.9]), right.ppf([0.1, 0.9]), rtol=1e-4)
        assert d.log_cdf(-1.0) == -np.inf

    def test_the_base(self):
        one, x = tfflows.distributions.StandardNormal(()), np.array([-12.0, 0.3, 12.0], "float32")
        normal = scipy.stats.norm
        np.testing.assert_allclose(one.log_cdf(x), normal.logcdf(x), rtol=1e-5)
        np.testing.assert_allclose(one.log_survival_function(x), normal.logsf(x), rtol=1e-5)
        np.testing.assert_allclose(one.survival_function(x), normal.sf(x), rtol=1e-5)
        np.testing.assert_allclose(one.quantile([0.1, 0.5]), normal.ppf([0.1, 0.5]), atol=1e-6)
        two = tfflows.distributions.StandardNormal(2)
        np.testing.assert_allclose(two.cdf([0.0, 1.0]), 0.5 * normal.cdf(1.0), rtol=1e-5)
        np.testing.assert_allclose(
            two.survival_function([0.0, 1.0]), 1.0 - 0.5 * normal.cdf(1.0), rtol=1e-5
        )
        with pytest.raises(NotImplementedError, match=r"one coordinate; events have shape \(2,\)"):
            two.quantile(0.5)

    @pytest.mark.parametrize("question", ["cdf", "log_cdf", "survival_function", "quantile"])
    def test_several_coordinates_have_none(self, question):
        with pytest.raises(NotImplementedError, match=r"one coordinate.*have shape \(2,\)"):
            getattr(mixed().distribution(), question)([0.5, 0.5])
