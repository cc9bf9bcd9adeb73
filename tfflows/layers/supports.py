"""One first layer of columns of several kinds."""

import keras

from tfflows.layers.blockwise import Blockwise

__all__ = ["Supports"]


@keras.saving.register_keras_serializable(package="tfflows")
class Supports(Blockwise):
    r"""A layer for each column, or group of columns, of a table: what values each can have.

    .. math:: x = (b_1(z_1), \dots, b_K(z_K)), \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right|
        = \sum_k \log\left|\det \frac{\partial z_k}{\partial x_k}\right|

    It stands nearest the data, before `Standardize`. An event is outside if one of its columns is.
    Columns of one kind that follow one another are faster as one entry, such as
    ``(Positive(), 20)``.

    Parameters
    ----------
    entries : sequence
        In the order of the columns, each of

        - a layer, such as `Interval`, `Positive` or `Circular`, for the next column,
        - None, for a column that may be any number,
        - a pair of a layer, or None, and the number of columns that it takes, such as
          ``(Simplex(), 3)``.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    TypeError
        If an entry is none of these, or its layer is no bijection.
    ValueError
        If the number of columns is not that of an event, or events are no vectors.

    Examples
    --------
    A share, a price, an angle, and three parts of a whole:

    >>> import tfflows
    >>> from tfflows import layers
    >>> entries = [layers.Interval(0, 1), layers.Positive(), layers.Circular(180.0)]
    >>> first = layers.Supports([*entries, (layers.Simplex(), 3)])
    >>> flow = tfflows.MAF(6, transforms=1, hidden_units=(8,), first=[first])
    >>> flow.sample(1000, seed=0).numpy()[:, 3:].sum(1).round(3).tolist() == [1.0] * 1000
    True
    """
