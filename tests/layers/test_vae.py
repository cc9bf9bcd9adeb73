"""The layer of encoder and decoder, against marginals in closed form."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import FactorAnalysis
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, losses, univariates

#: Probabilistic principal components: x = W z + mean + 0.4 noise.
W = np.array([[1.2, 0.0], [0.8, 0.5], [-0.3, 0.4], [0.1, -0.9]])
MEAN, SIGMA = np.array([0.5, -1.0, 0.0, 2.0]), 0.4
MARGINAL = tfd.MultivariateNormalFullCovariance(MEAN, W @ W.T + SIGMA**2 * np.eye(4))


@keras.saving.register_keras_serializable(package="tests")
class Posterior(layers.BijectorLayer):
    """The posterior of the latent points, times `wider`."""

    def __init__(self, wider=1.0, **kwargs):
        super().__init__(**kwargs)
        self.wider = wider

    def build(self, event_shape, context_shape=None):
        self.factor = self.add_weight((), initializer="ones", name="factor")

    def bijector(self, context=None):
        precision = W.T @ W / SIGMA**2 + np.eye(2)
        gain = np.linalg.solve(precision, W.T) / SIGMA**2
        loc = tf.linalg.matvec(tf.constant(gain), context[..., :4] - MEAN)
        root = self.wider * np.linalg.cholesky(np.linalg.inv(precision))
        return tfb.Shift(loc)(tfb.ScaleMatvecTriL(tf.constant(root) * self.factor))

    def get_config(self):
        return {**super().get_config(), "wider": self.wider}


def linear_gaussian(wider=1.0):
    options = {"dtype": "float64"}
    encoder = tfflows.Flow(
        [Posterior(wider, **options)], 2, 4, standardize_context=False, **options
    )
    decoder = keras.layers.Dense(4, **options)
    decoder.build((None, 2))
    decoder.set_weights([W.T, MEAN])
    layer = layers.VAE(encoder, decoder, "normal", **options)
    flow = tfflows.Flow([layer], 4, **options)
    layer.log_scale.assign(np.full(4, np.log(SIGMA)))
    return flow


def encoder(size=3, given=6, **kwargs):
    return tfflows.IAF(
        size, given, transforms=1, hidden_units=(8,), standardize_context=False, **kwargs
    )


def decoder(size=6):
    return keras.Sequential([keras.layers.Dense(8, "relu"), keras.layers.Dense(size)])


@pytest.fixture(scope="module")
def bits():
    return np.random.default_rng(0).integers(0, 2, (50, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def rows():
    return np.asarray(MARGINAL.sample(40, seed=0))


def test_with_the_posterior_as_encoder_every_draw_is_the_marginal(rows):
    flow = linear_gaussian()
    for seed in range(3):
        found = flow.log_prob(rows, seed=seed)
        np.testing.assert_allclose(found, MARGINAL.log_prob(rows), atol=1e-9)


def test_the_bound_rises_with_the_draws_to_the_marginal(rows):
    flow, many = linear_gaussian(wider=1.5), np.repeat(rows, 50, 0)
    true = MARGINAL.log_prob(many)
    gaps = [
        np.mean(true - flow.log_prob(many, samples=n, seed=1, batch_size=2000))
        for n in (1, 4, 16, 128)
    ]
    # One draw: the divergence of the wider posterior from the other one.
    assert gaps[0] == pytest.approx(2 * (0.5 * (1.5**2 - 1) - np.log(1.5)), rel=0.1)
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2] > 0
    assert abs(gaps[3]) < 0.01


def test_samples_have_the_moments_of_the_marginal():
    x = linear_gaussian().sample(20_000, seed=0)
    np.testing.assert_allclose(np.mean(x, 0), MEAN, atol=0.05)
    np.testing.assert_allclose(np.cov(np.transpose(x)), MARGINAL.covariance(), atol=0.08)


def test_both_directions_give_one_log_weight(rows):
    layer = linear_gaussian().bijector_layers[0]
    z, from_data = layer.inverse(tf.constant(rows), None, tf.constant([0, 1]))
    x, from_latent = layer.forward(z, None, tf.constant([0, 2]))
    joint = tfd.MultivariateNormalDiag(MEAN + z @ W.T, np.full(4, SIGMA)).log_prob
    posterior = layer.encoder.distribution
    expected = [joint(p) - posterior(p).log_prob(z) for p in (rows, x)]
    np.testing.assert_allclose(from_data, expected[0], atol=1e-9)
    np.testing.assert_allclose(from_latent, expected[1], atol=1e-9)


@pytest.mark.slow
def test_training_reaches_the_likelihood_of_factor_analysis():
    keras.utils.set_random_seed(0)
    x = np.asarray(MARGINAL.sample(2000, seed=1), np.float32)
    best = FactorAnalysis(2, tol=1e-6).fit(x).score(x)
    posterior = tfflows.Flow(
        [
            layers.Shift(hidden_units=()),
            layers.Unconditional(layers.TriangularAffine()),
        ],
        2,
        4,
    )
    flow = tfflows.Flow([layers.VAE(posterior, keras.layers.Dense(4), "normal")], 4)
    rate = keras.optimizers.schedules.CosineDecay(0.02, 2000)
    flow.compile(keras.optimizers.Adam(rate))
    flow.fit(x, epochs=100, batch_size=100, verbose=0, seed=0)
    found = np.mean(flow.log_prob(x, samples=50))
    assert best - 0.02 < found < best + 0.005


def test_bits_have_probabilities_that_sum_to_one():
    """The sum over all events, by many draws, of a model with a context."""
    keras.utils.set_random_seed(1)
    layer = layers.VAE(encoder(2, 3 + 1), decoder(3))
    flow = tfflows.Flow([layer], 3, 1, standardize_context=False)
    events = np.stack(np.meshgrid(*[[0.0, 1.0]] * 3), -1).reshape(-1, 3)
    context = np.full((8, 1), 0.7)
    total = np.exp(flow.log_prob(events, context, samples=4000, seed=0)).sum()
    assert total == pytest.approx(1.0, abs=0.02)


def test_draws_are_bits_of_their_own_rows_whatever_the_chunk(bits):
    flow = tfflows.Flow([layers.VAE(encoder(), decoder())], 6)
    drawn = flow.sample(100, seed=0).numpy()
    assert set(np.unique(drawn)) == {0.0, 1.0}
    z = flow.inverse(bits, seed=3)
    np.testing.assert_allclose(flow.inverse(bits, batch_size=7, seed=3), z, atol=1e-6)
    x = flow.forward(z, seed=3)
    np.testing.assert_array_equal(flow.forward(z, batch_size=7, seed=3), x)
    whole = flow.log_prob(bits)
    np.testing.assert_allclose(flow.log_prob(bits, batch_size=7), whole, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "posterior",
    [layers.Planar, layers.Sylvester, layers.Radial, None],
    ids=["planar", "sylvester", "radial", "gaussian"],
)
def test_posteriors_of_each_kind_train_with_a_prior_and_a_context(posterior, bits):
    keras.utils.set_random_seed(0)
    kind = {"hidden_units": (8,)}
    chain = [layers.Invert(posterior(**kind))] if posterior else []
    chain += [layers.Shift(**kind), layers.Scale(**kind)]
    q = tfflows.Flow(chain, 3, 6 + 2, standardize_context=False)
    prior = tfflows.Flow([layers.Coupling(univariates.Affine(), **kind)], 3, 2)
    flow = tfflows.Flow([layers.VAE(q, decoder())], 6, 2, base=prior, standardize_context=False)
    labels = np.eye(2)[bits[:, 0].astype(int)]
    flow.compile(keras.optimizers.Adam(0.02))
    before = [w.numpy() for w in flow.trainable_weights]
    history = flow.fit(bits, context=labels, epochs=30, batch_size=25, verbose=0, seed=0).history
    assert history["loss"][-1] < history["loss"][0] - 0.3
    moved = [
        np.abs(w.numpy() - old).max() for w, old in zip(flow.trainable_weights, before, strict=True)
    ]
    assert min(moved) > 0
    assert flow.sample(4, seed=0, context=labels[:5]).shape == (4, 5, 6)


def test_a_flow_may_be_the_decoder_and_statistics_come_from_data(rows):
    x = rows.astype(np.float32)
    q = tfflows.Flow([layers.Shift(), layers.Scale()], 2, 4)  # standardizes its context
    p = tfflows.MAF(4, 2, transforms=1, hidden_units=(8,))  # and its events
    flow = tfflows.Flow([layers.VAE(q, p)], 4)
    assert flow.needs_adapt
    flow.adapt(x)
    assert not flow.needs_adapt
    z, log_weight = flow.bijector_layers[0].inverse(tf.constant(x), None, tf.constant([0, 1]))
    expected = p.log_prob(x, z) - q.log_prob(z, x)
    np.testing.assert_allclose(log_weight, expected, atol=1e-4)
    assert flow.sample(3, seed=0).shape == (3, 4)


def test_saved_and_loaded(bits, tmp_path):
    flow = tfflows.Flow([layers.VAE(encoder(), decoder())], 6)
    flow.compile("adam")
    flow.fit(bits, epochs=1, verbose=0)
    flow.save(tmp_path / "vae.keras")
    loaded = tfflows.load(tmp_path / "vae.keras")
    np.testing.assert_array_equal(loaded.log_prob(bits), flow.log_prob(bits))
    np.testing.assert_array_equal(loaded.sample(5, seed=0), flow.sample(5, seed=0))


def test_a_loss_of_draws_sees_it(bits):
    """Draws of bits are not differentiable, those of normal numbers are."""
    flow = tfflows.Flow([layers.VAE(encoder(given=2), decoder(2), "normal")], 2)
    target = tfd.MultivariateNormalDiag([1.0, -1.0], [0.5, 2.0])
    flow.compile(keras.optimizers.Adam(0.01), loss=losses.ReverseKL(target.log_prob, samples=64))
    history = flow.fit(epochs=2, steps_per_epoch=60, verbose=0, seed=0).history["loss"]
    assert history[1] < history[0]


def test_numbers_between_zero_and_one_are_refused(bits):
    flow = tfflows.Flow([layers.VAE(encoder(), decoder())], 6)
    assert np.isneginf(flow.log_prob(np.full((1, 6), 0.5))).all()
    flow.compile("adam")
    flow.fit(bits * [0, 1, 1, 1, 1, 1], epochs=1, verbose=0)  # a pixel that is always black
    with pytest.raises(ValueError, match=r"0\.25\. Binarize them"):
        flow.fit(bits / 4 + 0.0, epochs=1, verbose=0)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: layers.VAE(None, decoder()), TypeError, "encoder must be a tfflows model"),
        (lambda: layers.VAE(decoder(), decoder()), TypeError, "encoder must be a tfflows model"),
        (lambda: layers.VAE(encoder(), len), TypeError, "must be a Keras layer or model"),
        (lambda: layers.VAE(encoder(), decoder(), "poisson"), ValueError, "'bernoulli', 'normal'"),
        (
            lambda: tfflows.Flow([layers.VAE(encoder(), decoder(5))], 6),
            ValueError,
            r"shape \(5,\) for each row; expected one for each coordinate",
        ),
        (
            lambda: tfflows.Flow([layers.VAE(encoder(given=5), decoder())], 6),
            ValueError,
            r"must have event_shape=\(3,\) and context_shape=6",
        ),
    ],
)
def test_bad_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
