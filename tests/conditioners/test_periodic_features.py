"""Networks whose inputs are angles."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfflows.conditioners import AutoregressiveNetwork


def network(**kwargs):
    arguments = {"params": 3, "event_shape": 4, "hidden_units": (8, 8), "activation": "tanh"}
    return AutoregressiveNetwork(
        **{**arguments, "period": 2.0 * math.pi, "dtype": "float64", "seed": 1, **kwargs}
    )


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("hidden_units", [(), (8, 8)])
def test_outputs_do_not_jump_and_keep_the_order(residual, hidden_units):
    made = network(residual=residual, hidden_units=hidden_units, input_order=[2, 4, 1, 3])
    rng = np.random.default_rng(0)
    for weight in made.weights:
        weight.assign(rng.normal(size=weight.shape))
    x = tf.constant(rng.normal(size=[5, 4]))
    turns = 2.0 * math.pi * rng.integers(-3, 4, size=[5, 4])
    np.testing.assert_allclose(made(x + turns), made(x), atol=1e-9)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = made(x)
    jacobian = np.abs(tape.batch_jacobian(outputs, x)).max((0, 2))
    degrees = np.asarray(made.input_degrees)
    before = degrees[np.newaxis, :] < degrees[:, np.newaxis]
    assert np.all(jacobian[~before] == 0.0) and np.all(jacobian[before] > 0.0)


def test_every_weight_has_room_for_cosine_and_sine():
    made = network()
    assert made.kernels[0].shape == (8, 8)
    assert made.masks[0].shape == (8, 8)
    assert network(period=None).kernels[0].shape == (4, 8)
    again = AutoregressiveNetwork.from_config(made.get_config())
    assert again.period == 2.0 * math.pi and again.kernels[0].shape == (8, 8)


@pytest.mark.parametrize("period", [0.0, -1.0, math.inf, math.nan])
def test_bad_period_is_refused(period):
    with pytest.raises(ValueError, match=r"period=.*expected a positive finite number"):
        network(period=period)
