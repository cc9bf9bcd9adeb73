"""Layers that take a location and a scale for each coordinate from data."""

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfflows.inputs.arrays import chunks
from tfflows.layers.base import BijectorLayer
from tfflows.layers.raw_parameters import RawParameterLayer

__all__ = ["ActNorm", "Standardize", "standardize_of_context"]


class FromData(BijectorLayer):
    """What the layers that see data share: whether they have, as a weight, so that it is saved."""

    def build(self, event_shape, context_shape=None):
        """Remember the shape of an event, and that no data have been seen."""
        super().build(event_shape, context_shape)
        self.event_shape = tuple(event_shape)
        self.adapted = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="adapted"
        )

    @property
    def needs_adapt(self) -> bool:
        """Whether the layer still waits for `adapt` to see data."""
        return not bool(self.adapted.numpy())

    def keep_start(self):
        """Stay the identity, and wait for no data."""
        self.adapted.assign(1.0)


@keras.saving.register_keras_serializable(package="tfflows")
class Standardize(FromData):
    r"""Shift and scale each coordinate to mean 0 and standard deviation 1, fixed after `adapt`.

    .. math:: z = \frac{x - \mu}{\sigma}, \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| = -\sum_i \log \sigma_i

    The log-determinant counts, so that densities stay in the units of the data.

    Parameters
    ----------
    constant : str
        What `adapt` does about a coordinate that never changes: ``"refuse"``, because its density
        is unbounded, or ``"keep"`` its scale, which is right for a context.
    columns : str or array of bool
        The coordinates to standardize, of which the others keep their values: ``"all"``, a bool for
        each, in the shape of an event, or ``"continuous"``, which is right for a context. Then
        zeros and ones (indicators, masks) keep their values; two other values become -1 and 1; and
        where more than half of the values are zero (padding) zero stays where it is, and the
        others are scaled by their root mean square. However rare a value is, it stays near.
    **kwargs
        Keras's own arguments.

    Examples
    --------
    >>> import numpy as np, tensorflow as tf
    >>> layer = Standardize()
    >>> layer.build(event_shape=(2,))
    >>> layer.adapt(np.array([[0.0, 10.0], [2.0, 30.0]], "float32"))
    >>> print(layer(tf.constant([[2.0, 10.0]])).numpy().round(4))
    [[ 1. -1.]]
    """

    def __init__(self, constant: str = "refuse", columns="all", **kwargs):
        super().__init__(**kwargs)
        if constant not in ("refuse", "keep"):
            raise ValueError(f'constant must be "refuse" or "keep"; got {constant!r}.')
        if isinstance(columns, str):
            if columns not in ("all", "continuous"):
                raise ValueError(
                    f'columns must be "all", "continuous" or a bool for each; got {columns!r}.'
                )
        else:
            columns = np.asarray(columns)
            if columns.dtype != bool:
                raise TypeError(f"columns must hold a bool for each column; got {columns!r}.")
        self.constant, self.columns = constant, columns

    def get_config(self):
        """Return the constructor's arguments."""
        columns = self.columns if isinstance(self.columns, str) else self.columns.tolist()
        return {**super().get_config(), "constant": self.constant, "columns": columns}

    def build(self, event_shape, context_shape=None):
        """Create location and log scale, both zero until `adapt`."""
        super().build(event_shape, context_shape)
        if not isinstance(self.columns, str) and self.columns.shape != self.event_shape:
            raise ValueError(
                f"columns must hold a bool for each column, shape {self.event_shape}; got shape "
                f"{self.columns.shape}."
            )
        zeros = {"shape": self.event_shape, "initializer": "zeros", "trainable": False}
        self.location = self.add_weight(name="location", **zeros)
        self.log_scale = self.add_weight(name="log_scale", **zeros)
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the statistics describe."""
        shift = tfb.Shift(tf.convert_to_tensor(self.location))
        return shift(tfb.Scale(log_scale=tf.convert_to_tensor(self.log_scale)))

    @property
    def statistics(self) -> dict:
        """Mean and standard deviation of each coordinate."""
        return {"mean": self.location.numpy(), "deviation": np.exp(self.log_scale.numpy())}

    def adapt(self, x, context=None, sample_weight=None):
        """Take mean and standard deviation of each coordinate from `x`.

        Raises
        ------
        ValueError
            If a coordinate is constant and the layer refuses that.
        """
        mean, deviation = moments(x, sample_weight, self.constant)
        if isinstance(self.columns, np.ndarray):
            mean = np.where(self.columns, mean, 0.0)
            deviation = np.where(self.columns, deviation, 1.0)
        elif self.columns == "continuous":
            mean, deviation = _of_continuous(x, sample_weight, mean, deviation)
        self.location.assign(mean)
        self.log_scale.assign(np.log(deviation))
        self.adapted.assign(1.0)


@keras.saving.register_keras_serializable(package="tfflows")
class ActNorm(FromData, RawParameterLayer):
    r"""A learned shift and scale of each coordinate that starts as a standardization of the data.

    .. math:: z = (x - b)\, e^{-s}, \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| = -\sum_i s_i

    `adapt` sets b and s to the mean and the log of the standard deviation; training then moves
    them. With a context, a network that starts at zero moves them, too.

    Parameters
    ----------
    hidden_units : sequence of int
        Widths of the network of the context.
    activation : str or callable
        Activation of that network.
    **kwargs
        Keras's own arguments.

    References
    ----------
    Kingma and Dhariwal (2018), "Glow: Generative Flow with Invertible 1x1 Convolutions",
    arXiv:1807.03039.

    Examples
    --------
    >>> import numpy as np, tensorflow as tf
    >>> layer = ActNorm()
    >>> layer.build(event_shape=(2,))
    >>> layer.adapt(np.array([[0.0, 10.0], [2.0, 30.0]], "float32"))
    >>> print(layer(tf.constant([[2.0, 10.0]])).numpy().round(4))
    [[ 1. -1.]]
    """

    def build(self, event_shape, context_shape=None):
        """Create the parameters for events of `event_shape`."""
        super().build(event_shape, context_shape)
        self.raw = self.add_raw((2, *self.event_shape))
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        raw = self.raw(context)
        axis = raw.shape.rank - len(self.event_shape) - 1
        shift, log_scale = tf.unstack(raw, axis=axis)
        return tfb.Shift(shift)(tfb.Scale(log_scale=log_scale))

    def adapt(self, x, context=None, sample_weight=None):
        """Start from mean and standard deviation of each coordinate of `x`.

        Raises
        ------
        ValueError
            If a coordinate is constant: its density would be unbounded.
        """
        mean, deviation = moments(x, sample_weight)
        self.raw.value.assign(np.stack([mean, np.log(deviation)]))
        self.adapted.assign(1.0)


def standardize_of_context(chosen, shape: tuple, dtype) -> Standardize | None:
    """Return the built layer for contexts of a shape, all or `chosen` columns; None for none."""
    if not np.any(chosen):
        return None
    columns = "continuous" if np.ndim(chosen) == 0 else chosen
    layer = Standardize("keep", columns, dtype=dtype, name="context_standardize")
    layer.build(shape)
    return layer


def _of_continuous(x, sample_weight, mean, deviation) -> tuple:
    """Return location and scale of coordinates, of which some are indicators, masks or padded.

    A column that is nearly always the same has a tiny deviation, by which the one value that is
    another would become an input of fifty or more.
    """
    x = np.asarray(x)
    rows = x if sample_weight is None else x[np.asarray(sample_weight) > 0]
    low, high = rows.min(0).astype(np.float64), rows.max(0).astype(np.float64)
    two = ((rows == low) | (rows == high)).all(0)
    indicator = two & np.isin(low, (0, 1)) & np.isin(high, (0, 1))
    two &= ~indicator & (low < high)
    count = (rows != 0).sum(0)
    padded = ~indicator & ~two & (count > 0) & (2 * count < len(rows))
    square = np.square(rows, dtype=np.float64).sum(0) / np.maximum(count, 1)
    location = np.select([indicator | padded, two], [0.0, (low + high) / 2], mean)
    scales = [np.ones_like(low), np.sqrt(square), (high - low) / 2]
    return location, np.select([indicator, padded, two], scales, deviation)


def moments(x, sample_weight=None, constant: str = "refuse"):
    """Return weighted mean and standard deviation of each coordinate, computed in float64.

    Raises
    ------
    ValueError
        If there are no rows, or a coordinate is constant.
    """
    x = np.asarray(x)
    if len(x) == 0:
        raise ValueError("adapt needs at least two rows of data; x has none.")
    weight = None if sample_weight is None else np.asarray(sample_weight, np.float64)
    mean = np.average(x, axis=0, weights=weight) if weight is not None else x.mean(0, np.float64)
    square = np.zeros(x.shape[1:])
    total = len(x) if weight is None else weight.sum()
    # In chunks: the centered copy of a large table would double its memory.
    for rows, part in chunks(x, weight):
        centered = (x[rows] - mean) ** 2
        if part is not None:
            centered = centered * part.reshape(-1, *[1] * (x.ndim - 1))
        square += centered.sum(0)
    deviation = np.sqrt(square / total)
    tiny = 16 * np.finfo(x.dtype if x.dtype.kind == "f" else np.float64).eps
    still = deviation <= tiny * np.maximum(np.abs(mean), tiny)
    if still.any() and constant == "refuse":
        names = ", ".join(
            str(int(i[0]) if len(i) == 1 else tuple(map(int, i))) for i in np.argwhere(still)[:10]
        )
        raise ValueError(
            f"x is constant in coordinate {names}: its density is unbounded there. Drop the "
            "constant coordinates, or add noise to them."
        )
    return mean, np.where(still, 1.0, deviation)
