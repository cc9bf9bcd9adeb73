"""What is said of data that lie where layers cannot bend them, and how often."""

import warnings

import numpy as np
import pytest

import tfflows
from tfflows import layers, univariates


def warnings_of_a_fit(flow, x):
    flow.compile("adam")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        flow.fit(x, verbose=0)
    return [str(w.message) for w in caught if "outside its box" in str(w.message)]


@pytest.fixture
def far():
    return (100.0 * np.random.default_rng(0).normal(size=(200, 2))).astype("float32")


def test_one_cause_is_named_once_with_what_is_missing(far):
    spline = univariates.RationalQuadraticSpline(bins=4)
    chain = [layers.MaskedAutoregressive(spline, hidden_units=(4,)) for _ in range(3)]
    (message,) = warnings_of_a_fit(tfflows.Flow(chain, 2), far)
    assert "Put tfflows.layers.Standardize() nearest the data" in message


def test_a_flow_that_was_adapted_to_other_rows_is_not_told_to_standardize(far):
    flow = tfflows.NSF(2, transforms=3, hidden_units=(4,))
    flow.adapt(0.01 * far)
    (message,) = warnings_of_a_fit(flow, far)
    assert "adapted to other rows, call adapt(x)" in message and "Standardize()" not in message
    box = flow.check(far)["box"]
    assert "adapted to other rows" in str(box)
