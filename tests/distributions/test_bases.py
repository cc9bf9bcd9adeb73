"""Bases with ends, and bases whose tails train, against SciPy."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

import tfflows
from tfflows import layers
from tfflows.distributions import BoxUniform, GeneralizedNormal, StudentT
from tfflows.interop.tfp_config import from_config, to_config

RNG = np.random.default_rng(0)

TRAINED = {
    "StudentT": (StudentT, "df", [0.7, 3.0, 40.0], lambda w: scipy.stats.t(w)),
    "GeneralizedNormal": (GeneralizedNormal, "power", [0.5, 1.0, 3.0], scipy.stats.gennorm),
}


@pytest.fixture(params=TRAINED)
def trained(request):
    return TRAINED[request.param]


def test_uniform_on_a_box():
    base = BoxUniform([0.0, -1.0], [1.0, 3.0])
    assert base.event_shape == (2,) and base.batch_shape == ()
    z = [[0.5, 0.0], [0.0, 3.0], [-0.1, 0.0], [0.5, 3.1], [np.nan, 0.0], [np.inf, 0.0]]
    found = base.log_prob(tf.constant(z)).numpy()
    np.testing.assert_allclose(found[:2], -np.log(4.0), rtol=1e-6)
    assert np.isneginf(found[[2, 3, 5]]).all() and np.isnan(found[4])
    drawn = base.sample(20_000, seed=(0, 1)).numpy()
    for axis, (low, width) in enumerate(((0.0, 1.0), (-1.0, 4.0))):
        assert scipy.stats.kstest((drawn[:, axis] - low) / width, "uniform").pvalue > 1e-3
    np.testing.assert_allclose(base.entropy(), np.log(4.0), rtol=1e-6)
    np.testing.assert_allclose(base.variance(), [1 / 12, 16 / 12], rtol=1e-6)
    line = BoxUniform(-2.0, 2.0, event_shape=(1,))
    np.testing.assert_allclose(line.cdf([[1.0], [9.0]]), [0.75, 1.0])
    np.testing.assert_allclose(line.quantile([0.75]), [[1.0]])


def test_densities_and_draws_of_trained_tails(trained):
    make, key, weights, reference = trained
    base = make(3, **{key: weights}, dtype=tf.float64)
    z = RNG.normal(size=(50, 3)) * 5.0
    expected = reference(np.array(weights)).logpdf(z).sum(-1)
    np.testing.assert_allclose(base.log_prob(z), expected, rtol=1e-8)
    single = make(3, **{key: weights})
    np.testing.assert_allclose(single.log_prob(z.astype("float32")), expected, rtol=2e-5)
    drawn = single.sample(20_000, seed=(0, 1)).numpy().astype("float64")
    assert np.isfinite(drawn).all()
    for axis, weight in enumerate(weights):
        assert scipy.stats.kstest(drawn[:, axis], reference(weight).cdf).pvalue > 1e-3, weight
    assert abs(np.corrcoef(np.sign(drawn), rowvar=False)[0, 1]) < 0.03


def test_a_seed_gives_the_same_draws_everywhere(trained):
    make, key, weights, _ = trained
    base = make(3, **{key: weights})

    def draw(seed):
        return base.sample(40, seed=seed)

    seed = tf.constant([0, 7])
    expected = draw(seed)
    for jit in (False, True):
        found = tf.function(draw, jit_compile=jit)(seed)
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-5)
    rows = base.sample(10, seed=tf.constant([0, 7, 20]))
    np.testing.assert_allclose(rows, expected[20:30], rtol=1e-4)


def test_draws_move_with_the_weight_of_the_tails(trained):
    """The derivative of a draw is the limit of differences of draws by the same seed."""
    make, key, *_ = trained
    step = 1e-5
    for weight in (1.5, 4.0):
        given = tf.constant(weight, tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(given)
            base = make((), **{key: given}, dtype=tf.float64)
            total = tf.reduce_sum(tf.abs(base.sample(200, seed=(0, 1))))
        slope = tape.gradient(total, given)
        near = [
            make((), **{key: given + sign * step}, dtype=tf.float64).sample(200, seed=(0, 1))
            for sign in (1.0, -1.0)
        ]
        difference = (np.abs(near[0]).sum() - np.abs(near[1]).sum()) / (2 * step)
        np.testing.assert_allclose(slope, difference, rtol=1e-4)
        assert base.reparameterization_type == tfp.distributions.FULLY_REPARAMETERIZED


def test_tails_are_learned_and_saved_with_a_flow(trained, tmp_path):
    make, key, _, reference = trained
    x = reference(1.2).rvs(size=(4000, 1), random_state=0).astype("float32")
    start = 10.0 if key == "df" else 2.0
    flow = tfflows.Flow([layers.ActNorm()], 1, base=make(1, **{key: start}))
    flow.adapt(np.clip(x, -3, 3))
    flow.compile(keras.optimizers.Adam(0.05))
    flow.fit(x, epochs=12, batch_size=200, verbose=0)
    found = getattr(flow.base.distribution, key)
    assert abs(float(found[0]) - 1.2) < 0.2
    flow.save(tmp_path / "flow.keras")
    again = tfflows.load(tmp_path / "flow.keras")
    np.testing.assert_array_equal(again.log_prob(x[:9]), flow.log_prob(x[:9]))
    copied = from_config(to_config(flow.base.distribution))
    np.testing.assert_allclose(getattr(copied, key), found, rtol=1e-6)


def test_errors_say_what_is_expected():
    with pytest.raises(ValueError, match=r"low must be below high, and both finite"):
        BoxUniform([0.0, 1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match=r"broadcast to that of an event, \(3,\)"):
        BoxUniform([0.0, 1.0], [1.0, 2.0], event_shape=3)
    with pytest.raises(ValueError, match=r"df must be finite and above 0.5; got 0.1"):
        StudentT(2, df=0.1)
    with pytest.raises(ValueError, match=r"power has shape \(3,\); expected .* event, \(2,\)"):
        GeneralizedNormal(2, power=[1.0, 2.0, 3.0])
    box = BoxUniform([-2.0, -1.0], [2.0, 1.0])
    remedy = r"Invert\(tfflows.layers.Interval\(\[-2.0, -1.0\], \[2.0, 1.0\]\)\)"
    with pytest.warns(UserWarning, match=remedy):
        tfflows.Flow([layers.Shift()], 2, base=box)
