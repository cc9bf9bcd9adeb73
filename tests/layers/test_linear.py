"""Linear layers: their matrices against independent ones, and what stays orthogonal."""

import functools
import math

import keras
import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, univariates
from tfflows.bijectors.orthogonal import expm

ORTHOGONAL = {
    "Householder": layers.Householder,
    "Givens": layers.Givens,
    "exponential": layers.Rotation,
    "Cayley": functools.partial(layers.Orthogonal, "cayley"),
}
ROUNDING = {"float32": 1e-5, "float64": 1e-12}


def built(make, size, scale=0.0, **options):
    """Return a layer with weights moved by normal numbers of a size."""
    layer = make(**{"dtype": "float64", **options})
    layer.build((size,))
    rng = np.random.default_rng(3)
    layer.raw.value.assign_add(scale * rng.normal(size=layer.raw.value.shape))
    return layer


def matrix_of(layer, size, way="inverse"):
    """Return the matrix of data to latent, or of latent to data."""
    columns = tf.eye(size, dtype=layer.variable_dtype)
    return getattr(layer.bijector(), way)(columns).numpy().astype("float64").T


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("scale", [0.0, 1.0, 10.0, 100.0])
@pytest.mark.parametrize("name", ORTHOGONAL)
def test_orthogonal_for_weights_of_any_size(name, scale, dtype):
    for size in (2, 5, 16):
        layer = built(ORTHOGONAL[name], size, scale, dtype=dtype)
        there, back = (matrix_of(layer, size, way) for way in ("inverse", "forward"))
        np.testing.assert_allclose(there @ there.T, np.eye(size), atol=ROUNDING[dtype])
        np.testing.assert_allclose(back, there.T, atol=ROUNDING[dtype])
        np.testing.assert_allclose(np.linalg.det(there), 1.0, atol=10 * ROUNDING[dtype])
        log_det = layer.bijector().forward_log_det_jacobian(tf.zeros([3, size], dtype), 1)
        np.testing.assert_array_equal(log_det, np.zeros(3))


@pytest.mark.parametrize("dtype", ROUNDING)
def test_orthogonal_after_a_thousand_steps(dtype):
    size = 5
    turns = [make(dtype=dtype) for make in ORTHOGONAL.values()]
    bend = layers.Elementwise(univariates.SinhArcsinh(), dtype=dtype)
    flow = tfflows.Flow([*turns, bend], size, dtype=dtype)
    rng = np.random.default_rng(0)
    x = (rng.gamma(2.0, size=(500, size)) @ rng.normal(size=(size, size))).astype(dtype)
    flow.compile(keras.optimizers.Adam(1e-2))
    history = flow.fit(x, epochs=100, batch_size=50, verbose=0).history["loss"]
    assert history[-1] < history[0] - 1.0
    for layer in turns:
        found = matrix_of(layer, size)
        assert np.abs(found - np.eye(size)).max() > 0.1
        np.testing.assert_allclose(found @ found.T, np.eye(size), atol=ROUNDING[dtype])


def test_householder_is_the_product_of_its_reflections():
    layer = built(layers.Householder, 5, 1.0, count=3)
    vectors = layer.raw.value.numpy()
    mirrors = [np.eye(5) - 2.0 * np.outer(v, v) / (v @ v) for v in vectors]
    np.testing.assert_allclose(matrix_of(layer, 5), np.linalg.multi_dot(mirrors), atol=1e-14)
    layer.raw.value.assign(vectors * [[1.0], [0.0], [1.0]])
    np.testing.assert_allclose(matrix_of(layer, 5), mirrors[0] @ mirrors[2], atol=1e-14)


def test_givens_rotates_one_plane_after_another():
    layer = built(layers.Givens, 3, 1.0)
    expected = np.eye(3)
    for angles, (i, j) in zip(layer.raw.value.numpy(), [(0, 1), (1, 2), (0, 1)], strict=True):
        stage = np.eye(3)
        stage[np.ix_([i, j], [i, j])] = [
            [math.cos(angles[0]), -math.sin(angles[0])],
            [math.sin(angles[0]), math.cos(angles[0])],
        ]
        expected = stage @ expected
    np.testing.assert_allclose(matrix_of(layer, 3), expected, atol=1e-14)


@pytest.mark.parametrize("size", [2, 3, 4, 6, 7, 8, 13, 30])
def test_givens_lets_every_coordinate_depend_on_every_other(size):
    layer = built(layers.Givens, size, 1.0)
    least = math.ceil(math.log2(size)) + size % 2  # one of an odd number rests in the last stage
    assert layer.raw.value.shape == (least, size // 2)
    assert layer.adjacency.all()
    assert np.all(matrix_of(layer, size) != 0.0)
    if least > 1:
        fewer = built(layers.Givens, size, 1.0, stages=least - 1)
        found = matrix_of(fewer, size) != 0.0
        assert not found.all()
        np.testing.assert_array_equal(found, fewer.adjacency)


@pytest.mark.parametrize("method", ["exponential", "cayley"])
def test_a_seed_draws_a_rotation_and_training_may_leave_it(method):
    made = [built(layers.Rotation, 6, method=method, seed=seed) for seed in (0, 0, 1)]
    first, again, other = (matrix_of(layer, 6) for layer in made)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
    np.testing.assert_allclose(first @ first.T, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(first), 1.0)
    fixed = built(layers.Rotation, 6, method=method, seed=0, trainable=False)
    np.testing.assert_array_equal(matrix_of(fixed, 6), first)
    flow = tfflows.Flow([fixed, layers.Scale(dtype="float64")], 6, dtype="float64")
    assert len(flow.trainable_weights) == 1


def test_the_methods_draw_the_same_rotation():
    methods = ("exponential", "cayley")
    made = [built(layers.Rotation, 5, method=method, seed=4) for method in methods]
    np.testing.assert_allclose(*(matrix_of(layer, 5) for layer in made), atol=1e-10)


def test_exponential_of_matrices():
    rng = np.random.default_rng(0)
    for size, norm in ((3, 0.01), (6, 1.0), (20, 8.0)):
        matrix = rng.normal(size=(2, size, size))
        matrix *= norm / np.linalg.norm(matrix, axis=(1, 2), keepdims=True)
        expected = scipy.linalg.expm(matrix)
        scale = np.abs(expected).max()
        for dtype, tolerance in (("float64", 1e-14), ("float32", 5e-7)):
            found = expm(tf.constant(matrix, dtype), bound=8.0)
            np.testing.assert_allclose(found / scale, expected / scale, atol=tolerance)


@pytest.mark.parametrize("scale", [1.0, 10.0, 100.0])
def test_the_exponential_is_bounded(scale):
    layer = built(layers.MatrixExponential, 4, scale, bound=3.0)
    stretched = np.linalg.svd(matrix_of(layer, 4), compute_uv=False)
    assert np.all(np.abs(np.log(stretched)) < 3.0)
    product = matrix_of(layer, 4) @ matrix_of(layer, 4, "forward")
    np.testing.assert_allclose(product, np.eye(4), atol=1e-12)


def test_qr_has_these_factors():
    layer = built(layers.QR, 4, 1.0)
    found = matrix_of(layer, 4)
    orthogonal, triangle = np.linalg.qr(found)
    signs = np.sign(np.diag(triangle))
    orthogonal, triangle = orthogonal * signs, signs[:, np.newaxis] * triangle
    vectors = layer.raw.value.numpy()[:16].reshape(4, 4)
    mirrors = [np.eye(4) - 2.0 * np.outer(v, v) / (v @ v) for v in vectors]
    np.testing.assert_allclose(orthogonal, np.linalg.multi_dot(mirrors), atol=1e-12)
    log_det = layer.bijector().inverse_log_det_jacobian(tf.zeros([4], tf.float64), 1)
    np.testing.assert_allclose(log_det, np.log(np.diag(triangle)).sum(), atol=1e-12)


@pytest.mark.parametrize("scale", [10.0, 100.0])
@pytest.mark.parametrize("name", ["QR", "TriangularAffine"])
def test_scales_are_bounded(name, scale):
    layer = built(getattr(layers, name), 3, scale)
    log_det = layer.bijector().inverse_log_det_jacobian(tf.zeros([3], tf.float64), 1)
    assert abs(log_det) <= 21.0
    assert np.all(np.isfinite(matrix_of(layer, 3))) and np.all(
        np.isfinite(matrix_of(layer, 3, "forward"))
    )


def test_triangular_affine_makes_a_normal_distribution():
    layer = built(layers.TriangularAffine, 3, 1.0)
    flow = tfflows.Flow([layer], 3, dtype="float64")
    bijector = layer.bijector()
    shift = bijector.forward(tf.zeros([3], tf.float64))
    factor = matrix_of(layer, 3, "forward") - shift.numpy()[:, np.newaxis]
    np.testing.assert_array_equal(factor, np.tril(factor))
    assert np.all(np.diag(factor) > 0.0)
    x = np.random.default_rng(1).normal(size=(20, 3))
    expected = tfd.MultivariateNormalTriL(shift, factor).log_prob(x)
    np.testing.assert_allclose(flow.log_prob(x), expected, rtol=1e-10)
    np.testing.assert_array_equal(layer.adjacency, np.tri(3, dtype=bool))


def test_what_is_refused():
    for make in (*ORTHOGONAL.values(), layers.QR):
        with pytest.raises(ValueError, match=r"events of shape \(1,\) have a single one; leave it"):
            make().build((1,))
    with pytest.raises(ValueError, match='method must be "exponential" or "cayley"; got \'qr\''):
        layers.Rotation("qr")
    with pytest.raises(ValueError, match="count must be an integer of at least 1; got 0"):
        layers.Householder(count=0)
    with pytest.raises(ValueError, match="stages must be an integer of at least 1"):
        layers.Givens(stages=1.5)
    with pytest.raises(ValueError, match="expected a positive finite number"):
        layers.MatrixExponential(bound=-1.0)


def test_repr_names_the_options():
    assert repr(layers.Householder(count=2)) == "Householder(count=2)"
    assert repr(layers.Rotation("cayley", seed=1)) == "Rotation(method='cayley', seed=1)"
