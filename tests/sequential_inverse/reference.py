"""Latent to data by one evaluation of the network per group of coordinates, to compare with."""

import math

import numpy as np
import tensorflow as tf

from tfflows import layers, univariates

TOLERANCE = {"float64": 1e-10, "float32": 2e-4, "mixed_bfloat16": 5e-2}


def make(univariate=None, event_shape=(4,), context_shape=None, *, seed=0, scale=0.3, **kwargs):
    """Return a layer whose weights, biases included, are all moved."""
    arguments = {"hidden_units": (9, 8), "activation": "tanh", "dtype": "float64", **kwargs}
    layer = layers.MaskedAutoregressive(univariate or univariates.Affine(), **arguments)
    layer.build(event_shape, context_shape)
    rng = np.random.default_rng(seed)
    for weight in layer.trainable_weights:
        weight.assign(weight + scale * rng.normal(size=weight.shape))
    return layer


def normal(layer, *shape, seed=1):
    values = np.random.default_rng(seed).normal(size=shape)
    return tf.constant(values, layer.variable_dtype)


def forward(layer, z, context=None, passes=False):
    """Return events and log-determinants; with `passes`, without the view into the network."""
    bijector = layer.bijector(context)
    if passes:
        bijector._stack = None
    return bijector.forward(z), bijector.forward_log_det_jacobian(z, len(layer.event_shape))


def everything(layer, z, context=None, passes=False):
    """Return what `forward` does and the gradients of latent points, context and weights."""
    given = [z] if context is None else [z, context]
    variables = [weight.value for weight in layer.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(given)
        x, log_det = forward(layer, z, context, passes)
        direction = np.cos(np.arange(math.prod(layer.event_shape))).reshape(layer.event_shape)
        total = tf.reduce_sum(tf.sin(x) * tf.constant(direction, x.dtype))
        total += tf.reduce_sum(log_det * tf.cos(log_det))
    return [x, log_det, *tape.gradient(total, [*given, *variables])]


def names(layer, context=None) -> list[str]:
    given = ["z"] if context is None else ["z", "context"]
    return ["x", "log-det", *given, *(weight.name for weight in layer.trainable_weights)]


def assert_same(found, expected, tolerance, what=None):
    """Compare arrays relative to the size of the largest number in each."""
    assert len(found) == len(expected)
    for index, (one, other) in enumerate(zip(found, expected, strict=True)):
        one, other = (np.asarray(value, "float64") for value in (one, other))
        assert one.shape == other.shape
        label = what[index] if what else str(index)
        scale = 1.0 + (np.abs(other).max() if other.size else 0.0)
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale, err_msg=label)


def compare(layer, z, context=None, function=everything):
    """Assert that the sweep gives what the passes give, gradients included."""
    expected = everything(layer, z, context, passes=True)
    found = function(layer, z, context)
    tolerance = TOLERANCE[layer.dtype_policy.name]
    assert_same(found, expected, tolerance, names(layer, context))
