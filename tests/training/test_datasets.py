"""Every kind of data that `fit` and `evaluate` take batches from, whole or not."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import layers

X = np.random.default_rng(0).normal(size=(320, 2)).astype("float32")


def compiled(**arguments):
    flow = tfflows.Flow([layers.Shift()], 2)
    flow.compile(keras.optimizers.SGD(0.1), **arguments)
    return flow


def steps(flow) -> int:
    return int(flow.optimizer.iterations)


class DataLoader:
    """As PyTorch's of an iterable dataset, which does not know its length."""

    def __iter__(self):
        return iter([[X[:10]], [X[10:20]], [X[20:24]]])

    def __len__(self):
        raise TypeError("object of type 'IterableDataset' has no len()")


class Sequence(keras.utils.PyDataset):
    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def test_a_loader_that_does_not_know_its_length():
    flow = compiled()
    assert len(flow.fit(DataLoader(), epochs=2, verbose=0).history["loss"]) == 2
    assert steps(flow) == 6


def test_batches_of_a_pydataset_may_differ_in_type():
    flow = compiled()
    flow.fit(Sequence([X[:8], X[8:16].astype("float64")]), verbose=0)
    assert steps(flow) == 2
    with pytest.raises(ValueError, match="the dataset is empty"):
        flow.fit(Sequence([]), verbose=0)


@pytest.mark.parametrize("narrow", [X[:4, :1], X[:4, 0]])
def test_batches_of_another_width_are_not_filled_up(narrow):
    def dataset(batches):
        return tf.data.Dataset.from_generator(lambda: iter(batches), output_types=tf.float32)

    flow = compiled()
    flow.fit(dataset([X[:4], X[:3]]), verbose=0)
    with pytest.raises(ValueError, match=r"events of shape \(2,\).*others in batch 1\."):
        flow.fit(dataset([X[:4], narrow]), verbose=0)


def test_a_dataset_of_unknown_width_is_not_filled_up():
    spec = tf.TensorSpec([None, None], tf.float32)
    batches = tf.data.Dataset.from_generator(
        lambda: iter([X[:4], X[:4, :1]]), output_signature=spec
    )
    with pytest.raises(ValueError, match="others in batch 1"):
        compiled().fit(batches, verbose=0)


@pytest.mark.parametrize("data", [Sequence([X[:8]]), (X[:8] for _ in range(3))])
def test_only_what_gives_the_same_batches_again_is_resumed(tmp_path, data):
    with pytest.raises(ValueError, match=f"a {type(data).__name__} may give other batches then"):
        compiled().fit(data, callbacks=[tfflows.training.Resume(tmp_path)], verbose=0)


def test_the_score_of_no_batches_is_an_error():
    with pytest.raises(ValueError, match="the dataset is empty"):
        compiled().evaluate(tf.data.Dataset.from_tensor_slices(X).batch(8).take(0), verbose=0)


def test_an_epoch_that_ends_early_is_told():
    flow = compiled()
    with pytest.warns(UserWarning, match="the data ran out"):
        flow.fit((X[:8] for _ in range(7)), epochs=2, steps_per_epoch=5, verbose=0)
    assert steps(flow) == 7


def test_limits_of_trial_runs_hold():
    flow = compiled()
    try:
        keras.config.set_max_steps_per_epoch(3)
        keras.config.set_max_epochs(2)
        history = flow.fit(X, epochs=5, validation_data=X, validation_batch_size=8, verbose=0)
        flow.fit(tf.data.Dataset.from_tensor_slices(X).batch(8), verbose=0)
    except AttributeError:
        pytest.skip("this Keras has no limits")
    finally:
        for name in ("set_max_steps_per_epoch", "set_max_epochs"):
            getattr(keras.config, name, lambda _: None)(None)
    assert steps(flow) == 2 * 3 + 3 and len(history.history["val_loss"]) == 2


def test_many_passes_in_an_epoch_of_single_steps():
    single, many = compiled(steps_per_execution=1), compiled(jit_compile=False)
    for flow in (single, many):
        flow.fit(X, batch_size=160, steps_per_epoch=301, epochs=2, seed=0, verbose=0)
        assert steps(flow) == 602
    np.testing.assert_allclose(single.get_weights()[0], many.get_weights()[0], atol=1e-5)


@pytest.mark.parametrize("arguments", [{}, {"steps_per_execution": 3}, {"jit_compile": False}])
@pytest.mark.parametrize("dataset", [False, True])
def test_the_last_step_that_a_callback_hears_of_is_the_last(arguments, dataset):
    ends = []

    class Counts(keras.callbacks.Callback):
        follows_blocks = True  # as the progress bar

        def on_train_batch_end(self, batch, logs=None):
            ends.append(batch)

    x = tf.data.Dataset.from_tensor_slices(X).batch(20) if dataset else X
    compiled(**arguments).fit(x, batch_size=20, epochs=2, verbose=0, callbacks=[Counts()])
    assert ends[-1] == max(ends) == 15


@pytest.mark.parametrize("per_execution", [1, 2, 4])
def test_epochs_of_single_steps_go_on_in_the_rows(per_execution):
    flows = [compiled(steps_per_execution=per_execution), compiled(jit_compile=False)]
    logs = [
        flow.fit(X, batch_size=70, steps_per_epoch=n, epochs=4, seed=0, verbose=0).history["loss"]
        for flow in flows
        for n in (4, 7)
    ]
    np.testing.assert_allclose(logs[0], logs[2], rtol=1e-5)
    np.testing.assert_allclose(logs[1], logs[3], rtol=1e-5)
