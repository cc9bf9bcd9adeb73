"""A context far from all that a model was fitted to is answered with a warning, once."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 1)).astype("float32")
CONTEXT = np.stack([RNG.uniform(18, 79, 200), RNG.integers(0, 2, 200)], 1).astype("float32")
CONTEXT[:2, 0] = 18.0, 79.0
FAR = np.array([[40.0, 1.0], [400.0, 0.0]], "float32")
SAYS = r"context lies far outside .* coordinate 0 is 400 \(seen: 18 to 79\)"


def fitted(context=CONTEXT):
    flow = tfflows.Flow([layers.Standardize(), layers.Shift()], 1, 2)
    flow.adapt(X, context)
    return flow


CALLS = {
    "log_prob": lambda flow, c: flow.log_prob(X[:2], c),
    "sample": lambda flow, c: flow.sample(2, context=c),
    "distribution": lambda flow, c: flow.distribution(c),
    "predict": lambda flow, c: flow.predict(X[:2], context=c, verbose=0),
    "check": lambda flow, c: flow.check(X[:2], c),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("kind", [np.asarray, tf.constant])
def test_is_a_warning_once(call, kind):
    flow = fitted()
    with pytest.warns(UserWarning, match=SAYS) as warned:
        call(flow, kind(FAR))
    assert len(warned) == 1 and warned[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call(flow, kind(FAR))


@pytest.mark.parametrize("context", [[90.0, 0.0], [-5.0, 1.0], [18.0, 0.5]])
def test_a_little_outside_is_none(context):
    fitted().log_prob(X[:1], context)


@pytest.mark.parametrize("context", [[40.0, 3.0], [40.0, -1.0]])
def test_another_level_of_an_indicator_is_one(context):
    with pytest.warns(UserWarning, match=r"coordinate 1 is .* \(seen: 0 to 1\)"):
        fitted().sample(1, context=context)


def test_columns_are_named_and_a_file_knows_what_was_seen(tmp_path):
    pandas = pytest.importorskip("pandas")
    fitted(pandas.DataFrame(CONTEXT, columns=["age", "female"])).save(tmp_path / "flow.keras")
    loaded = tfflows.load(tmp_path / "flow.keras")
    with pytest.warns(UserWarning, match=r"'age' is 400 \(seen: 18 to 79\)"):
        loaded.sample(1, context=FAR)


def test_what_a_later_fit_sees_is_no_longer_far():
    flow = fitted()
    flow.compile("adam")
    flow.fit(X, context=CONTEXT + np.array([400.0, 0.0]), verbose=0)
    flow.sample(1, context=FAR)
    with pytest.warns(UserWarning, match=r"seen: 18 to 479"):
        flow.sample(1, context=[1000.0, 0.0])


def test_zero_is_no_context_of_these():
    """Of years, say: what `fit` looks at by itself is within what was seen."""
    rng = np.random.default_rng(0)
    years = rng.integers(2015, 2021, size=(64, 1)).astype("float32")
    flow = tfflows.Flow([tfflows.layers.ContinuousFlow((4,))], 2, 1)
    flow.compile("adam", loss=tfflows.losses.FlowMatching())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flow.fit(rng.normal(size=(64, 2)), context=years, epochs=1, verbose=0)


@pytest.mark.parametrize("make", ["MAF", "CouplingNSF"])
def test_a_fit_to_contexts_far_from_zero_warns_of_none(make):
    flow = getattr(tfflows, make)(2, 2, transforms=2, hidden_units=(4,))
    flow.compile("adam")
    x = RNG.normal(size=(200, 2)).astype("float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flow.fit(x, context=CONTEXT + 100.0, verbose=0)
    with pytest.warns(UserWarning, match="far outside"):
        flow.log_prob(x[:1], np.zeros((1, 2), "float32"))


def test_one_column_without_its_axis_is_told_how():
    flow = tfflows.Flow([layers.Standardize(), layers.Shift()], 1, 1)
    flow.compile("adam")
    with pytest.raises(ValueError, match=r"got \(200,\)\. A single column is context\[:, None\]"):
        flow.fit(X, context=CONTEXT[:, 0], verbose=0)
