"""What is not finite is counted and named wherever it enters."""

import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import layers

X = np.random.default_rng(0).normal(size=(50, 2)).astype("float32")
BAD = np.array([[0.5, 1.0], [np.nan, 0.0], [0.0, -np.inf]], "float32")


@pytest.fixture(scope="module")
def flow():
    flow = tfflows.Flow([layers.Shift(), layers.ActNorm(hidden_units=(4,))], 2, 2)
    flow.adapt(X, X)
    flow.compile("adam")
    return flow


CONTEXTS = {
    "log_prob": lambda flow, c: flow.log_prob(X[:3], c),
    "prob": lambda flow, c: flow.prob(X[:3], c),
    "call": lambda flow, c: flow(X[:3], context=c),
    "sample": lambda flow, c: flow.sample(2, context=c),
    "sample_and_log_prob": lambda flow, c: flow.sample_and_log_prob(2, context=c),
    "rsample_and_log_prob": lambda flow, c: flow.rsample_and_log_prob(2, context=c),
    "forward": lambda flow, c: flow.forward(X[:3], c),
    "inverse": lambda flow, c: flow.inverse(X[:3], c),
    "intermediate": lambda flow, c: flow.intermediate(X[:3], c),
    "distribution": lambda flow, c: flow.distribution(c),
    "bijector": lambda flow, c: flow.bijector(c),
    "predict": lambda flow, c: flow.predict(X[:3], context=c, verbose=0),
    "evaluate": lambda flow, c: flow.evaluate(X[:3], context=c, verbose=0),
    "fit": lambda flow, c: flow.fit(X[:3], context=c, verbose=0),
    "train_on_batch": lambda flow, c: flow.train_on_batch(X[:3], c),
    "explain": lambda flow, c: flow.explain(X[:3], context=c),
    "check": lambda flow, c: flow.check(X[:3], context=c),
    "p_value": lambda flow, c: flow.level(0.5, X, X).p_value(X[:3], c),
}


@pytest.mark.parametrize("call", CONTEXTS.values(), ids=CONTEXTS)
@pytest.mark.parametrize("kind", [np.asarray, tf.constant])
def test_contexts(flow, call, kind):
    with pytest.raises(ValueError, match=r"context has 2 non-finite rows \(first: row 1\)"):
        call(flow, kind(BAD))


def test_a_single_context_is_shown(flow):
    with pytest.raises(ValueError, match=r"context is not finite: \[nan, 0\.0\]"):
        flow.sample(2, context=BAD[1])


@pytest.mark.parametrize("call", ["forward", "intermediate"])
def test_latent_points(flow, call):
    with pytest.raises(ValueError, match=r"z has 2 non-finite rows \(first: row 1\)"):
        getattr(flow, call)(BAD, X[:3])


@pytest.mark.parametrize("call", ["contains", "p_value"])
def test_rows_whose_rank_is_asked_for(flow, call):
    level = flow.level(0.5, X, X)
    with pytest.raises(ValueError, match=r"x has 2 non-finite rows \(first: row 1\)"):
        getattr(level, call)(BAD, X[:3])


@pytest.mark.parametrize("seed", [np.nan, [np.nan, 0.0], (1, 2.5), tf.constant([0.0, np.nan])])
def test_seeds(flow, seed):
    with pytest.raises(TypeError, match="seed must be an int or two ints; got"):
        flow.sample(2, seed=seed, context=X[0])


def test_large_numbers_whose_sum_overflows_are_finite(flow):
    large = np.full([3, 2], 3e38, "float32")
    assert flow.embed(tf.constant(X[:3])).shape == (3, 2)
    flow.forward(large, X[:3])


def test_served(flow, tmp_path):
    flow.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served"))
    says = r"context has 2 non-finite rows \(first: row 1\)\. Drop or impute"
    with pytest.raises(tf.errors.InvalidArgumentError, match=says):
        served.log_prob(x=X[:3], context=BAD)
    with pytest.raises(tf.errors.InvalidArgumentError, match=says):
        served.sample(n=1, seed=0, context=BAD)
    with pytest.raises(tf.errors.InvalidArgumentError, match="z has 2 non-finite rows"):
        served.forward(z=BAD, context=X[:3])
    score = served.log_prob(x=BAD, context=X[:3])["log_prob"]
    assert np.isfinite(score).tolist() == [True, False, False]
