"""Why is this row unlikely? Exact terms of a log density, and what each coordinate costs."""

import functools

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfflows import bijectors, layers
from tfflows.diagnostics.anatomy import Anatomy, core_of, is_a
from tfflows.distributions import StandardNormal
from tfflows.inputs.arrays import check_table
from tfflows.saving.probing import only_looking

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

    Notes
    -----
    Terms say where a density comes from; they cannot always say whose fault it is that it is low. A
    wrong value may make the coordinates after it look strange, and terms of different coordinates
    are in different units. `gain` answers that question for any model.
    """

    def __init__(self, model, x, context, log_prob, names, terms, order):
        self._model, self._x, self._context = model, x, context
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
    """Take the log densities of rows apart; see `DensityModel.explain`."""
    model.build()
    if np.ndim(x) == len(model.event_shape):
        x = x[np.newaxis] if hasattr(x, "dtype") else [x]
    x, context, _ = check_table(model, x, context, None)
    with only_looking(model.variables):
        return _terms(model, x, context)


def _terms(model, x, context) -> Explanation:
    log_prob = model.log_prob(x, context).numpy().astype(np.float64)
    anatomy = Anatomy(model)
    if anatomy.base is None:
        return Explanation(
            model, x, context, log_prob, ("log p",), log_prob[:, np.newaxis].copy(), None
        )
    order = autoregressive_order(anatomy)
    parts = []
    for start in range(0, max(len(x), 1), _AT_ONCE):
        rows = tf.constant(x[start : start + _AT_ONCE])
        given = None if context is None else tf.constant(context[start : start + _AT_ONCE])
        split = _by_layer if order is None else _by_coordinate
        parts.append(split(anatomy, rows, given))
    terms = np.concatenate(parts)
    if order is None:
        names = ["base", *(piece.name for piece in anatomy.pieces)]
    else:
        terms = terms[:, order]
        names = [_name(order, place) for place in range(len(order))]
    return Explanation(model, x, context, log_prob, names, terms, order)


def _name(order, place) -> str:
    before = ", ".join(f"x{i}" for i in order[:place][:3])
    more = ", ..." if place > 3 else ""
    return f"log p(x{order[place]}{' | ' + before + more if place else ''})"


def _by_layer(anatomy, x, context) -> np.ndarray:
    """Return the log density of the base and the log-determinant of each piece, [n, 1 + pieces]."""
    embedded = anatomy.embed(context)
    n, found = len(x), []
    for piece in anatomy.pieces:
        bijector = piece.bijector(embedded)
        found.append(bijector.inverse_log_det_jacobian(tf.identity(x), len(piece.event_shape)))
        x = bijector.inverse(tf.identity(x))
    found.insert(0, anatomy.base.log_prob(x))
    return np.stack([np.broadcast_to(part.numpy(), [n]) for part in found], 1).astype(np.float64)


def _by_coordinate(anatomy, x, context) -> np.ndarray:
    """Return the terms of each coordinate of the data, [n, D]."""
    embedded = anatomy.embed(context)
    terms = np.zeros([len(x), int(np.prod(x.shape[1:]))])
    track = np.arange(terms.shape[1])
    for piece in anatomy.pieces:
        bijector = piece.bijector(embedded)
        image = bijector.inverse(tf.identity(x))
        if _permutes(bijector):
            track = track[_permutation(bijector, piece.event_shape)]
        else:
            terms[:, track] += _log_slopes(piece, bijector, x, image, embedded)
        x = image
    base = _of_each(anatomy.base).log_prob(x).numpy()
    terms[:, track] += np.broadcast_to(base, x.shape).reshape(terms.shape)
    return terms


def _permutes(bijector) -> bool:
    return isinstance(bijector, bijectors.Permutation) or is_a(bijector, "bijectors.Permute")


def _permutation(bijector, event_shape) -> np.ndarray:
    """Return the data coordinate that each latent coordinate is."""
    size = int(np.prod(event_shape))
    places = tf.reshape(tf.range(size, dtype=tf.float32), event_shape)
    return np.rint(bijector.inverse(places[tf.newaxis]).numpy()).astype(int).reshape(-1)


def _log_slopes(piece, bijector, x, image, context) -> np.ndarray:
    """Return the logarithm of the slope of each coordinate, data to latent, [n, D]."""
    core, inverted = core_of(piece.layer)
    n = x.shape[0]
    if not isinstance(core, layers.MaskedAutoregressive | layers.Coupling):
        slopes = bijector.inverse_log_det_jacobian(tf.identity(x), 0)
        return np.broadcast_to(slopes.numpy(), x.shape).reshape(n, -1)
    flat = tf.reshape(image if inverted else x, [n, -1])
    inner = core.bijector(None if core.context_shape is None else context)
    slopes = np.zeros(flat.shape)
    if isinstance(core, layers.Coupling):
        passing, moving = np.flatnonzero(core._passing), np.flatnonzero(~core._passing)
        scalar = inner._univariate(inner._raw_parameters(tf.gather(flat, passing, axis=1)))
    else:
        moving = np.arange(flat.shape[1])
        scalar = inner._univariate(inner._raw_parameters(flat), *inner._weights)
    at = tf.gather(flat, moving, axis=1)
    slopes[:, moving] = scalar.inverse_log_det_jacobian(at, 0).numpy()
    return -slopes if inverted else slopes


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


def autoregressive_order(anatomy) -> tuple | None:
    """Return an order in which each coordinate is moved by those before it, or None."""
    if _of_each(anatomy.base) is None or anatomy.latent_shape != anatomy.model.event_shape:
        return None
    size = anatomy.model.event_size
    before, track = np.zeros([size, size], bool), np.arange(size)
    for piece in anatomy.pieces:
        core, _ = core_of(piece.layer)
        if isinstance(core, layers.MaskedAutoregressive | layers.Coupling):
            if type(core) not in (layers.MaskedAutoregressive, layers.Coupling):
                return None
            if isinstance(core, layers.Coupling):
                degrees = np.where(core._passing, 0, 1)
            else:
                degrees = np.asarray(core.network.input_degrees)
            moves = degrees[:, np.newaxis] < degrees[np.newaxis, :]
            before[np.ix_(track, track)] |= moves
            continue
        bijector = None
        if core is None or isinstance(core, layers.Permute | layers.Reverse | layers.Static):
            bijector = (piece if core is None else core).bijector(None)
        if _permutes(bijector) and not core_of(piece.layer)[1]:
            track = track[_permutation(bijector, piece.event_shape)]
        elif not _elementwise(core, bijector):
            return None
    return _sorted(before)


def _elementwise(core, bijector) -> bool:
    known = (layers.Elementwise, layers.Shift, layers.Scale, layers.Standardize, layers.ActNorm)
    if isinstance(core, known):
        return True
    return bijector is not None and int(bijector.inverse_min_event_ndims) == 0


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
    with only_looking(model.variables):
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
