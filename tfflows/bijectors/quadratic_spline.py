"""A monotone spline of parabolas, whose slope is a broken line."""

import tensorflow as tf

from tfflows.bijectors.checks import check_bins, check_bound, check_slope
from tfflows.bijectors.knots import find, position, shares
from tfflows.bijectors.spline import Spline, soft_slope

__all__ = ["QuadraticSpline"]


class QuadraticSpline(Spline):
    r"""An increasing spline of parabolas on ``[-bound, bound]``, the identity outside it.

    The data axis is cut into K bins of learned widths. The slope of data to latent is a broken line
    with the values v at the knots, 1 at both ends of the box. In a bin of width w between the
    slopes :math:`v_0, v_1`, with :math:`\xi = (x - x_k) / w`,

    .. math::
        z = z_k + w \left(v_0 \xi + \tfrac12 (v_1 - v_0)\, \xi^2\right), \qquad
        \frac{dz}{dx} = v_0 (1 - \xi) + v_1 \xi .

    Latent to data is the root, with :math:`\theta` the share of the bin's height,

    .. math::
        \xi = \frac{(v_0 + v_1)\,\theta}{v_0 + v}, \qquad
        v = \sqrt{v_0^2 (1 - \theta) + v_1^2 \theta} = \frac{dz}{dx} ,

    in which nothing can cancel.

    The raw numbers are K logits of the widths and K - 1 slopes at the inner knots. A width is the
    fraction ``min_bin + (1 - K min_bin) softmax(logits)`` of the box. The slopes are proportional
    to ``min_slope + (1 - min_slope) softplus(raw) / log 2``; their common factor follows from the
    area below the broken line, which is the height of the box. Raw zeros are the identity.

    Parameters
    ----------
    raw : tf.Tensor
        Unconstrained numbers ``[..., 2 K - 1]``, of known rank; the leading axes broadcast against
        the values.
    bound : float
        Half the width of the box, in units of the data; positive.
    min_bin : float
        Smallest width as a fraction of the box; in ``[0, 1 / K)``.
    min_slope : float
        Smallest slope at an inner knot before the slopes are scaled to the area; in ``[0, 1)``.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If the last axis of `raw` is not ``2 K - 1`` for K of at least 2, or an option is out of its
        range.

    References
    ----------
    Müller, McWilliams, Rousselle, Gross and Novák (2019), Neural importance sampling,
    arXiv:1808.03856.

    Examples
    --------
    >>> import tensorflow as tf
    >>> spline = QuadraticSpline(tf.constant([0.0, 0.0, 9.0]), bound=1.0)
    >>> print(spline.inverse(tf.constant([-1.0, -0.5, 0.0, 3.0])).numpy().round(3) + 0.0)
    [-1.  -0.5  0.   3. ]
    """

    def __init__(
        self,
        raw,
        *,
        bound: float = 5.0,
        min_bin: float = 1e-3,
        min_slope: float = 1e-3,
        name: str | None = None,
    ):
        super().__init__(raw, per_bin=2, extra=-1, bound=bound, name=name or "quadratic_spline")
        self.check_options(self._bins, bound, min_bin, min_slope)
        self._min_bin = float(min_bin)
        self._min_slope = float(min_slope)

    @staticmethod
    def check_options(bins: int, bound: float, min_bin: float, min_slope: float) -> None:
        """Raise a ValueError, naming what is wrong, unless the options describe a spline."""
        check_bound(bound)
        # The slope at both ends is given: a single bin leaves no slope to scale to the area.
        check_bins(bins, min_bin, least=2)
        check_slope(min_slope)

    def _table(self, raw):
        """Return widths, heights and the slopes at both ends of all bins, ``[4, K, ...]``."""
        widths = shares(raw[: self._bins], self._min_bin)
        slopes = soft_slope(raw[self._bins :], self._min_slope)
        area = tf.reduce_sum(slopes * (widths[:-1] + widths[1:]), 0)
        slopes *= (2.0 - widths[0] - widths[-1]) / area
        ends = tf.ones_like(slopes[:1])
        left, right = tf.concat([ends, slopes], 0), tf.concat([slopes, ends], 0)
        widths *= 2.0 * self._bound
        return tf.stack([widths, 0.5 * widths * (left + right), left, right])

    def _bend(self, raw, value, along):
        table = self._table(raw)
        _, before, here = find(value, table[along], -self._bound)
        start = tf.reduce_sum(before * table[:2], 1) - self._bound
        width, height, left, right = tf.unstack(tf.reduce_sum(here * table, 1))
        if along == 0:
            xi = position(value, start[0], width)
            mean = left * (1.0 - 0.5 * xi) + 0.5 * right * xi
            return start[1] + width * xi * mean, tf.math.log(left * (1.0 - xi) + right * xi)
        theta = position(value, start[1], height)
        slope = tf.sqrt(left * left * (1.0 - theta) + right * right * theta)
        return start[0] + width * theta * (left + right) / (left + slope), tf.math.log(slope)
