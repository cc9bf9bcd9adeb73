"""The loop behind `fit`: inputs, validation, adaptation, the steps of an epoch, callbacks."""

import functools
import warnings

import keras
import numpy as np
import tensorflow as tf

from tfflows.inputs.arrays import (
    check_extra,
    check_steps,
    check_table,
    context_of,
    split_rows,
)
from tfflows.inputs.datasets import (
    Batches,
    first_batch,
    is_dataset,
    open_batches,
    raising_value_errors,
)
from tfflows.privates import forget_restored_epoch, restored_epoch
from tfflows.training.adaptation import adapt_once, adapt_to_first
from tfflows.training.callbacks import has_batch_hooks, listed_callbacks, split_resume
from tfflows.training.compilation import check_compiled, is_distributed, prepare, training_program
from tfflows.training.evaluation import Evaluation, latest_logs
from tfflows.training.feeds import Feed, KerasFeed, many_steps
from tfflows.training.fingerprint import describe_run, sum_of
from tfflows.training.finiteness import NonFiniteStepError, explain
from tfflows.training.resume import Position
from tfflows.training.sources import Passes, Rows, limited, row_order
from tfflows.training.step import test_step, train_step, training_logs

__all__ = ["fit"]


@raising_value_errors()
def fit(
    model,
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
    extra=None,
    seed: int | None = None,
) -> keras.callbacks.History:
    """Fit the density to data by minimizing the weighted mean loss.

    Parameters
    ----------
    x : array, tf.Tensor, tf.data.Dataset or keras.utils.PyDataset
        Events ``[N, *event_shape]``; a dataset yields batches of ``x``, ``(x, context)`` or
        ``(x, context, sample_weight)``. A loss that draws its own events needs none.
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
    extra : array, optional
        What a loss that takes it is to know beside, as `losses.Variational` may: one entry for each
        row, or where there are no rows one for each step of an epoch, or of all epochs.
    seed : int, optional
        Seed of the order of the rows, of the split and of what losses and layers draw; by
        default the split uses 0 and the rest is drawn from NumPy's global state, which
        ``keras.utils.set_random_seed`` sets.

    Returns
    -------
    keras.callbacks.History
        Loss and metrics of each epoch, in nats. Under a loss that is no function of the log
        density, metrics of the density appear for validation data alone. ``history.step_loss``
        holds the loss of each step; it is empty where ``steps_per_execution`` is above 1.

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
    check_compiled(model, "fit")
    context = context_of(y, context)
    callbacks, resume = split_resume(listed_callbacks(callbacks))
    # Drawn in any case, so that a run that goes on leaves NumPy's state as a new one does.
    drawn = int(np.random.randint(2**31 - 1)) if seed is None else seed
    epochs = limited(epochs, "epochs") if epochs else epochs

    # Inputs: batches of a dataset, or a table of arrays (x, context, sample_weight).
    batches: Batches | None = None
    table: tuple = ()
    if is_dataset(x):
        _check_alone(context, sample_weight, validation_split)
        batches = open_batches(model, x)
    elif x is None:
        if validation_split:
            raise ValueError("validation_split needs events x to split; give validation_data=.")
        table = check_steps(model, context, sample_weight, steps_per_epoch)
    else:
        table = check_table(model, x, context, sample_weight, "x", whole=True)
        if sample_weight is not None and table[1] is None and not model.loss.needs_data:
            raise ValueError(
                f"sample_weight weighs rows of x, and the loss {model.loss.name!r} draws its own "
                "events. Drop it."
            )
    if extra is not None:
        if batches is not None:
            raise ValueError("extra= belongs to rows of arrays, or to steps; got a dataset beside.")
        steps = (steps_per_epoch, epochs - initial_epoch)
        table = (*table, check_extra(model, extra, table, *steps))
    if validation_split and validation_data is None and batches is None:
        table, held_out = split_rows(table, validation_split, seed or 0)
        validation_data = held_out[:3]

    # Validation, before anything is made ready for training.
    prepare(model)
    evaluation = None
    if validation_data is not None:
        held_out = (
            (validation_data,)
            if is_dataset(validation_data)
            else keras.utils.unpack_x_y_sample_weight(validation_data)
        )
        evaluation = Evaluation(
            model,
            *held_out,
            what="validation x",
            batch_size=validation_batch_size,
            usual_size=batch_size,
            steps=validation_steps,
            callbacks=callbacks,
            single_steps=type(model).test_step is not test_step,
        )

    # Where to begin: an interrupted run goes on where it stopped.
    at = Position(initial_epoch)
    if resume is not None:
        run: dict = {
            "seed": seed,
            "batch_size": batch_size or 32,
            "shuffle": shuffle,
            "initial_epoch": initial_epoch,
            "steps_per_epoch": steps_per_epoch,
            "validation_split": validation_split,
            "data": sum_of(*(table if batches is None else first_batch(x, batches))),
        }
        run = describe_run(model, **run)
        at = resume.open(model, run, [c for c in callbacks if c is not resume]) or at
        at = Position(min(at.epoch, max(epochs, initial_epoch)), at.call)
        drawn = run["seed"] = drawn if run["seed"] is None else run["seed"]

    # Adaptation to the training rows.
    if batches is None:
        adapt_once(model, table[:3])
    else:
        adapt_to_first(model, batches, resumes=resume is not None)

    # The steps of an epoch: many in one program, unless something asks for single ones.
    state = model.training_state
    state.seed.assign(drawn)
    source: Passes | Rows
    if batches is not None:
        source = Passes(batches, initial_epoch, steps_per_epoch)
        if resume is not None and not source.steps:
            raise ValueError(
                "the dataset does not know how many batches it has: pass steps_per_epoch=... with "
                "a dataset that repeats, or tell it by tf.data.experimental.assert_cardinality."
            )
    else:
        rows = next((len(a) for a in table[:3] if a is not None), 0)
        order = functools.partial(row_order, rows, drawn, shuffle=shuffle)
        source = Rows(table, batch_size or 32, order, initial_epoch, steps_per_epoch)
    if (
        type(model).train_step is not train_step
        or not state.auto_steps
        or model.run_eagerly
        or is_distributed(model)
        or any(has_batch_hooks(callback) for callback in callbacks)
    ):
        model.make_train_function()
        strategy, per_call = model.distribute_strategy, model.steps_per_execution
        feed: Feed = KerasFeed(
            model.train_function, source, per_call, strategy, True, state.step_loss
        )
    else:
        planned = None if source.steps is None else source.steps * (epochs - initial_epoch)
        program = training_program(model, model.train_step, planned, resume is not None)
        feed = many_steps(program, source)

    # Epochs.
    callbacks = keras.callbacks.CallbackList(
        callbacks,
        add_history=True,
        add_progbar=verbose != 0,
        verbose=verbose,
        epochs=epochs,
        steps=source.steps,
        model=model,
    )
    model.stop_training = False
    forget_restored_epoch(model)
    callbacks.on_train_begin()
    if batches is not None:
        # Keras ends an epoch before the first, too, for a PyDataset that shuffles there.
        batches.on_epoch_end()
    restored = restored_epoch(model)
    first, skip = at if restored is None else (restored, 0)
    logs: dict = {}
    feed.step_losses()  # those of a run that was broken off
    step_losses = []
    for epoch in range(first, epochs):
        model.reset_metrics()
        state.begin_epoch(epoch, model.optimizer)
        callbacks.on_epoch_begin(epoch)
        if batches is not None:
            batches.on_epoch_begin()
        # An epoch of which all steps were taken before an interruption has its logs all the same.
        taken, logs = skip * feed.stride, training_logs(model) if skip else {}
        for call in feed.calls(epoch, skip):
            callbacks.on_train_batch_begin(call.first)
            try:
                logs = call.run()
            except (StopIteration, tf.errors.OutOfRangeError):
                break
            except NonFiniteStepError as error:
                raise explain(model, error, *(table or (None, None))[:2]) from None
            callbacks.on_train_batch_end(call.last, logs)
            taken = call.last + 1
            if model.stop_training:
                break
        skip = 0
        if batches is not None:
            batches.on_epoch_end()
        if not taken and epoch == first:
            raise ValueError("the dataset is empty.")
        if taken < (source.steps or 1) and not model.stop_training:
            _warn_of_the_end()
        if not taken:
            break
        state.steps += taken
        step_losses.append(feed.step_losses())
        logs = latest_logs(model, logs)
        if evaluation is not None and _is_due(epoch + 1, validation_freq):
            scores = evaluation.run(callbacks)
            logs.update({f"val_{name}": value for name, value in scores.items()})
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    if epochs > 0:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    callbacks.on_train_end(logs)
    model.history.step_loss = np.concatenate([np.zeros(0), *step_losses])
    return model.history


def _check_alone(context, sample_weight, validation_split) -> None:
    """Raise a ValueError if anything is given beside a dataset that it must yield itself."""
    if context is not None or sample_weight is not None:
        raise ValueError(
            "a dataset yields its own context and weights: batches of x, (x, context) or "
            "(x, context, sample_weight). Drop context=, y= and sample_weight=."
        )
    if validation_split:
        raise ValueError("validation_split needs arrays; give validation_data= with a dataset.")


def _is_due(epoch: int, frequency) -> bool:
    """Whether to validate after an epoch, counted from 1."""
    return epoch % frequency == 0 if isinstance(frequency, int) else epoch in frequency


def _warn_of_the_end() -> None:
    warnings.warn(
        "the data ran out, and training stops. Give a dataset that can be gone through again, or "
        "fewer epochs.",
        stacklevel=4,
    )
