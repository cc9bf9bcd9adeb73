"""The stated log densities and entropies are those of the rows."""

import numpy as np
import pytest
from scipy import integrate

from tfflows import datasets

DENSE = [name for name in datasets.names() if datasets.load(name, n=50).log_prob is not None]
LABELED = [name for name in DENSE if datasets.load(name, n=50).labels is not None]


def _grid(data, points=500):
    """Cell midpoints of a rectangle around all mass, and the cell's area."""
    low, high = data.target.box
    edges = [np.linspace(a, b, points + 1) for a, b in zip(low, high, strict=True)]
    middle = [(e[1:] + e[:-1]) / 2 for e in edges]
    area = np.prod([e[1] - e[0] for e in edges])
    return np.stack(np.meshgrid(*middle, indexing="ij"), axis=-1), area


def test_every_drawn_set_knows_its_density():
    assert len(DENSE) == 9


@pytest.mark.parametrize("name", DENSE)
def test_density_integrates_to_one(name):
    # The coarser grid keeps the costly integrals along the long curves short.
    long = name in ("2spirals", "swiss_roll")
    grid, area = _grid(data := datasets.load(name, n=50), 160 if long else 500)
    assert np.exp(data.log_prob(grid)).sum() * area == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("name", [name for name in LABELED if name != "2spirals"])
def test_density_given_each_label_integrates_to_one(name):
    grid, area = _grid(data := datasets.load(name, n=50), 400)
    for label in range(len(data.classes)):
        assert np.exp(data.log_prob(grid, label)).sum() * area == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("name", DENSE)
def test_entropy_is_the_mean_over_fresh_rows(name):
    rows = 20_000
    data = datasets.load(name, seed=11, n=rows, splits=(0.98, 0.01, 0.01))
    nll = -data.log_prob(data.train)
    error = nll.std() / np.sqrt(len(nll))
    assert abs(nll.mean() - data.entropy) < 4.5 * error + 1e-6
    if data.labels is not None:
        nll = -data.log_prob(data.train, data.labels.train)
        assert abs(nll.mean() - data.conditional_entropy) < 4.5 * nll.std() / np.sqrt(len(nll))


@pytest.mark.parametrize("name", LABELED)
def test_marginal_is_the_mean_of_the_parts(name):
    data = datasets.load(name, n=300)
    parts = [np.exp(data.log_prob(data.train, label)) for label in range(len(data.classes))]
    np.testing.assert_allclose(np.exp(data.log_prob(data.train)), np.mean(parts, 0), rtol=1e-9)


@pytest.mark.parametrize(("noise", "entropy"), [(0.05, 0.289), (0.1, 1.008)])
def test_entropy_of_moons(noise, entropy):
    assert datasets.load("moons", noise=noise).entropy == pytest.approx(entropy, abs=6e-4)


@pytest.mark.parametrize("noise", [0.02, 0.05, 0.3])
@pytest.mark.parametrize("label", [0, 1])
def test_moons_against_adaptive_quadrature(noise, label):
    data = datasets.load("moons", n=50, noise=noise)
    points = np.array([[1.0, 0.1], [-1.02, -0.05], [0.4, -0.4], [0.0, 0.5], [2.0, 0.6]])

    def density(x):
        def integrand(t):
            arc = [(np.cos(t), np.sin(t)), (1 - np.cos(t), 0.5 - np.sin(t))][label]
            square = (x[0] - arc[0]) ** 2 + (x[1] - arc[1]) ** 2
            return np.exp(-0.5 * square / noise**2) / (2 * np.pi * noise**2) / np.pi

        breaks = np.linspace(0, np.pi, 40)[1:-1]
        return integrate.quad(integrand, 0, np.pi, points=breaks, limit=400, epsabs=0)[0]

    expected = np.array([density(x) for x in points])
    got = data.log_prob(points, label)
    body = expected > 1e-30
    assert body.any()
    np.testing.assert_allclose(got[body], np.log(expected[body]), rtol=0, atol=1e-7)
    remote = (expected < 1e-30) & (expected > 1e-250)
    np.testing.assert_allclose(got[remote], np.log(expected[remote]), rtol=0, atol=1e-3)


def test_circle_against_adaptive_quadrature():
    data = datasets.load("circles", n=50, noise=0.2)
    for x in ([0.0, 0.0], [0.3, -0.7], [1.1, 0.2]):

        def integrand(t, x=x):
            square = (x[0] - np.cos(t)) ** 2 + (x[1] - np.sin(t)) ** 2
            return np.exp(-0.5 * square / 0.04) / (2 * np.pi * 0.04) / (2 * np.pi)

        expected = integrate.quad(integrand, 0, 2 * np.pi)[0]
        assert np.exp(data.log_prob(x, 0)) == pytest.approx(expected, rel=1e-8)


def test_pinwheel_blade_has_the_entropy_of_its_gaussian():
    data = datasets.load("pinwheel", n=50)
    expected = np.log(2 * np.pi * np.e) + np.log(0.3 * 0.1) + 2 * np.log(2.0)
    assert data.conditional_entropy == pytest.approx(expected, abs=1e-6)


def test_checkerboard_is_uniform_on_its_squares():
    data = datasets.load("checkerboard", seed=1)
    assert data.entropy == pytest.approx(np.log(32.0))
    np.testing.assert_allclose(data.log_prob(data.train.astype(np.float64)), -np.log(32.0))
    corners = np.array([[-3.0, -1.0], [5.0, 1.0], [1.0, -1.0]])
    assert np.all(np.isneginf(data.log_prob(corners)))


def test_far_away_the_log_density_is_finite():
    for name in DENSE:
        if name != "checkerboard":
            assert np.isfinite(datasets.load(name, n=50).log_prob([[60.0, -80.0]])).all(), name


def test_log_prob_shapes_and_errors():
    data = datasets.load("moons", n=50)
    assert data.log_prob(np.zeros((0, 2))).shape == (0,)
    assert data.log_prob(np.zeros((3, 4, 2)), labels=np.zeros((4,), int)).shape == (3, 4)
    assert data.log_prob([0.0, 1.0]).shape == ()
    with pytest.raises(ValueError, match=r"expected points of shape \(\.\.\., 2\); got \(5, 3\)"):
        data.log_prob(np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"labels must be integers in 0\.\.1; got 0\.\.2"):
        data.log_prob(np.zeros((3, 2)), labels=[0, 1, 2])
