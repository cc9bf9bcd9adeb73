"""A single context, through networks of a user that see batches alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers

CONTEXT = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


def network():
    return keras.Sequential([keras.layers.Dense(4, "silu"), keras.layers.Dense(2)])


class Gaussian(tfflows.DensityModel):
    def __init__(self, **kwargs):
        super().__init__(event_shape=(), context_shape=3, **kwargs)
        self.network = network()

    def distribution(self, context=None):
        loc, log_scale = tf.unstack(self.network(context), axis=-1)
        return tfd.Normal(loc, tf.exp(log_scale))


class Moved(layers.BijectorLayer):
    def build(self, event_shape, context_shape=None):
        self.event_shape = tuple(event_shape)
        self.network = network()
        self.network.build((None, *context_shape))
        self.built = True

    def bijector(self, context=None):
        return tfflows.bijectors.Affine(self.network(context))


def flow():
    return tfflows.Flow([Moved()], event_shape=2, context_shape=3)


MODELS = {"model": Gaussian, "layer": flow}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
class TestOneContext:
    def test_it_is_the_row_of_a_batch(self, make):
        model, one = make(), CONTEXT[1]
        x = np.full([4, *model.event_shape], 0.5, "float32")
        expected = model.log_prob(x, CONTEXT)[1]
        d = model.distribution(one)
        assert d.batch_shape == () and d.event_shape == model.event_shape
        for found in (
            d.log_prob(x[1]),
            model.log_prob(x[1], one),
            model(tf.constant(x[1]), context=tf.constant(one)),
            tf.function(model.log_prob)(tf.constant(x[1]), tf.constant(one)),
            tf.function(lambda c: model.distribution(c).log_prob(x[1]))(tf.constant(one)),
        ):
            assert found.shape == ()
            np.testing.assert_allclose(found, expected, rtol=1e-5)
        np.testing.assert_allclose(model.log_prob(x, one)[1], expected, rtol=1e-5)
        drawn = model.sample(5, seed=1, context=one)
        assert drawn.shape == d.sample(5).shape == (5, *model.event_shape)
        np.testing.assert_allclose(drawn, model.sample(5, 1, CONTEXT[1:2])[:, 0], rtol=1e-5)
        for shape in ((), (2, 3)):
            for draw in (model.sample_and_log_prob, model.rsample_and_log_prob):
                x, log_prob = draw(shape, seed=1, context=one)
                assert x.shape == (*shape, *model.event_shape) and log_prob.shape == shape
                np.testing.assert_allclose(log_prob, model.log_prob(x, one), rtol=1e-4)

    def test_gradients(self, make):
        model, one = make(), tf.constant(CONTEXT[1])
        x = tf.fill(model.event_shape, 0.5)

        def gradient(function, c):
            with tf.GradientTape() as tape:
                tape.watch(c)
                value = tf.reduce_sum(function(c))
            return tape.gradient(value, c).numpy()

        for function in (
            lambda c: model.log_prob(x, c),
            lambda c: model.distribution(c).log_prob(x),
            lambda c: model.sample(3, seed=1, context=c),
        ):
            expected = gradient(function, one[tf.newaxis])[0]
            assert np.any(expected != 0.0)
            np.testing.assert_allclose(gradient(function, one), expected, rtol=1e-4, atol=1e-6)

    def test_a_call_that_fails_leaves_nothing_built(self, make):
        model = make()
        for context in (CONTEXT[0, :2], CONTEXT[:, :2], None):
            for ask in (model.distribution, lambda c: model.sample(2, context=c)):
                with pytest.raises(ValueError, match=r"context .*\.\.\., 3\)"):
                    ask(context)
        assert model.distribution(CONTEXT).batch_shape == (4,)
        assert model.sample(2, context=CONTEXT[0]).shape == (2, *model.event_shape)


def test_what_fails_while_it_is_built_is_not_built():
    class Failing(Gaussian):
        broken = True

        def distribution(self, context=None):
            found = super().distribution(context)
            if self.broken:
                raise RuntimeError("not yet")
            return found

    model = Failing()
    with pytest.raises(RuntimeError, match="not yet"):
        model.log_prob(0.5, CONTEXT[0])
    assert not model.built
    model.broken = False
    assert model.log_prob(0.5, CONTEXT[0]).shape == ()


def test_a_distribution_that_cannot_be_sliced():
    class Opaque(tfd.Distribution):
        def __init__(self, loc):
            self.normal = tfd.Normal(loc, 1.0)
            super().__init__(tf.float32, tfd.FULLY_REPARAMETERIZED, False, True, name="Opaque")

        def _batch_shape(self):
            return self.normal.batch_shape

        def _event_shape(self):
            return tf.TensorShape([])

        def _log_prob(self, value):
            return self.normal.log_prob(value)

    class Model(Gaussian):
        def distribution(self, context=None):
            return Opaque(self.network(context)[..., 0])

    model = Model()
    d = model.distribution(CONTEXT[1])
    assert d.batch_shape == ()
    np.testing.assert_allclose(d.log_prob(0.5), model.log_prob(0.5, CONTEXT[1]), rtol=1e-5)
