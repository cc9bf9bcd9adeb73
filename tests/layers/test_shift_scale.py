"""Scales that a float32 cannot hold."""

import math

import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import layers


@pytest.mark.parametrize("start", [1.0, -2.0])
def test_a_density_outlives_its_scale(start):
    layer = layers.Scale(start)
    flow = tfflows.Flow([layer], event_shape=2)
    layer.raw.value.assign([100.0, 90.0])
    expected = -190.0 - 2.0 * math.log(abs(start)) - math.log(2.0 * math.pi)
    np.testing.assert_allclose(flow.log_prob(tf.ones([1, 2])), [expected], rtol=1e-6)
    np.testing.assert_array_equal(np.abs(flow.inverse(tf.ones([1, 2]))), [[0.0, 0.0]])
