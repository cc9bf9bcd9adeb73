"""The face of a flow: fit, score, sample, map, save."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows


@pytest.fixture(scope="module")
def moons():
    from sklearn.datasets import make_moons

    x, labels = make_moons(2000, noise=0.05, random_state=0)
    return x.astype("float32"), labels[:, None].astype("float32")


@pytest.fixture(scope="module")
def fitted(moons):
    keras.utils.set_random_seed(0)
    flow = tfflows.MAF(2, context_shape=1, transforms=2, hidden_units=(32,))
    flow.compile(keras.optimizers.Adam(1e-2))
    history = flow.fit(moons[0], context=moons[1], epochs=3, batch_size=100, verbose=0)
    return flow, history


def test_flow_is_a_keras_model(fitted):
    assert isinstance(fitted[0], tf.keras.Model)


def test_the_loss_falls(fitted):
    losses = fitted[1].history["loss"]
    assert losses[-1] < losses[0] - 0.3


def test_samples_have_the_density_they_come_with(fitted, moons):
    flow, _ = fitted
    context = moons[1][:7]
    events, log_prob = flow.sample_and_log_prob(5, seed=3, context=context)
    assert events.shape == (5, 7, 2)
    np.testing.assert_allclose(flow.log_prob(events, context=context), log_prob, atol=1e-3)
    np.testing.assert_array_equal(flow.sample(5, seed=3, context=context), events)


def test_forward_and_inverse_undo_each_other(fitted, moons):
    flow, _ = fitted
    x, context = moons
    z = flow.inverse(x, context)
    np.testing.assert_allclose(flow.forward(z, context), x, atol=1e-4)
    points = flow.intermediate(z, context)
    assert len(points) == len(flow.bijector_layers) + 1
    np.testing.assert_allclose(points[-1], x, atol=1e-4)


def test_results_do_not_depend_on_the_batch_size(fitted, moons):
    flow, _ = fitted
    x, context = moons
    whole = flow.log_prob(x, context)
    np.testing.assert_allclose(flow.log_prob(x, context, batch_size=7), whole, atol=1e-5)
    np.testing.assert_allclose(flow.predict((x, context), verbose=0), whole, atol=1e-5)
    np.testing.assert_allclose(
        flow.evaluate(x, context=context, verbose=0), -np.mean(whole), atol=1e-5
    )


def test_a_saved_flow_gives_the_same_density(fitted, moons, tmp_path):
    flow, _ = fitted
    flow.save(tmp_path / "flow.keras")
    loaded = keras.models.load_model(tmp_path / "flow.keras")
    np.testing.assert_array_equal(loaded.log_prob(*moons), flow.log_prob(*moons))
    np.testing.assert_array_equal(
        loaded.sample(5, seed=1, context=moons[1][:3]), flow.sample(5, seed=1, context=moons[1][:3])
    )
    loaded.fit(moons[0], context=moons[1], epochs=1, batch_size=500, verbose=0)


def test_a_chain_of_layers_and_tfp_bijectors_fits(moons):
    flow = tfflows.Flow(
        bijectors=[
            tfflows.layers.Standardize(),
            tfflows.layers.MaskedAutoregressive(tfflows.univariates.Affine(), hidden_units=(16,)),
            tfb.Permute([1, 0]),
            tfflows.layers.Coupling(tfflows.univariates.RationalQuadraticSpline(bins=4)),
            tfb.Shift([0.5, 0.25]),
            tfb.Scale([1.0, 0.5]),
        ],
        event_shape=2,
        base=tfd.MultivariateNormalDiag(loc=[0.0, 0.0]),
    )
    flow.compile(keras.optimizers.Adam(1e-2))
    history = flow.fit(moons[0], epochs=4, batch_size=100, validation_split=0.1, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] - 0.3
    assert set(history) == {"loss", "val_loss"}


def test_a_functional_model_trains_and_reloads(moons, tmp_path):
    flow = tfflows.MAF(2, context_shape=1, transforms=1, hidden_units=(8,))
    flow.adapt(*moons)
    x, context = keras.Input((2,)), keras.Input((1,))
    model = keras.Model([x, context], flow(x, context=context))
    model.compile("adam", loss=tfflows.losses.NegativeLogLikelihood())
    before = np.mean(-model.predict(list(moons), verbose=0))
    model.fit(list(moons), np.zeros(len(moons[0])), epochs=2, verbose=0)
    after = np.mean(-model.predict(list(moons), verbose=0))
    assert after < before - 0.05
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        loaded.predict(list(moons), verbose=0), model.predict(list(moons), verbose=0), atol=1e-6
    )


def test_a_layer_of_the_context_alone_may_stand_nearest_the_base():
    class Move(tfflows.layers.BijectorLayer):
        def bijector(self, context=None):
            return tfb.Shift(context)

    flow = tfflows.Flow(
        [tfflows.layers.Scale(), Move()], 2, context_shape=2, standardize_context=False
    )
    found = flow.log_prob(np.ones((1, 2), "f4"), context=np.ones((1, 2), "f4"))
    np.testing.assert_allclose(found, [-np.log(2.0 * np.pi)], rtol=1e-5)
