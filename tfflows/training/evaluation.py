"""The loop behind `evaluate`, and the validation of `fit`."""

import keras
import numpy as np
import tensorflow as tf

from tfflows.inputs.arrays import check_steps, check_table, context_of
from tfflows.inputs.datasets import is_dataset, open_batches, raising_value_errors
from tfflows.training.callbacks import has_batch_hooks, listed_callbacks
from tfflows.training.compilation import (
    check_compiled,
    evaluation_program,
    is_distributed,
    prepare,
)
from tfflows.training.feeds import Feed, KerasFeed, many_steps
from tfflows.training.sources import Passes, Rows
from tfflows.training.step import logs_of, test_step

__all__ = ["Evaluation", "evaluate", "latest_logs"]

# The mean does not depend on the batches it is taken over, and small ones cost time.
_ROWS = 1024


@raising_value_errors()
def evaluate(
    model,
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
):
    """Return the weighted mean loss and the metrics on data, as in Keras.

    Parameters
    ----------
    x, y, sample_weight, context
        As in `fit`.
    batch_size, verbose, steps, callbacks, return_dict
        As in Keras.
    """
    check_compiled(model, "evaluate")
    callbacks = listed_callbacks(callbacks)
    prepare(model)
    evaluation = Evaluation(
        model,
        x,
        context_of(y, context),
        sample_weight,
        batch_size=batch_size,
        steps=steps,
        callbacks=callbacks,
        single_steps=type(model).test_step is not test_step,
    )
    logs = evaluation.run(
        keras.callbacks.CallbackList(
            callbacks,
            add_progbar=verbose != 0,
            verbose=verbose,
            epochs=1,
            steps=evaluation.steps,
            model=model,
        )
    )
    if not logs:
        raise ValueError("the dataset is empty.")
    if return_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


class Evaluation:
    """Held-out data and how to score them, as often as is asked for.

    Parameters
    ----------
    model : DensityModel
        The model, compiled.
    x, context, sample_weight : array or None
        Arrays, or a dataset as `x`.
    what : str
        What to call `x` in messages.
    batch_size : int, optional
        Rows to score at once.
    usual_size : int, optional
        Rows of a batch where steps are counted and `batch_size` is not given.
    steps : int, optional
        Batches to score.
    callbacks : list
        The callbacks that will be told of it.
    single_steps : bool
        Whether every step goes through Keras's own function.
    """

    def __init__(
        self,
        model,
        x,
        context=None,
        sample_weight=None,
        *,
        what: str = "x",
        batch_size: int | None = None,
        usual_size: int | None = None,
        steps: int | None = None,
        callbacks=(),
        single_steps: bool = False,
    ):
        self._model, self._batches = model, None
        distributed = is_distributed(model)
        source: Passes | Rows
        if is_dataset(x):
            self._batches = open_batches(model, x)
            source = Passes(self._batches, steps=steps)
        elif x is None:
            steps = steps or 1
            table = check_steps(model, context, sample_weight, steps)
            rows = 0 if context is None else len(table[1])
            source = Rows(table, usual_size or 32, lambda _: tf.range(rows), steps=steps)
        else:
            table = check_table(model, x, context, sample_weight, what)
            # A person who counts steps counts batches of a size they know; and a first batch that
            # replicas cannot share evenly is one that Keras cannot look at.
            usual = usual_size or 32
            size = batch_size or (usual if steps or distributed else max(usual, _ROWS))
            rows = len(table[0])
            if not rows:
                raise ValueError(f"{what} has no rows.")
            passes = -(-rows // min(size, rows))
            source = Rows(table, size, lambda _: tf.range(rows), steps=min(steps or passes, passes))
        if (
            single_steps
            or distributed
            or model.run_eagerly
            or not model.training_state.auto_steps
            or any(has_batch_hooks(callback, "test") for callback in callbacks)
        ):
            model.make_test_function()
            strategy = model.distribute_strategy
            self._feed: Feed = KerasFeed(
                model.test_function, source, model.steps_per_execution, strategy
            )
        else:
            self._feed = many_steps(evaluation_program(model, model.test_step), source)
        self.steps = self._feed.steps

    def run(self, callbacks: keras.callbacks.CallbackList) -> dict:
        """Score the data, tell the callbacks of it, and return the loss and the metrics."""
        model = self._model
        model.stop_evaluating = False
        callbacks.on_test_begin()
        model.reset_metrics()
        if self._batches is not None:
            self._batches.on_epoch_begin()
        logs: dict = {}
        for call in self._feed.calls(0):
            callbacks.on_test_batch_begin(call.first)
            try:
                logs = call.run()
            except (StopIteration, tf.errors.OutOfRangeError):
                break
            callbacks.on_test_batch_end(call.last, logs)
            if model.stop_evaluating:
                break
        if self._batches is not None:
            self._batches.on_epoch_end()
        logs = {
            name: value if np.ndim(value) else float(value)
            for name, value in latest_logs(model, logs).items()
        }
        callbacks.on_test_end(logs)
        return logs


def latest_logs(model, logs: dict) -> dict:
    """Return the metrics as they are now, or the logs where a step returns others."""
    if logs.keys() == {"loss"}:
        return dict(logs)
    for density in (False, True):
        # Metrics of the density are not there yet where none has been computed.
        latest = logs_of(model, density)
        if latest.keys() == logs.keys():
            return dict(latest)
    return dict(logs)
