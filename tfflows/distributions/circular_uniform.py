"""The uniform distribution on a torus, the base of flows of angles."""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from tfflows.bijectors.circle import wrap
from tfflows.distributions.base import Base
from tfflows.random import uniform

__all__ = ["CircularUniform"]


class CircularUniform(Base):
    r"""Independent coordinates, each uniform on the circle ``[-bound, bound)``.

    .. math:: \log p(z) = -D \log(2\,bound)

    for D coordinates. The ends of the interval are one point, and a number outside it is another
    name of a point inside: the density is the same everywhere, and no point is outside the support.

    It draws by `tfflows.random.uniform`, so that a seed gives the same samples in eager, graph and
    XLA execution, and a seed of three numbers those rows that the third one names.

    Parameters
    ----------
    event_shape : int or sequence of int
        Shape of an event.
    bound : float
        Half the circumference, in units of the data: pi for radians, 180 for degrees; positive.
    dtype : tf.DType or str
        Floating type.
    validate_args : bool
        TFP's switch for costly checks; there is nothing to check here.
    allow_nan_stats : bool
        TFP's switch for undefined statistics; those of an angle are not defined.
    name : str
        Name of the distribution.

    Raises
    ------
    ValueError
        If the bound is not a positive finite number.

    References
    ----------
    Rezende et al. (2020), Normalizing flows on tori and spheres, arXiv:2002.02428.

    Examples
    --------
    >>> base = CircularUniform(2, bound=180.0)
    >>> base.sample(5, seed=(0, 1)).shape
    TensorShape([5, 2])
    >>> print(base.log_prob([[0.0, 0.0], [180.0, 725.0]]).numpy().round(4))
    [-11.7722 -11.7722]
    """

    def __init__(
        self,
        event_shape=(),
        bound: float = math.pi,
        dtype=tf.float32,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "CircularUniform",
    ):
        parameters = dict(locals())
        if not 0.0 < bound < math.inf:
            raise ValueError(f"bound={bound!r}: expected a positive finite number.")
        self._bound = float(bound)
        super().__init__(
            event_shape,
            dtype,
            validate_args=validate_args,
            allow_nan_stats=allow_nan_stats,
            parameters=parameters,
            name=name,
        )

    @property
    def bound(self) -> float:
        """Half the circumference."""
        return self._bound

    def _sample_n(self, n, seed=None):
        shape = tf.concat([[n], self._event_shape_tensor()], 0)
        share = uniform(shape, tfp.random.sanitize_seed(seed), self.dtype)
        return wrap(2.0 * self._bound * share - self._bound, self._bound)

    def _log_prob(self, value):
        axes = list(range(-len(self._shape), 0))
        # What is no number is no point of the circle.
        return 0.0 * tf.reduce_sum(value, axes) - self._entropy()

    def _entropy(self):
        return tf.constant(math.prod(self._shape) * math.log(2.0 * self._bound), self.dtype)
