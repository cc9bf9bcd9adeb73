"""What is evaluated only to be looked at is afterwards as it was."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows.layers import TFPBijector
from tfflows.models.base_distribution import BaseDistribution

X = np.random.default_rng(0).normal([3.0, -2.0], size=(256, 2)).astype("float32")


class Counting(tfb.Bijector):
    """A shift that counts its calls, and draws from global states."""

    def __init__(self):
        parameters = dict(locals())
        self.count = tf.Variable(0.0, trainable=False, name="count")
        self.shift = tf.Variable([0.5, 0.5], name="shift")
        super().__init__(forward_min_event_ndims=1, parameters=parameters)

    def _called(self):
        np.random.uniform()
        random.random()
        self.count.assign_add(1.0)

    def _forward(self, x):
        self._called()
        return x + self.shift

    def _inverse(self, y):
        self._called()
        return y - self.shift

    def _inverse_log_det_jacobian(self, y):
        self._called()
        return tf.zeros([], y.dtype)


def states():
    return np.random.get_state()[1].tolist(), np.random.get_state()[2], random.getstate()


def moving(owner):
    """Return the values of the variables that do not train, by the ends of their names."""
    return {
        v.name.partition(":")[0].rpartition("/")[2]: v.numpy().tolist()
        for v in owner.non_trainable_variables
    }


NEW = {"moving_mean": [0.0, 0.0], "moving_variance": [1.0, 1.0]}


def refused():
    return pytest.raises(ValueError, match=r"BatchNormalization .* rest of its batch .*ActNorm")


@pytest.mark.parametrize("momentum", [0.99, 0.0])
def test_batch_normalization_keeps_the_statistics_it_is_born_with(momentum):
    layer = tf_keras_batch_normalization(momentum)
    with refused():
        tfflows.Flow([tfb.BatchNormalization(layer)], 2)
    assert moving(layer) == NEW


def tf_keras_batch_normalization(momentum):
    # TFP's bijector takes layers of the Keras that it was written for.
    tf_keras = pytest.importorskip("tf_keras")
    return tf_keras.layers.BatchNormalization(
        momentum=momentum, gamma_constraint=lambda g: tf.nn.relu(g) + 1e-6
    )


def test_statistics_that_were_there_before_are_kept():
    bijector = tfb.BatchNormalization()
    bijector.inverse(tf.constant(X))
    before = [v.numpy() for v in bijector.batchnorm.variables]
    with refused():
        tfflows.Flow([bijector], 2)
    for ours, expected in zip(bijector.batchnorm.variables, before, strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert before[2].any()


def test_stored_statistics_stay():
    bijector = tfb.BatchNormalization(training=False)
    flow = tfflows.Flow([bijector], 2)
    flow.compile(keras.optimizers.SGD(0.0))
    flow.fit(X, batch_size=256, epochs=1, verbose=0)
    assert moving(flow) == NEW
    np.testing.assert_array_equal(flow.log_prob(X[:1]), flow.log_prob(X)[:1])


def test_building_a_layer_does_not_count():
    bijector = Counting()
    bijector.inverse(tf.constant(X))
    for layer in (TFPBijector(bijector), TFPBijector(tfb.Chain([tfb.Exp(), bijector]))):
        layer.build((2,))
        assert float(bijector.count) == 1
        np.testing.assert_array_equal(bijector.shift, [0.5, 0.5])
    assert layer.bounded


def test_the_search_for_a_stand_in_draws_nothing():
    class Unadopted(TFPBijector):
        """A layer whose weights exist, so that what remains of `build` is the search."""

        def _try(self, event_shape):
            pass

    layer = Unadopted(tfb.Chain([tfb.Exp(), Counting()]))
    before = states()
    layer.build((2,))
    assert layer.bounded and states() == before


def test_what_is_set_when_a_network_is_built_stays_set():
    class SetOnce(tf.Module):
        """Makes its variables at the first call and gives them their values then."""

        offset = None

        def __call__(self):
            if self.offset is None:
                self.offset = tf.Variable([0.0, 0.0], name="offset")
                self.calls = tf.Variable(0.0, trainable=False, name="calls")
                self.offset.assign([1.0, 2.0])
            self.calls.assign_add(1.0)
            return self.offset

    network = SetOnce()

    def shift_and_log_scale(x, **kwargs):
        return network() + tf.zeros_like(x), None

    layer = TFPBijector(tfb.MaskedAutoregressiveFlow(shift_and_log_scale))
    layer.build((2,))
    np.testing.assert_array_equal(network.offset, [1.0, 2.0])
    assert float(network.calls) == 0


def normalized():
    return tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(tf.zeros(2)), tfb.BatchNormalization()
    )


def test_a_base_is_looked_at_without_trace():
    given = normalized()
    with refused():
        BaseDistribution(given)
    assert moving(given.bijector.batchnorm) == NEW
    counting = Counting()
    base = BaseDistribution(
        tfd.TransformedDistribution(tfd.MultivariateNormalDiag(tf.zeros(2)), counting)
    )
    before = states()
    assert not base.is_bounded()
    assert states() == before and float(counting.count) == 0


def test_a_distribution_becomes_a_model_without_trace():
    given = normalized()
    with refused():
        tfflows.DistributionModel(given, 2)
    assert moving(given.bijector.batchnorm) == NEW
    counting = Counting()
    tfflows.DistributionModel(
        tfd.TransformedDistribution(tfd.MultivariateNormalDiag(tf.zeros(2)), counting)
    )
    assert float(counting.count) == 0


def test_a_context_network_is_probed_without_trace():
    class Counts(keras.layers.Layer):
        def build(self, shape):
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, context):
            self.count.assign_add(1.0)
            return context

    network = Counts()
    network.build((None, 1))
    tfflows.Flow([tfflows.layers.Shift()], 2, 1, context_network=network)
    assert float(network.count.value) == 0
    conditioner = Counts()
    conditioner.build((None, 1))
    coupling = tfflows.layers.Coupling(tfflows.univariates.Affine(), conditioner=conditioner)
    tfflows.Flow([coupling], 2)
    assert float(conditioner.count.value) == 0


def test_data_on_their_way_to_a_layer_that_adapts_leave_no_trace():
    counting = Counting()
    flow = tfflows.Flow([counting, tfflows.layers.Standardize()], 2)
    flow.adapt(X)
    assert float(counting.count) == 0


def test_diagnostics_leave_the_model_as_it_is():
    counting = Counting()
    flow = tfflows.Flow([counting], 2)
    flow.check(X, rows=64)
    str(flow.explain(X[:40]))
    flow.level(0.9, X).p_value(X[:5])
    assert float(counting.count) == 0
    distribution = normalized()
    distribution.log_prob(tf.constant(X))
    before = [v.numpy() for v in distribution.bijector.batchnorm.variables]
    tfflows.doctor(distribution)
    for ours, expected in zip(distribution.bijector.batchnorm.variables, before, strict=True):
        np.testing.assert_array_equal(ours, expected)
