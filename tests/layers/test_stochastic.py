"""Layers that step at random: path weights against closed forms, both ways and in any mode."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, losses, targets

MODES = targets.MixtureOfDiagNormals([[-2.0, 0.0], [2.0, 1.0]], [[0.6, 0.8], [0.7, 0.5]])
LOG_Z = 0.7


@keras.saving.register_keras_serializable(package="tests")
def two_modes(x):
    return MODES(x) + LOG_Z


@keras.saving.register_keras_serializable(package="tests")
def standard_normal(x):
    return -0.5 * tf.reduce_sum(tf.square(x), -1)


def wide_normal(x):
    return -0.5 * tf.reduce_sum(tf.square(x / 3.0), -1)


MADE = {
    "Metropolis": lambda f=two_modes, **kw: layers.Metropolis(f, 4, 0.8, **kw),
    "annealed Metropolis": lambda f=two_modes, **kw: layers.Metropolis(
        f, 4, [0.8, 0.5], wide_normal, **kw
    ),
    "Langevin": lambda f=two_modes, **kw: layers.Langevin(f, 3, 0.05, **kw),
    "annealed Langevin": lambda f=two_modes, **kw: layers.Langevin(f, 3, 0.05, wide_normal, **kw),
}


def wide_flow(*stochastic):
    return tfflows.Flow([*stochastic, layers.Scale([3.0, 2.0])], 2)


def assert_mean_is(expected, values):
    values = np.asarray(values, "float64")
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean() - expected) < 4 * error
    assert error < 0.05 * abs(expected)  # so that the test can fail


@pytest.mark.parametrize("name", MADE)
def test_weights_of_an_untrained_flow_tell_the_constant(name):
    flow = wide_flow(MADE[name]())
    x, log_path = flow.rsample_and_log_prob(40_000, seed=3)
    assert_mean_is(np.exp(LOG_Z), tf.exp(two_modes(x) - log_path))


def test_layers_that_share_a_way_tell_the_constant():
    shares = [(0.5, 1.0), (0.0, 0.5)]  # from data to latent
    walks = [layers.Metropolis(two_modes, 3, 0.8, wide_normal, share) for share in shares]
    flow = tfflows.Flow([walks[0], layers.LU(), walks[1], layers.Scale([3.0, 2.0])], 2)
    x, log_path = flow.rsample_and_log_prob(20_000, seed=3)
    assert_mean_is(np.exp(LOG_Z), tf.exp(two_modes(x) - log_path))


def density_of_langevin(start, end, size):
    """Return the log density of one step, by TFP and automatic differentiation."""
    with tf.GradientTape() as tape:
        tape.watch(start)
        value = two_modes(start)
    center = start + size * tape.gradient(value, start)
    return tfd.MultivariateNormalDiag(center, [np.sqrt(2 * size)] * 2).log_prob(end)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
class TestTheWeightOfATransition:
    # Written down for the ends z and x alone, so that both directions are held to one number.

    def draw(self, layer, direction):
        start = tf.constant(np.random.default_rng(0).normal(size=(200, 2)), layer.variable_dtype)
        end, log_weight = getattr(layer, direction)(start, None, tf.constant([1, 2]))
        assert float(tf.reduce_max(tf.abs(end - start))) > 0.1
        return (start, end, log_weight) if direction == "forward" else (end, start, log_weight)

    def test_of_langevin(self, direction):
        layer = layers.Langevin(two_modes, 1, 0.1, dtype="float64")
        layer.build((2,))
        z, x, log_weight = self.draw(layer, direction)
        expected = density_of_langevin(z, x, 0.1) - density_of_langevin(x, z, 0.1)
        np.testing.assert_allclose(log_weight, expected, rtol=1e-6, atol=1e-6)

    def test_of_metropolis(self, direction):
        layer = MADE["Metropolis"](dtype="float64")
        layer.build((2,))
        z, x, log_weight = self.draw(layer, direction)
        np.testing.assert_allclose(log_weight, two_modes(x) - two_modes(z), atol=1e-12)


@pytest.mark.parametrize("name", MADE)
def test_weights_of_the_way_back_integrate_to_one(name):
    # Over draws x of a density and ways back from them, the mean of p(way) / q(way) is 1.
    # The density is wider than the base, so that no way has a ratio without bounds.
    flow = tfflows.Flow([MADE[name](lambda x: two_modes(0.6 * x))], 2)
    wider = tfd.MultivariateNormalDiag([0.0, 0.0], [2.5, 2.5])
    x = wider.sample(40_000, seed=5)
    assert_mean_is(1.0, tf.exp(flow.log_prob(x, seed=4) - wider.log_prob(x)))


def test_bounds_of_linear_steps_reach_the_density_of_a_normal_distribution():
    size, variance = 0.3, 0.5
    layer = layers.Langevin(lambda x: -0.5 * tf.reduce_sum((x - 1.0) ** 2, -1) / variance, 2, size)
    flow = tfflows.Flow([layer], 1)
    mean, var = 0.0, 1.0
    for _ in range(2):
        slope = 1.0 - size / variance
        mean, var = slope * mean + size / variance, slope**2 * var + 2 * size
    x = np.linspace(-2.0, 3.0, 5, dtype="float32")[:, np.newaxis]
    exact = tfd.Normal(mean, np.sqrt(var)).log_prob(x[:, 0])
    np.testing.assert_allclose(flow.log_prob(x, samples=10_000), exact, atol=0.05)
    bound = np.mean(flow.log_prob(np.tile(x, (4000, 1, 1))), 0)
    assert (bound < exact.numpy() - 0.01).all()


def test_steps_of_metropolis_are_in_detailed_balance():
    layer = layers.Metropolis(two_modes, 1, [1.0, 0.6])
    layer.build((2,))
    x = MODES.sample(100_000, seed=2)
    walked, _ = layer.forward(x, None, tf.constant([0, 1]))
    assert 0.3 < np.mean(tf.reduce_any(x != walked, -1)) < 0.9

    def excess(y, f, g):
        """Return how far a pair is from the distribution of the pair in the other order."""
        difference = (f(x) * g(y) - f(y) * g(x)).numpy().astype("float64")
        return abs(difference.mean()) / (difference.std() / np.sqrt(len(difference)))

    def one(x):
        return tf.ones_like(x[:, 0])

    def square(x):
        return tf.square(x[:, 1])

    for f, g in [(lambda x: x[:, 0], square), (lambda x: tf.sign(x[:, 0]), square), (one, square)]:
        assert excess(walked, f, g) < 4
    # A walk that is never refused leaves the density, and would be seen.
    free = x + tfflows.random.normal(tf.shape(x), [0, 1]) * [1.0, 0.6]
    assert excess(free, one, square) > 10


@pytest.mark.parametrize("name", MADE)
class TestTheSameNumbersEverywhere:
    def test_in_chunks(self, name):
        flow = wide_flow(MADE[name]())
        x = flow.sample(50, seed=1)
        whole = flow.log_prob(x, seed=4)
        np.testing.assert_allclose(flow.log_prob(x, batch_size=7, seed=4), whole, rtol=1e-5)
        z = flow.inverse(x, seed=4)
        np.testing.assert_allclose(flow.inverse(x, batch_size=7, seed=4), z, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            flow.forward(z, batch_size=9), flow.forward(z), rtol=1e-5, atol=1e-6
        )

    def test_compiled(self, name):
        flow = wide_flow(MADE[name]())

        def draw(seed):
            return flow.rsample_and_log_prob([64], seed)

        seed = tf.constant([0, 7])
        eager = draw(seed)
        for jit_compile in (False, True):
            found = tf.function(draw, jit_compile=jit_compile)(seed)
            for one, other in zip(found, eager, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("name", ["Langevin", "annealed Langevin"])
def test_gradients_of_langevin_are_those_of_its_draws(name, direction):
    layer = MADE[name](dtype="float64")
    layer.build((2,))
    start = tf.Variable(np.random.default_rng(0).normal(size=(6, 2)))
    seed = tf.constant([0, 3])

    def value():
        end, log_weight = getattr(layer, direction)(tf.identity(start), None, seed)
        return tf.reduce_sum(tf.sin(end)) + tf.reduce_sum(log_weight)

    with tf.GradientTape() as tape:
        total = value()
    sizes = layer.log_step_size.value
    for variable, slope in zip([start, sizes], tape.gradient(total, [start, sizes]), strict=True):
        toward = tf.constant(np.random.default_rng(1).normal(size=variable.shape))
        ends = []
        for side in (1e-5, -1e-5):
            variable.assign_add(side * toward)
            ends.append(float(value()))
            variable.assign_sub(side * toward)
        expected = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(tf.reduce_sum(slope * toward), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["Metropolis", "annealed Metropolis"])
def test_gradients_of_metropolis_are_those_of_walks_that_are_decided(name):
    layer = MADE[name](dtype="float64")
    layer.build((2,))
    start = tf.constant(np.random.default_rng(0).normal(size=(6, 2)))
    toward = tf.constant(np.random.default_rng(1).normal(size=(6, 2)))

    def value(x):
        end, log_weight = layer.forward(x, None, tf.constant([0, 3]))
        return tf.reduce_sum(tf.sin(end)) + tf.reduce_sum(log_weight)

    with tf.GradientTape() as tape:
        tape.watch(start)
        total = value(start)
    slope = tf.reduce_sum(tape.gradient(total, start) * toward)
    expected = (value(start + 1e-6 * toward) - value(start - 1e-6 * toward)) / 2e-6
    np.testing.assert_allclose(slope, expected, rtol=1e-6)


def test_impossible_and_undefined_places_are_not_entered():
    def half(x):
        return tf.where(x[..., 0] > 0.0, tf.math.log(x[..., 0]) - x[..., 0], np.nan)

    layer = layers.Metropolis(half, 20, 2.0)
    layer.build((1,))
    start = tf.ones([200, 1])
    with tf.GradientTape() as tape:
        tape.watch(start)
        end, log_weight = layer.forward(start, None, tf.constant([0, 1]))
        total = tf.reduce_sum(log_weight)
    assert (end.numpy() > 0).all() and np.isfinite(log_weight).all()
    assert np.isfinite(tape.gradient(total, start)).all()


def test_a_model_as_the_target_trains_and_is_saved(tmp_path):
    energy = tfflows.Flow([layers.Shift()], 2, 1)
    move = layers.Langevin(energy, 2, 0.05, standard_normal)
    flow = tfflows.Flow([layers.Shift(), move], 2, 1, standardize_context=False)
    assert len(move.trainable_weights) > 1
    rng = np.random.default_rng(0)
    c = rng.normal(size=(256, 1)).astype("float32")
    x = (rng.normal(size=(256, 2)) + 2 * c).astype("float32")
    flow.compile(keras.optimizers.Adam(0.02))
    before = [weight.numpy().copy() for weight in move.trainable_weights]
    history = flow.fit(x, context=c, epochs=5, batch_size=64, seed=0, verbose=0).history["loss"]
    assert history[-1] < history[0]
    moved = [
        np.abs(a.numpy() - b).max() for a, b in zip(move.trainable_weights, before, strict=True)
    ]
    assert min(moved) > 0
    flow.save(tmp_path / "flow.keras")
    loaded = tfflows.load(tmp_path / "flow.keras")
    expected = flow.log_prob(x, context=c, seed=1)
    np.testing.assert_allclose(loaded.log_prob(x, context=c, seed=1), expected, rtol=1e-5)
    drawn = flow.sample(4, context=c[:5], seed=1)
    np.testing.assert_allclose(loaded.sample(4, context=c[:5], seed=1), drawn, rtol=1e-5)


def test_a_model_as_the_target_adapts_to_what_the_layer_sees():
    energy = tfflows.GMM(2, components=2)
    flow = tfflows.Flow([layers.Scale(10.0), layers.Langevin(energy, 1, 0.05)], 2)
    assert flow.needs_adapt
    x = 10.0 * MODES.sample(500, seed=0).numpy()
    flow.adapt(x)
    assert not flow.needs_adapt
    centers = np.sort(energy.sample(2000, seed=0).numpy()[:, 0])[[300, 1700]]
    np.testing.assert_allclose(centers, [-2.0, 2.0], atol=0.5)
    other = tfflows.Flow([layers.Langevin(tfflows.GMM(2, components=2), 1, 0.05)], 2)
    other.compile("adam", loss=losses.ReverseKL(two_modes, samples=4))
    other.fit(steps_per_epoch=1, verbose=0)
    assert not other.needs_adapt


def test_functions_are_saved_by_name(tmp_path):
    walk = layers.Metropolis(two_modes, 3, [0.5, 0.7], standard_normal, (0.5, 1.0))
    flow = tfflows.Flow([walk], 2)
    flow.save(tmp_path / "flow.keras")
    loaded = tfflows.load(tmp_path / "flow.keras")
    assert loaded.bijector_layers[0].between == (0.5, 1.0)
    np.testing.assert_array_equal(loaded.sample(9, seed=1), flow.sample(9, seed=1))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_path_weights_train_a_flow_around_the_steps(jit_compile):
    walk = layers.Metropolis(two_modes, 10, 0.8, standard_normal)
    flow = tfflows.Flow([walk, layers.Shift(3.0), layers.Scale()], 2)
    loss = losses.ReverseKL(two_modes, samples=64)
    flow.compile(keras.optimizers.Adam(0.03), loss=loss, jit_compile=jit_compile)
    history = flow.fit(epochs=2, steps_per_epoch=60, seed=0, verbose=0).history["loss"]
    assert history[1] < history[0] - 0.1
    # The bound: no path knows more of the target than its constant.
    assert history[1] > -LOG_Z


class TestMisuse:
    @pytest.mark.parametrize("kind", [layers.Metropolis, layers.Langevin])
    @pytest.mark.parametrize(
        "arguments, error, match",
        [
            ({"target_log_prob_fn": None}, TypeError, "callable"),
            ({"start_log_prob_fn": 3.0}, TypeError, "start_log_prob_fn"),
            ({"steps": 0}, ValueError, "steps"),
            ({"step_size": 0.0}, ValueError, "step_size"),
            ({"between": (0.0, 0.5)}, ValueError, "start_log_prob_fn"),
            (
                {"between": (0.5, 0.2), "start_log_prob_fn": standard_normal},
                ValueError,
                "between",
            ),
        ],
    )
    def test_arguments(self, kind, arguments, error, match):
        with pytest.raises(error, match=match):
            kind(**{"target_log_prob_fn": two_modes, **arguments})

    def test_step_sizes_of_another_shape(self):
        with pytest.raises(ValueError, match=r"shape \(3,\)"):
            tfflows.Flow([layers.Metropolis(two_modes, 3, [0.1, 0.2, 0.3])], 2)

    def test_a_density_of_each_coordinate(self):
        with pytest.raises(ValueError, match="one number for each point"):
            tfflows.Flow([layers.Langevin(lambda x: -(x**2))], 2)

    def test_models_of_other_events_and_bounds(self):
        with pytest.raises(ValueError, match=r"event_shape=\(2,\)"):
            tfflows.Flow([layers.Langevin(tfflows.Flow([layers.Shift()], 3))], 2)
        bound = tfflows.Flow([layers.Dequantize()], 2)
        with pytest.raises(ValueError, match="exact"):
            tfflows.Flow([layers.Metropolis(bound)], 2)
