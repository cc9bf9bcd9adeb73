"""The meaning of columns: choice, categories, storage and errors."""

import json

import numpy as np
import pytest

from tfflows_cli.errors import CommandError
from tfflows_cli.schema import (
    SCHEMA_FILE,
    ContextColumn,
    Schema,
    check_resolution,
    is_fit_folder,
)
from tfflows_cli.tables import Table


@pytest.fixture
def table():
    rows = 30
    return Table(
        "t.csv",
        {
            "a": np.arange(rows, dtype=float),
            "b": np.linspace(0, 1, rows),
            "species": np.array(["cat", "dog", "ant"] * 10, dtype=object),
            "rooms": np.arange(rows) % 4 + 8.0,
            "age": np.linspace(20, 80, rows),
        },
    )


def test_default_columns_are_all_but_the_context(table):
    schema = Schema.of(table, None, ("species", "rooms", "age"))
    assert schema.columns == ("a", "b")
    assert schema.context == (
        ContextColumn("species", ("ant", "cat", "dog")),
        ContextColumn("rooms", ("8", "9", "10", "11")),
        ContextColumn("age"),
    )
    assert schema.context_width == 8
    x, context = schema.encode(table)
    assert x.dtype == context.dtype == np.float32
    np.testing.assert_array_equal(x[:, 0], np.arange(30))
    np.testing.assert_array_equal(context[0], [0, 1, 0, 1, 0, 0, 0, 20.0])
    np.testing.assert_array_equal(context[:, :7].sum(axis=1), 2 * np.ones(30))


def test_kind_of_a_context_column_can_be_decided(table):
    schema = Schema.of(table, ("b",), ("rooms:number", "a:category"))
    assert schema.context[0] == ContextColumn("rooms")
    assert len(schema.context[1].categories) == 30


def test_without_context(table):
    schema = Schema.of(table, ("b", "a"), ())
    assert schema.context_width is None
    x, context = schema.encode(table)
    assert context is None
    np.testing.assert_array_equal(x[:, 1], np.arange(30))


@pytest.mark.parametrize(
    ("columns", "context", "message"),
    [
        (("a", "zz"), (), "no column 'zz'"),
        (None, ("zz",), "no column 'zz'"),
        (("a",), ("a",), "'a' cannot be both"),
        (None, ("a", "b", "species", "rooms", "age"), "none is left to model"),
        (None, ("age", "age:number"), "given twice"),
    ],
)
def test_bad_choices(table, columns, context, message):
    with pytest.raises(CommandError, match=message):
        Schema.of(table, columns, context)


def test_text_among_the_modeled_columns_is_an_error(table):
    with pytest.raises(CommandError, match="column 'species', row 1: 'cat' is not a number"):
        Schema.of(table, None, ("age",)).encode(table)


def test_unknown_category_is_named_with_the_known_ones(table):
    schema = Schema.of(table, ("a",), ("species",))
    other = Table("new.csv", {"a": np.zeros(2), "species": np.array(["cat", "owl"], object)})
    with pytest.raises(
        CommandError, match=r"row 2: unknown category 'owl'\. The model knows 'ant', 'cat', 'dog'"
    ):
        schema.encode(other)
    with pytest.raises(CommandError, match=r"row 2: unknown category 'owl'"):
        schema.encode(other.select(np.array([False, True])))


def test_schema_survives_its_file(table, tmp_path):
    schema = Schema.of(table, None, ("species", "age"))
    assert not is_fit_folder(tmp_path)
    schema.write(tmp_path)
    assert is_fit_folder(tmp_path)
    assert Schema.read(tmp_path) == schema


def test_folders_of_others_and_of_newer_versions(table, tmp_path):
    with pytest.raises(CommandError, match="there is no folder"):
        Schema.read(tmp_path / "absent")
    with pytest.raises(CommandError, match="not a folder that tfflows fit wrote"):
        Schema.read(tmp_path)
    Schema.of(table, ("a",), ()).write(tmp_path)
    content = json.loads((tmp_path / SCHEMA_FILE).read_text())
    content.update(version=99, tfflows="9.9.9")
    (tmp_path / SCHEMA_FILE).write_text(json.dumps(content))
    with pytest.raises(CommandError, match=r"written by tfflows 9\.9\.9, which is newer than"):
        Schema.read(tmp_path)
    (tmp_path / SCHEMA_FILE).write_text("{ truncated")
    assert not is_fit_folder(tmp_path)


def test_columns_without_names_are_taken_in_order():
    nameless = Table("t.npy", {"x0": np.arange(3.0), "x1": np.ones(3)}, named=False)
    schema = Schema(("height", "weight"))
    np.testing.assert_array_equal(schema.encode_events(nameless)[:, 0], [0, 1, 2])
    with pytest.raises(CommandError, match="no column 'height'"):
        Schema(("height",)).encode_events(nameless)
    with pytest.raises(CommandError, match="no column 'height'"):
        schema.encode_events(Table("t.csv", {"u": np.ones(3), "v": np.ones(3)}))


def test_too_many_categories():
    table = Table("t", {"a": np.ones(2000), "id": np.array([f"n{k}" for k in range(2000)], object)})
    with pytest.raises(CommandError, match="2000 different values are too many"):
        Schema.of(table, ("a",), ("id",))


def test_columns_that_float32_would_round_away_are_refused():
    seconds = 1.7e9 + np.arange(0.0, 600.0)
    table = Table("t.csv", {"time": seconds, "a": seconds - 1.7e9})
    with pytest.raises(CommandError, match="'time': float32 holds values of this size in steps of"):
        check_resolution(table, Schema(("time",)))
    with pytest.raises(CommandError, match="'time': float32"):
        check_resolution(table, Schema(("a",), (ContextColumn("time"),)))
    check_resolution(table, Schema(("a",), (ContextColumn("time", ("1",)),)))
