"""What Keras promises of `fit` holds for the compiled loop, whatever models are made of."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

import tfflows
from tfflows import layers
from tfflows.conditioners.training_flag import TrainingFlag
from tfflows.training.callbacks import has_batch_hooks

ROWS, BATCH = 230, 32  # a ragged last batch of 6
STEPS = 8


@pytest.fixture(scope="module")
def table():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ROWS, 2)).astype("float32")
    return x, generator.normal(size=(ROWS, 1)).astype("float32")


def flat(model):
    return np.concatenate([np.ravel(value) for value in model.get_weights()])


class Hook(keras.callbacks.Callback):
    """Wants to see single batches."""

    def on_train_batch_end(self, batch, logs=None):
        pass


class OwnStep(tfflows.Flow):
    def train_step(self, data):
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(self(x, training=True))
        weights = self.trainable_variables
        gradients = tape.gradient(loss, weights)
        self.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return {"loss": loss, "twice": 2 * loss}


def test_a_training_step_of_ones_own_is_called_with_the_batches_and_logs_what_it_returns(table):
    x, _ = table
    found = []
    for options in ({}, {"steps_per_execution": 1}):
        flow = OwnStep([layers.Shift()], 2)
        flow.compile(keras.optimizers.SGD(0.1), **options)
        logs = flow.fit(x, batch_size=BATCH, epochs=2, seed=0, verbose=0).history
        found.append([flat(flow), logs["loss"], logs["twice"]])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert found[0][2][-1] == 2 * found[0][1][-1] != 0


class Centered(layers.BijectorLayer):
    """A layer that looks at the whole batch in training."""

    def build(self, event_shape, context_shape=None):
        self.factor = self.add_weight(shape=(), initializer="ones", name="factor")
        self.training = TrainingFlag()

    def bijector(self, context=None):
        mean = tf.where(self.training(tf.zeros([])), tf.reduce_mean(context), 0.0)
        return tfb.Shift(self.factor * mean)


class OwnLoss(tfflows.Flow):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return -tf.reduce_mean(y_pred)


class Rows(keras.metrics.Metric):
    """A metric that counts rows and knows nothing of weights."""

    def __init__(self, name="rows", **kwargs):
        super().__init__(name=name, **kwargs)
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y, log_prob, sample_weight=None):
        self.count.assign_add(tf.cast(tf.size(log_prob), tf.float32))

    def result(self):
        return self.count


def coupled(y, log_prob):
    return -log_prob + 0.1 * tf.square(log_prob - tf.reduce_mean(log_prob))


def shifted(*chain, kind=tfflows.Flow):
    return kind([*chain, layers.Shift()], 2, 1, standardize_context=False)


UNKNOWN = {
    "a layer": (lambda: shifted(Centered()), {}),
    "a layer within another": (lambda: shifted(layers.Invert(Centered())), {}),
    "a loss of the model": (lambda: shifted(kind=OwnLoss), {}),
    "a loss": (shifted, {"loss": coupled}),
    "a metric": (shifted, {"metrics": [Rows]}),
    "batch normalization": (
        lambda: tfflows.Flow(
            [layers.MaskedAutoregressive(tfflows.univariates.Affine(), (8,))],
            2,
            1,
            context_network=keras.Sequential([keras.layers.BatchNormalization()]),
            standardize_context=False,
        ),
        {},
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("streamed", [False, True])
def test_what_looks_at_batches_sees_the_ragged_one_as_it_is(table, name, streamed):
    x, context = table
    make, options = UNKNOWN[name]
    found = []
    for steps in ({}, {"steps_per_execution": 1}):
        keras.utils.set_random_seed(1)
        flow = make()
        given = {k: [v[0]()] if k == "metrics" else v for k, v in options.items()}
        flow.compile(keras.optimizers.SGD(0.05), **given, **steps)
        fed = (
            {"x": tf.data.Dataset.from_tensor_slices((x, context)).batch(BATCH)}
            if streamed
            else {"x": x, "context": context, "batch_size": BATCH, "seed": 0}
        )
        logs = flow.fit(**fed, epochs=2, verbose=0).history
        found.append((flat(flow), logs.get("rows", [ROWS])[-1]))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=2e-5, atol=2e-6)
    assert found[0][1] == found[1][1] == ROWS


def test_no_weight_of_a_metric_is_counted_twice():
    flow = tfflows.MAF(2, 1, transforms=1, hidden_units=(8,))
    flow.compile(metrics=[tfflows.metrics.BitsPerDimension()])
    names = [variable.path for metric in flow.metrics for variable in metric.variables]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("per_call", [3, 16])
def test_several_steps_in_a_call_end_with_the_epoch(table, per_call):
    x, _ = table
    found = []
    for steps in (1, per_call):
        keras.utils.set_random_seed(1)
        flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
        flow.compile(keras.optimizers.Adam(0.01), steps_per_execution=steps)
        logs = flow.fit(x, batch_size=BATCH, epochs=2, seed=0, verbose=0).history
        assert int(flow.optimizer.iterations) == 2 * STEPS
        found.append((flat(flow), logs["loss"]))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["adafactor", "a last rate without bound"])
def test_single_steps_keep_the_weights_from_before_a_bad_update(table, optimizer):
    x, context = table

    class Last(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return tf.where(tf.cast(step, tf.float32) < STEPS - 1, 0.01, np.float32(np.inf))

    found = []
    for callbacks in ([], [Hook()]):
        keras.utils.set_random_seed(1)
        flow = tfflows.MAF(2, 1, transforms=2, hidden_units=(8,))
        rule = (
            keras.optimizers.Adafactor(0.01)  # of Keras 3.15, nothing over nothing
            if optimizer == "adafactor"
            else keras.optimizers.SGD(Last())
        )
        flow.compile(rule)
        with pytest.raises(FloatingPointError, match=r"batch \d") as error:
            flow.fit(x, context=context, batch_size=BATCH, seed=3, verbose=0, callbacks=callbacks)
        assert np.isfinite(flat(flow)).all()
        found.append((str(error.value)[:90], flat(flow)))
    assert found[0][0] == found[1][0]
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-5, atol=1e-6)


def test_a_fit_that_is_refused_leaves_the_model_as_it_was(table):
    x, _ = table
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
    flow.compile("sgd")
    with pytest.raises(ValueError, match="validation x has 1 non-finite row"):
        flow.fit(x, validation_data=np.where(np.arange(ROWS)[:, None] == 3, np.nan, x), verbose=0)
    assert flow.steps_per_execution == 1
    flow.adapt(x)
    flow.train_on_batch(x[:BATCH])
    flow.fit(x, callbacks=[Hook()], verbose=0)
    flow.fit(x, steps_per_epoch=3, verbose=0)
    assert int(flow.optimizer.iterations) == 1 + STEPS + 3


class Traced(tfflows.Flow):
    """Counts how often its forward pass is traced in training."""

    traces = 0

    def call(self, x, context=None, training=None, seed=None):
        type(self).traces += bool(training)
        return super().call(x, context, training, seed)


def test_a_second_fit_compiles_nothing_and_holds_no_data(table):
    x, _ = table
    affine = tfflows.univariates.Affine()
    flow = Traced([layers.MaskedAutoregressive(affine, hidden_units=(8,))], 2)
    flow.compile(keras.optimizers.Adam(0.01))

    def traces_of_a_fit(rows=ROWS, **kwargs):
        Traced.traces = 0
        held = weakref.ref(data := x[:rows].copy())
        flow.fit(data, verbose=0, **kwargs)
        del data
        gc.collect()
        assert held() is None
        return Traced.traces

    assert traces_of_a_fit() > 0
    assert traces_of_a_fit() == 0
    assert traces_of_a_fit(batch_size=50) == traces_of_a_fit(100, epochs=3) == 0
    flow.optimizer.learning_rate = 0.001
    assert traces_of_a_fit() == 0
    flow.bijector_layers[-1].network.weights[-1].trainable = False
    assert traces_of_a_fit() > 0
    flow.compile(keras.optimizers.Adam(0.01))
    assert traces_of_a_fit() > 0


def test_fits_one_after_the_other_are_one_longer_fit(table):
    x, _ = table
    found = []
    for epochs in ([(0, 2), (2, 4)], [(0, 4)]):
        keras.utils.set_random_seed(1)
        flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
        flow.compile(keras.optimizers.Adam(0.01))
        for first, last in epochs:
            flow.fit(x, initial_epoch=first, epochs=last, seed=0, verbose=0)
        found.append(flat(flow))
    np.testing.assert_array_equal(*found)


def test_a_batch_larger_than_the_table_is_the_table(table):
    x, _ = table
    found = []
    for size in (ROWS, 10**9):
        keras.utils.set_random_seed(1)
        flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
        flow.compile(keras.optimizers.SGD(0.01))
        flow.fit(x, batch_size=size, epochs=2, seed=0, verbose=0)
        found.append(flat(flow))
    np.testing.assert_array_equal(*found)


class OwnCheckpoint(keras.callbacks.ModelCheckpoint):
    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)


class OwnLambda(keras.callbacks.LambdaCallback):
    pass


def test_only_callbacks_that_act_on_batches_see_single_ones():
    idle = [
        keras.callbacks.ModelCheckpoint("kept.keras"),
        keras.callbacks.BackupAndRestore("kept"),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.EarlyStopping(),
        keras.callbacks.LambdaCallback(on_epoch_end=print),
        keras.callbacks.TensorBoard("kept"),
    ]
    on_object = keras.callbacks.Callback()
    on_object.on_train_batch_end = lambda batch, logs=None: None
    acting = [
        keras.callbacks.ModelCheckpoint("kept.keras", save_freq=3),
        keras.callbacks.BackupAndRestore("kept", save_freq=3),
        keras.callbacks.TensorBoard("kept", update_freq="batch"),
        keras.callbacks.TensorBoard("kept", profile_batch=2),
        OwnCheckpoint("kept.keras"),
        keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None),
        OwnLambda(on_train_batch_begin=lambda batch, logs: None),
        on_object,
        Hook(),
    ]
    assert [has_batch_hooks(callback) for callback in [*idle, *acting]] == [False] * 6 + [True] * 9


def test_counted_steps_of_evaluation_are_batches_of_the_usual_size(table):
    x, _ = table
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
    flow.compile(metrics=[Rows()])
    flow.fit(x, validation_data=x, validation_steps=2, batch_size=16, verbose=0)
    logs = flow.history.history
    assert logs["val_rows"] == [32]
    assert flow.evaluate(x, steps=2, verbose=0, return_dict=True)["rows"] == 64


def test_the_bad_batch_is_named_where_several_make_an_update(table):
    x, _ = table
    bad = x.copy()
    bad[6 * BATCH + 1] = 1e30
    flow = tfflows.Flow([layers.Shift(), layers.Scale()], 2)
    flow.compile(keras.optimizers.SGD(0.01, gradient_accumulation_steps=3))
    with pytest.raises(FloatingPointError, match="epoch 1, batch 7"):
        flow.fit(bad, batch_size=BATCH, shuffle=False, verbose=0)


def test_a_column_of_weights_is_refused_by_single_batches(table):
    x, _ = table
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
    flow.compile("sgd")
    flow.adapt(x)
    for method in (flow.train_on_batch, flow.test_on_batch):
        with pytest.raises(ValueError, match="one weight for each row"):
            method(x[:32], sample_weight=np.ones([32, 1], "float32"))


def test_weights_of_a_single_loss_are_refused():
    with pytest.raises(ValueError, match=r"loss_weights=\[5.0\]"):
        tfflows.MAF(2).compile(loss_weights=[5.0])


STRATEGIES = {
    "one device": lambda: tf.distribute.OneDeviceStrategy("/CPU:0"),
    "mirrored": lambda: tf.distribute.MirroredStrategy(["/CPU:0"]),
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_trains_a_conditional_flow(table, name):
    x, context = table
    found = []
    for scope in (tf.distribute.get_strategy(), STRATEGIES[name]()):
        keras.utils.set_random_seed(1)
        with scope.scope():
            flow = tfflows.MAF(2, 1, transforms=1, hidden_units=(8,))
            flow.compile(keras.optimizers.SGD(0.01), metrics=[tfflows.metrics.BitsPerDimension()])
        flow.fit(
            x, context=context, batch_size=BATCH, seed=0, validation_data=(x, context), verbose=0
        )
        found.append(flat(flow))
        with pytest.raises(ValueError, match="needs context"):
            flow(x)
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)
