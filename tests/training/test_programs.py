"""Programs of many steps serve later runs, and know what they were compiled of."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

import tfflows
from tfflows import layers

X = np.random.default_rng(0).normal(size=(160, 2)).astype("float32")


def test_what_xla_cannot_compile_trains_without_it_in_later_runs_too():
    def loss(_, log_prob):
        zero = tf.numpy_function(lambda value: 0 * value, [log_prob], tf.float32)
        return -log_prob + tf.ensure_shape(zero, log_prob.shape)

    flow = tfflows.Flow([layers.Shift()], 2)
    flow.compile(keras.optimizers.SGD(0.1), loss=loss)
    for _ in range(2):
        flow.fit(X, epochs=320, verbose=0)
    assert int(flow.optimizer.iterations) == 3200


def test_evaluation_is_compiled_once_whatever_is_trained():
    traces = []

    def shortfall(_, log_prob):
        traces.append(log_prob)
        return -log_prob

    flow = tfflows.Flow([layers.Shift(), layers.Scale()], 2)
    flow.compile(keras.optimizers.Adam(0.1), metrics=[shortfall])
    flow.evaluate(X, verbose=0)
    before = len(traces)
    flow.fit(X, validation_data=X, verbose=0)
    trained = len(traces)
    flow.evaluate(X, verbose=0)
    assert trained == before + 1 and len(traces) == trained


def test_an_epoch_interrupted_at_its_very_end_keeps_its_logs(tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    def run(*callbacks):
        keras.utils.set_random_seed(1)
        flow = tfflows.Flow([layers.Shift()], 2)
        flow.compile(keras.optimizers.SGD(0.1))
        return flow.fit(X, epochs=4, seed=0, verbose=0, callbacks=list(callbacks)).history

    with contextlib.suppress(KeyboardInterrupt):
        run(Interrupt(), tfflows.training.Resume(tmp_path, share=1))
    assert run(tfflows.training.Resume(tmp_path, share=1)) == run()


def test_a_loss_with_a_function_of_its_own_is_saved_as_itself():
    @keras.saving.register_keras_serializable(package="tests")
    class Powered(tfflows.losses.DensityLoss):
        def __init__(self, name="powered", function=abs):
            super().__init__(name)
            self.function = function

        def of(self, context, log_prob):
            return self.function(log_prob)

    flow = tfflows.Flow([layers.Shift()], 2)
    flow.compile("adam", loss=Powered())
    assert flow.get_compile_config()["loss"]["class_name"] == "Powered"
