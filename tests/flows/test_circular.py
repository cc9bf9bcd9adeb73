"""Flows on a torus: no seam, no outside, uniform at the start."""

import math
import warnings

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import tfflows
from tfflows import layers, univariates
from tfflows.distributions import CircularUniform


def moved(flow, seed=0, scale=0.3):
    """Give every weight a seeded number; the random ones of the start depend on what ran before."""
    rng = np.random.default_rng(seed)
    for weight in flow.trainable_weights:
        weight.assign(scale * rng.normal(size=weight.shape))
    return flow


def make(coupling, context_shape=None, **kwargs):
    arguments = {"transforms": 3, "hidden_units": (8,), "bins": 4, "dtype": "float64"}
    return tfflows.CircularNSF(2, context_shape, coupling=coupling, **{**arguments, **kwargs})


@pytest.mark.parametrize("coupling", [False, True])
def test_starts_uniform(coupling):
    flow = make(coupling)
    x = np.random.default_rng(1).uniform(-math.pi, math.pi, size=[50, 2])
    np.testing.assert_allclose(flow.log_prob(x), -2.0 * math.log(2.0 * math.pi), atol=1e-9)


@pytest.mark.parametrize("coupling", [False, True])
def test_the_density_has_no_seam(coupling):
    flow = moved(make(coupling, context_shape=1))
    rng = np.random.default_rng(2)
    other = rng.uniform(-math.pi, math.pi, size=[200])
    context = rng.normal(size=[200, 1])
    # So near that even a density that changes a thousandfold in a tenth of a degree does not, here.
    gap = 1e-12
    for axis in (0, 1):
        left, right = np.full([200], -math.pi), np.full([200], math.pi - gap)
        below, above = (
            flow.log_prob(np.stack([end, other] if axis == 0 else [other, end], 1), context)
            for end in (left, right)
        )
        np.testing.assert_allclose(below, above, atol=1e-6)
        # The density does depend on the coordinate.
        middle = np.stack([left + 1.0, other] if axis == 0 else [other, left + 1.0], 1)
        assert np.abs(flow.log_prob(middle, context) - below).max() > 0.1


@pytest.mark.parametrize("coupling", [False, True])
def test_whole_turns_do_not_matter(coupling):
    flow = moved(make(coupling))
    rng = np.random.default_rng(3)
    x = rng.uniform(-math.pi, math.pi, size=[100, 2])
    turns = 2.0 * math.pi * rng.integers(-5, 6, size=[100, 2])
    np.testing.assert_allclose(flow.log_prob(x + turns), flow.log_prob(x), atol=1e-9)


@pytest.mark.parametrize("coupling", [False, True])
def test_samples_are_on_the_circle_and_come_back_from_the_base(coupling):
    flow = moved(make(coupling, dtype="float32"))
    x = flow.sample(2000, seed=0)
    assert np.all((x >= -math.pi) & (x < np.float32(math.pi)))
    z = flow.inverse(x)
    assert np.all(np.abs(z) <= math.pi + 1e-5)
    z, shape = np.asarray(z, "float64"), (2.0 * math.pi, -math.pi)
    for axis in (0, 1):
        assert scipy.stats.kstest((z[:, axis] - shape[1]) / shape[0], "uniform").pvalue > 1e-3


def test_no_warning_about_a_bounded_base():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flow = make(False)
        data = np.random.default_rng(4).uniform(-math.pi, math.pi, size=[200, 2])
        flow.compile()
        flow.fit(data, epochs=1, verbose=0)
        # Angles from 0 are other names of the same points.
        other = make(False)
        other.compile()
        other.fit(data + math.pi, epochs=1, verbose=0)


def test_degrees_for_radians_are_noticed():
    flow = make(False)
    flow.compile()
    data = np.random.default_rng(5).uniform(-180.0, 180.0, size=[200, 2])
    with pytest.warns(UserWarning, match=r"span 35\d.*more than one turn of 6.28.*180 for degrees"):
        flow.fit(data, epochs=1, verbose=0)


def test_degrees():
    radians = moved(make(False))
    degrees = make(False, bound=180.0)
    degrees.set_weights(radians.get_weights())
    x = np.random.default_rng(6).uniform(-math.pi, math.pi, size=[50, 2])
    shift = 2.0 * math.log(180.0 / math.pi)
    np.testing.assert_allclose(
        degrees.log_prob(np.rad2deg(x)), radians.log_prob(x) - shift, atol=1e-9
    )


def test_one_angle():
    flow = moved(
        tfflows.CircularNSF(1, 2, transforms=2, hidden_units=(8,), bins=4, dtype="float64")
    )
    grid = -math.pi + 2.0 * math.pi * (np.arange(2000)[:, None] + 0.5) / 2000.0
    density = np.exp(flow.log_prob(grid, np.array([0.5, -1.0])))
    assert density.mean() * 2.0 * math.pi == pytest.approx(1.0, abs=1e-4)
    with pytest.raises(ValueError, match="single coordinate"):
        tfflows.CircularNSF(1, coupling=True)


def test_another_base_is_kept():
    base = CircularUniform(2, dtype=tf.float64)
    assert make(False, base=base).base.distribution is base


def test_a_given_conditioner_sees_cosine_and_sine():
    import keras

    seen = []

    @keras.saving.register_keras_serializable(package="tests")
    class Conditioner(keras.layers.Layer):
        def call(self, inputs):
            seen.append(inputs)
            return inputs

    layer = layers.Coupling(
        univariates.Moebius(), conditioner=Conditioner(dtype="float64"), dtype="float64"
    )
    layer.build((2,))
    layer(tf.constant([[1.0, 2.0]], tf.float64))
    np.testing.assert_allclose(seen[-1], [[math.cos(1.0), math.sin(1.0)]], atol=1e-12)
    narrow = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match=r"\(batch, 2\): the cosines and sines of the 1 coord"):
        layers.Coupling(univariates.Moebius(), conditioner=narrow).build((2,))


@pytest.mark.slow
@pytest.mark.parametrize("coupling", [False, True])
def test_learns_a_density_across_the_seam(coupling):
    """An angle around pi and a second one around the first: the best possible loss is known."""
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(7)
    first = rng.vonmises(math.pi, 2.0, size=[20000])
    second = first + rng.vonmises(0.0, 5.0, size=[20000])
    data = (np.stack([first, second], 1) + math.pi) % (2.0 * math.pi) - math.pi
    entropy = float(scipy.stats.vonmises(2.0).entropy() + scipy.stats.vonmises(5.0).entropy())
    flow = tfflows.CircularNSF(2, transforms=2, hidden_units=(32, 32), coupling=coupling)
    flow.compile(optimizer=keras.optimizers.Adam(5e-3))
    flow.fit(data[:16000].astype("float32"), epochs=10, batch_size=256, verbose=0)
    loss = -np.mean(flow.log_prob(data[16000:].astype("float32")))
    noise = 0.03
    assert entropy - noise < loss < entropy + 0.05 + noise
