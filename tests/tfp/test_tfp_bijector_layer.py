"""Any TFP bijector as a layer."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from keras import saving

from tfflows import conditioners, layers
from tfflows.layers import TFPBijector

from .tfb_examples import EXAMPLES, REFUSED

tfb, tfd = tfp.bijectors, tfp.distributions


def built(bijector, event_shape, **kwargs):
    layer = TFPBijector(bijector, **kwargs)
    layer.build(event_shape)
    return layer


class TestEveryExample:
    @pytest.mark.parametrize("name", EXAMPLES)
    def test_shapes_weights_and_both_ways(self, name):
        example = EXAMPLES[name]
        layer = built(example.make("float32"), example.event_shape)
        assert layer.latent_shape(example.event_shape) == example.latent_shape
        assert layer.data_shape(example.latent_shape) == example.event_shape
        assert layer.compute_output_shape((None, *example.event_shape)) == (
            None, *example.latent_shape
        )  # fmt: skip
        assert len(layer.trainable_weights) == example.weights
        z = example.draw_latent(5)
        x = layer.bijector().forward(z)
        assert x.shape == (5, *example.event_shape)
        np.testing.assert_allclose(layer(x), z, rtol=2e-3, atol=2e-3)
        if name != "Glow":  # TensorFlow's convolution on a CPU refuses an empty batch.
            assert layer(x[:0]).shape == (0, *example.latent_shape)

    def test_those_that_no_flow_can_hold(self):
        made = {
            "AbsoluteValue": lambda: built(tfb.AbsoluteValue(), (2,)),
            "JointMap": lambda: TFPBijector(tfb.JointMap([tfb.Exp()])),
            "Restructure": lambda: TFPBijector(tfb.Restructure({"a": 0, "b": 1})),
            "ScaleMatvecLinearOperatorBlock": lambda: TFPBijector(
                tfb.ScaleMatvecLinearOperatorBlock(
                    tf.linalg.LinearOperatorBlockDiag([tf.linalg.LinearOperatorIdentity(2)])
                )
            ),
            "Split": lambda: TFPBijector(tfb.Split(2)),
        }
        assert made.keys() == REFUSED.keys()
        for name, make in made.items():
            match = "not one-to-one" if name == "AbsoluteValue" else "lists of arrays"
            with pytest.raises(ValueError, match=match):
                make()


class TestWeights:
    def test_they_are_the_variables_of_the_bijector(self):
        shift = tf.Variable([0.5, 0.25])
        layer = built(tfb.Shift(shift), (2,))
        layer.trainable_weights[0].assign([1.0, 2.0])
        np.testing.assert_array_equal(layer.bijector().forward(tf.zeros([2])), [1.0, 2.0])
        layer.trainable = False
        assert not layer.trainable_weights
        assert len(layer.weights) == 1

    @pytest.mark.parametrize(
        ("bijector", "count"),
        [
            (lambda: tfb.MaskedAutoregressiveFlow(tfb.AutoregressiveNetwork(2)), 2),
            (
                lambda: tfb.RealNVP(
                    1, shift_and_log_scale_fn=tfb.real_nvp_default_template(hidden_layers=[4])
                ),
                4,
            ),
            (
                lambda: tfb.Invert(
                    tfb.MaskedAutoregressiveFlow(conditioners.AutoregressiveNetwork(2))
                ),
                6,
            ),
        ],
        ids=["made", "template", "our network"],
    )
    def test_lazy_networks_have_them_once_built(self, bijector, count):
        assert len(built(bijector(), (3,)).trainable_weights) == count

    def test_built_while_a_graph_is_traced(self):
        layer = TFPBijector(tfb.MaskedAutoregressiveFlow(tfb.AutoregressiveNetwork(2)))
        first = tf.function(lambda x: layer(x))(tf.ones([3, 2]))
        assert len(layer.trainable_weights) == 2
        np.testing.assert_allclose(layer(tf.ones([3, 2])), first, rtol=1e-6)

    def test_random_masks_survive_a_save(self):
        """Random orders and degrees come back, though TFP does not store them."""
        layer = built(EXAMPLES["MaskedAutoregressiveFlow, random"].make("float32"), (3,))
        again = saving.deserialize_keras_object(saving.serialize_keras_object(layer))
        again.build((3,))
        again.set_weights(layer.get_weights())
        x = tf.constant([[0.3, -1.0, 2.0]])
        np.testing.assert_array_equal(layer(x), again(x))
        for one, other in zip(layer.weights, again.weights, strict=True):
            assert (one.constraint is None) == (other.constraint is None)
            if one.constraint is not None:
                ones = tf.ones(one.shape)
                np.testing.assert_array_equal(one.constraint(ones), other.constraint(ones))


class TestNeverStale:
    @pytest.mark.parametrize(
        "wrap",
        [
            lambda b: b,
            tfb.Invert,
            lambda b: tfb.Chain([tfb.Permute([1, 0]), tfb.Chain([b, tfb.Exp()])]),
        ],
        ids=["plain", "invert", "nested chain"],
    )
    def test_kept_input_and_changed_weights(self, wrap):
        shift = tf.Variable([0.5, 0.25])
        layer = built(wrap(tfb.Shift(shift)), (2,))
        x = tf.constant([[2.0, 3.0]])
        layer(x)
        shift.assign([1.0, 1.5])
        fresh = built(wrap(tfb.Shift(tf.constant([1.0, 1.5]))), (2,))
        np.testing.assert_array_equal(layer(x), fresh(tf.constant([[2.0, 3.0]])))

    def test_gradients_on_a_first_and_a_second_tape(self):
        shift = tf.Variable([0.5, 0.25])
        layer = built(tfb.Shift(shift), (2,))
        x = tf.constant([[2.0, 3.0]])
        for _ in range(2):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.square(layer(x)))
            expected = -2.0 * (x[0] - shift)
            np.testing.assert_allclose(tape.gradient(loss, shift), expected)
            shift.assign_add([0.5, 0.5])


class TestErrors:
    @pytest.mark.parametrize("given", [3, layers.Shift(), tfb.Shift, lambda x: x])
    def test_something_else(self, given):
        with pytest.raises(TypeError, match="TFPBijector takes a TFP bijector; got"):
            TFPBijector(given)

    def test_a_permutation_that_is_none(self):
        # Of constants, TFP itself refuses the list; of a variable it does not.
        bad = tfb.Chain([tfb.Exp(), tfb.Permute(tf.Variable([0, 0, 1]))])
        message = r"permutation must contain each of 0\.\.2 once; got \[0, 0, 1\]"
        with pytest.raises(ValueError, match=message):
            TFPBijector(bad)
        with pytest.raises(ValueError):
            tfb.Permute([0, 0, 1])

    @pytest.mark.parametrize(
        ("bijector", "event_shape", "message"),
        [
            (lambda: tfb.Shift([1.0, 2.0, 3.0]), (2,), r"'shift' .* shape \(2,\)"),
            (lambda: tfb.Shift([1.0, 2.0, 3.0]), (), r"shape \(\).*is one of its parameters"),
            (lambda: tfb.Shift([[1.0], [2.0]]), (3,), r"is one of its parameters a batch"),
            (lambda: tfb.Reshape([4], [2, 2]), (3,), r"'reshape' does not take .*\(3,\)"),
            (lambda: tfb.Cumsum(), (), r"needs events of rank 1 or more"),
            (lambda: tfb.Permute([1, 0]), (3,), r"'permute' .*\(3,\)"),
            (lambda: tfb.Ascending(validate_args=True), (), r"rank 1 or more"),
            (lambda: tfb.ScaleMatvecDiag([1.0, 2.0]), (3,), r"'scale_matvec_diag' .*\(3,\)"),
            (
                lambda: tfb.MaskedAutoregressiveFlow(tfb.AutoregressiveNetwork(2, [3])),
                (2,),
                r"does not take events of shape \(2,\).*Expected `3`, but got `2`",
            ),
            (lambda: tfb.Shift(np.float64([1.0, 2.0])), (2,), r"float64"),
            (
                lambda: tfb.MaskedAutoregressiveFlow(
                    tfb.AutoregressiveNetwork(2, [2], conditional=True, conditional_event_shape=[1])
                ),
                (2,),
                r"wants a conditional_input.*MaskedAutoregressive",
            ),
        ],
    )
    def test_events_that_do_not_fit(self, bijector, event_shape, message):
        with pytest.raises(ValueError, match=message):
            TFPBijector(bijector()).build(event_shape)

    def test_a_function_that_wants_a_context(self):
        def function(x, output_units, conditional_input):
            return tf.zeros_like(x), None

        with pytest.raises(ValueError, match=r"wants a conditional_input.*Coupling"):
            built(tfb.RealNVP(1, shift_and_log_scale_fn=function), (2,))

    def test_a_function_that_brings_its_context(self):
        made = tfb.AutoregressiveNetwork(2, [2], conditional=True, conditional_event_shape=[1])
        bijector = tfb.MaskedAutoregressiveFlow(lambda x: made(x, conditional_input=[[1.0]]))
        assert built(bijector, (2,)).weights

    @pytest.mark.parametrize(
        "bijector",
        [
            tfb.Sigmoid(2.0, 3.0, validate_args=True),
            tfb.CholeskyOuterProduct(validate_args=True),
            tfb.Invert(tfb.Exp(validate_args=True)),
            tfb.Chain([tfb.Shift(10.0), tfb.Sigmoid(validate_args=True)]),
        ],
        ids=lambda b: b.name,
    )
    def test_a_strict_support_is_no_misfit(self, bijector):
        assert built(bijector, (2, 2)).built
