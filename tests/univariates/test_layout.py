"""Splines map the same numbers however rows and coordinates lie in memory."""

import numpy as np
import pytest
import tensorflow as tf

from tfflows import univariates
from tfflows.bijectors.knots import aligned

SPLINES = {
    "linear": univariates.LinearSpline(bins=4),
    "quadratic": univariates.QuadraticSpline(bins=4),
    "cubic": univariates.CubicSpline(bins=4),
    "linear rational": univariates.LinearRationalSpline(bins=4),
    "rational quadratic": univariates.RationalQuadraticSpline(bins=4),
    "learned": univariates.RationalQuadraticSpline(bins=4, boundary="learned"),
    "circular": univariates.RationalQuadraticSpline(bins=4, boundary="circular"),
}
ROWS, SIZE = 50, 3


def run(family, raw, x, direction):
    with tf.GradientTape() as tape:
        tape.watch([raw, x])
        bijector = family.bijector(raw)
        y = getattr(bijector, direction)(x)
        log_det = getattr(bijector, f"{direction}_log_det_jacobian")(x, event_ndims=1)
        total = tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(tf.cos(log_det))
    return y, log_det, *tape.gradient(total, [raw, x])


@pytest.mark.parametrize("direction", ["forward", "inverse"])
@pytest.mark.parametrize("name", SPLINES)
def test_known_and_unknown_numbers_of_rows_give_the_same(name, direction):
    family, random = SPLINES[name], np.random.default_rng(0)
    raw = tf.constant(random.normal(size=(ROWS, SIZE, family.parameter_size)))
    x = tf.constant(random.uniform(-7, 7, size=(ROWS, SIZE)))
    # Only in a graph of a known number of rows these are the last axis.
    known = tf.function(lambda: run(family, raw, x, direction))()
    unknown = [tf.TensorSpec([None, *t.shape[1:]], t.dtype) for t in (raw, x)]
    program = tf.function(lambda *given: run(family, *given, direction), input_signature=unknown)
    eager = run(family, raw, x, direction)
    for expected, *found in zip(eager, known, program(raw, x), strict=True):
        for values in found:
            np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ([7, 3, 5], [7, 3]),
        ([7, 3, 5], [1, 3]),
        ([1, 3, 5], [7, 3]),
        ([3, 5], [7, 3]),
        ([5], [7, 3]),
        ([5], []),
        ([7, 3, 5], [3]),
        ([2, 7, 3, 5], [7, 3]),
        ([2, 3, 5], [7, 2, 3]),
    ],
)
def test_sums_over_parameters_broadcast_as_the_last_axis_does(raw, value):
    random = np.random.default_rng(0)
    raw, value = random.normal(size=raw), random.normal(size=value)
    expected = raw.sum(-1) * value

    def product():
        first, moved, back = aligned(tf.constant(raw), tf.constant(value))
        return back(tf.reduce_sum(first, 0) * moved)

    for found in (product(), tf.function(product)()):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected)
