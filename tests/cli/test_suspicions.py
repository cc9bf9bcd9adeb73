"""Warnings of numbers that may not mean what a density takes them for."""

import numpy as np
import pytest

from tfflows_cli.errors import name_columns, with_names
from tfflows_cli.schema import Schema
from tfflows_cli.suspicions import warn_of_columns, warn_of_repeated_rows
from tfflows_cli.tables import Table

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(50.0, 10.0, 400)


def _with(values, number, count=5):
    return np.concatenate([np.full(count, float(number)), values[count:]])


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (_with(NORMAL, -999), "-999 stands in 5 rows"),
        (_with(NORMAL, 9999), "9999 stands in 5 rows"),
        (_with(np.exp(NORMAL / 5.0), -99), "-99 stands in 5 rows"),
        (np.arange(400.0) + 7, "grows from row to row"),
        (RNG.permutation(400) + 1.0, "grows from row to row"),
        (np.cumsum(RNG.integers(1, 9, 400)), "grows from row to row"),
        (NORMAL, ""),
        (_with(NORMAL, -999, 1), ""),
        (_with(RNG.uniform(-2000, 2000, 400), -999), ""),
        (RNG.integers(0, 100, 400), ""),
        (np.sort(NORMAL), ""),
    ],
)
def test_numbers_that_are_no_measurements(values, word, capsys):
    table = Table("t.csv", {"a": np.asarray(values, float)})
    warn_of_columns(table, Schema(("a",)))
    shown = capsys.readouterr().err
    assert word in shown and bool(shown) == bool(word), shown


def _parts(x, context=None):
    order = np.random.default_rng(1).permutation(len(x))
    cut = np.split(order, [int(0.8 * len(x)), int(0.9 * len(x))])
    parts = [(x[rows], None if context is None else context[rows]) for rows in cut]
    return dict(zip(("train", "val", "test"), parts, strict=True))


def test_rows_repeated_in_training_and_test(capsys):
    x = RNG.normal(size=(100, 2)).astype("float32")
    warn_of_repeated_rows("t", _parts(np.repeat(x, 10, axis=0)))
    assert "100 % of the test rows stand among the training rows" in capsys.readouterr().err
    warn_of_repeated_rows("t", _parts(np.repeat(x, 10, axis=0), RNG.normal(size=(1000, 1))))
    warn_of_repeated_rows("t", _parts(RNG.normal(size=(1000, 2)).astype("float32")))
    # Of few values, equal rows are no surprise.
    warn_of_repeated_rows("t", _parts(RNG.integers(0, 9, (1000, 2)).astype("float32")))
    assert capsys.readouterr().err == ""


def test_messages_of_the_library_name_columns():
    name_columns(["age", "height", "weight"])
    assert with_names("x is constant in coordinate 0, 2: no") == (
        "x is constant in column 'age', 'weight': no"
    )
    assert with_names("coordinate 1 of x") == "column 'height' of x"
    for message in ("coordinate 1 of context takes", "a single coordinate", "coordinate 7"):
        assert with_names(message) == message
    name_columns([])
