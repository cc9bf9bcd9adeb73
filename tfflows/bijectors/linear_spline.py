"""A monotone spline of straight lines."""

import tensorflow as tf

from tfflows.bijectors.checks import check_bins, check_bound
from tfflows.bijectors.knots import find, position, shares
from tfflows.bijectors.spline import Spline

__all__ = ["LinearSpline"]


class LinearSpline(Spline):
    r"""An increasing spline of straight lines on ``[-bound, bound]``, the identity outside it.

    The data axis is cut into K equal bins of width w; the latent axis into bins of learned heights
    h. In bin k,

    .. math::
        z = z_k + h \frac{x - x_k}{w}, \qquad \frac{dz}{dx} = \frac{h}{w},

    in both directions. The slope jumps at the knots, the ends of the box included: a density made
    of it is a histogram.

    The raw numbers are K logits; a height is the fraction
    ``min_bin + (1 - K min_bin) softmax(logits)`` of the box. Raw zeros are the identity.

    Parameters
    ----------
    raw : tf.Tensor
        Unconstrained numbers ``[..., K]``, of known rank; the leading axes broadcast against the
        values.
    bound : float
        Half the width of the box, in units of the data; positive.
    min_bin : float
        Smallest height as a fraction of the box; in ``[0, 1 / K)``.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If `raw` is empty, or an option is out of its range.

    References
    ----------
    Müller, McWilliams, Rousselle, Gross and Novák (2019), Neural importance sampling,
    arXiv:1808.03856.

    Examples
    --------
    >>> import tensorflow as tf
    >>> spline = LinearSpline(tf.math.log([[1.0, 3.0]]), bound=1.0, min_bin=0.0)
    >>> print(spline.inverse(tf.constant([[-1.0], [0.0], [0.5], [2.0]])).numpy().ravel().round(5))
    [-1.   -0.5   0.25  2.  ]
    """

    def __init__(self, raw, *, bound: float = 5.0, min_bin: float = 1e-3, name: str | None = None):
        super().__init__(raw, per_bin=1, extra=0, bound=bound, name=name or "linear_spline")
        self.check_options(self._bins, bound, min_bin)
        self._min_bin = float(min_bin)

    @staticmethod
    def check_options(bins: int, bound: float, min_bin: float) -> None:
        """Raise a ValueError, naming what is wrong, unless the options describe a spline."""
        check_bound(bound)
        check_bins(bins, min_bin)

    def _widths(self):
        return tf.ones_like(self._raw[..., : self._bins]) / self._bins

    def _bend(self, raw, value, along):
        box = 2.0 * self._bound
        heights = box * shares(raw, self._min_bin)
        sizes = tf.stack([tf.ones_like(heights) * (box / self._bins), heights])
        _, before, here = find(value, sizes[along], -self._bound)
        start = tf.reduce_sum(before * sizes, 1) - self._bound
        size = tf.reduce_sum(here * sizes, 1)
        share = position(value, start[along], size[along])
        other = 1 - along
        return start[other] + size[other] * share, tf.math.log(size[1] / size[0])
