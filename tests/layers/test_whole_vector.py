"""Planar, radial and Sylvester layers: formulas, bounds for any weights, exact gradients."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfflows import bijectors, layers

SIZE = 3
MAKE = {
    "planar": layers.Planar,
    "radial": layers.Radial,
    "householder": layers.Sylvester,
    "orthogonal": lambda **kwargs: layers.Sylvester(2, "orthogonal", **kwargs),
    "triangular": lambda **kwargs: layers.Sylvester(basis="triangular", **kwargs),
}


def built(name, scale, dtype="float64", seed=0):
    layer = MAKE[name](dtype=dtype)
    layer.build((SIZE,))
    rng = np.random.default_rng(seed)
    layer.raw.value.assign(scale * rng.normal(size=layer.raw.value.shape))
    return layer


def points(rows=20, dtype="float64", seed=1):
    return tf.constant(2.0 * np.random.default_rng(seed).normal(size=(rows, SIZE)), dtype)


@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0])
@pytest.mark.parametrize("name", MAKE)
def test_one_to_one_for_weights_of_any_size(name, scale):
    """Down to slopes of a thousandth, and with the log-determinant of the Jacobian."""
    for seed in range(2):
        layer, x = built(name, scale, seed=seed), points()
        with tf.GradientTape() as tape:
            tape.watch(x)
            z = layer.bijector().inverse(x)
        jacobian = tape.batch_jacobian(z, x).numpy()
        sign, log_det = np.linalg.slogdet(jacobian)
        found = layer.bijector().inverse_log_det_jacobian(tf.identity(x), 1)
        assert np.all(sign == 1.0) and np.all(found >= SIZE * math.log(1e-3))
        condition = np.linalg.cond(jacobian).max()
        np.testing.assert_allclose(found, log_det, atol=1e-12 + 1e-14 * condition)
        bijector = layer.bijector()
        back, there = bijector.forward(tf.identity(z)), bijector.forward_log_det_jacobian(z, 1)
        error = 1e-12 + 1e-15 * np.abs(np.linalg.inv(jacobian)).max() * np.abs(z).max()
        np.testing.assert_allclose(back, x, atol=100.0 * error)
        assert np.all(np.isfinite(there))


@pytest.mark.parametrize("scale", [10.0, 100.0])
@pytest.mark.parametrize("name", MAKE)
def test_finite_in_single_precision(name, scale):
    layer, x = built(name, scale, "float32"), points(dtype="float32")
    weight = layer.raw.value.value
    for way, log_det in (
        ("inverse", "inverse_log_det_jacobian"),
        ("forward", "forward_log_det_jacobian"),
    ):
        with tf.GradientTape() as tape:
            tape.watch([x, weight])
            bijector = layer.bijector()
            moved, added = getattr(bijector, way)(x), getattr(bijector, log_det)(x, 1)
            total = tf.reduce_sum(moved) + tf.reduce_sum(added)
        for value in (moved, added, *tape.gradient(total, [x, weight])):
            assert np.all(np.isfinite(value)), way


@pytest.mark.parametrize("name", MAKE)
def test_gradients_of_the_way_back_are_those_of_finite_differences(name):
    """Also of gradients: second derivatives along a line in the weights."""
    layer, z = built(name, 0.4), points(4)
    start = layer.raw.value.numpy()
    direction = np.random.default_rng(5).normal(size=start.shape)

    def total(step):
        layer.raw.value.assign(start + step * direction)
        bijector = layer.bijector()
        x = bijector.forward(tf.identity(z))
        return tf.reduce_sum(x * x) + tf.reduce_sum(bijector.forward_log_det_jacobian(x, 1))

    def slopes():
        layer.raw.value.assign(start)
        weight = layer.raw.value.value
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                bijector = layer.bijector()
                x = bijector.forward(tf.identity(z))
                value = tf.reduce_sum(x * x)
                value += tf.reduce_sum(bijector.forward_log_det_jacobian(x, 1))
            first = tf.reduce_sum(inner.gradient(value, weight) * direction)
        return first, tf.reduce_sum(outer.gradient(first, weight) * direction)

    first, second = slopes()
    step = 1e-4
    values = np.array([total(k * step) for k in (-2, -1, 0, 1, 2)])
    np.testing.assert_allclose(first, values @ [1, -8, 0, 8, -1] / (12 * step), rtol=1e-5)
    np.testing.assert_allclose(second, values @ [-1, 16, -30, 16, -1] / (12 * step**2), rtol=1e-3)


def test_planar_is_the_formula_where_that_is_one_to_one():
    w, u, b = np.array([1.0, -2.0, 0.5]), np.array([0.3, -0.2, 1.0]), 0.4
    x = points().numpy()
    bijector = bijectors.Planar(w, u, np.float64(b), (SIZE,))
    slope = 1.0 - np.tanh(x @ w + b) ** 2
    np.testing.assert_allclose(bijector.inverse(x), x + np.tanh(x @ w + b)[:, None] * u)
    log_det = bijector.inverse_log_det_jacobian(tf.constant(x), 1)
    np.testing.assert_allclose(log_det, np.log1p(slope * (u @ w)))


def test_planar_changes_u_along_w_alone():
    w, u = np.array([1.0, -2.0, 0.5]), np.array([-3.0, 1.0, 1.0])
    bijector = bijectors.Planar(w, u, np.float64(0.0), (SIZE,))
    moved = bijector.inverse(50.0 * w[np.newaxis]).numpy()[0] - 50.0 * w
    np.testing.assert_allclose(w @ moved, 0.999 * math.expm1(w @ u / 0.999))
    np.testing.assert_allclose(np.cross(moved - u, w), 0.0, atol=1e-12)


def test_planar_without_a_direction_is_a_shift():
    bijector = bijectors.Planar(np.zeros(SIZE), np.ones(SIZE), np.float64(1.0), (SIZE,))
    np.testing.assert_allclose(bijector.inverse(np.zeros([1, SIZE])), [[math.tanh(1.0)] * SIZE])
    np.testing.assert_array_equal(bijector.inverse_log_det_jacobian(np.zeros([1, SIZE]), 1), [0.0])


@pytest.mark.parametrize("strength", [-0.5, 2.0])
def test_radial_is_the_formula(strength):
    center, alpha = np.array([1.0, -2.0, 0.5]), 0.7
    raw = strength if strength > 0 else 0.999 * math.log1p(strength / 0.999)
    x = points().numpy()
    bijector = bijectors.Radial(center, np.log(alpha), np.float64(raw), (SIZE,))
    radius = np.linalg.norm(x - center, axis=1, keepdims=True)
    expected = x + strength * alpha / (alpha + radius) * (x - center)
    np.testing.assert_allclose(bijector.inverse(x), expected)
    np.testing.assert_allclose(bijector.forward(expected), x)
    middle = tf.constant(center[np.newaxis])
    np.testing.assert_allclose(bijector.forward(middle), middle)
    log_det = bijector.inverse_log_det_jacobian(middle, 1)
    np.testing.assert_allclose(log_det, [SIZE * math.log1p(strength)])


def test_sylvester_is_the_formula():
    layer = built("orthogonal", 1.0)
    skew, outer, inner, b = np.split(layer.raw.value.numpy(), [3, 6, 9])
    skew = np.array([[0, -skew[0], -skew[1]], [skew[0], 0, -skew[2]], [skew[1], skew[2], 0]])
    skew /= math.sqrt(1.0 + (np.linalg.norm(skew) / (4.0 * math.sqrt(3.0))) ** 2)
    values, vectors = np.linalg.eig(skew)
    basis = np.real(vectors @ np.diag(np.exp(values)) @ vectors.conj().T)[:, :2]

    def triangle(numbers):  # as tfp.math.fill_triangular lays them out
        return np.array([[numbers[0], numbers[1]], [0.0, numbers[2]]])

    outer, inner = triangle(outer), triangle(inner)
    scale = np.exp(7.0 * np.tanh(np.diag(inner) / 7.0))
    raw = np.diag(outer)
    strength = np.where(raw > 0, raw, 0.999 * np.expm1(np.minimum(raw, 0) / 0.999))
    np.fill_diagonal(inner, scale)
    np.fill_diagonal(outer, strength / scale)
    x = points().numpy()
    expected = x + np.tanh(x @ basis @ inner.T + b) @ outer.T @ basis.T
    np.testing.assert_allclose(layer.bijector().inverse(x), expected, rtol=1e-10)


def test_what_is_refused():
    with pytest.raises(ValueError, match="basis must be one of householder, orthogonal, triangul"):
        layers.Sylvester(basis="qr")
    with pytest.raises(ValueError, match=r"units=4: events of shape \(3,\) have 3 coordinates"):
        layers.Sylvester(4).build((3,))
    with pytest.raises(ValueError, match='basis="triangular" has none; leave it out'):
        layers.Sylvester(basis="triangular", count=2)
