"""Setting what a model takes from data before it is trained."""

import warnings

import numpy as np
import tensorflow as tf

from tfflows.inputs.arrays import check_table
from tfflows.inputs.datasets import Batches, collect, is_dataset, open_batches
from tfflows.training.fingerprint import sum_of

__all__ = ["adapt", "adapt_once", "adapt_to_first"]

_ROWS = 1_000_000
_INSPECTED_ROWS = 10_000
_FIRST_ROWS = 65_536


def adapt(model, x, context, sample_weight) -> None:
    """Adapt a model to arrays or a dataset; the arguments are those of ``DensityModel.adapt``."""
    if is_dataset(x):
        x, context, sample_weight = collect(open_batches(model, x), _ROWS)
    _adapt(model, *check_table(model, x, context, sample_weight, "x", whole=True))


def _adapt(model, *table) -> None:
    rows = len(table[0])
    if rows > _ROWS:
        chosen = np.sort(np.random.default_rng(0).choice(rows, _ROWS, replace=False))
        table = tuple(None if a is None else a[chosen] for a in table)
    model.adapt_parts(*table)


def adapt_to_first(model, batches: Batches, resumes: bool) -> None:
    """Adapt a model that has not seen data to the first batches that it is about to be fitted to.

    Parameters
    ----------
    model : DensityModel
        The model.
    batches : Batches
        The batches.
    resumes : bool
        Whether the run may be one that goes on after an interruption. A dataset that shuffles would
        then have been opened once more than in the run as a whole.

    Raises
    ------
    ValueError
        If the batches cannot be looked at before training.
    """
    if not model.needs_adapt:
        return
    if resumes or not batches.reopens or not isinstance(batches.dataset, tf.data.Dataset):
        raise ValueError(
            f"{_listed(model.unadapted_layers)} must see data before training on a dataset: "
            "call adapt(x) with a representative array, or adapt(dataset), first."
        )
    x, context, weight = collect(batches, _FIRST_ROWS)
    warnings.warn(
        f"{_listed(model.unadapted_layers)}: adapted to the first {len(x)} rows of the "
        "dataset. Are they like the rest? Call adapt(dataset) before fit to adapt to all of it.",
        stacklevel=4,
    )
    adapt_once(model, check_table(model, x, context, weight, "x", whole=True))


def adapt_once(model, table: tuple) -> None:
    """Adapt a model to the rows that it is about to be fitted to, unless it has seen data before.

    Parameters
    ----------
    model : DensityModel
        The model.
    table : tuple
        Arrays ``(x, context, sample_weight)``.
    """
    x, context, _ = table
    if x is None:
        model.adapt_without_data(context)
        return
    if model.needs_adapt:
        _adapt(model, *table)
    chosen = slice(None, None, max(len(x) // _INSPECTED_ROWS, 1))
    rows = [None if a is None else a[chosen] for a in (x, context)]
    state, sums = model.training_state, sum_of(*rows)
    if state.inspected != sums:
        state.inspected = sums
        model.inspect(*rows)


def _listed(names: list) -> str:
    return ("the layers " if len(names) > 1 else "the layer ") + ", ".join(map(repr, names))
