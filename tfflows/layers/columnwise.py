"""The first layer of a table: for each column the map that its support and tails ask for."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfflows.bijectors import columnwise
from tfflows.layers.interval import coordinates_outside
from tfflows.layers.standardize import FromData

__all__ = ["Columnwise"]

#: By how many nats a map must bring a column nearer to a normal one to be worth having.
_WORTH = 0.1


@keras.saving.register_keras_serializable(package="tfflows")
class Columnwise(FromData):
    r"""A map for each coordinate, chosen by name: for supports, and for skewed and heavy columns.

    From latent z to data x,

    ============  ==================================================  ======================
    name          formula                                             for
    ============  ==================================================  ======================
    ``identity``  :math:`x = z`                                       ordinary columns
    ``log``       :math:`x = a + e^z`                                 above a, a heavy tail
    ``softplus``  :math:`x = a + \sigma \log(1 + e^z)`                above a, a light tail
    ``logit``     :math:`x = a + (b - a) / (1 + e^{-z})`              between a and b
    ``arcsinh``   :math:`x = \mu + \sigma \sinh z`                    heavy tails on the line
    ============  ==================================================  ======================

    Where a is minus infinity, log and softplus are mirrored, for columns below b:
    :math:`x = b - e^{-z}`. The ends of `Interval` need no map.

    The layer stands nearest the data, before `Standardize`. Events outside the range of a map have
    the density zero, and no draw is there. `adapt` sets :math:`\mu` to the median and
    :math:`\sigma` to a robust standard deviation (for softplus to the median above a).

    Parameters
    ----------
    maps : str or sequence of str
        One name for all coordinates, or one for each flattened coordinate; `choose` finds them.
    lower, upper : float or array
        :math:`a` and :math:`b`, for all coordinates or of the shape of the event.
    learned : bool
        Whether :math:`\mu` and :math:`\log\sigma` train; otherwise they stay as `adapt` sets them.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If a map is unknown or `lower` is not below `upper`; when built, if there is not a map for
        each coordinate, or none of the ends that a map needs.

    Examples
    --------
    >>> import numpy as np, tensorflow as tf
    >>> layer = Columnwise(("log", "identity"))
    >>> layer.build(event_shape=(2,))
    >>> print(layer(tf.constant([[1.0, 2.0], [-1.0, 2.0]])).numpy())
    [[ 0.  2.]
     [nan nan]]
    >>> incomes = np.random.default_rng(0).lognormal(sigma=2.0, size=(500, 1))
    >>> Columnwise.choose(incomes), Columnwise.choose(np.log(incomes))
    (('log',), ('identity',))
    """

    def __init__(self, maps="identity", lower=0.0, upper=1.0, learned: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.maps = (maps,) if isinstance(maps, str) else tuple(maps)
        if unknown := set(self.maps) - set(columnwise.MAPS):
            raise ValueError(
                f"unknown maps {sorted(map(str, unknown))}; there are {', '.join(columnwise.MAPS)}."
            )
        self.lower, self.upper = np.asarray(lower, np.float64), np.asarray(upper, np.float64)
        self.learned = bool(learned)

    def build(self, event_shape, context_shape=None):
        """Create location and log scale, both zero until `adapt`."""
        super().build(event_shape, context_shape)
        size = math.prod(self.event_shape)
        if len(self.maps) not in (1, size):
            raise ValueError(
                f"maps names {len(self.maps)} maps for events of {size} coordinates; give one for "
                "each, or one for all."
            )
        maps = np.array(self.maps * (size if len(self.maps) == 1 else 1), dtype=object)
        self._maps = maps.reshape(self.event_shape)
        try:
            lower, upper = (np.broadcast_to(end, self.event_shape) for end in self._ends)
        except ValueError:
            raise ValueError(
                f"lower has shape {self.lower.shape} and upper {self.upper.shape}; expected "
                f"numbers, or shapes that broadcast to that of an event, {self.event_shape}."
            ) from None
        endless = np.isin(self._maps, ("log", "softplus")) & ~np.isfinite(lower)
        if (endless & ~np.isfinite(upper)).any():
            raise ValueError("log and softplus need one finite end, `lower` or `upper`.")
        wrong = (self._maps == "logit") & ~(lower < upper)
        if wrong.any():
            raise ValueError(
                f"lower must be below upper; got {lower[wrong].tolist()} and "
                f"{upper[wrong].tolist()}."
            )
        zeros = {"shape": self.event_shape, "initializer": "zeros", "trainable": self.learned}
        self.location = self.add_weight(name="location", **zeros)
        self.log_scale = self.add_weight(name="log_scale", **zeros)
        self.built = True

    @property
    def _ends(self):
        return self.lower, self.upper

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        return columnwise.Columnwise(
            self._maps.ravel(),
            self.event_shape,
            *self._ends,
            location=tf.convert_to_tensor(self.location),
            log_scale=tf.convert_to_tensor(self.log_scale),
        )

    @property
    def bounded(self) -> bool:
        """Whether some events are outside the range of a map."""
        return not {"log", "softplus", "logit"}.isdisjoint(self.maps)

    @property
    def adapts(self) -> bool:
        """Whether a map has a location or a scale to take from data, or a range to hold them to."""
        return set(self.maps) != {"identity"}

    @property
    def needs_adapt(self) -> bool:
        """Whether the layer still waits for a location and a scale."""
        return not {"softplus", "arcsinh"}.isdisjoint(self.maps) and super().needs_adapt

    def adapt(self, x, context=None, sample_weight=None):
        """Take location and scale of each coordinate from `x`."""
        x = np.asarray(x, np.float64)
        kept = slice(None) if sample_weight is None else np.asarray(sample_weight) > 0
        location, scale = _robust(x[kept])
        softplus = self._maps == "softplus"
        self.location.assign(np.where(softplus, 0.0, location))
        self.log_scale.assign(np.log(np.where(softplus, self._distance(location), scale)))
        self.adapted.assign(1.0)

    def _distance(self, x):
        """Return the distance from the end of half a line."""
        lower, upper = self._ends
        return np.where(np.isfinite(lower), x - lower, upper - x)

    def explain_outside(self, x) -> str:
        """Say which coordinates of rows `x` are outside the range of their map, and what to do."""
        return (
            f"x lies outside the range of its map in coordinate "
            f"{coordinates_outside(self.bijector(), x)}: log and softplus take values above "
            "`lower`, logit those between `lower` and `upper`. Drop the rows, move the ends "
            "outward, or choose other maps."
        )

    @staticmethod
    def choose(x, positive=None) -> tuple[str, ...]:
        r"""Choose a map for each coordinate of training rows.

        That one is chosen whose latents are nearest to a normal distribution: the one of the
        smallest

        .. math:: \log s + \frac{1}{N} \sum_n \log\left|\frac{dx_n}{dz_n}\right|

        with the standard deviation s of the latents, which is the mean negative log density of the
        best normal distribution, up to a constant. Identity stays where no other gains 0.1 nats.
        Where all rows are positive the others are log and softplus, elsewhere arcsinh.

        Parameters
        ----------
        x : array
            Training rows ``[N, *event_shape]``.
        positive : array of bool, optional
            The coordinates known to be positive, of the shape of an event; by default those that
            are so in all rows.

        Returns
        -------
        tuple of str
            A name for each flattened coordinate.
        """
        x = np.asarray(x, np.float64)
        x = x.reshape(len(x), -1)
        positive = x.min(axis=0) > 0 if positive is None else np.ravel(positive)
        return tuple(map(_nearest_to_normal, x.T, positive))

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "maps": list(self.maps),
            "lower": self.lower.tolist(),
            "upper": self.upper.tolist(),
            "learned": self.learned,
        }


def _robust(x):
    """Return the medians, and standard deviations that tails do not move."""
    quarter, location, other = np.quantile(x, (0.25, 0.5, 0.75), axis=0)
    scale = (other - quarter) / 1.349
    # Half of the values may be the same.
    scale = np.where(scale > 0, scale, x.std(axis=0))
    return location, np.where(scale > 0, scale, 1.0)


def _nearest_to_normal(x, positive) -> str:
    """Return the name of the map of a column ``[N]``."""
    if np.ptp(x) == 0:
        return "identity"
    location, scale = _robust(x)
    scores = {"identity": np.log(x.std()) - _WORTH}
    if positive:
        z = np.log(x)
        scores["log"] = _log_deviation(z) + z.mean()
        u = x / location
        log_slope = np.log(-np.expm1(-u))
        z = u + log_slope
        scores["softplus"] = _log_deviation(z) + log_slope.mean() + np.log(location)
    else:
        z = np.arcsinh((x - location) / scale)
        scores["arcsinh"] = _log_deviation(z) + np.log(np.cosh(z)).mean() + np.log(scale)
    return min(scores, key=lambda name: scores[name])


def _log_deviation(z) -> float:
    return float(np.log(max(z.std(), np.finfo(np.float64).tiny)))
