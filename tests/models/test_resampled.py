"""The resampled base: against quadrature, rejection by hand, and the normal base on a ring."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import distributions, layers, models
from tfflows.distributions.resampled import quasi_normal

RNG = np.random.default_rng(0)


def logit(z):
    """Accept little near the origin and on the left."""
    return 3.0 * tf.norm(z, axis=-1) - 6.0 + z[..., 0]


def example(truncation=6, count=4096, dtype="float64"):
    points = tf.constant(quasi_normal(count, 2, seed=0), dtype)
    return distributions.Resampled(logit, points, truncation)


def grid(half=6.0, side=401):
    line = np.linspace(-half, half, side)
    points = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    return points, (line[1] - line[0]) ** 2


def by_hand(rows, truncation):
    """Return draws by rejection, as the definition says, one after another."""
    found = []
    while len(found) < rows:
        for turn in range(truncation):
            z = RNG.normal(size=2)
            a = 1 / (1 + np.exp(-(3 * np.hypot(*z) - 6 + z[0])))
            if turn == truncation - 1 or RNG.uniform() < a:
                break
        found.append(z)
    return np.array(found)


@pytest.mark.parametrize("truncation", [2, 6, 100])
def test_the_density_is_the_definition_and_integrates_to_one(truncation):
    points, cell = grid()
    found = np.exp(example(truncation).log_prob(points))
    assert abs(found.sum() * cell - 1) < 2e-3
    proposal = np.exp(-0.5 * (points**2).sum(-1)) / (2 * np.pi)
    a = 1 / (1 + np.exp(-logit(points).numpy()))
    share = (a * proposal).sum() * cell
    last = (1 - share) ** (truncation - 1)
    np.testing.assert_allclose(found, ((1 - last) * a / share + last) * proposal, rtol=0.02)
    assert abs(float(example().acceptance_rate()) - share) < 2e-3


def test_draws_follow_the_density_and_rejection_by_hand():
    base = example(truncation=4, dtype="float32")
    drawn = base.sample(20_000, seed=(0, 1)).numpy()
    hand = by_hand(8000, truncation=4)
    edges = [-8.0, -1.5, -0.5, 0.5, 1.5, 8.0]
    first, second = (np.histogram2d(*z.T, bins=[edges, edges])[0] / len(z) for z in (drawn, hand))
    points, cell = grid(half=7.99, side=401)
    density = np.exp(base.log_prob(points.astype("float32")).numpy())
    third = np.histogram2d(*points.T, bins=[edges, edges], weights=density * cell)[0]
    assert np.abs(first - second).max() < 0.02 and np.abs(first - third).max() < 0.02


def test_a_seed_gives_the_same_draws_everywhere_and_rows_by_themselves():
    base = example(dtype="float32")

    def draw(seed):
        return base.sample(40, seed=seed)

    seed = tf.constant([0, 7])
    expected = draw(seed)
    for jit in (False, True):
        found = tf.function(draw, jit_compile=jit)(seed)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(base.sample(10, seed=tf.constant([0, 7, 20])), expected[20:30])


def test_gradients_take_in_the_share_of_accepted_proposals():
    points, value = quasi_normal(256, 2, seed=0), tf.constant(RNG.normal(size=(5, 2)))

    def mean(scale):
        base = distributions.Resampled(lambda z: scale * logit(z), points, 6)
        return tf.reduce_mean(base.log_prob(value))

    scale, step = tf.constant(0.7, tf.float64), 1e-6
    with tf.GradientTape() as tape:
        tape.watch(scale)
        total = mean(scale)
    difference = (mean(scale + step) - mean(scale - step)) / (2 * step)
    np.testing.assert_allclose(tape.gradient(total, scale), difference, rtol=1e-6)
    # Where nearly all or nearly none is accepted, too.
    for offset in (-60.0, 60.0):
        offset = tf.constant(offset)
        with tf.GradientTape() as tape:
            tape.watch(offset)
            base = distributions.Resampled(
                lambda z, offset=offset: logit(z) + offset, points.astype("float32"), 100
            )
            total = base.log_prob(tf.zeros([2]))
        assert np.isfinite(total) and np.isfinite(tape.gradient(total, offset))


def test_a_ring_is_learned_that_a_normal_base_does_not_have(tmp_path):
    angle = RNG.uniform(0, 2 * np.pi, size=4000)
    radius = 1 + 0.1 * RNG.normal(size=4000)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).astype("float32")

    keras.utils.set_random_seed(0)
    base = models.Resampled(2, hidden_units=(16, 16), points=1024)
    resampled = tfflows.Flow([layers.ActNorm()], event_shape=2, base=base)
    resampled.compile(keras.optimizers.Adam(0.02))
    resampled.fit(x[:3000], epochs=20, batch_size=300, verbose=0)
    best_normal = 1 + np.log(2 * np.pi) + 0.5 * np.linalg.slogdet(np.cov(x.T))[1]
    assert resampled.evaluate(x[3000:], verbose=0) < best_normal - 0.4
    base = resampled.base.model.distribution()
    other = base.acceptance_rate(quasi_normal(4096, 2, seed=5).astype("float32"))
    np.testing.assert_allclose(base.acceptance_rate(), other, rtol=0.05)
    drawn = np.linalg.norm(resampled.sample(2000, seed=0), axis=-1)
    assert np.mean(np.abs(drawn - 1) < 0.5) > 0.9
    resampled.save(tmp_path / "flow.keras")
    again = tfflows.load(tmp_path / "flow.keras")
    np.testing.assert_array_equal(again.log_prob(x[:9]), resampled.log_prob(x[:9]))
    np.testing.assert_array_equal(again.sample(9, seed=0), resampled.sample(9, seed=0))


def test_errors_say_what_is_expected():
    for make in (models.Resampled, lambda size, truncation: example(truncation)):
        with pytest.raises(ValueError, match=r"truncation=1: expected a whole number of at least"):
            make(2, truncation=1)
    with pytest.raises(ValueError, match=r"points=0: expected a whole number of at least 1"):
        models.Resampled(2, points=0)
