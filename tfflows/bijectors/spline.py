"""What the splines share: a box in which they bend, and what they do outside it."""

import math

import tensorflow as tf

from tfflows.bijectors.circle import split_turns
from tfflows.bijectors.knots import aligned, parameters_first, shares
from tfflows.bijectors.parameters import RawBijector

__all__ = ["Spline", "soft_slope"]


class Spline(RawBijector):
    r"""An increasing map of ``[-bound, bound]`` onto itself, with a straight line on either side.

    A subclass implements ``_bend(raw, value, along)``, which maps values in the box by raw numbers
    ``[P, ...]`` and also returns :math:`\log dz/dx` there: data to latent for ``along=0``, latent
    to data for ``along=1``. It may override ``_ends(raw)`` to give the lines another slope than 1.

    With ``circular=True`` the ends of the box are one point of a circle. The map then repeats
    itself, :math:`z(x + 2\,bound) = z(x) + 2\,bound`, and a value outside the box is a point that
    has gone around the circle.

    Parameters
    ----------
    raw : tf.Tensor
        Unconstrained numbers ``[..., per_bin K + extra]``, of known rank; the leading axes
        broadcast against the values.
    per_bin, extra : int
        How many raw numbers there are for K bins.
    bound : float
        Half the width of the box, in units of the data; positive.
    circular : bool
        Whether the ends of the box are one point.
    name : str
        Name of the bijector.

    Raises
    ------
    ValueError
        If the last axis of `raw` fits no number of bins, or `raw` is not of a floating-point type.
    """

    def __init__(
        self, raw, *, per_bin: int, extra: int, bound: float, circular: bool = False, name: str
    ):
        super().__init__(raw, name=name)
        size = self._raw.shape[-1]
        if size is None or size < per_bin + extra or (size - extra) % per_bin:
            raise ValueError(
                f"expected raw parameters [..., {_formula(per_bin, extra)}] for K bins; got shape "
                f"{self._raw.shape}."
            )
        self._bins = (size - extra) // per_bin
        self._bound = float(bound)
        self._circular = circular

    @property
    def increasing(self) -> bool | None:
        """True of a map of the line; a circle has no order."""
        return None if self._circular else True

    @property
    def bound(self) -> float:
        """Half the width of the box."""
        return self._bound

    @property
    def bins(self) -> int:
        """Number of bins, K."""
        return self._bins

    def data_knots(self) -> tf.Tensor:
        """Return the ends of the bins on the data side, ``[..., K + 1]``, from -bound to bound."""
        ends = self._bound * (2.0 * tf.cumsum(self._widths(), axis=-1) - 1.0)
        return tf.concat([-self._bound * tf.ones_like(ends[..., :1]), ends], -1)

    def _widths(self):
        """Return the shares of the box that the bins take on the data side, ``[..., K]``."""
        logits = parameters_first(self._raw, max(self._raw.shape.rank - 1, 0))[: self._bins]
        return tf.transpose(shares(logits, self._min_bin), [*range(1, logits.shape.rank), 0])

    def _bend(self, raw, value, along):
        """Return the image of values in the box and log dz/dx."""
        raise NotImplementedError(f"{type(self).__name__} does not implement _bend().")

    def _ends(self, raw):
        """Return the slopes, latent by data, of the lines left and right; None for the identity."""
        return None

    def _inverse_and_ildj(self, y):
        return self._map(y, along=0)

    def _forward_and_fldj(self, x):
        value, log_slope = self._map(x, along=1)
        return value, -log_slope

    def _map(self, value, along):
        raw, value, back = aligned(self._raw, value)
        image, log_slope = self._line(raw, value, along)
        return back(image), back(log_slope)

    def _line(self, raw, value, along):
        """Return the image of any values and log dz/dx."""
        bound = self._bound
        if self._circular:
            within, turns = split_turns(value, bound)
            moved, log_slope = self._bend(raw, within, along)
            return moved + turns, log_slope
        inside = tf.abs(value) <= bound
        boxed = tf.clip_by_value(value, -bound, bound)
        moved, log_slope = self._bend(raw, boxed, along)
        ends = self._ends(raw)
        if ends is None:
            return tf.where(inside, moved, value), tf.where(
                inside, log_slope, tf.zeros_like(log_slope)
            )
        slope = tf.where(value < 0.0, *ends)
        line = boxed + (value - boxed) * (slope if along == 0 else 1.0 / slope)
        return tf.where(inside, moved, line), tf.where(inside, log_slope, tf.math.log(slope))


def soft_slope(raw: tf.Tensor, min_slope: float) -> tf.Tensor:
    """Return positive slopes ``min_slope + (1 - min_slope) softplus(raw) / log 2``: 1 at raw 0."""
    return min_slope + (1.0 - min_slope) / math.log(2.0) * tf.math.softplus(raw)


def _formula(per_bin: int, extra: int) -> str:
    number = "K" if per_bin == 1 else f"{per_bin} K"
    return number if not extra else f"{number} {'+' if extra > 0 else '-'} {abs(extra)}"
