"""Why is this row unlikely? Exact terms of a log density, and what each coordinate costs."""

import functools

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfflows.diagnostics.decomposition import Decomposition
from tfflows.distributions import StandardNormal
from tfflows.inputs import validation
from tfflows.inputs.arrays import check_table
from tfflows.interop.dry_runs import preserve_state
from tfflows.interop.tfp_classes import is_a
from tfflows.scoring.bound import require_exact

__all__ = ["Explanation", "explain"]

_CANDIDATES = 48
_REFINED = 16
_AT_ONCE = 65_536
_PRINTED = 3


class Explanation:
    r"""What the log densities of rows are made of.

    Attributes
    ----------
    log_prob : np.ndarray
        Log densities, ``[n]``, in nats.
    names : tuple of str
        Names of the terms.
    terms : np.ndarray
        ``[n, terms]``, float64; each row adds up to its log density.
    order : tuple of int or None
        For an autoregressive flow, the order of the coordinates in which term k is
        :math:`\log p(x_{o_k} \mid x_{o_1}, \dots, x_{o_{k-1}}, c)`. None for other models, whose
        terms are those of the base and of each layer.
    reason : str
        Why there is no such order; empty where there is one.

    Notes
    -----
    Terms say where a density comes from; they cannot always say whose fault it is that it is low. A
    wrong value may make the coordinates after it look strange, and terms of different coordinates
    are in different units. `gain` answers that question for any model.
    """

    def __init__(self, model, x, context, log_prob, names, terms, order, reason=""):
        self._model, self._x, self._context, self.reason = model, x, context, reason
        self.log_prob, self.names, self.terms, self.order = log_prob, tuple(names), terms, order

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.log_prob)

    @property
    def gain(self) -> np.ndarray:
        r"""Nats that a row would gain if one coordinate had its best value given all others.

        .. math:: g_i = \max_t \log p(x_1, \dots, t, \dots, x_D) - \log p(x_1, \dots, x_D)

        The maximum is searched among values that the model draws for the coordinate, then once more
        between the neighbors of the best. ``[n, D]``, for flattened events; computed at the first
        question, for which each row is scored 64 D times.
        """
        return self._replaced[0]

    @property
    def replacement(self) -> np.ndarray:
        """The value that each coordinate gains the most by, ``[n, D]``."""
        return self._replaced[1]

    @property
    def ranking(self) -> np.ndarray:
        """Coordinates in the order of their gains, the first to blame first, ``[n, D]``."""
        return np.argsort(-self.gain, axis=1, kind="stable")

    @functools.cached_property
    def _replaced(self) -> tuple:
        return _replacements(self._model, self._x, self._context, self.log_prob)

    def _replaced_in(self, index) -> tuple:
        """Return gains and replacements of one row, without those of all others."""
        rows = slice(index, index + 1)
        context = None if self._context is None else self._context[rows]
        return _replacements(self._model, self._x[rows], context, self.log_prob[rows])

    def __str__(self) -> str:
        """Return the terms and the most telling coordinates of the least likely rows."""
        lines = []
        for row in np.argsort(self.log_prob, kind="stable")[:_PRINTED]:
            lines.append(self.row(int(row)))
        rest = len(self) - _PRINTED
        if rest > 0:
            lines.append(f"({rest} likelier rows: row(i))")
        return "\n".join(lines)

    __repr__ = __str__

    def row(self, index: int) -> str:
        """Return the explanation of one row as text."""
        shown = [f"row {index}: log p = {self.log_prob[index]:.2f}"]
        gains, values = (part[0] for part in self._replaced_in(index))
        width = max(map(len, self.names))
        for name, term in zip(self.names, self.terms[index], strict=True):
            shown.append(f"  {name:<{width}} {term:+9.2f}")
        flat = self._x[index].reshape(-1)
        for i in np.argsort(-gains, kind="stable")[:3]:
            if gains[i] > 1:
                shown.append(
                    f"  coordinate {i}: {values[i]:.4g} in the place of {flat[i]:.4g} would gain "
                    f"{gains[i]:.1f} nats"
                )
        return "\n".join(shown)


def explain(model, x, context=None) -> Explanation:
    r"""Take the log densities of rows apart, to see why a row is unlikely.

    For a flow whose layers all move the coordinates in one order, the terms are
    :math:`\log p(x_i \mid x_{<i}, c)`. For others they are the log density of the base at the
    latent point and the log-determinant of each layer. For all of them, ``gain`` says what each
    coordinate costs: the nats that the row would gain by its best value.

    Parameters
    ----------
    x : array
        Events ``[N, *event_shape]``, or one.
    context : array, optional
        Contexts ``[N, *context_shape]``, or one.

    Returns
    -------
    Explanation
        ``terms`` ``[N, terms]`` with ``names``, which add up to ``log_prob``; ``gain``,
        ``replacement`` and ``ranking`` ``[N, D]``. It prints the least likely rows.

    Examples
    --------
    >>> import numpy as np, tfflows
    >>> flow = tfflows.MAF(2, transforms=1)
    >>> explanation = flow.explain(np.array([[0.0, 9.0]], "float32"))
    >>> explanation.names, explanation.terms.round(2).tolist()
    (('log p(x0)', 'log p(x1 | x0)'), [[-0.92, -41.42]])
    >>> explanation.ranking.tolist()
    [[1, 0]]
    """
    require_exact(model, "explain", "log_prob(x, samples=...) of rows to compare")
    model.build()
    if np.ndim(x) == len(model.event_shape):
        one = validation.check_event(
            x, model.event_shape, model.variable_dtype, "x", model.event_columns
        )
        x = one[np.newaxis]
    x, context, _ = check_table(model, x, context, None)
    with preserve_state(model.variables):
        return _terms(model, x, context)


def _terms(model, x, context) -> Explanation:
    log_prob = model.log_prob(x, context).numpy().astype(np.float64)
    decomposition = Decomposition(model)
    if decomposition.base is None:
        terms, reason = log_prob[:, np.newaxis].copy(), "the model is not made of bijectors"
        return Explanation(model, x, context, log_prob, ("log p",), terms, None, reason)
    order, reason = autoregressive_order(decomposition, *_rows(x, context, 0, 1))
    split = _by_layer if order is None else _by_coordinate
    starts = range(0, max(len(x), 1), _AT_ONCE)
    terms = np.concatenate(
        [split(decomposition, *_rows(x, context, start, _AT_ONCE)) for start in starts]
    )
    if order is None:
        names = ["base", *(component.name for component in decomposition.components)]
    else:
        terms = terms[:, order]
        names = [_name(order, place) for place in range(len(order))]
    return Explanation(model, x, context, log_prob, names, terms, order, reason)


def _rows(x, context, start, count) -> tuple:
    rows = slice(start, start + count)
    return tf.constant(x[rows]), None if context is None else tf.constant(context[rows])


def _name(order, place) -> str:
    before = ", ".join(f"x{i}" for i in order[:place][:3])
    more = ", ..." if place > 3 else ""
    return f"log p(x{order[place]}{' | ' + before + more if place else ''})"


def _by_layer(decomposition, x, context) -> np.ndarray:
    """Return the log density of the base, then the log-determinants, [n, 1 + components]."""
    embedded = decomposition.embed(context)
    n, found = len(x), []
    for component in decomposition.components:
        bijector = component.bijector(embedded)
        found.append(bijector.inverse_log_det_jacobian(tf.identity(x), len(component.event_shape)))
        x = bijector.inverse(tf.identity(x))
    found.insert(0, decomposition.base.log_prob(x))
    return np.stack([np.broadcast_to(part.numpy(), [n]) for part in found], 1).astype(np.float64)


def _by_coordinate(decomposition, x, context) -> np.ndarray:
    """Return the terms of each coordinate of the data, [n, D]."""
    embedded = decomposition.embed(context)
    terms = np.zeros([len(x), int(np.prod(x.shape[1:]))])
    track, z = np.arange(terms.shape[1]), x
    for component, data, z in decomposition.walk(x, context):
        _, places, slopes = _triangular(component, data, z, embedded)
        terms[:, track] += slopes
        track = track[places]
    base = _of_each(decomposition.base).log_prob(z).numpy()
    terms[:, track] += np.broadcast_to(base, z.shape).reshape(terms.shape)
    return terms


def _triangular(component, data, latent, context) -> tuple | None:
    """Return what makes a component triangular in some order, if its layer or TFP says so.

    Which coordinates of the data move which others, booleans [D, D]; the coordinate of the data
    that each latent one stands for, [D]; and the logarithms of the slopes, data to latent, [n, D].
    """
    bijector = component.bijector(context)
    n, size = len(data), int(np.prod(component.event_shape))
    nothing, places = np.zeros([size, size], bool), np.arange(size)
    if int(bijector.inverse_min_event_ndims) == 0:
        slopes = bijector.inverse_log_det_jacobian(tf.identity(data), 0)
        return nothing, places, np.broadcast_to(slopes.numpy(), data.shape).reshape(n, size)
    if is_a(bijector, "bijectors.Permute"):
        numbers = tf.reshape(tf.range(size, dtype=tf.float32), [1, *component.event_shape])
        places = np.rint(bijector.inverse(numbers).numpy()).astype(int).reshape(-1)
        return nothing, places, np.zeros([n, size])
    adjacency = None if component.layer is None else component.layer.adjacency
    if adjacency is None:
        return None
    points = component.data_side(data, latent)
    scalar = component.layer.scalar_bijector(points, component.context(context))
    if scalar is None:
        return None
    slopes = _log_slopes(component.layer, scalar, tf.reshape(points, [n, size]))
    if adjacency.diagonal().all():
        moves = adjacency.T & ~np.eye(size, dtype=bool)
        return moves, places, -slopes if component.inverted else slopes
    if component.inverted or (adjacency.sum(1) != 1).any():
        return None
    return nothing, adjacency.argmax(1), slopes


def _log_slopes(layer, scalar, flat) -> np.ndarray:
    """Return the logarithm of the slope of each coordinate, data to latent, [n, D]."""
    slopes = np.zeros(flat.shape)
    transformed = slice(None)
    if layer.transformed is not None:
        transformed = np.flatnonzero(layer.transformed)
        flat = tf.gather(flat, transformed, axis=1)
    slopes[:, transformed] = scalar.inverse_log_det_jacobian(flat, 0).numpy()
    return slopes


def _of_each(base):
    """Return the distribution of each latent coordinate, or None if they depend on each other."""
    if isinstance(base, StandardNormal):
        return tfd.Normal(tf.zeros(base.event_shape, base.dtype), tf.ones([], base.dtype))
    if is_a(base, "distributions.MultivariateNormalDiag"):
        return tfd.Normal(base.mean(), base.stddev())
    if is_a(base, "distributions.Independent"):
        inner = base.distribution
        return inner if inner.event_shape.rank == 0 else None
    return None


def autoregressive_order(decomposition, x, context=None) -> tuple[tuple | None, str]:
    """Return an order in which each coordinate is moved by those before it, or None and why."""
    if _of_each(decomposition.base) is None:
        return None, f"the base {decomposition.base.name!r} has no density of each coordinate"
    if decomposition.latent_shape != decomposition.model.event_shape:
        return None, "latent points and events have different shapes"
    size = decomposition.model.event_size
    before, track = np.zeros([size, size], bool), np.arange(size)
    embedded = decomposition.embed(context)
    for component, data, latent in decomposition.walk(x, context):
        found = _triangular(component, data, latent, embedded)
        if found is None:
            return None, (
                f"{component.name!r} mixes the coordinates, or its layer does not say how by "
                "`adjacency` and `scalar_bijector`"
            )
        moves, places, _ = found
        before[np.ix_(track, track)] |= moves
        track = track[places]
    order = _sorted(before)
    return order, "" if order else "the layers move the coordinates in different orders"


def _sorted(before) -> tuple | None:
    """Return the indices in an order that respects `before[i, j]`, i before j, if there is one."""
    waiting = before.sum(0)
    order, left = [], set(range(len(before)))
    while left:
        free = [i for i in left if waiting[i] == 0]
        if not free:
            return None
        first = min(free)
        order.append(first)
        left.remove(first)
        waiting = waiting - before[first]
    return tuple(order)


def _replacements(model, x, context, log_prob) -> tuple:
    """Return the gains of replacing each coordinate by its best value, and these values."""
    with preserve_state(model.variables):
        return _best_values(model, x, context, log_prob)


def _best_values(model, x, context, log_prob) -> tuple:
    n, size = len(x), model.event_size
    gains, best = np.zeros([n, size]), x.reshape(n, -1).astype(np.float64)
    step = max(1, _AT_ONCE // _CANDIDATES)
    for start in range(0, n, step):
        rows = slice(start, start + step)
        flat = x[rows].reshape(-1, size)
        given = None if context is None else context[rows]
        drawn = model.sample(_CANDIDATES, seed=0, context=given).numpy()
        drawn = drawn.reshape(_CANDIDATES, -1, size).transpose(1, 0, 2)
        drawn = np.sort(np.broadcast_to(drawn, [len(flat), _CANDIDATES, size]), 1)
        for i in range(size):
            top, value = log_prob[rows].copy(), flat[:, i].astype(np.float64)
            tried = drawn[:, :, i]
            scores = _scores(model, flat, given, i, tried)
            top, value = _better(top, value, scores, tried)
            place = scores.argmax(1)[:, np.newaxis]
            low = np.take_along_axis(tried, np.maximum(place - 1, 0), 1)
            high = np.take_along_axis(tried, np.minimum(place + 1, _CANDIDATES - 1), 1)
            tried = low + (high - low) * np.linspace(0, 1, _REFINED + 2)[1:-1]
            tried = tried.astype(flat.dtype)
            top, value = _better(top, value, _scores(model, flat, given, i, tried), tried)
            with np.errstate(invalid="ignore"):
                gains[rows, i] = np.nan_to_num(top - log_prob[rows], nan=0.0, posinf=np.inf)
            best[rows, i] = value
    return gains, best


def _scores(model, flat, context, coordinate, values) -> np.ndarray:
    """Return log densities of rows with each of several values in one coordinate, [n, values]."""
    n, count = values.shape
    changed = np.repeat(flat, count, axis=0)
    changed[:, coordinate] = values.reshape(-1)
    repeated = None if context is None else np.repeat(context, count, axis=0)
    scores = model.log_prob(changed.reshape(-1, *model.event_shape), repeated).numpy()
    scores = np.where(np.isnan(scores), -np.inf, scores)
    return scores.reshape(n, count).astype(np.float64)


def _better(top, value, scores, tried) -> tuple:
    place = scores.argmax(1)
    rows = np.arange(len(top))
    improved = ~(scores[rows, place] <= top)
    return (
        np.where(improved, scores[rows, place], top),
        np.where(improved, tried[rows, place], value),
    )
