"""The compiled loop behind `fit` takes the steps that plain Keras takes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows.training.multi_step import longest_stride, stride
from tfflows.training.sources import Rows, row_order

ROWS, BATCH = 230, 32  # a ragged last batch of 6


@pytest.fixture(scope="module")
def table():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ROWS, 2)).astype("float32") @ np.array([[1, 0.8], [0, 0.5]], "f4")
    context = generator.normal(size=(ROWS, 1)).astype("float32")
    weight = generator.uniform(0, 2, ROWS).astype("float32")
    weight[:5] = 0
    return x + context, context, weight


def build(context=True, **kwargs):
    keras.utils.set_random_seed(1)
    return tfflows.MAF(2, 1 if context else None, transforms=2, hidden_units=(8,), **kwargs)


def weights_after(table, optimizer, epochs=2, weighted=True, loss=None, make=build, **compile_to):
    x, context, weight = table
    flow = make()
    flow.compile(optimizer(), loss=loss, **compile_to)
    history = flow.fit(
        x,
        context=context,
        sample_weight=weight if weighted else None,
        epochs=epochs,
        batch_size=BATCH,
        seed=3,
        verbose=0,
    )
    return np.concatenate([w.ravel() for w in flow.get_weights()]), history.history["loss"]


OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(1e-2),
    "clipnorm": lambda: keras.optimizers.SGD(0.1, clipnorm=0.1),
    "decay and schedule": lambda: keras.optimizers.AdamW(
        keras.optimizers.schedules.CosineDecay(1e-2, 12), weight_decay=0.1
    ),
    "ema": lambda: keras.optimizers.Adam(1e-2, use_ema=True, ema_overwrite_frequency=3),
    "accumulation": lambda: keras.optimizers.Adam(1e-2, gradient_accumulation_steps=3),
}


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_blocks_take_the_steps_of_plain_keras(table, name, jit_compile):
    in_blocks, losses = weights_after(table, OPTIMIZERS[name], jit_compile=jit_compile)
    plain, plain_losses = weights_after(table, OPTIMIZERS[name], steps_per_execution=1)
    np.testing.assert_allclose(in_blocks, plain, atol=2e-5)
    np.testing.assert_allclose(losses, plain_losses, rtol=1e-5)


def test_the_steps_are_those_of_a_hand_written_loop(table):
    x, context, weight = table
    flow = build()
    flow.adapt(x, context, weight)
    optimizer = keras.optimizers.Adam(1e-2)
    rows = Rows(table, BATCH, lambda epoch: row_order(ROWS, 3, epoch, True))
    for events, given, w in rows.open(0, 0).concatenate(rows.open(1, 0)):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_sum(w * flow.log_prob(events, given)) / tf.reduce_sum(w)
        variables = flow.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    by_hand = np.concatenate([w.ravel() for w in flow.get_weights()])
    fitted, _ = weights_after(table, OPTIMIZERS["adam"])
    np.testing.assert_allclose(fitted, by_hand, atol=2e-5)


@pytest.mark.parametrize("weighted", [True, False])
def test_the_logged_loss_of_a_ragged_epoch_is_the_weighted_mean(table, weighted):
    x, context, weight = table
    _, losses = weights_after(table, lambda: keras.optimizers.SGD(0.0), 1, weighted)
    flow = build()
    flow.adapt(x, context, weight if weighted else None)
    expected = np.average(-flow.log_prob(x, context), weights=weight if weighted else None)
    np.testing.assert_allclose(losses[0], expected, rtol=1e-5)


def test_doubling_every_weight_changes_nothing(table):
    once, _ = weights_after(table, OPTIMIZERS["clipnorm"])
    twice, _ = weights_after((*table[:2], 2 * table[2]), OPTIMIZERS["clipnorm"])
    np.testing.assert_allclose(once, twice, atol=1e-5)


class Regularized(tfflows.Flow):
    def call(self, x, context=None, training=None):
        self.add_loss(
            0.1
            * tf.reduce_mean(tf.square(x[..., 0]))
            * tf.reduce_sum([tf.reduce_sum(tf.square(v)) for v in self.trainable_variables])
        )
        return super().call(x, context)


def test_a_loss_that_depends_on_the_batch_sees_the_ragged_tail_as_it_is(table):
    def make():
        keras.utils.set_random_seed(1)
        affine = tfflows.univariates.Affine()
        chain = [tfflows.layers.MaskedAutoregressive(affine, hidden_units=(8,))]
        return Regularized(chain, 2, 1, standardize_context=False)

    in_blocks, losses = weights_after(table, OPTIMIZERS["adam"], make=make)
    plain, plain_losses = weights_after(table, OPTIMIZERS["adam"], make=make, run_eagerly=True)
    np.testing.assert_allclose(in_blocks, plain, atol=2e-5)
    np.testing.assert_allclose(losses, plain_losses, rtol=1e-4)


@pytest.mark.parametrize("weighted", [True, False])
def test_a_streamed_dataset_takes_the_same_steps(table, weighted):
    x, context, weight = table
    parts = (x, context, weight) if weighted else (x, context)

    def train(data, **kwargs):
        flow = build()
        flow.adapt(x, context)
        flow.compile(OPTIMIZERS["adam"]())
        losses = flow.fit(data, epochs=2, verbose=0, **kwargs).history["loss"]
        return np.concatenate([w.ravel() for w in flow.get_weights()]), losses

    dataset = tf.data.Dataset.from_tensor_slices(parts).batch(BATCH)
    streamed, losses = train(dataset)
    arrays = {"context": context, "batch_size": BATCH, "shuffle": False}
    if weighted:
        arrays["sample_weight"] = weight
    fitted, array_losses = train(x, **arrays)
    np.testing.assert_allclose(streamed, fitted, atol=2e-5)
    np.testing.assert_allclose(losses, array_losses, rtol=1e-5)
    repeated, _ = train(dataset.repeat(), steps_per_epoch=8)
    np.testing.assert_allclose(repeated, fitted, atol=2e-5)


def test_every_row_comes_once_an_epoch_in_a_new_order():
    order = []
    rows = Rows((np.zeros([ROWS, 2]), None, None), BATCH, lambda e: row_order(ROWS, 5, e, True))
    for epoch in range(2):
        index, tail = rows.index(epoch)
        assert index.shape == (7, BATCH)
        order.append(np.concatenate([np.ravel(index), tail]))
    for epoch in order:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(ROWS))
    assert (order[0] != order[1]).mean() > 0.9
    again = Rows((np.zeros([ROWS, 2]), None, None), BATCH, rows.order, first_epoch=1)
    np.testing.assert_array_equal(np.ravel(again.index(0)[0]), order[1][: 7 * BATCH])


@pytest.mark.parametrize(
    "batches, steps_per_epoch", [(150, None), (150, 30), (150, 40), (None, 90), (150, 150)]
)
def test_a_long_dataset_is_trained_on_to_its_end(table, batches, steps_per_epoch):
    x = np.resize(table[0], (150 * 4, 2))

    def train(**compile_to):
        dataset = tf.data.Dataset.from_tensor_slices(x).batch(4)
        dataset = dataset.repeat() if batches is None else dataset
        flow = build(context=False)
        flow.adapt(x)
        flow.compile(keras.optimizers.SGD(0.01), **compile_to)
        flow.fit(dataset, epochs=3, steps_per_epoch=steps_per_epoch, verbose=0)
        weights = np.concatenate([w.ravel() for w in flow.get_weights()])
        return weights, int(flow.optimizer.iterations.numpy())

    weights, steps = train()
    plain, _ = train(steps_per_execution=1)
    assert steps == 3 * (steps_per_epoch or 150)
    np.testing.assert_allclose(weights, plain, atol=2e-5)


def test_blocks_share_an_epoch_evenly():
    assert [stride(n) for n in (1, 39, 64, 65, 313)] == [1, 39, 64, 33, 63]
    assert [stride(n, 256) for n in (39, 256, 257)] == [39, 256, 129]


def test_blocks_of_small_flows_are_longer():
    assert longest_stride(weights=50_000, batch_size=32) > longest_stride(400_000, 256)


def test_callbacks_with_batch_hooks_see_every_batch(table):
    seen = []

    class Hook(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((batch, float(logs["loss"])))

    flow = build(context=False)
    flow.compile()
    flow.fit(table[0], batch_size=BATCH, epochs=2, callbacks=[Hook()], verbose=0)
    assert [batch for batch, _ in seen] == 2 * list(range(8))


def test_early_stopping_restores_the_best_weights(table):
    flow = build(context=False)
    flow.compile(keras.optimizers.SGD(0.5))
    stop = keras.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)
    history = flow.fit(
        table[0], epochs=20, batch_size=BATCH, validation_split=0.2, callbacks=[stop], verbose=0
    ).history
    held = np.sort(np.random.default_rng(0).permutation(ROWS)[: round(0.2 * ROWS)])
    expected = -np.mean(flow.log_prob(table[0][held]))
    np.testing.assert_allclose(min(history["val_loss"]), expected, rtol=1e-4)


@pytest.mark.parametrize("steps_per_execution", ["auto", 1, 5])
def test_training_stops_at_the_first_value_that_is_not_finite(table, steps_per_execution):
    class Explodes(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return tf.where(tf.cast(step, tf.float32) < 11.0, 0.01, 1e30)

    flow = build(context=False)
    flow.compile(keras.optimizers.SGD(Explodes()), steps_per_execution=steps_per_execution)
    with pytest.raises(FloatingPointError, match=r"epoch 2, batch \d+.*weights.*kept"):
        flow.fit(table[0], epochs=5, batch_size=BATCH, verbose=0)
    assert all(np.isfinite(w).all() for w in flow.get_weights())


@pytest.mark.parametrize("how", ["blocks", "blocks of XLA", "single steps"])
@pytest.mark.parametrize("bad_row, ragged", [(5, False), (100, False), (228, True)])
def test_a_gradient_that_is_not_finite_does_not_reach_the_weights(table, how, bad_row, ragged):
    def loss(y, log_prob):
        # Where y is 1, the value is 0 and its derivative 0 times infinity.
        return tf.sqrt(tf.where(y[:, 0] > 0, 0 * log_prob, 1.0)) - log_prob

    compile_to = {
        "blocks": {"jit_compile": False},
        "blocks of XLA": {"jit_compile": True},
        "single steps": {"steps_per_execution": 1},
    }[how]

    def train(rows, context):
        flow = build()
        flow.adapt(*table[:2])
        flow.compile(keras.optimizers.Adam(0.01), loss=loss, **compile_to)
        if rows:
            settings = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
            flow.fit(table[0][:rows], context=context[:rows], **settings)
        return flow

    def weights(flow):
        return np.concatenate([w.ravel() for w in flow.get_weights()])

    before, context = bad_row // BATCH, np.zeros((ROWS, 1), "float32")
    expected = train(before * BATCH, context)
    context[bad_row] = 1.0
    flow = train(0, context)
    with pytest.raises(FloatingPointError, match=rf"epoch 1, batch {before + 1}\b"):
        flow.fit(table[0], context=context, batch_size=BATCH, shuffle=False, verbose=0)
    np.testing.assert_allclose(weights(flow), weights(expected), atol=1e-5)
    assert int(flow.optimizer.iterations.numpy()) == before


def test_what_a_layer_remembers_may_be_infinite(table):
    class Remembers(tfflows.layers.Shift):
        def build(self, event_shape, context_shape=None):
            super().build(event_shape, context_shape)
            start = keras.initializers.Constant(np.inf)
            self.smallest = self.add_weight(shape=(), initializer=start, trainable=False)

    flow = tfflows.Flow([Remembers()], event_shape=2)
    flow.compile(keras.optimizers.SGD(0.1))
    assert np.isfinite(flow.fit(table[0], epochs=2, verbose=0).history["loss"]).all()


def test_train_on_batch_and_gradient_tape_take_a_step(table):
    flow = build(context=False)
    flow.adapt(table[0])
    flow.compile(keras.optimizers.SGD(0.1))
    before = flow.train_on_batch(table[0])
    assert flow.test_on_batch(table[0]) < before


@pytest.mark.parametrize(
    "make_strategy",
    [
        lambda: tf.distribute.MirroredStrategy(["CPU:0"]),
        lambda: tf.distribute.OneDeviceStrategy("/CPU:0"),
    ],
    ids=["mirrored", "one device"],
)
def test_a_strategy_of_one_replica_takes_the_same_steps(table, make_strategy):
    def train(strategy):
        with strategy.scope():
            flow = build(context=False)
            flow.compile(keras.optimizers.Adam(0.01))
        losses = flow.fit(table[0], epochs=2, batch_size=BATCH, seed=3, verbose=0).history["loss"]
        return losses, np.concatenate([w.ravel() for w in flow.get_weights()])

    for ours, expected in zip(
        train(make_strategy()), train(tf.distribute.get_strategy()), strict=True
    ):
        np.testing.assert_allclose(ours, expected, atol=2e-5)


def test_two_replicas_take_the_steps_of_one(table):
    code = """
import os, sys, numpy as np, keras, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
import tfflows
x = np.load(sys.argv[1])
w = np.linspace(0, 1, len(x)).astype("float32")
def train(strategy):
    with strategy.scope():
        keras.utils.set_random_seed(1)
        flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
        flow.compile(keras.optimizers.SGD(0.1), steps_per_execution=1)
    h = flow.fit(x, sample_weight=w, epochs=2, batch_size=32, shuffle=False, verbose=0)
    return np.concatenate([v.ravel() for v in flow.get_weights()]), h.history["loss"]
one, loss_one = train(tf.distribute.get_strategy())
two, loss_two = train(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
np.testing.assert_allclose(one, two, atol=1e-5)
np.testing.assert_allclose(loss_one, loss_two, rtol=1e-5)
print("equal")
"""
    import subprocess
    import sys
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file.name, table[0])
        done = subprocess.run(
            [sys.executable, "-c", code, file.name], capture_output=True, text=True, check=False
        )
    assert "equal" in done.stdout, done.stderr[-3000:]
