"""Layers that change the dimension, against marginals in closed form."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers

#: x = A z of standard normal latents.
A = np.array([[1.2, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.3, 0.4, 0.9]])
COVARIANCE = A @ A.T


@keras.saving.register_keras_serializable(package="tests")
class Given(layers.BijectorLayer):
    """The normal distribution of the last coordinates of N(0, COVARIANCE), given the first."""

    def __init__(self, given, **kwargs):
        super().__init__(**kwargs)
        self.given = given

    def build(self, event_shape, context_shape=None):
        self.factor = self.add_weight((), initializer="ones", name="factor")

    def bijector(self, context=None):
        k, dtype = self.given, self.variable_dtype
        gain = COVARIANCE[k:, :k] @ np.linalg.inv(COVARIANCE[:k, :k])
        rest = COVARIANCE[k:, k:] - gain @ COVARIANCE[:k, k:]
        loc = tf.linalg.matvec(tf.constant(gain, dtype), context[..., :k])
        loc += tf.reduce_sum(context[..., k:], -1, keepdims=True)
        root = tf.constant(np.linalg.cholesky(rest), dtype) * self.factor
        return tfb.Shift(loc)(tfb.ScaleMatvecTriL(root))

    def get_config(self):
        return {**super().get_config(), "given": self.given}


def conditional(given=1, extra=0):
    options = {"dtype": "float64", "standardize_context": False}
    return tfflows.Flow([Given(given, dtype="float64")], 3 - given, given + extra, **options)


def linear():
    return tfb.ScaleMatvecTriL(A)


def marginal(k):
    """Return the distribution of the first k coordinates."""
    return tfd.MultivariateNormalFullCovariance(np.zeros(k), COVARIANCE[:k, :k])


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal(size=(40, 3))


def augmented(noise=None, count=2, context_shape=None):
    return tfflows.Flow(
        [layers.Augment(count, noise, dtype="float64"), linear()],
        3 - count,
        context_shape,
        dtype="float64",
    )


def sliced(rest=None, context_shape=None):
    return tfflows.Flow(
        [layers.Slice(1, rest, dtype="float64"), tfb.Scale(np.float64(A[0, 0]))],
        3,
        context_shape,
        dtype="float64",
    )


@pytest.mark.parametrize("count", [1, 2])
def test_with_the_conditional_density_of_the_noise_the_bound_is_the_marginal(rows, count):
    x = rows[:, : 3 - count]
    flow = augmented(conditional(3 - count), count)
    assert not flow.exact
    found = flow.log_prob(x, seed=3)
    np.testing.assert_allclose(found, marginal(3 - count).log_prob(x), atol=1e-10)


def test_otherwise_it_lies_below_and_nears_the_marginal_with_draws(rows):
    flow, exact = augmented(), marginal(1).log_prob(rows[:, :1])
    gaps = [
        np.mean(exact - flow.log_prob(rows[:, :1], samples=draws, seed=1))
        for draws in (1, 20, 4000)
    ]
    assert gaps[0] > gaps[1] > abs(gaps[2])
    assert abs(gaps[2]) < 0.02


def test_samples_of_an_augmented_flow_are_those_of_the_marginal():
    drawn = augmented().sample(20_000, seed=0)
    assert drawn.shape == (20_000, 1)
    assert abs(np.std(drawn) - A[0, 0]) < 0.03
    with pytest.raises(NotImplementedError, match=r"sample\(\) and then log_prob\(\)"):
        augmented().sample_and_log_prob(3)


def test_a_slice_is_exact(rows):
    flow = sliced(conditional())
    assert flow.exact and flow.inverse(rows).shape == (40, 1)
    np.testing.assert_allclose(flow.log_prob(rows), marginal(3).log_prob(rows), atol=1e-10)
    drawn, log_prob = flow.sample_and_log_prob(20_000, seed=0)
    np.testing.assert_allclose(log_prob, marginal(3).log_prob(drawn), atol=1e-8)
    np.testing.assert_allclose(np.cov(drawn, rowvar=False), COVARIANCE, atol=0.06)


def test_by_default_the_rest_is_standard_normal(rows):
    expected = tfd.MultivariateNormalDiag(scale_diag=[A[0, 0], 1.0, 1.0]).log_prob(rows)
    np.testing.assert_allclose(sliced().log_prob(rows), expected, atol=1e-10)


@pytest.mark.parametrize("make", [augmented, sliced])
def test_rows_do_not_depend_on_their_batch(rows, make):
    flow = make()
    x = rows[:, : flow.event_size]
    np.testing.assert_allclose(flow.log_prob(x, batch_size=7), flow.log_prob(x), atol=1e-12)
    np.testing.assert_allclose(flow.sample(5, seed=2), flow.sample(9, seed=2)[:5], atol=1e-12)


def test_a_context_reaches_the_density_of_what_is_drawn(rows):
    flow, c = sliced(conditional(extra=2), 2), np.full((40, 2), 0.5)
    shifted = rows - [0.0, 1.0, 1.0]
    found = flow.log_prob(rows, context=c)
    np.testing.assert_allclose(found, marginal(3).log_prob(shifted), atol=1e-10)
    assert flow.sample(4, seed=0, context=c).shape == (4, 40, 3)


@pytest.mark.parametrize("make", [augmented, sliced])
def test_trained_saved_and_served(rows, tmp_path, make):
    flow = make(conditional())
    x = rows[:, : flow.event_size]
    flow.compile(keras.optimizers.SGD(0.01))
    flow.fit(x, epochs=1, batch_size=10, verbose=0, seed=0)
    assert all(float(weight) != 1.0 for weight in flow.trainable_weights)
    flow.save(tmp_path / "flow.keras")
    again = tfflows.load(tmp_path / "flow.keras")
    np.testing.assert_allclose(again.log_prob(x), flow.log_prob(x), atol=1e-12)
    flow.export(tmp_path / "served")
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(
        served.log_prob(x, seed=0)["log_prob"], flow.log_prob(x, seed=0), atol=1e-8
    )


def test_a_flow_as_noise_adapts_and_comes_nearer_to_the_marginal():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(1).normal(size=(2000, 1)) * A[0, 0]
    noise = tfflows.MAF(2, 1, transforms=1, hidden_units=(8,), dtype="float64")
    flow = augmented(noise)
    before = np.mean(flow.log_prob(x))
    flow.compile(keras.optimizers.Adam(0.02))
    flow.fit(x, epochs=10, batch_size=100, verbose=0, seed=0)
    exact = np.mean(marginal(1).log_prob(x))
    assert not flow.needs_adapt
    assert before < exact - 0.3 and exact - 0.05 < np.mean(flow.log_prob(x)) < exact + 0.01


@pytest.mark.parametrize(
    "layer, shape, error, words",
    [
        (lambda: layers.Augment(0), 2, ValueError, "count"),
        (lambda: layers.Augment(1, "normal"), 2, TypeError, "noise must be a tfflows model"),
        (lambda: layers.Slice(2), 2, ValueError, "keeps 2 coordinates .* have 2"),
        (lambda: layers.Slice(1), (2, 2), ValueError, r"works on vectors; got .*\(2, 2\)"),
        (lambda: layers.Augment(1), (), ValueError, "works on vectors"),
        (
            lambda: layers.Augment(1, tfflows.MAF(2, 2, transforms=1, hidden_units=(4,))),
            2,
            ValueError,
            r"noise here must have event_shape=\(1,\) and context_shape=2",
        ),
        (
            lambda: layers.Slice(1, conditional()),
            3,
            ValueError,
            "rest computes in float64",
        ),
    ],
)
def test_what_does_not_fit_is_named(layer, shape, error, words):
    with pytest.raises(error, match=words):
        tfflows.Flow([layer()], shape)
