"""A normal distribution that a network thins out, as the base of a flow."""

import keras
import tensorflow as tf

from tfflows.bijectors.checks import check_count, positive_integers
from tfflows.conditioners import DenseNetwork
from tfflows.distributions import Resampled as Distribution
from tfflows.distributions.resampled import quasi_normal
from tfflows.inputs.columns import columns_config
from tfflows.interop.description import call_of
from tfflows.models.density_model import DensityModel
from tfflows.saving import versions

__all__ = ["Resampled"]


@keras.saving.register_keras_serializable(package="tfflows")
class Resampled(DensityModel):
    r"""The standard normal distribution whose proposals a network accepts or rejects.

    .. math::
        p(z) = \left(\frac{1 - \alpha}{Z}\, a(z) + \alpha\right) \mathcal{N}(z; 0, I), \qquad
        \alpha = (1 - Z)^{T - 1}

    with the acceptance probability :math:`a = \operatorname{sigmoid}` of the network, the share Z
    of accepted proposals, and T proposals at most; `tfflows.distributions.Resampled` has the
    details. It starts as the normal distribution. As the base of a flow it gives the flow modes
    and holes to begin with; location and scale are the affair of the layers.

    Z is the mean of a over points that are made once, a Sobol sequence turned by `seed`, and are
    stored with the weights. Each score and each step of training runs the network over them, too.
    A network that is large for the number of points may learn the points:
    ``distribution().acceptance_rate(z)`` for other normal points z should be near that without
    any.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event.
    truncation : int
        T, at least 2: draws that were rejected T - 1 times are accepted.
    points : int
        Number of points; powers of two are best.
    hidden_units : sequence of int
        Widths of the network.
    activation : str or callable
        Activation of the network.
    seed : int
        Seed of the points.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If `truncation` is below 2, or another number is not positive.

    References
    ----------
    Bauer and Mnih (2019), "Resampled Priors for Variational Autoencoders", arXiv:1810.11428;
    Stimper, Schölkopf and Hernández-Lobato (2022), "Resampling Base Distributions of Normalizing
    Flows", arXiv:2110.15828.

    Examples
    --------
    >>> import tfflows
    >>> from tfflows import layers
    >>> base = tfflows.Resampled(2, hidden_units=(16,))
    >>> flow = tfflows.Flow([layers.Standardize(), layers.LU()], event_shape=2, base=base)
    >>> print(round(float(flow.log_prob([0.0, 0.0])), 4))
    -1.8379
    """

    def __init__(
        self,
        event_shape,
        truncation: int = 100,
        points: int = 2048,
        hidden_units=(64, 64),
        activation="tanh",
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(event_shape, None, **kwargs)
        check_count(2, truncation=truncation)
        check_count(1, points=points)
        self.truncation, self.point_count, self.seed = int(truncation), int(points), int(seed)
        self.hidden_units = positive_integers("hidden_units", hidden_units)
        self.activation = activation
        self.network = DenseNetwork(
            1,
            hidden_units=self.hidden_units,
            activation=activation,
            zero_output=True,
            input_size=self.event_size,
            dtype=self.dtype_policy,
            name="acceptance",
        )
        self.points = self.add_weight(
            shape=(self.point_count, self.event_size),
            initializer="zeros",
            trainable=False,
            name="points",
        )
        self.points.assign(quasi_normal(self.point_count, self.event_size, self.seed))
        self.built = True

    def __repr__(self) -> str:
        """Return the call that makes the model."""
        if not self.built:  # while it is made
            return object.__repr__(self)
        own = ("event_shape", "truncation", "hidden_units")
        arguments = {key: getattr(self, key) for key in own}
        return call_of(self, arguments=arguments, always=own)

    def _logit(self, z):
        return tf.cast(self.network(tf.cast(z, self.compute_dtype)), self.variable_dtype)[..., 0]

    def distribution(self, context=None) -> Distribution:
        """Return the distribution that the weights describe now."""
        points = tf.convert_to_tensor(self.points)
        return Distribution(self._logit, points, self.truncation, self.event_shape)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            versions.KEY: versions.installed(),
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            "trainable": self.trainable,
            "event_shape": self.event_shape,
            "truncation": self.truncation,
            "points": self.point_count,
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
