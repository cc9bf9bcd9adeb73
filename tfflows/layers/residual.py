"""The identity plus a network, which is invertible whatever its weights."""

import math

import keras
import tensorflow as tf

from tfflows import bijectors
from tfflows.bijectors import checks
from tfflows.bijectors.lipschitz import ACTIVATIONS, sizes_of
from tfflows.conditioners.linear import spread_biases
from tfflows.layers.base import BijectorLayer
from tfflows.layers.context import flatten_context

__all__ = ["Residual"]

#: Coordinates up to which the log-determinant is exact by default.
EXACT_UP_TO = 32
_LOG_DETS = ("auto", "exact", "estimate")
# Of which the softplus is one.
_STEEPNESS = math.log(math.expm1(1.0))


@keras.saving.register_keras_serializable(package="tfflows")
class Residual(BijectorLayer):
    r"""A residual network with a bound on what it may move: an i-ResNet, or Residual Flow.

    .. math:: z = x + g(x, c), \qquad |g(x, c) - g(y, c)| \le L\,|x - y|, \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| = \log\det(I + J_g(x, c))

    with a dense network g, each coordinate of which sees all others. Its kernels are divided by
    what their spectral norms have too much, computed from the kernels each time, so that the bound
    holds for any weights (see `bijectors.Residual`); a context comes into the first layer, and is
    not bounded. Data to latent takes one pass and log-determinants D more; latent to data is a
    search by fixed-point and Newton steps, at most some dozens, in which a row that is found stays.

    In many dimensions the log-determinant is an estimate without bias, of a random number of terms
    of its power series. The layer is then not `exact`: `log_prob` varies with its seed, by less
    with ``samples=``, and its mean is the log density. It is no bound, and training follows
    unbiased gradients.

    It starts as the identity. It stretches no direction by more than 1 + L, so several layers come
    after each other.

    Parameters
    ----------
    hidden_units : int or sequence of int
        Widths of the network, at least one.
    activation : str
        ``"lipswish"`` or ``"clipswish"``, with a learned steepness; ``"elu"`` or ``"tanh"``.
    lipschitz : float
        L, in ``(0, 1)``; the nearer to 1, the longer the searches.
    log_det : str
        ``"exact"``, ``"estimate"`` or ``"auto"``, which is exact up to 32 coordinates.
    terms : int
        How many terms an estimate always has.
    tolerance : float, optional
        Length of the error, relative to one plus that of the point, at which a search ends; by
        default that of rounding.
    maximum_iterations : int
        Bound on the steps of a search.
    identity_start : bool
        Start as the identity; otherwise at random.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If an argument is out of its range, or an activation is not one whose slopes are bounded.

    References
    ----------
    Behrmann et al. (2019), "Invertible Residual Networks", arXiv:1811.00995; Chen et al. (2019),
    "Residual Flows for Invertible Generative Modeling", arXiv:1906.02735; Perugachi-Diaz, Tomczak
    and Bhulai (2021), "Invertible DenseNets with Concatenated LipSwish", arXiv:2102.02694.

    Examples
    --------
    >>> import tensorflow as tf
    >>> layer = Residual(hidden_units=(8,), identity_start=False)
    >>> z = layer(tf.constant([[1.0, 2.0, 3.0]]))
    >>> print(layer.bijector().forward(z).numpy().round(4))
    [[1. 2. 3.]]
    """

    def __init__(
        self,
        hidden_units=(64, 64),
        activation: str = "lipswish",
        lipschitz: float = 0.9,
        log_det: str = "auto",
        terms: int = 4,
        tolerance: float | None = None,
        maximum_iterations: int = 2000,
        identity_start: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden_units = checks.positive_integers("hidden_units", hidden_units)
        if not self.hidden_units:
            raise ValueError("hidden_units=(): expected at least one hidden layer.")
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"activation={activation!r}: expected {', '.join(ACTIVATIONS)}, whose slopes are "
                "at most one and continuous."
            )
        if log_det not in _LOG_DETS:
            raise ValueError(f"log_det must be one of {', '.join(_LOG_DETS)}; got {log_det!r}.")
        checks.check_open_fraction(lipschitz=lipschitz)
        if tolerance is not None:
            checks.check_positive(tolerance=tolerance)
        self.activation = activation
        self.lipschitz = float(lipschitz)
        self.log_det = log_det
        self.terms = checks.positive_integer("terms", terms)
        self.tolerance = tolerance
        self.maximum_iterations = checks.positive_integer("maximum_iterations", maximum_iterations)
        self.identity_start = identity_start
        self._size = None

    def build(self, event_shape, context_shape=None):
        """Create the network for events of `event_shape` and contexts of `context_shape`."""
        self.event_shape = tuple(event_shape)
        self.context_shape = None if context_shape is None else tuple(context_shape)
        self._size = math.prod(self.event_shape)
        self.kernels, self.biases, self.steepness = [], [], []
        shapes = sizes_of(self._size, self.hidden_units, self.activation)
        for index, shape in enumerate(shapes):
            last = index == len(shapes) - 1
            self.kernels.append(
                self.add_weight(
                    shape=shape, initializer=self._draw(index, last), name=f"kernel_{index}"
                )
            )
            start = "zeros" if last else spread_biases([shape[0]] * shape[1], None, 0)
            self.biases.append(
                self.add_weight(shape=shape[1:], initializer=start, name=f"bias_{index}")
            )
            if not last and self.activation.endswith("swish"):
                constant = keras.initializers.Constant(_STEEPNESS)
                self.steepness.append(
                    self.add_weight(shape=(), initializer=constant, name=f"steepness_{index}")
                )
        self.context_kernel = None
        if self.context_shape is not None:
            self.context_kernel = self.add_weight(
                shape=(math.prod(self.context_shape), shapes[0][1]),
                initializer=keras.initializers.VarianceScaling(1.0, "fan_in"),
                name="context_kernel",
            )
        self.built = True

    def _draw(self, index: int, last: bool):
        if last and self.identity_start:
            return "zeros"
        # Units of the first layer bend within standardized data, those behind keep what they get.
        if index == 0:
            return keras.initializers.VarianceScaling(1.0, "fan_in")
        return keras.initializers.Orthogonal()

    def bijector(self, context=None):
        """Return the bijector that the weights describe now; its log-determinant is exact."""
        context = flatten_context(context, self.context_shape)
        kernels, biases, steepness = (
            [tf.convert_to_tensor(weight) for weight in weights]
            for weights in (self.kernels, self.biases, self.steepness)
        )
        if context is not None:
            moved = tf.tensordot(context, tf.convert_to_tensor(self.context_kernel), 1)
            biases[0] = moved + biases[0]
        return bijectors.Residual(
            kernels,
            biases,
            self.event_shape,
            steepness or None,
            activation=self.activation,
            lipschitz=self.lipschitz,
            tolerance=self.tolerance,
            maximum_iterations=self.maximum_iterations,
        )

    def inverse(self, x, context=None, seed=None) -> tuple:
        """Map data to latent; see `Transform`."""
        if not self.estimates:
            return super().inverse(x, context)
        return self.bijector(context).inverse_and_estimate(x, seed, self.terms)

    def forward(self, z, context=None, seed=None) -> tuple:
        """Map latent to data; see `Transform`."""
        if not self.estimates:
            return super().forward(z, context)
        x, log_det = self.bijector(context).forward_and_estimate(z, seed, self.terms)
        return x, -log_det

    @property
    def estimates(self) -> bool:
        """Whether the log-determinant is estimated, which the number of coordinates may decide."""
        many = self._size is not None and self._size > EXACT_UP_TO
        return self.log_det == "estimate" or (self.log_det == "auto" and many)

    @property
    def bijective(self) -> bool:
        """Whether TFP may make distributions of it, which need log-determinants without draws."""
        return not self.estimates

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "activation": self.activation,
            "lipschitz": self.lipschitz,
            "log_det": self.log_det,
            "terms": self.terms,
            "tolerance": self.tolerance,
            "maximum_iterations": self.maximum_iterations,
            "identity_start": self.identity_start,
        }
