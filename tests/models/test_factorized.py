"""A product of conditional densities: scored, drawn, trained, kept and saved as one model."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfflows

SMALL = {"transforms": 1, "hidden_units": (8,), "identity_start": False}


def product(columns=None, context_shape=None):
    size = 0 if context_shape is None else context_shape
    factors = [
        tfflows.MAF(2, context_shape=context_shape, **SMALL),
        tfflows.MAF(1, context_shape=2 + size, **SMALL),
        tfflows.MAF(1, **SMALL),  # independent of all others
    ]
    return tfflows.Factorized(factors, columns, context_shape)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    x[:, 0] += np.sin(2 * x[:, 2]) + x[:, 3]
    return x.astype("float32")


def test_the_log_density_is_the_sum_of_those_of_the_factors(rows):
    joint = product([[3, 2], [0], [1]])
    first, second, third = joint.factors
    expected = first.log_prob(rows[:, [3, 2]]) + third.log_prob(rows[:, [1]])
    expected += second.log_prob(rows[:, [0]], context=rows[:, [3, 2]])
    np.testing.assert_allclose(joint.log_prob(rows), expected, rtol=1e-5)


def test_the_context_of_the_whole_comes_last(rows):
    joint, c = product(context_shape=2), rows[:, :2]
    first, second, third = joint.factors
    expected = first.log_prob(rows[:, :2], c) + third.log_prob(rows[:, 3:])
    expected += second.log_prob(rows[:, 2:3], np.concatenate([rows[:, :2], c], 1))
    np.testing.assert_allclose(joint.log_prob(rows, c), expected, rtol=1e-5)
    one = joint.log_prob(rows, c[0])  # a context for all rows
    np.testing.assert_allclose(one[:1], expected[:1], rtol=1e-5)
    many = joint.log_prob(rows[0], c)  # one row given each context
    np.testing.assert_allclose(many[:1], expected[:1], rtol=1e-5)


@pytest.mark.parametrize("context_shape", [None, 2])
def test_draws_are_scored_as_rows_are(rows, context_shape):
    joint = product([[3, 2], [0], [1]], context_shape)
    c = None if context_shape is None else rows[:5, :2]
    drawn, log_prob = joint.sample_and_log_prob(7, seed=1, context=c)
    assert drawn.shape == ((7, 4) if c is None else (7, 5, 4))
    np.testing.assert_allclose(joint.log_prob(drawn, c), log_prob, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(joint.sample(7, seed=1, context=c), drawn, rtol=1e-5, atol=1e-6)
    assert not np.allclose(joint.sample(7, seed=2, context=c), drawn)


@pytest.mark.parametrize("context_shape", [None, 2])
def test_its_distribution_follows_the_weights(rows, context_shape):
    joint = product([[3, 2], [0], [1]], context_shape)
    c = None if context_shape is None else rows[:5, :2]
    dist = joint.distribution(c)
    assert dist.event_shape == (4,) and dist.batch_shape == (() if c is None else (5,))
    assert dist.sample(3, seed=(0, 1)).shape == (3, *dist.batch_shape, 4)
    for _ in range(2):
        np.testing.assert_allclose(
            dist.log_prob(rows[:5]), joint.log_prob(rows[:5], c), rtol=1e-5, atol=1e-5
        )
        for weight in joint.trainable_weights:
            weight.assign(0.9 * weight)


def test_trained_together_or_one_by_one(rows):
    """Factors share nothing: a step for all is a step for each."""

    def fitted(model, x, **kwargs):
        model.compile(keras.optimizers.SGD(0.01))
        model.fit(x, epochs=2, batch_size=50, shuffle=False, verbose=0, **kwargs)

    joint, alone = product(), product()
    for whole in (joint, alone):
        whole.adapt(rows)
    alone.set_weights(joint.get_weights())
    before = float(np.mean(joint.log_prob(rows)))
    fitted(joint, rows)
    for index, factor in enumerate(alone.factors):
        x, context = alone.factor_data(index, rows)
        fitted(factor, x, context=context)
    for one, other in zip(joint.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert float(np.mean(joint.log_prob(rows))) > before + 0.01


def test_a_frozen_factor_stays_as_it_is(rows):
    joint = product()
    joint.adapt(rows)
    joint.factors[0].trainable = False
    before = [weight.numpy() for weight in joint.factors[0].weights]
    moved = joint.factors[1].get_weights()
    joint.compile("adam")
    joint.fit(rows, epochs=1, verbose=0)
    for weight, old in zip(joint.factors[0].weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)
    new = joint.factors[1].get_weights()
    assert any(not np.array_equal(a, b) for a, b in zip(moved, new, strict=True))


def test_saved_and_served_as_one_model(rows, tmp_path):
    joint = product([[3, 2], [0], [1]], 2)
    joint.adapt(rows, rows[:, :2])
    joint.save(tmp_path / "joint.keras")
    again = tfflows.load(tmp_path / "joint.keras")
    expected = joint.log_prob(rows, rows[:, :2])
    np.testing.assert_allclose(again.log_prob(rows, rows[:, :2]), expected, rtol=1e-6)
    joint.export(tmp_path / "served")
    served = tf.saved_model.load(tmp_path / "served")
    found = served.log_prob(x=rows, context=rows[:, :2])["log_prob"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_parts_may_be_named():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 4)), columns=[*"abcd"])
    joint = product([["d", "c"], ["a"], ["b"]])
    joint.adapt(frame)
    by_number = joint.log_prob(frame[["d", "c", "a", "b"]].to_numpy("float32"))
    np.testing.assert_allclose(joint.log_prob(frame), by_number, rtol=1e-5)
    assert [*joint.sample_frame(3, seed=0).columns] == ["d", "c", "a", "b"]
    with pytest.raises(ValueError, match="lacks the column 'a'"):
        joint.log_prob(frame.rename(columns={"a": "A"}))


def test_any_density_model_may_be_a_factor(rows):
    normal = tfd.MultivariateNormalDiag(tf.Variable([0.5]))
    joint = tfflows.Factorized(
        [tfflows.DistributionModel(normal), tfflows.MAF(1, context_shape=1, **SMALL)]
    )
    joint.compile("adam")
    joint.fit(rows[:, :2], epochs=1, verbose=0)
    assert float(normal.loc[0]) != 0.5
    text = repr(joint)
    assert text.startswith("Factorized(") and "columns 1:" in text and "DistributionModel" in text


@pytest.mark.parametrize(
    "factors, columns, error, words",
    [
        ([], None, ValueError, "at least one factor"),
        (["NSF"], None, TypeError, "factor 0 is 'NSF' of type str"),
        ([tfflows.MAF, (), None], None, ValueError, r"shape \(d,\); those of factor 0"),
        ([tfflows.MAF, 2, 3], None, ValueError, r"must have shape \(0,\)"),
        ([tfflows.MAF, 2, None], [[0, 2]], ValueError, r"each of 0\.\.1 once"),
        ([tfflows.MAF, 2, None], [["a", "a"]], ValueError, "or different names"),
        ([tfflows.MAF, 2, None], [[0]], ValueError, r"must hold \[2\] columns"),
    ],
)
def test_what_does_not_fit_is_named(factors, columns, error, words):
    if len(factors) > 1:
        make, *shapes = factors
        factors = [make(*shapes, transforms=1, hidden_units=(4,))]
    with pytest.raises(error, match=words):
        tfflows.Factorized(factors, columns)


def test_a_model_stands_once():
    flow = tfflows.MAF(1, transforms=1, hidden_units=(4,))
    with pytest.raises(ValueError, match="stands in the product twice"):
        tfflows.Factorized([flow, flow])
