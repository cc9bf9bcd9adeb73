"""One list that mixes everything: bytes, fixed and trained maps, an inverted layer, a box."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

import tfflows
from tfflows import conditioners, distributions, layers, univariates

ORDER = [4, 2, 0, 3, 1]


def conditioner(size):
    return conditioners.DenseNetwork(
        512, hidden_units=(128, 256), activation="elu", input_size=size + 8
    )


def architecture(remedy=True):
    """Return the flow of events in {0, ..., 255}^5 given eight numbers."""
    spline = univariates.RationalQuadraticSpline(bins=8)
    affine = univariates.Affine()
    chain = [
        # (x + 0.5) / 256, and a logit: fixed.
        tfb.Shift(-0.5),
        tfb.Scale(256.0),
        tfb.Sigmoid(),
        layers.MaskedAutoregressive(affine, hidden_units=(64, 64)),
        layers.Rotation(),
        layers.Invert(layers.Coupling(spline, conditioner=conditioner(2))),
        layers.Unconditional(
            layers.MaskedAutoregressive(univariates.DeepSigmoidal(), (32,), order=ORDER, passes=2)
        ),
    ]
    if remedy:
        chain.append(layers.Invert(layers.Interval(-3.0, 3.0)))
    base = distributions.BoxUniform(np.full(5, -3.0, "f4"), np.full(5, 3.0, "f4"))
    return tfflows.Flow(chain, 5, 8, base=base)


@pytest.fixture(scope="module")
def data():
    """Bytes that depend on their context."""
    rng = np.random.default_rng(0)
    context = rng.normal(size=(600, 8)).astype("f4")
    level = 128 + 40 * context[:, :1] + 15 * rng.normal(size=(600, 5))
    return np.clip(np.round(level), 0, 255).astype("f4"), context


@pytest.fixture(scope="module")
def fitted(data):
    keras.utils.set_random_seed(0)
    flow, (x, context) = architecture(), data
    flow.compile(keras.optimizers.Adam(3e-3))
    history = flow.fit(x, context=context, epochs=4, batch_size=100, verbose=0, seed=0)
    return flow, history.history["loss"]


@pytest.mark.slow
def test_it_is_fitted_scored_and_drawn(fitted, data):
    flow, loss = fitted
    x, context = data
    assert loss[-1] < loss[0] - 1.0
    assert np.isfinite(flow.log_prob(x, context)).all()
    drawn, log_prob = flow.sample_and_log_prob(3, seed=0, context=context[:20])
    assert drawn.shape == (3, 20, 5) and np.all((drawn > -0.5) & (drawn < 255.5))
    np.testing.assert_allclose(flow.log_prob(drawn, context[:20]), log_prob, atol=5e-2)
    z = flow.inverse(x, context)
    assert np.all(np.abs(z) <= 3.0)
    np.testing.assert_allclose(flow.forward(z, context), x, atol=0.5)


@pytest.mark.slow
def test_it_is_saved_and_served(fitted, data, tmp_path):
    flow, _ = fitted
    x, context = data
    expected = flow.log_prob(x, context)
    flow.save(tmp_path / "flow.keras")
    again = tfflows.load(tmp_path / "flow.keras")
    np.testing.assert_allclose(again.log_prob(x, context), expected, rtol=1e-4, atol=1e-3)
    flow.export(tmp_path / "served")
    served = tf.saved_model.load(tmp_path / "served")
    found = served.log_prob(x=x, context=context)["log_prob"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_the_order_and_the_context_are_those_of_the_list():
    flow = architecture()
    affine, _, _, neural = (layer for layer in flow.bijector_layers if layer.weights)
    assert neural.unwrap()[0].network.input_order == (5, 3, 1, 4, 2)
    assert set(neural.unwrap()[0].network.input_degrees) == {1, 2}
    assert affine.unwrap()[2] and not neural.unwrap()[2]  # which of them see the context


def test_without_the_remedy_the_message_offers_it(data):
    with pytest.warns(UserWarning, match=r"Invert\(tfflows.layers.Interval\("):
        flow = architecture(remedy=False)
    x, context = data
    flow.compile("adam")
    wide = np.clip(np.round(128 + 4 * (x - 128)), 0, 255)
    with pytest.raises(ValueError, match=r"Invert\(tfflows.layers.Interval\("):
        flow.fit(wide, context=context, verbose=0)
