"""Policies against the formula of the squashed normal distribution, and as densities of actions."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, losses, policies, univariates

LOW, HIGH = np.array([-2.0, 0.0]), np.array([1.0, 3.0])
SMALL = {"hidden_units": (16,)}


def moved(policy, seed=0, scale=0.5):
    """Put the weights at random numbers."""
    rng = np.random.default_rng(seed)
    for weight in policy.trainable_weights:
        weight.assign(scale * rng.normal(size=weight.shape))
    return policy


@pytest.fixture(scope="module")
def states():
    return np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def heads(policy, states):
    """Return the means and log deviations that the network of a policy makes of states."""
    affine = policy.bijector_layers[-1].bijector(tf.constant(states))
    zeros = tf.zeros([len(states), *policy.event_shape], states.dtype)
    shape = zeros.shape.rank - 1
    mean = affine.forward(zeros)
    return mean, affine.forward(zeros + 1.0) - mean, shape


def test_the_gaussian_policy_is_the_squashed_normal_distribution(states):
    policy = moved(policies.GaussianPolicy(2, 3, LOW, HIGH, **SMALL))
    mean, deviation, _ = heads(policy, states)
    noise = tf.random.stateless_normal([6, 2], seed=[0, 1])
    u = np.float64(mean + deviation * noise)
    actions = policy.forward(noise, states)
    np.testing.assert_allclose(actions, (LOW + HIGH) / 2 + (HIGH - LOW) / 2 * np.tanh(u), atol=1e-5)
    expected = np.sum(
        np.float64(tfd.Normal(0.0, 1.0).log_prob(noise))
        - np.log(deviation)
        - np.log((HIGH - LOW) / 2)
        - np.log(1 - np.tanh(u) ** 2),
        -1,
    )
    np.testing.assert_allclose(policy.log_prob(actions, states), expected, rtol=1e-3)


def test_the_flow_is_between_the_gaussian_and_the_bounds(states):
    chain = [layers.Invert(layers.Planar()), layers.Invert(layers.Radial()), tfb.Shift(0.5)]
    policy = moved(policies.FlowPolicy(2, 3, chain, LOW, HIGH, **SMALL))
    mean, deviation, _ = heads(policy, states)
    noise = tf.random.stateless_normal([6, 2], seed=[0, 1])
    f = tfb.Chain([layer.bijector() for layer in chain[:2]] + [tfb.Shift(0.5)])
    u = f.forward(mean + deviation * noise)
    np.testing.assert_allclose(
        policy.forward(noise, states),
        (LOW + HIGH) / 2 + (HIGH - LOW) / 2 * np.tanh(u),
        atol=1e-4,
    )


@pytest.mark.parametrize("conditional", [False, True])
def test_log_probabilities_are_normalized_and_those_of_the_samples(states, conditional):
    keras.utils.set_random_seed(0)
    policy = policies.FlowPolicy(1, 3, None, -2.0, 2.0, conditional=conditional, **SMALL)
    moved(policy, scale=0.1)
    along = np.linspace(-2.0, 2.0, 4001, dtype=np.float32)[1:-1]
    density = policy.prob(along[:, None, None], states)
    np.testing.assert_allclose(tf.reduce_sum(density, 0) * (along[1] - along[0]), 1.0, atol=5e-3)
    actions, log_prob = policy.rsample_and_log_prob(200, 0, states)
    np.testing.assert_allclose(policy.log_prob(actions, states), log_prob, atol=2e-2)
    of_flow = [
        weight
        for layer in policy.bijector_layers
        if isinstance(layer, layers.Unconditional) or layer.name.startswith("invert")
        for weight in layer.trainable_weights
    ]
    shapes = {tuple(weight.shape) for weight in of_flow}
    assert ((3, 64) in shapes) == conditional  # the first kernel of a network of the state


@pytest.mark.parametrize("reach", [5.0, 12.0, 40.0])
def test_the_log_probability_of_a_saturated_action_is_that_before_rounding(reach):
    policy = policies.GaussianPolicy(1, 1, -1.0, 1.0, log_scale_bound=7.0, **SMALL)
    mean, log_scale = reach, -2.0
    raw = 7.0 * np.arctanh(log_scale / 7.0)
    for weight in policy.trainable_weights:
        weight.assign(tf.zeros_like(weight))
    bias = next(w for w in policy.trainable_weights if w.shape[-1] == 2 and len(w.shape) <= 2)
    bias.assign(tf.reshape(tf.constant([mean, raw], tf.float32), bias.shape))
    with tf.GradientTape() as tape:
        actions, log_prob = policy.rsample_and_log_prob(50, 0, np.zeros([1, 1]))
        loss = tf.reduce_mean(log_prob)
    noise = np.float64(policy.base.distribution.sample([50, 1], seed=[0, 0]))
    u = mean + np.exp(log_scale) * noise
    log_slope = 2.0 * (np.log(2.0) - u - np.log1p(np.exp(-2.0 * u)))
    expected = -0.5 * noise**2 - 0.5 * np.log(2 * np.pi) - log_scale - log_slope
    np.testing.assert_allclose(log_prob, expected[..., 0], rtol=1e-4)
    assert np.all(np.abs(actions) < 1.0)
    gradient = tape.gradient(loss, bias)
    assert np.isfinite(gradient).all()
    # The entropy falls by two nats for each unit by which the mean goes further out.
    assert np.ravel(gradient)[0] == pytest.approx(2.0, abs=0.01)


def test_gradients_of_actions_reach_every_weight(states):
    policy = moved(policies.FlowPolicy(2, 3, None, LOW, HIGH, **SMALL), scale=0.3)
    with tf.GradientTape() as tape:
        actions, log_prob = policy.rsample_and_log_prob(64, 0, states)
        loss = tf.reduce_mean(log_prob + tf.reduce_sum(actions**2, -1))
    for weight, gradient in zip(
        policy.trainable_weights, tape.gradient(loss, policy.trainable_weights), strict=True
    ):
        assert np.abs(gradient).max() > 0, weight.path


@pytest.mark.slow
def test_the_maximum_entropy_policy_of_a_value_with_two_peaks():
    """exp(Q / temperature) of two goals: the flow comes near it, the Gaussian cannot."""
    temperature = 0.3

    def value(action, state):
        ahead = tf.tanh(state)  # the goals lie at 0.6 on both sides of it
        return -tf.reduce_sum(4.0 * tf.square(tf.abs(action - 0.2 * ahead) - 0.5), -1)

    grid = np.linspace(-1.0, 1.0, 2001, dtype=np.float32)[1:-1, None]
    states = np.linspace(-1.0, 1.0, 16, dtype=np.float32)[:, None]
    values = np.float64(value(grid[:, None], states)) / temperature
    log_z = np.log(np.exp(values).sum(0) * (grid[1] - grid[0]))

    def gap(policy):
        keras.utils.set_random_seed(0)
        rate = keras.optimizers.schedules.CosineDecay(0.02, 600)
        target = lambda z, context: value(z, context) / temperature  # noqa: E731
        policy.compile(keras.optimizers.Adam(rate), losses.ReverseKL(target, samples=32))
        policy.fit(context=np.tile(states, [100, 1]), batch_size=16, epochs=6, verbose=0, seed=0)
        actions, log_prob = policy.sample_and_log_prob(500, seed=1, context=states)
        return float(np.mean(log_prob - target(actions, states[None]) + log_z))

    spline = univariates.RationalQuadraticSpline(bins=8, bound=3.0)
    flow = policies.FlowPolicy(1, 1, [layers.Elementwise(spline)], **SMALL)
    gaussian = policies.GaussianPolicy(1, 1, **SMALL)
    of_flow, of_gaussian = gap(flow), gap(gaussian)
    assert of_flow < 0.1 < 0.2 < of_gaussian, (of_flow, of_gaussian)


def test_types_and_shapes_follow(states):
    policy = policies.FlowPolicy((2, 2), 3, dtype="float64", name="head", **SMALL)
    assert policy.name == "head"
    actions = policy.sample(seed=0, context=np.float64(states))
    assert actions.dtype == tf.float64 and actions.shape == (6, 2, 2)


def test_saved_and_loaded(states, tmp_path):
    policy = moved(policies.FlowPolicy(2, 3, None, LOW, HIGH, **SMALL))
    policy.save(tmp_path / "policy.keras")
    loaded = tfflows.load(tmp_path / "policy.keras")
    np.testing.assert_array_equal(
        loaded.sample(4, seed=0, context=states), policy.sample(4, seed=0, context=states)
    )


def test_bounds_without_end_and_layers_that_draw_are_refused():
    with pytest.raises(ValueError, match="must be finite, as tanh is"):
        policies.FlowPolicy(1, 3, low=-np.inf)
    with pytest.raises(ValueError, match="below high"):
        policies.GaussianPolicy(1, 3, 1.0, -1.0)
    with pytest.raises(NotImplementedError, match="Dequantize is no bijection"):
        policies.FlowPolicy(1, 3, [layers.Dequantize()])
    with pytest.raises(TypeError, match="a flow is made of"):
        policies.FlowPolicy(1, 3, [len])
