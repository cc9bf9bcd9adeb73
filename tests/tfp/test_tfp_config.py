"""Configs of TFP objects: JSON and back to the same numbers; hostile files are refused."""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

from tfflows import conditioners
from tfflows.interop.tfp_config import from_config, to_config
from tfflows.layers import TFPBijector
from tfflows.privates import MADE_ATTRIBUTES

from .tfb_examples import EXAMPLES, LEFT_OUT, REFUSED

tfb, tfd = tfp.bijectors, tfp.distributions

CASES = [(name, dtype) for name, e in EXAMPLES.items() for dtype in e.dtypes]


def through_json(obj):
    return from_config(json.loads(json.dumps(to_config(obj), allow_nan=False)))


def variable(*numbers):
    return tf.Variable(np.asarray(numbers, np.float32))


@keras.saving.register_keras_serializable(package="tfflows-tests")
class ShiftAndLogScale(keras.layers.Layer):
    """The network of a RealNVP: (x0, number of outputs) -> shift and log scale."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = keras.layers.Dense(2 * units, kernel_initializer="ones", activation="tanh")

    def build(self, x_shape):
        self.dense.build(x_shape)

    def __call__(self, x, output_units):
        # Keras takes no numbers by position, and TFP passes one.
        return super().__call__(x)

    def call(self, x):
        return tf.split(self.dense(x), 2, axis=-1)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


DISTRIBUTIONS = {
    "BatchReshape": lambda: tfd.Independent(
        tfd.BatchReshape(tfd.Normal(variable(0, 1, 2, 3), 1.0), [2, 2]), 2
    ),
    "Blockwise": lambda: tfd.Blockwise([tfd.Normal(tf.Variable(0.5), 1.0), tfd.Cauchy(0.0, 2.0)]),
    "Deferred": lambda: tfd.Independent(
        tfd.Normal(variable(0, 1), tfp.util.TransformedVariable([1.0, 2.0], tfb.Softplus())), 1
    ),
    "Dirichlet": lambda: tfd.Dirichlet(variable(1, 2, 3)),
    "Empirical": lambda: tfd.Empirical(np.float32([1, 2, 2])),
    "GeneralizedPareto": lambda: tfd.GeneralizedPareto(0.0, 1.0, np.float32(0.1)),
    "HiddenMarkovModel": lambda: tfd.HiddenMarkovModel(
        tfd.Categorical(probs=[0.5, 0.5]),
        tfd.Categorical(probs=[[0.5, 0.5], [0.2, 0.8]]),
        tfd.Normal([0.0, 1.0], 1.0),
        3,
    ),
    "Inflated": lambda: tfd.Inflated(tfd.Poisson(2.0), 0.3),
    "LambertWNormal": lambda: tfd.LambertWNormal(0.0, 1.0, 0.1),
    "LogNormal": lambda: tfd.LogNormal(tf.Variable(0.0), 1.0),
    "MixtureSameFamily": lambda: tfd.MixtureSameFamily(
        tfd.Categorical(logits=variable(0, 0.3, 1)),
        tfd.MultivariateNormalDiag(variable([0, 1], [1, 2], [2, 0])),
    ),
    "Mixture": lambda: tfd.Mixture(
        tfd.Categorical(probs=[0.3, 0.7]),
        [tfd.MultivariateNormalDiag(variable(0, 1)), tfd.MultivariateNormalDiag([2.0, 1.0])],
    ),
    "MultivariateNormalDiag": lambda: tfd.MultivariateNormalDiag(loc=[0.0, 0.0]),
    "MultivariateNormalLinearOperator": lambda: tfd.MultivariateNormalLinearOperator(
        variable(0, 1), tf.linalg.LinearOperatorDiag(variable(1, 2))
    ),
    "MultivariateNormalTriL": lambda: tfd.MultivariateNormalTriL(
        variable(0, 1), variable([1, 0], [0.2, 1])
    ),
    "QuantizedDistribution": lambda: tfd.QuantizedDistribution(
        tfd.Normal(0.0, 1.0), low=-3.0, high=3.0
    ),
    "Sample": lambda: tfd.Sample(tfd.StudentT(3.0, tf.Variable(0.5), 1.0), 2),
    "TransformedDistribution": lambda: tfd.TransformedDistribution(
        tfd.Sample(tfd.Normal(0.0, 1.0), [2]),
        tfb.Chain([tfb.Shift(variable(1, 2)), tfb.Invert(tfb.Softplus())]),
    ),
    "TruncatedNormal": lambda: tfd.TruncatedNormal(0.0, 1.0, -1.0, np.inf),
    "Uniform": lambda: tfd.Independent(tfd.Uniform([0.0, 0.0], [1.0, 2.0]), 1),
    "VonMisesFisher": lambda: tfd.VonMisesFisher([1.0, 0.0], 2.0),
    "WishartTriL": lambda: tfd.WishartTriL(3.0, np.eye(2, dtype="float32")),
}


class TestRoundTrip:
    def test_every_public_bijector_is_an_example_or_listed(self):
        public = {
            name
            for name in dir(tfb)
            if inspect.isclass(getattr(tfb, name)) and issubclass(getattr(tfb, name), tfb.Bijector)
        }
        examples = {example.covers for example in EXAMPLES.values()}
        assert examples | set(REFUSED) | set(LEFT_OUT) == public
        assert not examples & (set(REFUSED) | set(LEFT_OUT))
        assert not set(REFUSED) & set(LEFT_OUT)

    @pytest.mark.parametrize(("name", "dtype"), CASES, ids=[f"{n}-{d}" for n, d in CASES])
    def test_bijector(self, name, dtype):
        example = EXAMPLES[name]
        bijector = example.make(dtype)
        layer = TFPBijector(bijector, dtype=dtype)
        y = example.draw(bijector, 4, dtype=dtype)
        layer.build(example.event_shape)
        again = TFPBijector(through_json(bijector), dtype=dtype)
        again.build(example.event_shape)
        # The values of raw variables travel with the config, those of networks with the weights.
        again.set_weights(layer.get_weights())
        ndims = len(example.event_shape)
        for one, other in (
            (layer(y), again(y)),
            (
                layer.bijector().inverse_log_det_jacobian(tf.identity(y), ndims),
                again.bijector().inverse_log_det_jacobian(tf.identity(y), ndims),
            ),
        ):
            assert np.isfinite(one).all()
            assert other.dtype == dtype
            np.testing.assert_array_equal(one, other)

    @pytest.mark.parametrize(
        "bijector",
        [
            tfb.AbsoluteValue(),
            tfb.Split(3),
            tfb.JointMap([tfb.Exp(), tfb.Scale(2.0)]),
            tfb.Restructure({"a": 0, "b": 1}),
            tfb.Softfloor(0.2),
            tfb.ScaleMatvecLinearOperatorBlock(
                tf.linalg.LinearOperatorBlockDiag(
                    [tf.linalg.LinearOperatorDiag([1.0, 2.0]), tf.linalg.LinearOperatorIdentity(1)]
                )
            ),
        ],
        ids=lambda b: b.name,
    )
    def test_bijectors_that_no_flow_can_hold(self, bijector):
        again = through_json(bijector)
        assert type(again) is type(bijector)
        assert again.parameters.keys() == bijector.parameters.keys()

    @pytest.mark.parametrize("name", DISTRIBUTIONS)
    def test_distribution(self, name):
        distribution = DISTRIBUTIONS[name]()
        again = through_json(distribution)
        x = tf.identity(distribution.sample(4, seed=(0, 1)))
        np.testing.assert_array_equal(
            distribution.log_prob(x), again.log_prob(tf.identity(x)), strict=True
        )
        assert len(again.trainable_variables) == len(distribution.trainable_variables)

    def test_real_nvp_with_a_keras_layer(self):
        bijector = tfb.RealNVP(num_masked=1, shift_and_log_scale_fn=ShiftAndLogScale(2))
        y = tf.constant([[0.3, -1.0, 2.0], [1.0, 0.5, -0.4]])
        np.testing.assert_array_equal(
            bijector.inverse(y), through_json(bijector).inverse(tf.identity(y))
        )

    def test_a_keras_2_network_with_objects_as_arguments(self):
        made = tfb.AutoregressiveNetwork(
            params=2,
            hidden_units=[4],
            activation=tf.nn.elu,
            kernel_initializer=tf_keras.initializers.VarianceScaling(0.1, seed=3),
            kernel_constraint=tf_keras.constraints.MaxNorm(0.5),
        )
        again = through_json(tfb.MaskedAutoregressiveFlow(made))
        network = again.parameters["shift_and_log_scale_fn"]
        x = tf.constant([[0.3, -1.0]])
        np.testing.assert_array_equal(made(x), network(x))
        kernel = network.trainable_variables[0]
        assert (
            np.linalg.norm(kernel.constraint(100.0 * tf.ones(kernel.shape)), axis=0).max() <= 0.51
        )

    def test_nothing_in_the_config_but_json(self):
        infinity = tf.constant(np.inf, tf.float64)
        config = to_config(tfd.TruncatedNormal(0.0, np.float64(1), -np.inf, infinity))
        assert json.loads(json.dumps(config, allow_nan=False)) == config


class TestState:
    def test_variables_come_back_as_they_were(self):
        given = tf.Variable([1.5, 2.5], trainable=False, name="scope/offset", dtype=tf.float64)
        (again,) = through_json(tfb.Shift(given)).variables
        assert again is not given
        assert (again.name, again.trainable, again.dtype) == ("scope/offset:0", False, tf.float64)
        np.testing.assert_array_equal(again, given)

    def test_a_variable_in_two_places_stays_one(self):
        shift = variable(1, 2)
        config = to_config(tfb.Chain([tfb.Shift(shift), tfb.Exp(), tfb.Invert(tfb.Shift(shift))]))
        assert len(config["variables"]) == 1
        first, _, last = from_config(config).bijectors
        assert first.shift is last.bijector.shift

    def test_a_network_in_two_places_stays_one(self):
        flow = tfb.MaskedAutoregressiveFlow(conditioners.AutoregressiveNetwork(2, 2))
        config = to_config(tfb.Chain([flow, flow]))
        assert len(config["networks"]) == 1
        first, last = from_config(config).bijectors
        name = "shift_and_log_scale_fn"
        assert first.parameters[name] is last.parameters[name]

    def test_given_variables_are_used(self):
        config = to_config(tfb.Shift(variable(1, 2)))
        own = variable(3, 4)
        assert from_config(config, variables=[own]).shift is own
        with pytest.raises(ValueError, match="1 variables; 0 were given"):
            from_config(config, variables=[])
        with pytest.raises(ValueError, match=r"variable 0 .* shape \(2,\)"):
            from_config(config, variables=[variable(1, 2, 3)])

    def test_a_constraint_of_keras_comes_back(self):
        scale = tf.Variable([1.0, 2.0], constraint=keras.constraints.NonNeg())
        (again,) = through_json(tfb.Scale(scale)).variables
        assert isinstance(again.constraint, keras.constraints.NonNeg)

    @pytest.mark.parametrize("built", [False, True])
    def test_random_masks_come_back_exactly(self, built):
        made = tfb.AutoregressiveNetwork(
            params=2, event_shape=[6], hidden_units=[16, 16],
            input_order="random", hidden_degrees="random",
        )  # fmt: skip
        if built:
            made(tf.zeros([1, 6]))
        again = through_json(tfb.MaskedAutoregressiveFlow(made))
        again = again.parameters["shift_and_log_scale_fn"]
        if not built:
            # Nothing has been drawn yet, so there is nothing to keep.
            assert not again.built
            return
        np.testing.assert_array_equal(again._input_order, made._input_order)
        for own, other in zip(made._masks, again._masks, strict=True):
            np.testing.assert_array_equal(own, other)
        for own, other in zip(made.variables, again.variables, strict=True):
            assert own.shape == other.shape
            if own.constraint is not None:
                mask = own.constraint(tf.ones(own.shape))
                np.testing.assert_array_equal(other.constraint(tf.ones(own.shape)), mask)
                # The fresh kernels were drawn under the restored masks.
                np.testing.assert_array_equal(other * (1 - mask), tf.zeros(own.shape))
                assert np.count_nonzero(other) == np.count_nonzero(mask)

    def test_the_private_attributes_of_tfp_networks_are_still_there(self):
        made = tfb.AutoregressiveNetwork(
            params=3, event_shape=[4], hidden_units=[5], activation="relu", use_bias=False
        )
        assert all(hasattr(made, name) for name in MADE_ATTRIBUTES.values())
        signature = inspect.signature(tfb.AutoregressiveNetwork.__init__).parameters
        assert set(signature) - {"self", "kwargs"} == set(MADE_ATTRIBUTES)
        made(tf.zeros([1, 4]))
        assert sorted(np.asarray(made._input_order)) == [1, 2, 3, 4]
        # The constraints hold these very arrays.
        made._masks[0][...] = False
        kernel = made.trainable_variables[0]
        np.testing.assert_array_equal(kernel.constraint(tf.ones(kernel.shape)), tf.zeros([4, 5]))


class TestRefusals:
    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (
                lambda: tfb.Inline(forward_fn=lambda x: x, forward_min_event_ndims=0),
                r"Inline.forward_fn is a function .*<lambda>.*BijectorLayer",
            ),
            (
                lambda: tfb.FFJORD(lambda t, x: -x),
                r"FFJORD.state_time_derivative_fn is a function",
            ),
            (
                lambda: tfb.BatchNormalization(tf_keras.layers.BatchNormalization()),
                r"BatchNormalization.batchnorm_layer is a BatchNormalization of Keras 2",
            ),
            (
                lambda: tfd.Autoregressive(lambda x: tfd.Normal(x, 1.0), sample0=0.0),
                r"Autoregressive.distribution_fn is a function",
            ),
            (
                lambda: tfb.Shift(keras.Variable([1.0, 2.0])),
                r"Shift.shift is a keras.Variable",
            ),
            (
                lambda: tfb.Shift(tf.Variable([1.0], constraint=lambda x: x)),
                r"Shift.shift is a tf.Variable whose constraint",
            ),
            (
                lambda: tfb.MaskedAutoregressiveFlow(
                    tfb.AutoregressiveNetwork(2, activation=lambda x: x)
                ),
                r"shift_and_log_scale_fn.activation is <function",
            ),
        ],
    )
    def test_what_has_no_name(self, make, message):
        with pytest.raises(ValueError, match=message):
            to_config(make())

    def test_the_way_to_a_nested_part_is_named(self):
        inner = tfb.Inline(forward_fn=tf.sin, forward_min_event_ndims=0)
        where = r"TransformedDistribution.bijector.bijectors\[1\].bijector.forward_fn"
        flow = tfd.TransformedDistribution(
            tfd.Normal(0.0, 1.0), tfb.Chain([tfb.Exp(), tfb.Invert(inner)])
        )
        with pytest.raises(ValueError, match=where):
            to_config(flow)

    def test_an_unknown_class(self):
        class Mine(tfb.Shift):
            pass

        with pytest.raises(ValueError, match=r"is a Mine, which is not a public class of TFP"):
            to_config(tfb.Chain([Mine(1.0)]))

    def test_an_unregistered_layer(self):
        class Network(keras.layers.Layer):
            def call(self, x):
                return tf.zeros_like(x), tf.zeros_like(x)

        with pytest.raises(ValueError, match=r"Network.*register_keras_serializable"):
            to_config(tfb.MaskedAutoregressiveFlow(Network()))

    def test_a_symbolic_tensor(self):
        @tf.function
        def inside(x):
            with pytest.raises(ValueError, match="symbolic tensor"):
                to_config(tfb.Shift(x))
            return x

        inside(tf.zeros([2]))

    def test_something_else(self):
        with pytest.raises(TypeError, match="got int"):
            to_config(3)


def damaged(**changes):
    config = to_config(tfb.Shift(variable(1, 2)))
    return {**json.loads(json.dumps(config)), **changes}


def named(name, **parameters):
    return {"kind": "named", "class": name, "parameters": parameters}


HOSTILE = {
    "not a dict": [],
    "empty": {},
    "no format": damaged(format=None),
    "bool format": damaged(format=True),
    "no variables": damaged(variables={}),
    "variable that is none": damaged(variables=[3]),
    "variable index": damaged(variables=[]),
    "negative index": damaged(
        object=named("bijectors.Shift", shift={"kind": "variable", "index": -1})
    ),
    "index of text": damaged(
        object=named("bijectors.Shift", shift={"kind": "variable", "index": "0"})
    ),
    "os.system": damaged(object=named("os.system", command="true")),
    "dunder": damaged(object=named("bijectors.__builtins__")),
    "module": damaged(object=named("bijectors.shift", shift=1.0)),
    "no bijector": damaged(object=named("bijectors.tree_flatten", structure=1.0)),
    "class of lists": damaged(object=named(["bijectors", "Shift"], shift=1.0)),
    "function": damaged(object={"kind": "function", "name": "tf.io.write_file"}),
    "eval": damaged(object=named("bijectors.Shift", shift={"kind": "function", "name": "eval"})),
    "unknown kind": damaged(object={"kind": "pickle", "value": "gASVAA=="}),
    "a number": damaged(object={"kind": "float", "value": "inf"}),
    "unknown argument": damaged(object=named("bijectors.Shift", shift=1.0, oops=1.0)),
    "missing argument": damaged(object=named("bijectors.Shift")),
    "wrong type": damaged(object=named("bijectors.Shift", shift="text")),
    "an operator": damaged(object=named("linalg.LinearOperatorIdentity", num_rows=2)),
    "array too short": damaged(
        object=named(
            "bijectors.Shift",
            shift={"kind": "array", "dtype": "float32", "shape": [1000000000], "values": [1.0]},
        )
    ),
    "array of objects": damaged(
        object=named(
            "bijectors.Shift",
            shift={"kind": "array", "dtype": "object", "shape": [1], "values": [1.0]},
        )
    ),
    "bytes that are none": damaged(
        object=named(
            "bijectors.Shift",
            shift={"kind": "array", "dtype": "float32", "shape": [1], "bytes": "%%%%"},
        )
    ),
    "negative shape": damaged(
        object=named(
            "bijectors.Shift",
            shift={"kind": "array", "dtype": "float32", "shape": [-1], "values": [1.0]},
        )
    ),
    "resource type": damaged(object=named("bijectors.Shift", shift=1.0, dtype="resource")),
    "network kind": damaged(networks=[{"kind": "subprocess"}]),
    "network without config": damaged(networks=[{"kind": "keras", "config": {}}]),
    "lambda in a layer": damaged(
        networks=[
            {
                "kind": "keras",
                "config": {
                    "module": "keras.layers",
                    "class_name": "Lambda",
                    "registered_name": None,
                    "config": {
                        "name": "bad",
                        "function": {"class_name": "__lambda__", "config": {"value": "4wEAAA"}},
                    },
                },
            }
        ]
    ),
    "class of another module": damaged(
        networks=[
            {
                "kind": "keras",
                "config": {
                    "module": "subprocess",
                    "class_name": "Popen",
                    "registered_name": "Popen",
                    "config": {"args": ["true"]},
                },
            }
        ]
    ),
    "made with unknown arguments": damaged(
        networks=[{"kind": "made", "arguments": {"params": 2, "_masks": 3}}]
    ),
    "made with damaged masks": damaged(
        networks=[
            {
                "kind": "made",
                "arguments": {"params": 2, "event_shape": [2]},
                "masks": [{"dtype": "bool", "shape": [1], "values": [True]}],
            }
        ]
    ),
    "made with a class of keras 2": damaged(
        networks=[
            {
                "kind": "made",
                "arguments": {
                    "params": 2,
                    "activation": {"kind": "initializers", "class": "__loader__", "arguments": {}},
                },
            }
        ]
    ),
    "template with text": damaged(
        networks=[{"kind": "real_nvp_default_template", "arguments": "rm"}]
    ),
    "glow by eval": damaged(
        object=named(
            "bijectors.Glow", coupling_bijector_fn={"kind": "function", "name": "builtins.eval"}
        )
    ),
}


class TestHostileConfigs:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_is_a_value_error(self, name):
        with pytest.raises(ValueError):
            from_config(HOSTILE[name])

    def test_a_newer_format_names_both(self):
        with pytest.raises(ValueError, match=r"format 99.*newer tfflows.*up to format 1"):
            from_config(damaged(format=99))

    def test_depth(self):
        node = named("bijectors.Identity")
        for _ in range(5000):
            node = named("bijectors.Invert", bijector=node)
        with pytest.raises(ValueError, match="nested too deeply"):
            from_config(damaged(object=node))
