"""A masked network times a univariate family."""

import functools
import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfflows import bijectors
from tfflows.bijectors import checks
from tfflows.conditioners.autoregressive_network import AutoregressiveNetwork
from tfflows.layers.base import BijectorLayer, batch_shape_of
from tfflows.layers.context import flatten_context
from tfflows.univariates.base import Univariate

__all__ = ["MaskedAutoregressive"]

# Up to so many steps starting the operations costs less than compiling them.
_FEW_STEPS = 4


@keras.saving.register_keras_serializable(package="tfflows")
class MaskedAutoregressive(BijectorLayer):
    r"""An autoregressive layer: coordinate i is moved by parameters of the coordinates before it.

    .. math:: z_i = f^{-1}\big(x_i;\, \theta_i(x_{<i}, c)\big)

    Data to latent, which the density needs, takes one pass of the network. Latent to data goes
    through the coordinates in their order, but computes each unit of the network only once, so that
    it costs about as much as one pass, too. (With dropout active, in training, it takes one pass
    for each of the `passes` groups of coordinates.)

    Parameters
    ----------
    univariate : Univariate
        The family f, for example ``tfflows.univariates.Affine()``.
    hidden_units : sequence of int
        Widths of the masked network.
    activation : str or callable
        Activation of the network.
    order : str or sequence of int
        ``"left-to-right"``, ``"right-to-left"``, ``"random"`` (with `seed`), or the
        position of each flattened coordinate, counted from 0 or from 1. A drawn order is stored in
        the config.
    passes : int, optional
        Number of groups the coordinates are ordered in: 2 is a coupling, None is fully
        autoregressive.
    residual : bool
        Use residual blocks of two masked layers; the widths must then be equal.
    dropout : float
        Dropout rate within the network.
    identity_start : bool
        Start with the last layer at zero, so that the layer begins as the identity.
    seed : int, optional
        Seed of a random order.
    adjacency : array, optional
        A graph of dependences, instead of an order: zeros and ones ``[D, D]``, entry ``[i, j]``
        for whether coordinate i may depend on coordinate j of the data; or ``[D, D + C]``, with
        columns for a context of size C, on all of which each coordinate depends otherwise. The
        diagonal says nothing. Latent to data takes as many steps as the longest path in the graph
        has coordinates, and each hidden layer needs a unit for each set of parents.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    TypeError
        If `univariate` is not a `Univariate`.
    ValueError
        If the order, `passes` or `adjacency` does not fit the event, or the graph has a cycle.

    References
    ----------
    Papamakarios, Pavlakou and Murray (2017), "Masked Autoregressive Flow for Density Estimation",
    arXiv:1705.07057; Germain et al. (2015), "MADE", arXiv:1502.03509; graphs: Wehenkel and Louppe
    (2021), "Graphical Normalizing Flows", arXiv:2006.02548.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tfflows import layers, univariates
    >>> layer = layers.MaskedAutoregressive(univariates.Affine(), hidden_units=(32,))
    >>> layer.build(event_shape=(3,))
    >>> layer(tf.ones([5, 3])).shape
    TensorShape([5, 3])

    A chain, in which each coordinate depends on the one before it alone:

    >>> chain = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    >>> layer = layers.MaskedAutoregressive(univariates.Affine(), adjacency=chain)
    >>> layer.build(event_shape=(3,))
    >>> layer.adjacency.astype(int).tolist()
    [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    """

    shown = ("hidden_units", "order")

    def __init__(
        self,
        univariate: Univariate,
        hidden_units=(64, 64),
        activation="relu",
        order="left-to-right",
        passes: int | None = None,
        residual: bool = False,
        dropout: float = 0.0,
        identity_start: bool = True,
        seed: int | None = None,
        adjacency=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.univariate = check_univariate(univariate)
        self.hidden_units = checks.positive_integers("hidden_units", hidden_units)
        self.activation = activation
        self.order = order if isinstance(order, str) else tuple(int(i) for i in order)
        self.passes = passes
        self.residual = residual
        self.dropout = dropout
        self.identity_start = identity_start
        self.seed = seed
        self._graph = None if adjacency is None else np.asarray(adjacency).tolist()
        self.network = None

    def build(self, event_shape, context_shape=None):
        """Create the network for events of `event_shape` and contexts of `context_shape`."""
        self.event_shape = tuple(event_shape)
        self.context_shape = None if context_shape is None else tuple(context_shape)
        size = math.prod(self.event_shape)
        build_univariate(self.univariate, self.event_shape, self.variable_dtype)
        self.network = AutoregressiveNetwork(
            params=self.univariate.parameter_size,
            event_shape=(size,),
            conditional=self.context_shape is not None,
            conditional_event_shape=(
                None if self.context_shape is None else (math.prod(self.context_shape),)
            ),
            hidden_units=self.hidden_units,
            input_order=self.order,
            activation=self.activation,
            passes=self.passes,
            residual=self.residual,
            dropout=self.dropout,
            zero_output=self.identity_start,
            seed=self.seed,
            period=self.univariate.period,
            adjacency=self._graph,
            dtype=self.dtype_policy,
            name="network",
        )
        self.built = True

    @property
    def not_shown(self) -> tuple:
        """What `repr` leaves out: a graph that was not given, but follows from the order."""
        return ("adjacency",) if self._graph is None else ()

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        context = flatten_context(context, self.context_shape)
        univariate, weights = as_function(self.univariate)
        return bijectors.MaskedAutoregressive(
            functools.partial(self.network, conditional_input=context),
            univariate,
            self.event_shape,
            passes=max(len(set(self.network.input_degrees)), 1),
            batch_shape=batch_shape_of(context, (1,)),
            dtype=self.variable_dtype,
            stack=lambda: self.network.stack(context),
            weights=weights,
        )

    @property
    def sequential(self) -> frozenset:
        """Latent to data, unless there are few steps."""
        steps = 0 if self.network is None else len(set(self.network.input_degrees))
        return frozenset({"forward"} if steps > _FEW_STEPS else ())

    @property
    def adjacency(self) -> np.ndarray | None:
        """Each latent coordinate depends on its own and on its parents, or on all before it."""
        if self.network is None:
            return None
        degrees = np.asarray(self.network.input_degrees)
        itself = np.eye(len(degrees), dtype=bool)
        if self._graph is not None:
            return itself | np.asarray(self._graph, bool)[:, : len(degrees)]
        return itself | (degrees < degrees[:, np.newaxis])

    def raw_parameters(self, x, context=None) -> tf.Tensor | None:
        """Return what the network makes of `x`, ``[n, D, P]``."""
        bijector = self.bijector(context)
        # Of a subclass with a bijector of its own nothing is known.
        known = isinstance(bijector, bijectors.MaskedAutoregressive)
        return bijector.raw_parameters(x) if known else None

    def get_config(self):
        """Return the constructor's arguments, a drawn order as its numbers."""
        order = self.order
        if order == "random" and self.network is not None:
            order = self.network.get_config()["input_order"]
        return {
            **super().get_config(),
            "univariate": keras.saving.serialize_keras_object(self.univariate),
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(keras.activations.get(self.activation)),
            "order": order,
            "passes": self.passes,
            "residual": self.residual,
            "dropout": self.dropout,
            "identity_start": self.identity_start,
            "seed": self.seed,
            "adjacency": self._graph,
        }

    @classmethod
    def from_config(cls, config):
        """Build the layer from `get_config`'s answer."""
        return cls(**{**config, "univariate": deserialize(config["univariate"])})


def check_univariate(univariate) -> Univariate:
    """Return `univariate`, or raise a TypeError that says what was expected."""
    if not isinstance(univariate, Univariate):
        hint = f"; did you mean `{univariate.__name__}()`?" if isinstance(univariate, type) else "."
        raise TypeError(
            "univariate must be a tfflows Univariate such as tfflows.univariates.Affine(); "
            f"got {univariate!r}{hint}"
        )
    return univariate


def build_univariate(univariate, event_shape, dtype) -> None:
    """Create the weights of a family that owns any, unless it has them already."""
    if not getattr(univariate, "built", False):
        univariate.build(event_shape, dtype)


def as_function(univariate) -> tuple[Callable, list]:
    """Return a family as a function of raw parameters and of its own weights, and these."""
    if not isinstance(univariate, keras.layers.Layer):
        return univariate.bijector, []
    variables = [v for v in univariate.weights if keras.backend.is_float_dtype(v.dtype)]

    def bijector(raw, *weights):
        values = list(zip(variables, weights, strict=True))
        with keras.StatelessScope(state_mapping=values):
            return univariate.bijector(raw)

    return bijector, [tf.convert_to_tensor(variable) for variable in variables]


def deserialize(config):
    """Return the object a nested config describes; objects pass through."""
    if isinstance(config, dict):
        return keras.saving.deserialize_keras_object(config)
    return config
