"""Normal distributions are those of their data, and flows of whole-vector layers learn more."""

import keras
import numpy as np
import pytest

import tfflows
from tfflows import layers


def normal_rows(rows=10_000):
    rng = np.random.default_rng(0)
    mixing = np.array([[2.0, 0.0, 0.0], [1.5, 0.5, 0.0], [-1.0, 0.4, 3.0]])
    return (rng.normal(size=(rows, 3)) @ mixing.T + [5.0, -1.0, 0.0]).astype("float32")


@pytest.mark.parametrize("name", ["TriangularNormal", "HouseholderFlow"])
def test_the_likeliest_normal_distribution_has_the_moments_of_the_rows(name):
    """To a thousandth, in units of the deviations."""
    x = normal_rows()
    flow = getattr(tfflows, name)(3)
    steps = 600
    rate = keras.optimizers.schedules.CosineDecay(1e-1, steps)
    flow.compile(keras.optimizers.Adam(rate))
    flow.fit(x, epochs=steps, batch_size=len(x), verbose=0)
    mean, covariance = x.mean(0, np.float64), np.cov(x, rowvar=False, bias=True)
    shift = flow.forward(np.zeros([1, 3], np.float32)).numpy()[0]
    factor = (flow.forward(np.eye(3, dtype=np.float32)).numpy() - shift).T.astype("float64")
    deviation = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(shift / deviation, mean / deviation, atol=1e-3)
    units = np.outer(deviation, deviation)
    np.testing.assert_allclose(factor @ factor.T / units, covariance / units, atol=1e-3)
    if name == "TriangularNormal":
        np.testing.assert_allclose(factor, np.tril(factor), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("PlanarFlow", {"transforms": 8}),
        ("RadialFlow", {"transforms": 8}),
        ("SylvesterFlow", {"transforms": 4}),
    ],
)
def test_more_than_a_normal_distribution(name, options):
    """The best one has 1.88 nats on the moons."""
    keras.utils.set_random_seed(0)
    train, _, test = tfflows.datasets.load("moons", seed=0, n=6000)
    flow = getattr(tfflows, name)(2, **options)
    flow.compile(keras.optimizers.Adam(2e-2))
    flow.fit(train, epochs=8, batch_size=100, verbose=0)
    covariance = np.cov(test, rowvar=False)
    normal = 0.5 * np.linalg.slogdet(2.0 * np.pi * np.e * covariance)[1]
    assert -np.mean(flow.log_prob(test)) < normal - 0.2


def test_inverse_and_bases():
    flow = tfflows.PlanarFlow(2, transforms=2, inverse=True)
    assert all(isinstance(layer, layers.Invert) for layer in flow.bijector_layers[1:])
    flow = tfflows.SylvesterFlow(4, transforms=3, units=2, basis="triangular")
    reversals = [isinstance(layer, layers.Reverse) for layer in flow.bijector_layers]
    assert sum(reversals) == 2
    assert tfflows.HouseholderFlow(1).sample(2, seed=0).shape == (2, 1)
    assert tfflows.SylvesterFlow(1, transforms=1).sample(2, seed=0).shape == (2, 1)
