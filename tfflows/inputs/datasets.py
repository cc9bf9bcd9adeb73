"""Datasets and generators of batches, checked as they come."""

import contextlib
import itertools
import operator
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfflows.inputs import validation

__all__ = [
    "Batches",
    "assert_finite",
    "collect",
    "first_batch",
    "is_dataset",
    "is_no_context",
    "no_context",
    "open_batches",
    "raising_value_errors",
    "unpack",
]


class Batches(NamedTuple):
    """Batches ``(x, context, sample_weight)`` that are checked as they come.

    Attributes
    ----------
    dataset : tf.data.Dataset or tf.distribute.DistributedDataset
        The batches.
    steps : int or None
        How many there are, if that is known.
    on_epoch_begin, on_epoch_end : callable
        What a PyDataset wants to hear.
    reopens : bool
        Whether the batches can be gone through again.
    """

    dataset: tf.data.Dataset
    steps: int | None
    on_epoch_begin: Callable[[], None] = lambda: None
    on_epoch_end: Callable[[], None] = lambda: None
    reopens: bool = True


def is_dataset(x) -> bool:
    """Whether `x` is a dataset or generator rather than an array."""
    return (
        isinstance(x, (tf.data.Dataset, keras.utils.PyDataset))
        or type(x).__name__ in ("DistributedDataset", "DataLoader")
        or (hasattr(x, "__next__") and not hasattr(x, "shape"))
    )


def open_batches(model, x) -> Batches:
    """Return the batches of a dataset, PyDataset, data loader or generator.

    Raises
    ------
    ValueError
        If what it yields does not fit the model, as far as its first batch or its types tell.
    """
    if isinstance(x, tf.data.Dataset):
        count = int(x.cardinality())
        return Batches(_checked(model, x), count if count >= 0 else None)
    if type(x).__name__ == "DistributedDataset":
        count = int(x.cardinality) if isinstance(x.cardinality, (int, tf.Tensor)) else -1
        return Batches(x, count if count >= 0 else None)
    if isinstance(x, keras.utils.PyDataset):
        return _of_pydataset(model, x)
    if hasattr(x, "__next__"):
        batches = (_checked_batch(batch, number) for number, batch in enumerate(x))
        first = next(batches, None)
        if first is None:
            raise ValueError("the dataset is empty.")
        rest = itertools.chain([first], batches)
        return Batches(_checked(model, _of_python(model, first, lambda: rest)), None, reopens=False)
    first = next(_of_loader(x), None)
    if first is None:
        raise ValueError("the dataset is empty.")
    count = operator.length_hint(x, -1)  # -1 for a loader that does not know
    dataset = _checked(model, _of_python(model, first, lambda: _of_loader(x)))
    return Batches(dataset, count if count >= 0 else None)


def _of_python(model, first, open_again) -> tf.data.Dataset:
    """Return a dataset of the batches of a Python iterator, whose first one tells the types."""
    return tf.data.Dataset.from_generator(
        lambda: (_as_arrays(model, batch) for batch in open_again()),
        output_signature=tuple(
            tf.TensorSpec([None, *part.shape[1:]] if part.ndim else [], part.dtype)
            for part in _as_arrays(model, first)
        ),
    )


def _of_loader(loader) -> Iterator:
    for number, batch in enumerate(loader):
        parts = batch if isinstance(batch, (tuple, list)) else (batch,)
        yield _checked_batch(tuple(np.asarray(part) for part in parts), number)


def _of_pydataset(model, pydataset) -> Batches:
    count = pydataset.num_batches
    if count == 0:
        raise ValueError("the dataset is empty.")

    def get(index):
        return _as_arrays(model, _checked_batch(pydataset[int(index)], int(index)))

    first = get(0)

    def fetch(index):
        parts = tf.numpy_function(
            lambda i: [p.astype(f.dtype) for p, f in zip(get(i), first, strict=True)],
            [index],
            [f.dtype for f in first],
        )
        shapes = [[None, *f.shape[1:]] if f.ndim else [] for f in first]
        return tuple(tf.ensure_shape(p, shape) for p, shape in zip(parts, shapes, strict=True))

    numbers = tf.data.Dataset.range(tf.int64.max if count is None else count)
    dataset = numbers.map(fetch, num_parallel_calls=max(pydataset.workers, 1), deterministic=True)
    return Batches(
        _checked(model, dataset), count, pydataset.on_epoch_begin, pydataset.on_epoch_end
    )


def _as_arrays(model, batch) -> tuple:
    """Return a batch as a tuple of arrays, an array of no columns where there is no context."""
    # Keras takes an array alone for no batch.
    batch = batch if isinstance(batch, (tuple, list)) else (batch,)
    x, context, weight = keras.utils.unpack_x_y_sample_weight(batch)
    parts = [validation.as_numbers(x, "x", model.event_columns)]
    if context is not None or weight is not None:
        parts.append(
            np.zeros([len(parts[0]), 0])
            if context is None
            else validation.as_numbers(context, "context", model.context_columns)
        )
    if weight is not None:
        parts.append(np.asarray(weight))
    return tuple(parts)


def _checked(model, dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return a dataset whose batches are checked ``(x, context, sample_weight)``."""
    spec = dataset.element_spec
    parts = spec if isinstance(spec, tuple) else (spec,)
    if len(parts) > 3 or not all(isinstance(p, tf.TensorSpec) for p in parts):
        raise ValueError(
            "a dataset must yield x, (x, context) or (x, context, sample_weight) as tensors; "
            f"this one yields {spec}."
        )
    x_spec = parts[0]
    rank = len(model.event_shape)
    if x_spec.shape.rank is not None:
        batch = x_spec.shape[: x_spec.shape.rank - rank]
        fits = x_spec.shape.rank == rank + 1 and x_spec.shape[1:].is_compatible_with(
            model.event_shape
        )
        if not fits:
            hint = " Batch the dataset first." if batch.rank == 0 else ""
            raise ValueError(
                f"this flow models events of shape {model.event_shape}; the dataset yields x of "
                f"shape {tuple(x_spec.shape)}.{hint}"
            )
    if model.context_shape is not None and len(parts) < 2:
        raise ValueError(
            f"this flow needs context of shape (..., {', '.join(map(str, model.context_shape))}); "
            "the dataset yields x alone. Yield (x, context)."
        )
    if len(parts) > 2:
        _check_weight_spec(parts[2], x_spec)
    dtype = model.variable_dtype

    def check(number, element):
        element = element if isinstance(element, tuple) else (element,)
        x = _with_event_shape(tf.cast(element[0], dtype), model.event_shape, number)
        checks = [assert_finite(x, "x", number)]
        out = [x]
        if model.context_shape is None:
            if len(element) > 1:
                checks.append(
                    tf.debugging.Assert(
                        tf.reduce_all(tf.equal(element[1], tf.zeros_like(element[1]))),
                        [_MARK + _TARGETS],
                    )
                )
            if len(element) > 2:
                out = [x, no_context(x), tf.cast(element[2], dtype)]
        else:
            context = validation.check_context(element[1], model.context_shape, dtype)
            checks.append(assert_finite(context, "context", number))
            out = [x, context, *(tf.cast(w, dtype) for w in element[2:])]
        if len(element) > 2:
            checks += _assert_weights(out[2], tf.shape(x)[0], number)
        with tf.control_dependencies([c for c in checks if c is not None]):
            out = [tf.identity(part) for part in out]
        if len(element) > 2:
            # What is compiled later must know the rank, and here it is certain.
            out[2] = tf.ensure_shape(out[2], [None])
        return tuple(out)

    return dataset.enumerate().map(check, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def collect(batches: Batches, limit: int) -> tuple:
    """Return the first `limit` rows as arrays ``(x, context, sample_weight)``."""
    parts, rows = [], 0
    for batch in batches.dataset:
        parts.append(unpack(batch))
        rows += len(parts[-1][0])
        if rows >= limit:
            break
    if not parts:
        raise ValueError("the dataset is empty.")
    return tuple(
        None if column[0] is None else np.concatenate([np.asarray(p) for p in column])
        for column in zip(*parts, strict=True)
    )


def first_batch(x, batches: Batches) -> tuple:
    """Return the first batch as arrays ``(x, context, sample_weight)``.

    Raises
    ------
    ValueError
        If `x`, of which the batches are, may give others when it is opened again, or there are
        none.
    """
    if not isinstance(x, tf.data.Dataset):
        raise ValueError(
            "a run that goes on after an interruption must open its data again, and a "
            f"{type(x).__name__} may give other batches then; give fit arrays or a "
            "tf.data.Dataset."
        )
    for batch in batches.dataset.take(1):
        return tuple(None if part is None else np.asarray(part) for part in unpack(batch))
    raise ValueError("the dataset is empty.")


def unpack(batch) -> tuple:
    """Return ``(x, context, sample_weight)`` of a batch, with None for what is not there."""
    x, context, weight = keras.utils.unpack_x_y_sample_weight(batch)
    return x, None if is_no_context(context) else context, weight


def no_context(x) -> tf.Tensor:
    """Return what stands for a missing context beside weights: no numbers for each row of `x`.

    A bare None in a dataset cannot be spread over replicas.
    """
    return tf.zeros([tf.shape(x)[0], 0], x.dtype)


def is_no_context(context) -> bool:
    """Whether a context holds no numbers."""
    return context is None or context.shape[-1:] == (0,)


_MARK = "tfflows: "
_TARGETS = (
    "the second entry of the dataset is not zero, but a density has no targets. To model p(x | y), "
    "build the model with context_shape=... and yield (x, context)."
)


def _with_event_shape(x, event_shape, number):
    """Return events whose shape, where the dataset does not tell it, is looked at."""
    if x.shape[1:].is_fully_defined():
        return x
    text = f"{_MARK}this flow models events of shape {event_shape}; the dataset yields others in "
    shape = tf.shape(x)
    fits = tf.reduce_all(
        tf.equal(shape[1:], event_shape)
        if x.shape.rank
        else tf.equal(tf.concat([[tf.rank(x)], shape[1:]], 0), [len(event_shape) + 1, *event_shape])
    )
    check = tf.debugging.Assert(fits, [tf.strings.format(text + "batch {}.", number)])
    with tf.control_dependencies([check]):
        return tf.ensure_shape(tf.identity(x), [None, *event_shape])


def _first(bad):
    """Return the number of the first of some rows; argmax refuses a batch of no rows."""
    count = tf.shape(bad)[0]
    return tf.reduce_min(tf.where(bad, tf.range(count), count))


def assert_finite(value, what: str, number=None):
    """Return an assertion of a graph that rows are finite, those of the batch of that number."""
    rows = tf.reshape(value, [tf.shape(value)[0], -1]) if value.shape.rank > 1 else value[:, None]
    bad = tf.logical_not(tf.reduce_all(tf.math.is_finite(rows), 1))
    count, first = tf.math.count_nonzero(bad), _first(bad)
    text = f"{_MARK}{what} has {{}} non-finite rows"
    if number is None:
        text = tf.strings.format(text + " (first: row {}). Drop or impute them.", (count, first))
    else:
        text = tf.strings.format(
            text + " in batch {} (first: row {} of the batch). Drop or impute them.",
            (count, number, first),
        )
    return tf.debugging.Assert(tf.logical_not(tf.reduce_any(bad)), [text])


def _check_weight_spec(spec, x_spec) -> None:
    """Raise a ValueError if weights of this form cannot be one for each row."""
    if not (spec.dtype.is_floating or spec.dtype.is_integer or spec.dtype.is_bool):
        raise ValueError(
            f"sample_weight must hold numbers; the dataset yields weights of type "
            f"{spec.dtype.name}."
        )
    rows = x_spec.shape[0] if x_spec.shape.rank else None
    if not spec.shape.is_compatible_with([rows]):
        raise ValueError(
            "sample_weight must have one weight for each row of x, shape "
            f"({'batch' if rows is None else rows},); the dataset yields weights of shape "
            f"{tuple(spec.shape)}.{validation.hint_of_weight(spec.shape.rank)}"
        )


def _assert_weights(weight, rows, number) -> list:
    """Return assertions that a batch has one weight for each row, finite and not negative."""
    shape = tf.shape(weight)
    fits = tf.logical_and(tf.equal(tf.rank(weight), 1), tf.equal(tf.size(weight), rows))
    # No bracket may stand in the text: it ends there. Formatting would quote a string.
    given = tf.strings.reduce_join(tf.strings.as_string(shape), separator=", ")
    comma = tf.where(tf.equal(tf.rank(weight), 1), ",", "")
    wanted = "sample_weight must have one weight for each of the {} rows of x, shape ({},)"
    misfit = tf.strings.join(
        [
            _MARK,
            tf.strings.format(wanted, (rows, rows)),
            "; got shape (",
            given,
            comma,
            tf.strings.format(") in batch {}.", number),
            tf.where(tf.equal(tf.rank(weight), 1), "", validation.hint_of_weight(2)),
        ]
    )
    flat = tf.reshape(weight, [-1])
    bad = tf.logical_not(tf.math.is_finite(flat) & (flat >= 0))
    first = _first(bad)
    unfit = tf.strings.format(
        _MARK + "sample_weight must be finite and not negative; {} are not in batch {} (first: row "
        "{}).",
        (tf.math.count_nonzero(bad), number, first),
    )
    return [
        tf.debugging.Assert(fits, [misfit]),
        tf.debugging.Assert(tf.logical_not(tf.reduce_any(bad)), [unfit]),
    ]


@contextlib.contextmanager
def raising_value_errors() -> Iterator[None]:
    """Turn the failed check of a batch into the ValueError that arrays get."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        # Behind an assertion stands a bracket, behind an error of Python's its traceback.
        found = re.search(re.escape(_MARK) + r"([^\]\n]*)", error.message)
        if found is None:
            raise
        raise ValueError(found.group(1)) from None
    except ValueError as error:
        if not str(error).startswith(_MARK):
            raise
        raise ValueError(str(error).removeprefix(_MARK)) from None


def _checked_batch(batch, number: int):
    """Return a batch of a generator or PyDataset, or raise a ValueError if its weights misfit."""
    if isinstance(batch, (tuple, list)) and len(batch) == 3 and batch[2] is not None:
        try:
            validation.check_weight(batch[2], len(batch[0]), number)
        except (ValueError, TypeError) as error:
            raise ValueError(_MARK + str(error)) from None
    return batch
