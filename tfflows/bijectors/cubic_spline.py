"""A monotone spline of cubic polynomials."""

import math

import tensorflow as tf

from tfflows.bijectors.checks import check_bins, check_bound
from tfflows.bijectors.knots import find, position, shares
from tfflows.bijectors.root_search import solve_increasing
from tfflows.bijectors.spline import Spline

__all__ = ["CubicSpline"]


class CubicSpline(Spline):
    r"""An increasing spline of cubics on ``[-bound, bound]``, linear outside it.

    The data axis and the latent axis are each cut into K bins. In a bin of mean slope s = h / w
    whose ends have the slopes :math:`d_0, d_1` (latent by data), with
    :math:`\xi = (x - x_k) / w`, :math:`\eta = 1 - \xi`, :math:`a = d_0 / s` and
    :math:`b = d_1 / s`,

    .. math::
        z = z_k + h \left(\xi^3 + (3 - b)\, \xi^2 \eta + a\, \xi \eta^2\right), \qquad
        \frac{dz}{dx} = s \left(b\, \xi^2 + 2 (3 - a - b)\, \xi \eta + a\, \eta^2\right).

    The slope at an inner knot between bins of widths :math:`w_0, w_1` and mean slopes
    :math:`s_0, s_1` is that of Steffen's method,

    .. math:: d = \min\left(2 s_0,\; 2 s_1,\; \frac{w_1 s_0 + w_0 s_1}{w_0 + w_1}\right),

    and at both ends of the box it is a learned part of the largest slope that keeps the map
    increasing, :math:`0 < d < 3 s`. The straight lines outside continue with these slopes. Latent
    to data is a safeguarded root search within the bin, whose gradients are exact.

    The raw numbers are, in this order, K logits of the data widths, K logits of the latent heights
    and the slopes at the left and the right end. A bin takes the fraction
    ``min_bin + (1 - K min_bin) softmax(logits)`` of the box; an end slope is
    ``3 s (0.001 + 0.998 sigmoid(raw - c))`` with the c that makes raw zeros the identity.

    Parameters
    ----------
    raw : tf.Tensor
        Unconstrained numbers ``[..., 2 K + 2]``, of known rank; the leading axes broadcast against
        the values.
    bound : float
        Half the width of the box, in units of the data; positive.
    min_bin : float
        Smallest bin as a fraction of the box; in ``[0, 1 / K)``.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If the last axis of `raw` is not ``2 K + 2`` for K of at least 2, or an option is out of its
        range.

    References
    ----------
    Durkan, Bekasov, Murray and Papamakarios (2019), Cubic-spline flows, arXiv:1906.02145;
    Steffen (1990), A simple method for monotonic interpolation in one dimension, Astronomy and
    Astrophysics 239, 443.

    Examples
    --------
    >>> import tensorflow as tf
    >>> spline = CubicSpline(tf.zeros([3, 18]), bound=3.0)
    >>> print(spline.inverse(tf.constant([[-100.0, 0.5, 2.0]])).numpy().round(3))
    [[-100.     0.5    2. ]]
    """

    def __init__(self, raw, *, bound: float = 5.0, min_bin: float = 1e-3, name: str | None = None):
        super().__init__(raw, per_bin=2, extra=2, bound=bound, name=name or "cubic_spline")
        self.check_options(self._bins, bound, min_bin)
        self._min_bin = float(min_bin)

    @staticmethod
    def check_options(bins: int, bound: float, min_bin: float) -> None:
        """Raise a ValueError, naming what is wrong, unless the options describe a spline."""
        check_bound(bound)
        # In a single bin both ends could reach 3 s, where the slope in the middle vanishes.
        check_bins(bins, min_bin, least=2)

    def _knots(self, raw):
        """Return widths and heights, ``[2, K, ...]``, and the slopes at knots, ``[K + 1, ...]``."""
        count = self._bins
        widths, heights = (
            2.0 * self._bound * shares(raw[start : start + count], self._min_bin)
            for start in (0, count)
        )
        slopes = heights / widths
        weighted = widths[1:] * slopes[:-1] + widths[:-1] * slopes[1:]
        inner = tf.minimum(
            2.0 * tf.minimum(slopes[:-1], slopes[1:]), weighted / (widths[:-1] + widths[1:])
        )
        third = (1.0 / 3.0 - _MARGIN) / (1.0 - 2.0 * _MARGIN)
        ends = tf.sigmoid(raw[2 * count :] + math.log(third / (1.0 - third)))
        ends = 3.0 * (_MARGIN + (1.0 - 2.0 * _MARGIN) * ends)
        ends = [ends[:1] * slopes[:1], ends[1:] * slopes[-1:]]
        return tf.stack([widths, heights]), tf.concat([ends[0], inner, ends[1]], 0)

    def _ends(self, raw):
        slopes = self._knots(raw)[1]
        return slopes[0], slopes[-1]

    def _bend(self, raw, value, along):
        sizes, slopes = self._knots(raw)
        _, before, here = find(value, sizes[along], -self._bound)
        start = tf.reduce_sum(before * sizes, 1) - self._bound
        table = tf.concat([sizes, tf.stack([slopes[:-1], slopes[1:]])], 0)
        width, height, left, right = tf.unstack(tf.reduce_sum(here * table, 1))
        slope = height / width
        left, right = left / slope, right / slope
        share = position(value, start[along], (width, height)[along])
        if along == 0:
            theta, log_slope = _cubic(share, left, right)
            return start[1] + height * theta, tf.math.log(slope) + log_slope
        guess = _guess(share, left, right)
        xi, log_slope = solve_increasing(_cubic, share, [left, right], guess=guess)
        return start[0] + width * xi, tf.math.log(slope) + log_slope


#: How far an end slope stays from 0 and from 3 s, as a fraction of 3 s.
_MARGIN = 1e-3


def _cubic(xi, left, right):
    """Share of the bin's height at the position xi, and the log of the slope by the mean slope."""
    # A search may look beyond the bin, where a cubic turns back: straight lines continue it.
    inside = tf.clip_by_value(xi, 0.0, 1.0)
    eta = 1.0 - inside
    share = inside * (inside * (inside + (3.0 - right) * eta) + left * eta * eta)
    middle = 3.0 - left - right
    slope = right * inside * inside + 2.0 * middle * inside * eta + left * eta * eta
    return share + (xi - inside) * slope, tf.math.log(slope)


def _guess(theta, left, right):
    """Position of the rational quadratic with the same slopes at the ends of the bin."""
    rest = 1.0 - theta
    middle = left * rest - right * theta
    larger = tf.abs(middle) + tf.sqrt(middle * middle + 4.0 * theta * rest)
    up = tf.where(middle >= 0.0, 2.0 * theta, larger)
    down = tf.where(middle >= 0.0, larger, 2.0 * rest)
    return up / (up + down)
