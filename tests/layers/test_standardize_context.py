"""What of a context is no continuous number keeps its value, however rare it is."""

import keras
import numpy as np
import pytest

import tfflows
from tfflows import layers

RNG = np.random.default_rng(0)
N = 1000
AGE = RNG.normal(40.0, 10.0, N)
RARE = (np.arange(N) < 2).astype(float)
PADDED = np.where(np.arange(N) < 3, RNG.normal(50.0, 5.0, N), 0.0)


def flow(columns=1, **kwargs):
    return tfflows.Flow([layers.Standardize(), layers.Shift()], 1, columns, **kwargs)


def seen(column, **kwargs):
    """A column of the context as the layers see it."""
    model = flow(**kwargs)
    model.adapt(RNG.normal(size=(N, 1)), np.reshape(column, (N, 1)))
    return model.embed(np.reshape(column, (N, 1)).astype("float32")).numpy()[:, 0]


@pytest.mark.parametrize(
    "column",
    [RARE, 1 - RARE, RNG.integers(0, 2, N), np.zeros(N), np.ones(N), RARE.astype(bool)],
    ids=["rare", "frequent", "even", "zeros", "ones", "booleans"],
)
def test_indicators_and_masks_keep_their_values(column):
    np.testing.assert_array_equal(seen(column), column)


def test_two_other_values_become_minus_one_and_one():
    np.testing.assert_allclose(seen(5.0 + 3.0 * RARE), 2 * RARE - 1, atol=1e-6)


def test_continuous_columns_are_standardized():
    np.testing.assert_allclose(seen(AGE), (AGE - AGE.mean()) / AGE.std(), rtol=1e-4, atol=1e-5)


def test_another_constant_goes_to_zero():
    np.testing.assert_allclose(seen(np.full(N, 2024.0)), np.zeros(N))


def test_padding_stays_zero_and_the_rest_near_one():
    assert (seen(PADDED)[3:] == 0.0).all()
    np.testing.assert_allclose(np.square(seen(PADDED)[:3]).mean(), 1.0, rtol=1e-5)


def test_rows_of_weight_zero_do_not_make_an_indicator_a_number():
    column, weight = np.where(np.arange(N) == 0, 9.0, RARE), (np.arange(N) > 0).astype(float)
    model = flow()
    model.adapt(RNG.normal(size=(N, 1)), column[:, None], weight)
    np.testing.assert_array_equal(model.embed([[0.0], [1.0]]), [[0.0], [1.0]])


def test_a_choice_by_column_is_kept_in_files(tmp_path):
    context = np.stack([AGE, AGE, RARE], 1).astype("float32")
    model = flow(3, standardize_context=(True, False, True))
    model.adapt(RNG.normal(size=(N, 1)), context)
    z = model.embed(context).numpy()
    np.testing.assert_allclose(z[:, [0, 2]].std(0), 1.0, rtol=1e-4)
    np.testing.assert_array_equal(z[:, 1], context[:, 1])
    model.save(tmp_path / "flow.keras")
    loaded = keras.models.load_model(tmp_path / "flow.keras")
    np.testing.assert_array_equal(loaded.embed(context), z)
    assert loaded.standardize_context == [True, False, True]


def test_false_keeps_all():
    np.testing.assert_allclose(seen(AGE, standardize_context=False), AGE, rtol=1e-6)


@pytest.mark.parametrize(
    "columns, error, says",
    [
        ("some", ValueError, 'columns must be "all", "continuous" or a bool'),
        ([True], ValueError, r"a bool for each column, shape \(2,\); got shape \(1,\)"),
        ([1, 0], TypeError, "a bool for each column"),
    ],
)
def test_a_choice_that_fits_nothing(columns, error, says):
    with pytest.raises(error, match=says):
        layers.Standardize(columns=columns).build((2,))
