"""The distribution function of a mixture, followed by the normal quantile function."""

import math

import tensorflow as tf

from tfflows.bijectors.checks import check_count, check_fraction, check_positive
from tfflows.bijectors.knots import parameters_first
from tfflows.bijectors.mixture import KERNELS, column, mixture, probit, soft_rate, spread
from tfflows.bijectors.numerical_inverse import NumericalInverse, min_slope_mix

__all__ = ["Gaussianization"]


class Gaussianization(NumericalInverse):
    r"""Gaussianization by a mixture: what is distributed as the mixture becomes normal.

    Data to latent is

    .. math::
        z = (1 - \mu)\, \Phi^{-1}\Big(\sum_k w_k F\big(r_k (x - m_k)\big)\Big) + \mu x

    with F the logistic or the normal distribution function, computed from logarithms of tail
    probabilities, so that nothing underflows however far out. Latent to data is a root search. The
    term :math:`\mu x` keeps the slope above :math:`\mu`.

    The raw numbers are, in this order, K logits of the weights w, K positions m and K log-rates,
    :math:`\log r_k = \log r_0 + b \tanh(raw / b)` with b = `log_scale_bound`. To the positions the
    fixed numbers of `tfflows.bijectors.mixture.spread` are added: raw zeros are the equal mixture
    of K different components that has mean 0 and variance 1, a map near the identity.

    Parameters
    ----------
    raw : tf.Tensor
        Unconstrained numbers ``[..., 3 K]``, K at least 2, of known rank; the leading axes
        broadcast against the values.
    kernel : str
        ``"logistic"`` or ``"normal"``. Logistic tails are mapped to about
        :math:`\pm\sqrt{2 r |x|}`, normal tails to straight lines.
    log_scale_bound : float
        Bound b on what the raw numbers add to a log-rate, in nats; positive.
    min_slope : float
        Smallest slope :math:`\mu`, in ``[0, 1)``.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If the last axis of `raw` is not ``3 K``, or an option is out of its range.

    References
    ----------
    Meng, Song, Song and Ermon (2020), "Gaussianization Flows", arXiv:2003.01941.

    Examples
    --------
    >>> import tensorflow as tf
    >>> b = Gaussianization(tf.zeros([12]), kernel="normal")
    >>> print(b.inverse(tf.constant([-1.0, 0.0, 2.0])).numpy().round(2) + 0.0)
    [-0.99  0.    2.02]
    """

    #: Share of the variance that the positions hold at raw zeros.
    SHARE = 0.3

    def __init__(
        self,
        raw,
        *,
        kernel: str = "logistic",
        log_scale_bound: float = 5.0,
        min_slope: float = 1e-3,
        name: str | None = None,
    ):
        super().__init__(raw, name=name or "gaussianization")
        size = self._raw.shape[-1]
        if size is None or size < 6 or size % 3:
            raise ValueError(
                "expected raw parameters [..., 3 K] for K >= 2 components; got shape "
                f"{self._raw.shape}."
            )
        self._components = size // 3
        self.check_options(self._components, kernel, log_scale_bound, min_slope)
        self._kernel = kernel
        self._log_scale_bound = float(log_scale_bound)
        self._min_slope = float(min_slope)

    @staticmethod
    def check_options(
        components: int, kernel: str, log_scale_bound: float, min_slope: float
    ) -> None:
        """Raise a ValueError, naming what is wrong, unless the options describe a map."""
        check_count(2, components=components)
        if kernel not in KERNELS:
            raise ValueError(f"kernel={kernel!r}: expected one of {', '.join(map(repr, KERNELS))}.")
        check_positive(log_scale_bound=log_scale_bound)
        check_fraction(min_slope=min_slope)

    def _direct(self, y, raw):
        logits, positions, rates = tf.split(parameters_first(raw, y.shape.rank), 3)
        start, rate = spread(self._components, self.SHARE, self._kernel)
        # One standard deviation of the logistic distribution is pi / sqrt(3).
        unit = math.pi / math.sqrt(3.0) if self._kernel == "logistic" else 1.0
        log_rate = soft_rate(rates, rate * unit, self._log_scale_bound)
        position = tf.exp(log_rate) * (y - positions - column(start / unit, positions))
        weights = tf.nn.log_softmax(logits, 0)
        z, log_slope = probit(mixture(self._kernel, position, log_rate, weights))
        return min_slope_mix(z, log_slope, y, self._min_slope)
