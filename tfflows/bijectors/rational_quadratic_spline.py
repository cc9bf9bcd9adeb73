"""A monotone spline of rational quadratics inside a box, the identity outside."""

import math

import numpy as np
import tensorflow as tf

from tfflows.bijectors.base import Bijector
from tfflows.bijectors.knots import locate, parameters_first

__all__ = ["RationalQuadraticSpline"]


class RationalQuadraticSpline(Bijector):
    r"""An increasing spline of rational quadratics on ``[-bound, bound]``, the identity outside.

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
    and K - 1 slopes at the inner knots. A bin takes the fraction
    ``min_bin + (1 - K min_bin) softmax(logits)`` of the box; a slope is
    ``min_slope + (1 - min_slope) softplus(raw) / log 2``; at ``-bound`` and ``bound`` the slope
    is 1. Raw zeros are the identity.

    Parameters
    ----------
    raw : tf.Tensor
        Unconstrained numbers ``[..., 3 K - 1]``, of known rank; the leading axes broadcast against
        the values.
    bound : float
        Half the width of the box, in units of the data; positive.
    min_bin : float
        Smallest bin as a fraction of the box; in ``[0, 1 / K)``.
    min_slope : float
        Smallest slope at an inner knot; in ``[0, 1)``.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If the last axis of `raw` is not ``3 K - 1`` for any K, or an option is out of its range.

    References
    ----------
    Durkan, Bekasov, Murray and Papamakarios (2019), Neural spline flows, arXiv:1906.04032.

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
        name: str | None = None,
    ):
        raw = tf.convert_to_tensor(raw)
        if not raw.dtype.is_floating:
            raise ValueError(f"expected floating-point raw parameters; got {raw.dtype.name}.")
        size = raw.shape[-1] if raw.shape.rank else None
        if size is None or size < 2 or size % 3 != 2:
            raise ValueError(
                f"expected raw parameters [..., 3 K - 1] for K bins; got shape {raw.shape}."
            )
        self._bins = (size + 1) // 3
        self.check_options(self._bins, bound, min_bin, min_slope)
        self._raw = raw
        self._bound = float(bound)
        self._min_bin = float(min_bin)
        self._min_slope = float(min_slope)
        batch_shape = raw.shape[:-1]
        super().__init__(
            forward_min_event_ndims=0,
            batch_shape=batch_shape if batch_shape.is_fully_defined() else tf.shape(raw)[:-1],
            dtype=raw.dtype,
            name=name or "rational_quadratic_spline",
        )

    @staticmethod
    def check_options(bins: int, bound: float, min_bin: float, min_slope: float) -> None:
        """Raise a ValueError, naming what is wrong, unless the options describe a spline."""
        if isinstance(bins, bool) or int(bins) != bins or bins < 1:
            raise ValueError(f"bins={bins!r}: expected a whole number of at least 1.")
        if not 0.0 < bound < math.inf:
            raise ValueError(
                f"bound={bound!r}: expected a positive finite number, half the width of the box."
            )
        if not 0.0 <= min_bin * bins < 1.0:
            raise ValueError(
                f"min_bin={min_bin!r} with bins={bins}: expected 0 <= min_bin < 1 / bins = "
                f"{1.0 / bins:.4g}, because the bins share the box."
            )
        if not 0.0 <= min_slope < 1.0:
            raise ValueError(
                f"min_slope={min_slope!r}: expected 0 <= min_slope < 1; the slope of the identity "
                "is 1."
            )

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

    @property
    def bound(self) -> float:
        """Half the width of the box."""
        return self._bound

    @property
    def bins(self) -> int:
        """Number of bins, K."""
        return self._bins

    def _bin(self, value, along):
        """Position in the bin of `value`, the bin's starts, sizes and the slopes at its ends."""
        count = self._bins
        raw = parameters_first(self._raw, value.shape.rank)
        logits = tf.reshape(raw[: 2 * count], tf.concat([[2, count], tf.shape(raw)[1:]], 0))
        here = locate(value, logits, -self._bound, self._bound, self._min_bin, along)
        inner = raw[2 * count :]
        # Chosen raw and squashed afterwards: two softplus instead of K - 1. The ends of the box
        # stand for raw zeros, whose slope is 1. Stacked, because XLA would otherwise fuse the
        # sums into each of their uses and repeat them.
        ends = [tf.reduce_sum(one_hot * inner, 0) for one_hot in (here.here[1:], here.here[:-1])]
        left, right = tf.unstack(self._slope(tf.stack(ends)))
        position = (value - here.start[along]) / here.size[along]
        # The values lie in the box, so only rounding can leave [0, 1]: the clip must not cost the
        # gradient of a value that sits on a knot.
        position += tf.stop_gradient(tf.clip_by_value(position, 0.0, 1.0) - position)
        return position, here.start, here.size, left, right

    def _slope(self, raw):
        factor = (1.0 - self._min_slope) / math.log(2.0)
        return self._min_slope + factor * tf.math.softplus(raw)

    def _inverse_and_ildj(self, y):
        inside = tf.abs(y) <= self._bound
        boxed = tf.clip_by_value(y, -self._bound, self._bound)
        xi, start, size, left, right = self._bin(boxed, along=0)
        share, log_slope = _evaluate(xi, 1.0 - xi, size[1] / size[0], left, right)
        return _join(inside, start[1] + size[1] * share, log_slope, y)

    def _forward_and_fldj(self, x):
        inside = tf.abs(x) <= self._bound
        boxed = tf.clip_by_value(x, -self._bound, self._bound)
        theta, start, size, left, right = self._bin(boxed, along=1)
        slope = size[1] / size[0]
        xi, eta = _root(theta, slope, left, right)
        _, log_slope = _evaluate(xi, eta, slope, left, right)
        return _join(inside, start[0] + size[0] * xi, -log_slope, x)


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


def _join(inside, value, log_det, identity):
    return tf.where(inside, value, identity), tf.where(inside, log_det, tf.zeros_like(log_det))
