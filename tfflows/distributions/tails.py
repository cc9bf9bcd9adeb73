"""Bases whose tails train: heavier or lighter than those of the normal distribution."""

import math

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfflows.distributions.base import Base
from tfflows.random import uniform

__all__ = ["GeneralizedNormal", "StudentT"]


def _trained(value, least: float, shape: tuple, dtype, name: str):
    """Return a number for each coordinate that trains and stays above `least`; tensors stay."""
    if tf.is_tensor(value) or isinstance(value, tf.Variable | tfp.util.DeferredTensor):
        return value
    value = np.asarray(value, np.float64)
    if not np.all(np.isfinite(value) & (value > least)):
        raise ValueError(f"{name} must be finite and above {least}; got {value.tolist()}.")
    try:
        value = np.broadcast_to(value, shape)
    except ValueError:
        raise ValueError(
            f"{name} has shape {value.shape}; expected a number, or a shape that broadcasts to "
            f"that of an event, {shape}."
        ) from None
    positive = tfp.bijectors.Softplus(low=np.asarray(least, dtype.as_numpy_dtype))
    return tfp.util.TransformedVariable(
        value.astype(dtype.as_numpy_dtype), positive, dtype=dtype, name=name
    )


class _Tails(Base):
    """Independent coordinates with a number each, which trains, for the weight of their tails."""

    def __init__(self, event_shape, value, least, dtype, key, parameters, **kwargs):
        dtype = tf.as_dtype(dtype)
        shape = tuple(int(size) for size in np.atleast_1d(np.asarray(event_shape, int)))
        self._weight = _trained(value, least, shape, dtype, key)
        # A copy, or one that is read from a file, has the same variable, or its present value.
        super().__init__(event_shape, dtype, parameters={**parameters, key: self._weight}, **kwargs)

    def _of_each(self, function, value):
        return tf.reduce_sum(function(value), list(range(-len(self._shape), 0)))

    def _pairs(self, n, seed):
        """Return two numbers of the open interval from 0 to 1 for each coordinate."""
        shape = tf.concat([[n], self._event_shape_tensor(), [2]], 0)
        pairs = uniform(shape, tfp.random.sanitize_seed(seed), self.dtype)
        return tf.unstack(tf.maximum(pairs, 2.0**-25), axis=-1)


class StudentT(_Tails):
    r"""Independent coordinates of Student's t distribution, whose degrees of freedom train.

    .. math::
        p(z_i) = \frac{\Gamma\left(\frac{\nu_i + 1}{2}\right)}
        {\sqrt{\nu_i \pi}\,\Gamma\left(\frac{\nu_i}{2}\right)}
        \left(1 + \frac{z_i^2}{\nu_i}\right)^{-\frac{\nu_i + 1}{2}}

    Layers whose slopes are bounded, as those of most flows are, cannot make heavy tails of light
    ones; a base can. Location and scale are the affair of the layers.

    Draws are those of Bailey's polar method, differentiable functions of :math:`\nu` and of uniform
    numbers by `tfflows.random.uniform`, so that a seed gives the same samples in eager, graph and
    XLA execution.

    Parameters
    ----------
    event_shape : int or sequence of int
        Shape of an event.
    df : float, array, tf.Tensor or tf.Variable
        :math:`\nu`, degrees of freedom, above 0.5. Numbers are where training starts, one for each
        coordinate; tensors and variables are taken as they are.
    dtype : tf.DType or str
        Floating type.
    validate_args : bool
        TFP's switch for costly checks; there is nothing to check here.
    allow_nan_stats : bool
        TFP's switch for undefined statistics; moments are not offered.
    name : str
        Name of the distribution.

    Raises
    ------
    ValueError
        If `df` is not above 0.5, or has another shape than an event.

    References
    ----------
    Jaini, Kobyzev, Yu and Brubaker (2020), "Tails of Lipschitz Triangular Flows", arXiv:1907.04481.
    Bailey (1994), "Polar Generation of Random Variates with the t-Distribution", Mathematics of
    Computation 62, 779.

    Examples
    --------
    >>> base = StudentT(2, df=3.0)
    >>> len(base.trainable_variables), base.sample(5, seed=(0, 1)).shape
    (1, TensorShape([5, 2]))
    >>> round(float(base.log_prob([0.0, 0.0])), 4)
    -2.0018
    """

    def __init__(
        self,
        event_shape=(),
        df=10.0,
        dtype=tf.float32,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "StudentT",
    ):
        super().__init__(
            event_shape,
            df,
            0.5,
            dtype,
            "df",
            dict(locals()),
            validate_args=validate_args,
            allow_nan_stats=allow_nan_stats,
            name=name,
        )

    @property
    def df(self):
        """Degrees of freedom of each coordinate."""
        return self._weight

    def _log_prob(self, value):
        df = tf.convert_to_tensor(self._weight)
        half = tf.constant(0.5, self.dtype)
        constant = -0.5 * tf.math.log(df) - tfp.math.lbeta(half, half * df)
        return self._of_each(
            lambda z: constant - 0.5 * (df + 1.0) * tf.math.log1p(tf.square(z) / df), value
        )

    def _sample_n(self, n, seed=None):
        df = tf.convert_to_tensor(self._weight)
        first, second = self._pairs(n, seed)
        radius = tf.sqrt(df * tf.math.expm1(-2.0 / df * tf.math.log(first)))
        return radius * tf.cos(2.0 * math.pi * second)


class GeneralizedNormal(_Tails):
    r"""Independent coordinates whose log density is a power, which trains.

    .. math:: p(z_i) = \frac{\beta_i}{2 \Gamma(1 / \beta_i)}\, e^{-|z_i|^{\beta_i}}

    Of :math:`\beta = 2` it is a normal distribution, with the variance 1/2, and of 1 Laplace's;
    smaller powers have heavier tails, and larger ones tend to the uniform distribution on [-1, 1].
    Location and scale are the affair of the layers.

    Draws invert the distribution function of the gamma distribution at uniform numbers by
    `tfflows.random.uniform`, and are differentiable functions of :math:`\beta`.

    Parameters
    ----------
    event_shape : int or sequence of int
        Shape of an event.
    power : float, array, tf.Tensor or tf.Variable
        :math:`\beta`, above 0.25. Numbers are where training starts, one for each coordinate;
        tensors and variables are taken as they are.
    dtype : tf.DType or str
        Floating type.
    validate_args : bool
        TFP's switch for costly checks; there is nothing to check here.
    allow_nan_stats : bool
        TFP's switch for undefined statistics; moments are not offered.
    name : str
        Name of the distribution.

    Raises
    ------
    ValueError
        If `power` is not above 0.25, or has another shape than an event.

    References
    ----------
    Nadarajah (2005), "A Generalized Normal Distribution", Journal of Applied Statistics 32, 685.

    Examples
    --------
    >>> base = GeneralizedNormal(2, power=1.0)
    >>> len(base.trainable_variables), base.sample(5, seed=(0, 1)).shape
    (1, TensorShape([5, 2]))
    >>> round(float(base.log_prob([0.0, 0.0])), 4)
    -1.3863
    """

    def __init__(
        self,
        event_shape=(),
        power=2.0,
        dtype=tf.float32,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "GeneralizedNormal",
    ):
        super().__init__(
            event_shape,
            power,
            0.25,
            dtype,
            "power",
            dict(locals()),
            validate_args=validate_args,
            allow_nan_stats=allow_nan_stats,
            name=name,
        )

    @property
    def power(self):
        """The power of each coordinate."""
        return self._weight

    def _log_prob(self, value):
        power = tf.convert_to_tensor(self._weight)
        constant = tf.math.log(0.5 * power) - tf.math.lgamma(1.0 / power)
        # At zero the derivative of a power is not finite where the power is below one.
        tiny = tf.constant(np.finfo(self.dtype.as_numpy_dtype).tiny, self.dtype)

        def each(z):
            size = tf.where(tf.abs(z) < tiny, tiny, tf.abs(z))
            return constant - tf.exp(power * tf.math.log(size))

        return self._of_each(each, value)

    def _sample_n(self, n, seed=None):
        power = tf.convert_to_tensor(self._weight)
        first, second = self._pairs(n, seed)
        gamma = tfp.math.igammainv(tf.ones_like(first) / power, first)
        size = tf.exp(
            tf.math.log(tf.maximum(gamma, np.finfo(gamma.dtype.as_numpy_dtype).tiny)) / power
        )
        return tf.where(second < 0.5, -size, size)
