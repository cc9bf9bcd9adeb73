"""A mixture of normal distributions, whose parameters are weights or follow from a context."""

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfflows.bijectors.checks import check_count, positive_integers
from tfflows.distributions import GaussianMixture as Mixture
from tfflows.inputs.columns import columns_config
from tfflows.interop.description import call_of
from tfflows.layers.raw_parameters import RawParameters
from tfflows.models.density_model import DensityModel
from tfflows.saving import versions

__all__ = ["GaussianMixture"]

# Added to variances at the start, in units of the data: a cluster may be a single row.
_REGULARIZATION = 1e-6

_ROWS = 50_000


@keras.saving.register_keras_serializable(package="tfflows")
class GaussianMixture(DensityModel):
    r"""A mixture of normal distributions, on its own or as the base of a flow.

    .. math::
        p(x \mid c) = \sum_{k=1}^{K} \pi_k(c)\, \mathcal{N}\!\left(x; \mu_k(c), \Sigma_k(c)\right)

    `adapt`, and with it `fit`, starts at the clusters that k-means finds in the data, which are
    those that scikit-learn's mixture starts at; before, locations are drawn at random. With a
    context a network that starts at zero moves all parameters (a mixture density network).

    A flow cannot tear its base apart, and one over a mixture need not: there are as many modes to
    begin with as there are components.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    context_shape : int or tuple of int, optional
        Shape of a context.
    components : int
        K.
    covariance : str
        ``"full"``, or ``"diagonal"`` for coordinates that are independent within a component.
    hidden_units : sequence of int
        Widths of the network of the context; unused without a context.
    activation : str or callable
        Activation of that network.
    seed : int
        Seed of the locations at random, and of k-means.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If `components` is not positive or `covariance` is unknown; from `adapt`, if there are
        fewer rows than components.

    References
    ----------
    Bishop (1994), "Mixture Density Networks", Aston University, NCRG/94/004.

    Examples
    --------
    >>> import numpy as np, tfflows
    >>> base = GaussianMixture(2, components=3)
    >>> flow = tfflows.Flow([tfflows.layers.Standardize()], event_shape=2, base=base)
    >>> flow.adapt(np.random.default_rng(0).normal(size=(100, 2)))
    >>> flow.sample(5, seed=0).shape
    TensorShape([5, 2])
    """

    def __init__(
        self,
        event_shape,
        context_shape=None,
        components: int = 8,
        covariance: str = "full",
        hidden_units=(64, 64),
        activation="relu",
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(event_shape, context_shape, **kwargs)
        check_count(1, components=components)
        if covariance not in ("full", "diagonal"):
            raise ValueError(f'covariance must be "full" or "diagonal"; got {covariance!r}.')
        self.component_count, self.covariance, self.seed = int(components), covariance, int(seed)
        self.hidden_units = positive_integers("hidden_units", hidden_units)
        self.activation = activation
        size = self.event_size
        pairs = size * (size - 1) // 2 if covariance == "full" else 0
        self._sizes = [1, size, size, pairs]
        self.raw = RawParameters(
            (self.component_count, sum(self._sizes)),
            hidden_units=self.hidden_units,
            activation=activation,
            dtype=self.dtype_policy,
            name="raw",
        )
        self.raw.build(self.context_shape)
        self.adapted = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="adapted"
        )
        # Equal components would have equal gradients, and stay equal.
        start = np.zeros(self.raw.shape)
        start[:, 1 : 1 + size] = np.random.default_rng(seed).normal(size=(components, size))
        self.raw.value.assign(start)
        self.built = True

    def __repr__(self) -> str:
        """Return the call that makes the model."""
        if not self.built:  # while it is made
            return object.__repr__(self)
        own = ("event_shape", "context_shape", "covariance", "hidden_units")
        arguments = {key: getattr(self, key) for key in own}
        shown = ("components", "hidden_units")
        arguments["components"] = self.component_count
        return call_of(self, arguments=arguments, always=shown)

    def distribution(self, context=None) -> Mixture:
        """Return the mixture that the weights describe now.

        Parameters
        ----------
        context : tf.Tensor, optional
            Contexts ``[..., *context_shape]``, the batch of the distribution.
        """
        logits, loc, log_scale, below = tf.split(self.raw(context), self._sizes, axis=-1)
        triangle = None
        if self._sizes[-1]:
            below = tfp.math.fill_triangular(below)
            edges = [[0, 0]] * (below.shape.rank - 2)
            triangle = tf.pad(below, [*edges, [1, 0], [0, 1]])
        return Mixture(logits[..., 0], loc, log_scale, triangle, self.event_shape)

    @property
    def unadapted_layers(self) -> list[str]:
        """The model itself, until it has seen data."""
        return [] if bool(self.adapted.numpy()) else [self.name]

    def adapt_parts(self, x, context, sample_weight) -> None:
        """Start at the clusters of rows."""
        x = np.asarray(x, np.float64).reshape(len(x), -1)
        weight = np.ones(len(x)) if sample_weight is None else np.asarray(sample_weight, float)
        self.raw.value.assign(self._start(x[weight > 0], weight[weight > 0]))
        self.adapted.assign(1.0)

    def adapt_without_data(self, context=None) -> None:
        """Stay at the locations drawn at random."""
        self.adapted.assign(1.0)

    def _start(self, x, weight):
        """Return raw parameters: weights, means and covariances of the clusters of rows."""
        from sklearn.cluster import KMeans

        if len(x) < self.component_count:
            raise ValueError(
                f"{self.component_count} components need as many rows to start at; x has {len(x)}."
            )
        step = max(len(x) // _ROWS, 1)
        means = KMeans(self.component_count, n_init=1, random_state=self.seed)
        labels = means.fit(x[::step], sample_weight=weight[::step]).predict(x)
        size, start = self.event_size, np.zeros(self.raw.shape)
        for k, row in enumerate(start):
            own, w = x[labels == k], weight[labels == k]
            row[0], row[1 : 1 + size] = np.log(w.sum()), np.average(own, axis=0, weights=w)
            apart = own - row[1 : 1 + size]
            covariance = (w[:, np.newaxis] * apart).T @ apart / w.sum()
            covariance += _REGULARIZATION * np.eye(size)
            if self.covariance == "diagonal":
                covariance = np.diag(np.diag(covariance))
            # u = L exp(-s) (x - mean) has the covariance 1.
            factor = np.linalg.inv(np.linalg.cholesky(covariance))
            log_scale = -np.log(np.diag(factor))
            row[1 + size : 1 + 2 * size] = log_scale
            if self._sizes[-1]:
                below = (factor * np.exp(log_scale))[1:, :-1]
                row[1 + 2 * size :] = tfp.math.fill_triangular_inverse(below)
        start[:, 0] -= np.log(weight.sum())
        return start

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            versions.KEY: versions.installed(),
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            "trainable": self.trainable,
            "event_shape": self.event_shape,
            "context_shape": self.context_shape,
            "components": self.component_count,
            "covariance": self.covariance,
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(keras.activations.get(self.activation)),
            "seed": self.seed,
            **columns_config(self),
        }

    @classmethod
    def from_config(cls, config):
        """Build the model from `get_config`'s answer."""
        with versions.reading(config) as config:
            config["dtype"] = keras.saving.deserialize_keras_object(config["dtype"])
            return cls(**config)
