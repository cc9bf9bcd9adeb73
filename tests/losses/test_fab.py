"""Flow annealed importance sampling bootstrap: weights and gradients in closed form, the buffer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, losses, targets
from tfflows.losses.annealed_importance import TRANSITIONS, AnnealedImportanceSampling
from tfflows.losses.prioritized_buffer import PrioritizedBuffer

LOG_Z = 0.5
SCALE = 0.8


@keras.saving.register_keras_serializable(package="tests")
def normal(z):
    """The target: N(1, 0.8^2) in each coordinate, up to a constant."""
    return tf.reduce_sum(tfd.Normal(1.0, SCALE).log_prob(z), -1) + LOG_Z


# Of q = N(a, 1) in one coordinate, g = p^2 / q is normal:
PRECISION = 2 / SCALE**2 - 1


def mean_of_g(a):
    return (2 / SCALE**2 - a) / PRECISION


def log_z_of_g(a):
    """Return log of the integral of p^2 / q over one coordinate, by a sum."""
    x = np.arange(-10.0, 10.0, 1e-3)
    log_p = -0.5 * ((x - 1) / SCALE) ** 2 - np.log(SCALE) - 0.5 * np.log(2 * np.pi)
    log_q = -0.5 * (x - a) ** 2 - 0.5 * np.log(2 * np.pi)
    return np.log(np.exp(2 * log_p - log_q).sum() * 1e-3)


@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("transition", TRANSITIONS)
def test_weights_of_annealed_draws_are_unbiased(transition, levels):
    base = tfd.MultivariateNormalDiag(tf.zeros([2]))

    def log_probs(x):
        return base.log_prob(x), normal(x)

    sampler = AnnealedImportanceSampling(levels, transition, 3)
    x = base.sample(40_000, seed=1)
    sizes = tf.fill([levels], 0.4)
    points, log_weight, log_q, sizes = sampler.run(log_probs, x, sizes, tf.constant([0, 2]))
    np.testing.assert_allclose(log_q, base.log_prob(points), rtol=1e-5)
    weight = tf.exp(log_weight).numpy().astype("float64")
    error = weight.std() / 200
    exact = np.exp(2 * LOG_Z + 2 * log_z_of_g(0.0))
    assert error < 0.03 * exact
    assert abs(weight.mean() - exact) < 4 * error
    # Weighted means are those of g; without weights they are not yet.
    off = (weight[:, None] / weight.mean()) * (points.numpy() - mean_of_g(0.0))
    assert (abs(off.mean(0)) < 4 * off.std(0) / 200).all()
    assert (abs(points.numpy().mean(0) - mean_of_g(0.0)) > 0.1).all()
    changes = np.abs(np.log(sizes.numpy() / 0.4))
    np.testing.assert_allclose(changes, np.log(1.1), rtol=1e-4)  # a tenth, one way or the other


def test_more_levels_waste_less():
    base = tfd.MultivariateNormalDiag(tf.zeros([2]))
    spread = []
    for levels in (1, 8):
        sampler = AnnealedImportanceSampling(levels, "hmc", 3)
        x = base.sample(4000, seed=1)
        found = sampler.run(
            lambda x: (base.log_prob(x), normal(x)), x, tf.fill([levels], 0.4), tf.constant([0, 2])
        )
        spread.append(float(tf.math.reduce_std(found[1])))
    assert spread[1] < 0.6 * spread[0]


@pytest.mark.parametrize("transition", TRANSITIONS)
def test_points_without_a_density_have_no_weight_and_do_not_spread(transition):
    base = tfd.MultivariateNormalDiag(tf.zeros([1]))

    def log_probs(x):
        nothing = tf.constant(np.nan)
        return base.log_prob(x), tf.where(x[:, 0] > 0, -x[:, 0], nothing)

    sampler = AnnealedImportanceSampling(2, transition, 3)
    x = tf.abs(base.sample(500, seed=1)) * tf.concat([-tf.ones([100, 1]), tf.ones([400, 1])], 0)
    points, log_weight, *_ = sampler.run(log_probs, x, tf.fill([2], 0.5), tf.constant([0, 2]))
    assert np.isneginf(log_weight[:100]).all() and np.isfinite(log_weight[100:]).all()
    assert (points.numpy()[100:] > 0).all()


class TestTheBuffer:
    def test_rows_come_in_proportion_to_their_weights(self):
        buffer = PrioritizedBuffer(8, (1,), "float32")
        shares = np.array([0.1, 0.0, 0.6, 0.3], "float32")
        with np.errstate(divide="ignore"):
            buffer.add(tf.zeros([4, 1]), tf.constant(np.log(shares) + 200.0), tf.zeros([4]))
        counts = np.bincount(buffer.draw(20_000, [0, 1]), minlength=8)
        error = np.sqrt(shares * (1 - shares) / 20_000)
        assert (abs(counts[:4] / 20_000 - shares) <= 4 * error).all()
        assert not counts[4:].any()  # where nothing was written

    def test_the_oldest_make_room(self):
        buffer = PrioritizedBuffer(5, (), "float64")
        for start in (0.0, 3.0, 6.0):
            some = tf.range(start, start + 3.0, dtype=tf.float64)
            buffer.add(some, some, -some)
        np.testing.assert_array_equal(buffer.points, [5.0, 6.0, 7.0, 8.0, 4.0])
        np.testing.assert_array_equal(buffer.log_q, -buffer.points.numpy())

    def test_a_row_that_is_drawn_twice_is_reweighed_once(self):
        buffer = PrioritizedBuffer(3, (), "float32")
        buffer.add(tf.zeros([3]), tf.zeros([3]), tf.zeros([3]))
        rows = tf.constant([1, 1, 2])
        buffer.reweigh(rows, tf.constant([0.5, 0.5, -1.0]), tf.constant([2.0, 2.0, 3.0]))
        np.testing.assert_array_equal(buffer.log_weight, [0.0, 0.5, -1.0])
        np.testing.assert_array_equal(buffer.log_q, [0.0, 2.0, 3.0])


def shifted(by=0.0, **compile_to):
    flow = tfflows.Flow([layers.Shift(by)], 2)
    if compile_to:
        flow.compile(keras.optimizers.SGD(0.05), **compile_to)
    return flow


def made(**options):
    given = {"samples": 64, "updates": 2, "transition_steps": 2, "capacity": 512, "fill": 4}
    return losses.FAB(normal, **{**given, **options})


def test_gradients_are_those_of_the_divergence():
    a = 0.4
    flow, found = shifted(a), []
    loss = made(samples=256, fill=8, capacity=8 * 256)

    @tf.function
    def gradient_of(seed):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(loss.rows(flow, None, None, seed))
        return tape.gradient(value, flow.trainable_variables)[0]

    for seed in range(40):
        found.append(gradient_of(tf.constant([0, seed])).numpy())
        loss.reset(flow)  # so that all points are new ones
    # d/da of the logarithm of the integral, by differences and by the mean of g.
    expected = (log_z_of_g(a + 1e-4) - log_z_of_g(a - 1e-4)) / 2e-4
    np.testing.assert_allclose(expected, a - mean_of_g(a), rtol=1e-4)
    error = np.std(found, 0) / np.sqrt(40)
    assert (error < 0.05).all()
    assert (abs(np.mean(found, 0) - expected) < 4 * error).all()


def test_rows_keep_the_weights_of_the_present_model():
    flow, loss = shifted(), made()
    loss.rows(flow, None, None, tf.constant([0, 1]))
    buffer = loss._store(flow).buffer
    before = buffer.log_weight.numpy(), buffer.log_q.numpy()
    flow.bijector_layers[0].set_weights([np.array([0.3, -0.2], "float32")])
    loss.rows(flow, None, None, tf.constant([0, 2]))  # the second of two steps: no new points
    assert int(buffer.added.numpy()) == 4 * 64
    after = buffer.log_weight.numpy(), buffer.log_q.numpy()
    moved = after[1] != before[1]
    assert 20 < moved.sum() <= 64
    points = buffer.points.numpy()
    np.testing.assert_allclose(after[1][moved], flow.log_prob(points[moved]), rtol=1e-5)
    total = after[0][moved] + after[1][moved]  # of a weight that follows p^2 / q
    np.testing.assert_allclose(total, (before[0] + before[1])[moved], rtol=1e-4, atol=1e-4)


MODES = {
    "plain": {"jit_compile": False},
    "XLA": {"jit_compile": True},
    "single steps": {"steps_per_execution": 1},
    "eager": {"run_eagerly": True},
}


@pytest.mark.parametrize("transition", TRANSITIONS)
def test_every_mode_takes_the_same_steps(transition):
    found = {}
    for mode, options in MODES.items():
        flow = shifted(0.0, loss=made(transition=transition, fill=1), **options)
        flow.fit(epochs=2, steps_per_epoch=3, seed=3, verbose=0)
        found[mode] = flow.get_weights()[0]
    assert np.abs(found["plain"]).max() > 0.02
    for mode in MODES:
        np.testing.assert_allclose(found[mode], found["plain"], rtol=2e-4, atol=2e-5)


def test_epochs_one_by_one_are_as_many_at_once():
    whole, parts = shifted(loss=made()), shifted(loss=made())
    whole.fit(epochs=3, steps_per_epoch=3, seed=3, verbose=0)
    for epoch in range(3):
        parts.fit(initial_epoch=epoch, epochs=epoch + 1, steps_per_epoch=3, seed=3, verbose=0)
    np.testing.assert_array_equal(whole.get_weights()[0], parts.get_weights()[0])


def test_models_have_buffers_of_their_own():
    loss = made()
    alone, first, second = shifted(loss=made()), shifted(loss=loss), shifted(loss=loss)
    for flow in (first, second, alone):
        flow.fit(epochs=1, steps_per_epoch=3, seed=3, verbose=0)
    np.testing.assert_array_equal(second.get_weights()[0], alone.get_weights()[0])
    assert loss._store(first) is not loss._store(second)


def test_a_buffer_is_emptied():
    flow = shifted(loss=made())
    start = flow.get_weights(), [v.numpy() for v in flow.optimizer.variables]
    flow.fit(epochs=1, steps_per_epoch=3, seed=3, verbose=0)
    once = flow.get_weights()[0]
    flow.set_weights(start[0])
    for variable, value in zip(flow.optimizer.variables, start[1], strict=True):
        variable.assign(value)
    flow.loss.reset(flow)
    flow.fit(epochs=1, steps_per_epoch=3, seed=3, verbose=0)
    np.testing.assert_array_equal(flow.get_weights()[0], once)


def test_evaluation_leaves_the_buffer_alone():
    flow = shifted(loss=made())
    flow.fit(steps_per_epoch=2, seed=0, verbose=0)
    store = flow.loss._store(flow)
    before = [store.buffer.points.numpy(), store.buffer.log_weight.numpy(), store.step.numpy()]
    value = flow.evaluate(verbose=0)
    assert value == flow.evaluate(verbose=0)
    after = [store.buffer.points.numpy(), store.buffer.log_weight.numpy(), store.step.numpy()]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_is_saved_with_the_loss_and_without_the_buffer(tmp_path):
    flow = shifted(loss=made(levels=3, transition="metropolis", max_ratio=4.0))
    flow.fit(steps_per_epoch=2, seed=0, verbose=0)
    flow.save(tmp_path / "flow.keras")
    loaded = tfflows.load(tmp_path / "flow.keras")
    assert loaded.loss.get_config() == flow.loss.get_config()
    loaded.fit(steps_per_epoch=1, seed=0, verbose=0)
    assert int(loaded.loss._store(loaded).buffer.added) == 4 * 64


def test_evaluations_of_the_target_are_counted():
    for options in ({"transition": "metropolis"}, {"levels": 2}, {"updates": 3}):
        counted = []

        def counting(z, counted=counted):
            counted.append(len(z))
            return normal(z)

        given = {"samples": 8, "updates": 2, "transition_steps": 2, "capacity": 64, "fill": 2}
        loss = losses.FAB(counting, **{**given, **options})
        flow = shifted(loss=loss, run_eagerly=True)
        flow.fit(steps_per_epoch=5, verbose=0)
        assert sum(counted) == loss.target_evaluations(5)


@pytest.mark.slow
def test_modes_are_found_that_draws_do_not_reach():
    target = targets.MixtureOfDiagNormals([[-4.0, 0.0], [4.0, 0.0], [0.0, 5.0]], 0.7)
    keras.utils.set_random_seed(0)
    flow = tfflows.CouplingNSF(2, transforms=3, hidden_units=(16,), bound=8.0)
    flow.compile(
        keras.optimizers.Adam(1e-2, clipnorm=10.0),
        loss=losses.FAB(target, 128, step_size=1.0, transition_steps=3),
        jit_compile=False,
    )
    beyond = tf.norm(flow.sample(4000, seed=0), axis=-1) > 4.0
    assert np.mean(beyond) < 0.002  # at the start
    flow.fit(epochs=1, steps_per_epoch=300, seed=0, verbose=0)
    z, log_q = flow.sample_and_log_prob(4000, seed=0)
    near = np.linalg.norm(z.numpy()[:, None] - target.loc, axis=-1).argmin(1)
    assert np.bincount(near, minlength=3).min() > 0.2 * 4000
    log_weight = target(z) - log_q
    size = tf.exp(2 * tf.reduce_logsumexp(log_weight) - tf.reduce_logsumexp(2 * log_weight))
    assert float(size) > 0.3 * 4000


class TestMisuse:
    @pytest.mark.parametrize(
        "arguments, match",
        [
            ({"updates": 0}, "updates"),
            ({"levels": 0}, "levels"),
            ({"fill": 1.5}, "fill"),
            ({"transition": "nuts"}, "'hmc', 'metropolis'"),
            ({"step_size": 0.0}, "step_size"),
            ({"max_ratio": -1.0}, "max_ratio"),
            ({"capacity": 100}, r"samples \* fill = 256"),
        ],
    )
    def test_arguments(self, arguments, match):
        with pytest.raises(ValueError, match=match):
            made(**arguments)

    def test_contexts_and_bounds(self):
        flow = tfflows.Flow([layers.Shift()], 2, 1)
        flow.compile("adam", loss=made())
        with pytest.raises(ValueError, match="one target"):
            flow.fit(context=np.random.default_rng(0).normal(size=(64, 1)), verbose=0)
        bound = tfflows.Flow([layers.Langevin(normal), layers.Shift()], 2)
        bound.compile("adam", loss=made())
        with pytest.raises(ValueError, match="bound"):
            bound.fit(steps_per_epoch=1, verbose=0)

    def test_targets(self):
        with pytest.raises(TypeError, match="callable"):
            losses.FAB(None)
        flow = shifted(loss=losses.FAB(lambda z: -tf.square(z), 8))
        with pytest.raises(ValueError, match="one log density for each point"):
            flow.fit(steps_per_epoch=1, verbose=0)

    def test_a_target_that_is_nowhere(self):
        flow = shifted(loss=losses.FAB(lambda z: tf.fill(tf.shape(z)[:1], np.float32(np.nan)), 8))
        with pytest.raises(Exception, match="finite"):
            flow.fit(steps_per_epoch=2, verbose=0)
