"""A monotone spline of linear rational functions, two to a bin."""

import tensorflow as tf

from tfflows.bijectors.checks import check_bins, check_bound, check_slope
from tfflows.bijectors.knots import locate, position
from tfflows.bijectors.spline import Spline, soft_slope

__all__ = ["LinearRationalSpline"]


class LinearRationalSpline(Spline):
    r"""An increasing spline of linear rationals on ``[-bound, bound]``, the identity outside it.

    The data axis and the latent axis are each cut into K bins. In a bin of data width w, latent
    height h and mean slope s = h / w, whose ends have the slopes :math:`d_0, d_1` (latent by data),
    a point between them splits the bin in two: at the share :math:`\lambda` of the width, and the
    share m of the height,

    .. math::
        m = \frac{\lambda \sqrt{d_0}}{q}, \qquad
        q = \lambda \sqrt{d_0} + (1 - \lambda) \sqrt{d_1} .

    On either part, with :math:`\tau` the share of its width,

    .. math::
        \theta(\tau) = \frac{r \tau}{1 - \tau + r \tau}, \qquad
        \frac{d\theta}{d\tau} = \frac{r}{(1 - \tau + r \tau)^2}, \qquad
        r_0 = \frac{\sqrt{d_0}\, q}{s}, \quad r_1 = \frac{s}{\sqrt{d_1}\, q}

    is the share of its height. The slope is continuous. The other direction is of the same form,
    with 1 / r in the place of r. All terms are positive.

    The raw numbers are, in this order, K logits of the data widths, K logits of the latent heights,
    K - 1 slopes at the inner knots and K places :math:`\lambda`. A bin takes the fraction
    ``min_bin + (1 - K min_bin) softmax(logits)`` of the box; a slope is
    ``min_slope + (1 - min_slope) softplus(raw) / log 2``, and 1 at ``-bound`` and ``bound``; a
    place is ``min_split + (1 - 2 min_split) sigmoid(raw)``. Raw zeros are the identity. There,
    every place gives the same map: the places have a gradient only once a slope or a size has
    moved.

    Parameters
    ----------
    raw : tf.Tensor
        Unconstrained numbers ``[..., 4 K - 1]``, of known rank; the leading axes broadcast against
        the values.
    bound : float
        Half the width of the box, in units of the data; positive.
    min_bin : float
        Smallest bin as a fraction of the box; in ``[0, 1 / K)``.
    min_slope : float
        Smallest slope at an inner knot; in ``[0, 1)``.
    min_split : float
        Smallest part as a fraction of its bin; in ``[0, 1 / 2)``.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If the last axis of `raw` is not ``4 K - 1`` for any K, or an option is out of its range.

    References
    ----------
    Dolatabadi, Erfani and Leckie (2020), Invertible generative modeling using linear rational
    splines, arXiv:2001.05168.

    Examples
    --------
    >>> import tensorflow as tf
    >>> spline = LinearRationalSpline(tf.zeros([3, 31]), bound=3.0)
    >>> print(spline.inverse(tf.constant([[-100.0, 0.5, 2.0]])).numpy().round(4))
    [[-100.     0.5    2. ]]
    """

    def __init__(
        self,
        raw,
        *,
        bound: float = 5.0,
        min_bin: float = 1e-3,
        min_slope: float = 1e-3,
        min_split: float = 0.025,
        name: str | None = None,
    ):
        super().__init__(
            raw, per_bin=4, extra=-1, bound=bound, name=name or "linear_rational_spline"
        )
        self.check_options(self._bins, bound, min_bin, min_slope, min_split)
        self._min_bin = float(min_bin)
        self._min_slope = float(min_slope)
        self._min_split = float(min_split)

    @staticmethod
    def check_options(
        bins: int, bound: float, min_bin: float, min_slope: float, min_split: float
    ) -> None:
        """Raise a ValueError, naming what is wrong, unless the options describe a spline."""
        check_bound(bound)
        check_bins(bins, min_bin)
        check_slope(min_slope)
        if not 0.0 <= min_split < 0.5:
            raise ValueError(
                f"min_split={min_split!r}: expected 0 <= min_split < 1 / 2, a fraction of a bin."
            )

    def data_splits(self) -> tf.Tensor:
        """Return where the two parts of each bin meet on the data side, ``[..., K]``."""
        knots = self.data_knots()
        place = self._place(self._raw[..., -self._bins :])
        return knots[..., :-1] + place * (knots[..., 1:] - knots[..., :-1])

    def _place(self, raw):
        """Squash raw numbers to shares of a bin."""
        return self._min_split + (1.0 - 2.0 * self._min_split) * tf.sigmoid(raw)

    def _bin(self, raw, value, along):
        """Position in the bin, its starts and sizes, the slopes at its ends and the place."""
        count = self._bins
        # Splits, not slices: the gradient of a slice is filled up with zeros and added.
        logits, inner, places = tf.split(raw, [2 * count, count - 1, -1])
        logits = tf.reshape(logits, tf.concat([[2, count], tf.shape(raw)[1:]], 0))
        found = locate(value, logits, -self._bound, self._bound, self._min_bin, along)
        start, size, here = tf.unstack(found.start), tf.unstack(found.size), found.here
        # Chosen raw and squashed afterwards. The ends of the box stand for raw zeros: slope 1.
        ends = [tf.reduce_sum(one_hot * inner, 0) for one_hot in (here[1:], here[:-1])]
        left, right = tf.unstack(soft_slope(tf.stack(ends), self._min_slope))
        place = self._place(tf.reduce_sum(here * places, 0))
        return position(value, start[along], size[along]), start, size, left, right, place

    def _bend(self, raw, value, along):
        share, start, size, left, right, place = self._bin(raw, value, along)
        left, right = tf.sqrt(left), tf.sqrt(right)
        slope = size[1] / size[0]
        mean = place * left + (1.0 - place) * right
        middle = place * left / mean
        splits = (place, middle)
        first = share <= splits[along]
        # Both parts of the bin as one formula: where it starts and how much of the bin it takes.
        begin = [tf.where(first, tf.zeros_like(split), split) for split in splits]
        length = [tf.where(first, split, 1.0 - split) for split in splits]
        ratio = tf.where(first, left * mean / slope, slope / (right * mean))
        tau, log_slope = _hyperbola(
            position(share, begin[along], length[along]), ratio if along == 0 else 1.0 / ratio
        )
        other = 1 - along
        moved = start[other] + size[other] * (begin[other] + length[other] * tau)
        log_slope = log_slope if along == 0 else -log_slope
        return moved, log_slope + tf.math.log(slope * tf.where(first, left, right) / mean)


def _hyperbola(tau, ratio):
    """Share of the part's height at the share tau of its width, and the log of the slope there."""
    top = ratio * tau
    bottom = (1.0 - tau) + top
    return top / bottom, tf.math.log(ratio) - 2.0 * tf.math.log(bottom)
