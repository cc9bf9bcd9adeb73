"""tf.Variables and networks inside TFP objects as Keras weights."""

import functools
import gc

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfflows import layers
from tfflows.interop.tfp_parts import parts_of
from tfflows.interop.variable_tracking import (
    adopt_distribution,
    as_keras_variable,
    check_no_keras_variables,
)

tfb, tfd = tfp.bijectors, tfp.distributions


def adopted(distribution, event_shape=()):
    layer = keras.layers.Layer()
    adopt_distribution(layer, distribution, event_shape)
    return layer


def translated(function):
    """Return a distribution on the plane that calls `function` in its density."""
    bijector = tfb.Inline(
        forward_fn=lambda x: x,
        inverse_fn=lambda y: y + 0.0 * function(y),
        inverse_log_det_jacobian_fn=lambda y: tf.zeros([], y.dtype),
        forward_min_event_ndims=1,
    )
    return tfd.TransformedDistribution(tfd.MultivariateNormalDiag([0.0, 0.0]), bijector)


class Holder:
    """A callable of a user's own that keeps a layer."""

    def __init__(self, net):
        self.net = net

    def __call__(self, y):
        return self.net(y)


HIDDEN = {
    "lambda": lambda dense: lambda y: dense(y),
    "partial": lambda dense: functools.partial(lambda net, y: net(y), dense),
    "tf.function": lambda dense: tf.function(lambda y: dense(y)),
    "method": lambda dense: dense.call,
    "object": Holder,
    "nested": lambda dense: (lambda inner: lambda y: inner(y))(lambda y: dense(y)),
    "default": lambda dense: lambda y, net=dense: net(y),
}


class TestSharing:
    def test_keras_shares_the_very_variable(self):
        """Guard: no page promises what keras.Variable does with a tf.Variable."""
        given = tf.Variable([1.0, 2.0], trainable=True)
        shared = keras.Variable(given)
        assert shared.value is given
        shared.assign([3.0, 4.0])
        np.testing.assert_array_equal(given, [3.0, 4.0])
        given.assign([5.0, 6.0])
        np.testing.assert_array_equal(shared, [5.0, 6.0])

    def test_keras_still_drops_the_constraint(self):
        """Guard: the day Keras copies it, the line that does can go."""
        given = tf.Variable([1.0], constraint=lambda x: 0.5 * x)
        assert keras.Variable(given).constraint is None
        assert as_keras_variable(given).constraint(tf.constant([3.0])) == [1.5]

    def test_a_constraint_of_keras_stays_what_it_is(self):
        given = tf.Variable([1.0], constraint=keras.constraints.NonNeg())
        assert as_keras_variable(given).constraint is given.constraint

    @pytest.mark.parametrize(
        ("dtype", "trainable"),
        [("float64", True), ("int32", False), ("bool", False), ("bfloat16", True)],
    )
    def test_type_trainable_and_name(self, dtype, trainable):
        given = tf.Variable(tf.ones([2], dtype), trainable=trainable, name="scope/inner/offset")
        shared = as_keras_variable(given)
        assert (shared.dtype, shared.trainable) == (dtype, trainable)
        assert (shared.name, shared.path) == ("offset", "scope/inner/offset")

    def test_one_keras_variable_for_one_variable(self):
        given = tf.Variable([1.0, 2.0])
        first, second = layers.TFPBijector(tfb.Shift(given)), layers.TFPBijector(tfb.Scale(given))
        for layer in (first, second):
            layer.build((2,))
        assert first.weights[0] is second.weights[0]
        model = keras.Sequential([first, second])
        assert len(model.trainable_weights) == 1

    def test_the_record_does_not_keep_variables_alive(self):
        shared = as_keras_variable(tf.Variable([1.0]))
        before = id(shared.value)
        del shared
        gc.collect()
        other = tf.Variable([2.0])
        assert as_keras_variable(other).value is other, before

    def test_a_constraint_is_applied_by_an_optimizer(self):
        given = tf.Variable([1.0, -1.0], constraint=lambda x: tf.maximum(x, 0.0))
        shared = as_keras_variable(given)
        keras.optimizers.SGD(0.5).apply([tf.constant([4.0, 0.0])], [shared])
        np.testing.assert_array_equal(given, [0.0, 0.0])

    def test_paths_are_different_even_where_names_are_not(self):
        layer = keras.layers.Layer()
        normal = tfd.Normal(tf.Variable(0.0, name="a"), tf.Variable(1.0, name="a"))
        adopt_distribution(layer, normal, (), scope="base")
        assert [v.path for v in layer.weights] == ["base/a", "base/a_1"]


class TestWhatIsFound:
    def test_variables_in_the_order_of_the_arguments(self):
        late = tf.Variable(1.0, name="scale")
        early = tf.Variable(0.0, name="loc")
        layer = keras.layers.Layer()
        adopt_distribution(layer, tfd.Normal(early, late), ())
        assert [v.name for v in layer.weights] == ["loc", "scale"]

    def test_variables_that_do_not_exist_before_the_first_call(self):
        made = tfb.AutoregressiveNetwork(params=2, hidden_units=[8])
        flow = tfd.TransformedDistribution(
            tfd.MultivariateNormalDiag([0.0, 0.0]), tfb.MaskedAutoregressiveFlow(made)
        )
        assert len(flow.trainable_variables) < 4
        layer = adopted(flow, (2,))
        assert [id(v.value) for v in layer.trainable_weights] == [id(v) for v in made.variables]

    def test_linear_operators_and_deferred_tensors(self):
        diagonal = tfp.util.TransformedVariable([1.0, 2.0], tfb.Softplus(), name="diagonal")
        operator = tf.linalg.LinearOperatorDiag(diagonal)
        loc = tf.Variable([0.0, 0.0])
        layer = adopted(tfd.MultivariateNormalLinearOperator(loc, operator), (2,))
        kept = [v.value for v in layer.trainable_weights]
        assert kept[0] is loc
        assert kept[1] is diagonal.pretransformed_input

    def test_variables_that_do_not_train(self):
        fixed = tf.Variable(1.0, trainable=False)
        layer = adopted(tfd.Normal(tf.Variable(0.0), fixed))
        assert [v.value is fixed for v in layer.non_trainable_weights] == [True]
        assert len(layer.trainable_weights) == 1

    @pytest.mark.parametrize("how", HIDDEN)
    def test_a_keras_layer_behind_a_function(self, how):
        dense = keras.layers.Dense(2)
        dense.build((None, 2))
        layer = adopted(translated(HIDDEN[how](dense)), (2,))
        assert {id(v.value) for v in layer.trainable_weights} == {
            id(dense.kernel.value), id(dense.bias.value)
        }  # fmt: skip

    def test_a_keras_layer_behind_a_lambda_keeps_regularizer_and_constraint(self):
        dense = keras.layers.Dense(2, kernel_regularizer="l2", kernel_constraint="non_neg")
        layer = adopted(translated(lambda y: dense(y)), (2,))
        assert layer.trainable_weights[0] is dense.kernel
        assert len(layer.losses) == 1

    def test_a_keras_variable_that_a_function_reads(self):
        offset = keras.Variable([1.0, 2.0], name="offset")
        layer = adopted(translated(lambda y: offset + tf.zeros_like(y)), (2,))
        assert layer.trainable_weights[0] is offset

    def test_a_keras_2_layer_behind_a_lambda(self):
        dense = tf_keras.layers.Dense(2)
        layer = adopted(translated(lambda y: dense(y)), (2,))
        assert [v.shape for v in layer.trainable_weights] == [(2, 2), (2,)]

    def test_parts_know_the_way(self):
        flow = tfb.Chain([tfb.Exp(), tfb.Invert(tfb.Shift(tf.Variable(1.0)))])
        ways = {p.where for p in parts_of(flow) if isinstance(p.value, tf.Variable)}
        assert ways == {"Chain.bijectors[1].bijector.shift"}

    def test_the_made_up_event_changes_nothing(self):
        glow = tfb.Glow(
            output_shape=(4, 4, 2),
            num_glow_blocks=1,
            num_steps_per_block=1,
            coupling_bijector_fn=tfb.GlowDefaultNetwork,
            exit_bijector_fn=tfb.GlowDefaultExitNetwork,
        )
        flags = [v for v in glow.variables if v.dtype == tf.bool]
        layers.TFPBijector(glow).build((4, 4, 2))
        assert [bool(v) for v in flags] == [False]
        assert all(np.isfinite(v).all() for v in glow.variables if v.dtype == tf.float32)

    def test_a_support_that_zero_is_not_in(self):
        strict = tfd.TruncatedNormal(5.0, tf.Variable(1.0), 4.0, 6.0, validate_args=True)
        assert len(adopted(strict).trainable_weights) == 1


class TestErrors:
    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (
                lambda v: tfb.Shift(v),
                r"'shift' of Shift is a keras.Variable \('offset'\).*tfflows.layers.Shift",
            ),
            (
                lambda v: tfb.Chain([tfb.Exp(), tfb.Invert(tfb.Scale(log_scale=v))]),
                r"'log_scale' of Scale is a keras.Variable.*tfflows.layers.Scale",
            ),
            (
                lambda v: tfd.Normal(v, 1.0),
                r"'loc' of Normal is a keras.Variable.*tf.Variable, or a layer",
            ),
            (
                lambda v: tfb.ScaleMatvecLinearOperator(tf.linalg.LinearOperatorDiag(v)),
                r"'diag' of LinearOperatorDiag is a keras.Variable",
            ),
        ],
    )
    def test_a_frozen_keras_variable(self, make, message):
        obj = make(keras.Variable([1.0, 2.0], name="offset"))
        with pytest.raises(TypeError, match=message):
            check_no_keras_variables(obj)

    def test_tfp_still_freezes_a_keras_variable(self):
        """Guard: the day TFP follows keras.Variables, the refusal can go."""
        offset = keras.Variable([1.0, 2.0])
        shift = tfb.Shift(offset)
        with tf.GradientTape() as tape:
            value = shift.forward(tf.zeros([2]))
        assert tape.gradient(value, offset.value) is None

    def test_variables_made_anew_in_each_call(self):
        message = (
            r"2 variables used by log_prob are not weights of this layer "
            r"\(.*kernel, .*bias\)\. Training and saving would ignore them\."
        )
        with pytest.raises(ValueError, match=message):
            adopted(translated(lambda y: keras.layers.Dense(2)(y)), (2,))

    def test_regularization_of_a_keras_2_network_is_not_dropped_silently(self):
        made = tfb.AutoregressiveNetwork(params=2, hidden_units=[8], kernel_regularizer="l2")
        with pytest.warns(UserWarning, match="regularization of the Keras 2 network"):
            layers.TFPBijector(tfb.MaskedAutoregressiveFlow(made)).build((2,))


class TestStrategy:
    def test_made_outside(self):
        strategy = tf.distribute.MirroredStrategy(["CPU:0"])
        outside = tfd.Normal(tf.Variable(0.0, name="loc"), 1.0)
        with (
            strategy.scope(),
            pytest.raises(ValueError, match=r"loc.*outside the scope of the MirroredStrategy"),
        ):
            adopted(outside)

    def test_made_inside(self):
        strategy = tf.distribute.MirroredStrategy(["CPU:0"])
        with strategy.scope():
            loc = tf.Variable(0.0)
            layer = adopted(tfd.Normal(loc, 1.0))
            assert layer.trainable_weights[0].value is loc
        with pytest.raises(ValueError, match=r"in the scope of a tf.distribute strategy"):
            adopted(tfd.Normal(loc, 1.0))
