"""An interrupted run goes on to the very weights of one that was not."""

import errno
import resource

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows.training import Resume
from tfflows.training.checkpoint import read_checkpoint, write_checkpoint
from tfflows.training.multi_step import LONGEST

from .killed import kills

ROWS, BATCH = 1400, 10  # three blocks in an epoch
X = np.random.default_rng(0).normal(size=(ROWS, 2)).astype("float32")
HELD = np.random.default_rng(1).normal(size=(100, 2)).astype("float32")


@pytest.fixture(autouse=True)
def blocks_as_of_a_large_flow(monkeypatch):
    monkeypatch.setattr("tfflows.training.feeds.longest_stride", lambda *sizes: LONGEST)


class Interrupted(Exception):
    pass


class Interrupt(keras.callbacks.Callback):
    """Raises an error after some calls of the training program."""

    follows_blocks = True

    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def on_train_batch_end(self, batch, logs=None):
        self.calls -= 1
        if self.calls == 0:
            raise Interrupted


class Remembers(keras.callbacks.Callback):
    """A callback of a person, which changes the model by what it remembers."""

    def __init__(self):
        super().__init__()
        self.epochs = np.zeros(1)

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs = self.epochs + 1
        self.model.optimizer.learning_rate = 0.01 / self.epochs[0]

    def get_state(self):
        return {"epochs": self.epochs}

    def set_state(self, state):
        self.epochs = state["epochs"]


def build(dropout=0.0, optimizer=None, adapted=False, **compile_to):
    keras.utils.set_random_seed(1)
    chain = [
        tfflows.layers.Standardize(),
        tfflows.layers.Coupling(tfflows.univariates.Affine(), hidden_units=(8,), dropout=dropout),
    ]
    flow = tfflows.Flow(chain, event_shape=2)
    if adapted:
        flow.adapt(X)
    flow.compile(optimizer or keras.optimizers.Adam(1e-2), **compile_to)
    return flow


def listed():
    return [
        keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.5),
    ]


def run(folder, interrupt=None, make=build, data=X, callbacks=listed, **kwargs):
    """Train in a process of its own, as far as the model knows; None if it is interrupted."""
    flow = make()
    given = [Resume(folder, share=1.0), *callbacks()]
    if interrupt:
        given.append(Interrupt(interrupt))
    settings = {"epochs": 6, "validation_data": HELD, "verbose": 0, **kwargs}
    if data is X:
        settings.setdefault("batch_size", BATCH)
    else:
        data = data()
    try:
        history = flow.fit(data, callbacks=given, **settings)
    except Interrupted:
        return None
    return flow.get_weights(), history.history


def assert_the_same(one, other):
    for w, v in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(w, v)
    assert one[1] == other[1]


def shuffled():
    return tf.data.Dataset.from_tensor_slices(X).shuffle(ROWS, seed=3).batch(BATCH)


def endless():
    return tf.data.Dataset.from_tensor_slices(X).shuffle(ROWS, seed=3).repeat().batch(BATCH)


CASES = {
    "arrays": {},
    "dropout": {"make": lambda: build(dropout=0.3), "seed": 3},
    "single steps": {"make": lambda: build(steps_per_execution=1), "seed": 3},
    "several steps": {"make": lambda: build(steps_per_execution=4), "seed": 3},
    "shorter epochs": {"steps_per_epoch": 100},
    "schedule": {
        "make": lambda: build(
            optimizer=keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(1e-2, 840))
        ),
        "callbacks": lambda: listed()[:1],
    },
    "moving average": {
        "make": lambda: build(optimizer=keras.optimizers.Adam(1e-2, use_ema=True)),
        "seed": 3,
    },
    "a callback that remembers": {"callbacks": lambda: [Remembers(), *listed()]},
    "dataset": {"make": lambda: build(adapted=True), "data": shuffled},
    "endless dataset": {
        "make": lambda: build(adapted=True),
        "data": endless,
        "steps_per_epoch": 100,
        "callbacks": lambda: listed()[1:],
    },
}


# Each run is traced anew, which takes seconds; the rest runs with the whole property suite.
USUAL = ("arrays", "dataset")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in USUAL else pytest.mark.exhaustive) for name in CASES],
)
def test_the_weights_are_those_of_a_run_without_interruption(name, tmp_path):
    case = CASES[name]
    whole = run(tmp_path / "whole", **case)
    assert run(tmp_path / "parts", interrupt=5, **case) is None
    assert run(tmp_path / "parts", interrupt=6, **case) is None
    resumed = run(tmp_path / "parts", **case)
    assert_the_same(resumed, whole)
    # A complete run is not trained again.
    assert_the_same(run(tmp_path / "parts", interrupt=1, **case), whole)


def test_it_changes_nothing_in_a_run_without_interruption(tmp_path):
    flow = build()
    flow.fit(
        X, validation_data=HELD, epochs=6, batch_size=BATCH, callbacks=listed(), seed=3, verbose=0
    )  # fmt: skip
    weights, _ = run(tmp_path, seed=3)
    for w, v in zip(flow.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(w, v)


def test_more_epochs_go_on_from_where_the_last_ended(tmp_path):
    def only():
        return []

    whole = run(tmp_path / "whole", callbacks=only, epochs=5)
    run(tmp_path / "parts", callbacks=only, epochs=2)
    assert_the_same(run(tmp_path / "parts", callbacks=only, epochs=5), whole)


def test_the_share_of_the_time_bounds_the_writing(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(
        "tfflows.training.resume.write_checkpoint", lambda *args: written.append(args)
    )
    flow = build()
    resume = Resume(tmp_path, share=1e-9)
    flow.fit(X, epochs=3, batch_size=BATCH, callbacks=[resume], verbose=0)
    # The first block, and the end.
    assert len(written) == 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    run(folder, epochs=1, seed=3)
    return folder


class TestAnotherRun:
    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"batch_size": 20}, "batch_size is 10 there and 20 here"),
            ({"seed": 4}, "seed is 3 there and 4 here"),
            ({"shuffle": False}, "shuffle is true there and false here"),
            ({"callbacks": lambda: listed()[1:]}, "callbacks"),
            ({"sample_weight": np.ones(ROWS)}, "data differ"),
            ({"make": lambda: build(optimizer=keras.optimizers.SGD(1e-2))}, "optimizer"),
            ({"make": lambda: build(optimizer=keras.optimizers.Adam(1e-3))}, "learning_rate"),
            ({"make": lambda: build(dropout=0.1)}, "the model is another one"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_is_refused_and_the_difference_named(self, folder, change, named):
        with pytest.raises(ValueError, match=rf"resume\.ckpt belongs to another run.*{named}"):
            run(folder, **{"epochs": 2, "seed": 3, **change})

    def test_other_rows_are_noticed(self, folder):
        other = X.copy()
        other[7, 1] += 1.0
        with pytest.raises(ValueError, match="data differ"):
            build().fit(
                other,
                batch_size=BATCH,
                validation_data=HELD,
                seed=3,
                callbacks=[Resume(folder), *listed()],
            )

    def test_orders_drawn_without_a_seed_are_noticed(self, tmp_path):
        def drawn():
            flow = tfflows.Flow([tfflows.layers.Permute("random"), tfflows.layers.Shift()], 9)
            flow.compile("adam")
            return flow

        x = np.random.default_rng(0).normal(size=(50, 9)).astype("float32")
        drawn().fit(x, callbacks=[Resume(tmp_path)], verbose=0)
        with pytest.raises(ValueError, match="need a seed"):
            drawn().fit(x, callbacks=[Resume(tmp_path)], verbose=0)

    def test_a_dataset_that_changes_is_noticed(self, tmp_path):
        def unseeded():
            return tf.data.Dataset.from_tensor_slices(X).shuffle(ROWS).batch(BATCH)

        settings = {"make": lambda: build(adapted=True), "data": unseeded, "epochs": 1}
        run(tmp_path, **settings)
        tf.random.set_seed(77)
        with pytest.raises(ValueError, match="data differ"):
            run(tmp_path, **{**settings, "make": lambda: _reseeded(build(adapted=True))})


def _reseeded(flow):
    tf.random.set_seed(77)
    return flow


class TestWhatCannotBeResumed:
    def test_a_generator(self, tmp_path):
        with pytest.raises(ValueError, match="open its data again"):
            build(adapted=True).fit((X[:10] for _ in range(3)), callbacks=[Resume(tmp_path)])

    def test_a_dataset_of_unknown_length(self, tmp_path):
        unknown = shuffled().filter(lambda x: True)
        with pytest.raises(ValueError, match="steps_per_epoch"):
            build(adapted=True).fit(unknown, callbacks=[Resume(tmp_path)])

    def test_a_model_of_plain_keras(self, tmp_path):
        model = keras.Sequential([keras.layers.Dense(1)])
        model.compile("adam", "mse")
        with pytest.raises(TypeError, match="tfflows model"):
            model.fit(X, X[:, :1], callbacks=[Resume(tmp_path)], verbose=0)

    def test_two_of_them(self, tmp_path):
        with pytest.raises(ValueError, match="one Resume"):
            build().fit(X, callbacks=[Resume(tmp_path), Resume(tmp_path / "other")])

    @pytest.mark.parametrize("share", [0.0, -1.0, 1.5])
    def test_a_share_of_no_sense(self, tmp_path, share):
        with pytest.raises(ValueError, match="share"):
            Resume(tmp_path, share=share)


class TestFile:
    def test_a_damaged_file_is_named(self, tmp_path):
        run(tmp_path, epochs=1)
        file = tmp_path / "resume.ckpt"
        whole = file.read_bytes()
        for broken in (b"", whole[:-1], whole[:100] + b"x" + whole[101:], whole + b"\0"):
            file.write_bytes(broken)
            with pytest.raises(ValueError, match=r"resume\.ckpt is damaged"):
                run(tmp_path, epochs=1)

    def test_what_a_kill_left_is_removed(self, tmp_path):
        (tmp_path / ".resume-0123.ckpt").write_bytes(b"half")
        run(tmp_path, epochs=1)
        assert [path.name for path in tmp_path.iterdir()] == ["resume.ckpt"]

    def test_a_full_disk_is_an_error_and_leaves_the_last_checkpoint(self, tmp_path):
        file = tmp_path / "resume.ckpt"
        write_checkpoint(file, {"epoch": 3}, [np.arange(10.0)])
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        try:
            with pytest.raises(OSError, match=r"resume\.ckpt could not be written") as caught:
                write_checkpoint(file, {"epoch": 4}, [np.zeros(10_000)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert caught.value.errno == errno.EFBIG
        content, arrays = read_checkpoint(file)
        assert content == {"epoch": 3} and arrays[0][9] == 9.0
        assert [path.name for path in tmp_path.iterdir()] == ["resume.ckpt"]

    def test_training_stops_where_the_disk_is_full_and_goes_on_later(self, tmp_path, monkeypatch):
        left = [2 * 3]  # three writes, each synced with its folder

        def full(path):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("tfflows.saving.files._sync", full)
            with pytest.raises(OSError, match=r"No space left on device.*still there"):
                run(tmp_path, epochs=3)
        content, _ = read_checkpoint(tmp_path / "resume.ckpt")
        assert (content["epoch"], content["call"]) == (0, 3)
        assert len(run(tmp_path, epochs=3)[1]["loss"]) == 3


@pytest.mark.slow
def test_three_kills(tmp_path):
    seen = kills(tmp_path, 3)
    assert seen["kills"] == 3 and seen["runs"] >= 1 and not seen["differing"], seen


@pytest.mark.exhaustive
@pytest.mark.parametrize("jit", ["plain", "jit"])
def test_many_kills(tmp_path, jit):
    seen = kills(tmp_path, 25, jit, seed=1)
    assert seen["kills"] == 25 and seen["runs"] >= 1 and not seen["differing"], seen
