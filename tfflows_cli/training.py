"""Building and training the flow of ``tfflows fit``."""

from __future__ import annotations

import inspect
from argparse import Namespace
from pathlib import Path

import keras
import numpy as np

import tfflows
from tfflows_cli.errors import CommandError
from tfflows_cli.progress import Progress
from tfflows_cli.recipe import Recipe
from tfflows_cli.schema import Schema

_BUILDERS = {name.lower(): getattr(tfflows.flows, name) for name in tfflows.flows.__all__}
# The options of the command, and what a flow must have for them to mean anything.
_OPTIONS = {
    "transforms": ("transforms", "is for flows of several layers"),
    "hidden": ("hidden_units", "is for networks"),
    "bins": ("bins", "is for splines"),
    "bound": ("bound", "is for splines and polynomials"),
    "linear": ("linear", "is for layers with linear maps between them"),
    "dropout": ("dropout", "is for the networks of layers"),
}

Rows = tuple[np.ndarray, np.ndarray | None]


def build_flow(arguments: Namespace, schema: Schema, first: list):
    """Build the flow that the arguments ask for, which knows the names of the columns."""
    builder = _BUILDERS[arguments.flow.replace("-", "")]
    taken, options = inspect.signature(builder).parameters, {}
    for option, (name, purpose) in _OPTIONS.items():
        value = getattr(arguments, option)
        if value in (None, False):
            continue
        if name not in taken:
            raise CommandError(f"--{option} {purpose}; {arguments.flow} has none")
        options[name] = value
    keras.utils.set_random_seed(arguments.seed)
    flow = builder(len(schema.columns), context_shape=schema.context_width, first=first, **options)
    flow.event_columns.learn(schema.columns)
    flow.context_columns.learn(schema.context_names)
    return flow


def train(
    flow, recipe: Recipe, rows: Rows, validation: Rows, quiet: bool, folder: Path, resume: bool
) -> tuple[dict[str, list[float]], int]:
    """Train, restore the best weights, and return the history and the best epoch (from 1).

    The state of the training is kept in the folder; with `resume`, it goes on from there.
    """
    keep = tfflows.training.Resume(folder, share=0.02)
    if not resume:
        keep.path.unlink(missing_ok=True)
    x, context = rows
    steps = recipe.epochs * -(-len(x) // recipe.batch_size)
    # Large first steps followed by a fall to zero reach a better optimum than any constant rate.
    schedule = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    flow.compile(
        optimizer=keras.optimizers.AdamW(
            schedule, weight_decay=recipe.weight_decay, clipnorm=recipe.clipnorm
        )
    )
    stop = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=recipe.patience, restore_best_weights=True
    )
    try:
        history = flow.fit(
            x,
            context=context,
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            validation_data=validation[0] if context is None else validation,
            validation_batch_size=2048,
            callbacks=[keep, stop] if quiet else [keep, stop, Progress(recipe.epochs)],
            verbose=0,
        )
    except KeyboardInterrupt as stopped:
        hint = "the same command with --resume goes on where it was"
        raise KeyboardInterrupt(hint if keep.path.is_file() else "nothing is kept yet") from stopped
    curves = {key: [float(value) for value in history.history[key]] for key in ("loss", "val_loss")}
    return curves, 1 + int(np.argmin(curves["val_loss"]))


def mean_nll(flow, x: np.ndarray, context: np.ndarray | None) -> float:
    """Mean negative log-likelihood in nats per row."""
    log_prob = np.asarray(flow.log_prob(x, context=context, batch_size=4096), dtype=np.float64)
    return float(-log_prob.mean())
