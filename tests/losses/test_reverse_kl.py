"""A model is fitted to a density: without data, by the same loop and the same programs."""

import math
import typing

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, losses, metrics

MIXTURE = tfd.MixtureSameFamily(
    tfd.Categorical(probs=[0.5, 0.5]),
    tfd.MultivariateNormalDiag(loc=[[1.0, 1.0], [-2.0, -2.0]], scale_diag=[[1.0, 1.0]] * 2),
)


@keras.saving.register_keras_serializable(package="tests")
def far_normal(z):
    return tf.reduce_sum(-0.5 * tf.square(z - 3.0), -1)


def shift(context_shape=None, **compile_to):
    keras.utils.set_random_seed(1)
    flow = tfflows.Flow([layers.Shift()], 2, context_shape)
    loss = compile_to.pop("loss", losses.ReverseKL(far_normal, samples=16))
    flow.compile(keras.optimizers.SGD(0.1), loss=loss, **compile_to)
    return flow


def by_hand(flow, steps, seed, samples=16):
    """Take the same steps in a loop of Python, from the seeds that are promised."""
    for step in range(steps):
        with tf.GradientTape() as tape:
            drawn = flow.distribution().experimental_sample_and_log_prob(
                [samples], seed=tf.constant([seed, step])
            )
            loss = tf.reduce_mean(drawn[1] - far_normal(drawn[0]))
        variables = flow.trainable_variables
        flow.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return flow.get_weights()


MODES = {
    "plain": {"jit_compile": False},
    "XLA": {"jit_compile": True},
    "single steps": {"steps_per_execution": 1},
    "eager": {"run_eagerly": True},
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_takes_the_steps_of_a_loop_by_hand(mode):
    flow = shift(**MODES[mode])
    flow.fit(epochs=2, steps_per_epoch=5, seed=3, verbose=0)
    expected = by_hand(shift(), 10, 3)
    for one, other in zip(flow.get_weights(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_three_epochs_and_more_are_as_many_at_once():
    whole, parts = shift(), shift()
    history = whole.fit(epochs=21, steps_per_epoch=4, seed=3, verbose=0).history["loss"]
    first = parts.fit(epochs=3, steps_per_epoch=4, seed=3, verbose=0).history["loss"]
    rest = parts.fit(initial_epoch=3, epochs=21, steps_per_epoch=4, seed=3, verbose=0)
    assert history == first + rest.history["loss"]
    for one, other in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("make", [tfflows.IAF, tfflows.CouplingNSF], ids=["IAF", "CouplingNSF"])
def test_a_mixture_is_found(make):
    keras.utils.set_random_seed(2)
    flow = make(2, transforms=3, hidden_units=(32, 32), identity_start=False)
    flow.compile(
        keras.optimizers.Adam(3e-3),
        loss=losses.ReverseKL(MIXTURE.log_prob, samples=128),
        jit_compile=True,
    )
    flow.fit(epochs=1, steps_per_epoch=2000, seed=0, verbose=0)
    z, log_q = flow.sample_and_log_prob(20_000, seed=1)
    divergence = float(tf.reduce_mean(log_q - MIXTURE.log_prob(z)))
    # One component alone costs log 2; the normal distribution of the same moments some 0.3.
    assert divergence < 0.1
    share = float(tf.reduce_mean(tf.cast(tf.reduce_sum(z, -1) > -1.0, tf.float32)))
    assert 0.35 < share < 0.65


def test_layers_that_adapt_stay_at_their_start():
    flow = tfflows.IAF(2, transforms=1, hidden_units=(8,))
    assert flow.needs_adapt
    flow.compile("adam", loss=losses.ReverseKL(far_normal, samples=4))
    flow.fit(steps_per_epoch=2, verbose=0)
    assert not flow.needs_adapt
    np.testing.assert_array_equal(flow.bijector_layers[0].location, [0.0, 0.0])


def test_contexts_are_rows_and_are_standardized():
    seen = []

    def target(z, context):
        seen.append((tuple(z.shape), tuple(context.shape)))
        return tf.reduce_sum(-0.5 * tf.square(z - context), -1)

    context = np.linspace(4.0, 8.0, 40, dtype="float32")[:, np.newaxis]
    keras.utils.set_random_seed(1)
    flow = tfflows.Flow([layers.Shift(hidden_units=(32,))], 2, 1)
    flow.compile(keras.optimizers.Adam(0.02), loss=losses.ReverseKL(target, samples=8))
    flow.fit(context=context, batch_size=10, epochs=60, seed=0, verbose=0)
    assert all(z[0] == 8 and z[2:] == (2,) and c[1:] == (1,) for z, c in seen)
    assert int(flow.optimizer.iterations) == 240
    np.testing.assert_allclose(flow.context_standardize.location, [6.0], rtol=1e-5)
    drawn = flow.sample(2000, seed=0, context=[[4.5], [7.5]])
    np.testing.assert_allclose(tf.reduce_mean(drawn, 0), [[4.5] * 2, [7.5] * 2], atol=0.25)


def test_metrics_of_the_density_are_those_of_validation_data():
    flow = shift(metrics=[metrics.NegativeLogLikelihood()])
    x = np.random.default_rng(0).normal(3.0, size=(100, 2)).astype("float32")
    history = flow.fit(epochs=2, steps_per_epoch=3, validation_data=x, seed=0, verbose=0).history
    assert history.keys() == {"loss", "val_loss", "val_nll"}
    expected = -np.mean(flow.log_prob(x))
    np.testing.assert_allclose(history["val_nll"][-1], expected, rtol=1e-5)
    # Evaluation draws the same numbers whenever it is run.
    assert flow.evaluate(x, verbose=0) == flow.evaluate(x, verbose=0)


def test_evaluation_without_events_reports_the_loss_alone():
    flow = shift(metrics=[metrics.NegativeLogLikelihood()])
    history = flow.fit(steps_per_epoch=2, validation_data=(None,), verbose=0).history
    assert history.keys() == {"loss", "val_loss"}
    assert flow.evaluate(verbose=0) == history["val_loss"][0]


class TestMisuse:
    @pytest.mark.parametrize("mode", MODES)
    def test_weights_of_rows_that_the_loss_does_not_see(self, mode):
        x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
        with pytest.raises(ValueError, match="sample_weight"):
            shift(**MODES[mode]).fit(x, sample_weight=np.ones(64), verbose=0)

    def test_a_split_of_nothing(self):
        with pytest.raises(ValueError, match="validation_split needs events"):
            shift().fit(steps_per_epoch=2, validation_split=0.1, verbose=0)

    def test_weights_without_data(self):
        with pytest.raises(ValueError, match="sample_weight weighs rows of x"):
            shift().fit(steps_per_epoch=2, sample_weight=np.ones(3), verbose=0)

    def test_no_end(self):
        with pytest.raises(ValueError, match="pass steps_per_epoch="):
            shift().fit(epochs=2, verbose=0)

    def test_a_loss_that_needs_data(self):
        with pytest.raises(ValueError, match=r"fit needs events x.*negative_log_likelihood"):
            shift(loss=None).fit(steps_per_epoch=2, verbose=0)

    def test_a_context_missing_or_not_wanted(self):
        with pytest.raises(ValueError, match=r"needs context of shape \(\.\.\., 1\); got None"):
            shift(1).fit(steps_per_epoch=2, verbose=0)
        with pytest.raises(ValueError, match="takes no context"):
            shift().fit(context=np.ones([3, 1]), steps_per_epoch=2, verbose=0)

    def test_a_target_that_returns_a_mean(self):
        flow = shift(loss=losses.ReverseKL(lambda z: tf.reduce_mean(far_normal(z))))
        with pytest.raises(ValueError, match="one log density for each draw"):
            flow.fit(steps_per_epoch=2, verbose=0)

    @pytest.mark.parametrize(
        ("arguments", "error", "match"),
        [
            ({"target_log_prob_fn": 3}, TypeError, "must be a callable"),
            ({"target_log_prob_fn": far_normal, "samples": 0}, ValueError, "positive int; got 0"),
        ],
    )
    def test_arguments(self, arguments, error, match):
        with pytest.raises(error, match=match):
            losses.ReverseKL(**arguments)

    def test_the_class_instead_of_an_object(self):
        with pytest.raises(TypeError, match=r"Did you mean NegativeLogLikelihood\(\)"):
            tfflows.MAF(2).compile(loss=losses.NegativeLogLikelihood)


def test_it_is_saved_with_the_model(tmp_path):
    flow = shift()
    flow.fit(steps_per_epoch=2, verbose=0)
    flow.save(tmp_path / "flow.keras")
    again = tfflows.load(tmp_path / "flow.keras")
    assert isinstance(again.loss, losses.ReverseKL)
    assert (again.loss.target_log_prob_fn, again.loss.samples) == (far_normal, 16)


class TestLossesOfAnotherKind:
    """A loss written outside of the package: it sees the model within a Keras call of it."""

    class Watching(losses.Loss):
        needs_data = False

        def rows(self, model, x, context, seed):
            return -model(tf.zeros([4, 2])) + 0.0 * tf.cast(seed[1], tf.float32)

    class Noted(tfflows.Flow):
        flags: typing.ClassVar[list] = []

        def call(self, x, context=None, training=None, seed=None):
            self.flags.append(training)
            self.add_loss(tf.constant(100.0))
            return super().call(x, context, training, seed)

    @pytest.mark.parametrize("mode", MODES)
    def test_layers_know_that_they_train_and_their_losses_count_once(self, mode):
        self.Noted.flags.clear()
        flow = self.Noted([layers.Shift()], 2)
        flow.compile(keras.optimizers.SGD(0.0), loss=self.Watching(), **MODES[mode])
        history = flow.fit(epochs=3, steps_per_epoch=2, verbose=0).history
        assert self.Noted.flags and all(self.Noted.flags)
        np.testing.assert_allclose(history["loss"], 100.0 + math.log(2 * math.pi), rtol=1e-6)
        flow.evaluate(verbose=0)
        assert self.Noted.flags[-1] is False

    def test_each_step_has_a_seed_of_its_own(self):
        class Seeds(losses.Loss):
            needs_data = False

            def rows(self, model, x, context, seed):
                return tf.cast(seed, tf.float32) + 0.0 * model(tf.zeros([1, 2]))

        flow = shift(loss=Seeds())
        logs = flow.fit(epochs=3, steps_per_epoch=1, seed=10, verbose=0).history["loss"]
        assert logs == [5.0, 5.5, 6.0]
