"""Layers, flows and models that cannot be built say why, when they are built."""

import functools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, univariates

AFFINE = univariates.Affine


def autoregressive(**kwargs):
    return layers.MaskedAutoregressive(AFFINE(), hidden_units=(4,), **kwargs)


def coupling(**kwargs):
    return layers.Coupling(AFFINE(), hidden_units=(4,), **kwargs)


class TestOneCoordinate:
    @pytest.mark.parametrize("event_shape", [1, (), (1, 1)])
    def test_a_coupling_says_what_to_use(self, event_shape):
        with pytest.raises(ValueError, match=r"1 coordinate; use .*Elementwise or .*MaskedAuto"):
            tfflows.Flow([coupling()], event_shape)

    @pytest.mark.parametrize("prebuilt", [tfflows.RealNVP, tfflows.NICE, tfflows.CouplingNSF])
    def test_so_do_the_prebuilt_flows(self, prebuilt):
        with pytest.raises(ValueError, match=r"single coordinate; use tfflows\.MAF or .*NSF"):
            prebuilt(1)

    @pytest.mark.parametrize("context_shape", [None, 2])
    def test_an_autoregressive_layer_is_elementwise(self, context_shape):
        flow = tfflows.MAF(1, context_shape, transforms=2, hidden_units=(4,), identity_start=False)
        context = None if context_shape is None else tf.ones([5, 2])
        x = tf.random.stateless_normal([5, 1], [0, 1])
        assert flow.log_prob(x, context).shape == (5,)
        np.testing.assert_allclose(
            flow.forward(flow.inverse(x, context), context), x, rtol=1e-4, atol=1e-5
        )


class TestPermutations:
    @pytest.mark.parametrize("permutation", [[0, 0, 1], [1, 2, 3], [0, 1, -2]])
    def test_not_a_permutation(self, permutation):
        message = r"permutation must contain each of 0\.\.2 once; got \["
        with pytest.raises(ValueError, match=message):
            layers.Permute(permutation)
        with pytest.raises(ValueError, match=message):
            tfflows.bijectors.Permutation(permutation, (3,))

    def test_a_tfp_permutation(self):
        """TFP refuses this one itself; what it lets through, the layer refuses."""
        with pytest.raises(ValueError, match="Permutation"):
            tfb.Permute([0, 0, 1])
        with pytest.raises(ValueError, match=r"each of 0\.\.2 once; got \[0, 0, 1\]"):
            tfflows.Flow([tfb.Permute(tf.Variable([0, 0, 1]))], 3)

    def test_of_the_wrong_length(self):
        with pytest.raises(ValueError, match=r"2 entries, but an event of shape \(3,\) has 3"):
            tfflows.Flow([layers.Permute([1, 0])], 3)

    def test_a_word(self):
        with pytest.raises(ValueError, match=r'list of coordinates or "random"; got \'reverse\''):
            layers.Permute("reverse")


class TestSharing:
    def test_the_same_layer_twice(self):
        with pytest.raises(ValueError, match=r"twice and would share its weights; .*separate"):
            tfflows.Flow([autoregressive()] * 8, 2)

    def test_the_same_tfp_bijector_with_weights_twice(self):
        shift = tfb.Shift(tf.Variable([0.0, 0.0]))
        with pytest.raises(ValueError, match=r"share the weight .*separate"):
            tfflows.Flow([shift, shift], 2)

    def test_the_same_bijector_without_weights_may_stand_twice(self):
        swap = tfb.Permute([1, 0])
        flow = tfflows.Flow([swap, autoregressive(), swap], 2)
        assert flow.sample(3, seed=0).shape == (3, 2)

    def test_the_same_layer_within_a_wrapper(self):
        layer = autoregressive()
        with pytest.raises(ValueError, match=r"share the weight .*separate"):
            tfflows.Flow([layers.Invert(layer), layer], 2)

    def test_one_network_in_several_tfp_bijectors(self):
        """`[tfb.MaskedAutoregressiveFlow(network)] * 2` shares one network, too."""
        network = tfb.AutoregressiveNetwork(params=2, hidden_units=[4])
        stack = [tfb.MaskedAutoregressiveFlow(network) for _ in range(2)]
        with pytest.raises(ValueError, match=r"share the weight .*separate"):
            tfflows.Flow(stack, 2)


class TestEntries:
    def test_neither_layer_nor_bijector(self):
        with pytest.raises(TypeError, match=r"tfflows layers and TFP bijectors; got .* type Dense"):
            tfflows.Flow([keras.layers.Dense(2)], 2)

    def test_a_class_instead_of_an_object(self):
        with pytest.raises(TypeError, match=r"Did you mean Standardize\(\)\?"):
            tfflows.Flow([layers.Standardize], 2)
        with pytest.raises(TypeError, match=r"did you mean `Affine\(\)`\?"):
            layers.MaskedAutoregressive(AFFINE)

    def test_a_single_layer_needs_no_list(self):
        assert len(tfflows.Flow(autoregressive(), 2).bijector_layers) == 1

    def test_a_number(self):
        with pytest.raises(TypeError, match=r"bijectors must be a list of .*; got 3"):
            tfflows.Flow(3, 2)

    def test_a_keras_variable_in_a_tfp_bijector(self):
        with pytest.raises(
            TypeError, match=r"'shift' of Shift is a keras\.Variable.*layers\.Shift"
        ):
            tfflows.Flow([tfb.Shift(keras.Variable([0.0, 0.0]))], 2)

    def test_a_layer_that_was_built_for_other_events(self):
        layer = autoregressive()
        layer.build((3,))
        with pytest.raises(ValueError, match=r"built for events of shape \(3,\).* shape \(2,\)"):
            tfflows.Flow([layer], 2)

    def test_a_layer_that_was_built_for_other_contexts(self):
        layer = autoregressive()
        layer.build((2,), (3,))
        with pytest.raises(ValueError, match=r"contexts of shape \(3,\).*\(4,\)"):
            tfflows.Flow([layer], 2, context_shape=4)

    def test_a_tfp_bijector_that_does_not_take_the_event(self):
        with pytest.raises(ValueError, match=r"does not take events of shape \(2,\)"):
            tfflows.Flow([tfb.Shift([1.0, 2.0, 3.0])], 2)

    @pytest.mark.parametrize("order", ["upwards", [1, 1], [0, 2]])
    def test_an_order_that_is_none(self, order):
        with pytest.raises(ValueError, match="input_order must be"):
            tfflows.Flow([autoregressive(order=order)], 2)

    @pytest.mark.parametrize("passes", [0, 3])
    def test_passes_out_of_range(self, passes):
        with pytest.raises(ValueError, match="passes must be an integer from 1 to"):
            tfflows.Flow([autoregressive(passes=passes)], 2)

    @pytest.mark.parametrize(
        ("mask", "message"),
        [
            ([True, True], "at least one coordinate pass through and transform at least one"),
            ([True, False, True], "3 entries, but the event has 2 coordinates"),
            ("quarter", r"'half', 'alternating' or a list of booleans; got 'quarter'"),
        ],
    )
    def test_masks(self, mask, message):
        with pytest.raises(ValueError, match=message):
            tfflows.Flow([coupling(mask=mask)], 2)

    def test_a_conditioner_of_the_wrong_width(self):
        network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
        with pytest.raises(ValueError, match=r"inputs of shape \(batch, 1\).*pass through"):
            tfflows.Flow([layers.Coupling(AFFINE(), conditioner=network)], 2)

    def test_a_conditioner_that_keeps_an_axis(self):
        network = keras.Sequential([keras.layers.Reshape((1, 1)), keras.layers.Dense(4)])
        with pytest.raises(ValueError, match=r"\(batch, features\); got .*Flatten"):
            tfflows.Flow([layers.Coupling(AFFINE(), conditioner=network)], 2)

    def test_inverting_what_waits_for_data(self):
        with pytest.raises(ValueError, match=r"Invert\(Standardize\) cannot adapt"):
            tfflows.Flow([layers.Invert(layers.Standardize())], 2)

    @pytest.mark.parametrize("wrapper", [layers.Invert, layers.Unconditional])
    def test_wrapping_a_bare_bijector(self, wrapper):
        with pytest.raises(TypeError, match=r"wraps a tfflows layer; got Exp.*layers\.TFPBijector"):
            wrapper(tfb.Exp())

    def test_a_scale_of_zero(self):
        with pytest.raises(ValueError, match="scale must not be zero"):
            layers.Scale([1.0, 0.0])

    def test_a_start_that_does_not_fit(self):
        with pytest.raises(ValueError, match=r"shift has shape \(3,\).* events of shape \(2,\)"):
            tfflows.Flow([layers.Shift([1.0, 2.0, 3.0])], 2)

    def test_a_variable_as_a_start(self):
        with pytest.raises(TypeError, match="shift must be numbers, the value the layer starts"):
            layers.Shift(object())


class TestShapes:
    @pytest.mark.parametrize("shape", [0, -2, (2, 0)])
    def test_not_positive(self, shape):
        with pytest.raises(ValueError, match="event_shape must hold positive sizes; got"):
            tfflows.Flow([], shape)
        with pytest.raises(ValueError, match="context_shape must hold positive sizes; got"):
            tfflows.Flow([], 2, context_shape=shape)

    @pytest.mark.parametrize("shape", [2.5, "two", (2, None), None])
    def test_no_shape(self, shape):
        with pytest.raises(TypeError, match="event_shape must be an int or a tuple of ints; got"):
            tfflows.Flow([], shape)

    @pytest.mark.parametrize("transforms", [0, -1])
    def test_no_transforms(self, transforms):
        with pytest.raises(ValueError, match="transforms must be at least 1; got"):
            tfflows.MAF(2, transforms=transforms)

    def test_a_context_network_without_a_context(self):
        with pytest.raises(ValueError, match="context_network needs context_shape"):
            tfflows.MAF(2, context_network=keras.layers.Dense(3))

    def test_a_context_network_that_forgets_the_batch(self):
        network = keras.layers.Lambda(lambda c: tf.reduce_sum(c, -1))
        with pytest.raises(ValueError, match=r"\(batch, features\); got \(1,\)"):
            tfflows.MAF(2, 3, context_network=network)


class TestBases:
    def test_a_batch_of_distributions(self):
        with pytest.raises(ValueError, match=r"batch shape \(2,\).*tfd\.Independent"):
            tfflows.Flow([autoregressive()], 2, base=tfd.Normal([0.0, 0.0], 1.0))

    def test_of_another_size(self):
        base = tfd.MultivariateNormalDiag(loc=[0.0, 0.0, 0.0])
        with pytest.raises(ValueError, match=r"events of shape \(3,\).* latent .* shape \(2,\)"):
            tfflows.Flow([autoregressive()], 2, base=base)

    def test_of_another_type(self):
        base = tfd.MultivariateNormalDiag(loc=np.zeros(2))
        with pytest.raises(ValueError, match="type float64 and the flow computes in float32"):
            tfflows.Flow([autoregressive()], 2, base=base)

    def test_no_distribution(self):
        with pytest.raises(TypeError, match=r"base must be a .*DensityModel; got 'normal'"):
            tfflows.Flow([autoregressive()], 2, base="normal")

    def test_a_bounded_one_under_layers_that_can_leave_it_is_a_warning(self):
        uniform = tfd.Independent(tfd.Uniform([-1.0, -1.0], [1.0, 1.0]), 1)
        with pytest.warns(UserWarning, match="bounded support, and layers may map data outside"):
            flow = tfflows.Flow([autoregressive()], 2, base=uniform)
        assert np.isneginf(flow.log_prob([[5.0, 0.0]]))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tfflows.Flow([tfb.Permute([1, 0])], 2, base=uniform)


class TestTypes:
    @pytest.mark.parametrize("dtype", ["mixed_float16", "float16", "bfloat16"])
    def test_half_precision(self, dtype):
        with pytest.raises(ValueError, match=rf"{dtype} loses .*; use \"mixed_bfloat16\""):
            tfflows.Flow([tfflows.layers.Shift(dtype=dtype)], 2, dtype=dtype)
        if dtype != "mixed_float16":
            with pytest.raises(ValueError, match=f"{dtype} loses"):
                tfflows.DistributionModel(tfd.Normal(tf.constant(0.0, dtype), 1.0))

    def test_mixed_float16(self):
        with pytest.raises(ValueError, match=r"mixed_float16 loses .*; use \"mixed_bfloat16\""):
            tfflows.MAF(2, dtype="mixed_float16")

    def test_a_global_policy_of_mixed_float16(self):
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_float16")
        try:
            with pytest.raises(ValueError, match="mixed_float16 loses"):
                tfflows.MAF(2)
        finally:
            keras.config.set_dtype_policy(before)

    def test_a_layer_of_another_type(self):
        with pytest.raises(ValueError, match=r"computes in float64 and the flow in float32"):
            tfflows.Flow([autoregressive(dtype="float64")], 2)


class TestWeightsExist:
    @pytest.mark.parametrize(
        "make",
        [
            lambda: tfflows.NSF(2, 3, transforms=2, hidden_units=(4,)),
            lambda: tfflows.RealNVP((2, 2), transforms=2, hidden_units=(4,)),
            lambda: tfflows.Flow(
                [coupling(conditioner=keras.Sequential([keras.layers.Dense(3)]))], 2
            ),
            lambda: tfflows.DistributionModel(
                tfd.TransformedDistribution(
                    tfd.MultivariateNormalDiag(loc=[0.0, 0.0]),
                    tfb.MaskedAutoregressiveFlow(
                        tfb.AutoregressiveNetwork(params=2, hidden_units=[8])
                    ),
                )
            ),
        ],
        ids=["autoregressive", "coupling", "lazy conditioner", "plain TFP"],
    )
    def test_before_the_first_call_and_no_others_after(self, make):
        flow = make()
        before = [weight.path for weight in flow.trainable_weights]
        assert before
        context = None if flow.context_shape is None else tf.ones([3, *flow.context_shape])
        flow.log_prob(tf.ones([3, *flow.event_shape]), context)
        flow.sample(2, seed=0, context=context)
        assert [weight.path for weight in flow.trainable_weights] == before


class TestBuilders:
    """A stack of autoregressive layers in one order would repeat the same conditionals."""

    @pytest.mark.parametrize(
        "prebuilt", [tfflows.MAF, tfflows.IAF, tfflows.NSF, tfflows.RealNVP, tfflows.CouplingNSF]
    )
    def test_each_coordinate_moves_each_other(self, prebuilt):
        flow = prebuilt(3, transforms=3, hidden_units=(8,), activation="tanh", identity_start=False)
        for weight in flow.trainable_weights:
            weight.assign_add(0.2 * np.random.default_rng(0).normal(size=weight.shape))
        x = tf.random.stateless_normal([4, 3], [0, 1])
        with tf.GradientTape() as tape:
            tape.watch(x)
            z = flow.bijector().inverse(x)
        assert np.all(np.abs(tape.batch_jacobian(z, x)).max(0) > 0)


class TestWidths:
    @pytest.mark.parametrize(
        "make",
        [
            layers.Shift,
            layers.ActNorm,
            layers.LU,
            functools.partial(layers.Elementwise, AFFINE()),
            functools.partial(layers.MaskedAutoregressive, AFFINE()),
            functools.partial(layers.Coupling, AFFINE()),
        ],
    )
    def test_an_int_is_one_hidden_layer_and_a_word_is_refused(self, make):
        assert make(hidden_units=8).hidden_units == make(hidden_units=[8]).hidden_units == (8,)
        for wrong in ("64", [0], [6.5]):
            with pytest.raises(ValueError, match=r"hidden_units must be .*got"):
                make(hidden_units=wrong)

    def test_a_coupling_without_hidden_layers(self):
        with pytest.raises(ValueError, match="hidden_units must name one width or more"):
            tfflows.CouplingFlow(2, hidden_units=())
