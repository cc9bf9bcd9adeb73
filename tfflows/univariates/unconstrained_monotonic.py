"""Integrals of a positive network, the family of unconstrained monotonic flows."""

import itertools

import keras
import tensorflow as tf

from tfflows.bijectors import monotonic_quadrature
from tfflows.bijectors.checks import check_count, check_positive
from tfflows.inputs.keywords import refuse_misspelled
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

__all__ = ["UnconstrainedMonotonic"]


@keras.saving.register_keras_serializable(package="tfflows")
class UnconstrainedMonotonic(Univariate, keras.layers.Layer):
    r"""Integrals of a positive network that all dimensions share.

    .. math::
        z = raw_0 + \int_0^x g(t, raw_{1:})\,dt, \qquad
        \log g = b \tanh\big(n(t, raw_{1:}) / b\big)

    with a network n of hidden tanh layers: g is analytic, so that the Gauss-Legendre quadrature
    converges geometrically. ``embedding + 1`` parameters per dimension, a shift and the numbers
    that tell the network which function to be. The network is a weight of the family, created by
    `build`, which the layer calls that the family is given to; give every layer a family of its
    own, unless they are to share it. Outside ``[-bound, bound]`` the map continues linearly. Data
    to latent is direct; latent to data is a root search.

    The network starts with small random weights, drawn from `seed`: raw zeros are a map near the
    identity.

    The log-determinant is log g itself, and the error of the quadrature is that of z. The largest
    error for x in ``[-5, 5]`` and raw numbers of standard deviation 1, at the start, and after all
    kernels have grown threefold (the default sizes, the worst of three seeds, 2,000 points each):

    ======  ==========  =============
    nodes   start       3 x kernels
    ======  ==========  =============
    8       3e-7        2e-2
    12      5e-10       6e-3
    16      1e-13       9e-4
    20      4e-15       3e-4
    32      4e-15       4e-6
    ======  ==========  =============

    Parameters
    ----------
    embedding : int
        Raw numbers per dimension that the network sees; at least 1.
    hidden_units : sequence of int
        Widths of the hidden layers; at least one.
    nodes : int
        Number of nodes of the quadrature; at least 2.
    bound : float
        The box is ``[-bound, bound]``, in units of the data as they reach the layer; positive.
    log_slope_bound : float
        Bound b on the logarithm of the slope, in nats; positive.
    seed : int
        Seed of the network's initial weights.
    **kwargs
        Keras's own arguments: ``name``, ``dtype``, ``trainable``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Wehenkel and Louppe (2019), "Unconstrained Monotonic Neural Networks", arXiv:1908.05164.

    Examples
    --------
    >>> import tensorflow as tf
    >>> family = UnconstrainedMonotonic(embedding=4, hidden_units=(8,))
    >>> family.build(event_shape=(2,))
    >>> family.bijector(tf.zeros([2, 5])).inverse(tf.constant([[0.5, -50.0]])).shape
    TensorShape([1, 2])
    """

    def __init__(
        self,
        embedding: int = 8,
        hidden_units=(32, 32),
        nodes: int = 32,
        bound: float = 5.0,
        log_slope_bound: float = 5.0,
        seed: int = 0,
        **kwargs,
    ):
        kwargs.setdefault("autocast", False)
        refuse_misspelled(type(self), kwargs)
        keras.layers.Layer.__init__(self, **kwargs)
        check_count(1, embedding=embedding)
        hidden_units = tuple(hidden_units)
        if not hidden_units:
            raise ValueError("hidden_units=(): expected at least one hidden layer.")
        check_count(1, **{f"hidden_units[{i}]": width for i, width in enumerate(hidden_units)})
        monotonic_quadrature.MonotonicQuadrature.check_options(nodes, bound)
        check_positive(log_slope_bound=log_slope_bound)
        self.embedding = int(embedding)
        self.hidden_units = tuple(int(width) for width in hidden_units)
        self.nodes = int(nodes)
        self.bound = float(bound)
        self.log_slope_bound = float(log_slope_bound)
        self.seed = int(seed)
        self.parameter_size = self.embedding + 1

    def build(self, event_shape=None, dtype=None):
        """Create the network, unless it is there already.

        Parameters
        ----------
        event_shape : tuple of int, optional
            Shape of an event; the network is the same for all.
        dtype : str, optional
            Type of the weights; by default that of the layer's own policy.
        """
        if self.built:
            return
        widths = [1 + self.embedding, *self.hidden_units, 1]
        self._kernels, self._biases = [], []
        for index, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            last = index == len(widths) - 2
            # Small numbers at the end make the integrand nearly 1.
            scale = 0.01 if last else 1.0
            self._kernels.append(
                self.add_weight(
                    shape=(inputs, outputs),
                    initializer=keras.initializers.VarianceScaling(
                        scale, "fan_avg", "uniform", seed=self.seed + index
                    ),
                    dtype=dtype,
                    name=f"kernel_{index}",
                )
            )
            self._biases.append(
                self.add_weight(
                    shape=(outputs,), initializer="zeros", dtype=dtype, name=f"bias_{index}"
                )
            )
        self.built = True

    def _log_integrand(self, t, raw, *weights):
        kernels, biases = weights[: len(weights) // 2], weights[len(weights) // 2 :]
        # What depends on the raw numbers is the same for all nodes.
        fixed = tf.tensordot(raw, kernels[0][1:], 1) + biases[0]
        value = t[..., tf.newaxis] * kernels[0][0] + fixed
        for kernel, bias in zip(kernels[1:], biases[1:], strict=True):
            value = tf.tensordot(tf.tanh(value), kernel, 1) + bias
        return self.log_slope_bound * tf.tanh(value[..., 0] / self.log_slope_bound)

    def bijector(self, raw) -> monotonic_quadrature.MonotonicQuadrature:
        """Build the map that raw parameters and the network describe now."""
        if not self.built:
            raise ValueError(
                "this family owns a network that does not exist yet; call "
                "`univariate.build(event_shape)` first, as tfflows' layers do."
            )
        raw = as_raw(raw, self.parameter_size, "UnconstrainedMonotonic")
        weights = [
            tf.cast(tf.convert_to_tensor(weight), raw.dtype)
            for weight in (*self._kernels, *self._biases)
        ]
        return monotonic_quadrature.MonotonicQuadrature(
            self._log_integrand, raw, weights, nodes=self.nodes, bound=self.bound
        )

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            **keras.layers.Layer.get_config(self),
            "embedding": self.embedding,
            "hidden_units": self.hidden_units,
            "nodes": self.nodes,
            "bound": self.bound,
            "log_slope_bound": self.log_slope_bound,
            "seed": self.seed,
        }
