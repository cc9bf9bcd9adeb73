"""Data that fill no volume are named with their columns, once, in `fit` and in `check`."""

import warnings

import numpy as np
import pytest

import tfflows
from tfflows import layers
from tfflows.inputs.columns import Columns
from tfflows.inputs.dependence import find_dependences

RNG = np.random.default_rng(0)
T = RNG.normal(size=(500, 2))
CM = RNG.normal(170.0, 8.0, 500)


def equations(x, names=None):
    x = np.asarray(x, "float32")
    columns = Columns((x.shape[1],), names)
    return [one.equation(columns) for one in find_dependences(x)]


@pytest.mark.parametrize(
    "x, expected",
    [
        (T[:, [0, 0]], ["x1 = x0"]),
        (np.c_[T, T.sum(1)], ["x2 = x0 + x1"]),
        (np.c_[T[:, 0], 3 - 2 * T[:, 0], T[:, 1]], ["x1 = -2 x0 + 3"]),
        (RNG.dirichlet([2, 3, 4], 500), ["x2 = -x0 - x1 + 1"]),
        (np.c_[T, T[:, 1], T[:, 0] - T[:, 1]], ["x2 = x1", "x3 = x0 - x1"]),
        (np.c_[T, 1e6 * T[:, :1] + 1e8], ["x2 = 1e+06 x0 + 1e+08"]),
        (np.c_[T, np.ones(500), T[:, 0]], ["x3 = x0"]),
    ],
    ids=["equal", "sum", "line", "simplex", "two", "scales", "beside a constant"],
)
def test_equations(x, expected):
    assert equations(x) == expected


def test_the_same_length_in_two_units_is_named_though_rounded():
    inch = (CM / 2.54).round(2)
    assert equations(np.c_[CM, T[:, 0], inch], ["cm", "t", "inch"]) == ["'inch' = 0.3937 'cm'"]


def test_long_equations_are_cut():
    x = RNG.normal(size=(500, 12))
    assert equations(np.c_[x, x.sum(1)]) == ["x12 = x0 + x1 + x2 + x3 + x4 + x5 ... (6 more)"]


@pytest.mark.parametrize(
    "x",
    [
        T,
        np.c_[T, T.sum(1) + 0.01 * RNG.normal(size=500)],
        RNG.multivariate_normal([0, 0], [[1, 0.9999], [0.9999, 1]], 500),
        RNG.normal(size=(30, 20)),  # too few rows to tell
        T[:, :1],
    ],
    ids=["none", "with noise", "correlated", "few rows", "one column"],
)
def test_what_has_a_density_is_left_alone(x):
    assert find_dependences(x.astype("float32")) == []


def flow(columns):
    flow = tfflows.Flow([layers.Standardize(), layers.Shift()], columns)
    flow.compile("adam")
    return flow


def test_a_fit_says_it_once_with_the_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"cm": CM, "inch": CM / 2.54, "kg": T[:, 0]})
    model = flow(3)
    says = (
        r"columns of x follow from others: 'inch' = 0\.3937 'cm'\. .*unbounded.*Drop column 'inch'"
    )
    with pytest.warns(UserWarning, match=says) as warned:
        model.adapt(frame)
    assert len(warned) == 1 and warned[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(frame, verbose=0)
    line = model.check(frame)["dependence"]
    assert line.value == 1.0 and not line.ok
    assert "'inch' = 0.3937 'cm'" in line.detail and line.advice.startswith("Drop column 'inch'")


def test_a_constant_column_has_its_name():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"cm": CM, "year": 2024.0})
    with pytest.raises(ValueError, match="x is constant in column 'year'"):
        flow(2).fit(frame, verbose=0)


def test_a_check_of_good_rows_passes_and_of_few_does_not_apply():
    model = flow(2)
    model.adapt(T)
    assert model.check(T)["dependence"].value == 0.0
    assert not model.check(T[:10])["dependence"].applies


def test_noise_of_dequantization_makes_up_a_volume():
    counts = RNG.multinomial(20, [0.3, 0.3, 0.4], 300)
    model = tfflows.Flow([layers.Dequantize(), layers.Standardize(), layers.Shift()], 3)
    model.compile("adam")
    model.fit(counts, verbose=0)
    assert not model.check(counts)["dependence"].applies


def test_one_row_far_out_makes_no_columns_dependent():
    x = np.random.default_rng(0).normal(size=(200, 2))
    x[7] = 1e8
    assert find_dependences(x) == []
    x[:, 1] = 2.0 * x[:, 0] + 3.0
    assert [found.column for found in find_dependences(x)] == [1]
