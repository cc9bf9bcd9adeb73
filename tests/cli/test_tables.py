"""Reading tables: kinds, names, and the place of every bad cell."""

import builtins

import numpy as np
import pytest

from tfflows_cli.errors import CommandError
from tfflows_cli.schema import ContextColumn, Schema, chosen_names, drop_missing
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
        ("t.csv", b"a,b\n\xff\xfe,1\n", "is not a text table"),
        ("t.doc", "a", "is not a table that can be read: expected '.csv'"),
        ("t.npy", "junk", "cannot be read"),
        ("t.npz", "junk", "cannot be read"),
    ],
)
def test_malformed_files(tmp_path, name, content, message):
    with pytest.raises(CommandError, match=message):
        read_table(_write(tmp_path, content, name))


def test_names_that_mean_no_column_matter_where_they_are_asked_for(tmp_path):
    table = read_table(_write(tmp_path, "a,,b,b,c\n1,2,3,4,5\n"))
    assert list(table.columns) == ["a", "c"]
    assert chosen_names(table, ("c", "a"), ()) == (("c", "a"), {})
    for columns, context, message in (
        (None, (), "not be empty, and that of column 2 is.*'b' stands there twice.*--columns"),
        (("b",), (), "'b' stands there twice"),
        (("a",), ("b",), "'b' stands there twice"),
    ):
        with pytest.raises(CommandError, match=message):
            chosen_names(table, columns, context)
    with pytest.raises(CommandError, match="not be empty"):
        chosen_names(read_table(_write(tmp_path, "a,\n1,2\n")), None, ())
    # A delimiter at the end of each line makes a column of nothing.
    assert list(read_table(_write(tmp_path, "a,b,\n1,2,\n3,4,\n")).columns) == ["a", "b"]


def test_the_index_that_pandas_writes_is_left_out(tmp_path, capsys):
    table = read_table(_write(tmp_path, ",a,b\n0,1.5,2\n1,3.5,4\n"))
    assert list(table.columns) == ["a", "b"]
    assert "the first column has no name and is left out" in capsys.readouterr().err


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_are_found_or_said(tmp_path, separator, capsys):
    text = "a;b;day\n1,5;2;1,2,3\n-3,25e2;4;x\n;5;y\n".replace(";", separator)
    table = read_table(_write(tmp_path, text))
    np.testing.assert_array_equal(table.columns["a"], [1.5, -325.0, np.nan])
    np.testing.assert_array_equal(table.numbers("b"), [2, 4, 5])
    assert list(table.columns["day"]) == ["1,2,3", "x", "y"]
    assert "decimal commas" in capsys.readouterr().err
    assert read_table(_write(tmp_path, text), decimal=".").columns["a"].dtype == object


def test_decimal_commas_without_names_and_with_thousands(tmp_path, capsys):
    table = read_table(_write(tmp_path, "1,5;2,5\n3,5;4,5\n"))
    assert not table.named
    np.testing.assert_array_equal(table.numbers("x1"), [2.5, 4.5])
    capsys.readouterr()
    # Points elsewhere, or three digits after each comma: the commas may stand between thousands.
    for text in ("a;b\n1,5;2.5\n", "a;b\n1,234;2\n12,345;3\n"):
        assert read_table(_write(tmp_path, text)).columns["a"].dtype == object
    assert capsys.readouterr().err == ""
    said = read_table(_write(tmp_path, "a;b\n1.234,5;1.5\n12.345.678;2,5\n"), decimal=",")
    np.testing.assert_array_equal(said.numbers("a"), [1234.5, 12345678.0])
    with pytest.raises(CommandError, match=r"column 'b', row 1: '1\.5' is not a number"):
        said.numbers("b")
    quoted = read_table(_write(tmp_path, 'a,b\n"1,5",2\n'), decimal=",")
    assert quoted.numbers("a")[0] == 1.5


@pytest.mark.parametrize(
    ("encoding", "told"), [("latin-1", None), ("utf-16", None), ("cp1250", "cp1250")]
)
def test_encodings_are_found_or_named(tmp_path, encoding, told, capsys):
    text = "größe,art\n1,Bär\n2,Müll\n"
    table = read_table(_write(tmp_path, text.encode(encoding)), encoding=told)
    assert list(table.columns) == ["größe", "art"]
    assert list(table.categories("art")) == ["Bär", "Müll"]
    assert ("was read as cp1252" in capsys.readouterr().err) == (encoding == "latin-1")


def test_encodings_that_do_not_fit(tmp_path):
    path = _write(tmp_path, "größe\n1\n".encode("latin-1"))
    with pytest.raises(CommandError, match=r"not a text table.*--encoding"):
        read_table(path, encoding="utf-8")
    with pytest.raises(CommandError, match="unknown encoding: klingon"):
        read_table(path, encoding="klingon")
    np.save(tmp_path / "a.npy", np.zeros((2, 2)))
    with pytest.raises(CommandError, match="--encoding is for text files"):
        read_table(tmp_path / "a.npy", encoding="latin-1")


def test_white_space_and_the_first_line_of_spreadsheets(tmp_path):
    np.savetxt(tmp_path / "a.txt", [[1.5, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(read_table(tmp_path / "a.txt").numbers("x1"), [2.0, 4.0])
    single = read_table(_write(tmp_path, "body mass\n70\n80\n"))
    np.testing.assert_array_equal(single.numbers("body mass"), [70, 80])
    told = read_table(_write(tmp_path, "sep=;\na;b,c\n1;2\n"))
    assert list(told.columns) == ["a", "b,c"]


def test_missing_cells_are_counted_by_column_or_dropped(tmp_path, capsys):
    table = read_table(_write(tmp_path, "a,b,kind\n1,2,u\n3,NA,v\n5,,\n7,8,u\n"))
    assert table.missing(["a", "b", "kind"]) == "'b' (2), 'kind' (1)"
    with pytest.raises(CommandError, match=r"in 2 of 4 rows, by columns 'b' \(2\), 'kind' \(1\)"):
        Schema(("a", "b"), (ContextColumn("kind", ("u", "v")),)).encode(table)
    kept = drop_missing(table, ["b", "kind"])
    np.testing.assert_array_equal(kept.numbers("a"), [1, 7])
    assert "2 of 4 rows" in capsys.readouterr().err
    bad = drop_missing(read_table(_write(tmp_path, "a,b\n,1\n2,x\n")), ["a"])
    with pytest.raises(CommandError, match="column 'b', row 2: 'x' is not a number"):
        bad.numbers("b")


def test_excel_sheets(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "people"
    for row in ([None, "age", "kind"], [0, 40, "ant"], [1, None, "bee"], [2, 2.5, "ant"]):
        book.active.append(row)
    # A cell that has a format and no value.
    book.active.cell(9, 7).font = openpyxl.styles.Font(bold=True)
    book.create_sheet("empty")
    book.save(tmp_path / "t.xlsx")
    table = read_table(tmp_path / "t.xlsx")
    assert list(table.columns) == ["age", "kind"]
    np.testing.assert_array_equal(table.columns["age"], [40, np.nan, 2.5])
    assert list(table.categories("kind")) == ["ant", "bee", "ant"]
    book.create_sheet("other").append([1.5, 2.5])
    book.save(tmp_path / "t.xlsx")
    np.testing.assert_array_equal(read_table(tmp_path / "t.xlsx", "other").numbers("x1"), [2.5])
    with pytest.raises(CommandError, match="several sheets: choose with --key from 'people', 'o"):
        read_table(tmp_path / "t.xlsx")
    with pytest.raises(CommandError, match="has no sheet 'x'; it has 'people', 'empty', 'other'"):
        read_table(tmp_path / "t.xlsx", "x")
    with pytest.raises(CommandError, match="cannot be read"):
        read_table(_write(tmp_path, "junk", "u.xlsx"))
    with pytest.raises(CommandError, match=r"Save it as \.xlsx"):
        read_table(_write(tmp_path, "junk", "u.xls"))


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


def test_integers_with_missing_cells_and_an_index_with_a_name(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(
        {
            "rooms": pandas.array([2, None, 3], dtype="Int64"),
            "new": pandas.array([True, None, False], dtype="boolean"),
            "kind": pandas.Categorical(["u", None, "v"]),
        },
        index=pandas.Index([7, 8, 9], name="case"),
    )
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv")
    for name in ("t.parquet", "t.csv"):
        table = read_table(tmp_path / name)
        assert set(table.columns) == {"case", "rooms", "new", "kind"}
        np.testing.assert_array_equal(table.columns["rooms"], [2, np.nan, 3])
        assert table.missing(table.columns) == "'rooms' (1), 'new' (1), 'kind' (1)"
        assert list(table.select(table.complete(["rooms"])).categories("rooms")) == ["2", "3"]


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
