"""The ways through the layers compute what a ``tfb.Chain`` of their bijectors does."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, univariates

from ..properties.subject import perturb

SMALL = {"transforms": 2, "hidden_units": (8,)}


def mixed(context_shape=None):
    """Constant and changing Jacobians, a bounded range, another shape, a base of TFP."""
    return tfflows.Flow(
        [
            tfb.Sigmoid(low=-6.0, high=6.0),
            layers.Standardize(),
            layers.Elementwise(univariates.RationalQuadraticSpline(bins=4)),
            tfb.Permute([2, 0, 3, 1]),
            layers.LU(),
            tfb.Reshape([4], [2, 2]),
            layers.Shift(0.5),
        ],
        4,
        context_shape,
        base=tfd.Independent(tfd.StudentT(tf.Variable(5.0), tf.zeros([2, 2]), 1.0), 2),
    )


FLOWS = {
    "MAF": lambda c: tfflows.MAF(4, c, **SMALL),
    "NSF": lambda c: tfflows.NSF(4, c, bins=4, **SMALL),
    "IAF": lambda c: tfflows.IAF(4, c, **SMALL),
    "RealNVP": lambda c: tfflows.RealNVP(4, c, **SMALL),
    "SinhArcsinhNormal": lambda c: tfflows.SinhArcsinhNormal(4, c),
    "mixed": mixed,
}


def questions(flow, x, z, context):
    """Return the flow's answers and those of its chain, each with gradients."""
    ours = flow(x, context=context), flow.inverse(x, context), flow.forward(z, context)
    distribution = flow.distribution(context)
    theirs = (
        distribution.log_prob(x),
        distribution.bijector.inverse(tf.identity(x)),
        distribution.bijector.forward(tf.identity(z)),
    )
    return ours, theirs


def with_gradients(flow, x, z, context):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, z])
        answers = questions(flow, x, z, context)
        totals = [[tf.reduce_sum(tf.sin(part)) for part in answer] for answer in answers]
    sources = [x, z, *(weight.value for weight in flow.trainable_weights)]
    return [
        (*answer, *tape.gradient(total, sources))
        for answer, total in zip(answers, totals, strict=True)
    ]


@pytest.fixture
def as_written():
    """Keep TensorFlow from adding up log-determinants in the order of the names of operations."""
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    yield
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": True})


@pytest.mark.parametrize("name", FLOWS)
def test_a_graph_equals_the_chain_to_the_last_bit(name, as_written):
    conditional = name in ("MAF", "RealNVP", "mixed")
    flow = FLOWS[name](2 if conditional else None)
    # By little: the gradient of tfb.Sigmoid is NaN where the exponential function overflows.
    perturb(flow, scale=0.1)
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=[50, 4]), tf.float32)
    z = tf.constant(rng.normal(size=[50, *flow.base.distribution.event_shape]), tf.float32)
    context = tf.constant(rng.normal(size=[50, 2]), tf.float32) if conditional else None
    program = tf.function(lambda x, z, c: with_gradients(flow, x, z, c), autograph=False)
    ours, theirs = program(x, z, context)
    for found, expected in zip(ours[:3], theirs[:3], strict=True):
        np.testing.assert_array_equal(found, expected)
    # A gradient is a sum, whose order the tape chooses.
    for found, expected in zip(ours[3:], theirs[3:], strict=True):
        if expected is None:
            assert found is None
        else:
            found, expected = map(tf.convert_to_tensor, (found, expected))
            assert np.isfinite(expected).all()
            size = np.abs(expected).max(initial=1.0)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * size)
