"""One operation per weight changes what Adam does by rounding errors only."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfflows.training.fused_adam import _slots, one_update_per_weight

ADAMS = {
    "plain": lambda: keras.optimizers.Adam(0.01),
    "betas": lambda: keras.optimizers.Adam(0.01, beta_1=0.5, beta_2=0.9, epsilon=1e-3),
    "schedule": lambda: keras.optimizers.Adam(
        keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    ),
    "clipnorm": lambda: keras.optimizers.Adam(0.01, clipnorm=0.1),
    "global_clipnorm": lambda: keras.optimizers.Adam(0.01, global_clipnorm=0.1),
    "average": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=3),
    "accumulation": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=2),
    "amsgrad": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
    "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "sgd": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
}


def _weights():
    rng = np.random.default_rng(0)
    shapes = {"kernel": (3, 4), "bias": (4,), "scalar": ()}
    return [
        keras.Variable(rng.normal(size=shape).astype(np.float32), name=name)
        for name, shape in shapes.items()
    ]


def _steps(optimizer, fused: bool, compiled: bool | None):
    """Take seven steps; return the weights and the optimizer's state."""
    rng = np.random.default_rng(1)
    weights = _weights()
    optimizer.build(weights)

    def step(*gradients):
        if fused:
            with one_update_per_weight(optimizer, weights):
                optimizer.apply_gradients(zip(gradients, weights, strict=True))
        else:
            optimizer.apply_gradients(zip(gradients, weights, strict=True))

    run = step if compiled is None else tf.function(step, jit_compile=compiled)
    for _ in range(7):
        run(*(tf.constant(rng.normal(size=w.shape), tf.float32) for w in weights))
    state = [keras.ops.convert_to_numpy(v) for v in optimizer.variables]
    return [keras.ops.convert_to_numpy(w) for w in weights], state


@pytest.mark.parametrize("compiled", [None, False, True], ids=["eager", "graph", "xla"])
@pytest.mark.parametrize("name", ADAMS)
def test_weights_and_state_are_those_of_keras(name, compiled):
    expected = _steps(ADAMS[name](), False, None)
    found = _steps(ADAMS[name](), True, compiled)
    for a, b in zip(expected, found, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x, y, rtol=2e-5, atol=1e-6)


def test_slots_are_found_by_the_names_that_keras_gives_them():
    weights = _weights()
    adam = keras.optimizers.Adam()
    adam.build(weights)
    slots = _slots(adam, weights)
    for position, weight in enumerate(weights):
        momentum, velocity = slots[id(weight.value)]
        assert momentum is adam._momentums[position].value
        assert velocity is adam._velocities[position].value


def test_adam_takes_one_operation_per_weight():
    weights = _weights()
    adam = keras.optimizers.Adam()
    adam.build(weights)

    @tf.function
    def step():
        with one_update_per_weight(adam, weights):
            adam.apply([tf.ones(weight.shape) for weight in weights], weights)

    kinds = [operation.type for operation in step.get_concrete_function().graph.get_operations()]
    assert kinds.count("ResourceApplyAdam") == len(weights)
    assert "Sqrt" not in kinds
    assert "update_step" not in vars(adam)


def test_weights_of_one_name_are_left_to_keras():
    weights = [keras.Variable([1.0], name="same"), keras.Variable([2.0], name="same")]
    adam = keras.optimizers.Adam(0.1)
    adam.build(weights)
    assert _slots(adam, weights) is None
    with one_update_per_weight(adam, weights):
        adam.apply([tf.constant([1.0]), tf.constant([-1.0])], weights)
    np.testing.assert_allclose([float(w.numpy()[0]) for w in weights], [0.9, 2.1], rtol=1e-5)


def test_sparse_gradients_are_left_to_keras():
    def table(fused):
        weight = keras.Variable(np.ones((4, 2), np.float32), name="table")
        adam = keras.optimizers.Adam(0.1)
        adam.build([weight])
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.gather(weight.value, [0, 2, 2]))
        gradient = tape.gradient(loss, weight.value)
        assert isinstance(gradient, tf.IndexedSlices)
        if fused:
            with one_update_per_weight(adam, [weight]):
                adam.apply_gradients([(gradient, weight)])
        else:
            adam.apply_gradients([(gradient, weight)])
        return keras.ops.convert_to_numpy(weight)

    np.testing.assert_allclose(table(True), table(False))


def test_other_precisions():
    weight = keras.Variable(np.ones(3), dtype="float64", name="double")
    adam = keras.optimizers.Adam(0.1)
    adam.build([weight])
    with one_update_per_weight(adam, [weight]):
        adam.apply([tf.ones(3, tf.float64)], [weight])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(weight), 0.9, rtol=1e-6)


def test_an_update_of_somebody_elses_stays():
    (weight, *_) = _weights()
    adam = keras.optimizers.Adam(0.1)
    adam.build([weight])
    calls = []
    adam.update_step = lambda gradient, variable, rate: calls.append(variable.shape)
    with one_update_per_weight(adam, [weight]):
        adam.apply([tf.ones(weight.shape)], [weight])
    assert len(calls) == 1
    assert "update_step" in vars(adam)
