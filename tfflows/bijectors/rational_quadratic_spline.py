"""A monotone spline of rational quadratics in a box or on a circle."""

import math

import numpy as np
import tensorflow as tf

from tfflows.bijectors.checks import check_bins, check_bound, check_slope
from tfflows.bijectors.knots import locate, position
from tfflows.bijectors.spline import Spline, soft_slope

__all__ = ["EXTRA_SLOPES", "RationalQuadraticSpline"]

#: How many slopes there are more than bins, for each kind of boundary.
EXTRA_SLOPES = {"fixed": -1, "learned": 1, "circular": 0}


class RationalQuadraticSpline(Spline):
    r"""An increasing spline of rational quadratics on ``[-bound, bound]``, linear outside it.

    The data axis and the latent axis are each cut into K bins. In bin k, of data width w and
    latent height h, with mean slope s = h / w and slopes :math:`d_0, d_1` (latent by data) at its
    two ends, the **inverse** (data to latent, what a density needs) is, with
    :math:`\xi = (x - x_k) / w` and :math:`\eta = 1 - \xi`,

    .. math::
        z = z_k + h \frac{s \xi^2 + d_0 \xi\eta}{s (\xi^2 + \eta^2) + (d_0 + d_1) \xi\eta},
        \qquad
        \frac{dz}{dx} = s^2 \frac{d_1 \xi^2 + 2 s \xi\eta + d_0 \eta^2}
                             {(s (\xi^2 + \eta^2) + (d_0 + d_1) \xi\eta)^2},

    sums of positive terms alone. The **forward** map (latent to data) is the closed-form root: with
    :math:`\theta = (z - z_k) / h` and :math:`b = d_0 (1 - \theta) - d_1 \theta`, the ratio
    :math:`\xi / \eta` solves :math:`s (1 - \theta) r^2 + b r - s \theta = 0`. Its discriminant
    :math:`b^2 + 4 s^2 \theta (1 - \theta)` is again a sum of positive terms and cannot cancel.

    The raw numbers are, in this order, K logits of the data widths, K logits of the latent heights
    and the slopes at knots. A bin takes the fraction ``min_bin + (1 - K min_bin) softmax(logits)``
    of the box; a slope is ``min_slope + (1 - min_slope) softplus(raw) / log 2``. Raw zeros are the
    identity. What happens at ``-bound`` and ``bound`` is the `boundary`:

    - ``"fixed"``: the slope there is 1, and the map is the identity outside (K - 1 slopes at the
      inner knots);
    - ``"learned"``: the slopes there are learned, too, and the straight lines outside have them
      (K + 1 slopes, from left to right);
    - ``"circular"``: both ends are one point of a circle, with one slope (K slopes, that of the
      ends first). The map repeats itself, :math:`z(x + 2\,bound) = z(x) + 2\,bound`.

    Parameters
    ----------
    raw : tf.Tensor
        Unconstrained numbers ``[..., P]`` with P = ``3 K - 1``, ``3 K + 1`` or ``3 K``, of known
        rank; the leading axes broadcast against the values.
    bound : float
        Half the width of the box, in units of the data; positive.
    min_bin : float
        Smallest bin as a fraction of the box; in ``[0, 1 / K)``.
    min_slope : float
        Smallest slope at a knot; in ``[0, 1)``.
    boundary : str
        ``"fixed"``, ``"learned"`` or ``"circular"``.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If the last axis of `raw` has no such size for any K, or an option is out of its range.

    References
    ----------
    Durkan, Bekasov, Murray and Papamakarios (2019), Neural spline flows, arXiv:1906.04032;
    Rezende et al. (2020), Normalizing flows on tori and spheres, arXiv:2002.02428.

    Examples
    --------
    >>> import tensorflow as tf
    >>> spline = RationalQuadraticSpline(tf.zeros([3, 23]), bound=3.0)
    >>> x = tf.constant([[-100.0, 0.5, 2.0]])
    >>> print(spline.inverse(x).numpy().round(4))
    [[-100.     0.5    2. ]]
    >>> spline.inverse_log_det_jacobian(x, event_ndims=1).shape
    TensorShape([1])
    """

    def __init__(
        self,
        raw,
        *,
        bound: float = 5.0,
        min_bin: float = 1e-3,
        min_slope: float = 1e-3,
        boundary: str = "fixed",
        name: str | None = None,
    ):
        super().__init__(
            raw,
            per_bin=3,
            extra=EXTRA_SLOPES.get(boundary, 0),
            bound=bound,
            circular=boundary == "circular",
            name=name or "rational_quadratic_spline",
        )
        self.check_options(self._bins, bound, min_bin, min_slope, boundary)
        self._min_bin = float(min_bin)
        self._min_slope = float(min_slope)
        self._boundary = boundary

    @staticmethod
    def check_options(
        bins: int, bound: float, min_bin: float, min_slope: float, boundary: str = "fixed"
    ) -> None:
        """Raise a ValueError, naming what is wrong, unless the options describe a spline."""
        check_bound(bound)
        check_bins(bins, min_bin)
        check_slope(min_slope)
        if boundary not in EXTRA_SLOPES:
            raise ValueError(f"boundary={boundary!r}: expected one of {', '.join(EXTRA_SLOPES)}.")

    @classmethod
    def from_knots(cls, data_knots, latent_knots, slopes) -> "RationalQuadraticSpline":
        r"""Build the spline through given knots.

        Parameters
        ----------
        data_knots, latent_knots : array_like
            Increasing knots ``[..., K + 1]``, each running from ``-bound`` to ``bound``.
        slopes : array_like
            Positive slopes, latent by data, at the K - 1 inner knots.

        Returns
        -------
        RationalQuadraticSpline
            The spline with ``min_bin = min_slope = 0``.

        Raises
        ------
        ValueError
            If the knots do not increase from ``-bound`` to ``bound``, a slope is not positive, or
            the sizes do not match.

        Examples
        --------
        >>> spline = RationalQuadraticSpline.from_knots([-1.0, 0.5, 1.0], [-1.0, 0.0, 1.0], [1.5])
        >>> print(spline.inverse([-1.0, 0.5, 1.0, 7.0]).numpy().round(5) + 0.0)
        [-1.  0.  1.  7.]
        """
        data, latent, slopes = (
            np.asarray(values, np.result_type(np.float32, np.asarray(values).dtype))
            for values in (data_knots, latent_knots, slopes)
        )
        dtype = np.result_type(data, latent, slopes)
        if data.ndim < 1 or data.shape[-1] < 2 or latent.shape[-1:] != data.shape[-1:]:
            raise ValueError(
                "expected data_knots and latent_knots of one size [..., K + 1] with K >= 1; got "
                f"shapes {data.shape} and {latent.shape}."
            )
        if slopes.shape[-1:] != (data.shape[-1] - 2,):
            raise ValueError(
                f"expected slopes at the {data.shape[-1] - 2} inner knots; got shape "
                f"{slopes.shape}."
            )
        for name, knots in (("data_knots", data), ("latent_knots", latent)):
            if not np.all(np.diff(knots) > 0.0):
                raise ValueError(f"expected increasing {name}; got {knots}.")
        bound = float(data.reshape(-1)[-1])
        ends = (-data[..., 0], -latent[..., 0], data[..., -1], latent[..., -1])
        if not all(np.allclose(end, bound, rtol=1e-6) for end in ends):
            raise ValueError(
                "expected data_knots and latent_knots from -bound to bound, the same box for all; "
                f"got ends {data[..., [0, -1]]} and {latent[..., [0, -1]]}."
            )
        if not np.all(slopes > 0.0):
            raise ValueError(f"expected positive slopes; got {slopes}.")
        scaled = slopes.astype(np.float64) * math.log(2.0)
        parts = (
            np.log(np.diff(data.astype(np.float64))),
            np.log(np.diff(latent.astype(np.float64))),
            scaled + np.log(-np.expm1(-scaled)),
        )
        batch = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
        raw = np.concatenate([np.broadcast_to(p, batch + p.shape[-1:]) for p in parts], -1)
        return cls(tf.constant(raw.astype(dtype)), bound=bound, min_bin=0.0, min_slope=0.0)

    def _bin(self, raw, value, along):
        """Position in the bin of `value`, the bin's starts, sizes and the slopes at its ends."""
        count = self._bins
        # Splits, not slices: the gradient of a slice is filled up with zeros and added.
        logits, slopes = tf.split(raw, [2 * count, -1])
        logits = tf.reshape(logits, tf.concat([[2, count], tf.shape(raw)[1:]], 0))
        found = locate(value, logits, -self._bound, self._bound, self._min_bin, along)
        start, size, here = tf.unstack(found.start), tf.unstack(found.size), found.here
        # Chosen raw and squashed afterwards: two softplus instead of one for each knot. Stacked,
        # because XLA would otherwise fuse the sums into each of their uses and repeat them.
        if self._boundary == "fixed":
            # The ends of the box stand for raw zeros, whose slope is 1.
            ends = [here[1:] * slopes, here[:-1] * slopes]
        elif self._boundary == "learned":
            ends = [here * slopes[:-1], here * slopes[1:]]
        else:
            ends = [here * slopes, here * tf.concat([slopes[1:], slopes[:1]], 0)]
        left, right = tf.unstack(
            soft_slope(tf.stack([tf.reduce_sum(end, 0) for end in ends]), self._min_slope)
        )
        return position(value, start[along], size[along]), start, size, left, right

    def _ends(self, raw):
        if self._boundary == "fixed":
            return None
        slopes = raw[2 * self._bins :]
        return tuple(soft_slope(slopes[end], self._min_slope) for end in (0, -1))

    def _bend(self, raw, value, along):
        share, start, size, left, right = self._bin(raw, value, along)
        slope = size[1] / size[0]
        if along == 0:
            height, log_slope = _evaluate(share, 1.0 - share, slope, left, right)
            return start[1] + size[1] * height, log_slope
        xi, eta = _root(share, slope, left, right)
        _, log_slope = _evaluate(xi, eta, slope, left, right)
        return start[0] + size[0] * xi, log_slope


def _evaluate(xi, eta, slope, left, right):
    """Share of the bin's height at the position xi = 1 - eta, and the log of the slope there."""
    product = xi * eta
    square, other = xi * xi, eta * eta
    denominator = slope * (square + other) + (left + right) * product
    share = (slope * square + left * product) / denominator
    log_slope = 2.0 * tf.math.log(slope / denominator) + tf.math.log(
        right * square + 2.0 * slope * product + left * other
    )
    return share, log_slope


def _root(theta, slope, left, right):
    """Position xi and 1 - xi at which the share of the bin's height is theta."""
    rest = 1.0 - theta
    middle = left * rest - right * theta
    # Not tf.abs, whose gradient at zero (the identity at half height) is zero.
    positive = middle >= 0.0
    magnitude = tf.where(positive, middle, -middle)
    larger = magnitude + tf.sqrt(middle * middle + 4.0 * slope * slope * theta * rest)
    up = tf.where(positive, 2.0 * slope * theta, larger)
    down = tf.where(positive, larger, 2.0 * slope * rest)
    total = up + down
    return up / total, down / total
