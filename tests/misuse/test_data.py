"""Data that cannot be fitted, or not without a word."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, univariates
from tfflows.training.sources import Rows, row_order


def normal(rows=300, columns=2, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype("float32")


def small(event_shape=2, context_shape=None, **kwargs):
    keras.utils.set_random_seed(0)
    flow = tfflows.MAF(event_shape, context_shape, transforms=1, hidden_units=(4,))
    flow.compile(keras.optimizers.Adam(1e-2), **kwargs)
    return flow


def fit(flow, x, **kwargs):
    return flow.fit(x, **{"epochs": 1, "batch_size": 50, "verbose": 0, **kwargs})


class TestNotFinite:
    @pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("method", ["fit", "adapt", "evaluate"])
    def test_rows_are_counted(self, number, method):
        x = normal()
        x[[17, 40, 99], [0, 1, 0]] = number
        with pytest.raises(
            ValueError, match=r"x has 3 non-finite rows \(first: row 17\)\. Drop or"
        ):
            getattr(small(), method)(x)

    def test_in_the_context(self):
        context = normal(columns=1)
        context[5] = np.nan
        with pytest.raises(ValueError, match=r"context has 1 non-finite row \(first: row 5\)"):
            fit(small(context_shape=1), normal(), context=context)

    def test_in_the_validation_data(self):
        held = normal()
        held[3] = np.inf
        with pytest.raises(ValueError, match=r"validation x has 1 non-finite row \(first: row 3\)"):
            fit(small(), normal(), validation_data=(held,))

    @pytest.mark.parametrize("steps_per_execution", ["auto", 1])
    def test_in_a_stream_the_batch_is_named(self, steps_per_execution):
        x = normal()
        x[120:122] = np.nan
        flow = small(steps_per_execution=steps_per_execution)
        flow.adapt(normal())
        stream = tf.data.Dataset.from_tensor_slices(x).batch(50)
        with pytest.raises(ValueError, match=r"x has 2 non-finite rows in batch 2 \(first: row 20"):
            flow.fit(stream, epochs=1, verbose=0)

    def test_scoring_answers_nan_for_the_row_alone(self):
        x = normal(4)
        x[1, 0] = np.nan
        score = small().log_prob(x).numpy()
        assert np.isnan(score).tolist() == [False, True, False, False]


class TestColumns:
    @pytest.mark.parametrize("method", ["fit", "adapt"])
    def test_a_constant_one(self, method):
        x = normal(columns=3)
        x[:, 1] = 4.0
        flow = small(3)
        with pytest.raises(ValueError, match=r"constant in coordinate 1.*unbounded.*Drop"):
            getattr(flow, method)(x)
        assert all(np.isfinite(weight).all() for weight in flow.get_weights())

    def test_a_constant_one_without_standardization(self):
        flow = tfflows.Flow([layers.Shift()], 2)
        flow.compile("adam")
        x = normal()
        x[:, 0] = -1.0
        with pytest.raises(ValueError, match="constant in coordinate 0"):
            fit(flow, x)

    @pytest.mark.parametrize("layer", [layers.Standardize, layers.ActNorm])
    def test_a_constant_one_in_a_layer(self, layer):
        layer = layer()
        layer.build((2,))
        with pytest.raises(ValueError, match="constant in coordinate 1"):
            layer.adapt(np.array([[1.0, 3.0], [2.0, 3.0]], "float32"))
        assert all(np.isfinite(weight).all() for weight in layer.get_weights())
        assert layer.needs_adapt

    def test_few_values_are_a_warning(self):
        x = normal()
        x[:, 1] = np.sign(x[:, 1])
        with pytest.warns(UserWarning, match=r"coordinate 1 of x takes few distinct .*dequantiz"):
            fit(small(), x)

    def test_values_outside_a_box_are_a_warning_with_their_share(self):
        flow = tfflows.Flow(
            [
                layers.MaskedAutoregressive(
                    univariates.RationalQuadraticSpline(bins=3, bound=2.0), hidden_units=(4,)
                )
            ],
            2,
        )
        flow.compile("adam")
        x = 100.0 * normal()
        share = 100 * np.mean(np.abs(x) > 2.0)
        with pytest.warns(UserWarning, match=rf"{share:.1f} % of the values .* box of ±2\.0"):
            fit(flow, x)

    def test_unscaled_data_are_standardized(self):
        x = 1e4 * normal(2000) + np.float32(3e5)
        flow = small()
        fit(flow, x, epochs=3)
        expected = np.mean(np.log(1e4) + 0.5 * np.log(2 * np.pi) + 0.5)
        assert abs(-np.mean(flow.log_prob(x)) / 2 - expected) < 0.05


class TestTargets:
    @pytest.mark.parametrize("y", [np.arange(300), np.ones([300, 1]), np.array(["a", "b"] * 150)])
    def test_are_refused_with_a_way_out(self, y):
        with pytest.raises(ValueError, match=r"density has no targets.*context_shape=.*context=y"):
            fit(small(), normal(), y=y)

    def test_are_refused_in_a_stream(self):
        flow = small()
        flow.adapt(normal())
        stream = tf.data.Dataset.from_tensor_slices((normal(), np.ones(300, "float32"))).batch(50)
        with pytest.raises(ValueError, match="density has no targets"):
            flow.fit(stream, verbose=0)

    def test_zeros_as_textbooks_pass_are_ignored(self):
        flow, other = small(), small()
        fit(flow, normal(), y=np.zeros(300), seed=1)
        fit(other, normal(), seed=1)
        for one, two in zip(flow.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(one, two)
        expected = flow.evaluate(normal(), verbose=0)
        for y in (np.zeros(300), np.zeros([300, 2]), np.zeros(300, "int32")):
            assert flow.evaluate(normal(), y, verbose=0) == expected

    def test_both_spellings_of_a_context(self):
        context = normal(columns=1)
        with pytest.raises(ValueError, match=r"give the context once, as context="):
            fit(small(context_shape=1), normal(), y=context, context=context)

    def test_class_weight(self):
        with pytest.raises(
            ValueError, match=r"class_weight .* density has none; use sample_weight"
        ):
            fit(small(), normal(), class_weight={0: 1.0})


class TestWeights:
    @pytest.mark.parametrize(
        ("weight", "message"),
        [
            (np.full(300, -1.0), r"not negative; 300 are not \(first: row 0, -1\.0\)"),
            (np.where(np.arange(300) == 7, np.nan, 1.0), r"1 are not \(first: row 7, nan\)"),
            (np.ones(299), r"each of the 300 rows of x, shape \(300,\); got shape \(299,\)"),
            (np.ones([300, 1]), r"got shape \(300, 1\)"),
            (np.zeros(300), "zero for every row"),
        ],
    )
    @pytest.mark.parametrize("method", ["fit", "evaluate"])
    def test_bad_ones(self, weight, message, method):
        with pytest.raises(ValueError, match=message):
            getattr(small(), method)(normal(), sample_weight=weight)

    def test_bad_ones_in_a_stream(self):
        flow = small(context_shape=1)
        flow.adapt(normal(), normal(columns=1))
        stream = tf.data.Dataset.from_tensor_slices(
            (normal(), normal(columns=1), np.full(300, -1.0, "float32"))
        ).batch(50)
        with pytest.raises(ValueError, match="sample_weight must be finite and not negative"):
            flow.fit(stream, verbose=0)

    def test_doubling_every_one_changes_nothing(self):
        weight = np.random.default_rng(1).uniform(0, 1, 300)
        flows = [small(), small()]
        for flow, factor in zip(flows, (1.0, 2.0), strict=True):
            flow.compile(keras.optimizers.SGD(0.1))
            fit(flow, normal(), sample_weight=factor * weight, seed=1, epochs=2)
        for one, two in zip(flows[0].get_weights(), flows[1].get_weights(), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
        scores = [
            flows[0].evaluate(normal(), sample_weight=factor * weight, verbose=0)
            for factor in (1.0, 2.0)
        ]
        assert abs(scores[0] - scores[1]) < 1e-6

    def test_zero_weighs_as_much_as_a_missing_row(self):
        x, weight = normal(), np.ones(300)
        weight[100:] = 0.0
        flows = [small(), small()]
        for flow in flows:
            flow.compile(keras.optimizers.SGD(0.1))
        fit(flows[0], x, sample_weight=weight, batch_size=300, shuffle=False)
        fit(flows[1], x[:100], batch_size=300, shuffle=False)
        for one, two in zip(flows[0].get_weights(), flows[1].get_weights(), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


class TestShapes:
    def test_of_events(self):
        with pytest.raises(ValueError, match=r"events of shape \(2,\); x has shape \(300, 3\)"):
            fit(small(), normal(columns=3))

    def test_one_event_is_no_table(self):
        with pytest.raises(ValueError, match=r"table of events, shape \(N, 2\); got one event"):
            fit(small(), np.zeros(2, "float32"))

    def test_two_batch_axes(self):
        with pytest.raises(ValueError, match=r"one batch axis, shape \(N, 2\); got \(3, 100, 2\)"):
            fit(small(), normal().reshape(3, 100, 2))

    def test_no_rows(self):
        with pytest.raises(ValueError, match="x has no rows"):
            fit(small(), np.zeros([0, 2], "float32"))

    @pytest.mark.parametrize("rows", [5, 299])
    def test_contexts_of_another_number(self, rows):
        with pytest.raises(ValueError, match=rf"x has 300 rows and context has {rows}"):
            fit(small(context_shape=1), normal(), context=normal(rows, 1))

    def test_context_missing_or_not_wanted(self):
        with pytest.raises(ValueError, match=r"needs context of shape \(\.\.\., 1\); got None"):
            fit(small(context_shape=1), normal())
        with pytest.raises(ValueError, match="density has no targets"):
            fit(small(), normal(), context=normal(columns=1))

    @pytest.mark.parametrize("share", [-0.1, 1.0, 1.5])
    def test_a_validation_split_out_of_range(self, share):
        with pytest.raises(ValueError, match="validation_split must lie between 0 and 1; got"):
            fit(small(), normal(), validation_split=share)

    def test_a_validation_split_that_leaves_nothing(self):
        with pytest.raises(ValueError, match=r"validation_split=0\.01 of 3 rows leaves no rows"):
            fit(small(), normal(3), validation_split=0.01)


class TestStreams:
    def test_of_the_wrong_shape(self):
        flow = small()
        flow.adapt(normal())
        stream = tf.data.Dataset.from_tensor_slices(normal(columns=3)).batch(50)
        with pytest.raises(
            ValueError, match=r"events of shape \(2,\); the dataset yields x of shape"
        ):
            flow.fit(stream, verbose=0)

    def test_without_a_batch_axis(self):
        flow = small()
        flow.adapt(normal())
        with pytest.raises(ValueError, match="Batch the dataset first"):
            flow.fit(tf.data.Dataset.from_tensor_slices(normal()), verbose=0)

    def test_adapt_to_their_first_rows_and_say_so(self):
        stream = tf.data.Dataset.from_tensor_slices(normal()).batch(50)
        flow, other = small(), small()
        with pytest.warns(UserWarning, match=r"'standardize\w*': adapted to the first \d+ rows"):
            history = flow.fit(stream, verbose=0, seed=0).history
        other.adapt(stream)
        assert other.fit(stream, verbose=0, seed=0).history == history

    def test_of_one_pass_ask_for_adapt_first(self):
        batches = iter(np.split(normal(), 2))
        with pytest.raises(ValueError, match=r"'standardize\w*' must see data .*adapt\(x\)"):
            small().fit(batches, verbose=0)

    def test_a_missing_context(self):
        flow = small(context_shape=1)
        flow.adapt(normal(), normal(columns=1))
        stream = tf.data.Dataset.from_tensor_slices(normal()).batch(50)
        with pytest.raises(ValueError, match=r"needs context of shape .* Yield \(x, context\)"):
            flow.fit(stream, verbose=0)

    def test_take_no_context_besides(self):
        flow = small(context_shape=1)
        flow.adapt(normal(), normal(columns=1))
        stream = tf.data.Dataset.from_tensor_slices(normal()).batch(50)
        with pytest.raises(ValueError, match="a dataset yields its own context and weights"):
            flow.fit(stream, context=normal(columns=1), verbose=0)


class TestCompile:
    def test_fit_without_it(self):
        with pytest.raises(ValueError, match=r"Call compile\(optimizer\) before fit\(\)"):
            tfflows.MAF(2, transforms=1, hidden_units=(4,)).fit(normal())

    def test_an_optimizer_of_keras_2(self):
        import tf_keras

        flow = tfflows.MAF(2, transforms=1, hidden_units=(4,))
        with pytest.raises(TypeError, match=r"must be a Keras 3 optimizer .*; got tf_keras.*Adam"):
            flow.compile(tf_keras.optimizers.Adam())

    def test_a_callback_of_keras_2(self):
        import tf_keras

        with pytest.raises(TypeError, match=r"Keras 3 callback.*; got tf_keras.*EarlyStopping"):
            fit(small(), normal(), callbacks=[tf_keras.callbacks.EarlyStopping()])

    def test_a_frozen_model(self):
        flow = small()
        for layer in flow.bijector_layers:
            layer.trainable = False
        flow.compile("adam")
        with pytest.raises(ValueError, match="no trainable weights"):
            fit(flow, normal())


class TestSupport:
    """Outside a bounded support the density is zero and nothing pulls at anything."""

    @pytest.fixture(params=["uniform base", "sigmoid", "exp within a chain"])
    def bounded(self, request):
        keras.utils.set_random_seed(0)
        if request.param == "uniform base":
            base = tfd.Independent(tfd.Uniform([-4.0, -4.0], [4.0, 4.0]), 1)
            with pytest.warns(UserWarning, match="bounded support"):
                return tfflows.Flow([layers.Shift([0.1, 0.2])], 2, base=base)
        first = {
            "sigmoid": tfb.Sigmoid(-4.0, 4.0),
            "exp within a chain": tfb.Chain([tfb.Shift([-4.0, -4.0]), tfb.Exp()]),
        }[request.param]
        layer = layers.MaskedAutoregressive(
            univariates.Affine(), hidden_units=(4,), identity_start=False
        )
        return tfflows.Flow([first, layer], 2)

    def test_log_prob_is_minus_infinity_without_gradient(self, bounded):
        x = tf.constant([[0.5, 0.2], [-9.0, 0.2], [0.5, -7.0], [0.1, 0.1]])
        for call in (bounded.log_prob, bounded, tf.function(bounded.log_prob, jit_compile=True)):
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(x)
                score = call(x)
                outside = tf.reduce_sum(score[1:3])
            assert np.isneginf(score).tolist() == [False, True, True, False]
            gradient = tape.gradient(score, x).numpy()
            assert np.all(gradient[1:3] == 0.0) and np.all(np.isfinite(gradient))
            for pull in tape.gradient(outside, bounded.trainable_variables):
                assert pull is None or np.all(pull == 0.0)

    def test_prob_is_zero(self, bounded):
        assert bounded.prob([[-9.0, 0.2]]).numpy().tolist() == [0.0]

    def test_rows_outside_are_counted_in_fit(self, bounded):
        bounded.compile(keras.optimizers.Adam(1e-3))
        x = np.clip(normal(), -2.0, 2.0)
        x[[17, 250], 1] = -30.0
        with pytest.raises(ValueError, match=r"2 rows lie outside the support .*\(first: row 17\)"):
            fit(bounded, x)
        assert all(np.isfinite(weight).all() for weight in bounded.get_weights())

    def test_rows_outside_of_weight_zero_do_not_count(self, bounded):
        bounded.compile(keras.optimizers.Adam(1e-3))
        x, weight = np.clip(normal(), -2.0, 2.0), np.ones(300)
        x[17, 1], weight[17] = -30.0, 0.0
        losses = fit(bounded, x, sample_weight=weight, epochs=2).history["loss"]
        assert np.all(np.isfinite(losses))


def test_latent_points_outside_a_range_are_nan():
    flow = tfflows.Flow([tfb.Exp()], 2)
    z = flow.inverse([[1.0, 1.0], [-1.0, 1.0]]).numpy()
    assert z[0].tolist() == [0.0, 0.0] and np.isnan(z[1]).all()
    layer = layers.TFPBijector(tfb.Exp())
    layer.build((2,))
    assert np.isnan(layer(tf.constant([[-1.0, 1.0]]))).all()


class TestBlowUp:
    def test_training_stops_at_once_and_keeps_the_last_finite_weights(self):
        flow = small()
        flow.compile(keras.optimizers.SGD(1e20))
        with pytest.raises(
            FloatingPointError, match=r"epoch 1, batch \d+\. The weights .* kept.*smaller learning"
        ):
            fit(flow, normal(), epochs=5)
        assert all(np.isfinite(weight).all() for weight in flow.get_weights())

    def test_the_first_layer_that_overflows_is_named(self):
        flow = tfflows.Flow(
            [
                layers.Shift(name="harmless"),
                layers.Scale(1e-30, name="large_but_finite"),
                layers.Scale(1e-30, name="culprit"),
            ],
            2,
        )
        flow.compile(keras.optimizers.SGD(0.1))
        with pytest.raises(FloatingPointError, match="'culprit'"):
            fit(flow, normal())


def test_the_order_differs_from_epoch_to_epoch_and_follows_the_seed():
    """After `set_random_seed` Keras draws the same order in every epoch; it must not here."""

    def orders(seed):
        table = np.arange(40, dtype="float32")[:, np.newaxis], None, None
        rows = Rows(table, 40, lambda epoch: row_order(40, seed, epoch, True))
        return [np.ravel(batch[0]).tolist() for epoch in range(3) for batch in rows.open(epoch, 0)]

    keras.utils.set_random_seed(0)
    first = orders(1)
    assert first[0] != first[1] != first[2] != first[0]
    assert all(sorted(order) == list(range(40)) for order in first)
    keras.utils.set_random_seed(0)
    assert orders(1) == first and orders(2) != first


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.SGD(0.1),
        keras.optimizers.Adam(0.05),
        keras.optimizers.AdamW(0.05, weight_decay=0.1),
        keras.optimizers.Adam(0.05, clipnorm=0.1),
    ],
    ids=["SGD", "Adam", "AdamW", "clipnorm"],
)
def test_masks_hold_after_training_and_after_load(optimizer, tmp_path):
    keras.utils.set_random_seed(0)
    layer = layers.MaskedAutoregressive(univariates.Affine(), hidden_units=(8, 8), order=[2, 3, 1])
    flow = tfflows.Flow([layer], 3)
    flow.compile(optimizer)
    fit(flow, normal(columns=3) @ np.array([[1, 0.5, 0], [0, 1, 0.5], [0, 0, 1]], "f"), epochs=3)
    flow.save(tmp_path / "flow.keras")
    x = tf.constant(normal(5, 3))
    places = np.array([2, 3, 1])
    for model in (flow, keras.models.load_model(tmp_path / "flow.keras")):
        with tf.GradientTape() as tape:
            tape.watch(x)
            z = model.bijector().inverse(x)
        jacobian = tape.batch_jacobian(z, x).numpy()
        later = places[np.newaxis, :] > places[:, np.newaxis]
        assert np.all(jacobian[:, later] == 0.0)
        assert np.all(np.any(jacobian, 0)[places[np.newaxis, :] < places[:, np.newaxis]])
