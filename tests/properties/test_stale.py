"""TFP's cache: bijectors that were rebuilt, and equal the old ones, do not answer for them."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers


@pytest.fixture
def variable():
    return tf.Variable([0.5, 0.25], name="offset")


@pytest.fixture
def x():
    return tf.constant([[2.0, 3.0], [-1.0, 0.5]])


def base():
    return tfd.MultivariateNormalDiag(loc=[0.0, 0.0])


WRAPPED = {
    "plain": lambda v: tfb.Shift(v),
    "inverted": lambda v: tfb.Invert(tfb.Shift(v)),
    "chain in a chain": lambda v: tfb.Chain([tfb.Permute([1, 0]), tfb.Chain([tfb.Shift(v)])]),
}

ASKED = {
    "flow": lambda b, x: tfflows.Flow([b], 2).log_prob(x),
    "flow in eager": lambda b, x: tfflows.Flow([b], 2)(x),
    "distribution of a flow": lambda b, x: tfflows.Flow([b], 2).distribution().log_prob(x),
    "latent points": lambda b, x: tfflows.Flow([b], 2).inverse(x),
    "events": lambda b, x: tfflows.Flow([b], 2).forward(x),
    "model": lambda b, x: tfflows.DistributionModel(
        tfd.TransformedDistribution(base(), b)
    ).log_prob(x),
    "distribution of a model": lambda b, x: (
        tfflows.DistributionModel(tfd.TransformedDistribution(base(), b)).distribution().log_prob(x)
    ),
    "layer": lambda b, x: built(layers.TFPBijector(b))(x),
    "inverted layer": lambda b, x: built(layers.Invert(layers.TFPBijector(b)))(x),
}


def built(layer):
    layer.build((2,))
    return layer


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_a_rebuilt_equal_bijector(wrap, ask, variable, x):
    before = ask(wrap(variable), x).numpy()
    variable.assign([1.5, -2.0])
    # The same tensor, and a bijector that equals the one of before.
    after = ask(wrap(variable), x).numpy()
    expected = ask(wrap(tf.constant([1.5, -2.0])), tf.constant(x.numpy()))
    np.testing.assert_allclose(after, expected, rtol=1e-6)
    assert np.all(after != before)


def test_our_own_bijectors_equal_themselves_alone():
    shift = tf.constant([1.0])
    one, other = tfflows.bijectors.Affine(shift), tfflows.bijectors.Affine(shift)
    assert one == one and one != other
    assert one.copy != other.copy


def test_our_own_bijectors_say_why_there_are_no_copies_and_slices():
    bijector = tfflows.bijectors.Affine(tf.constant([1.0, 2.0]))
    for ask in (bijector.copy, lambda: bijector[:1]):
        with pytest.raises(NotImplementedError, match=r"made of tensors.*flow.distribution"):
            ask()
    with pytest.raises(NotImplementedError, match=r"Affine is made of tensors.*docstring"):
        type(bijector).parameter_properties()


def test_gradients_after_a_step_are_those_of_the_new_weights(variable, x):
    flow = tfflows.Flow([tfb.Shift(variable)], 2)
    for _ in range(3):
        with tf.GradientTape() as tape:
            score = tf.reduce_sum(flow(x))
        gradient = tape.gradient(score, variable)
        np.testing.assert_allclose(gradient, tf.reduce_sum(x - variable, 0), rtol=1e-6)
        variable.assign_add([0.5, -1.0])


def test_samples_follow_the_weights(variable):
    flow = tfflows.Flow([tfb.Shift(variable)], 2)
    before = flow.sample(5, seed=1)
    variable.assign_add([1.0, 2.0])
    np.testing.assert_allclose(flow.sample(5, seed=1) - before, [[1.0, 2.0]] * 5, rtol=1e-5)
