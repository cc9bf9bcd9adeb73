"""mixed_bfloat16: networks compute in bfloat16, densities in float32."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows

FLOWS = {
    "NSF": lambda: tfflows.NSF(2, 1, 2, hidden_units=(16,), bins=4, dtype="mixed_bfloat16"),
    "CouplingNSF": lambda: tfflows.CouplingNSF(
        2, 1, 2, hidden_units=(16,), bins=4, dtype="mixed_bfloat16"
    ),
    "MAF": lambda: tfflows.MAF(2, 1, 2, hidden_units=(16,), dtype="mixed_bfloat16"),
}


@pytest.mark.parametrize("make", FLOWS.values(), ids=FLOWS)
def test_weights_and_log_determinants_are_float32(make):
    flow = make()
    assert {weight.dtype for weight in flow.weights} == {"float32"}
    x, context = tf.ones([5, 2]), tf.ones([5, 1])
    events, log_prob = flow.sample_and_log_prob(5, seed=0, context=context)
    scores = (flow.log_prob(x, context), flow(x, context=context))
    for answer in (*scores, flow.inverse(x, context), events, log_prob):
        assert answer.dtype == tf.float32
    log_det = flow.bijector(context).inverse_log_det_jacobian(x, event_ndims=1)
    assert log_det.dtype == tf.float32


def test_the_networks_compute_in_bfloat16():
    flow = FLOWS["MAF"]()
    network = flow.bijector_layers[1].network
    assert network.compute_dtype == "bfloat16"


@pytest.mark.parametrize("make", FLOWS.values(), ids=FLOWS)
def test_the_map_is_still_invertible(make):
    """Both directions see the same rounded parameters, where the network sees the same numbers."""
    keras.utils.set_random_seed(0)
    flow = make()
    rng = np.random.default_rng(0)
    for weight in flow.trainable_weights:
        weight.assign_add(0.2 * rng.normal(size=weight.shape))
    x = tf.random.stateless_normal([200, 2], [0, 1])
    context = tf.random.stateless_normal([200, 1], [0, 2])
    back = flow.forward(flow.inverse(x, context), context)
    # Where rounding of the input falls on the other side, a bfloat16 step shows.
    assert np.median(np.abs(back - x)) < 1e-5
    assert np.abs(back - x).max() < 0.1


def test_it_trains_as_float32_does():
    rng = np.random.default_rng(0)
    context = rng.normal(size=(2000, 1)).astype("float32")
    x = (context + 0.3 * rng.normal(size=(2000, 2)) @ [[1.0, 0.8], [0.0, 0.6]]).astype("float32")
    losses = []
    for dtype in ("float32", "mixed_bfloat16"):
        keras.utils.set_random_seed(0)
        flow = tfflows.NSF(2, 1, 1, hidden_units=(16,), bins=4, dtype=dtype)
        flow.compile(keras.optimizers.Adam(1e-2))
        flow.fit(x, context=context, epochs=4, batch_size=100, verbose=0, seed=1)
        losses.append(flow.evaluate(x, context=context, verbose=0))
    assert abs(losses[0] - losses[1]) < 0.1, losses


def test_a_file_comes_back(tmp_path):
    flow = FLOWS["NSF"]()
    x, context = tf.ones([5, 2]), tf.ones([5, 1])
    flow.save(tmp_path / "flow.keras")
    loaded = keras.models.load_model(tmp_path / "flow.keras")
    assert loaded.dtype_policy.name == "mixed_bfloat16"
    np.testing.assert_array_equal(loaded.log_prob(x, context), flow.log_prob(x, context))
