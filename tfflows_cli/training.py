"""Building and training the flow of ``tfflows fit``."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import keras
import numpy as np

import tfflows
from tfflows_cli.progress import Progress
from tfflows_cli.recipe import Recipe

_BUILDERS = {
    "nsf": tfflows.NSF,
    "coupling-nsf": tfflows.CouplingNSF,
    "maf": tfflows.MAF,
    "iaf": tfflows.IAF,
    "realnvp": tfflows.RealNVP,
    "nice": tfflows.NICE,
}

Rows = tuple[np.ndarray, np.ndarray | None]


def build_flow(arguments: Namespace, width: int, context_width: int | None):
    """Build the flow that the arguments ask for, over events of ``width`` columns."""
    keras.utils.set_random_seed(arguments.seed)
    given = {
        "transforms": arguments.transforms,
        "hidden_units": arguments.hidden,
        "bins": arguments.bins,
    }
    options = {name: value for name, value in given.items() if value is not None}
    return _BUILDERS[arguments.flow](width, context_shape=context_width, **options)


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
    curves = {key: [float(value) for value in history.history[key]] for key in ("loss", "val_loss")}
    return curves, 1 + int(np.argmin(curves["val_loss"]))


def mean_nll(flow, x: np.ndarray, context: np.ndarray | None) -> float:
    """Mean negative log-likelihood in nats per row."""
    log_prob = np.asarray(flow.log_prob(x, context=context, batch_size=4096), dtype=np.float64)
    return float(-log_prob.mean())
