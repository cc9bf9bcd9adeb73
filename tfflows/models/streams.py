"""Streams: datasets of batches, checked as they come."""

import functools
import re
import types

import keras
import numpy as np
import tensorflow as tf

from tfflows.inputs import validation
from tfflows.training.batches import no_context
from tfflows.training.trainer import unpack

__all__ = [
    "advanced",
    "checked_stream",
    "collect",
    "errors_of_streams",
    "first_of_stream",
    "is_stream",
    "steps_of_stream",
]


def is_stream(x) -> bool:
    """Whether `x` is a dataset or generator rather than an array."""
    return (
        isinstance(x, (tf.data.Dataset, keras.utils.PyDataset))
        or type(x).__name__ in ("DistributedDataset", "DataLoader")
        or (hasattr(x, "__next__") and not hasattr(x, "shape"))
    )


def checked_stream(model, dataset):
    """Return a dataset whose batches are checked ``(x, context, sample_weight)``.

    Generators and PyDatasets come back as they are: `errors_of_streams` has seen to them.
    """
    if not isinstance(dataset, tf.data.Dataset):
        return dataset
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
        x = tf.cast(element[0], dtype)
        checks = [_assert_finite(x, "x", number)]
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
            checks.append(_assert_finite(context, "context", number))
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


def collect(dataset, limit):
    """Return the first `limit` rows of a dataset as arrays."""
    parts, rows = [], 0
    for batch in dataset:
        x, context, weight = unpack(batch)
        parts.append((x, context, weight))
        rows += len(x)
        if rows >= limit:
            break
    if not parts:
        raise ValueError("the dataset is empty.")
    return tuple(
        None if column[0] is None else np.concatenate([np.asarray(p) for p in column])
        for column in zip(*parts, strict=True)
    )


def first_of_stream(dataset) -> tuple:
    """Return the first batch of a dataset as arrays ``(x, context, sample_weight)``.

    Raises
    ------
    ValueError
        If the stream cannot be opened again.
    """
    if not isinstance(dataset, tf.data.Dataset):
        raise ValueError(
            "a run that goes on after an interruption must open its data again, and a "
            f"{type(dataset).__name__} may give other batches then; give fit arrays or a "
            "tf.data.Dataset."
        )
    for batch in dataset.take(1):
        return tuple(None if part is None else np.asarray(part) for part in unpack(batch))
    raise ValueError("the dataset is empty.")


def steps_of_stream(dataset) -> int:
    """Return the number of batches of a dataset, or raise a ValueError if it is not known."""
    steps = int(dataset.cardinality())
    if steps < 1:
        raise ValueError(
            "the dataset does not know how many batches it has: pass steps_per_epoch=... with a "
            "dataset that repeats, or tell it by tf.data.experimental.assert_cardinality."
        )
    return steps


def advanced(dataset, epochs: int, calls: int, per_epoch: int, per_call: int, goes_on: bool):
    """Return the elements of a dataset, epoch after epoch, from within a later epoch on.

    Parameters
    ----------
    dataset : tf.data.Dataset
        What one epoch consists of, or, if it `goes_on`, all of them, over and over.
    epochs, calls : int
        Epochs to pass over, and calls of the training program in the one after them.
    per_epoch, per_call : int
        Calls in an epoch, and elements in a call.
    goes_on : bool
        Whether epochs are pieces of one pass through the dataset.
    """
    taken = (epochs * per_epoch + calls) * per_call
    if goes_on:
        return (dataset.repeat() if int(dataset.cardinality()) > 0 else dataset).skip(taken)
    if per_call > 1:
        return tf.data.Dataset.range(tf.int64.max).flat_map(lambda epoch: dataset).skip(taken)

    def one_epoch(epoch):
        # A dataset that shuffles anew in each pass must have begun those that are passed over.
        passed = epoch < epochs
        first = tf.where(
            passed, tf.constant(1, tf.int64), calls * tf.cast(epoch == epochs, tf.int64)
        )
        return dataset.take(tf.where(passed, tf.constant(1, tf.int64), -1)).skip(first)

    return tf.data.Dataset.range(tf.int64.max).flat_map(one_epoch)


_MARK = "tfflows: "
_TARGETS = (
    "the second entry of the dataset is not zero, but a density has no targets. To model p(x | y), "
    "build the model with context_shape=... and yield (x, context)."
)


def _assert_finite(value, what, number):
    rows = tf.reshape(value, [tf.shape(value)[0], -1]) if value.shape.rank > 1 else value[:, None]
    bad = tf.logical_not(tf.reduce_all(tf.math.is_finite(rows), 1))
    text = tf.strings.format(
        _MARK + what + " has {} non-finite rows in batch {} (first: row {} of the batch). Drop or "
        "impute them.",
        (tf.math.count_nonzero(bad), number, tf.argmax(tf.cast(bad, tf.int32))),
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
    first = tf.argmax(tf.cast(bad, tf.int32))
    unfit = tf.strings.format(
        _MARK + "sample_weight must be finite and not negative; {} are not in batch {} (first: row "
        "{}).",
        (tf.math.count_nonzero(bad), number, first),
    )
    return [
        tf.debugging.Assert(fits, [misfit]),
        tf.debugging.Assert(tf.logical_not(tf.reduce_any(bad)), [unfit]),
    ]


def errors_of_streams(method):
    """Check the weights of generators and PyDatasets, and raise the errors that arrays get.

    Keras makes datasets of these two itself, so that their batches are seen as they leave the hands
    of the user; a failed check of any stream becomes the ValueError of arrays.
    """

    @functools.wraps(method)
    def checked(*args, **kwargs):
        args = map(_with_checked_weights, args)
        kwargs = {name: _with_checked_weights(value) for name, value in kwargs.items()}
        try:
            return method(*args, **kwargs)
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

    return checked


def _with_checked_weights(data):
    if isinstance(data, types.GeneratorType):
        return (_checked_batch(batch, number) for number, batch in enumerate(data))
    if isinstance(data, keras.utils.PyDataset) and not isinstance(data, _CheckedPyDataset):
        return _CheckedPyDataset(data)
    return data


class _CheckedPyDataset(keras.utils.PyDataset):
    """A PyDataset whose weights are checked where its batches are made."""

    def __init__(self, dataset: keras.utils.PyDataset):
        super().__init__(dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size)
        self._dataset = dataset

    @property
    def num_batches(self):
        return self._dataset.num_batches

    def __getitem__(self, index):
        return _checked_batch(self._dataset[index], index)

    def on_epoch_begin(self):
        self._dataset.on_epoch_begin()

    def on_epoch_end(self):
        self._dataset.on_epoch_end()


def _checked_batch(batch, number: int):
    """Return a batch of a generator or PyDataset, or raise a ValueError if its weights misfit."""
    if isinstance(batch, (tuple, list)) and len(batch) == 3 and batch[2] is not None:
        try:
            validation.check_weight(batch[2], len(batch[0]), number)
        except (ValueError, TypeError) as error:
            raise ValueError(_MARK + str(error)) from None
    return batch
