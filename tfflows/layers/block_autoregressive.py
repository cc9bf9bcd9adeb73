"""Block neural autoregressive flow: a network that is the bijector."""

import itertools
import math

import keras
import numpy as np
import tensorflow as tf

from tfflows import bijectors
from tfflows.bijectors.checks import (
    check_count,
    check_fraction,
    check_positive,
)
from tfflows.layers.raw_parameters import RawParameterLayer

__all__ = ["BlockAutoregressive"]


@keras.saving.register_keras_serializable(package="tfflows")
class BlockAutoregressive(RawParameterLayer):
    r"""A block neural autoregressive flow: the network is the bijector.

    .. math::
        h^l_j = \tanh\Big(\sum_{i < j} h^{l-1}_i B^l_{ij} + h^{l-1}_j e^{A^l_j} + b^l_j\Big), \qquad
        z = (1 - \mu)\, h^L + \mu\, x

    Other autoregressive layers need a network that writes the parameters of a map for each
    coordinate; here the weights of the network are the parameters, so that it is small for what it
    can bend. `tfflows.bijectors.BlockAutoregressive` has the details. Data to latent takes one
    pass; latent to data one root search per coordinate, in their order.

    It starts near the identity: every coordinate passes through positive units of different random
    slopes and offsets, and nothing reaches the other coordinates yet. A context moves all offsets
    and the share of the line, by a network.

    Parameters
    ----------
    units : sequence of int
        Units per coordinate of each hidden layer.
    hidden_units : sequence of int
        Widths of the network of the context; unused without a context.
    activation : str or callable
        Activation of that network.
    identity_start : bool
        Start without a way from one coordinate to another; otherwise at random.
    log_scale_bound : float
        Bound, in nats, on the logarithm of a positive weight; positive.
    min_slope : float
        Smallest slope of every coordinate, in ``(0, 1)``.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    De Cao, Titov and Aziz (2019), "Block Neural Autoregressive Flow", arXiv:1904.04676.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tfflows import layers
    >>> layer = layers.BlockAutoregressive(units=(8, 8))
    >>> layer.build(event_shape=(3,))
    >>> layer(tf.ones([5, 3])).shape
    TensorShape([5, 3])
    """

    #: Slope of the first hidden units at the start: shallow enough for tanh to be nearly straight.
    FIRST_SLOPE = 0.5

    def __init__(
        self,
        units=(8, 8),
        hidden_units=(64, 64),
        activation="relu",
        identity_start: bool = True,
        log_scale_bound: float = 5.0,
        min_slope: float = 1e-2,
        **kwargs,
    ):
        super().__init__(hidden_units, activation, **kwargs)
        units = tuple(units)
        if not units:
            raise ValueError("units=(): expected at least one hidden layer.")
        check_count(1, **{f"units[{index}]": width for index, width in enumerate(units)})
        check_positive(log_scale_bound=log_scale_bound)
        check_fraction(min_slope=min_slope)
        if min_slope == 0.0:
            raise ValueError("min_slope=0.0: expected a number above 0; tanh units are bounded.")
        self.units = tuple(int(width) for width in units)
        self.identity_start = identity_start
        self.log_scale_bound = float(log_scale_bound)
        self.min_slope = float(min_slope)
        self.offsets = None

    def build(self, event_shape, context_shape=None):
        """Create the blocks for events of `event_shape` and contexts of `context_shape`."""
        super().build(event_shape, context_shape)
        size = math.prod(self.event_shape)
        widths = [1, *self.units, 1]
        self._diagonals, self._blocks = [], []
        for layer, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            # Sums over the units of a coordinate keep its slope at one, but for the noise.
            slope = (self.FIRST_SLOPE if layer == 0 else 1.0) / inputs
            if layer == len(self.units):
                slope /= self.FIRST_SLOPE
            self._diagonals.append(
                self.add_weight(
                    shape=(size, inputs, outputs),
                    initializer=keras.initializers.RandomNormal(math.log(slope), 0.3),
                    name=f"diagonal_{layer}",
                )
            )
            if size > 1:
                spread = 1.0 / math.sqrt(size * inputs)
                self._blocks.append(
                    self.add_weight(
                        shape=(size, inputs, size, outputs),
                        initializer=(
                            "zeros"
                            if self.identity_start
                            else keras.initializers.RandomNormal(stddev=spread)
                        ),
                        name=f"blocks_{layer}",
                    )
                )
        shape = (size, sum(widths[1:]) + 1)
        self.offsets = self.add_raw(shape, "offsets", zero_start=self.identity_start)
        self.built = True

    def _different(self) -> np.ndarray:
        """Return fixed numbers that are added to the offsets, so that no two units are equal."""
        parts = [np.linspace(-1.0, 1.0, width) if width > 1 else [0.0] for width in self.units]
        return np.concatenate([*parts, [0.0, 0.0]])

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        offsets = self.offsets(context)
        return bijectors.BlockAutoregressive(
            [tf.convert_to_tensor(weight) for weight in self._diagonals],
            [tf.convert_to_tensor(weight) for weight in self._blocks],
            offsets + tf.constant(self._different(), offsets.dtype),
            self.event_shape,
            log_scale_bound=self.log_scale_bound,
            min_slope=self.min_slope,
        )

    @property
    def sequential(self) -> frozenset:
        """Latent to data: a root search for each coordinate, in their order."""
        return frozenset({"forward"})

    @property
    def adjacency(self) -> np.ndarray | None:
        """Each latent coordinate depends on its own and on those before it."""
        if self.offsets is None:
            return None
        return np.tri(math.prod(self.event_shape), dtype=bool)

    def get_config(self):
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "identity_start": self.identity_start,
            "log_scale_bound": self.log_scale_bound,
            "min_slope": self.min_slope,
        }
