"""Running a TFP object once on a made-up event, to learn shapes and to make lazy weights exist."""

import contextlib
import random
from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

__all__ = ["dummy_events", "first_that_runs", "preserve_state", "restore_variables", "value_of"]


def dummy_events(
    shape: tuple[int, ...], dtype: tf.DType | str, bijector: tfb.Bijector | None = None
) -> Iterator[tf.Tensor]:
    """Yield events that lie in the support of most distributions, and images of such events.

    Parameters
    ----------
    shape : tuple of int
        Shape of the tensors, batch axes included.
    dtype : tf.DType or str
        Their type.
    bijector : tfb.Bijector, optional
        A bijector whose images of made-up latent events follow at the end.

    Examples
    --------
    >>> [float(event) for event in dummy_events((), "float32")]
    [0.0, 0.5, 1.0, -0.5]
    """
    yield from _constants(shape, dtype)
    if bijector is not None:
        for latent in _constants(tuple(bijector.inverse_event_shape(shape)), dtype):
            yield bijector.forward(latent)


def _constants(shape, dtype):
    for number in (0.0, 0.5, 1.0, -0.5):
        yield tf.cast(tf.fill(shape, number), dtype)
    if len(shape) >= 2 and shape[-1] == shape[-2]:
        # Bijectors of triangular and positive definite matrices.
        yield tf.eye(shape[-1], batch_shape=shape[:-2], dtype=dtype)


def first_that_runs(function: Callable[[tf.Tensor], object], events: Iterator[tf.Tensor]) -> object:
    """Return the function's answer to the first event that it accepts.

    A check of values (``validate_args=True``, a singular matrix) refuses an event by
    tf.errors.InvalidArgumentError; any other error is passed on.

    Raises
    ------
    tf.errors.InvalidArgumentError
        If every event is refused: the last refusal.
    """
    refusal = None
    while True:
        try:
            event = next(events, None)
            if event is None:
                raise refusal
            return function(event)
        except tf.errors.InvalidArgumentError as error:
            if error is refusal:
                raise
            refusal = error


@contextlib.contextmanager
def restore_variables(variables: Iterable[tf.Variable | keras.Variable]) -> Iterator[None]:
    """Give variables their values back at the end: a call may update running statistics.

    Parameters
    ----------
    variables : iterable of tf.Variable or keras.Variable
        Variables that exist.

    Examples
    --------
    >>> import tensorflow as tf
    >>> count = tf.Variable(1.0)
    >>> with restore_variables([count]):
    ...     _ = count.assign_add(1.0)
    >>> float(count)
    1.0
    """
    variables = list(variables)
    before = [value_of(variable) for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            if not np.array_equal(value_of(variable), value):
                variable.assign(value)


@contextlib.contextmanager
def preserve_state(variables: Iterable[tf.Variable | keras.Variable]) -> Iterator[None]:
    """Leave no trace: neither in variables nor in the global states of NumPy's and Python's draws.

    Not for calls that make weights: the next network would draw the same ones. TensorFlow has no
    public way to set back what its own stateful operations draw from.

    Parameters
    ----------
    variables : iterable of tf.Variable or keras.Variable
        What the calls meanwhile may change.

    Examples
    --------
    >>> import numpy as np
    >>> np.random.seed(0)
    >>> with preserve_state([]):
    ...     first = np.random.uniform()
    >>> bool(first == np.random.uniform())
    True
    """
    numpy_state, python_state = np.random.get_state(), random.getstate()
    try:
        with restore_variables(variables):
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)


def value_of(variable: tf.Variable | keras.Variable) -> np.ndarray:
    """Return the value of a variable, also of one that a strategy spreads over replicas.

    Examples
    --------
    >>> import tensorflow as tf
    >>> value_of(tf.Variable([1, 2])).tolist()
    [1, 2]
    """
    raw = variable.value if isinstance(variable, keras.Variable) else variable
    return tf.convert_to_tensor(raw).numpy()
