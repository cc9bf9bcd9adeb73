"""Datasets and generators in every call that takes them, whatever their types tell."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import layers

X = np.random.default_rng(0).normal(size=(200, 2)).astype("float32")
STARTS = range(0, 200, 50)


def built(context_shape=None):
    flow = tfflows.Flow([layers.Standardize(), layers.ActNorm(hidden_units=(4,))], 2, context_shape)
    flow.adapt(X, None if context_shape is None else X[:, :1])
    flow.compile(keras.optimizers.SGD(0.0))
    return flow


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return len(STARTS)

    def __getitem__(self, index):
        return X[50 * index : 50 * index + 50]


def of_unknown_rank():
    return tf.data.Dataset.from_generator(lambda: (X[i : i + 50] for i in STARTS), tf.float32)


def through_numpy():
    dataset = tf.data.Dataset.from_tensor_slices(X).batch(50)
    return dataset.map(lambda x: tf.numpy_function(lambda y: y, [x], tf.float32))


PLAIN = {
    "generator": lambda: (X[i : i + 50] for i in STARTS),
    "lists": lambda: ([X[i : i + 50]] for i in STARTS),
    "dataset": lambda: tf.data.Dataset.from_tensor_slices(X).batch(64),
    "unknown rank": of_unknown_rank,
    "numpy function": through_numpy,
    "PyDataset": Batches,
}


@pytest.mark.parametrize("stream", PLAIN.values(), ids=PLAIN)
def test_of_events_alone(stream):
    flow = built()
    expected = flow.log_prob(X)
    np.testing.assert_allclose(flow.predict(stream(), verbose=0), expected, rtol=1e-5)
    np.testing.assert_allclose(flow.evaluate(stream(), verbose=0), -np.mean(expected), rtol=1e-5)
    losses = flow.fit(stream(), verbose=0).history["loss"]
    np.testing.assert_allclose(losses, [-np.mean(expected)], rtol=1e-5)
    flow.adapt(stream())
    np.testing.assert_allclose(flow.log_prob(X), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("weights", [(), (np.ones(200, "float32"),)], ids=["pairs", "triples"])
def test_predict_takes_the_context_that_a_dataset_yields(weights):
    flow = built(1)
    pairs = tf.data.Dataset.from_tensor_slices((X, X[:, :1], *weights)).batch(64)
    expected = flow.log_prob(X, X[:, :1])
    np.testing.assert_allclose(flow.predict(pairs, verbose=0), expected, rtol=1e-5)
    assert flow.predict(pairs.repeat(), steps=2, verbose=0).shape == (128,)
    with pytest.raises(ValueError, match=r"yields its own context, as \(x, context\)"):
        flow.predict(pairs, context=X[:, :1], verbose=0)


def test_predict_names_what_a_dataset_lacks():
    alone = tf.data.Dataset.from_tensor_slices(X).batch(64)
    with pytest.raises(ValueError, match=r"needs context .*Yield \(x, context\)"):
        built(1).predict(alone, verbose=0)
    bad = tf.data.Dataset.from_tensor_slices((X, np.full([200, 1], np.nan, "float32"))).batch(64)
    with pytest.raises(ValueError, match="context has 64 non-finite rows in batch 0"):
        built(1).predict(bad, verbose=0)
