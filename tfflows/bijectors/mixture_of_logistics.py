"""The distribution function of a mixture of logistics, followed by the logit and an affine map."""

import tensorflow as tf

from tfflows.bijectors.checks import check_count, check_fraction, check_positive
from tfflows.bijectors.knots import parameters_first
from tfflows.bijectors.mixture import column, logit, mixture, soft_rate, spread
from tfflows.bijectors.numerical_inverse import NumericalInverse, min_slope_mix

__all__ = ["MixtureOfLogistics"]


class MixtureOfLogistics(NumericalInverse):
    r"""The coupling function of Flow++: mixture of logistics, logit, affine map.

    Data to latent is

    .. math::
        z = (1 - \mu) \Big[e^a \operatorname{logit}\Big(
            \sum_k w_k\, \sigma\big(r_k (x - m_k)\big)\Big) + t\Big] + \mu x ,

    computed from logarithms of tail probabilities, so that nothing underflows; far out it is a
    straight line. Latent to data is a root search. The term :math:`\mu x` keeps the slope above
    :math:`\mu`.

    The raw numbers are, in this order, K logits of the weights w, K positions m, K log-rates, the
    log-scale a and the shift t. Log-rates and log-scale are softly bounded:
    :math:`\log r_k = \log r_0 + b \tanh(raw / b)` with b = `log_scale_bound`. To the positions the
    fixed numbers of `tfflows.bijectors.mixture.spread` are added: raw zeros are the equal mixture
    of K different components that has the variance of the standard logistic distribution, a map
    near the identity.

    Parameters
    ----------
    raw : tf.Tensor
        Unconstrained numbers ``[..., 3 K + 2]``, K at least 2, of known rank; the leading axes
        broadcast against the values.
    log_scale_bound : float
        Bound b on what the raw numbers add to a log-rate or to the log-scale, in nats; positive.
    min_slope : float
        Smallest slope :math:`\mu`, in ``[0, 1)``.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If the last axis of `raw` is not ``3 K + 2``, or an option is out of its range.

    References
    ----------
    Ho, Chen, Srinivas, Duan and Abbeel (2019), "Flow++: Improving Flow-Based Generative Models
    with Variational Dequantization and Architecture Design", arXiv:1902.00275.

    Examples
    --------
    >>> import tensorflow as tf
    >>> b = MixtureOfLogistics(tf.zeros([14]))
    >>> print(b.inverse(tf.constant([-1.0, 0.0, 2.0])).numpy().round(2) + 0.0)
    [-0.92  0.    1.91]
    """

    #: Share of the variance that the positions hold at raw zeros.
    SHARE = 0.3

    def __init__(
        self,
        raw,
        *,
        log_scale_bound: float = 5.0,
        min_slope: float = 1e-3,
        name: str | None = None,
    ):
        super().__init__(raw, name=name or "mixture_of_logistics")
        size = self._raw.shape[-1]
        if size is None or size < 8 or size % 3 != 2:
            raise ValueError(
                "expected raw parameters [..., 3 K + 2] for K >= 2 components; got shape "
                f"{self._raw.shape}."
            )
        self._components = size // 3
        self.check_options(self._components, log_scale_bound, min_slope)
        self._log_scale_bound = float(log_scale_bound)
        self._min_slope = float(min_slope)

    @staticmethod
    def check_options(components: int, log_scale_bound: float, min_slope: float) -> None:
        """Raise a ValueError, naming what is wrong, unless the options describe a map."""
        check_count(2, components=components)
        check_positive(log_scale_bound=log_scale_bound)
        check_fraction(min_slope=min_slope)

    def _direct(self, y, raw):
        raw = parameters_first(raw, y.shape.rank)
        logits, positions, rates = tf.split(raw[:-2], 3)
        start, rate = spread(self._components, self.SHARE)
        log_rate = soft_rate(rates, rate, self._log_scale_bound)
        position = tf.exp(log_rate) * (y - positions - column(start, positions))
        weights = tf.nn.log_softmax(logits, 0)
        z, log_slope = logit(mixture("logistic", position, log_rate, weights))
        log_scale = soft_rate(raw[-2], 1.0, self._log_scale_bound)
        z = tf.exp(log_scale) * z + raw[-1]
        return min_slope_mix(z, log_slope + log_scale, y, self._min_slope)
