"""The mixture of normal distributions: its density, its draws, its start and its fit."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture as Reference

import tfflows
from tfflows import distributions, layers, models

RNG = np.random.default_rng(0)


def clusters(rows=1500):
    """Draw from three elongated clusters in the plane."""
    labels = RNG.choice(3, size=rows, p=[0.5, 0.3, 0.2])
    factors = np.array([[[1, 0], [0.8, 0.3]], [[0.5, 0], [-0.6, 0.4]], [[0.3, 0], [0, 1.5]]])
    means = np.array([[-3.0, 0.0], [2.0, 2.0], [2.0, -3.0]])
    noise = RNG.normal(size=(rows, 2, 1))
    return (means[labels] + (factors[labels] @ noise)[..., 0]).astype("float32")


def parameters(batch=()):
    triangle = np.tril(RNG.normal(size=(*batch, 3, 2, 2)), -1) + np.eye(2)
    shapes = ((3,), (3, 2), (3, 2))
    return [*(RNG.normal(size=(*batch, *shape)) for shape in shapes), triangle]


def test_density_and_draws_are_those_of_the_covariances():
    logits, loc, log_scale, triangle = parameters()
    mixture = distributions.GaussianMixture(logits, loc, log_scale, triangle)
    weights = np.exp(logits) / np.exp(logits).sum()
    factor = np.linalg.inv(triangle)
    factor = np.exp(log_scale)[:, :, np.newaxis] * factor
    covariances = factor @ factor.transpose(0, 2, 1)
    parts = [scipy.stats.multivariate_normal(m, c) for m, c in zip(loc, covariances, strict=True)]
    x = RNG.normal(size=(20, 2)) * 3
    expected = np.log(sum(w * part.pdf(x) for w, part in zip(weights, parts, strict=True)))
    np.testing.assert_allclose(mixture.log_prob(x), expected, rtol=1e-9)
    drawn = mixture.sample(40_000, seed=(0, 1)).numpy()
    mean = weights @ loc
    np.testing.assert_allclose(mixture.mean(), mean, rtol=1e-9)
    apart = loc - mean
    spread = np.einsum("k,kij->ij", weights, covariances + apart[:, :, None] * apart[:, None, :])
    np.testing.assert_allclose(drawn.mean(0), mean, atol=0.1)
    np.testing.assert_allclose(np.cov(drawn, rowvar=False), spread, rtol=0.1, atol=0.1)


def test_mixtures_of_a_batch_are_drawn_from_apart():
    logits, loc, log_scale, triangle = parameters((4,))
    loc += 100.0 * np.arange(4)[:, np.newaxis, np.newaxis]
    mixture = distributions.GaussianMixture(logits, loc, log_scale, triangle)
    drawn = mixture.sample(50, seed=(0, 1))
    assert drawn.shape == (50, 4, 2) and mixture.log_prob(drawn).shape == (50, 4)
    np.testing.assert_array_equal(np.round(np.median(drawn, 0) / 100.0)[:, 0], np.arange(4))
    one = distributions.GaussianMixture(logits[1], loc[1], log_scale[1], triangle[1])
    np.testing.assert_allclose(mixture.log_prob(drawn)[:, 1], one.log_prob(drawn[:, 1]))
    np.testing.assert_allclose(mixture[1].log_prob(drawn[:, 1]), one.log_prob(drawn[:, 1]))


def test_a_seed_gives_the_same_draws_everywhere():
    mixture = distributions.GaussianMixture(*(p.astype("float32") for p in parameters()))

    def draw(seed):
        return mixture.sample(40, seed=seed)

    seed = tf.constant([0, 7])
    for jit in (False, True):
        found = tf.function(draw, jit_compile=jit)(seed)
        np.testing.assert_allclose(found, draw(seed), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_it_starts_at_the_clusters_and_reaches_the_score_of_scikit_learn(covariance):
    x = clusters()
    x = (x - x.mean(0)) / x.std(0)
    only = 1.0 if covariance == "full" else np.eye(2)
    labels = KMeans(3, n_init=1, random_state=0).fit_predict(x.astype("float64"))
    density = 0.0
    for own in (x[labels == k] for k in range(3)):
        spread = only * np.cov(own, rowvar=False, bias=True)
        density += len(own) / len(x) * scipy.stats.multivariate_normal(own.mean(0), spread).pdf(x)
    model = models.GaussianMixture(2, components=3, covariance=covariance)
    assert model.needs_adapt
    model.adapt(x)
    assert not model.needs_adapt
    np.testing.assert_allclose(model.log_prob(x), np.log(density), atol=1e-3)
    kind = {"full": "full", "diagonal": "diag"}[covariance]
    reference = Reference(3, covariance_type=kind, random_state=0, tol=1e-7, max_iter=1000)
    best = reference.fit(x.astype("float64")).score(x)
    rate = keras.optimizers.schedules.CosineDecay(0.03, 250)
    model.compile(keras.optimizers.Adam(rate))
    model.fit(x, epochs=250, batch_size=len(x), verbose=0)
    assert float(tf.reduce_mean(model.log_prob(x))) > best - 1e-4


def test_gmm_is_the_mixture_of_standardized_data(tmp_path):
    x = 100.0 + 10.0 * clusters()
    flow = tfflows.GMM(2, components=3)
    flow.compile(keras.optimizers.Adam(0.02))
    flow.fit(x, epochs=80, batch_size=500, verbose=0)
    best = Reference(3, n_init=3, random_state=0).fit(x).score(x)
    assert float(tf.reduce_mean(flow.log_prob(x))) > best - 0.01
    flow.save(tmp_path / "flow.keras")
    again = tfflows.load(tmp_path / "flow.keras")
    np.testing.assert_array_equal(again.log_prob(x[:9]), flow.log_prob(x[:9]))
    np.testing.assert_array_equal(again.sample(9, seed=0), flow.sample(9, seed=0))
    shares = RNG.dirichlet([2.0, 3.0, 4.0], size=200).astype("float32")
    on_simplex = tfflows.GMM(3, components=2, first=[layers.Simplex()])
    on_simplex.adapt(shares)
    assert np.isfinite(on_simplex.log_prob(shares)).all()


def test_a_context_moves_the_mixture():
    c = RNG.normal(size=(1500, 1)).astype("float32")
    side = np.where(RNG.random((1500, 1)) < 0.5, -1.0, 1.0)
    x = (side * (2.0 + c) + 0.2 * RNG.normal(size=c.shape)).astype("float32")
    flow = tfflows.GMM(1, 1, components=4, hidden_units=(32,))
    flow.compile(keras.optimizers.Adam(0.01))
    flow.fit(x, context=c, epochs=40, batch_size=250, verbose=0)
    # The entropy: of the side, and of the noise.
    entropy = np.log(2.0) + 0.5 * np.log(2.0 * np.pi * np.e * 0.04)
    assert flow.evaluate(x, context=c, verbose=0) < entropy + 0.25
    drawn = np.abs(flow.sample(200, seed=0, context=[[-0.5], [0.5]]).numpy()[..., 0])
    np.testing.assert_allclose(np.median(drawn, 0), [1.5, 2.5], atol=0.3)


def test_errors_say_what_is_expected():
    with pytest.raises(ValueError, match=r"covariance must be .*; got 'tied'"):
        models.GaussianMixture(2, covariance="tied")
    with pytest.raises(ValueError, match="components=0: expected a whole number of at least 1"):
        models.GaussianMixture(2, components=0)
    with pytest.raises(ValueError, match="8 components need as many rows to start at; x has 5"):
        models.GaussianMixture(2).adapt(RNG.normal(size=(5, 2)))
