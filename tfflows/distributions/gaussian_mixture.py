"""A mixture of normal distributions."""

import math

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfflows.bijectors.event import flatten_event, restore_event
from tfflows.random import fold_in, normal, uniform

__all__ = ["GaussianMixture"]


class GaussianMixture(tfd.Distribution):
    r"""Normal distributions, each with a location, scales and correlations, and with a weight.

    .. math::
        p(x) = \sum_{k=1}^{K} \pi_k\, \mathcal{N}\!\left(u_k; 0, I\right) e^{-\sum_i s_{ki}},
        \qquad u_k = L_k\, e^{-s_k} (x - \mu_k)

    with unit lower triangular :math:`L_k`, so that a density takes products alone. The covariance
    of a component is :math:`A A^\top` with :math:`A = e^{s_k} L_k^{-1}`.

    It draws by `tfflows.random`, so that a seed gives the same samples in eager, graph and XLA
    execution, and a seed of three numbers those rows that the third one names. The component of a
    draw is no differentiable function of the parameters.

    Parameters
    ----------
    logits : tf.Tensor
        Logarithms of the weights :math:`\pi`, up to a constant, ``[..., K]``.
    loc, log_scale : tf.Tensor
        :math:`\mu` and :math:`s` of D coordinates, ``[..., K, D]``.
    triangle : tf.Tensor, optional
        :math:`L`, of which what lies below the diagonal counts, ``[..., K, D, D]``; by default the
        identity, for coordinates that are independent within a component.
    event_shape : sequence of int, optional
        Shape of an event of D coordinates; by default ``(D,)``.
    validate_args : bool
        TFP's switch for costly checks; there is nothing to check here.
    allow_nan_stats : bool
        TFP's switch for undefined statistics; all are defined here.
    name : str
        Name of the distribution.

    Examples
    --------
    >>> zeros = tf.zeros([2, 1])
    >>> mixture = GaussianMixture(tf.zeros([2]), loc=[[-3.0], [3.0]], log_scale=zeros)
    >>> mixture.sample(5, seed=(0, 1)).shape, round(float(mixture.log_prob([3.0])), 4)
    (TensorShape([5, 1]), -1.6121)
    """

    def __init__(
        self,
        logits,
        loc,
        log_scale,
        triangle=None,
        event_shape=None,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "GaussianMixture",
    ):
        parameters = dict(locals())
        self._logits = tf.convert_to_tensor(logits)
        dtype = self._logits.dtype
        self._loc, self._log_scale = (tf.convert_to_tensor(p, dtype) for p in (loc, log_scale))
        self._triangle = None
        if triangle is not None:
            below = tf.convert_to_tensor(triangle, dtype)
            below -= tf.linalg.band_part(below, 0, -1)
            self._triangle = below + tf.eye(below.shape[-1], dtype=dtype)
        self._shape = (self._loc.shape[-1],) if event_shape is None else tuple(event_shape)
        super().__init__(
            dtype=dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=validate_args,
            allow_nan_stats=allow_nan_stats,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        ranks = {"logits": 1, "loc": 2, "log_scale": 2, "triangle": 3}
        return {key: tfp.util.ParameterProperties(event_ndims=n) for key, n in ranks.items()}

    def _event_shape(self):
        return tf.TensorShape(self._shape)

    def _event_shape_tensor(self):
        return tf.constant(self._shape, tf.int32)

    def _batch_shape(self):
        return self._logits.shape[:-1]

    def _batch_shape_tensor(self):
        return tf.shape(self._logits)[:-1]

    def _default_event_space_bijector(self):
        return tfp.bijectors.Identity()

    def _log_prob(self, value):
        x = flatten_event(value, self._shape)[..., tf.newaxis, :]
        u = (x - self._loc) * tf.exp(-self._log_scale)
        if self._triangle is not None:
            u = tf.linalg.matvec(self._triangle, u)
        constant = 0.5 * math.log(2.0 * math.pi)
        each = tf.reduce_sum(-0.5 * tf.square(u) - self._log_scale - constant, -1)
        return tf.reduce_logsumexp(tf.nn.log_softmax(self._logits) + each, -1)

    def _sample_n(self, n, seed=None):
        seed = tfp.random.sanitize_seed(seed)
        shape, size = tf.concat([[n], self._batch_shape_tensor()], 0), self._loc.shape[-1]
        share = uniform(shape, seed, self.dtype)[..., tf.newaxis]
        ends = tf.cumsum(tf.nn.softmax(self._logits), -1)[..., :-1]
        component = tf.reduce_sum(tf.cast(share >= ends, tf.int32), -1)
        x = normal(tf.concat([shape, [size]], 0), fold_in(seed, 1), self.dtype)
        # The draws of each mixture of the batch are taken from its own components.
        rank = self._logits.shape.rank - 1
        batch = list(range(1, rank + 1))
        component, x = (
            tf.transpose(component, [*batch, 0]),
            tf.transpose(x, [*batch, 0, rank + 1]),
        )

        def of_component(parameter):
            return tf.gather(parameter, component, axis=rank, batch_dims=rank)

        if self._triangle is not None:
            triangle = of_component(self._triangle)
            x = tf.linalg.triangular_solve(triangle, x[..., tf.newaxis])[..., 0]
        x = of_component(self._loc) + tf.exp(of_component(self._log_scale)) * x
        x = tf.transpose(x, [rank, *range(rank), rank + 1])
        return restore_event(x, self._shape)

    def _mean(self):
        weights = tf.nn.softmax(self._logits)[..., tf.newaxis]
        return restore_event(tf.reduce_sum(weights * self._loc, -2), self._shape)
