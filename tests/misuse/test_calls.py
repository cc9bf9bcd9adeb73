"""Scoring and sampling with wrong shapes, contexts, numbers and seeds."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, univariates


@pytest.fixture(scope="module")
def flow():
    return tfflows.MAF(3, transforms=1, hidden_units=(4,), identity_start=False)


@pytest.fixture(scope="module")
def conditional():
    return tfflows.MAF(2, context_shape=3, transforms=1, hidden_units=(4,), identity_start=False)


CALLS = {
    "log_prob": lambda flow, *given, **named: flow.log_prob(*given, **named),
    "call": lambda flow, *given, **named: flow(*given, **named),
    "inverse": lambda flow, *given, **named: flow.inverse(*given, **named),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
class TestShapes:
    @pytest.mark.parametrize("shape", [(64, 2), (3, 64), (2,), ()])
    def test_events_of_the_wrong_size(self, call, flow, shape):
        x = tf.zeros(shape)
        given = str(shape).replace("(", r"\(").replace(")", r"\)")
        with pytest.raises(ValueError, match=rf"events of shape \(3,\); x has shape {given}"):
            call(flow, x)

    def test_context_missing(self, call, conditional):
        with pytest.raises(ValueError, match=r"needs context of shape \(\.\.\., 3\); got None"):
            call(conditional, tf.zeros([4, 2]))

    def test_context_not_wanted(self, call, flow):
        with pytest.raises(ValueError, match=r"takes no context, but one of shape \(64, 2\)"):
            call(flow, tf.zeros([64, 3]), tf.zeros([64, 2]))

    def test_context_of_the_wrong_width(self, call, conditional):
        with pytest.raises(ValueError, match=r"expected context \(\.\.\., 3\), got \(4, 2\)"):
            call(conditional, tf.zeros([4, 2]), tf.zeros([4, 2]))

    def test_context_of_another_batch(self, call, conditional):
        with pytest.raises(ValueError, match=r"batch shape \(64,\).*batch shape \(5,\)"):
            call(conditional, tf.zeros([64, 2]), tf.zeros([5, 3]))

    def test_one_context_row_serves_all_events(self, call, conditional):
        x = tf.random.stateless_normal([6, 2], [0, 1])
        row = tf.constant([0.5, -1.0, 2.0])
        wanted = call(conditional, x, tf.tile(row[tf.newaxis], [6, 1]))
        np.testing.assert_allclose(call(conditional, x, row), wanted, atol=1e-6)
        np.testing.assert_allclose(call(conditional, x, row[tf.newaxis]), wanted, atol=1e-6)

    def test_an_unknown_argument_is_not_dropped(self, call, conditional):
        with pytest.raises(TypeError):
            call(conditional, tf.zeros([4, 2]), condition=tf.zeros([4, 3]))

    def test_words(self, call, flow):
        with pytest.raises(ValueError, match=r"x must hold numbers; got an array of type"):
            call(flow, np.array([["a", "b", "c"]]))

    def test_ragged_rows(self, call, flow):
        if call is CALLS["call"]:
            return  # Keras takes tensors and arrays alone, and says so.
        with pytest.raises(ValueError, match="x must be an array of numbers"):
            call(flow, [[1.0, 2.0, 3.0], [1.0]])


class TestNumbers:
    def test_integers_are_cast(self, flow):
        expected = flow.log_prob([[1.0, 2.0, 3.0]])
        for given in (np.array([[1, 2, 3]], "int64"), tf.constant([[1, 2, 3]])):
            np.testing.assert_array_equal(flow.log_prob(given), expected)
            np.testing.assert_allclose(flow(given), expected, rtol=1e-5)
        np.testing.assert_array_equal(flow.log_prob([[1, 2, 3]]), expected)

    def test_float64_is_a_warning_where_rounding_hides_the_data(self):
        rows = np.random.default_rng(0).normal([0.0, 1.7e9, 5.0], [1.0, 1e4, 1e-3], size=(300, 3))
        says = r"too coarse for coordinate 1: near 1\.7\w*e\+09 .* 1\.3e\+02 apart.*offset"
        for given in (rows, (rows * [1e3, 1.0, 1e6]).astype("int64")):
            flow = tfflows.Flow([layers.Standardize(), layers.Shift()], 3)
            with pytest.warns(UserWarning, match=says) as warned:
                flow.adapt(given)
            assert warned[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            flow.adapt(given)  # It has been said.
            flow.log_prob(rows)
            other = tfflows.Flow([layers.Standardize(), layers.Shift()], 3)
            other.adapt(rows - [0.0, 1.7e9, 5.0])

    def test_a_float64_flow_keeps_float64(self):
        flow = tfflows.NSF(2, 1, transforms=2, hidden_units=(4,), bins=3, dtype="float64")
        x, context = np.zeros([4, 2]), np.zeros([4, 1])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            answers = [
                flow.log_prob(x, context),
                flow(x, context=context),
                flow.inverse(x, context),
                *flow.sample_and_log_prob(3, seed=1, context=context),
                *flow.intermediate(x, context),
            ]
        assert {answer.dtype for answer in answers} == {tf.float64}
        assert {weight.dtype for weight in flow.weights} == {"float64"}

    def test_float64_sums_do_not_pass_through_float32(self):
        """A thousand coordinates of log-scale 1e-9 add up exactly."""
        flow = tfflows.Flow([layers.Scale(1.0, dtype="float64")], 1000, dtype="float64")
        flow.bijector_layers[0].raw.value.assign(np.full(1000, 1e-9))
        base = tfflows.Flow([], 1000, dtype="float64")
        zero = np.zeros([1, 1000])
        difference = float((flow.log_prob(zero) - base.log_prob(zero))[0])
        assert abs(difference + 1e-6) < 1e-11


class TestSamples:
    def test_none(self, flow, conditional):
        assert flow.sample(0, seed=1).shape == (0, 3)
        assert conditional.sample(0, seed=1, context=tf.zeros([5, 3])).shape == (0, 5, 2)
        events, log_prob = flow.sample_and_log_prob(0, seed=1)
        assert events.shape == (0, 3) and log_prob.shape == (0,)

    @pytest.mark.parametrize("number", [-1, (2, -3)])
    def test_a_negative_number(self, flow, number):
        with pytest.raises(ValueError, match=r"number of samples must not be negative; got .*-"):
            flow.sample(number)

    @pytest.mark.parametrize("number", [2.5, "ten", None])
    def test_not_a_number_of_samples(self, flow, number):
        with pytest.raises(TypeError, match=r"number of samples must be an int or a tuple of ints"):
            flow.sample(number)

    def test_of_no_contexts(self, conditional):
        assert conditional.sample(4, seed=1, context=tf.zeros([0, 3])).shape == (4, 0, 2)

    def test_seeds(self, flow):
        first = flow.sample(4, seed=3)
        np.testing.assert_array_equal(flow.sample(4, seed=3), first)
        np.testing.assert_array_equal(flow.sample(4, seed=(0, 3)), first)
        np.testing.assert_array_equal(flow.sample(4, seed=np.int64(3)), first)
        np.testing.assert_array_equal(flow.sample((2, 2), seed=3), tf.reshape(first, [2, 2, 3]))
        assert np.any(flow.sample(4, seed=4) != first)
        assert np.any(flow.sample(4).numpy() != flow.sample(4).numpy())
        keras.utils.set_random_seed(5)
        unseeded = flow.sample(4)
        keras.utils.set_random_seed(5)
        np.testing.assert_array_equal(flow.sample(4), unseeded)

    def test_the_same_seed_in_a_graph_and_under_xla(self, flow):
        first = flow.sample(4, seed=3)
        for compiled in (False, True):
            program = tf.function(lambda: flow.sample(4, seed=3), jit_compile=compiled)
            np.testing.assert_allclose(program(), first, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize(
        ("seed", "error", "message"),
        [
            ((1, 2, 3), ValueError, r"seed must be an int or two ints; got shape \(3,\)"),
            (0.5, TypeError, "seed must be an int or two ints; got 0.5"),
            (2**40, ValueError, "seed must fit in 32 bits; got 1099511627776"),
        ],
    )
    def test_not_a_seed(self, flow, seed, error, message):
        with pytest.raises(error, match=message):
            flow.sample(2, seed=seed)

    def test_a_base_alone_is_sampled_for_each_context(self):
        """Layers that ignore the context do not take away the events of the other contexts."""
        for chain in ([], [layers.Permute([1, 0])], [layers.Unconditional(layers.Shift(1.0))]):
            flow = tfflows.Flow(chain, 2, context_shape=3)
            context = tf.zeros([7, 3])
            events, log_prob = flow.sample_and_log_prob(5, seed=1, context=context)
            assert events.shape == (5, 7, 2) and log_prob.shape == (5, 7)
            assert len(np.unique(events)) == 70
            assert flow.distribution(context).batch_shape == (7,)
            np.testing.assert_allclose(flow.log_prob(events, context), log_prob, rtol=1e-5)


class TestEmptyBatches:
    def test_every_call(self, flow, conditional):
        assert flow.log_prob(np.zeros([0, 3], "float32")).shape == (0,)
        assert flow(tf.zeros([0, 3])).shape == (0,)
        assert flow.inverse(tf.zeros([0, 3])).shape == (0, 3)
        assert flow.forward(tf.zeros([0, 3])).shape == (0, 3)
        assert conditional.log_prob(tf.zeros([0, 2]), tf.zeros([0, 3])).shape == (0,)
        assert conditional.log_prob(tf.zeros([0, 2]), tf.zeros([3])).shape == (0,)
        assert flow.log_prob(np.zeros([0, 3], "float32"), batch_size=4).shape == (0,)


class TestSymbolic:
    """``distribution.log_prob(keras.Input(...))``, as the textbooks have it, works on the model."""

    def test_log_prob_of_an_input(self, flow):
        inputs = keras.Input((3,))
        model = keras.Model(inputs, flow.log_prob(inputs))
        x = np.ones([4, 3], "float32")
        np.testing.assert_allclose(model.predict(x, verbose=0), flow.log_prob(x), rtol=1e-5)

    def test_a_distribution_model(self):
        model = tfflows.DistributionModel(tfd.MultivariateNormalDiag(loc=tf.Variable([0.5, 1.0])))
        inputs = keras.Input((2,))
        functional = keras.Model(inputs, model(inputs))
        assert len(functional.trainable_weights) == 1
        x = np.ones([4, 2], "float32")
        np.testing.assert_allclose(functional.predict(x, verbose=0), model.log_prob(x), rtol=1e-5)

    def test_wrong_inputs_are_named_while_the_model_is_drawn(self, flow, conditional):
        with pytest.raises(ValueError, match=r"events of shape \(3,\); x has shape \(None, 2\)"):
            flow(keras.Input((2,)))
        with pytest.raises(ValueError, match=r"needs context of shape \(\.\.\., 3\)"):
            conditional(keras.Input((2,)))

    def test_inverted_layers_in_a_functional_model(self, tmp_path):
        layer = layers.Invert(
            layers.MaskedAutoregressive(
                univariates.Affine(), hidden_units=(4,), identity_start=False
            )
        )
        x, context = keras.Input((3,)), keras.Input((2,))
        model = keras.Model([x, context], layer(x, context=context))
        given = [np.ones([4, 3], "float32"), np.ones([4, 2], "float32")]
        expected = model.predict(given, verbose=0)
        np.testing.assert_allclose(expected, layer(*map(tf.constant, given)), rtol=1e-5)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        np.testing.assert_allclose(loaded.predict(given, verbose=0), expected, rtol=1e-5)
