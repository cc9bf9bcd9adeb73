"""Keras's `fit`, `evaluate` and `predict` for densities: contexts, weights, adaptation, checks."""

import re
import warnings

import keras
import numpy as np
import tensorflow as tf

from tfflows.models import door
from tfflows.training.batches import (
    batch_stream,
    block_stream,
    no_context,
    ordered_batches,
    steps_in_epoch,
)
from tfflows.training.blocks import BLOCK, block_size, blocks_of_stream
from tfflows.training.trainer import Trainer, unpack

__all__ = ["Fitting"]

_ADAPT_ROWS = 1_000_000
# The mean does not depend on the batches it is taken over, and small ones cost time.
_EVALUATED_ROWS = 1024


class Fitting(Trainer):
    """The part of a density model that takes tables and datasets from a person."""

    def fit(
        self,
        x=None,
        y=None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose="auto",
        callbacks=None,
        validation_split: float = 0.0,
        validation_data=None,
        shuffle: bool = True,
        class_weight=None,
        sample_weight=None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq=1,
        *,
        context=None,
        seed: int | None = None,
    ) -> keras.callbacks.History:
        """Fit the density to data by minimizing the weighted mean loss.

        Parameters
        ----------
        x : array, tf.Tensor, tf.data.Dataset or keras.utils.PyDataset
            Events ``[N, *event_shape]``; a dataset yields batches of ``x``, ``(x, context)`` or
            ``(x, context, sample_weight)``.
        y : array, optional
            Keras's second argument, an alias of `context`. A density has no targets; zeros, which
            textbooks pass, are ignored.
        batch_size : int, optional
            Rows in a step, 32 by default.
        epochs : int
            Passes over the data.
        verbose, callbacks, initial_epoch, steps_per_epoch, validation_steps, \
validation_batch_size, validation_freq
            As in Keras.
        validation_split : float
            Share of the rows of arrays to hold out, drawn at random by `seed`.
        validation_data : array, tuple or dataset, optional
            Held-out ``x``, ``(x, context)`` or ``(x, context, sample_weight)``.
        shuffle : bool
            Whether to draw a new order of the rows in each epoch.
        class_weight
            Refused: a density has no classes. Use `sample_weight`.
        sample_weight : array, optional
            Non-negative weights ``[N]``; doubling all of them changes nothing.
        context : array, optional
            Contexts ``[N, *context_shape]``.
        seed : int, optional
            Seed of the order of the rows and of the split; by default the split uses 0 and the
            order is drawn from NumPy's global state, which ``keras.utils.set_random_seed`` sets.

        Returns
        -------
        keras.callbacks.History
            Loss and metrics of each epoch, in nats.

        Raises
        ------
        ValueError
            If data are not finite, of the wrong shape, constant in a coordinate or outside the
            support; if targets or class weights are given.
        FloatingPointError
            If the loss or its gradient becomes NaN or infinite.
        """
        if class_weight is not None:
            raise ValueError(
                "class_weight weighs classes, and a density has none; use sample_weight, one "
                "weight for each row."
            )
        if not self.compiled:
            raise ValueError("Call compile(optimizer) before fit().")
        self.build()
        callbacks = _listed(callbacks)
        seed_of_split = 0 if seed is None else seed
        if seed is None:
            seed = int(np.random.randint(2**31 - 1))
        common = {
            "epochs": epochs,
            "verbose": verbose,
            "initial_epoch": initial_epoch,
            "validation_steps": validation_steps,
            "validation_freq": validation_freq,
        }
        if _is_stream(x):
            if context is not None or y is not None or sample_weight is not None:
                raise ValueError(
                    "a dataset yields its own context and weights: batches of x, (x, context) or "
                    "(x, context, sample_weight). Drop context=, y= and sample_weight=."
                )
            if validation_split:
                raise ValueError(
                    "validation_split needs arrays; give validation_data= with a dataset."
                )
            if self.needs_adapt:
                raise ValueError(
                    f"{self._waiting()} must see data before training on a dataset: call "
                    "adapt(x) with a representative array, or adapt(dataset), first."
                )
            data = self._table(None, None, None, "x")
            stream = self._stream(x)
            fed = {"x": stream, "steps_per_epoch": steps_per_epoch, "shuffle": False}
            if stream is not x and self.takes_blocks(callbacks):
                fed["x"] = self._stream_in_blocks(stream, steps_per_epoch, epochs - initial_epoch)
        else:
            data = self._table(x, _one_of(y, context), sample_weight, "x", whole=True)
            if validation_split and validation_data is None:
                data, validation_data = _split_rows(data, validation_split, seed_of_split)
            if self.needs_adapt:
                self.adapt(*data)
            fed = self._feed(
                data,
                batch_size or 32,
                seed,
                shuffle,
                range(initial_epoch, epochs),
                steps_per_epoch,
                callbacks,
            )
        if validation_data is not None:
            size = validation_batch_size or max(batch_size or 32, _EVALUATED_ROWS)
            validation_data = self._held_out(validation_data, size)
        self._training_data = _Held(data)
        callbacks = [_Epochs(self.progress), *callbacks]
        try:
            return super().fit(
                **fed, callbacks=callbacks, validation_data=validation_data, **common
            )
        except tf.errors.InvalidArgumentError as error:
            raise _from_stream(error) from None
        finally:
            self._training_data = None

    def _feed(self, data, batch_size, seed, shuffle, epochs, steps_per_epoch, callbacks):
        x = data[0]
        tensors = tuple(None if a is None else tf.convert_to_tensor(a) for a in data)
        steps = steps_in_epoch(len(x), batch_size)
        # The stream shuffles; Keras would warn that it cannot.
        fed = {"steps_per_epoch": steps_per_epoch or steps, "shuffle": False}
        if self.takes_blocks(callbacks) and steps_per_epoch in (None, steps):
            block = block_size(steps)
            self.in_blocks(tensors, block, steps * len(epochs))
            fill = len(x) % batch_size == 0 or not self.depends_on_batch(
                *(None if a is None else a[:1] for a in tensors[:2])
            )
            stream = block_stream(len(x), batch_size, block, seed, shuffle, epochs.start, fill)
            return {**fed, "x": stream}
        return {**fed, "x": batch_stream(tensors, batch_size, seed, shuffle, epochs.start)}

    def _stream_in_blocks(self, stream, steps_per_epoch, epochs):
        """Return a dataset of blocks, or the dataset itself where that would change batches."""
        steps = int(stream.cardinality())
        if steps_per_epoch is not None:
            block = max(k for k in range(1, BLOCK + 1) if steps_per_epoch % k == 0)
        elif steps > 0:
            block = block_size(steps)
        else:
            return stream
        first = next(iter(stream), None)
        if first is None or self.depends_on_batch(*unpack(first)[:2]):
            return stream
        self.in_blocks(None, block, (steps_per_epoch or steps) * epochs)
        return blocks_of_stream(stream, block)

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size: int | None = None,
        verbose="auto",
        sample_weight=None,
        steps: int | None = None,
        callbacks=None,
        return_dict: bool = False,
        *,
        context=None,
        **kwargs,
    ):
        """Return the weighted mean loss and the metrics on data, as in Keras.

        Parameters
        ----------
        x, y, sample_weight, context
            As in `fit`.
        batch_size, verbose, steps, callbacks, return_dict
            As in Keras.
        """
        # Keras evaluates the validation data of `fit` by this very method.
        if "_use_cached_eval_dataset" in kwargs:
            return super().evaluate(
                x, y, batch_size, verbose, sample_weight, steps, callbacks, return_dict, **kwargs
            )
        self.build()
        if _is_stream(x):
            fed = {"x": self._stream(x)}
        else:
            data = self._table(x, _one_of(y, context), sample_weight, "x")
            fed = {"x": ordered_batches(data, batch_size or _EVALUATED_ROWS)}
        try:
            return super().evaluate(
                **fed,
                verbose=verbose,
                steps=steps,
                callbacks=callbacks,
                return_dict=return_dict,
                **kwargs,
            )
        except tf.errors.InvalidArgumentError as error:
            raise _from_stream(error) from None

    def predict(
        self,
        x,
        batch_size: int | None = None,
        verbose="auto",
        steps=None,
        callbacks=None,
        *,
        context=None,
    ):
        """Return the log densities of `x`, or of the pair ``(x, context)``, as a NumPy array."""
        self.build()
        if context is not None:
            x = (x, context)
        return super().predict(
            x, batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks
        )

    # adapt

    @property
    def needs_adapt(self) -> bool:
        """Whether a part of the model still waits to see data."""
        return False

    def _waiting(self) -> str:
        return "this model"

    def adapt(self, x, context=None, sample_weight=None) -> None:
        """Set whatever the model takes from data, such as means and standard deviations.

        `fit` on arrays does this by itself once, from the training rows.

        Parameters
        ----------
        x : array or tf.data.Dataset
            Events ``[N, *event_shape]``, or a dataset as for `fit`.
        context : array, optional
            Contexts ``[N, *context_shape]``.
        sample_weight : array, optional
            Non-negative weights ``[N]``.

        Raises
        ------
        ValueError
            If a coordinate is constant or data are not finite.
        """
        self.build()
        if _is_stream(x):
            x, context, sample_weight = _collect(self._stream(x), _ADAPT_ROWS)
        data = self._table(x, context, sample_weight, "x", whole=True)
        rows = len(data[0])
        if rows > _ADAPT_ROWS:
            chosen = np.sort(np.random.default_rng(0).choice(rows, _ADAPT_ROWS, replace=False))
            data = tuple(None if a is None else a[chosen] for a in data)
        self._adapt(*data)

    def _adapt(self, x, context, sample_weight) -> None:
        """Adapt the parts of the model; a model without such parts has nothing to do."""

    # tables

    def _table(self, x, context, sample_weight, what, whole: bool = False):
        """Return checked arrays ``(x, context, sample_weight)`` of the model's type."""
        if x is None:
            return None, None, None
        dtype = self.variable_dtype
        x = _array(door.check_event(x, self.event_shape, dtype, what), dtype)
        if x.ndim == len(self.event_shape):
            raise ValueError(
                f"{what} must be a table of events, shape (N, {_inner(self.event_shape)}); got one "
                f"event of shape {x.shape}."
            )
        if x.ndim > len(self.event_shape) + 1:
            raise ValueError(
                f"{what} must have one batch axis, shape (N, {_inner(self.event_shape)}); got "
                f"{x.shape}."
            )
        if self.context_shape is None and context is not None:
            given = np.asarray(context)
            if given.dtype.kind not in "fiub" or np.any(given):
                raise ValueError(
                    f"y of shape {given.shape} was given, but a density has no targets. To model "
                    "p(x | y), build the model with context_shape=... and pass context=y."
                )
            context = None
        if self.context_shape is not None:
            context = _array(door.check_context(context, self.context_shape, dtype), dtype)
            if context.ndim == len(self.context_shape):
                context = np.broadcast_to(context, (len(x), *self.context_shape))
            if len(context) == 1 and len(x) > 1:
                context = np.broadcast_to(context, (len(x), *self.context_shape))
            if len(context) != len(x):
                raise ValueError(
                    f"x has {len(x)} rows and context has {len(context)}: give one context for "
                    "each event, or a single one for all."
                )
            door.check_finite(context, "context")
        door.check_finite(x, what)
        weight = door.check_weight(sample_weight, len(x))
        if whole:
            if len(x) == 0:
                raise ValueError(f"{what} has no rows.")
            _check_spread(x, what)
        return x, context, weight

    def _held_out(self, data, batch_size):
        if _is_stream(data):
            return self._stream(data)
        x, context, weight = keras.utils.unpack_x_y_sample_weight(data)
        return ordered_batches(self._table(x, context, weight, "validation x"), batch_size)

    def _stream(self, dataset):
        """Return a dataset whose batches are checked ``(x, context, sample_weight)``."""
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
        rank = len(self.event_shape)
        if x_spec.shape.rank is not None:
            batch = x_spec.shape[: x_spec.shape.rank - rank]
            fits = x_spec.shape.rank == rank + 1 and x_spec.shape[1:].is_compatible_with(
                self.event_shape
            )
            if not fits:
                hint = " Batch the dataset first." if batch.rank == 0 else ""
                raise ValueError(
                    f"this flow models events of shape {self.event_shape}; the dataset yields x of "
                    f"shape {tuple(x_spec.shape)}.{hint}"
                )
        if self.context_shape is not None and len(parts) < 2:
            raise ValueError(
                f"this flow needs context of shape (..., {_inner(self.context_shape)}); the "
                "dataset yields x alone. Yield (x, context)."
            )
        dtype = self.variable_dtype

        def check(number, element):
            element = element if isinstance(element, tuple) else (element,)
            x = tf.cast(element[0], dtype)
            checks = [_assert_finite(x, "x", number)]
            out = [x]
            if self.context_shape is None:
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
                context = door.check_context(element[1], self.context_shape, dtype)
                checks.append(_assert_finite(context, "context", number))
                out = [x, context, *(tf.cast(w, dtype) for w in element[2:])]
            if len(element) > 2:
                w = tf.cast(element[2], dtype)
                text = _MARK + "sample_weight must be finite and not negative."
                good = tf.reduce_all(tf.math.is_finite(w) & (w >= 0))
                checks.append(tf.debugging.Assert(good, [text]))
            with tf.control_dependencies([c for c in checks if c is not None]):
                out = tuple(tf.identity(part) for part in out)
            return out

        return dataset.enumerate().map(check, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

    # errors

    def explain_non_finite(self) -> str:
        """Look for the cause of a value that is not finite in the training data."""
        advice = super().explain_non_finite()
        held = getattr(self, "_training_data", None)
        x, context, _ = held.data if held is not None else (None, None, None)
        if x is None:
            return advice
        outside, first = 0, None
        for start in range(0, len(x), 65536):
            rows = slice(start, start + 65536)
            beyond = self.outside_support(x[rows], None if context is None else context[rows])
            if beyond.any():
                outside += int(beyond.sum())
                first = start + int(beyond.argmax()) if first is None else first
        if outside:
            lie = "row lies" if outside == 1 else "rows lie"
            raise ValueError(
                f"{outside} {lie} outside the support of the model, where the density is zero "
                f"(first: row {first}). Drop them, rescale the data, or use a base or layers whose "
                "support holds them."
            )
        culprit = self.first_non_finite(x, context)
        return (f"{culprit} " if culprit else "") + advice

    def outside_support(self, x, context=None) -> np.ndarray:
        """Say for each row of `x` whether the density is zero there."""
        return np.isneginf(self.log_prob(x, context).numpy())

    def first_non_finite(self, x, context=None) -> str:
        """Name the first part of the model whose output is not finite; an empty string if none."""
        return ""


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


def _from_stream(error):
    """Turn a failed check of a streamed batch into the error that arrays get."""
    found = re.search(re.escape(_MARK) + r"([^\]]*?\.)(?=[\"'\]\s]*(\]|$|\n))", error.message)
    return ValueError(found.group(1)) if found else error


def _is_stream(x) -> bool:
    return (
        isinstance(x, (tf.data.Dataset, keras.utils.PyDataset))
        or type(x).__name__ in ("DistributedDataset", "DataLoader")
        or (hasattr(x, "__next__") and not hasattr(x, "shape"))
    )


def _one_of(y, context):
    if y is not None and context is not None:
        raise ValueError("give the context once, as context=..., not as y as well.")
    return context if y is None else y


def _listed(values):
    if values is None:
        return []
    return list(values) if isinstance(values, (list, tuple)) else [values]


def _array(value, dtype) -> np.ndarray:
    return np.asarray(value).astype(dtype, copy=False)


def _inner(shape) -> str:
    return ", ".join(map(str, shape))


def _split_rows(data, share, seed):
    if not 0 < share < 1:
        raise ValueError(f"validation_split must lie between 0 and 1; got {share!r}.")
    rows = len(data[0])
    held = round(rows * share)
    if held == 0 or held == rows:
        raise ValueError(
            f"validation_split={share} of {rows} rows leaves no rows to "
            + ("validate on." if held == 0 else "train on.")
        )
    # At random: the last rows of a sorted table are all of one kind.
    order = np.random.default_rng(seed).permutation(rows)
    parts = (np.sort(order[held:]), np.sort(order[:held]))
    return tuple(tuple(None if a is None else a[part] for a in data) for part in parts)


def _collect(dataset, limit):
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


def _check_spread(x, what) -> None:
    flat = x.reshape(len(x), -1)
    if len(flat) > 1:
        low, high = flat.min(0), flat.max(0)
        constant = np.flatnonzero(low == high)
        if len(constant):
            raise ValueError(
                f"{what} is constant in coordinate {', '.join(map(str, constant[:10]))}: its "
                "density is unbounded there. Drop the constant coordinates, or add noise to them."
            )
    rows = flat[:: max(len(flat) // 10_000, 1)]
    if len(rows) < 200 or rows.shape[1] > 4096:
        return
    few = [i for i in range(rows.shape[1]) if len(np.unique(rows[:, i])) <= max(len(rows) // 50, 2)]
    if few:
        warnings.warn(
            f"coordinate {', '.join(map(str, few[:10]))} of {what} takes few distinct values, and "
            "a continuous density will spike there. Adding uniform noise of one step "
            "(dequantization) is the usual cure.",
            stacklevel=4,
        )


class _Held:
    """Training data for the duration of a fit; opaque to Keras's tracking."""

    __slots__ = ("data",)

    def __init__(self, data):
        self.data = data


class _Epochs(keras.callbacks.Callback):
    """Notes where the run is."""

    def __init__(self, progress):
        super().__init__()
        self.progress = progress

    def on_epoch_begin(self, epoch, logs=None):
        self.progress.epoch = epoch
        self.progress.first_step = int(self.model.optimizer.iterations.numpy())
