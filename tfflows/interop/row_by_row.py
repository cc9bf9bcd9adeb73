"""Whether what is said of a row depends on the rest of its batch: a probe of two batches."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfflows.interop.dry_runs import preserve_state
from tfflows.interop.tfp_classes import is_a
from tfflows.interop.tfp_networks import is_tfp_network
from tfflows.interop.tfp_parts import parts_of

__all__ = ["TOLERANCE", "fault_of_bijector", "fault_of_distribution", "fault_of_maps"]

#: By how much two answers about one row may differ, as a part of them.
TOLERANCE = 1e-3
# A solver of differential equations chooses its steps for all rows of a batch together.
_SOLVER_TOLERANCE = 2e-2

_LIBRARIES = ("keras", "tensorflow", "tensorflow_probability", "tf_keras", "tfflows")
_MOVED = 0.1

Map = Callable[[tf.Tensor], tuple]


def fault_of_maps(
    maps: Iterable[tuple[Map, tuple, tuple | None]],
    dtype: tf.DType | str,
    variables: Iterable[tf.Variable | keras.Variable] = (),
    one_size: bool = False,
    tolerance: float = TOLERANCE,
) -> str | None:
    """Ask maps about one row in two batches, and say what is wrong with the answers.

    The batches differ in all other rows, and in their size. Weights that train are moved meanwhile,
    so that a map which is the identity at the start shows what it will do.

    Parameters
    ----------
    maps : iterable of (callable, tuple, tuple)
        ``map(batch) -> (points, log weights)``, the shape of what it takes, and that of its points,
        which are None if the shape is. The points of one map are tried in the next, where it
        accepts no made-up ones.
    dtype : tf.DType or str
        Type of the rows.
    variables : iterable of tf.Variable or keras.Variable
        What the maps may change; it is put back.
    one_size : bool
        Whether both batches have the same size, for maps that draw.
    tolerance : float
        Largest difference between right answers, as a part of them.

    Returns
    -------
    str or None
        What is wrong, as the end of a sentence; None if nothing is, or no row is accepted.

    Examples
    --------
    >>> import tensorflow as tf
    >>> def whitened(x):
    ...     return x - tf.reduce_mean(x, 0), 0.0
    >>> fault_of_maps([(whitened, (2,), (2,))], "float32").partition(" (")[0]
    'gives a row another point as the rest of its batch changes'
    """
    maps, variables = list(maps), list(variables)
    with preserve_state(variables):
        with _moved(variables):
            heard, fault = _ask_all(maps, dtype, one_size, tolerance)
        return fault if heard else _ask_all(maps, dtype, one_size, tolerance)[1]


def fault_of_bijector(
    bijector: tfb.Bijector,
    event_shape: tuple,
    dtype: tf.DType | str,
    variables: Iterable[tf.Variable | keras.Variable] = (),
) -> str | None:
    """Say what is wrong with a bijector that does not map each row by itself, and what to do.

    TFP's own bijectors do, all but ``tfb.BatchNormalization``; what is asked are those, and
    bijectors with functions or classes of a user's own.

    Examples
    --------
    >>> from tensorflow_probability import bijectors as tfb
    >>> fault_of_bijector(tfb.Softplus(), (2,), "float32") is None
    True
    """
    suspects = _suspects(bijector)
    if not suspects:
        return None
    latent_shape = tuple(bijector.inverse_event_shape(event_shape))

    def inverse(x):
        log_det = bijector.inverse_log_det_jacobian(x, event_ndims=len(event_shape))
        return bijector.inverse(x), log_det

    def forward(z):
        log_det = bijector.forward_log_det_jacobian(z, event_ndims=len(latent_shape))
        return bijector.forward(z), log_det

    maps = [(inverse, event_shape, latent_shape)]
    # That of an autoregressive bijector evaluates its network for each coordinate.
    if not any(is_a(part, "bijectors.MaskedAutoregressiveFlow") for part in suspects):
        maps.insert(0, (forward, latent_shape, event_shape))
    return _named(suspects, fault_of_maps(maps, dtype, variables, tolerance=_tolerance(bijector)))


def fault_of_distribution(
    distribution: tfd.Distribution,
    event_shape: tuple,
    variables: Iterable[tf.Variable | keras.Variable] = (),
) -> str | None:
    """Say what is wrong with a distribution whose log_prob is not that of each row by itself.

    Examples
    --------
    >>> from tensorflow_probability import distributions as tfd
    >>> fault_of_distribution(tfd.MultivariateNormalDiag([0.0, 0.0]), (2,)) is None
    True
    """
    suspects = _suspects(distribution)
    if not suspects:
        return None

    def log_prob(x):
        return None, distribution.log_prob(x)

    maps = [(log_prob, event_shape, None)]
    tolerance = _tolerance(distribution)
    fault = fault_of_maps(maps, distribution.dtype, variables, tolerance=tolerance)
    return _named(suspects, fault)


def _suspects(obj) -> list:
    """Return the parts of a TFP object that may look at a batch as a whole."""
    found = []
    for part in parts_of(obj):
        value = part.value
        if not isinstance(value, tfb.Bijector | tfd.Distribution):
            continue
        if is_a(value, "bijectors.BatchNormalization"):
            suspicious = value.parameters.get("training", True)
        else:
            suspicious = not (_of_library(value) and all(map(_of_library, _functions_of(value))))
        if suspicious:
            found.append(value)
    return found


def _functions_of(value) -> list:
    given = (value.parameters or {}).values()
    return [entry for entry in given if callable(entry) and not isinstance(entry, tfb.Bijector)]


def _of_library(thing) -> bool:
    if is_tfp_network(thing):
        return True
    module = getattr(thing, "__module__", None) or type(thing).__module__
    return module.partition(".")[0] in _LIBRARIES


def _tolerance(obj) -> float:
    solved = any(isinstance(part.value, tfb.FFJORD) for part in parts_of(obj))
    return _SOLVER_TOLERANCE if solved else TOLERANCE


def _named(suspects: list, fault: str | None) -> str | None:
    if fault is None:
        return None
    names = " or ".join(f"{type(part).__name__.lstrip('_')} {part.name!r}" for part in suspects)
    return f"{names} {fault}"


@contextlib.contextmanager
def _moved(variables) -> Iterator[None]:
    rng = np.random.default_rng(0)
    for variable in variables:
        raw = variable.value if isinstance(variable, keras.Variable) else variable
        if variable.trainable and raw.dtype.is_floating:
            raw.assign_add(tf.cast(_MOVED * rng.normal(size=raw.shape), raw.dtype))
    yield


def _ask_all(maps, dtype, one_size, tolerance) -> tuple[bool, str | None]:
    """Return whether each map has answered, and what is wrong with an answer."""
    heard, images = True, []
    for function, shape, image_shape in maps:
        pairs = itertools.chain(_pairs(shape, dtype, one_size), images)
        fault, points = _ask(function, pairs, image_shape, tolerance)
        if fault is not None:
            return True, fault
        heard = heard and points is not None
        images = [] if points is None else [points]
    return heard, None


def _ask(function, pairs, image_shape, tolerance) -> tuple[str | None, list | None]:
    """Return what is wrong with the answers to the first pair that has any, and their points."""
    for pair in pairs:
        try:
            answers = [function(tf.identity(batch)) for batch in pair]
        except (tf.errors.InvalidArgumentError, NotImplementedError):
            continue
        for batch, (points, log_weight) in zip(pair, answers, strict=True):
            fault = _misshapen(len(batch), points, log_weight, image_shape)
            if fault is not None:
                return fault, None
        kinds = ("point", "log-determinant") if image_shape is not None else (None, "log_prob")
        first = [
            {kind: _first(value) for kind, value in zip(kinds, answer, strict=True) if kind}
            for answer in answers
        ]
        fault = _differing(*first, tolerance)
        if fault is not None or all(np.isfinite(value).all() for value in first[0].values()):
            return fault, [points for points, _ in answers]
    return None, None


def _misshapen(rows, points, log_weight, image_shape) -> str | None:
    shape = np.shape(log_weight)
    # A log-determinant that is the same for all rows need not be repeated.
    allowed = [(rows,)] if points is None else [(rows,), (1,), ()]
    if shape not in allowed:
        what = "log_prob" if points is None else "log-determinant"
        return (
            f"gives a batch of {rows} rows a {what} of shape {shape}: right is one number for each "
            f"row, shape ({rows},), as by tf.reduce_sum over the axes of an event, without "
            "keepdims."
        )
    if points is not None and np.shape(points) != (rows, *image_shape):
        return (
            f"maps a batch of {rows} rows to points of shape {np.shape(points)}: right is "
            f"{(rows, *image_shape)}."
        )
    return None


def _differing(one: dict, other: dict, tolerance: float) -> str | None:
    for what, value in one.items():
        if not np.allclose(value, other[what], rtol=tolerance, atol=tolerance, equal_nan=True):
            return (
                f"gives a row another {what} as the rest of its batch changes ({_brief(value)}; "
                f"{_brief(other[what])}), while a density is that of a row by itself. Take means "
                "and scales from data once, as tfflows.layers.ActNorm and "
                "tfflows.layers.Standardize do, and sum a log-determinant over the axes of an "
                "event alone."
            )
    return None


def _first(values) -> np.ndarray:
    """Return what belongs to the first row, of points or of log weights."""
    values = np.asarray(values)
    return values[0] if values.ndim else values


def _brief(values) -> str:
    return ", ".join(f"{value:.4g}" for value in np.ravel(values)[:3])


def _pairs(shape, dtype, one_size) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """Yield pairs of batches that have the first row alone in common."""
    # Numbers of rows that are none of coordinates: an axis taken for another one shows.
    size, *others = (rows for rows in (5, 7, 11, 13) if rows not in shape)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(size, *shape))
    rest = 3.0 * rng.normal(size=((size if one_size else others[0]) - 1, *shape))
    kinds = [lambda x: x, lambda x: 0.5 + np.arctan(x) / 4.0]
    if len(shape) > 1 and shape[-1] == shape[-2]:
        # Bijectors of triangular matrices, with a positive diagonal.
        kinds.append(lambda x: np.tril(x, -1) + np.exp(x / 4.0) * np.eye(shape[-1]))
    for kind in kinds:
        pair = kind(rows), kind(np.concatenate([rows[:1], rest]))
        yield tuple(tf.constant(batch, dtype) for batch in pair)
