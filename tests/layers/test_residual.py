"""Residual layers: the bound holds for any weights, rows are found one by one, exact gradients."""

import numpy as np
import pytest
import tensorflow as tf

from tfflows import bijectors, layers
from tfflows.bijectors import fixed_point
from tfflows.bijectors.by_halves import inverse_and_log_det_of
from tfflows.bijectors.lipschitz import ACTIVATIONS, contracted, log_spectral_bound

SIZE = 3
MOST = 0.9


def built(scale=1.0, activation="lipswish", context_shape=None, seed=0, **options):
    options = {"hidden_units": (8, 7), "dtype": "float64", **options}
    layer = layers.Residual(activation=activation, lipschitz=MOST, **options)
    layer.build((SIZE,), context_shape)
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(scale * rng.normal(size=weight.shape))
    return layer


def points(rows=20, seed=1):
    return tf.constant(2.0 * np.random.default_rng(seed).normal(size=(rows, SIZE)))


def jacobian_of(layer, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        z = layer.bijector().inverse(x)
    return z, tape.batch_jacobian(z, x).numpy()


@pytest.mark.parametrize("shape", [(2, 64), (30, 30), (64, 3)])
def test_the_bound_of_the_norm_is_one_and_is_tight(shape):
    rng = np.random.default_rng(0)
    orthogonal = np.linalg.qr(rng.normal(size=(64, 64)))[0][: shape[0], : shape[1]]
    for kernel in (rng.normal(size=shape), 1e-20 * rng.normal(size=shape), 1e20 * orthogonal):
        norm = np.linalg.norm(kernel, 2)
        found = np.exp(log_spectral_bound(tf.constant(kernel)))
        assert norm * (1.0 - 1e-12) <= found <= 1.017 * norm
    nothing = tf.zeros(shape)
    with tf.GradientTape() as tape:
        tape.watch(nothing)
        found = log_spectral_bound(nothing)
    assert np.exp(found) < 1e-20 and not np.any(tape.gradient(found, nothing))


def test_small_kernels_stay_as_they_are():
    rng = np.random.default_rng(0)
    large, small = tf.constant(10.0 * rng.normal(size=(3, 4))), tf.constant(np.full([4, 3], 1e-3))
    for found, given in zip(contracted([large, small], 0.9), (large, small), strict=True):
        np.testing.assert_array_equal(found, given)
    found = contracted([large, 1e4 * small], 0.9)
    norms = [np.linalg.norm(kernel, 2) for kernel in found]
    assert 0.88 < norms[0] * norms[1] <= 0.9 + 1e-12


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_are_contractions_and_know_their_slopes(activation):
    a = tf.constant(np.linspace(-30.0, 30.0, 60_001)[:, np.newaxis])
    with tf.GradientTape() as tape:
        tape.watch(a)
        values, slopes = ACTIVATIONS[activation](a, tf.constant(1.0, tf.float64))
    expected = tape.batch_jacobian(values, a)[:, :, 0]
    np.testing.assert_allclose(slopes, expected, atol=1e-12)
    longest = np.linalg.norm(slopes, axis=1).max()
    assert 0.999 < longest <= 1.0
    assert np.abs(np.diff(slopes, axis=0)).max() < 2e-3  # no jumps


@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_any_weights_are_invertible(activation, scale):
    """The bound, the log-determinant of the Jacobian, and the way back."""
    layer, x = built(scale, activation), points()
    z, jacobian = jacobian_of(layer, x)
    moved = np.linalg.norm(jacobian - np.eye(SIZE), 2, axis=(1, 2))
    assert moved.max() <= MOST
    changes = (z - x).numpy()
    apart = np.linalg.norm(changes[1:] - changes[:-1], axis=1)
    assert np.all(apart <= MOST * np.linalg.norm(x[1:] - x[:-1], axis=1))
    bijector = layer.bijector()
    expected = np.linalg.slogdet(jacobian)[1]
    found = bijector.inverse_log_det_jacobian(tf.identity(x), 1)
    np.testing.assert_allclose(found, expected, atol=1e-8)
    fresh = tf.identity(z)
    np.testing.assert_allclose(bijector.forward(fresh), x, atol=1e-11 * (1 + abs(z).numpy().max()))
    there = bijector.forward_log_det_jacobian(fresh, 1)
    np.testing.assert_allclose(there, -expected, atol=1e-7 if scale > 1.0 else 1e-8)


def test_without_newton_steps_too(monkeypatch):
    layer, x = built(), points()
    z = tf.identity(layer.bijector().inverse(x))
    monkeypatch.setattr(fixed_point, "NEWTON_UP_TO", 0)
    np.testing.assert_allclose(layer.bijector().forward(z), x, atol=1e-12)
    short = built(maximum_iterations=1).bijector().forward(tf.identity(z))
    assert np.abs(short - x).max() > 1e-6


def test_a_row_does_not_depend_on_its_batch():
    """Nor does it move on while others, much further away, are looked for."""
    layer, z = built(3.0), points()
    far = tf.concat([z, 1e6 * z], 0)
    alone = layer.bijector().forward(z)
    np.testing.assert_allclose(layer.bijector().forward(far)[:20], alone, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(layer.bijector().forward(z[3:4])[0], alone[3], atol=1e-13)
    hole = tf.concat([z[:1] * np.nan, z[1:]], 0)
    np.testing.assert_allclose(layer.bijector().forward(hole)[1:], alone[1:], atol=1e-13)


@pytest.mark.parametrize("direction", ["inverse", "forward"])
def test_gradients_are_those_of_finite_differences(direction):
    """Of points and log-determinants, by weights, points and contexts; and second ones."""
    layer, x, context = built(0.4, context_shape=(2,)), points(4), points(4, 7)[:, :2]
    given = [*(weight.value for weight in layer.weights), x, context]
    rng = np.random.default_rng(5)
    lines = [tf.constant(rng.normal(size=value.shape)) for value in given]
    starts = [tf.identity(value) for value in given]

    def total(step):
        moved = [start + step * line for start, line in zip(starts, lines, strict=True)]
        for weight, value in zip(layer.weights, moved, strict=False):
            weight.assign(value)
        return value_of(*moved[-2:])

    def value_of(x, context):
        point, log_weight = getattr(layer, direction)(x, context)
        return tf.reduce_sum(point * point) + tf.reduce_sum(log_weight)

    with tf.GradientTape() as outer:
        outer.watch(given[-2:])
        with tf.GradientTape() as inner:
            inner.watch(given[-2:])
            value = value_of(*given[-2:])
        gradients = inner.gradient(value, given)
        first = tf.add_n([tf.reduce_sum(g * v) for g, v in zip(gradients, lines, strict=True)])
    second = outer.gradient(first, given)
    second = tf.add_n([tf.reduce_sum(g * v) for g, v in zip(second, lines, strict=True)])
    step = 1e-3
    values = np.array([total(k * step) for k in (-2, -1, 0, 1, 2)])
    np.testing.assert_allclose(first, values @ [1, -8, 0, 8, -1] / (12 * step), rtol=1e-6)
    np.testing.assert_allclose(second, values @ [-1, 16, -30, 16, -1] / (12 * step**2), rtol=1e-4)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 13])
def test_inverse_and_log_determinant_by_halves(size):
    rng = np.random.default_rng(0)
    move = rng.normal(size=(6, size, size))
    move *= 0.99 / np.linalg.norm(move, 2, axis=(1, 2))[:, np.newaxis, np.newaxis]
    matrix = np.eye(size) + move
    inverse, log_det = inverse_and_log_det_of(tf.constant(matrix))
    np.testing.assert_allclose(inverse, np.linalg.inv(matrix), atol=1e-11)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(matrix)[1], atol=1e-11)


def test_the_bijector_is_the_formula():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(SIZE, 5)), 0.01 * rng.normal(size=(5, SIZE))
    bias, x = rng.normal(size=5), points().numpy()
    bijector = bijectors.Residual(
        [first, second], [bias, np.ones(SIZE)], (SIZE,), activation="tanh"
    )
    np.testing.assert_allclose(bijector.inverse(x), x + np.tanh(x @ first + bias) @ second + 1.0)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"activation='relu': expected .*lipswish.*slopes are"):
        layers.Residual(activation="relu")
    with pytest.raises(ValueError, match="0 < lipschitz < 1"):
        layers.Residual(lipschitz=1.0)
    with pytest.raises(ValueError, match=r"hidden_units=\(\): expected at least one hidden"):
        layers.Residual(hidden_units=())
    with pytest.raises(ValueError, match="log_det must be one of auto, exact, estimate"):
        layers.Residual(log_det="power_series")
    with pytest.raises(ValueError, match="tolerance=0"):
        layers.Residual(tolerance=0.0)
