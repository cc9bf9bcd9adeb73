"""Log-determinants that are estimated: without bias, row by row, with gradients without bias."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import layers

SIZE = 4
DRAWS = 4000


def pair(scale=1.0, lipschitz=0.9, terms=2):
    """Return an exact layer and one that estimates, of the same weights."""
    made = []
    for log_det in ("exact", "estimate"):
        layer = layers.Residual(
            (9, 8), "lipswish", lipschitz, log_det, terms=terms, dtype="float64"
        )
        layer.build((SIZE,))
        rng = np.random.default_rng(0)
        for weight in layer.weights:
            weight.assign(scale * rng.normal(size=weight.shape))
        made.append(layer)
    return made


def repeated(rows=3):
    x = np.random.default_rng(1).normal(size=(rows, SIZE))
    return tf.constant(x), tf.constant(np.repeat(x, DRAWS, 0))


def within(found, expected, errors=4.0):
    """Assert that the mean of the first axis is the expectation, and that this says something."""
    error = found.std(0) / np.sqrt(len(found))
    assert np.all(np.abs(found.mean(0) - expected) < errors * error + 1e-9)
    assert np.all(error < 0.1)


@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("direction", ["inverse", "forward"])
def test_the_mean_is_the_log_determinant(direction, scale):
    exact, estimating = pair(scale)
    x, many = repeated()
    point, log_weight = getattr(estimating, direction)(many, seed=[0, 3])
    expected_point, expected = getattr(exact, direction)(x)
    np.testing.assert_allclose(point[::DRAWS], expected_point, atol=1e-9)
    within(log_weight.numpy().reshape(3, DRAWS).T, expected.numpy())


@pytest.mark.parametrize("direction", ["inverse", "forward"])
def test_the_mean_of_gradients_is_the_gradient(direction):
    """Along lines in all weights, one by one, and in the point, of points and log-determinants."""
    exact, estimating = pair(0.5)
    x, many = repeated(1)
    lines = [np.random.default_rng(2).normal(size=w.shape) for w in exact.weights]
    lines.append(np.ones(SIZE))

    def slopes(layer, rows, seed=None):
        weights = [weight.value for weight in layer.weights]
        with tf.GradientTape() as tape:
            tape.watch(rows)
            point, log_weight = getattr(layer, direction)(rows, seed=seed)
            total = tf.reduce_mean(tf.reduce_sum(point * point, -1) + log_weight)
        gradients = tape.gradient(total, [*weights, rows])
        return [tf.reduce_sum(g * v) for g, v in zip(gradients, lines, strict=True)]

    expected = np.array(slopes(exact, x))
    program = tf.function(lambda seed: slopes(estimating, many[:50], seed), autograph=False)
    found = np.array([program(tf.constant([0, seed])) for seed in range(100)])
    assert np.all(np.abs(expected) > 1e-3)
    within(found, expected)


def test_the_gradient_of_a_sample_is_that_of_the_exact_layer():
    """It takes a linear system, by iterations, and no draws."""
    exact, estimating = pair()
    z = repeated()[0]
    gradients = []
    for layer in (exact, estimating):
        weights = [weight.value for weight in layer.weights]
        with tf.GradientTape() as tape:
            tape.watch(z)
            x, _ = layer.forward(z, seed=[0, 1])
            total = tf.reduce_sum(x**3)
        gradients.append(tape.gradient(total, [z, *weights]))
    for found, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


def flow(**options):
    keras.utils.set_random_seed(0)
    made = tfflows.ResidualFlow(
        SIZE, transforms=2, hidden_units=(8,), log_det="estimate", identity_start=False, **options
    )
    made.adapt_without_data()
    return made


def test_a_row_has_the_same_numbers_in_every_chunk():
    model, x = flow(), np.random.default_rng(0).normal(size=(40, SIZE)).astype("float32")
    whole = model.log_prob(x, seed=3)
    np.testing.assert_allclose(model.log_prob(x, batch_size=7, seed=3), whole, atol=1e-5)
    np.testing.assert_array_equal(model.log_prob(x, seed=3), whole)
    assert np.abs(model.log_prob(x, seed=4) - whole).max() > 1e-2


def test_several_draws_are_averaged():
    """As they are: the logarithm of a mean of exponentials would lie above the density."""
    model, x = flow(), np.zeros([1, SIZE], np.float32)
    exact = tfflows.ResidualFlow(SIZE, transforms=2, hidden_units=(8,), log_det="exact")
    exact.adapt_without_data()
    exact.set_weights(model.get_weights())
    draws = model.log_prob(np.repeat(x, 4000, 0), seed=2).numpy()
    mean = model.log_prob(np.repeat(x, 10, 0), samples=200, seed=1).numpy()
    error = draws.std() / np.sqrt(2000)
    assert np.abs(mean - exact.log_prob(x)[0]).mean() < 2 * np.sqrt(10) * error
    assert abs(mean.mean() - exact.log_prob(x)[0]) < 4 * error
    assert np.log(np.mean(np.exp(draws))) - exact.log_prob(x)[0] > 6 * error


def test_what_such_a_flow_says_of_itself(tmp_path, capsys):
    model = flow()
    assert not model.exact and model.estimates
    assert not tfflows.ResidualFlow(32).estimates and tfflows.ResidualFlow(33).estimates
    model.summary(line_length=100)
    assert "unbiased estimate, for 'residual" in capsys.readouterr().out.splitlines()[-1]
    with pytest.raises(NotImplementedError, match=r"log_prob of 'flow.*' is an estimate of one"):
        model.sample_and_log_prob(3)
    with pytest.raises(NotImplementedError, match=r"'residual.*' of this flow is none"):
        model.distribution()
    model.save(tmp_path / "flow.keras")
    again, x = tfflows.load(tmp_path / "flow.keras"), np.ones([3, SIZE], np.float32)
    np.testing.assert_array_equal(again.log_prob(x, seed=1), model.log_prob(x, seed=1))


def test_it_fits_as_the_exact_one_does():
    """To the same normal distribution, of one wide and three narrow directions."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, SIZE)) @ (np.eye(SIZE) + 0.6)
    covariance = np.cov(x, rowvar=False)
    best = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * covariance)[1]
    losses = {}
    for log_det in ("exact", "estimate"):
        keras.utils.set_random_seed(0)
        model = tfflows.ResidualFlow(SIZE, transforms=2, hidden_units=(16,), log_det=log_det)
        model.compile(keras.optimizers.Adam(1e-2))
        model.fit(x, epochs=6, batch_size=100, verbose=0)
        losses[log_det] = -float(np.mean(model.log_prob(x)))
    assert all(abs(loss - best) < 0.1 for loss in losses.values()), (losses, best)
