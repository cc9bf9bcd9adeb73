"""Discrete data: the bound against the exact probabilities, and the draws behind it."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, univariates

#: Probabilities of a table of 4 x 4 cells.
TABLE = np.array([[8, 1, 1, 6], [1, 9, 3, 1], [2, 4, 10, 1], [7, 1, 2, 3]]) / 60.0
CELLS = np.stack(np.meshgrid(range(4), range(4), indexing="ij"), -1).reshape(-1, 2).astype("f4")


def affine(**kwargs):
    return layers.MaskedAutoregressive(univariates.Affine(), hidden_units=(16,), **kwargs)


def noise(context_shape=2, event_shape=2, **kwargs):
    layer = affine(dtype=kwargs.get("dtype"))
    return tfflows.Flow([tfb.Sigmoid(), layer], event_shape, context_shape, **kwargs)


def flow(of="uniform", context_shape=None, **kwargs):
    family = univariates.RationalQuadraticSpline(bins=8)
    return tfflows.Flow(
        [
            layers.Dequantize(noise() if of == "flow" else of, **kwargs),
            layers.Standardize(),
            layers.MaskedAutoregressive(family, hidden_units=(32,)),
        ],
        2,
        context_shape,
    )


def rows(count):
    chosen = np.random.default_rng(0).choice(16, size=count, p=TABLE.reshape(-1))
    return CELLS[chosen]


def exact_log_probabilities(model, cells, points=40):
    """Return what the continuous density has in each cell, by a fine grid of midpoints."""
    continuous = tfflows.Flow(model.bijector_layers[1:], 2)
    offsets = (np.arange(points) + 0.5) / points
    offsets = np.stack(np.meshgrid(offsets, offsets), -1).reshape(-1, 2)
    density = continuous.prob((cells[:, np.newaxis] + offsets).astype("f4"))
    return np.log(np.mean(density, axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("of", ["uniform", "flow"])
def test_the_bound_lies_above_the_exact_loss_and_nears_it_with_draws(of):
    keras.utils.set_random_seed(0)
    model = flow(of)
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(rows(4000), epochs=15, batch_size=200, verbose=0, seed=0)
    exact = -np.sum(TABLE.reshape(-1) * exact_log_probabilities(model, CELLS))

    def bound(samples, draws):
        found = model.log_prob(np.repeat(CELLS, draws, 0), samples=samples, seed=1)
        return -np.sum(TABLE.reshape(-1) * np.mean(np.reshape(found, [16, draws]), 1))

    entropy = -np.sum(TABLE * np.log(TABLE))
    one, many = bound(1, 2000), bound(200, 100)
    assert entropy < exact < many + 2e-3 < one
    assert abs(many - exact) < 5e-3
    assert one < entropy + 0.2
    # Of one step in training the loss is this bound.
    assert abs(model.evaluate(rows(4000), verbose=0) - one) < 0.05


@pytest.fixture(scope="module", params=["uniform", "flow"])
def moved(request):
    """A flow of each noise whose weights are not those of the start."""
    model = flow(request.param)
    model.adapt(rows(500))
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.2 * rng.normal(size=weight.shape))
    return model


class TestDraws:
    def test_they_do_not_depend_on_the_batch_size(self, moved):
        x = rows(50)
        whole = moved.inverse(x, seed=3)
        for size in (1, 7, 49):
            np.testing.assert_allclose(moved.inverse(x, seed=3, batch_size=size), whole, atol=1e-5)
        score = moved.log_prob(x, samples=3, seed=3)
        found = moved.log_prob(x, samples=3, seed=3, batch_size=7)
        np.testing.assert_allclose(found, score, atol=1e-4)

    def test_nor_on_halves(self):
        model, x = flow(), rows(5001)
        few = model.inverse(x, seed=3, batch_size=1000)
        np.testing.assert_allclose(model.inverse(x, seed=3), few, atol=1e-5)

    def test_one_seed_one_draw_in_every_mode(self, moved):
        layer, x = moved.bijector_layers[0], tf.constant(rows(50))
        expected = layer.inverse(x, None, tf.constant([5, 6]))
        for jit_compile in (False, True):
            program = tf.function(
                lambda x, seed: layer.inverse(x, None, seed),
                jit_compile=jit_compile,
                autograph=False,
            )
            found = program(x, tf.constant([5, 6]))
            np.testing.assert_allclose(found[0], expected[0], atol=2e-6)
            np.testing.assert_allclose(found[1], expected[1], atol=1e-4)
        assert np.abs(program(x, tf.constant([5, 7]))[0] - expected[0]).max() > 0.1

    def test_layers_draw_by_their_place(self):
        model = tfflows.Flow([tfb.Permute([1, 0]), layers.Dequantize(), tfb.Scale(8.0)], 2)
        u = 8.0 * model.inverse(CELLS, seed=(0, 4)) - CELLS[:, ::-1]
        expected = tfflows.random.uniform([16, 2], tfflows.random.fold_in([0, 4], 1))
        np.testing.assert_allclose(u, expected, atol=1e-5)

    def test_without_a_seed_every_call_is_the_same(self, moved):
        x = rows(20)
        np.testing.assert_array_equal(moved.log_prob(x), moved.log_prob(x))
        np.testing.assert_allclose(moved(x), moved.log_prob(x), atol=1e-5)
        np.testing.assert_allclose(moved(x, seed=4), moved.log_prob(x, seed=4), atol=1e-5)
        assert np.any(moved(x, seed=4).numpy() != moved(x).numpy())


class TestGrid:
    def test_data_come_back(self, moved):
        x = rows(500)
        for seed in range(3):
            np.testing.assert_array_equal(moved.forward(moved.inverse(x, seed=seed)), x)

    @pytest.mark.parametrize("step", [1.0, 0.1, [3.0, 1e-3]])
    def test_whatever_rounding_does(self, step):
        layer = layers.Dequantize(step=step)
        layer.build((2,))
        numbers = np.random.default_rng(0).integers(-(2**20), 2**20, size=[10_000, 2])
        x = tf.constant(numbers * np.float64(step), tf.float32)
        for seed in range(3):
            z, log_weight = layer.inverse(x, None, [0, seed])
            assert np.all(np.isfinite(log_weight))
            back = layer.forward(z)[0]
            assert np.all(np.abs(back - x) < 0.2 * np.asarray(step) + 2e-7 * np.abs(x))

    def test_samples_lie_on_it(self, moved):
        drawn = moved.sample(300, seed=0)
        np.testing.assert_array_equal(drawn, np.round(drawn))
        assert len(np.unique(drawn, axis=0)) > 4
        stepped = flow(step=0.25).sample(100, seed=0)
        np.testing.assert_array_equal(4 * stepped, np.round(4 * stepped))

    def test_between_its_points_the_probability_is_zero(self, moved):
        x = tf.constant([[1.0, 2.0], [1.0, 2.25]])
        weights = [weight.value for weight in moved.trainable_weights]
        with tf.GradientTape() as tape:
            log_prob = moved.log_prob(x)
            total = tf.reduce_sum(tf.where(tf.math.is_finite(log_prob), log_prob, 0.0))
        assert log_prob[1] == -np.inf and np.isfinite(log_prob[0])
        assert all(np.all(np.isfinite(g)) for g in tape.gradient(total, weights))
        assert moved.log_prob(x, samples=5)[1] == -np.inf
        assert np.all(np.isnan(moved.inverse(x)[1]))

    def test_the_unit_of_the_step_is_that_of_the_probability(self):
        """Counts in other units have the same probabilities."""
        whole, quarter = flow(), flow(step=0.25)
        for model, unit in ((whole, 1.0), (quarter, 0.25)):
            model.adapt(unit * rows(500))
        x = rows(10)
        np.testing.assert_allclose(quarter.log_prob(0.25 * x), whole.log_prob(x), atol=1e-4)

    def test_no_advice_to_do_what_is_done(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            flow().adapt(rows(2000))
        with pytest.warns(UserWarning, match="dequantization"):
            tfflows.MAF(2, transforms=1).adapt(rows(2000))


class TestNoise:
    def test_gradients_reach_it(self):
        model = flow("flow")
        model.adapt(rows(500))
        inner = model.bijector_layers[0].noise
        weights = [weight.value for weight in inner.trainable_weights]
        assert weights and set(map(id, inner.weights)) <= set(map(id, model.weights))
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(model.log_prob(rows(200), samples=2))
        gradients = list(map(tf.convert_to_tensor, tape.gradient(loss, weights)))
        assert all(np.all(np.isfinite(gradient)) for gradient in gradients)
        # The last layer, from which all others get theirs once it has moved.
        assert np.all(np.any(gradients[-1] != 0))

    def test_it_is_told_the_context(self):
        model = tfflows.Flow([layers.Dequantize(noise(context_shape=5)), affine()], 2, 3)
        context = np.random.default_rng(0).normal(size=[30, 3]).astype("f4")
        model.adapt(rows(30), context=context)
        inner = model.bijector_layers[0].noise
        for weight in inner.trainable_weights:
            weight.assign(weight + 0.3 * np.random.default_rng(0).normal(size=weight.shape))
        one = model.inverse(rows(30), context)
        other = model.inverse(rows(30), context + 1.0)
        assert np.abs(one - other).max() > 1e-3
        assert model.sample(4, seed=0, context=context).shape == (4, 30, 2)

    @pytest.mark.parametrize(
        ("made", "message"),
        [
            (lambda: noise(context_shape=3), r"context_shape=2.*it has .*context_shape=\(3,\)"),
            (lambda: noise(event_shape=3), r"event_shape=\(2,\).*it has event_shape=\(3,\)"),
            (lambda: noise(dtype="float64"), "computes in float64 and the layer in float32"),
            (lambda: tfflows.Flow([affine()], 2, 2), r"unit cube.*tfb.Sigmoid\(\)"),
            (lambda: noise(base=tfd.MultivariateNormalDiag([0.0, 0.0])), "each row on its own"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, made, message):
        with pytest.raises(ValueError, match=message):
            tfflows.Flow([layers.Dequantize(made())], 2)

    @pytest.mark.parametrize("given", ["gaussian", 3, tfb.Sigmoid()])
    def test_what_is_no_noise_is_named(self, given):
        with pytest.raises(TypeError, match='noise must be "uniform" or a tfflows Flow'):
            layers.Dequantize(given)

    @pytest.mark.parametrize("step", [0.0, -1.0, np.nan])
    def test_a_step_that_is_none(self, step):
        with pytest.raises(ValueError, match="step must be positive"):
            layers.Dequantize(step=step)
        with pytest.raises(ValueError, match="does not broadcast"):
            tfflows.Flow([layers.Dequantize(step=[1.0, 1.0, 1.0])], 2)


def test_copies_and_files(moved, tmp_path):
    x = rows(30)
    expected = moved.log_prob(x, samples=3, seed=1)
    moved.save(tmp_path / "model.keras")
    clone = keras.models.clone_model(moved)
    clone.set_weights(moved.get_weights())
    for model in (keras.models.load_model(tmp_path / "model.keras"), clone):
        np.testing.assert_allclose(model.log_prob(x, samples=3, seed=1), expected, atol=1e-5)
        np.testing.assert_array_equal(model.sample(5, seed=2), moved.sample(5, seed=2))


def test_it_stands_in_a_functional_model():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, layers.Dequantize(step=2.0)(inputs))
    z = model.predict(2.0 * CELLS, verbose=0)
    np.testing.assert_array_equal(np.floor(z / 2.0), CELLS)


def test_a_step_of_zero_leaves_a_coordinate_as_it_is():
    layer = layers.Dequantize(step=[0.5, 0.0])
    layer.build((2,))
    x = tf.constant([[1.5, 0.123], [2.0, -7.7]])
    z, log_weight = layer.inverse(x, seed=[0, 1])
    np.testing.assert_array_equal(z[:, 1], x[:, 1])
    assert ((z[:, 0] >= x[:, 0]) & (z[:, 0] < x[:, 0] + 0.5)).numpy().all()
    np.testing.assert_allclose(log_weight, np.log(0.5), rtol=1e-6)
    np.testing.assert_array_equal(layer.forward(z)[0], x)
    between = layer.inverse(tf.constant([[1.3, 0.0]]), seed=[0, 1])[1]
    assert between.numpy()[0] == -np.inf
    for step in (0.0, [1.0, -1.0]):
        with pytest.raises(ValueError, match="step must be positive, or 0 for some"):
            layers.Dequantize(step=step)
    with pytest.raises(ValueError, match="some have the step 0"):
        layers.Dequantize(noise(), step=[1.0, 0.0])
