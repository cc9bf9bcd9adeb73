"""The plan of a sweep, and the layers of a network as tensors."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfflows.bijectors.degree_schedule import DegreeSchedule, put, take
from tfflows.bijectors.masked_mlp_weights import MaskedMLPWeights
from tfflows.conditioners import AutoregressiveNetwork

NETWORKS = {
    "plain": {},
    "conditional": {"conditional": True, "conditional_event_shape": 2},
    "groups": {"passes": 4},
    "residual": {"residual": True},
    "no bias": {"use_bias": False},
    "context at first": {
        "conditional": True,
        "conditional_event_shape": 2,
        "conditional_input_layers": "first_layer",
    },
    "circle": {"period": 3.0},
    "no hidden layer": {"hidden_units": ()},
    "no activation": {"activation": None},
}


def network(kind, size=11, dtype="float64"):
    arguments = {"hidden_units": (14, 14), "activation": "tanh", **NETWORKS[kind]}
    return AutoregressiveNetwork(3, size, seed=1, input_order="random", dtype=dtype, **arguments)


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_each_unit_is_computed_once_and_after_its_inputs(kind, backward):
    context = tf.zeros([2], tf.float64) if NETWORKS[kind].get("conditional") else None
    stack = network(kind).stack(context)
    order = np.argsort(stack.input_degrees, kind="stable")
    stack = stack.permuted(order)
    plan = DegreeSchedule(stack, backward)
    steps = [step for first, last in plan.blocks for step in range(first, last)]
    assert steps == list(range(plan.steps))
    used = [np.any(kernel.numpy() != 0, axis=0 if backward else 1) for kernel in stack.kernels[1:]]
    for index, stage in enumerate(plan.stages):
        units = [
            unit
            for start, stop in zip(stage.starts, stage.stops, strict=True)
            for unit in (range(stop - 1, start - 1, -1) if backward else range(start, stop))
        ]
        expected = list(range(stage.units))
        if not backward and index < len(plan.stages) - 1:
            # Units that no output sees need not be computed.
            assert all(used[index][unit] == (unit in units) for unit in expected)
            expected = units
        assert units == (expected[::-1] if backward else expected)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_the_layers_as_tensors_are_the_network(kind, batch):
    made = network(kind)
    rng = np.random.default_rng(0)
    x, call = tf.constant(rng.normal(size=(*batch, 11))), {}
    if NETWORKS[kind].get("conditional"):
        call["conditional_input"] = tf.constant(rng.normal(size=(*batch[1:], 2)))
    stack = made.stack(*call.values())
    expected = made(x, **call)
    np.testing.assert_allclose(stack(x), expected, rtol=1e-12, atol=1e-12)
    rows = tf.transpose(x, [len(batch), *range(len(batch))])
    raw = stack.evaluate(rows)[0][-1]
    raw = tf.reshape(tf.transpose(raw, [*range(1, len(batch) + 1), 0]), expected.shape)
    np.testing.assert_allclose(raw, expected, rtol=1e-12, atol=1e-12)
    order = np.random.default_rng(1).permutation(11)
    np.testing.assert_allclose(
        stack.permuted(order)(tf.gather(x, order, axis=-1)),
        tf.gather(expected, order, axis=-2),
        rtol=1e-12,
        atol=1e-12,
    )


def test_the_context_is_checked():
    with pytest.raises(ValueError, match="needs a conditional_input"):
        network("conditional").stack()
    with pytest.raises(ValueError, match="takes no conditional_input"):
        network("plain").stack(tf.zeros([2], tf.float64))


def test_the_parts_of_a_stack_must_fit():
    stack = network("plain").stack()
    with pytest.raises(ValueError, match="expected kernels"):
        stack.with_tensors([*stack.tensors[1:3], stack.tensors[0], *stack.tensors[3:]])
    arguments = (
        stack.kernels,
        stack.offsets,
        stack.input_degrees,
        stack.hidden_degrees,
        3,
        tf.tanh,
    )
    with pytest.raises(ValueError, match="an offset"):
        MaskedMLPWeights(arguments[0], stack.offsets[:-1], *arguments[2:])
    with pytest.raises(ValueError, match="increasing order"):
        degrees = tuple(layer[::-1] for layer in stack.hidden_degrees)
        MaskedMLPWeights(*arguments[:3], degrees, *arguments[4:])


def test_rows_are_taken_and_put():
    array = tf.reshape(tf.range(24), [6, 2, 2])
    for start, size in itertools.product((0, 2, 4), (1, 2)):
        np.testing.assert_array_equal(take(array, start, size), array[start : start + size])
        np.testing.assert_array_equal(
            take(array, tf.constant(start), size), array[start : start + size]
        )
        rows = -tf.ones([size, 2, 2], tf.int32)
        expected = array.numpy()
        expected[start : start + size] = -1
        np.testing.assert_array_equal(put(array, rows, tf.constant(start)), expected)
