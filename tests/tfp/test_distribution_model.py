"""Whole TFP distributions trained by Keras."""

import copy
import pickle

import keras
import numpy as np
import pytest
import sklearn.datasets
import tensorflow as tf
import tensorflow_probability as tfp

import tfflows
from tfflows import conditioners
from tfflows.models import DensityModel, DistributionModel

tfb, tfd = tfp.bijectors, tfp.distributions

NETWORKS = {
    "TFP's network": tfb.AutoregressiveNetwork,
    "our network": conditioners.AutoregressiveNetwork,
}


def chapter(network=tfb.AutoregressiveNetwork, width=128):
    """The textbook's flow: no event_shape given, no call made."""
    parts = []
    for _ in range(3):
        made = network(params=2, hidden_units=[width, width], activation="relu")
        parts += [tfb.MaskedAutoregressiveFlow(shift_and_log_scale_fn=made), tfb.Permute([1, 0])]
    return tfd.TransformedDistribution(
        distribution=tfd.MultivariateNormalDiag(loc=[0.0, 0.0]), bijector=tfb.Chain(parts)
    )


def moons(n=2000):
    x, _ = sklearn.datasets.make_moons(n, noise=0.05, random_state=0)
    return x.astype(np.float32)


def networks(flow):
    return [
        b.parameters["shift_and_log_scale_fn"]
        for b in flow.bijector.bijectors
        if isinstance(b, tfb.MaskedAutoregressiveFlow)
    ]


def assert_autoregressive(flow):
    """Each network's outputs for a coordinate depend on the coordinates before it alone."""
    x = tf.random.stateless_normal([5, 2], seed=(0, 1))
    for network in networks(flow):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = network(x)
        jacobian = tape.batch_jacobian(outputs, x).numpy()  # [batch, coordinate, params, input]
        for coordinate in range(2):
            np.testing.assert_array_equal(jacobian[:, coordinate, :, coordinate:], 0.0)
        # The other triangle is not empty: the flow did learn a dependence.
        assert np.abs(jacobian[:, 1, :, 0]).max() > 0.0


@pytest.mark.parametrize("network", NETWORKS)
class TestChapter:
    def test_all_18_variables_train_by_a_hand_written_loop(self, network):
        keras.utils.set_random_seed(1)
        flow = chapter(NETWORKS[network])
        model = DistributionModel(flow)
        assert len(model.trainable_weights) == 18
        assert len({weight.path for weight in model.weights}) == 18
        x = tf.constant(moons())
        optimizer = keras.optimizers.Adam(3e-3)
        optimizer.build(model.trainable_variables)
        before = [w.numpy() for w in model.trainable_weights]

        @tf.function
        def step(batch):
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(model(batch))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            return loss

        losses = [float(step(x[32 * i : 32 * i + 32])) for i in range(60)]
        assert np.mean(losses[-10:]) < np.mean(losses[:3]) - 0.5
        for weight, old in zip(model.trainable_weights, before, strict=True):
            assert not np.array_equal(weight, old), weight.path
        assert_autoregressive(flow)
        np.testing.assert_allclose(
            flow.log_prob(tf.identity(x)), model.log_prob(x), rtol=1e-4, atol=1e-4
        )

    def test_fit_gives_the_distribution_the_trained_density(self, network):
        keras.utils.set_random_seed(2)
        flow = chapter(NETWORKS[network], width=32)
        x = moons(1000)
        untrained = float(-tf.reduce_mean(flow.log_prob(x)))
        model = DistributionModel(flow)
        # Few epochs: later on the loss of this recipe, whose scales have no bounds, jumps.
        model.compile(optimizer=keras.optimizers.Adam(3e-3, clipnorm=1.0))
        model.fit(x, epochs=5, batch_size=50, verbose=0)
        trained = float(-tf.reduce_mean(flow.log_prob(tf.identity(x))))
        assert trained < untrained - 0.5
        assert model.evaluate(x, verbose=0) == pytest.approx(trained, abs=1e-4)
        assert_autoregressive(flow)

    def test_save_clone_copy_and_pickle(self, network, tmp_path):
        model = DistributionModel(chapter(NETWORKS[network], width=8))
        x = moons(50)
        expected = model.log_prob(x)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        for again in (loaded, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            np.testing.assert_allclose(again.log_prob(x), expected, rtol=1e-6, atol=1e-6)
            assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
            assert again.weights[0].value is not model.weights[0].value
        np.testing.assert_allclose(
            loaded.tfp_distribution.log_prob(x), expected, rtol=1e-6, atol=1e-6
        )
        clone = keras.models.clone_model(model)
        clone.set_weights(model.get_weights())
        np.testing.assert_allclose(clone.log_prob(x), expected, rtol=1e-6, atol=1e-6)
        model.save_weights(tmp_path / "model.weights.h5")
        for weight in model.weights:
            weight.assign(0.5 * weight)
        model.load_weights(tmp_path / "model.weights.h5")
        np.testing.assert_array_equal(model.log_prob(x), expected)


def test_masks_of_tfp_networks_hold_after_training_a_loaded_model(tmp_path):
    # TFP enforces them by constraints alone, which a rebuild must bring back.
    DistributionModel(chapter(width=8)).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    loaded.compile(optimizer=keras.optimizers.AdamW(1e-2))
    loaded.fit(moons(200), epochs=3, batch_size=50, verbose=0)
    assert_autoregressive(loaded.tfp_distribution)


class TestRandomOrders:
    def test_a_rebuild_gives_the_same_density(self, tmp_path):
        made = tfb.AutoregressiveNetwork(
            params=2, hidden_units=[16], input_order="random", hidden_degrees="random"
        )
        flow = tfd.TransformedDistribution(
            tfd.MultivariateNormalDiag(tf.zeros([5])), tfb.MaskedAutoregressiveFlow(made)
        )
        model = DistributionModel(flow)
        x = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        np.testing.assert_allclose(loaded.log_prob(x), model.log_prob(x), rtol=1e-6)
        model.compile(optimizer=keras.optimizers.SGD(1e-2))
        model.fit(x, epochs=2, verbose=0)
        made(tf.zeros([1, 5]))
        order = np.asarray(made._input_order)
        with tf.GradientTape() as tape:
            inputs = tf.constant(x)
            tape.watch(inputs)
            outputs = made(inputs)
        jacobian = np.abs(tape.batch_jacobian(outputs, inputs)).max((0, 2))
        np.testing.assert_array_equal(jacobian[order[:, None] <= order[None, :]], 0.0)


SHIFTED = {
    "transformed": lambda v: tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag([0.0, 0.0]), tfb.Shift(v)
    ),
    "independent": lambda v: tfd.Independent(
        tfd.TransformedDistribution(tfd.Normal([0.0, 0.0], 1.0), tfb.Shift(v)), 1
    ),
    "inverted in a chain": lambda v: tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag([0.0, 0.0]),
        tfb.Chain([tfb.Invert(tfb.Shift(v)), tfb.Chain([tfb.Shift(v), tfb.Shift(v)])]),
    ),
}


class TestNeverStale:
    @pytest.mark.parametrize("kind", SHIFTED)
    def test_kept_tensors_and_changed_weights(self, kind):
        shift = tf.Variable([1.0, 2.0])
        given = SHIFTED[kind](shift)
        model = DistributionModel(given)
        distribution = model.distribution()
        # TFP's cache answers for what it drew, and for points whose images are kept.
        kept = [tf.constant([[0.5, 1.5], [1.0, -1.0]]), given.sample(3, seed=(0, 1))]
        kept.append(distribution.sample(3, seed=(0, 1)))
        images = [tfb.Shift(shift).inverse(x) for x in kept]
        for x in kept:
            distribution.log_prob(x), model.log_prob(x), model(x)
        shift.assign([-1.0, 0.0])
        right = tfd.MultivariateNormalDiag([-1.0, 0.0])
        for x in kept:
            expected = right.log_prob(tf.identity(x))
            for answer in (distribution.log_prob, model.log_prob, model):
                np.testing.assert_allclose(answer(x), expected, rtol=1e-5)
        assert len(images) == 3

    def test_log_determinants(self):
        scale = tf.Variable([1.0, 2.0])
        given = tfd.TransformedDistribution(
            tfd.MultivariateNormalDiag([0.0, 0.0]), tfb.Scale(scale)
        )
        model = DistributionModel(given)
        x = tf.constant([[0.5, 1.5]])
        model.distribution().log_prob(x)
        scale.assign([3.0, 4.0])
        expected = tfd.MultivariateNormalDiag(scale_diag=[3.0, 4.0]).log_prob([[0.5, 1.5]])
        np.testing.assert_allclose(model.distribution().log_prob(x), expected, rtol=1e-6)
        np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-6)

    def test_a_bijector_built_again_that_is_equal(self):
        shift = tf.Variable([1.0, 2.0])
        x = tf.constant([[0.5, 1.5]])
        image = tfb.Shift(shift).inverse(x)
        first = DistributionModel(SHIFTED["transformed"](shift)).distribution().log_prob(x)
        shift.assign([-1.0, 0.0])
        second = DistributionModel(SHIFTED["transformed"](shift)).distribution().log_prob(x)
        expected = tfd.MultivariateNormalDiag([-1.0, 0.0]).log_prob([[0.5, 1.5]])
        np.testing.assert_allclose(second, expected, rtol=1e-6)
        assert not np.allclose(first, second)
        assert image.shape == (1, 2)

    def test_tfp_is_still_stale(self):
        """Guard: the docs tell readers about TFP's cache; the day it is gone they can stop."""
        shift = tf.Variable([1.0, 2.0])
        drawn = SHIFTED["transformed"](shift).sample(3, seed=(0, 1))
        again = SHIFTED["transformed"](shift)
        first = again.log_prob(drawn)
        shift.assign([-1.0, 0.0])
        np.testing.assert_array_equal(again.log_prob(drawn), first)
        assert not np.allclose(again.log_prob(tf.identity(drawn)), first)


class TestKinds:
    def test_it_is_a_keras_model(self):
        model = DistributionModel(tfd.Normal(tf.Variable(0.0), 1.0))
        assert isinstance(model, DensityModel)
        assert isinstance(model, keras.Model)
        assert tfflows.DistributionModel is DistributionModel

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_the_type_follows_the_distribution(self, dtype):
        loc = tf.Variable([0.0, 0.0], dtype=dtype)
        model = DistributionModel(tfd.MultivariateNormalDiag(loc))
        assert model.variable_dtype == dtype
        assert model.log_prob(np.zeros([3, 2], dtype)).dtype == dtype
        other = "float64" if dtype == "float32" else "float32"
        with pytest.raises(ValueError, match=f"computes in {dtype}.*asked for {other}"):
            DistributionModel(tfd.MultivariateNormalDiag(loc), dtype=other)

    def test_methods_of_a_distribution(self):
        given = tfd.MixtureSameFamily(
            tfd.Categorical(logits=tf.Variable([0.0, 1.0])),
            tfd.MultivariateNormalDiag([[0.0, 0.0], [3.0, 1.0]]),
        )
        model = DistributionModel(given)
        fresh = model.distribution()
        assert isinstance(fresh, tfd.Distribution)
        assert fresh.event_shape == (2,)
        assert fresh.batch_shape == ()
        np.testing.assert_array_equal(fresh.mean(), given.mean())
        np.testing.assert_array_equal(fresh.covariance(), given.covariance())
        np.testing.assert_array_equal(
            fresh.sample([4, 3], seed=(0, 1)),
            given.sample(12, seed=(0, 1)).numpy().reshape(4, 3, 2),
        )
        x, log_prob = fresh.experimental_sample_and_log_prob(5, seed=(0, 2))
        np.testing.assert_allclose(log_prob, given.log_prob(tf.identity(x)), rtol=1e-5)
        np.testing.assert_allclose(fresh.prob(x), given.prob(tf.identity(x)), rtol=1e-5)

    def test_a_transformed_distribution_stays_one(self):
        model = DistributionModel(chapter(width=4))
        assert isinstance(model.distribution(), tfd.TransformedDistribution)
        assert model.sample(6, seed=0).shape == (6, 2)
        np.testing.assert_array_equal(model.sample(6, seed=0), model.sample(6, seed=0))
        x, log_prob = model.sample_and_log_prob(6, seed=0)
        np.testing.assert_allclose(model.log_prob(x), log_prob, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize(
        ("make", "x"),
        [
            (lambda: tfd.Poisson(log_rate=tf.Variable(0.0)), [1, 2]),
            (lambda: tfd.Categorical(logits=tf.Variable([0.0, 1.0])), [1, 0]),
            (lambda: tfd.TruncatedNormal(5.0, tf.Variable(1.0), 4.0, 6.0, validate_args=True), [5]),
            (lambda: tfd.Beta(tf.Variable(2.0), 3.0, validate_args=True), [0.3]),
        ],
        ids=["Poisson", "Categorical", "TruncatedNormal", "Beta"],
    )
    def test_scalars_counts_and_strict_supports(self, make, x):
        given = make()
        model = DistributionModel(given)
        assert model.event_shape == ()
        expected = given.log_prob(tf.constant(x, given.dtype))
        np.testing.assert_allclose(model.log_prob(np.asarray(x, np.float32)), expected, rtol=1e-6)

    def test_an_event_shape_that_is_not_known(self):
        unknown = tfb.Inline(
            forward_fn=lambda x: x,
            inverse_fn=lambda y: y,
            inverse_log_det_jacobian_fn=lambda y: tf.zeros([]),
            forward_event_shape_fn=lambda shape: tf.TensorShape(None),
            forward_min_event_ndims=1,
        )
        flow = tfd.TransformedDistribution(tfd.MultivariateNormalDiag([0.0, 0.0]), unknown)
        assert DistributionModel(flow).event_shape == (2,)
        assert DistributionModel(flow, event_shape=2).event_shape == (2,)

    def test_trained_by_maximum_likelihood(self):
        loc, log_scale = tf.Variable(0.0), tf.Variable(0.0)
        scale = tfp.util.DeferredTensor(log_scale, tf.math.exp)
        model = DistributionModel(tfd.Normal(loc, scale))
        x = np.random.default_rng(0).normal(3.0, 2.0, size=500).astype(np.float32)
        model.compile(optimizer=keras.optimizers.Adam(0.1))
        model.fit(x, epochs=60, batch_size=100, verbose=0)
        assert float(loc) == pytest.approx(x.mean(), abs=0.1)
        assert float(tf.exp(log_scale)) == pytest.approx(x.std(), abs=0.1)

    def test_a_functional_model_around_it_trains_the_same_weights(self):
        model = DistributionModel(chapter(width=4))
        inputs = keras.Input((2,))
        functional = keras.Model(inputs, model(inputs))
        assert len(functional.trainable_weights) == 18
        x = moons(20)
        np.testing.assert_allclose(functional(x), model.log_prob(x), rtol=1e-5)


class TestErrors:
    @pytest.mark.parametrize(
        ("make", "error", "message"),
        [
            (lambda: 3, TypeError, "takes a distribution of tensorflow_probability; got int"),
            (lambda: tfb.Exp(), TypeError, "got Exp"),
            (
                lambda: tfd.Normal([0.0, 0.0], 1.0),
                ValueError,
                r"Normal has batch shape \(2,\).*tfd.Independent.*reinterpreted_batch_ndims=1",
            ),
            (
                lambda: tfd.JointDistributionSequential([tfd.Normal(0.0, 1.0)]),
                ValueError,
                "several arrays.*tfd.Blockwise",
            ),
            (
                lambda: tfd.TransformedDistribution(
                    tfd.MultivariateNormalDiag([0.0, 0.0]), tfb.Shift(keras.Variable([0.0, 0.0]))
                ),
                TypeError,
                "'shift' of Shift is a keras.Variable.*tfflows.layers.Shift",
            ),
            (
                lambda: tfd.TransformedDistribution(
                    tfd.MultivariateNormalDiag([0.0, 0.0]),
                    tfb.MaskedAutoregressiveFlow(
                        tfb.AutoregressiveNetwork(
                            2, [2], conditional=True, conditional_event_shape=[1]
                        )
                    ),
                ),
                ValueError,
                r"wants a conditional_input.*tfflows.Flow with context_shape",
            ),
            (
                lambda: tfd.TransformedDistribution(
                    tfd.MultivariateNormalDiag([0.0, 0.0]),
                    tfb.MaskedAutoregressiveFlow(
                        lambda x: (None, 0.0 * keras.layers.Dense(2)(x)), unroll_loop=True
                    ),
                ),
                ValueError,
                r"4 variables used by log_prob are not weights of this model \(.*kernel, .*bias",
            ),
        ],
    )
    def test_at_construction(self, make, error, message):
        with pytest.raises(error, match=message):
            DistributionModel(make())

    def test_a_lambda_trains_and_saves_weights_but_is_refused_by_save(self, tmp_path):
        dense = keras.layers.Dense(1, kernel_initializer="zeros")
        flow = tfd.TransformedDistribution(
            tfd.MultivariateNormalDiag([0.0, 0.0]),
            tfb.MaskedAutoregressiveFlow(
                lambda x: (tf.concat([tf.zeros_like(x[..., :1]), dense(x[..., :1])], -1), None)
            ),
        )
        model = DistributionModel(flow)
        model.compile(optimizer=keras.optimizers.Adam(0.05))
        model.fit(moons(200), epochs=2, verbose=0)
        assert np.abs(dense.kernel).max() > 0.0
        with pytest.raises(ValueError, match=r"shift_and_log_scale_fn is a function.*<lambda>"):
            model.save(tmp_path / "model.keras")
        model.save_weights(tmp_path / "model.weights.h5")
        trained = dense.kernel.numpy()
        dense.kernel.assign(0.0 * trained)
        model.load_weights(tmp_path / "model.weights.h5")
        np.testing.assert_array_equal(dense.kernel, trained)

    def test_a_strategy_that_the_distribution_was_not_made_in(self):
        outside = tfd.Normal(tf.Variable(0.0), 1.0)
        with (
            tf.distribute.MirroredStrategy(["CPU:0"]).scope(),
            pytest.raises(ValueError, match=r"outside the scope of the MirroredStrategy"),
        ):
            DistributionModel(outside)


class TestShapes:
    """Base and bijector of different shapes, refused with both, as a flow refuses them."""

    @pytest.mark.parametrize("event_shape", [3, None])
    def test_a_base_smaller_than_the_bijector(self, event_shape):
        base = tfd.Independent(tfd.Normal([0.0], [1.0]), 1)
        td = tfd.TransformedDistribution(base, tfb.Shift(tf.Variable([1.0, 2.0, 3.0])))
        with pytest.raises(ValueError, match=r"base .* shape \(1,\), but .*latent .* shape \(3,\)"):
            DistributionModel(td, event_shape=event_shape)

    def test_a_diagonal_base_smaller_than_the_bijector(self):
        td = tfd.TransformedDistribution(
            tfd.MultivariateNormalDiag([0.0]), tfb.Scale(tf.Variable([1.0, 1.0]))
        )
        with pytest.raises(ValueError, match=r"base .* shape \(1,\), but .*latent .* shape \(2,\)"):
            DistributionModel(td)

    @pytest.mark.parametrize("within", [False, True], ids=["plain", "Independent"])
    def test_a_scalar_base_under_a_bijector_of_vectors(self, within):
        bijector = tfb.ScaleMatvecDiag(tf.Variable([2.0]))
        td = tfd.TransformedDistribution(tfd.Normal(0.0, 1.0), bijector)
        with pytest.raises(ValueError, match=r"rank 1 or more.*tfd.Sample\(base, sample_shape"):
            DistributionModel(tfd.Independent(td, 1) if within else td)
        # What the message says to do.
        base = tfd.Sample(tfd.Normal(0.0, 1.0), sample_shape=[1])
        model = DistributionModel(tfd.TransformedDistribution(base, bijector))
        np.testing.assert_allclose(model.log_prob([[2.0]]), tfd.Normal(0.0, 2.0).log_prob([2.0]))

    def test_a_batch_and_its_remedy(self):
        shift = tf.Variable([1.0, 2.0, 3.0])
        td = tfd.TransformedDistribution(tfd.Normal(0.0, 1.0), tfb.Shift(shift))
        with pytest.raises(ValueError, match=r"tfd.Independent\(distribution, .*ndims=1\)"):
            DistributionModel(td)
        model = DistributionModel(tfd.Independent(td, 1))
        expected = tfd.MultivariateNormalDiag(shift).log_prob(tf.zeros([3]))
        np.testing.assert_allclose(model.log_prob(tf.zeros([3])), expected, rtol=1e-6)

    def test_an_event_shape_that_is_not_the_distributions(self):
        with pytest.raises(ValueError, match=r"events of shape \(2,\), and event_shape=\(3,\)"):
            DistributionModel(tfd.MultivariateNormalDiag([0.0, 0.0]), event_shape=3)

    def test_rows_outside_the_support(self):
        base = tfd.MultivariateNormalDiag(tf.Variable([0.0, 0.0]))
        model = DistributionModel(tfd.TransformedDistribution(base, tfb.Exp()))
        x = np.exp(np.random.default_rng(0).normal(size=(300, 2))).astype("float32")
        assert not model.outside_support(x).any()
        x[7] = -1.0
        model.compile(keras.optimizers.Adam(1e-3))
        with pytest.raises(ValueError, match=r"1 row lies outside the support .*row 7"):
            model.fit(x, epochs=1, verbose=0)
