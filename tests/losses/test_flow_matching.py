"""Flow matching: the loss by hand, where it applies, and what it learns."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import layers, losses, random
from tfflows.losses.transport import cheapest_partners


def test_rows_by_hand():
    """Through a layer on each side, with a context and a blur."""
    flow = tfflows.Flow(
        [layers.Shift(1.0, trainable=False), layers.ContinuousFlow((8,)), fixed_scale(2.0)],
        event_shape=2,
        context_shape=3,
    )
    rng = np.random.default_rng(0)
    x, context = (tf.constant(rng.normal(size=(50, n)), tf.float32) for n in (2, 3))
    inner = flow.bijector_layers[1]
    inner.network.set_weights([rng.normal(size=w.shape) for w in inner.network.weights])
    seed = tf.constant([0, 1])
    found = losses.FlowMatching(sigma=0.1).rows(flow, x, context, seed)
    streams = [random.fold_in(seed, number) for number in range(4)]
    latent = 2.0 * flow.base.distribution.sample(50, seed=streams[1])
    t = random.uniform([50], streams[3])[:, tf.newaxis]
    point = (1.0 - 0.9 * t) * latent + t * (x - 1.0)
    velocity = inner.velocity(t[:, 0], point, context)
    expected = tf.reduce_sum((velocity - (x - 1.0 - 0.9 * latent)) ** 2, -1)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def fixed_scale(factor):
    scale = layers.Scale(factor)
    scale.trainable = False
    return scale


def test_learns_a_normal_distribution_and_its_context():
    """The velocity between normals is known, and so are mean and deviation of the samples."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    context = rng.choice([-1.0, 1.0], size=(4000, 1)).astype("float32")
    x = (2.0 * context + 0.5 * rng.normal(size=(4000, 2))).astype("float32")
    flow = tfflows.CNF(2, 1, hidden_units=(32, 32), rtol=1e-3, atol=1e-3)
    flow.compile(keras.optimizers.Adam(0.01), loss=losses.FlowMatching())
    history = flow.fit(x, context=context, epochs=15, batch_size=200, verbose=0, seed=0).history
    assert history["loss"][-1] < history["loss"][0]
    for sign in (-1.0, 1.0):
        drawn = flow.sample(2000, seed=0, context=[sign]).numpy()
        np.testing.assert_allclose(drawn.mean(0), 2.0 * sign, atol=0.2)
        np.testing.assert_allclose(drawn.std(0), 0.5, atol=0.15)


def test_a_saved_flow_keeps_its_loss(tmp_path):
    flow = tfflows.CNF(2, hidden_units=(8,))
    flow.adapt(np.random.default_rng(0).normal(size=(20, 2)))
    flow.compile("adam", loss=losses.FlowMatching(sigma=0.01, transport=True))
    flow.save(tmp_path / "flow.keras")
    loss = tfflows.load(tmp_path / "flow.keras").loss
    assert isinstance(loss, losses.FlowMatching)
    assert loss.get_config() == flow.loss.get_config()


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda: tfflows.MAF(2, hidden_units=(4,)), {}, "has 0. Train it by likelihood"),
        (
            lambda: tfflows.Flow([layers.ContinuousFlow(), layers.ContinuousFlow()], 2),
            {},
            "has 2. Train it",
        ),
        (
            lambda: tfflows.Flow([layers.LU(), layers.ContinuousFlow()], 2),
            {},
            "has weights to train: set its `trainable = False`",
        ),
        (lambda: tfflows.CNF(2, 1), {"transport": True}, "takes no context"),
    ],
)
def test_where_it_does_not_apply(make, options, message):
    flow = make()
    flow.compile("adam", loss=losses.FlowMatching(**options))
    x = np.random.default_rng(0).normal(size=(64, 2))
    context = None if flow.context_shape is None else np.linspace(-1.0, 1.0, 64)[:, np.newaxis]
    with pytest.raises(ValueError, match=message):
        flow.fit(x, context=context, epochs=1, verbose=0)


def test_options():
    with pytest.raises(ValueError, match="sigma must be at least 0 and below 1"):
        losses.FlowMatching(sigma=1.0)


def test_partners_are_the_best_of_all_permutations():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    found = cheapest_partners(tf.constant(x), tf.constant(y)).numpy()
    costs = {order: ((x[list(order)] - y) ** 2).sum() for order in itertools.permutations(range(5))}
    assert tuple(found) == min(costs, key=costs.get)


def test_transport_shortens_the_ways():
    """Less is left of the loss where ways do not cross."""
    rng = np.random.default_rng(0)
    x = rng.choice([-1.0, 1.0], size=(300, 2)) + 0.1 * rng.normal(size=(300, 2))
    x = x.astype("float32")
    flow = tfflows.CNF(2, hidden_units=(8,))
    flow.adapt(x)
    seed, rows = tf.constant([0, 1]), tf.constant(x)
    crossing, shorter = (
        float(tf.reduce_mean(losses.FlowMatching(transport=t).rows(flow, rows, None, seed)))
        for t in (False, True)
    )
    assert shorter < 0.5 * crossing
