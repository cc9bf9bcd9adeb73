"""Running a TFP object once on a made-up event, to learn shapes and to make lazy weights exist."""

from collections.abc import Callable, Iterator

import tensorflow as tf
from tensorflow_probability import bijectors as tfb

__all__ = ["first_that_runs", "made_up_events"]


def made_up_events(
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
    >>> [float(event) for event in made_up_events((), "float32")]
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
