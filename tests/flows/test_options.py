"""Options that prebuilt flows share."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import flows, layers

TAKING = [
    name
    for name in tfflows.flows.__all__
    if "linear" in inspect.signature(getattr(tfflows, name)).parameters
]


def made(name, **options):
    keras.utils.set_random_seed(0)
    arguments = {"transforms": 3, "hidden_units": (8, 8), "nodes": 8, **options}
    function = getattr(tfflows, name)
    taken = inspect.signature(function).parameters
    return function(3, **{key: value for key, value in arguments.items() if key in taken})


def test_who_takes_linear_maps():
    whole_vector = {*flows.whole_vector.__all__, "CNF"} - {"ResidualFlow"}
    assert set(tfflows.flows.__all__) - set(TAKING) == {
        "CircularNSF",
        "GMM",
        *flows.elementwise.__all__,
        *whole_vector,
    }


@pytest.mark.parametrize("name", TAKING)
def test_linear_maps_stand_between_the_layers(name):
    plain, mixed = made(name, linear=False), made(name, linear=True)
    more = [
        layer.layer for layer in mixed.bijector_layers if isinstance(layer, layers.Unconditional)
    ]
    assert len(more) == 2 and all(isinstance(layer, layers.LU) for layer in more)
    assert len(mixed.bijector_layers) == len(plain.bijector_layers) + 2
    assert not isinstance(mixed.bijector_layers[-1], layers.Unconditional)


@pytest.mark.parametrize("name", ["NSF", "CouplingNSF", "BNAF"])
def test_linear_maps_start_as_the_identity(name):
    plain, mixed = made(name), made(name, linear=True)
    x = tf.constant(np.random.default_rng(0).normal(size=(4, 3)), tf.float32)
    np.testing.assert_allclose(mixed.log_prob(x), plain.log_prob(x), atol=1e-5)


@pytest.mark.parametrize("name", ["MAF", "RealNVP", "AutoregressiveFlow"])
def test_dropout_is_for_training_alone(name):
    flow = made(name, dropout=0.5, identity_start=False, transforms=1)
    x = tf.constant(np.random.default_rng(0).normal(size=(4, 3)), tf.float32)
    np.testing.assert_array_equal(flow(x), flow(x))
    assert np.any(flow(x, training=True).numpy() != flow(x).numpy())
