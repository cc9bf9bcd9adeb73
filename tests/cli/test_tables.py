"""Reading tables: kinds, names, and the place of every bad cell."""

import builtins

import numpy as np
import pytest

from tfflows_cli.errors import CommandError
from tfflows_cli.tables import Table, check_output, read_table, write_table


def _write(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_with_names(tmp_path, separator):
    text = "a,b,kind\n1,2.5,red\n3,-4e2,blue\n".replace(",", separator)
    table = read_table(_write(tmp_path, text))
    assert list(table.columns) == ["a", "b", "kind"] and table.named and table.rows == 2
    np.testing.assert_array_equal(table.numbers("b"), [2.5, -400.0])
    assert list(table.categories("kind")) == ["red", "blue"]


def test_csv_quotes_byte_order_mark_and_blank_lines(tmp_path):
    table = read_table(_write(tmp_path, '\ufeff"a, first",b\n1,2\n\n3,4\n'))
    assert list(table.columns) == ["a, first", "b"]
    np.testing.assert_array_equal(table.numbers("a, first"), [1.0, 3.0])


def test_csv_without_names_is_all_data(tmp_path):
    table = read_table(_write(tmp_path, "1,2\n3,4\n"))
    assert list(table.columns) == ["x0", "x1"] and not table.named and table.rows == 2


def test_numpy_files(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6).reshape(3, 2))
    np.save(tmp_path / "b.npy", np.arange(3.0))
    fields = np.array([(1.0, "u"), (2.0, "v")], dtype=[("size", "f4"), ("kind", "U1")])
    np.save(tmp_path / "c.npy", fields)
    assert list(read_table(tmp_path / "a.npy").columns) == ["x0", "x1"]
    np.testing.assert_array_equal(read_table(tmp_path / "b.npy").numbers("x0"), [0, 1, 2])
    named = read_table(tmp_path / "c.npy")
    assert named.named and list(named.categories("kind")) == ["u", "v"]


def test_npz_key(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros((4, 2)), y=np.ones((4, 1)))
    assert read_table(path, "y").numbers("x0").sum() == 4
    with pytest.raises(CommandError, match="holds several arrays: choose with --key from 'x', 'y'"):
        read_table(path)
    with pytest.raises(CommandError, match="has no array 'z'; it has 'x', 'y'"):
        read_table(path, "z")
    np.savez(tmp_path / "b.npz", only=np.zeros((4, 2)))
    assert read_table(tmp_path / "b.npz").rows == 4


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "is empty"),
        ("t.csv", "a,b\n", "has no rows"),
        ("t.csv", "a,b\n1,2\n1\n", "row 2: expected 2 cells, as in the first row; got 1"),
        ("t.csv", "a,a\n1,2\n", "column names must differ"),
        ("t.csv", "a,\n1,2\n", "not be empty"),
        ("t.csv", b"a,b\n\xff\xfe,1\n", "is not a text table"),
        ("t.doc", "a", "is not a table that can be read: expected '.csv'"),
        ("t.npy", "junk", "cannot be read"),
        ("t.npz", "junk", "cannot be read"),
    ],
)
def test_malformed_files(tmp_path, name, content, message):
    with pytest.raises(CommandError, match=message):
        read_table(_write(tmp_path, content, name))


def test_missing_file_key_of_a_csv_and_unfit_arrays(tmp_path):
    with pytest.raises(CommandError, match=r"there is no file '.*absent\.csv'"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(CommandError, match=r"--key chooses an array of an \.npz file"):
        read_table(_write(tmp_path, "a\n1\n"), key="x")
    np.save(tmp_path / "cube.npy", np.zeros((2, 2, 2)))
    with pytest.raises(CommandError, match=r"expected an array of rows and columns; got \(2, 2, 2"):
        read_table(tmp_path / "cube.npy")
    np.save(tmp_path / "complex.npy", np.zeros((2, 2), complex))
    with pytest.raises(CommandError, match="array of real numbers; got complex128"):
        read_table(tmp_path / "complex.npy")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", "column 'b', row 2: the cell is missing"),
        ("NA", "column 'b', row 2: the cell is missing"),
        ("nan", "column 'b', row 2: the cell is missing"),
        ("tall", "column 'b', row 2: 'tall' is not a number"),
        ("inf", "column 'b', row 2: inf is not finite"),
    ],
)
def test_bad_cells_are_named_by_column_and_row(tmp_path, cell, message):
    table = read_table(_write(tmp_path, f"a,b\n1,2\n3,{cell}\n5,6\n"))
    with pytest.raises(CommandError, match=message):
        table.numbers("b")
    np.testing.assert_array_equal(table.numbers("a"), [1, 3, 5])


def test_unknown_column_offers_the_nearest(tmp_path):
    table = read_table(_write(tmp_path, "height,weight\n1,2\n"))
    with pytest.raises(
        CommandError, match=r"no column 'heigth'\. Did you mean 'height'\?.*'weight'"
    ):
        table.numbers("heigth")


def test_categories_spell_whole_numbers_alike_and_refuse_missing_cells(tmp_path):
    table = read_table(_write(tmp_path, "k,t\n1,a\n1.0, a\n2,\n"))
    assert list(table.categories("k")) == ["1", "1", "2"]
    with pytest.raises(CommandError, match="column 't', row 3: the cell is missing"):
        table.categories("t")


def test_what_looks_like_a_category():
    columns = {
        "text": np.array(["a", "b"] * 10, dtype=object),
        "few": np.arange(20.0) % 3,
        "many": np.arange(20.0),
        "real": np.linspace(0, 1, 20),
    }
    table = Table("t", columns)
    assert [name for name in columns if table.looks_categorical(name)] == ["text", "few"]


def test_parquet_through_pandas_or_a_clear_message(tmp_path, monkeypatch):
    path = _write(tmp_path, b"not parquet", "t.parquet")
    ordinary = builtins.__import__

    def without_pandas(name, *arguments, **keywords):
        if name == "pandas":
            raise ImportError("No module named 'pandas'")
        return ordinary(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(CommandError, match=r"pip install 'tfflows\[tables\]'"):
        read_table(path)


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_parquet_and_feather(tmp_path, kind):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame({"a": [1, 2], "kind": ["u", "v"]})
    getattr(frame, f"to_{kind}")(tmp_path / f"t.{kind}")
    table = read_table(tmp_path / f"t.{kind}")
    np.testing.assert_array_equal(table.numbers("a"), [1.0, 2.0])
    assert list(table.categories("kind")) == ["u", "v"]


def test_missing_cells_of_frames(tmp_path, monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": [0.5, None], "kind": ["u", None]})
    monkeypatch.setattr(pandas, "read_parquet", lambda path: frame)
    table = read_table(_write(tmp_path, b"any", "t.parquet"))
    np.testing.assert_array_equal(table.numbers("a"), [1.0, 2.0])
    with pytest.raises(CommandError, match="column 'b', row 2: the cell is missing"):
        table.numbers("b")
    with pytest.raises(CommandError, match="column 'kind', row 2: the cell is missing"):
        table.categories("kind")


def test_written_numbers_come_back_exactly(tmp_path):
    values = np.random.default_rng(0).normal(size=200).astype(np.float32)
    values[:3] = [1e-30, -3.3e20, 0.1]
    path = tmp_path / "out.csv"
    write_table(str(path), {"v": values, "k": ["a"] * 200})
    table = read_table(path)
    np.testing.assert_array_equal(table.numbers("v").astype(np.float32), values)
    write_table(str(tmp_path / "out.npy"), {"v": values})
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), values)
    with pytest.raises(CommandError, match=r"text cannot be written as \.npy"):
        write_table(str(tmp_path / "out.npy"), {"k": ["a", "b"]})


def test_output_is_checked_before_the_work(tmp_path):
    check_output("-")
    check_output(str(tmp_path / "a.csv"))
    with pytest.raises(CommandError, match=r"ends in \.csv or \.npy"):
        check_output(str(tmp_path / "a.xls"))
    with pytest.raises(CommandError, match="there is no folder"):
        check_output(str(tmp_path / "absent" / "a.csv"))
