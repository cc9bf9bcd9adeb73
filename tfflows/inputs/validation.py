"""Shapes, types, seeds and values of what people hand over, checked once at the entrance."""

import math
import operator

import keras
import numpy as np
import tensorflow as tf

from tfflows.inputs import frames
from tfflows.inputs.columns import Columns

__all__ = [
    "FIXED_SEED",
    "as_numbers",
    "as_shape",
    "check_context",
    "check_context_shape",
    "check_event",
    "check_event_shape",
    "check_finite",
    "check_pair",
    "check_sample_shape",
    "check_seed",
    "check_weight",
    "frame_by_name",
    "hint_of_weight",
    "split_pair",
]

#: The seed of what is drawn where none is given and a call twice is to be the same twice.
FIXED_SEED = (0, 0)


def as_shape(shape, what: str) -> tuple[int, ...]:
    """Return a shape given as an int or a sequence of ints as a tuple."""
    try:
        sizes = (
            (operator.index(shape),) if np.ndim(shape) == 0 else tuple(map(operator.index, shape))
        )
    except TypeError:
        raise TypeError(f"{what} must be an int or a tuple of ints; got {shape!r}.") from None
    if any(size < 1 for size in sizes):
        raise ValueError(f"{what} must hold positive sizes; got {shape!r}.")
    return sizes


def _convert(value, dtype: str, what: str, columns: Columns | None = None):
    """Return `value` as a tensor of `dtype`, or a NumPy array still to be cast chunk by chunk."""
    if tf.is_tensor(value):
        if not (value.dtype.is_floating or value.dtype.is_integer or value.dtype.is_bool):
            raise ValueError(_not_numbers(what, value.dtype.name))
        return tf.cast(value, dtype) if value.dtype != dtype else tf.convert_to_tensor(value)
    return as_numbers(value, what, columns)


def frame_by_name(value, what: str, columns: Columns | None = None):
    """Return a frame, or a series, as an array, its columns by name; anything else as it is."""
    if hasattr(value, "to_numpy") or hasattr(value, "column_names"):
        return frames.as_array(value, None if columns is None else columns.names, what)
    return value


def as_numbers(value, what: str, columns: Columns | None = None) -> np.ndarray:
    """Return what is no tensor as an array of numbers, of whatever type; NaN where one is missing.

    Parameters
    ----------
    value : array, sequence, frame or masked array
        The numbers; the columns of a frame are taken by name.
    what : str
        What to call them in messages.
    columns : Columns, optional
        What the model knows of the columns.
    """
    value = frame_by_name(value, what, columns)
    try:
        value = value if isinstance(value, np.ma.MaskedArray) else np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} must be an array of numbers: {error}") from error
    if value.dtype.kind not in "fiub":
        raise ValueError(_not_numbers(what, value.dtype))
    if isinstance(value, np.ma.MaskedArray):
        # A masked number is a missing one.
        if np.ma.is_masked(value) and value.dtype.kind != "f":
            value = value.astype(np.float64)
        value = value.filled(np.nan) if value.dtype.kind == "f" else np.asarray(value)
    return value


def _not_numbers(what: str, dtype) -> str:
    return (
        f"{what} must hold numbers; got an array of type {dtype}. Encode categories as numbers or "
        "one-hot columns first."
    )


def check_event(x, event_shape: tuple, dtype: str, what: str = "x", columns: Columns | None = None):
    """Return `x` with its last axes checked against `event_shape`, and its columns by name."""
    x = _convert(x, dtype, what, columns)
    check_event_shape(tuple(x.shape), event_shape, what)
    return x


def check_event_shape(given: tuple, event_shape: tuple, what="x", owner="this flow models") -> None:
    """Raise a ValueError unless the last axes of a shape, as far as known, are `event_shape`."""
    if not _ends_in(given, event_shape):
        raise ValueError(f"{owner} events of shape {event_shape}; {what} has shape {given}.")


def _ends_in(given: tuple, wanted: tuple) -> bool:
    last = given[len(given) - len(wanted) :]
    return len(given) >= len(wanted) and all(
        one in (None, other) for one, other in zip(last, wanted, strict=True)
    )


def check_context(
    context,
    context_shape: tuple | None,
    dtype: str,
    columns: Columns | None = None,
    seen: bool = True,
):
    """Return the context with its columns by name and its last axes as `context_shape` says.

    Where its values are known it must be finite; a warning says that it lies far beyond what has
    been `seen`.
    """
    if context_shape is None:
        if context is not None:
            shape = context.shape if hasattr(context, "shape") else np.shape(context)
            check_context_shape(tuple(shape), None)
        return None
    if context is not None:
        context = _convert(context, dtype, "context", columns)
    check_context_shape(None if context is None else tuple(context.shape), context_shape)
    known = _values(context)
    if known is not None:
        check_finite(known, "context", len(context_shape))
        if columns is not None and seen:
            columns.warn_beyond(known, "the context")
    return context


def _values(value) -> np.ndarray | None:
    """Return the numbers of an array or tensor; None where a graph computes them later."""
    if isinstance(value, np.ndarray):
        return value
    return value.numpy() if isinstance(value, tf.Tensor) and hasattr(value, "numpy") else None


def check_context_shape(given: tuple | None, context_shape: tuple | None) -> None:
    """Raise a ValueError unless a context of shape `given` (None: none) is what is wanted."""
    if context_shape is None:
        if given is not None:
            raise ValueError(
                f"this flow takes no context, but one of shape {given} was given; build it with "
                "context_shape=..."
            )
        return
    inner = ", ".join(map(str, context_shape))
    if given is None:
        raise ValueError(f"this flow needs context of shape (..., {inner}); got None.")
    if not _ends_in(given, context_shape):
        column = context_shape == (1,) and len(given) == 1
        hint = (
            " A single column is context[:, None], or frame[[name]] of a frame." if column else ""
        )
        raise ValueError(f"expected context (..., {inner}), got {given}.{hint}")


def check_pair(x, context, event_shape: tuple, context_shape: tuple | None) -> None:
    """Raise a ValueError unless the batches of `x` and `context` fit together."""
    if context is None or context_shape is None:
        return
    left = tuple(x.shape)[: len(x.shape) - len(event_shape)]
    right = tuple(context.shape)[: len(context.shape) - len(context_shape)]
    for one, other in zip(reversed(left), reversed(right), strict=False):
        if None not in (one, other) and one != other and 1 not in (one, other):
            raise ValueError(
                f"x has batch shape {left} and context has batch shape {right}: give one context "
                "for each event, or a single one for all."
            )


def check_finite(value, what: str, event_ndims: int | None = None) -> None:
    """Raise a ValueError that counts the rows with NaN or infinity and names the first.

    Parameters
    ----------
    value : array or tf.Tensor
        The rows; a tensor whose values a graph computes later is not looked at.
    what : str
        What to call them in messages.
    event_ndims : int, optional
        Number of axes of a row; by default all but the first.
    """
    value = _values(value) if tf.is_tensor(value) else np.asarray(value)
    if value is None or value.dtype.kind != "f":
        return
    with np.errstate(all="ignore"):
        # One sum finds the common case; it may overflow without anything wrong.
        if np.isfinite(value.sum()):
            return
    ndims = max(value.ndim - 1, 0) if event_ndims is None else event_ndims
    batch = value.shape[: value.ndim - ndims]
    value = value.reshape(math.prod(batch), -1)
    count, first = 0, 0
    for start in range(0, len(value), 65536):
        bad = ~np.isfinite(value[start : start + 65536]).all(1)
        if bad.any():
            first = first if count else start + int(bad.argmax())
            count += int(bad.sum())
    if count and not batch:
        raise ValueError(f"{what} is not finite: {value[0].tolist()}. Give numbers for all of it.")
    if count:
        rows = "row" if count == 1 else "rows"
        raise ValueError(
            f"{what} has {count} non-finite {rows} (first: row {first}). Drop or impute them."
        )


def check_weight(weight, rows: int, batch: int | None = None):
    """Return the sample weights as a float array of `rows` finite numbers, none negative.

    Those of a `batch`, given by its number in a stream, may all be zero.
    """
    if weight is None:
        return None
    weight = np.asarray(weight, np.float32)
    where = "" if batch is None else f" in batch {batch}"
    if weight.shape != (rows,):
        raise ValueError(
            f"sample_weight must have one weight for each row: for each of the {rows} rows of x, "
            f"shape ({rows},); got shape {weight.shape}{where}.{hint_of_weight(len(weight.shape))}"
        )
    bad = ~np.isfinite(weight) | (weight < 0)
    if bad.any():
        raise ValueError(
            f"sample_weight must be finite and not negative; {int(bad.sum())} are not{where} "
            f"(first: row {int(bad.argmax())}, {weight[bad.argmax()]})."
        )
    if batch is None and rows and not weight.any():
        raise ValueError("sample_weight is zero for every row, so there is nothing to fit.")
    return weight


def hint_of_weight(rank: int | None) -> str:
    """Return what to do about weights of a wrong rank, for the end of a message."""
    if rank == 0:
        return " Give each row its own weight; a weight for all of them changes nothing."
    return "" if rank in (None, 1) else " Give it one axis, as by weight[:, 0] or a mean over axes."


def check_seed(seed, or_row: bool = False):
    """Return a stateless seed, int32 [2]; None draws one from TensorFlow's global state.

    With `or_row` it may have a third number, the row of a longer table that what is drawn begins
    with: see `tfflows.random`.
    """
    if seed is None:
        return tf.random.uniform([2], minval=tf.int32.min, maxval=tf.int32.max, dtype=tf.int32)
    if tf.is_tensor(seed):
        if not seed.dtype.is_integer:
            raise TypeError(f"seed must be an int or two ints; got a tensor of {seed.dtype.name}.")
        seed = tf.cast(seed, tf.int32)
        if seed.shape.rank == 0:
            return tf.stack([tf.zeros([], tf.int32), seed])
    elif np.ndim(seed) == 0:
        try:
            number = operator.index(seed)
        except TypeError:
            raise TypeError(f"seed must be an int or two ints; got {seed!r}.") from None
        if not -(2**31) <= number < 2**31:
            raise ValueError(f"seed must fit in 32 bits; got {number}.")
        return tf.constant([0, number], tf.int32)
    else:
        if not any(map(tf.is_tensor, seed)) and np.asarray(seed).dtype.kind not in "iu":
            raise TypeError(f"seed must be an int or two ints; got {seed!r}.")
        seed = tf.convert_to_tensor(seed, tf.int32)
    if seed.shape != (2,) and not (or_row and seed.shape == (3,)):
        raise ValueError(f"seed must be an int or two ints; got shape {tuple(seed.shape)}.")
    return seed


def check_sample_shape(shape) -> tuple | tf.Tensor:
    """Return a sample shape given as an int or a sequence of ints as a tuple."""
    if tf.is_tensor(shape):
        return tf.reshape(tf.cast(shape, tf.int32), [-1])
    try:
        sizes = (
            (operator.index(shape),) if np.ndim(shape) == 0 else tuple(map(operator.index, shape))
        )
    except TypeError:
        raise TypeError(
            f"the number of samples must be an int or a tuple of ints; got {shape!r}."
        ) from None
    if any(size < 0 for size in sizes):
        raise ValueError(f"the number of samples must not be negative; got {shape!r}.")
    return sizes


def split_pair(x, context) -> tuple:
    """Return ``(x, context)``, which Keras may hand over as one pair."""
    if isinstance(x, (tuple, list)) and context is None and len(x) and not np.isscalar(x[0]):
        tensors = any(tf.is_tensor(part) or isinstance(part, keras.KerasTensor) for part in x)
        if (tensors or isinstance(x, tuple)) and len(x) <= 2:
            return (*x, None)[:2]
    return x, context
