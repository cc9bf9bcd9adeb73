"""The uniform distribution on a torus."""

import math

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfflows.distributions import CircularUniform
from tfflows.interop.tfp_config import from_config, to_config


@pytest.mark.parametrize(("dtype", "precision"), [("float32", 1e-6), ("float64", 1e-15)])
def test_density_is_the_same_everywhere(dtype, precision):
    base = CircularUniform((2, 3), bound=180.0, dtype=dtype)
    z = tf.constant(np.random.default_rng(0).uniform(-1e4, 1e4, size=[4, 5, 2, 3]), dtype)
    log_prob = base.log_prob(z)
    assert log_prob.shape == (4, 5) and log_prob.dtype == dtype
    np.testing.assert_allclose(log_prob, -6.0 * math.log(360.0), rtol=precision)
    np.testing.assert_allclose(base.entropy(), 6.0 * math.log(360.0), rtol=precision)


def test_what_is_no_number_is_no_point():
    log_prob = CircularUniform(2).log_prob([[0.0, math.nan], [math.inf, 0.0], [0.0, 0.0]])
    assert np.isfinite(log_prob).tolist() == [False, False, True]


def test_samples_fill_the_circle():
    z = CircularUniform(2).sample(20_000, seed=(0, 1)).numpy().astype("float64")
    assert np.all((z >= -math.pi) & (z < math.pi))
    for axis in (0, 1):
        assert scipy.stats.kstest((z[:, axis] / math.pi + 1.0) / 2.0, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(z, rowvar=False)[0, 1]) < 0.03


def test_a_seed_gives_the_same_samples_everywhere():
    base = CircularUniform(3)

    def draw():
        return base.sample(100, seed=(0, 7))

    expected = draw()
    for jit in (False, True):
        np.testing.assert_allclose(tf.function(draw, jit_compile=jit)(), expected, atol=1e-6)
    assert base.sample(0, seed=(0, 7)).shape == (0, 3)


def test_config():
    base = CircularUniform((3,), bound=2.0, dtype=tf.float64)
    again = from_config(to_config(base))
    assert isinstance(again, CircularUniform)
    assert again.bound == 2.0 and again.event_shape == (3,) and again.dtype == tf.float64
    np.testing.assert_array_equal(again.sample(5, seed=(0, 1)), base.sample(5, seed=(0, 1)))


def test_bad_bound_is_refused():
    with pytest.raises(ValueError, match=r"bound=-1.0: expected a positive finite"):
        CircularUniform(2, bound=-1.0)
