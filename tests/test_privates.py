"""Each private name of Keras and TFP that is read still means what is made of it."""

import gc
import itertools
import weakref
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.ops import gradient_registry
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import univariates
from tfflows.privates import (
    MADE_ATTRIBUTES,
    OPTIMIZER_LEFT_OUT,
    automatic_config,
    drawn_order,
    forget_restored_epoch,
    forgetting_results,
    is_increasing,
    is_real_nvp_template,
    masks_of,
    profiles_batches,
    restored_epoch,
)

X = np.random.default_rng(0).normal(size=(230, 2)).astype("float32")


class Stop(Exception):
    pass


class StopAt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Stop


def build():
    keras.utils.set_random_seed(1)
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
    flow.compile(keras.optimizers.Adam(0.01))
    return flow


def test_a_fresh_model_has_no_restored_epoch():
    flow = build()
    assert restored_epoch(flow) is None
    flow._initial_epoch = 3
    forget_restored_epoch(flow)
    assert restored_epoch(flow) is None


def test_a_config_that_is_extended_is_still_recorded_by_keras():
    class Extended(keras.layers.Layer):
        @automatic_config
        def get_config(self):
            return {**super().get_config(), "more": 1}

    class Inherits(Extended):
        def __init__(self, width, more=0, **kwargs):
            super().__init__(**kwargs)
            self.width, self.more = width, more

    copy = Inherits.from_config(Inherits(width=3).get_config())
    assert (copy.width, copy.more) == (3, 1)


def test_after_backup_and_restore_a_run_equals_an_uninterrupted_one(tmp_path):
    whole = build()
    history = whole.fit(X, epochs=4, verbose=0).history
    with pytest.raises(Stop):
        backup = keras.callbacks.BackupAndRestore(tmp_path)
        build().fit(X, epochs=4, verbose=0, callbacks=[backup, StopAt(2)])
    again = build()
    seen = again.fit(
        X, epochs=4, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(tmp_path)]
    ).history
    assert len(seen["loss"]) == 2
    np.testing.assert_allclose(seen["loss"], history["loss"][2:], rtol=1e-6)
    for one, other in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    # The next run begins at its own first epoch.
    assert len(again.fit(X, epochs=2, verbose=0).history["loss"]) == 2


@pytest.mark.parametrize(("profile_batch", "profiles"), [(0, False), (2, True), ((1, 3), True)])
def test_tensorboard_says_whether_it_profiles(profile_batch, profiles, tmp_path, monkeypatch):
    board = keras.callbacks.TensorBoard(tmp_path, profile_batch=profile_batch)
    board.set_model(build())
    assert profiles_batches(board) is profiles


def test_what_a_network_of_tfp_was_made_of_and_what_it_drew():
    made = tfb.AutoregressiveNetwork(2, event_shape=[3], hidden_units=[4], input_order="random")
    made.build([None, 3])
    kept = {name: getattr(made, attribute) for name, attribute in MADE_ATTRIBUTES.items()}
    assert (kept["params"], kept["hidden_units"], kept["input_order"]) == (2, [4], "random")
    assert sorted(drawn_order(made)) == [1, 2, 3]
    assert [mask.shape for mask in masks_of(made)] == [(3, 4), (4, 6)]


def test_a_scalar_bijector_says_whether_it_is_increasing():
    scale = tfb.Chain([tfb.Shift(1.0), tfb.Scale([2.0, -3.0])])
    assert is_increasing(scale).numpy().tolist() == [True, False]
    assert is_increasing(tfb.Invert(tfb.Exp())).numpy()
    with pytest.raises(NotImplementedError, match="_is_increasing"):
        is_increasing(tfb.Permute([1, 0]))


def test_a_template_of_real_nvp_is_known_by_its_function():
    assert is_real_nvp_template(tfb.real_nvp_default_template(hidden_layers=[4]))
    assert not is_real_nvp_template(lambda x, n: (x, x))


class TestResultsOfBijectors:
    """TFP would hold the graphs of all flows that there have been."""

    # Not samples of a masked network: TensorFlow keeps every graph with a custom gradient.
    @pytest.mark.parametrize(
        "name, way",
        [
            *itertools.product(
                ["Shift", "Coupling", "base", "whole"],
                ["log_prob", "call", "sample", "rsample_and_log_prob"],
            ),
            ("MaskedAutoregressive", "log_prob"),
            ("MaskedAutoregressive", "call"),
        ],
    )
    def test_the_graph_of_a_model_goes_with_the_model(self, name, way):
        def graph_of_a_model():
            model, graphs = self.model(name), []

            @tf.function
            def answer(x):
                graphs.append(weakref.ref(tf.compat.v1.get_default_graph()))
                if way == "call":
                    return model(x)
                return model.log_prob(x) if way == "log_prob" else getattr(model, way)(3, seed=0)

            answer(tf.zeros([3, 2]))
            assert graphs[0]() is not None
            return graphs[0]

        graph = graph_of_a_model()
        gc.collect()
        assert graph() is None

    @staticmethod
    def model(name):
        moved = tfd.TransformedDistribution(
            tfd.MultivariateNormalDiag(tf.zeros(2)), tfb.Shift(tf.Variable([0.0, 1.0]))
        )
        if name == "whole":
            return tfflows.DistributionModel(moved)
        if name == "base":
            return tfflows.Flow([tfflows.layers.Shift()], event_shape=2, base=moved)
        options = () if name == "Shift" else (univariates.Affine(),)
        return tfflows.Flow([getattr(tfflows.layers, name)(*options)], event_shape=2)

    def test_the_graph_of_a_layer_goes_with_the_layer(self):
        def graph_of_a_layer():
            layer, graphs = tfflows.layers.Shift(), []

            @tf.function
            def answer(x):
                graphs.append(weakref.ref(tf.compat.v1.get_default_graph()))
                return layer(x)

            layer.build((2,))
            answer(tf.zeros([3, 2]))
            return graphs[0]

        graph = graph_of_a_layer()
        gc.collect()
        assert graph() is None

    def test_eager_results_are_kept_as_by_tfp(self):
        exp, x = tfb.Exp(), tf.constant([0.1, 0.7])
        with forgetting_results():
            y = exp.forward(x)
        assert exp.inverse(y) is x

    def test_in_a_graph_each_block_has_its_own(self):
        @tf.function
        def same(x):
            exp = tfb.Exp()
            before = exp.forward(x)
            with forgetting_results():
                y = exp.forward(x)
                inside = exp.inverse(y) is x
            return before is not y, inside, exp.forward(x) is before

        assert all(same(tf.constant([0.1])))


class TestGradientsGoWithTheirGraphs:
    """In a thread of their own: for that of the tests `conftest.py` lets go of all gradients."""

    @staticmethod
    def in_a_thread(function):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(function).result()

    @staticmethod
    def graphs():
        gc.collect()
        return weakref.WeakSet(obj for obj in gc.get_objects() if isinstance(obj, tf.Graph))

    @staticmethod
    def use():
        flow = tfflows.SOSPF(3, transforms=1, hidden_units=(4,))
        flow.compile("adam", jit_compile=False)
        x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
        flow.fit(x, epochs=1, verbose=0)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(flow.forward(x[:5]) ** 2)
        assert tf.reduce_any(tape.gradient(loss, flow.trainable_variables[-1].value) != 0.0)
        return flow

    def test_the_graphs_of_a_flow_go_with_it(self):
        before = self.graphs()
        flow = self.in_a_thread(self.use)
        assert len(self.graphs() - before) > 0
        del flow
        assert not self.graphs() - before

    def test_what_others_register_stays(self):
        def name_of_mine():
            @tf.function
            def program(x):
                y = tf.custom_gradient(lambda x: (x + 1.0, lambda upstream: 7.0 * upstream))(x)
                names.append(y.op.get_attr("_gradient_op_type"))
                return y

            names = []
            program(tf.constant(1.0))
            return names[0]

        name = self.in_a_thread(name_of_mine)
        gc.collect()
        assert float(gradient_registry.lookup(name)(None, *[tf.constant(1.0)] * 2)[1]) == 7.0


def test_keras_warns_of_the_state_of_an_optimizer_that_it_leaves_out():
    with pytest.warns(UserWarning, match=f"^{OPTIMIZER_LEFT_OUT}"):
        build().optimizer.load_own_variables({})
