"""Setting what a model takes from data before it is trained."""

import numpy as np

from tfflows.inputs.arrays import check_table
from tfflows.inputs.datasets import collect, is_dataset, open_batches
from tfflows.training.fingerprint import sum_of

__all__ = ["adapt", "adapt_once"]

_ROWS = 1_000_000
_INSPECTED_ROWS = 10_000


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


def adapt_once(model, table: tuple | None) -> None:
    """Adapt a model to the rows that it is about to be fitted to, unless it has seen data before.

    Parameters
    ----------
    model : DensityModel
        The model.
    table : tuple or None
        Arrays ``(x, context, sample_weight)``; None for a dataset.

    Raises
    ------
    ValueError
        If the model must see data, and would be trained on a dataset.
    """
    if table is None:
        if model.needs_adapt:
            raise ValueError(
                f"{_listed(model.unadapted_layers)} must see data before training on a dataset: "
                "call adapt(x) with a representative array, or adapt(dataset), first."
            )
        return
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
