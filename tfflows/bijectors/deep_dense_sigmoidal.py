"""A monotone network of sigmoids whose units are mixed between the layers."""

import numpy as np
import tensorflow as tf

from tfflows.bijectors.checks import check_count, check_fraction, check_positive
from tfflows.bijectors.knots import parameters_first
from tfflows.bijectors.mixture import column, logit, mixture, soft_rate, spread
from tfflows.bijectors.numerical_inverse import NumericalInverse, min_slope_mix

__all__ = ["DeepDenseSigmoidal"]


class DeepDenseSigmoidal(NumericalInverse):
    r"""The deep dense sigmoidal map of a neural autoregressive flow.

    Data to latent is a monotone network with layers of K units,

    .. math::
        h_0 = x, \qquad
        h_l = \operatorname{logit}\Big(W_l\, \sigma\big(a_l \odot (U_l h_{l-1}) + b_l\big)\Big),
        \qquad z = (1 - \mu)\, h_L + \mu x ,

    where the rows of U and W are weights of mixtures and the last layer has a single output. It is
    computed from logarithms of tail probabilities, so that nothing underflows; far out it is a
    straight line. Latent to data is a root search. The term :math:`\mu x` keeps the slope above
    :math:`\mu`.

    The raw numbers are, layer after layer: the K offsets b; the K log-rates,
    :math:`\log a_k = \log a_0 + c \tanh(raw / c)` with c = `log_scale_bound`; the logits of W, one
    row of K for each output; and the logits of U, one row for each of the K units (none in the
    first layer, which has one input). Fixed numbers are added to them, which make all units and all
    outputs different: with :math:`s` evenly spaced from -1 to 1, the offsets are those of
    `DeepSigmoidal`, the logits of W are :math:`s_i s_k`, those of U :math:`s_k s_j`. Raw zeros are
    a map near the identity.

    Parameters
    ----------
    raw : tf.Tensor
        Unconstrained numbers ``[..., P]`` with P = ``size(units, layers)``, of known rank; the
        leading axes broadcast against the values.
    units : int
        Number of units of each layer, K; at least 2.
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
        If the last axis of `raw` does not fit, or an option is out of its range.

    References
    ----------
    Huang, Krueger, Lacoste and Courville (2018), "Neural Autoregressive Flows", arXiv:1804.00779.

    Examples
    --------
    >>> import tensorflow as tf
    >>> b = DeepDenseSigmoidal(tf.zeros([52]), units=4, layers=2)
    >>> print(b.inverse(tf.constant([-1.0, 0.0, 2.0])).numpy().round(2) + 0.0)
    [-0.83  0.    1.78]
    """

    #: Share of the variance that the offsets of the first layer hold at raw zeros.
    SHARE = 0.3

    def __init__(
        self,
        raw,
        *,
        units: int,
        layers: int,
        log_scale_bound: float = 5.0,
        min_slope: float = 1e-3,
        name: str | None = None,
    ):
        super().__init__(raw, name=name or "deep_dense_sigmoidal")
        self.check_options(units, layers, log_scale_bound, min_slope)
        self._units, self._layers = int(units), int(layers)
        size = self.size(self._units, self._layers)
        if self._raw.shape[-1] != size:
            raise ValueError(
                f"expected raw parameters [..., {size}] for units={units} and layers={layers}; "
                f"got shape {self._raw.shape}."
            )
        self._log_scale_bound = float(log_scale_bound)
        self._min_slope = float(min_slope)

    @staticmethod
    def check_options(units: int, layers: int, log_scale_bound: float, min_slope: float) -> None:
        """Raise a ValueError, naming what is wrong, unless the options describe a map."""
        check_count(2, units=units)
        check_count(1, layers=layers)
        check_positive(log_scale_bound=log_scale_bound)
        check_fraction(min_slope=min_slope)

    @classmethod
    def size(cls, units: int, layers: int) -> int:
        """Return the number of raw parameters.

        Examples
        --------
        >>> DeepDenseSigmoidal.size(units=4, layers=2)
        52
        """
        return sum(sum(parts) for parts in cls._parts(units, layers))

    @staticmethod
    def _parts(units: int, layers: int) -> list[tuple[int, int, int, int]]:
        """Return, for each layer, the sizes of offsets, log-rates, W and U."""
        return [
            (
                units,
                units,
                units * (1 if index == layers - 1 else units),
                units * units if index else 0,
            )
            for index in range(layers)
        ]

    def _direct(self, y, raw):
        raw = parameters_first(raw, y.shape.rank)
        units = self._units
        # Values and log-slopes of the inputs of a layer, along the first axis.
        value, slope = y[None], tf.zeros_like(y)[None]
        sizes = self._parts(units, self._layers)
        pieces = iter(tf.split(raw, [size for parts in sizes for size in parts]))
        for index in range(self._layers):
            offsets, rates, mixing, inner = (next(pieces) for _ in range(4))
            if index:
                weights = self._weights(inner, units, units)
                value = tf.reduce_sum(tf.exp(weights) * value, 1)
                slope = tf.reduce_logsumexp(weights + slope, 1)
            positions, rate = spread(units, self.SHARE / (index + 1))
            log_rate = soft_rate(rates, rate, self._log_scale_bound)
            position = tf.exp(log_rate) * value + offsets - column(rate * positions, offsets)
            outputs = 1 if index == self._layers - 1 else units
            # The mixture runs over the units, which come first: [units, outputs, ...].
            weights = self._weights(mixing, outputs, units)
            weights = tf.transpose(weights, [1, 0, *range(2, weights.shape.rank)])
            mixed = mixture("logistic", position[:, None], (log_rate + slope)[:, None], weights)
            value, slope = logit(mixed)
        return min_slope_mix(value[0], slope[0], y, self._min_slope)

    def _weights(self, raw, rows: int, columns: int):
        """Return logarithms of weights ``[rows, columns, ...]`` that are mixed along axis 1."""
        logits = tf.reshape(raw, tf.concat([[rows, columns], tf.shape(raw)[1:]], 0))
        logits = tf.ensure_shape(logits, [rows, columns, *raw.shape[1:]])
        return tf.nn.log_softmax(logits + column(self._different(rows, columns), logits), 1)

    @staticmethod
    def _different(rows: int, columns: int) -> np.ndarray:
        """Return the fixed logits, which tilt every row another way."""
        along = np.linspace(-1.0, 1.0, columns)
        return (np.linspace(-1.0, 1.0, rows) if rows > 1 else np.zeros(1))[:, None] * along
