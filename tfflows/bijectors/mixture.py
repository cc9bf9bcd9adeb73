"""Mixtures of increasing sigmoids on the logarithmic scale, and the way back to the whole line."""

import math
import statistics
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfflows.privates import custom_gradient

__all__ = [
    "KERNELS",
    "Mixture",
    "column",
    "logit",
    "mixture",
    "probit",
    "soft_rate",
    "spread",
]

_LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)
_SQRT_HALF = math.sqrt(0.5)


class Mixture(NamedTuple):
    """A mixture of distribution functions at a point, each number as its logarithm.

    Attributes
    ----------
    low : tf.Tensor
        Whether the point lies in the lower half.
    tail, rest : tf.Tensor
        Probabilities of the smaller tail and of the other one.
    hazard : tf.Tensor
        Density over the probability of the smaller tail. The density itself would be a difference
        of large numbers far out.
    """

    low: tf.Tensor
    tail: tf.Tensor
    rest: tf.Tensor
    hazard: tf.Tensor


def _logistic(c):
    below, above = -tf.math.softplus(-c), -tf.math.softplus(c)
    return below, above, above, below


def _normal(c):
    low = c < 0.0
    # Not tf.abs, whose gradient at zero is zero.
    z = tf.where(low, c, -c)
    hazard = _log_hazard(z)
    density = -0.5 * z * z - _LOG_SQRT_2PI
    tail = density - hazard
    rest = tf.math.log1p(-tf.exp(tail))
    other = density - rest
    return (
        tf.where(low, tail, rest),
        tf.where(low, rest, tail),
        tf.where(low, hazard, other),
        tf.where(low, other, hazard),
    )


#: Log-probabilities below and above, and the log-density over each, of standard distributions.
KERNELS = {"logistic": _logistic, "normal": _normal}


def mixture(kernel: str, position, log_rate, log_weights) -> Mixture:
    r"""Mix distribution functions: :math:`\sum_k w_k F(c_k)` for positions c that move with rates.

    Parameters
    ----------
    kernel : str
        ``"logistic"`` or ``"normal"``.
    position : tf.Tensor
        Standardized points :math:`c_k`, components along the first axis.
    log_rate : tf.Tensor
        Logarithms of :math:`dc_k / dx`.
    log_weights : tf.Tensor
        Logarithms of the weights.

    Returns
    -------
    Mixture
        Logarithms, without the first axis; nothing underflows.

    Examples
    --------
    >>> import tensorflow as tf
    >>> found = mixture("logistic", tf.constant([-1e4, -2e4]), 0.0, tf.math.log([0.5, 0.5]))
    >>> print(found.low.numpy(), found.tail.numpy().round(1), found.rest.numpy())
    True -10000.7 0.0
    """
    below, above, from_below, from_above = KERNELS[kernel](position)
    all_below = tf.reduce_logsumexp(log_weights + below, 0)
    all_above = tf.reduce_logsumexp(log_weights + above, 0)
    low = all_below <= all_above
    tail = tf.where(low, all_below, all_above)
    shares = log_weights + tf.where(low, below, above) - tail
    hazard = tf.reduce_logsumexp(shares + log_rate + tf.where(low, from_below, from_above), 0)
    # Far out the tails are large, and so is the rounding of what the shares sum to.
    hazard -= tf.reduce_logsumexp(shares, 0)
    return Mixture(low, tail, tf.where(low, all_above, all_below), hazard)


def soft_rate(raw, start: float, bound: float):
    r"""Return log-rates :math:`\log r_0 + b \tanh(raw / b)`, which no raw number can drive far.

    Examples
    --------
    >>> import tensorflow as tf
    >>> print(soft_rate(tf.constant([0.0, 1e6]), start=1.0, bound=3.0).numpy())
    [0. 3.]
    """
    return math.log(start) + bound * tf.tanh(raw / bound)


def column(values, like) -> tf.Tensor:
    """Return numbers as a tensor along the first axis, with ones for the other axes of `like`.

    Examples
    --------
    >>> import tensorflow as tf
    >>> column([1.0, 2.0], tf.zeros([2, 5, 3])).shape
    TensorShape([2, 1, 1])
    """
    values = np.asarray(values)
    missing = like.shape.rank - values.ndim
    return tf.constant(values.reshape(values.shape + (1,) * missing), like.dtype)


def logit(of: Mixture):
    r"""Return :math:`\log(S / (1 - S))` of a mixture S, and the logarithm of its slope.

    Examples
    --------
    >>> import tensorflow as tf
    >>> single = mixture("logistic", tf.constant([[1e4]]), 0.0, tf.constant([[0.0]]))
    >>> print([value.numpy().tolist() for value in logit(single)])
    [[10000.0], [0.0]]
    """
    z = of.tail - of.rest
    return tf.where(of.low, z, -z), of.hazard - of.rest


def probit(of: Mixture):
    r"""Return :math:`\Phi^{-1}(S)` of a mixture S, and the logarithm of its slope.

    The smaller of the two tail probabilities is inverted on the logarithmic scale: no value
    overflows, however far out.

    Examples
    --------
    >>> import tensorflow as tf
    >>> single = mixture("normal", tf.constant([[-1e4, 0.5]]), 0.0, tf.constant([[0.0]]))
    >>> print(probit(single)[0].numpy().round(4))
    [-1.e+04  5.e-01]
    """
    z = _normal_quantile(of.tail)
    return tf.where(of.low, z, -z), of.hazard - _log_hazard(z)


def spread(count: int, share: float, kernel: str = "logistic") -> tuple[np.ndarray, float]:
    r"""Cut a standard distribution into shifted copies of itself that are narrower.

    The equal mixture of the copies has the mean and the variance of the whole: the copies lie at
    its quantiles :math:`(k - 1/2) / K`, scaled so that their positions hold a given share of the
    variance.

    Parameters
    ----------
    count : int
        Number of copies, K.
    share : float
        Share of the variance between the copies, in ``[0, 1)``.
    kernel : str
        ``"logistic"`` or ``"normal"``.

    Returns
    -------
    positions : numpy.ndarray
        Increasing, ``[K]``.
    rate : float
        One over the scale of each copy.

    Examples
    --------
    >>> positions, rate = spread(3, 0.5, "normal")
    >>> print(positions.round(3) + 0.0, round(rate, 3))
    [-0.866  0.     0.866] 1.414
    """
    shares = (np.arange(count) + 0.5) / count
    if kernel == "logistic":
        quantiles = np.log(shares) - np.log1p(-shares)
        variance = math.pi**2 / 3.0
    else:
        quantiles = np.asarray([statistics.NormalDist().inv_cdf(p) for p in shares])
        variance = 1.0
    quantiles *= math.sqrt(share * variance / np.mean(quantiles**2))
    return quantiles, 1.0 / math.sqrt(1.0 - share)


def _log_hazard(z):
    """Return log(phi(z) / Phi(z)) of the standard normal distribution for z <= 0."""
    # The scaled error function is the ratio of the two up to a factor: nothing cancels far out.
    return math.log(2.0) - _LOG_SQRT_2PI - tf.math.log(tfp.math.erfcx(-_SQRT_HALF * z))


def _normal_quantile(log_p):
    """Return z <= 0 with log Phi(z) = log_p, for log_p <= log(1/2)."""
    fixed = tf.stop_gradient(log_p)
    # A rational start, right to 4.5e-4 (Abramowitz and Stegun, 26.2.23), that needs no probability
    # but its logarithm; one step of fourth order takes the rest of the digits.
    s = tf.sqrt(-2.0 * fixed)
    top = 2.515517 + s * (0.802853 + s * 0.010328)
    bottom = 1.0 + s * (1.432788 + s * (0.189269 + s * 0.001308))
    z = tf.minimum(top / bottom - s, 0.0)
    log_hazard = _log_hazard(z)
    h = tf.exp(log_hazard)
    step = (-0.5 * z * z - _LOG_SQRT_2PI - log_hazard - fixed) / h
    # Second and third derivative of log Phi over the first.
    second = -(z + h)
    third = second * second + h * (z + h) - 1.0
    z -= step * (1.0 - 0.5 * step * second) / (1.0 - step * second + step * step * third / 6.0)
    return _quantile_with_gradient(tf.stop_gradient(tf.minimum(z, 0.0)), log_p)


def _quantile_with_gradient(value, log_p):
    """Return `value`, the normal quantile, as a function of the log-probability."""

    @custom_gradient
    def quantile(log_p):
        def gradient(upstream):
            z = _quantile_with_gradient(value, log_p)
            return upstream * tf.exp(-_log_hazard(z))

        return tf.identity(value), gradient

    return quantile(log_p)
