"""Arrays of events, contexts and weights, checked row by row."""

import numpy as np

from tfflows.inputs import frames, validation
from tfflows.inputs.columns import Columns
from tfflows.inputs.dependence import describe, find_dependences
from tfflows.inputs.surfaces import describe_surface, find_surface

__all__ = ["check_extra", "check_steps", "check_table", "chunks", "context_of", "split_rows"]


def check_table(model, x, context, sample_weight, what: str = "x", whole: bool = False):
    """Return checked arrays ``(x, context, sample_weight)`` of the type of `model`.

    Parameters
    ----------
    model : DensityModel
        The model, whose shapes the arrays must have.
    x, context, sample_weight : array or None
        One row for each event.
    what : str
        What to call `x` in messages.
    whole : bool
        Whether the rows are all there is to train on, and must suffice for that. The model then
        remembers the names of their columns, and where the contexts lie.
    """
    if x is None:
        return None, None, None
    dtype, columns = model.variable_dtype, model.event_columns
    names = frames.names_of(x, columns.size), frames.names_of(context, model.context_columns.size)
    given = validation.check_event(x, model.event_shape, dtype, what, columns)
    x = _array(given, dtype)
    if x.ndim == len(model.event_shape):
        raise ValueError(
            f"{what} must be a table of events, shape (N, {_inner(model.event_shape)}); got one "
            f"event of shape {x.shape}."
        )
    if x.ndim > len(model.event_shape) + 1:
        raise ValueError(
            f"{what} must have one batch axis, shape (N, {_inner(model.event_shape)}); got "
            f"{x.shape}."
        )
    if model.context_shape is None and context is not None:
        given = np.asarray(context)
        if given.dtype.kind not in "fiub" or np.any(given):
            raise ValueError(
                f"y of shape {given.shape} was given, but a density has no targets. To model "
                "p(x | y), build the model with context_shape=... and pass context=y."
            )
        context = None
    if model.context_shape is not None:
        context = validation.check_context(
            context, model.context_shape, dtype, model.context_columns, seen=not whole
        )
        context = _array(context, dtype)
        if context.ndim == len(model.context_shape):
            context = np.broadcast_to(context, (len(x), *model.context_shape))
        if len(context) == 1 and len(x) > 1:
            context = np.broadcast_to(context, (len(x), *model.context_shape))
        if len(context) != len(x):
            raise ValueError(
                f"x has {len(x)} rows and context has {len(context)}: give one context for "
                "each event, or a single one for all."
            )
    validation.check_finite(x, what)
    weight = validation.check_weight(sample_weight, len(x))
    if whole:
        if len(x) == 0:
            raise ValueError(f"{what} has no rows.")
        columns.learn(names[0])
        _learn_context(model, names[1], context)
        _warn_of_rounding(given, x, what, columns)
        if not model.dequantizes:
            _check_spread(x, what, columns)
            found = find_dependences(x)
            if len(found) > model.codimension:
                columns.warn_once(describe(found, columns, what))
            else:
                dimension = find_surface(x)
                # A model that takes coordinates away knows of so many.
                if dimension is not None and x[0].size - dimension > model.codimension:
                    columns.warn_once(describe_surface(dimension, what))
    return x, context, weight


def check_steps(model, context, sample_weight, steps_per_epoch) -> tuple:
    """Return ``(None, context, None)`` for training without events.

    Raises
    ------
    ValueError
        If the loss of the model needs events, weights are given for none, a context is missing or
        not wanted, or nothing says how many steps an epoch has.
    """
    if model.loss.needs_data:
        raise ValueError(
            f"fit needs events x: the loss {model.loss.name!r} is computed from data. A loss that "
            "draws, such as tfflows.losses.ReverseKL, needs none."
        )
    if sample_weight is not None:
        raise ValueError("sample_weight weighs rows of x, and fit was given no x. Drop it.")
    names = frames.names_of(context, model.context_columns.size)
    context = validation.check_context(
        context, model.context_shape, model.variable_dtype, model.context_columns, seen=False
    )
    if context is None:
        if steps_per_epoch is None:
            raise ValueError(
                "without data an epoch has no end: pass steps_per_epoch=..., the number of steps."
            )
        return None, None, None
    context = _array(context, model.variable_dtype)
    if context.ndim == len(model.context_shape):
        context = context[np.newaxis]
    _learn_context(model, names, context)
    return None, context, None


def check_extra(model, extra, table: tuple, steps_per_epoch, epochs: int) -> np.ndarray:
    """Return what a loss is to know beside, with one entry for each row, or for each step.

    Raises
    ------
    ValueError
        If the loss takes none, or there are not as many entries as rows or steps.
    """
    if not model.loss.takes_extra:
        raise ValueError(
            f"the loss {model.loss.name!r} takes no extra=. One that does is "
            "tfflows.losses.Variational, whose function gets the part of each step."
        )
    extra = np.asarray(extra)
    entries = extra.shape[0] if extra.ndim else 0
    rows = next((len(a) for a in table if a is not None), None)
    if rows is not None and entries != rows:
        raise ValueError(f"extra must have one entry for each of {rows} rows; got {entries}.")
    if rows is None and entries not in (steps_per_epoch, steps_per_epoch * epochs):
        raise ValueError(
            f"without rows extra must have one entry for each step, {steps_per_epoch} for an epoch "
            f"or {steps_per_epoch * epochs} for {epochs} epochs; got {entries}."
        )
    return extra


def _learn_context(model, names, context) -> None:
    if context is not None:
        model.context_columns.learn(names)
        model.context_columns.see(context)


def chunks(x, context=None, size: int = 65536):
    """Yield slices of the rows of a table, and the contexts, or weights, that belong to them."""
    for start in range(0, len(x), size):
        rows = slice(start, min(start + size, len(x)))
        yield rows, None if context is None else context[rows]


def _array(value, dtype) -> np.ndarray:
    return np.asarray(value).astype(dtype, copy=False)


def _inner(shape) -> str:
    return ", ".join(map(str, shape))


def split_rows(data: tuple, share: float, seed: int) -> tuple[tuple, tuple]:
    """Return the rows to train on and those to hold out, drawn at random by `seed`."""
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
    train, held_out = np.sort(order[held:]), np.sort(order[:held])
    return (
        tuple(None if a is None else a[train] for a in data),
        tuple(None if a is None else a[held_out] for a in data),
    )


def _warn_of_rounding(given, x, what: str, columns: Columns) -> None:
    """Warn of coordinates whose spread the type of the model resolves into too few steps."""
    if given.dtype == x.dtype or x.dtype.kind != "f" or given.dtype.itemsize < x.dtype.itemsize:
        return
    rows = np.asarray(given)[:: max(len(given) // 10_000, 1)]
    rows = rows.reshape(len(rows), -1).astype(np.float64)
    size, deviation = np.abs(rows).max(0), rows.std(0)
    step = np.spacing(size.astype(x.dtype)).astype(np.float64)
    coarse = np.flatnonzero((step > 1e-3 * deviation) & (deviation > 0))
    if len(coarse):
        i = coarse[0]
        columns.warn_once(
            f"{what} is {given.dtype} and this model computes in {x.dtype}, too coarse for "
            f"{columns.listed(coarse)}: near {size[i]:.6g} its numbers are {step[i]:.2g} apart, "
            f"and the standard deviation of the data is {deviation[i]:.2g}. Subtract an offset "
            'first, or build the model with dtype="float64".'
        )


def _check_spread(x, what: str, columns: Columns) -> None:
    flat = x.reshape(len(x), -1)
    if len(flat) > 1:
        low, high = flat.min(0), flat.max(0)
        constant = np.flatnonzero(low == high)
        if len(constant):
            raise ValueError(
                f"{what} is constant in {columns.listed(constant)}: its density is unbounded "
                "there. Drop the constant coordinates, or add noise to them."
            )
    rows = flat[:: max(len(flat) // 10_000, 1)]
    if len(rows) < 200 or rows.shape[1] > 4096:
        return
    few = [i for i in range(rows.shape[1]) if len(np.unique(rows[:, i])) <= max(len(rows) // 50, 2)]
    if few:
        columns.warn_once(
            f"{columns.listed(few)} of {what} takes few distinct values, and a continuous density "
            "will spike there. Adding uniform noise of one step (dequantization) is the usual cure."
        )


def context_of(y, context):
    """Return the context, which Keras calls y; raise a ValueError if both are given."""
    if y is not None and context is not None:
        raise ValueError("give the context once, as context=..., not as y as well.")
    return context if y is None else y
