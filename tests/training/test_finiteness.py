"""What counts as finite, whoever compiles the question."""

import numpy as np
import pytest
import tensorflow as tf

from tfflows.training.finiteness import all_finite

LARGE = np.float32(3e38)


@pytest.mark.parametrize("compiled", [None, False, True], ids=["eager", "graph", "xla"])
@pytest.mark.parametrize("where", [0, 1])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, True),
        (LARGE, True),
        (-LARGE, True),
        (np.inf, False),
        (-np.inf, False),
        (np.nan, False),
    ],
)
def test_one_number_among_many(value, where, expected, compiled):
    arrays = [np.full((3, 4), LARGE), np.arange(5, dtype=np.float64), np.arange(3)]
    arrays[where][1] = value
    variables = [tf.Variable(array) for array in arrays]

    def ask():
        return all_finite(variables)

    ask = ask if compiled is None else tf.function(ask, jit_compile=compiled)
    assert bool(ask()) is expected


def test_nothing_that_could_be_infinite_is_finite():
    assert bool(all_finite([tf.constant([1, 2])]))
    assert bool(all_finite([]))
