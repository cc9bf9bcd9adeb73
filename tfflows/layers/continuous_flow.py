"""A layer that follows a learned velocity."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfflows import bijectors, random
from tfflows.bijectors.base import forward_and_log_det, inverse_and_log_det
from tfflows.bijectors.checks import check_count, check_positive, positive_integers
from tfflows.bijectors.event import flatten_event, restore_event
from tfflows.conditioners.dense_network import DenseNetwork
from tfflows.layers.base import BijectorLayer
from tfflows.layers.context import flatten_context, join_context
from tfflows.layers.masked_autoregressive import deserialize

__all__ = ["ContinuousFlow"]

# Up to as many coordinates a derivative for each costs little beside what it gives: a density.
_FEW = 16


@keras.saving.register_keras_serializable(package="tfflows")
class ContinuousFlow(BijectorLayer):
    r"""A continuous flow: points follow a learned velocity from latent, t = 0, to data, t = 1.

    .. math:: \frac{dx}{dt} = v(t, x, c), \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| =
        -\int_0^1 \operatorname{tr} \frac{\partial v}{\partial x}\, dt

    Any network is a velocity: the map is one-to-one whatever its weights are. Both directions solve
    the equation, each row by steps of its own, so that a density does not depend on the rows
    beside it; gradients are those of the steps that were taken. It trains by likelihood or,
    without solving the equation in training, by `losses.FlowMatching`.

    Parameters
    ----------
    hidden_units : sequence of int
        Widths of the default network.
    activation : str or callable
        Its activation, which must be smooth: the trace is a derivative.
    network : keras.Model or keras.layers.Layer, optional
        Maps ``[rows, D + 1 + 2 F + C]`` (the flattened event; t, and cosine and sine of
        :math:`k \pi t` for k from 1 to F; the flattened context) to velocities ``[rows, D]``. By
        default a dense network whose last layer starts at zero, so that the layer starts as the
        identity.
    frequencies : int
        The number F.
    trace : str
        ``"exact"``, ``"hutchinson"``, an estimate by random signs, or ``"auto"``: exact for 16
        coordinates or fewer. With an estimate the layer is not `exact`: `log_prob` is right on
        average over seeds, and ``log_prob(x, samples=n)`` is the average over n of them.
    probes : int
        Number of vectors of random signs of the estimate.
    rtol, atol : float
        Relative and absolute tolerance of a step of the solver. In float32 smaller ones than 1e-6
        are lost in rounding errors.
    max_steps : int
        Steps after which a row that has not arrived is given up: its density is NaN.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If `trace` is none of these, or a number is not positive; in `build`, if the network does
        not fit.

    References
    ----------
    Chen et al. (2018), "Neural Ordinary Differential Equations", arXiv:1806.07366; Grathwohl et al.
    (2019), "FFJORD: Free-form Continuous Dynamics for Scalable Reversible Generative Models",
    arXiv:1810.01367.

    Examples
    --------
    >>> import tensorflow as tf
    >>> layer = ContinuousFlow(hidden_units=(32,))
    >>> layer.build(event_shape=(2,))
    >>> layer(tf.ones([5, 2])).shape
    TensorShape([5, 2])
    >>> print(layer.evaluations(tf.ones([3, 2])).numpy())  # of the velocity, for each row
    [13 13 13]
    """

    def __init__(
        self,
        hidden_units=(64, 64),
        activation="swish",
        network=None,
        frequencies: int = 3,
        trace: str = "auto",
        probes: int = 1,
        rtol: float = 1e-5,
        atol: float = 1e-5,
        max_steps: int = 256,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if trace not in ("auto", "exact", "hutchinson"):
            raise ValueError(f'trace must be "auto", "exact" or "hutchinson"; got {trace!r}.')
        check_count(0, frequencies=frequencies)
        check_count(1, probes=probes, max_steps=max_steps)
        check_positive(rtol=rtol, atol=atol)
        self.hidden_units = positive_integers("hidden_units", hidden_units)
        self.activation = activation
        self._given_network = network is not None
        self.network = network
        self.frequencies = int(frequencies)
        self.trace = trace
        self.probes = int(probes)
        self.rtol, self.atol, self.max_steps = float(rtol), float(atol), int(max_steps)

    shown = ("hidden_units",)

    @property
    def not_shown(self) -> tuple:
        """What `repr` leaves out: the network that is not in use, or is made by default."""
        return ("hidden_units",) if self._given_network else ("network",)

    def build(self, event_shape, context_shape=None):
        """Create the network for events of `event_shape`."""
        self.event_shape = tuple(event_shape)
        self.context_shape = None if context_shape is None else tuple(context_shape)
        self._size = math.prod(self.event_shape)
        contexts = 0 if self.context_shape is None else math.prod(self.context_shape)
        inputs = self._size + 1 + 2 * self.frequencies + contexts
        if self.network is None:
            # The solver compares velocities to within its tolerance, which half precision lacks.
            self.network = DenseNetwork(
                self._size,
                hidden_units=self.hidden_units,
                activation=self.activation,
                zero_output=True,
                dtype=self.variable_dtype,
                name="network",
            )
        try:
            found = self.network(tf.zeros([1, inputs], self.variable_dtype))
            fits = tuple(found.shape) == (1, self._size)
            failed = "" if fits else f"returned shape {tuple(found.shape)}"
        except Exception as error:
            raise ValueError(self._misfit(inputs, f"failed with: {error}")) from error
        if failed:
            raise ValueError(self._misfit(inputs, failed))
        self.built = True

    def _misfit(self, inputs: int, what: str) -> str:
        context = "" if self.context_shape is None else ", then the context"
        return (
            f"the network must map (batch, {inputs}), the {self._size} coordinates, then "
            f"{1 + 2 * self.frequencies} numbers of the time{context}, to (batch, {self._size}), "
            f"the velocity of each coordinate. It {what}"
        )

    @property
    def estimates(self) -> bool:
        """Whether the log-determinant is estimated, which the number of coordinates may decide."""
        many = self.built and self._size > _FEW
        return self.trace == "hutchinson" or (self.trace == "auto" and many)

    @property
    def bijective(self) -> bool:
        """Whether TFP may make distributions of it, which need log-determinants without draws."""
        return not self.estimates

    def velocity(self, t, x, context=None) -> tf.Tensor:
        """Return the velocities that the weights describe now.

        Parameters
        ----------
        t : tf.Tensor
            Times ``[...]``, in [0, 1].
        x : tf.Tensor
            Points ``[..., *event_shape]``.
        context : tf.Tensor, optional
            Contexts ``[..., *context_shape]``; all leading axes broadcast against each other.

        Returns
        -------
        tf.Tensor
            ``[..., *event_shape]``.
        """
        context = flatten_context(context, self.context_shape)
        flat = flatten_event(tf.convert_to_tensor(x), self.event_shape)
        t = tf.convert_to_tensor(t, flat.dtype)
        found = self._velocity(t, flat, context, *self._parameters())
        return restore_event(found, self.event_shape)

    def _parameters(self) -> list:
        return [tf.convert_to_tensor(weight) for weight in self.network.trainable_variables]

    def _velocity(self, t, x, context, *parameters):
        # Weights as arguments: the solver differentiates by what it is handed.
        time = t[..., tf.newaxis]
        angles = time * tf.constant(math.pi * np.arange(1, self.frequencies + 1), x.dtype)
        inputs = join_context(x, tf.concat([time, tf.cos(angles), tf.sin(angles)], -1))
        inputs = join_context(inputs, context)
        rows = tf.reshape(inputs, [-1, inputs.shape[-1]])
        fixed = self.network.non_trainable_variables
        found, _ = self.network.stateless_call(parameters, fixed, rows)
        found = tf.reshape(tf.cast(found, x.dtype), tf.concat([tf.shape(inputs)[:-1], [-1]], 0))
        return tf.ensure_shape(found, [*inputs.shape[:-1], self._size])

    def bijector(self, context=None):
        """Return the bijector that the weights describe now, with the trace computed."""
        return self._bijector(context)

    def _bijector(self, context, probes=None):
        return bijectors.ContinuousFlow(
            self._velocity,
            self._parameters(),
            self.event_shape,
            context=flatten_context(context, self.context_shape),
            probes=probes,
            rtol=self.rtol,
            atol=self.atol,
            max_steps=self.max_steps,
            dtype=self.variable_dtype,
        )

    def inverse(self, x, context=None, seed=None) -> tuple:
        """Map data to latent; see `Transform`."""
        bijector = self._bijector(context, self._draw_probes(x, seed))
        return inverse_and_log_det(bijector, x, len(self.event_shape))

    def forward(self, z, context=None, seed=None) -> tuple:
        """Map latent to data; see `Transform`."""
        bijector = self._bijector(context, self._draw_probes(z, seed))
        x, log_det = forward_and_log_det(bijector, z, len(self.event_shape))
        return x, -log_det

    def _draw_probes(self, x, seed):
        """Return signs ``[probes, ..., D]``, or None for an exact trace."""
        if not self.estimates:
            return None
        shape = tf.concat([tf.shape(x)[: x.shape.rank - len(self.event_shape)], [self._size]], 0)
        signs = [
            tf.cast(random.bits(shape, random.fold_in(seed, number)) & 1, x.dtype)
            for number in range(self.probes)
        ]
        return 2.0 * tf.stack(signs) - 1.0

    def evaluations(self, x, context=None) -> tf.Tensor:
        """Return how often the velocity is evaluated on the way of each event to its latent point.

        Parameters
        ----------
        x : tf.Tensor
            Data as this layer receives it, ``[..., *event_shape]``.
        context : tf.Tensor, optional
            Contexts ``[..., *context_shape]``.

        Returns
        -------
        tf.Tensor
            int32 ``[...]``.
        """
        return self._bijector(context).evaluations(x)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(keras.activations.get(self.activation)),
            "network": (
                keras.saving.serialize_keras_object(self.network) if self._given_network else None
            ),
            "frequencies": self.frequencies,
            "trace": self.trace,
            "probes": self.probes,
            "rtol": self.rtol,
            "atol": self.atol,
            "max_steps": self.max_steps,
        }

    @classmethod
    def from_config(cls, config):
        """Build the layer from `get_config`'s answer."""
        return cls(**{**config, "network": deserialize(config["network"])})
