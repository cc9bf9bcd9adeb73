"""Keras's `fit`, `evaluate` and `predict` for densities: contexts, weights, adaptation, checks."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfflows.inputs.arrays import check_table, split_rows
from tfflows.models.keeping import Keeping
from tfflows.models.streams import (
    advanced,
    checked_stream,
    collect,
    errors_of_streams,
    first_of_stream,
    is_stream,
    steps_of_stream,
)
from tfflows.training.batches import (
    batch_stream,
    block_stream,
    epoch_stream,
    ordered_batches,
    steps_in_epoch,
)
from tfflows.training.blocks import BLOCK, block_size, blocks_of_stream, longest_block
from tfflows.training.guard import batches_taken
from tfflows.training.resume import Position, Resume
from tfflows.training.runs import describe_run, sum_of
from tfflows.training.trainer import check_callback, unpack

__all__ = ["Fitting"]

_ADAPT_ROWS = 1_000_000
# The mean does not depend on the batches it is taken over, and small ones cost time.
_EVALUATED_ROWS = 1024


class Fitting(Keeping):
    """The part of a density model that takes tables and datasets from a person."""

    @errors_of_streams
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
        callbacks = _in_order([check_callback(callback) for callback in _listed(callbacks)])
        resume = callbacks[-1] if callbacks and isinstance(callbacks[-1], Resume) else None
        seed_of_split = 0 if seed is None else seed
        # Drawn in any case, so that a run that goes on leaves NumPy's state as a new one does.
        drawn = int(np.random.randint(2**31 - 1)) if seed is None else seed
        run = {
            "seed": seed,
            "batch_size": batch_size or 32,
            "shuffle": shuffle,
            "initial_epoch": initial_epoch,
            "steps_per_epoch": steps_per_epoch,
            "validation_split": validation_split,
            "longest_block": longest_block(self.count_params(), batch_size or 32),
        }
        common = {
            "epochs": epochs,
            "verbose": verbose,
            "validation_steps": validation_steps,
            "validation_freq": validation_freq,
        }
        evaluated = validation_batch_size or self._evaluated_rows(batch_size, validation_steps)
        # Before anything is made ready for training.
        if validation_data is not None:
            validation_data = self._held_out(validation_data, evaluated)
        if is_stream(x):
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
            data = check_table(self, None, None, None, "x")
            stream = checked_stream(self, x)
            fed = {"x": stream, "steps_per_epoch": steps_per_epoch, "shuffle": False}
            at = Position(initial_epoch)
            if resume is not None:
                data_sum = sum_of(*first_of_stream(stream))
                at = self._resumed(resume, run, drawn, data_sum, callbacks, at, epochs)
            if stream is not x and self.takes_blocks(callbacks):
                fed["x"] = self._stream_in_blocks(
                    stream, steps_per_epoch, epochs - initial_epoch, resume is not None
                )
            in_blocks = fed["x"] is not stream
            if in_blocks or resume is not None:
                # Keras must not take the number of blocks for that of batches.
                steps = steps_per_epoch or steps_of_stream(stream)
                calls = math.ceil(steps / self.steps_per_execution)
                fed["x"] = advanced(
                    fed["x"],
                    at.epoch - initial_epoch,
                    at.call,
                    calls,
                    1 if in_blocks else self.steps_per_execution,
                    goes_on=steps_per_epoch is not None,
                )
                fed["steps_per_epoch"] = steps
        else:
            data = check_table(self, x, _one_of(y, context), sample_weight, "x", whole=True)
            if validation_split and validation_data is None:
                data, held_out = split_rows(data, validation_split, seed_of_split)
                validation_data = self._held_out(held_out, evaluated)
            at = Position(initial_epoch)
            if resume is not None:
                at = self._resumed(resume, run, drawn, sum_of(*data), callbacks, at, epochs)
            if self.needs_adapt:
                self.adapt(*data)
            self._look_at(*data[:2])
            fed = self._feed(
                data,
                batch_size or 32,
                drawn if resume is None else run["seed"],
                shuffle,
                range(initial_epoch, epochs),
                steps_per_epoch,
                callbacks,
                at,
            )
        self._training_data = _Held(data)
        callbacks = [_Epochs(self.progress), *callbacks]
        try:
            return super().fit(
                **fed,
                callbacks=callbacks,
                validation_data=validation_data,
                initial_epoch=at.epoch,
                **common,
            )
        finally:
            self._training_data = None
            self.forget_blocks()

    def _resumed(self, resume, run, drawn, data, callbacks, start, epochs) -> Position:
        """Return where an interrupted run stopped, its weights restored; `start` of a new one."""
        run.update(describe_run(self, data=data))
        others = [callback for callback in callbacks if callback is not resume]
        at = resume.open(self, run, others) or start
        if run["seed"] is None:
            run["seed"] = drawn
        return Position(min(at.epoch, max(epochs, start.epoch)), at.call)

    def _feed(self, data, batch_size, seed, shuffle, epochs, steps_per_epoch, callbacks, at):
        x = data[0]
        # A block's batches are filled up to their size.
        batch_size = min(batch_size, len(x))
        tensors = tuple(None if a is None else tf.convert_to_tensor(a) for a in data)
        steps = steps_in_epoch(len(x), batch_size)
        # The stream shuffles; Keras would warn that it cannot.
        fed = {"steps_per_epoch": steps_per_epoch or steps, "shuffle": False}
        if self.takes_blocks(callbacks) and steps_per_epoch in (None, steps):
            block = block_size(steps, longest_block(self.count_params(), batch_size))
            resumes = any(isinstance(callback, Resume) for callback in callbacks)
            fill = len(x) % batch_size == 0 or not self.depends_on_batch(
                *(None if a is None else a[:1] for a in tensors[:2])
            )
            self.in_blocks(tensors, block, batch_size, steps * len(epochs), resumes)
            stream = block_stream(len(x), batch_size, block, seed, shuffle, at.epoch, fill)
            return {**fed, "x": stream.skip(at.call)}
        per_call = self.steps_per_execution
        if steps_per_epoch in (None, steps) and per_call == 1:
            stream = batch_stream(tensors, batch_size, seed, shuffle, at.epoch)
            return {**fed, "x": stream.skip(at.call)}
        if steps_per_epoch in (None, steps) and not self._is_distributed():
            epoch = tf.Variable(at.epoch, dtype=tf.int64, trainable=False)
            callbacks.insert(
                0, keras.callbacks.LambdaCallback(on_epoch_begin=lambda e, logs: epoch.assign(e))
            )
            begun = (at.epoch, at.call * per_call)
            return {
                "x": epoch_stream(tensors, batch_size, seed, shuffle, epoch, begun),
                "shuffle": False,
            }
        # Epochs of these steps do not begin where the rows do.
        calls = math.ceil(fed["steps_per_epoch"] / per_call)
        taken = ((at.epoch - epochs.start) * calls + at.call) * per_call
        stream = batch_stream(tensors, batch_size, seed, shuffle, epochs.start)
        return {**fed, "x": stream.skip(taken)}

    def _stream_in_blocks(self, stream, steps_per_epoch, epochs, resumes):
        """Return a dataset of blocks, or the dataset itself where that would change batches."""
        steps = int(stream.cardinality())
        if steps_per_epoch is not None:
            # Neither an epoch nor a pass through the dataset may end within a block.
            ends = [steps_per_epoch, *([steps] if steps > 0 else [])]
            block = max(k for k in range(1, BLOCK + 1) if all(end % k == 0 for end in ends))
        elif steps > 0:
            block = block_size(steps)
        else:
            return stream
        rows = stream.element_spec[0].shape[0]
        if rows is None:
            # Some batch may be smaller than others, and would be filled up.
            first = next(iter(stream), None)
            if first is None or self.depends_on_batch(*unpack(first)[:2]):
                return stream
            rows = len(unpack(first)[0])
        self.in_blocks(None, block, rows, (steps_per_epoch or steps) * epochs, resumes)
        return blocks_of_stream(stream, block)

    @errors_of_streams
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
        if is_stream(x):
            fed = {"x": checked_stream(self, x)}
        else:
            data = check_table(self, x, _one_of(y, context), sample_weight, "x")
            fed = {"x": ordered_batches(data, batch_size or self._evaluated_rows(None, steps))}
        return super().evaluate(
            **fed,
            verbose=verbose,
            steps=steps,
            callbacks=callbacks,
            return_dict=return_dict,
            **kwargs,
        )

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

    @errors_of_streams
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
        if is_stream(x):
            x, context, sample_weight = collect(checked_stream(self, x), _ADAPT_ROWS)
        data = check_table(self, x, context, sample_weight, "x", whole=True)
        rows = len(data[0])
        if rows > _ADAPT_ROWS:
            chosen = np.sort(np.random.default_rng(0).choice(rows, _ADAPT_ROWS, replace=False))
            data = tuple(None if a is None else a[chosen] for a in data)
        self._adapt(*data)

    def _look_at(self, x, context) -> None:
        """Warn of what the model makes of data before it is fitted to them."""

    def _adapt(self, x, context, sample_weight) -> None:
        """Adapt the parts of the model; a model without such parts has nothing to do."""

    def _evaluated_rows(self, batch_size: int | None, steps: int | None) -> int:
        """Return how many rows to score at once where nobody says."""
        batch_size = batch_size or 32
        distributed = self._is_distributed()
        # Somebody who counts steps counts batches of a size they know; and a first batch that
        # replicas cannot share evenly is one that Keras cannot look at.
        return batch_size if steps or distributed else max(batch_size, _EVALUATED_ROWS)

    def _held_out(self, data, batch_size):
        if is_stream(data):
            return checked_stream(self, data)
        x, context, weight = keras.utils.unpack_x_y_sample_weight(data)
        return ordered_batches(check_table(self, x, context, weight, "validation x"), batch_size)

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


def _one_of(y, context):
    if y is not None and context is not None:
        raise ValueError("give the context once, as context=..., not as y as well.")
    return context if y is None else y


def _listed(values):
    if values is None:
        return []
    return list(values) if isinstance(values, (list, tuple)) else [values]


def _in_order(callbacks) -> list:
    """Return the callbacks with `Resume` behind all those whose state it keeps."""
    resume = [callback for callback in callbacks if isinstance(callback, Resume)]
    if len(resume) > 1:
        raise ValueError("give fit one Resume callback; there are several.")
    others = [callback for callback in callbacks if callback not in resume]
    if resume and not any(isinstance(c, keras.callbacks.History) for c in others):
        others.append(keras.callbacks.History())
    return [*others, *resume]


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
        self.progress.first_step = batches_taken(self.model.optimizer)
