"""Stacked mixtures of sigmoids between logits."""

import tensorflow as tf

from tfflows.bijectors.checks import check_count, check_fraction, check_positive
from tfflows.bijectors.knots import parameters_first
from tfflows.bijectors.mixture import column, logit, mixture, soft_rate, spread
from tfflows.bijectors.numerical_inverse import NumericalInverse, min_slope_mix

__all__ = ["DeepSigmoidal"]


class DeepSigmoidal(NumericalInverse):
    r"""The deep sigmoidal map of a neural autoregressive flow.

    Data to latent passes through L layers,

    .. math::
        h_0 = x, \qquad
        h_l = \operatorname{logit}\Big(\sum_k w_{lk}\, \sigma(a_{lk} h_{l-1} + b_{lk})\Big), \qquad
        z = (1 - \mu)\, h_L + \mu x ,

    computed from logarithms of tail probabilities, so that nothing underflows; far out it is a
    straight line. Latent to data is a root search. The term :math:`\mu x` keeps the slope above
    :math:`\mu`.

    The raw numbers are, layer after layer, K logits of the weights w, K offsets b and K log-rates,
    :math:`\log a_k = \log a_0 + c \tanh(raw / c)` with c = `log_scale_bound`. To the offsets fixed
    numbers are added, those of `tfflows.bijectors.mixture.spread` times :math:`-a_0`: raw zeros
    are equal mixtures of K different sigmoids with the variance of the standard one, a map near
    the identity. Layer l spreads the share 0.3 / l of the variance, so that no two layers are
    equal.

    Parameters
    ----------
    raw : tf.Tensor
        Unconstrained numbers ``[..., 3 K L]``, of known rank; the leading axes broadcast against
        the values.
    layers : int
        Number of layers, L; at least 1.
    log_scale_bound : float
        Bound c on what the raw numbers add to a log-rate, in nats; positive.
    min_slope : float
        Smallest slope :math:`\mu`, in ``[0, 1)``.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If the last axis of `raw` is not ``3 K L`` for any K of at least 2, or an option is out of
        its range.

    References
    ----------
    Huang, Krueger, Lacoste and Courville (2018), "Neural Autoregressive Flows", arXiv:1804.00779.

    Examples
    --------
    >>> import tensorflow as tf
    >>> b = DeepSigmoidal(tf.zeros([24]), layers=2)
    >>> print(b.inverse(tf.constant([-1.0, 0.0, 2.0])).numpy().round(2) + 0.0)
    [-0.88  0.    1.87]
    """

    #: Share of the variance that the offsets of the first layer hold at raw zeros.
    SHARE = 0.3

    def __init__(
        self,
        raw,
        *,
        layers: int = 1,
        log_scale_bound: float = 5.0,
        min_slope: float = 1e-3,
        name: str | None = None,
    ):
        super().__init__(raw, name=name or "deep_sigmoidal")
        size = self._raw.shape[-1]
        check_count(1, layers=layers)
        if size is None or size % (3 * layers) or size < 6 * layers:
            raise ValueError(
                f"expected raw parameters [..., 3 K layers] for K >= 2 units and layers={layers}; "
                f"got shape {self._raw.shape}."
            )
        self._layers = int(layers)
        self._units = size // (3 * self._layers)
        self.check_options(self._units, self._layers, log_scale_bound, min_slope)
        self._log_scale_bound = float(log_scale_bound)
        self._min_slope = float(min_slope)

    @staticmethod
    def check_options(units: int, layers: int, log_scale_bound: float, min_slope: float) -> None:
        """Raise a ValueError, naming what is wrong, unless the options describe a map."""
        check_count(2, units=units)
        check_count(1, layers=layers)
        check_positive(log_scale_bound=log_scale_bound)
        check_fraction(min_slope=min_slope)

    def _direct(self, y, raw):
        value, total = y, 0.0
        layers = tf.split(parameters_first(raw, y.shape.rank), self._layers)
        for index, layer in enumerate(layers):
            logits, offsets, rates = tf.split(layer, 3)
            positions, rate = spread(self._units, self.SHARE / (index + 1))
            log_rate = soft_rate(rates, rate, self._log_scale_bound)
            offset = offsets - column(rate * positions, offsets)
            weights = tf.nn.log_softmax(logits, 0)
            mixed = mixture("logistic", tf.exp(log_rate) * value + offset, log_rate, weights)
            value, log_slope = logit(mixed)
            total += log_slope
        return min_slope_mix(value, total, y, self._min_slope)
