"""First layers of columns that have ends."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfflows.bijectors import columnwise
from tfflows.layers.base import BijectorLayer

__all__ = ["Interval", "Positive", "coordinates_outside"]


@keras.saving.register_keras_serializable(package="tfflows")
class Interval(BijectorLayer):
    r"""Coordinates between two ends, of which either may be infinite.

    From latent z to data x,

    .. math::
        x = a + \frac{b - a}{1 + e^{-z}}, \qquad x = a + e^z \;(b = \infty), \qquad
        x = b - e^{-z} \;(a = -\infty), \qquad x = z \;\text{on the whole line.}

    The layer stands nearest the data, before `Standardize`, and has no weights: data in other units
    make the same model. Beyond its ends, and on them, the density is zero; every draw lies strictly
    between them. Columns of a light tail may do better with the softplus of `Columnwise`.

    Nearest the base and inverted it does the opposite, and hands a base on an interval, such as
    `tfflows.distributions.BoxUniform`, what comes from layers of the whole line.

    Parameters
    ----------
    low, high : float or array
        :math:`a` and :math:`b`, for all coordinates or of a shape that broadcasts to that of an
        event; infinite where there is no end.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If `low` is not below `high`, or is NaN; when built, if the ends do not have the shape of an
        event, or no number of the type of the layer lies between them.

    Examples
    --------
    >>> import numpy as np, tensorflow as tf
    >>> layer = Interval([0.0, 0.0, -np.inf], [1.0, np.inf, np.inf])
    >>> print(layer(tf.constant([[0.5, 1.0, 7.0], [0.5, -1.0, 7.0]])).numpy())
    [[ 0.  0.  7.]
     [nan nan nan]]
    """

    def __init__(self, low=-math.inf, high=math.inf, **kwargs):
        super().__init__(**kwargs)
        self.low, self.high = np.asarray(low, np.float64), np.asarray(high, np.float64)
        try:
            ordered = np.all(self.low < self.high)
        except ValueError:
            raise ValueError(
                f"low has shape {self.low.shape} and high {self.high.shape}, and an end belongs to "
                "each coordinate; give numbers, or arrays of one shape."
            ) from None
        if not ordered:
            raise ValueError(f"low must be below high; got {low!r} and {high!r}.")

    def build(self, event_shape, context_shape=None):
        """Choose the map of each coordinate by its ends."""
        self.event_shape = tuple(event_shape)
        try:
            low, high = (np.broadcast_to(end, self.event_shape) for end in (self.low, self.high))
        except ValueError:
            raise ValueError(
                f"low has shape {self.low.shape} and high {self.high.shape}; expected numbers, or "
                f"shapes that broadcast to that of an event, {self.event_shape}."
            ) from None
        below, above = np.isfinite(low), np.isfinite(high)
        kinds = np.select([below & above, below | above], ["logit", "log"], "identity")
        self._maps, self._ends = kinds.astype(object), (low, high)
        low, high = (end[below & above].astype(self.variable_dtype) for end in self._ends)
        if not np.all(np.nextafter(low, high) < high):
            raise ValueError(
                f"no {self.variable_dtype} number lies between low={self.low.tolist()} and "
                f"high={self.high.tolist()}; subtract an offset first, or use float64."
            )
        self.built = True

    def bijector(self, context=None):
        """Return the bijector, latent to data."""
        zeros = tf.zeros(self.event_shape, self.variable_dtype)
        return columnwise.Columnwise(
            self._maps.ravel(), self.event_shape, *self._ends, location=zeros, log_scale=zeros
        )

    @property
    def bounded(self) -> bool:
        """Whether some events are outside."""
        return bool(np.isfinite(self.low).any() or np.isfinite(self.high).any())

    def explain_outside(self, x) -> str:
        """Say which coordinates of rows `x` are outside, and what to do."""
        return (
            f"Coordinate {coordinates_outside(self.bijector(), x)} must lie strictly between low "
            "and high. Drop the rows, move the ends outward, or, where values lie on an end, move "
            "all values x inside: as shares of the interval to (x (n - 1) + 1/2) / n, with n rows."
        )

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "low": self.low.tolist(), "high": self.high.tolist()}


@keras.saving.register_keras_serializable(package="tfflows")
class Positive(Interval):
    r"""Coordinates above zero: :math:`x = e^z`, and the density zero elsewhere.

    `Interval` with the ends 0 and infinity.

    Parameters
    ----------
    **kwargs
        Keras's own arguments.

    Examples
    --------
    >>> import tensorflow as tf
    >>> print(Positive()(tf.constant([[1.0], [0.0]])).numpy())
    [[ 0.]
     [nan]]
    """

    def __init__(self, **kwargs):
        super().__init__(0.0, math.inf, **kwargs)

    def get_config(self):
        """Return the constructor's arguments."""
        config = super().get_config()
        return {key: value for key, value in config.items() if key not in ("low", "high")}


def coordinates_outside(bijector, x) -> str:
    """List the flattened coordinates in which rows `x` are outside the range of scalar maps."""
    log_slopes = bijector.inverse_log_det_jacobian(tf.constant(x, bijector.dtype), event_ndims=0)
    outside = np.isneginf(log_slopes.numpy()).reshape(len(x), -1).any(0)
    return ", ".join(map(str, np.flatnonzero(outside)[:10]))
