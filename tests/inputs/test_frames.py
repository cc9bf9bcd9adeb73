"""Tables with names: matched by name once a model was fitted to one, of every type of column."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers

pandas = pytest.importorskip("pandas")

RNG = np.random.default_rng(0)
FRAME = pandas.DataFrame(
    {
        "height": RNG.normal(170.0, 8.0, 400).astype("float32"),
        "weight": RNG.normal(60.0, 9.0, 400).astype("float32"),
        "age": RNG.integers(18, 80, 400),
    }
)
SWAPPED = FRAME[["age", "height", "weight"]]
X = FRAME.to_numpy()


def built(**kwargs):
    return tfflows.Flow([layers.Standardize(), layers.Shift()], 3, **kwargs)


@pytest.fixture(scope="module")
def flow():
    flow = built()
    flow.compile(keras.optimizers.SGD(0.01))
    flow.fit(FRAME, validation_data=SWAPPED, batch_size=100, verbose=0)
    return flow


CALLS = {
    "log_prob": lambda flow, x: flow.log_prob(x),
    "call": lambda flow, x: flow(x),
    "inverse": lambda flow, x: flow.inverse(x),
    "evaluate": lambda flow, x: flow.evaluate(x, verbose=0),
    "predict": lambda flow, x: flow.predict(x, verbose=0),
    "test_on_batch": lambda flow, x: flow.test_on_batch(x),
    "level": lambda flow, x: flow.level(0.5, calibration=x).p_value(x),
    "explain": lambda flow, x: flow.explain(x).terms,
    "generator": lambda flow, x: flow.evaluate((x[i : i + 200] for i in (0, 200)), verbose=0),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
class TestByName:
    def test_in_any_order(self, flow, call):
        np.testing.assert_array_equal(call(flow, SWAPPED), call(flow, FRAME))
        np.testing.assert_allclose(call(flow, FRAME), call(flow, X), rtol=1e-6)

    @pytest.mark.parametrize(
        "frame, says",
        [
            (FRAME[["height", "age"]], "lacks the column 'weight': .* fitted to .*'height', 'w"),
            (FRAME.assign(bmi=1.0), "has the column 'bmi' too many"),
            (FRAME.rename(columns={"age": "Age"}), "lacks the column 'age' and has .*'Age'"),
        ],
    )
    def test_another_column_is_named(self, flow, call, frame, says):
        with pytest.raises(ValueError, match=says):
            call(flow, frame)


def test_a_series_is_a_row_by_name(flow):
    expected = flow.log_prob(X[0])
    for row in (FRAME.iloc[0], SWAPPED.iloc[0]):
        np.testing.assert_allclose(flow.log_prob(row), expected, rtol=1e-6)
        np.testing.assert_allclose(flow.explain(row).log_prob, [expected], rtol=1e-6)


def test_a_frame_without_names_is_an_array(flow):
    np.testing.assert_allclose(flow.log_prob(pandas.DataFrame(X)), flow.log_prob(X), rtol=1e-6)
    other = built()
    other.adapt(pandas.DataFrame(X))
    assert other.event_columns.names is None
    other.adapt(SWAPPED)
    assert other.event_columns.names == ("age", "height", "weight")


class TestTypes:
    @pytest.mark.parametrize(
        "convert",
        [
            lambda frame: frame.astype({"age": "Int64", "height": "Float32"}),
            lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
            lambda frame: frame.astype({"age": object}),
            lambda frame: frame.astype({"age": pandas.SparseDtype(int)}),
        ],
        ids=["nullable", "arrow", "objects", "sparse"],
    )
    def test_are_taken_for_what_they_are(self, flow, convert):
        np.testing.assert_allclose(flow.log_prob(convert(FRAME)), flow.log_prob(FRAME), rtol=1e-6)

    @pytest.mark.parametrize("kind", ["bool", "boolean", "bool[pyarrow]"])
    def test_booleans(self, flow, kind):
        old = (FRAME.age > 40).astype(kind)
        expected = flow.log_prob(np.c_[X[:, :2], FRAME.age > 40])
        np.testing.assert_allclose(flow.log_prob(FRAME.assign(age=old)), expected, rtol=1e-6)

    def test_a_table_of_arrow(self, flow):
        arrow = pytest.importorskip("pyarrow")
        table = arrow.Table.from_pandas(SWAPPED)
        np.testing.assert_allclose(flow.log_prob(table), flow.log_prob(FRAME), rtol=1e-6)

    @pytest.mark.parametrize("kind", ["Int64", "float", "int64[pyarrow]", object])
    def test_a_missing_cell_is_a_row_that_is_not_finite(self, kind):
        ages = FRAME.age.astype("Int64")
        ages[7] = pandas.NA
        with pytest.raises(ValueError, match=r"x has 1 non-finite row \(first: row 7\)"):
            built().adapt(FRAME.assign(age=ages.astype(kind)))

    def test_a_masked_number_is_missing(self, flow):
        masked = np.ma.masked_array(X[:2], mask=[[True, False, False], [False] * 3])
        assert np.isnan(flow.log_prob(masked)).tolist() == [True, False]
        whole = np.ma.masked_array(np.arange(6).reshape(2, 3), mask=np.eye(2, 3))
        with pytest.raises(ValueError, match="x has 2 non-finite rows"):
            flow.evaluate(whole, verbose=0)

    @pytest.mark.parametrize(
        "column, says",
        [
            (
                pandas.Categorical(["f", "m"] * 200),
                r"'sex' of x holds categories \('f', 'm', .*get_d",
            ),
            (["f", "m"] * 200, "'sex' of x holds values of type .*get_dummies"),
            (["1", "2"] * 200, "'sex' of x holds values of type .*get_dummies"),
            (pandas.date_range("2024-01-01", periods=400), "'sex' of x holds times: .*total_sec"),
        ],
    )
    def test_what_is_no_number_is_refused_with_a_remedy(self, column, says):
        with pytest.raises(ValueError, match=says):
            built().adapt(FRAME[["height", "weight"]].assign(sex=column))

    def test_a_name_that_is_there_twice(self):
        twice = pandas.concat([FRAME[["age", "height"]], FRAME[["age"]]], axis=1)
        with pytest.raises(ValueError, match="x has more than one column named 'age'"):
            built().adapt(twice)


def test_a_context_is_matched_by_name_and_stands_behind_the_draws():
    context = pandas.DataFrame({"a": RNG.normal(size=400), "b": RNG.uniform(size=400)})
    flow = tfflows.Flow([layers.Standardize(), layers.LU()], 3, 2)
    flow.adapt(FRAME, context)
    for weight in flow.trainable_weights:
        weight.assign_add(0.1 * RNG.normal(size=weight.shape))
    expected = flow.log_prob(X, context.to_numpy())
    swapped = context[["b", "a"]]
    for answer in (
        flow.log_prob(FRAME, swapped),
        flow.predict(FRAME, context=swapped, verbose=0),
        flow.distribution(swapped).log_prob(X),
    ):
        np.testing.assert_allclose(answer, expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"context lacks the column 'a'.* fitted to"):
        flow.sample(2, context=context[["b"]])
    drawn = flow.sample_frame(2, seed=1, context=swapped[:3])
    assert list(drawn.columns) == [*FRAME.columns, "a", "b"]
    np.testing.assert_allclose(drawn.a, np.repeat(context.a[:3], 2), rtol=1e-6)
    events = flow.sample(2, seed=1, context=context[:3]).numpy()
    np.testing.assert_array_equal(drawn[FRAME.columns].to_numpy()[2:4], events[:, 1])


class TestSampleFrame:
    def test_has_the_names_and_the_numbers_of_sample(self, flow):
        drawn = flow.sample_frame(5, seed=3)
        assert list(drawn.columns) == ["height", "weight", "age"]
        np.testing.assert_array_equal(drawn.to_numpy(), flow.sample(5, seed=3))

    def test_needs_names(self):
        with pytest.raises(ValueError, match="knows no names of columns: fit it to a frame"):
            built().sample_frame(5)


@keras.saving.register_keras_serializable(package="tests.inputs")
class Diagonal(tfflows.DensityModel):
    def __init__(self, width=1.0, trainable=True, dtype=None):  # what Keras's own config has
        super().__init__(event_shape=3, trainable=trainable, dtype=dtype)
        self.width = width
        self.scale = self.add_weight(shape=(3,), initializer="ones", name="scale")

    def distribution(self, context=None):
        return tfd.MultivariateNormalDiag(scale_diag=tf.convert_to_tensor(self.scale))


MODELS = {
    "flow": built,
    "distribution": lambda: tfflows.DistributionModel(
        tfd.MultivariateNormalDiag(tf.Variable([170.0, 60.0, 50.0]), [8.0, 9.0, 20.0])
    ),
    "model": Diagonal,
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_names_last(make, tmp_path):
    model = make()
    model.compile(keras.optimizers.SGD(1e-6))
    resume = tfflows.training.Resume(tmp_path / "run")
    model.fit(FRAME, epochs=1, batch_size=100, verbose=0, callbacks=[resume], seed=0)
    model.save(tmp_path / "model.keras")
    loaded = tfflows.load(tmp_path / "model.keras")
    clone = type(loaded).from_config(loaded.get_config())
    other = make()
    other.compile(keras.optimizers.SGD(1e-6))
    other.fit(FRAME, epochs=2, batch_size=100, verbose=0, callbacks=[resume], seed=0)
    for one in (loaded, clone, other):
        assert one.event_columns.names == ("height", "weight", "age")
        np.testing.assert_array_equal(one.log_prob(SWAPPED), one.log_prob(FRAME))
