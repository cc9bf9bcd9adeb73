"""Tables with names: the frames and series of pandas and polars, and the tables of Arrow."""

import numbers

import numpy as np

try:
    import pandas  # Keras has imported it by now, if it is there
except ImportError:
    pandas = None

__all__ = ["as_array", "as_frame", "names_of"]


def names_of(value, size: int = 1) -> tuple[str, ...] | None:
    """Return the names of the columns of a table; None for what has none.

    Parameters
    ----------
    value : object
        Anything; pandas numbers the columns that nobody named, and these have no names.
    size : int
        Number of coordinates of a row: a series may be the only column, and then has its name.
    """
    if _is_frame(value):
        labels = _labels(value)
        return None if labels == list(range(len(labels))) else tuple(map(str, labels))
    if _is_series(value) and size == 1 and isinstance(getattr(value, "name", None), str):
        return (value.name,)
    return None


def as_array(value, names: tuple[str, ...] | None, what: str) -> np.ndarray:
    """Return a frame, series or Arrow table as an array of numbers.

    Missing cells become NaN. Columns are taken by name, in the order of `names`, if both have
    names; so are the entries of a series that is one row.

    Parameters
    ----------
    value : frame, series or table
        The table.
    names : tuple of str or None
        The names of the columns that are wanted.
    what : str
        What to call the table in messages.

    Raises
    ------
    ValueError
        If a column is missing, not wanted, there twice, or holds no numbers.
    """
    if not _is_frame(value):
        index = getattr(value, "index", None)
        labels = [] if index is None or callable(index) else list(index)
        if names is not None and len(names) > 1 and any(label in names for label in labels):
            value = value.iloc[_places(tuple(map(str, labels)), names, what)]
        return _numbers(value, f"{what}")
    given = names_of(value)
    places: list = list(range(len(_labels(value))))
    if given is not None:
        twice = sorted({name for name in given if given.count(name) > 1})
        if twice:
            raise ValueError(
                f"{what} has more than one column named {_quoted(twice)}: give each a name of its "
                "own."
            )
        if names is not None:
            places = _places(given, names, what)
    if hasattr(value, "column_names"):
        columns = [value.column(place).to_pandas() for place in places]
    elif hasattr(value, "iloc"):
        columns = [value.iloc[:, place] for place in places]
    else:
        columns = [value[:, place] for place in places]
    labels = _labels(value)
    arrays = [
        _numbers(column, f"the column {labels[place]!r} of {what}")
        for place, column in zip(places, columns, strict=True)
    ]
    return np.stack(arrays, 1) if arrays else np.zeros([len(value), 0])


def as_frame(columns: dict):
    """Return arrays by name as a pandas frame; raise an ImportError without pandas."""
    if pandas is None:
        raise ImportError(
            "a frame needs pandas: pip install 'tfflows[tables]'; or use sample(), which returns "
            "a tensor."
        )
    return pandas.DataFrame(columns)


def _is_frame(value) -> bool:
    return hasattr(value, "column_names") or (
        hasattr(value, "columns") and hasattr(value, "to_numpy")
    )


def _is_series(value) -> bool:
    return hasattr(value, "to_numpy") and not _is_frame(value)


def _labels(frame) -> list:
    return list(frame.column_names if hasattr(frame, "column_names") else frame.columns)


def _places(given: tuple, names: tuple, what: str) -> list[int]:
    """Return where the columns that are wanted stand among those that are given."""
    missing = [name for name in names if name not in given]
    extra = [name for name in given if name not in names]
    if missing or extra:
        faults = [f"lacks {_columns(missing)}"] * bool(missing)
        faults += [f"has {_columns(extra)} too many"] * bool(extra)
        raise ValueError(
            f"{what} {' and '.join(faults)}: this model was fitted to {_columns(list(names))}. "
            "Give exactly these, in any order."
        )
    return [given.index(name) for name in names]


def _numbers(column, where: str) -> np.ndarray:
    """Return a column of whatever type as numbers, NaN where a cell is missing."""
    dtype = getattr(column, "dtype", None)
    kind = getattr(dtype, "kind", None)
    if hasattr(dtype, "categories"):
        raise ValueError(_refusal(where, "categories", column))
    if kind in ("b", "i", "u", "f") and not isinstance(dtype, np.dtype) and hasattr(column, "isna"):
        # Types of pandas and Arrow that know missing cells, which become objects otherwise.
        exact = getattr(dtype, "numpy_dtype", np.dtype(np.float64))
        missing = bool(np.any(column.isna()))
        return (
            column.to_numpy(dtype=np.float64, na_value=np.nan)
            if missing
            else column.to_numpy(dtype=exact)
        )
    values = np.asarray(column.to_numpy())
    if values.dtype.kind in "biuf":
        return values
    if values.dtype.kind == "O" and all(
        _is_missing(cell) or isinstance(cell, (numbers.Real, np.bool_)) for cell in values.flat
    ):
        return np.array([np.nan if _is_missing(cell) else cell for cell in values], np.float64)
    if values.dtype.kind in "mM":
        raise ValueError(
            f"{where} holds times: give numbers, such as the seconds since a start, "
            "(t - start).dt.total_seconds()."
        )
    raise ValueError(_refusal(where, f"values of type {dtype}", column))


def _is_missing(cell) -> bool:
    return cell is None or (pandas is not None and cell is pandas.NA)


def _refusal(where: str, holds: str, column) -> str:
    some = list(dict.fromkeys(map(str, np.asarray(column)[:100])))[:3]
    return (
        f"{where} holds {holds} ({_quoted(some)}, ...) and must hold numbers: encode categories as "
        "one-hot columns, pandas.get_dummies(frame, dtype=float), or drop them."
    )


def _columns(names: list) -> str:
    return f"the column{'s' if len(names) > 1 else ''} {_quoted(names)}"


def _quoted(names) -> str:
    return ", ".join(map(repr, names))
