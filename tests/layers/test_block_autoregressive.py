"""The block neural autoregressive layer: its formula, its start, and its root searches."""

import itertools

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from tfflows import bijectors, layers

WIDTHS = [1, 3, 2, 1]
SIZE = 3


def drawn(seed=0, scale=1.0, dtype="float64"):
    """Return diagonals, blocks and offsets of three coordinates."""
    rng = np.random.default_rng(seed)
    pairs = list(itertools.pairwise(WIDTHS))
    diagonals = [scale * rng.normal(size=(SIZE, a, b)) for a, b in pairs]
    blocks = [scale * rng.normal(size=(SIZE, a, SIZE, b)) for a, b in pairs]
    offsets = scale * rng.normal(size=(SIZE, sum(WIDTHS[1:]) + 1))
    return (
        [tf.constant(array, dtype) for array in diagonals],
        [tf.constant(array, dtype) for array in blocks],
        tf.constant(offsets, dtype),
    )


def as_matrices(x, diagonals, blocks, offsets, bound=5.0, floor=1e-2):
    """Return z, by one block-triangular matrix for each layer."""
    h, used = x, 0
    for layer, (a, b) in enumerate(itertools.pairwise(WIDTHS)):
        matrix = np.zeros([SIZE * a, SIZE * b])
        for i, j in itertools.product(range(SIZE), repeat=2):
            if i < j:
                block = blocks[layer].numpy()[i, :, j]
            elif i == j:
                block = np.exp(bound * np.tanh(diagonals[layer].numpy()[i] / bound))
            else:
                continue
            matrix[i * a : (i + 1) * a, j * b : (j + 1) * b] = block
        h = h @ matrix + offsets.numpy()[:, used : used + b].reshape(-1)
        used += b
        if layer < len(WIDTHS) - 2:
            h = np.tanh(h)
    share = floor + (1.0 - floor) * scipy.special.expit(offsets.numpy()[:, -1])
    return (1.0 - share) * h + share * x


def test_agrees_with_block_matrices():
    arguments = drawn()
    x = 2.0 * np.random.default_rng(1).normal(size=[50, SIZE])
    bijector = bijectors.BlockAutoregressive(*arguments, (SIZE,))
    np.testing.assert_allclose(bijector.inverse(x), as_matrices(x, *arguments), rtol=1e-10)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-11), ("float32", 2e-5)])
def test_the_searches_find_wild_and_far_points(dtype, tolerance):
    bijector = bijectors.BlockAutoregressive(*drawn(2, 1.5, dtype), (SIZE,))
    rng = np.random.default_rng(3)
    z = 3.0 * rng.normal(size=[200, SIZE])
    z[0], z[1] = 1e4, [-1e4, 0.0, 1.0]
    z = tf.constant(z, dtype)
    x = bijector.forward(z)
    back = bijector.inverse(tf.identity(x))
    # What the rounding of a point moves its latent point by.
    with tf.GradientTape() as tape:
        points = tf.identity(x)
        tape.watch(points)
        latent = bijector.inverse(points)
    moved = np.abs(tape.batch_jacobian(latent, points)) @ np.abs(x)[..., None]
    scale = 1.0 + np.abs(z) + moved[..., 0]
    np.testing.assert_array_less(np.abs(back - z) / scale, tolerance)


def test_gradients_of_the_search_are_differences():
    diagonals, blocks, offsets = drawn(4, 0.5)
    z = tf.constant(np.random.default_rng(5).normal(size=[4, SIZE]))
    tensors = [*diagonals, *blocks, offsets, z]

    def objective(tensors):
        count = len(diagonals)
        bijector = bijectors.BlockAutoregressive(
            tensors[:count], tensors[count : 2 * count], tensors[-2], (SIZE,)
        )
        points = tf.identity(tensors[-1])
        log_det = bijector.forward_log_det_jacobian(points, event_ndims=1)
        return tf.reduce_sum(tf.sin(bijector.forward(points))) + tf.reduce_sum(log_det)

    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = objective(tensors)
    gradients = tape.gradient(value, tensors)
    rng = np.random.default_rng(6)
    step = 1e-6
    for index, gradient in enumerate(gradients):
        direction = rng.normal(size=gradient.shape)
        ends = []
        for sign in (1.0, -1.0):
            moved = list(tensors)
            moved[index] = moved[index] + sign * step * direction
            ends.append(float(objective(moved)))
        difference = (ends[0] - ends[1]) / (2.0 * step)
        np.testing.assert_allclose(np.sum(gradient * direction), difference, rtol=1e-5, atol=1e-6)


def test_starts_near_the_identity():
    keras.utils.set_random_seed(0)
    layer = layers.BlockAutoregressive(units=(16, 16), dtype="float64")
    layer.build((2,))
    x = np.linspace(-2.0, 2.0, 41)
    z = layer(np.stack([x, x[::-1]], 1)).numpy()
    assert np.abs(z[:, 0] - x).max() < 0.5 and np.abs(z[:, 1] - x[::-1]).max() < 0.5
    other = layer(np.stack([x, 0.0 * x], 1)).numpy()
    assert np.ptp(other[:, 1]) == 0.0, "nothing reaches another coordinate yet"


def test_units_come_apart_and_bend():
    """On two clusters it beats an affine layer, and no two units of a layer are equal."""
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    x = np.where(rng.random(800) < 0.5, -2.0, 2.0) + 0.25 * rng.normal(size=800)
    x = tf.constant(x[:, None].astype("float32"))
    layer = layers.BlockAutoregressive(units=(8, 8))
    layer.build((1,))
    weights = layer.trainable_weights
    optimizer = keras.optimizers.Adam(0.03)

    @tf.function(jit_compile=True)
    def step():
        with tf.GradientTape() as tape:
            bijector = layer.bijector()
            log_det = bijector.inverse_log_det_jacobian(x, event_ndims=1)
            z = bijector.inverse(x)
            loss = tf.reduce_mean(0.5 * (z[:, 0] ** 2 + np.log(2.0 * np.pi)) - log_det)
        return loss, tape.gradient(loss, [weight.value for weight in weights])

    largest = [np.zeros(weight.shape) for weight in weights]
    for _ in range(200):
        loss, gradients = step()
        largest = [np.maximum(a, np.abs(b)) for a, b in zip(largest, gradients, strict=True)]
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
    affine = 0.5 * np.log(2.0 * np.pi * np.e * np.var(x))
    assert float(loss) < affine - 0.5
    for gradient in largest:
        assert np.all(np.isfinite(gradient)) and np.all(gradient > 0.0)
    first, second = (layer.weights[i].numpy()[0] for i in (0, 1))
    units = np.concatenate([first.T, second], 1)
    for one, other in itertools.combinations(units, 2):
        assert np.abs(one - other).max() > 1e-2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": ()}, "at least one hidden layer"),
        ({"units": (4, 0)}, r"units\[1\]=0: expected a whole number of at least 1"),
        ({"min_slope": 0.0}, "min_slope=0.0: expected a number above 0"),
        ({"min_slope": 1.0}, "min_slope=1.0: expected 0 <= min_slope < 1"),
        ({"log_scale_bound": -1.0}, "log_scale_bound=-1.0: expected a positive finite number"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        layers.BlockAutoregressive(**options)
