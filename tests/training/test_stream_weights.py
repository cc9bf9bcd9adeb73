"""The weights of streams are checked as those of arrays are, before a wrong loss is trained on."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows

ROWS, BATCH = 96, 32

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(ROWS, 2)).astype("float32")
C = GENERATOR.normal(size=(ROWS, 1)).astype("float32")
W = GENERATOR.uniform(0, 2, ROWS).astype("float32")


def build(context=True, **compile_to):
    keras.utils.set_random_seed(1)
    flow = tfflows.Flow(
        [tfflows.layers.Shift()], 2, 1 if context else None, standardize_context=False
    )
    flow.compile(keras.optimizers.SGD(0.1), **compile_to)
    return flow


def dataset(w, known=True):
    """Return batches; where their shapes are not `known`, only values tell."""
    if known:
        return tf.data.Dataset.from_tensor_slices((X, C, w)).batch(BATCH)
    spec = (tf.TensorSpec([None, 2]), tf.TensorSpec([None, 1]), tf.TensorSpec(None))
    return tf.data.Dataset.from_generator(lambda: batches(w), output_signature=spec)


def batches(w):
    for start in range(0, ROWS, BATCH):
        rows = slice(start, start + BATCH)
        yield X[rows], C[rows], w[rows]


class Table(keras.utils.PyDataset):
    def __init__(self, w, **kwargs):
        super().__init__(**kwargs)
        self.batches, self.begun, self.ended = list(batches(w)), 0, 0

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]

    def on_epoch_begin(self):
        self.begun += 1

    def on_epoch_end(self):
        self.ended += 1


STREAMS = {
    "dataset": dataset,
    "dataset of unknown shape": lambda w: dataset(w, known=False),
    "generator": batches,
    "PyDataset": Table,
    "PyDataset with workers": lambda w: Table(w, workers=2),
}
COMPILED = {
    "blocks of XLA": {"jit_compile": True},
    "single steps of XLA": {"steps_per_execution": 1, "jit_compile": True},
    "eager": {"run_eagerly": True},
}


def spoiled(row, value):
    w = W.copy()
    w[row] = value
    return w


@pytest.mark.parametrize("how", COMPILED)
@pytest.mark.parametrize("stream", STREAMS)
class TestEveryStream:
    def test_weights_with_a_second_axis_are_refused(self, stream, how):
        flow = build(**COMPILED[how])
        with pytest.raises(
            ValueError, match=r"one weight for each .* of x.* shape \((32|None), 1\)"
        ):
            flow.fit(STREAMS[stream](W[:, np.newaxis]), verbose=0)
        assert not np.any(flow.get_weights()[0])

    def test_weights_that_are_negative_or_not_finite_are_refused(self, stream, how):
        match = r"finite and not negative; 1 are not in batch 2 \(first: row 7"
        for value in (-1.0, np.nan, np.inf):
            flow = build(**COMPILED[how])
            with pytest.raises(ValueError, match=match) as caught:
                flow.fit(STREAMS[stream](spoiled(2 * BATCH + 7, value)), verbose=0)
            assert "tfflows" not in str(caught.value) and "\n" not in str(caught.value)

    def test_good_weights_train_as_those_of_arrays(self, stream, how):
        flow = build(**COMPILED[how])
        losses = flow.fit(STREAMS[stream](W), verbose=0).history["loss"]
        arrays = build()
        expected = arrays.fit(
            X, context=C, sample_weight=W, shuffle=False, batch_size=BATCH, verbose=0
        ).history["loss"]
        np.testing.assert_allclose(losses, expected, rtol=1e-5)
        np.testing.assert_allclose(flow.get_weights()[0], arrays.get_weights()[0], atol=1e-6)


@pytest.mark.parametrize("stream", STREAMS)
def test_scalars_and_weights_of_other_rows_are_refused(stream):
    for w in (np.float32(1), W[: BATCH - 1]):
        parts = (X[:BATCH], C[:BATCH], w)
        specs = tuple(tf.TensorSpec(p.shape, tf.float32) for p in parts)
        unknown = (*specs[:2], tf.TensorSpec(None))
        made = {
            "dataset": lambda p=parts, s=specs: tf.data.Dataset.from_generator(
                lambda: iter([p]), output_signature=s
            ),
            "dataset of unknown shape": lambda p=parts, s=unknown: tf.data.Dataset.from_generator(
                lambda: iter([p]), output_signature=s
            ),
            "generator": lambda p=parts: (batch for batch in [p]),
        }.get(stream, lambda p=parts: one_batch(p))
        with pytest.raises(ValueError, match="one weight for each") as caught:
            build().fit(made(), verbose=0)
        assert f"shape {np.shape(w)}" in str(caught.value)


def one_batch(parts):
    table = Table(W)
    table.batches = [parts]
    return table


@pytest.mark.parametrize("stream", STREAMS)
def test_validation_evaluation_and_adaptation_check_as_well(stream):
    flow, column = build(), W[:, np.newaxis]
    with pytest.raises(ValueError, match="one weight for each"):
        flow.fit(X, context=C, validation_data=STREAMS[stream](column), verbose=0)
    with pytest.raises(ValueError, match="one weight for each"):
        flow.evaluate(STREAMS[stream](column), verbose=0)
    with pytest.raises(ValueError, match="not negative; 1 are not in batch 0"):
        flow.evaluate(STREAMS[stream](spoiled(3, -1.0)), verbose=0)
    with pytest.raises(ValueError, match="one weight for each"):
        flow.adapt(STREAMS[stream](column))
    good = flow.evaluate(STREAMS[stream](W), verbose=0)
    np.testing.assert_allclose(
        good, flow.evaluate(X, context=C, sample_weight=W, verbose=0), rtol=1e-5
    )


def test_what_the_shapes_of_a_dataset_tell_is_said_before_any_batch():
    def never():
        raise AssertionError("a batch was asked for")
        yield

    spec = (tf.TensorSpec([None, 2]), tf.TensorSpec([None, 1]), tf.TensorSpec([None, 1]))
    data = tf.data.Dataset.from_generator(never, output_signature=spec)
    with pytest.raises(ValueError, match=r"\(batch,\).*\(None, 1\).*weight\[:, 0\]"):
        build().fit(data, verbose=0)


def test_weights_that_are_no_numbers_are_refused():
    names = np.array(["a"] * ROWS)
    with pytest.raises(ValueError, match=r"sample_weight must hold numbers.*string"):
        build().fit(dataset(names), verbose=0)
    with pytest.raises(ValueError, match="could not convert"):
        build().fit(batches(names), verbose=0)


def test_a_batch_without_weight_among_others_is_no_error():
    w = W.copy()
    w[:BATCH] = 0
    for make in STREAMS.values():
        assert np.isfinite(build().fit(make(w), verbose=0).history["loss"]).all()


def test_without_context_zeros_may_stand_in_its_place():
    data = tf.data.Dataset.from_tensor_slices((X, np.zeros(ROWS, "float32"), W)).batch(BATCH)
    losses = build(context=False).fit(data, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    with pytest.raises(ValueError, match="one weight for each"):
        build(context=False).fit(data.map(lambda x, y, w: (x, y, w[:, None])), verbose=0)


def test_a_pydataset_hears_of_its_epochs():
    plain, ours = Table(W), Table(W)
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(plain, epochs=3, verbose=0)
    build().fit(ours, epochs=3, verbose=0)
    assert (ours.begun, ours.ended) == (plain.begun, plain.ended)
    assert ours.ended > 0


def test_a_generator_gives_each_batch_once():
    given = []

    def noted():
        for batch in batches(W):
            given.append(len(batch[0]))
            yield batch

    flow = build()
    flow.fit(noted(), verbose=0)
    assert given == [BATCH] * (ROWS // BATCH)
    assert int(flow.optimizer.iterations.numpy()) == ROWS // BATCH
