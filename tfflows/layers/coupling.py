"""A coupling layer: any Keras model as conditioner times any univariate family."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfflows import bijectors
from tfflows.bijectors import checks
from tfflows.conditioners.dense_network import DenseNetwork
from tfflows.conditioners.periodic_features import circumference, periodic_features
from tfflows.interop.dry_runs import restore_variables
from tfflows.layers.base import BijectorLayer, batch_shape_of
from tfflows.layers.context import flatten_context, join_context
from tfflows.layers.masked_autoregressive import (
    build_univariate,
    check_univariate,
    deserialize,
)
from tfflows.univariates.base import Univariate

__all__ = ["Coupling"]


@keras.saving.register_keras_serializable(package="tfflows")
class Coupling(BijectorLayer):
    r"""A coupling layer: some coordinates pass through and parametrize the map of the others.

    .. math:: z_A = x_A, \qquad z_B = f^{-1}\big(x_B;\, \theta(x_A, c)\big)

    Both directions take one evaluation of the network.

    Parameters
    ----------
    univariate : Univariate
        The family f, for example ``tfflows.univariates.Affine()``.
    mask : str or sequence of bool
        The flattened coordinates that pass through: ``"half"`` (the first half),
        ``"alternating"`` (every second one), or a list with True for each that passes through.
    swap : bool
        Exchange the two parts.
    conditioner : keras.Model or keras.layers.Layer, optional
        Maps ``[B, |A| + C]`` (the coordinates that pass through, then the flattened context) to
        features ``[B, F]``. The layer appends its own head, which starts at zero. By default a
        dense network of `hidden_units`. For a family on a circle, or with `period`, it sees
        ``[B, 2 |A| + C]``, cosine and sine in the place of each coordinate.
    hidden_units : sequence of int
        Widths of the default conditioner.
    activation : str or callable
        Activation of the default conditioner.
    dropout : float
        Dropout rate of the default conditioner.
    identity_start : bool
        Start with the head at zero, so that the layer begins as the identity.
    period : float, optional
        The circumference of the circles that the coordinates that pass through are points of, in
        the place of that of the family: for a map of heights, say, by an angle.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If the event has one coordinate, or the mask does not split the event in two.

    References
    ----------
    Dinh, Sohl-Dickstein and Bengio (2017), "Density estimation using Real NVP", arXiv:1605.08803.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tfflows import layers, univariates
    >>> layer = layers.Coupling(univariates.Affine(), mask="alternating", hidden_units=(32,))
    >>> layer.build(event_shape=(3,))
    >>> layer(tf.ones([5, 3])).shape
    TensorShape([5, 3])
    """

    def __init__(
        self,
        univariate: Univariate,
        mask="half",
        swap: bool = False,
        conditioner=None,
        hidden_units=(64, 64),
        activation="relu",
        dropout: float = 0.0,
        identity_start: bool = True,
        period: float | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.univariate = check_univariate(univariate)
        if isinstance(mask, str) and mask not in ("half", "alternating"):
            raise ValueError(
                f"mask must be 'half', 'alternating' or a list of booleans; got {mask!r}."
            )
        self.mask = mask if isinstance(mask, str) else tuple(bool(m) for m in np.ravel(mask))
        self.swap = swap
        self._given_conditioner = conditioner is not None
        self.conditioner = conditioner
        self.hidden_units = checks.positive_integers("hidden_units", hidden_units)
        if conditioner is None and not self.hidden_units:
            raise ValueError(
                "hidden_units must name one width or more, such as (64, 64); got an empty sequence."
            )
        self.activation = activation
        self.dropout = dropout
        self.identity_start = identity_start
        self.period = circumference(period)
        self.head = None

    @property
    def _passing_period(self) -> float | None:
        return self.univariate.period if self.period is None else self.period

    shown = ("mask", "hidden_units")

    @property
    def not_shown(self) -> tuple:
        """What `repr` leaves out: the network that is not in use, or is made by default."""
        return ("hidden_units",) if self._given_conditioner else ("conditioner",)

    def _resolve_mask(self, size: int) -> np.ndarray:
        if size < 2:
            raise ValueError(
                f"a coupling splits an event in two, and this one has {size} coordinate; use "
                "tfflows.layers.Elementwise or tfflows.layers.MaskedAutoregressive instead."
            )
        if self.mask == "half":
            mask = np.arange(size) < size // 2
        elif self.mask == "alternating":
            mask = np.arange(size) % 2 == 0
        else:
            mask = np.asarray(self.mask, bool)
            if mask.size != size:
                raise ValueError(
                    f"mask has {mask.size} entries, but the event has {size} coordinates."
                )
        if mask.all() or not mask.any():
            raise ValueError(
                "mask must let at least one coordinate pass through and transform at least one; "
                f"got {mask.tolist()}."
            )
        return ~mask if self.swap else mask

    def build(self, event_shape, context_shape=None):
        """Create the conditioner and its head for events of `event_shape`."""
        self.event_shape = tuple(event_shape)
        self.context_shape = None if context_shape is None else tuple(context_shape)
        mask = self._resolve_mask(math.prod(self.event_shape))
        self._passing = mask
        build_univariate(self.univariate, self.event_shape, self.variable_dtype)
        circular = self._passing_period is not None
        inputs = int(mask.sum()) * (2 if circular else 1)
        if self.context_shape is not None:
            inputs += math.prod(self.context_shape)
        if self.conditioner is None:
            self.conditioner = DenseNetwork(
                self.hidden_units[-1],
                hidden_units=self.hidden_units[:-1],
                activation=self.activation,
                dropout=self.dropout,
                dtype=self.dtype_policy,
                name="conditioner",
            )
        moving = int((~mask).sum())
        start = "zeros" if self.identity_start else "glorot_uniform"
        self.head = keras.layers.Dense(
            moving * self.univariate.parameter_size,
            kernel_initializer=start,
            dtype=self.dtype_policy,
            name="head",
        )
        # Running both once creates every weight and shows whether a given conditioner fits.
        probe = tf.zeros([1, inputs], self.compute_dtype)
        try:
            with restore_variables(getattr(self.conditioner, "variables", ())):
                features = self.conditioner(probe)
        except Exception as error:
            raise ValueError(
                f"the conditioner must accept inputs of shape (batch, {inputs}): the "
                + ("cosines and sines of the " if circular else "")
                + f"{int(mask.sum())} coordinates that pass through"
                + ("" if self.context_shape is None else ", then the context")
                + f". It failed with: {error}"
            ) from error
        if features.shape.rank != 2:
            raise ValueError(
                "the conditioner must return features of shape (batch, features); got "
                f"{tuple(features.shape)}. End it with keras.layers.Flatten()."
            )
        self.head(features)
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        context = flatten_context(context, self.context_shape)
        moving = int((~self._passing).sum())
        dtype = self.variable_dtype

        def raw_parameters(passing):
            if self._passing_period is not None:
                passing = periodic_features(passing, self._passing_period)
            inputs = join_context(passing, context)
            batch = tf.shape(inputs)[:-1]
            rows = tf.reshape(inputs, [tf.reduce_prod(batch), inputs.shape[-1]])
            features = self.conditioner(tf.cast(rows, self.compute_dtype))
            if not self._given_conditioner:
                features = keras.activations.get(self.activation)(features)
            raw = tf.cast(self.head(features), dtype)
            shape = [moving, self.univariate.parameter_size]
            raw = tf.reshape(raw, tf.concat([batch, shape], 0))
            return tf.ensure_shape(raw, [*inputs.shape[:-1], *shape])

        return bijectors.Coupling(
            raw_parameters,
            self.univariate.bijector,
            self._passing,
            self.event_shape,
            batch_shape=batch_shape_of(context, (1,)),
            dtype=dtype,
        )

    @property
    def adjacency(self) -> np.ndarray | None:
        """Each latent coordinate depends on its own, the transformed ones on all others too."""
        if not self.built:
            return None
        own = np.eye(len(self._passing), dtype=bool)
        return own | (self.transformed[:, np.newaxis] & self._passing)

    @property
    def transformed(self) -> np.ndarray | None:
        """The flattened coordinates that do not pass through, booleans ``[D]``."""
        return ~self._passing if self.built else None

    def raw_parameters(self, x, context=None) -> tf.Tensor | None:
        """Return what the conditioner makes of the coordinates of `x` that pass through."""
        bijector = self.bijector(context)
        # Of a subclass with a bijector of its own nothing is known.
        return bijector.raw_parameters(x) if isinstance(bijector, bijectors.Coupling) else None

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "univariate": keras.saving.serialize_keras_object(self.univariate),
            "mask": self.mask,
            "swap": self.swap,
            "conditioner": (
                keras.saving.serialize_keras_object(self.conditioner)
                if self._given_conditioner
                else None
            ),
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(keras.activations.get(self.activation)),
            "dropout": self.dropout,
            "identity_start": self.identity_start,
            "period": self.period,
        }

    @classmethod
    def from_config(cls, config):
        """Build the layer from `get_config`'s answer."""
        return cls(
            **{
                **config,
                "univariate": deserialize(config["univariate"]),
                "conditioner": deserialize(config["conditioner"]),
            }
        )
