"""`predict`: Keras's loop over batches of log densities, of data that enter as everywhere else."""

import warnings

import keras
import tensorflow as tf

from tfflows.inputs import validation
from tfflows.inputs.arrays import check_table
from tfflows.inputs.datasets import is_dataset, open_batches, raising_value_errors, unpack

__all__ = ["predict"]


@raising_value_errors()
def predict(
    model,
    x,
    batch_size: int | None = None,
    verbose="auto",
    steps: int | None = None,
    callbacks=None,
    *,
    context=None,
):
    """Return the log densities of `x`, or of the pair ``(x, context)``, as a NumPy array.

    Parameters
    ----------
    x : array, pair of arrays or dataset
        Events ``[N, *event_shape]``, ``(x, context)``, or batches as `fit` takes them.
    batch_size, verbose, steps, callbacks
        As in Keras.
    context : array, optional
        Contexts ``[N, *context_shape]``.

    Returns
    -------
    np.ndarray
        ``[N]``.

    Raises
    ------
    ValueError
        If shapes do not fit, numbers are not finite, or a context is missing or not wanted.
    """
    model.build()
    if is_dataset(x):
        if context is not None:
            raise ValueError("a dataset yields its own context, as (x, context). Drop context=.")
        batches = open_batches(model, x)
        data = batches.dataset
        if isinstance(data, tf.data.Dataset):  # and not one that is shared out to replicas
            data = data.map(lambda *parts: (_as_input(*unpack(parts)[:2]),))
        if steps is None:
            steps = batches.steps
    else:
        x, context = validation.split_pair(x, context)
        data = _as_input(*check_table(model, x, context, None)[:2])
    with warnings.catch_warnings():
        if steps is None:
            # Keras takes the end of a dataset of unknown length for one that comes too early.
            warnings.filterwarnings("ignore", "Your input ran out of data", UserWarning)
        return keras.Model.predict(
            model, data, batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks
        )


def _as_input(x, context):
    return x if context is None else (x, context)
