"""Events as a table with the names of the columns that a model was fitted to."""

import numpy as np

from tfflows.inputs import frames, validation

__all__ = ["sample_frame"]


def sample_frame(model, n: int = 1, seed=None, context=None):
    """Draw events as a pandas frame, with the names of the frame that the model was fitted to.

    Parameters
    ----------
    n : int
        Number of events, for each context where there is one.
    seed : int or pair of int, optional
        The same seed gives the same events, those of `sample`.
    context : frame or array, optional
        Contexts ``[..., *context_shape]``.

    Returns
    -------
    pandas.DataFrame
        A row for each event. Of several contexts, the events of the first `n` rows belong to the
        first one, and so on; where the columns of the contexts have names, they stand behind.

    Raises
    ------
    ValueError
        If the model knows no names, or as in `sample`.

    Examples
    --------
    >>> import numpy as np, pandas, tfflows
    >>> x = np.random.default_rng(0).normal([170.0, 60.0], [8.0, 9.0], size=(500, 2))
    >>> flow = tfflows.SinhArcsinhNormal(2)
    >>> flow.adapt(pandas.DataFrame(x, columns=["height", "weight"]))
    >>> list(flow.sample_frame(3, seed=0).columns)
    ['height', 'weight']
    """
    names, of_context = model.event_columns.names, model.context_columns.names
    if names is None:
        raise ValueError(
            "this model knows no names of columns: fit it to a frame, or use sample(), which "
            "returns a tensor."
        )
    (count,) = validation.as_shape(n, "n")
    context = validation.check_context(
        context, model.context_shape, model.variable_dtype, model.context_columns
    )
    drawn = np.asarray(model.sample(count, seed=seed, context=context))
    size, given = model.event_columns.size, model.context_columns.size
    # [n, contexts, D] to the events of one context after those of the other.
    rows = np.swapaxes(drawn.reshape(count, -1, size), 0, 1).reshape(-1, size)
    columns = dict(zip(names, rows.T, strict=True))
    if of_context is not None:
        each = np.repeat(np.reshape(context, (-1, given)), count, axis=0)
        columns |= dict(zip(of_context, each.T, strict=True))
    return frames.as_frame(columns)
