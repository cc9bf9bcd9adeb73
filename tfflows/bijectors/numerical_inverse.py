"""Scalar bijectors given by their map from data to latent; a root search goes the other way."""

import math
from collections.abc import Callable, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfflows.bijectors.parameters import RawBijector
from tfflows.bijectors.root_search import solve_increasing

__all__ = [
    "NumericalInverse",
    "linear_tails",
    "min_slope_mix",
    "spread_over",
]


class NumericalInverse(RawBijector):
    r"""A scalar bijector whose map from data to latent is given; the other one is found by search.

    A subclass implements ``_direct(y, *parameters)``, which returns the latent values and the
    logarithms of their slopes :math:`\log dz/dx`, elementwise. Everything that gradients are wanted
    of must be among the parameters; then gradients through the search are exact, those of
    `tfflows.bijectors.root_search.solve_increasing`.

    Parameters
    ----------
    raw : tf.Tensor
        Unconstrained numbers ``[..., P]``, of known rank, the first of the parameters; the leading
        axes broadcast against the values.
    shared : sequence of tf.Tensor
        The other parameters.
    name : str
        Name of the bijector.

    Examples
    --------
    >>> import tensorflow as tf
    >>> class Cubic(NumericalInverse):
    ...     def _direct(self, y, raw):
    ...         a = tf.exp(raw[..., 0])
    ...         return a * y + y**3, tf.math.log(a + 3.0 * y**2)
    >>> print(Cubic(tf.zeros([2, 1]), name="cubic").forward([2.0, 30.0]).numpy().round(4))
    [1. 3.]
    """

    increasing = True

    def __init__(self, raw, shared: Sequence = (), *, name: str):
        super().__init__(raw, name=name)
        self._shared = [tf.convert_to_tensor(tensor) for tensor in shared]

    def _direct(self, y, *parameters):
        """Return the latent values of data and the logarithms of the slopes."""
        raise NotImplementedError(f"{type(self).__name__} does not implement _direct().")

    def _inverse_and_ildj(self, y):
        return self._direct(y, self._raw, *self._shared)

    def _forward_and_fldj(self, x):
        x = spread_over(x, self._raw)
        y, log_slope = solve_increasing(self._direct, x, [self._raw, *self._shared])
        return y, -log_slope


def spread_over(values, raw):
    """Broadcast values to the batch of raw numbers ``[..., P]``.

    Examples
    --------
    >>> import tensorflow as tf
    >>> spread_over(tf.zeros([3]), tf.zeros([5, 1, 7])).shape
    TensorShape([5, 3])
    """
    static = tf.broadcast_static_shape(values.shape, raw.shape[:-1])
    if static.is_fully_defined():
        return tf.broadcast_to(values, static)
    shape = tf.broadcast_dynamic_shape(tf.shape(values), tf.shape(raw)[:-1])
    return tf.ensure_shape(tf.broadcast_to(values, shape), static)


def min_slope_mix(z, log_slope, x, min_slope: float):
    r"""Keep an increasing map from becoming flat: :math:`(1 - \mu) z(x) + \mu x`.

    Parameters
    ----------
    z, log_slope : tf.Tensor
        Values of a map and the logarithms of its slopes.
    x : tf.Tensor
        Where they were taken.
    min_slope : float
        The smallest slope, in ``[0, 1)``.

    Returns
    -------
    tuple of tf.Tensor
        Values and log-slopes of the tilted map.

    Examples
    --------
    >>> import tensorflow as tf
    >>> z, log_slope = min_slope_mix(tf.constant(0.0), tf.constant(-1e9), tf.constant(2.0), 0.5)
    >>> print(z.numpy(), tf.exp(log_slope).numpy())
    1.0 0.5
    """
    if min_slope == 0.0:
        return z, log_slope
    log_slope = log_slope + math.log1p(-min_slope)
    floor = tf.constant(math.log(min_slope), log_slope.dtype)
    return (1.0 - min_slope) * z + min_slope * x, tfp.math.log_add_exp(log_slope, floor)


def linear_tails(function: Callable, x, bound: float):
    """Continue a map by straight lines outside ``[-bound, bound]``, with the slopes at the ends.

    Parameters
    ----------
    function : callable
        Maps points of the box to values and log-slopes.
    x : tf.Tensor
        Points anywhere.
    bound : float
        Half the width of the box.

    Returns
    -------
    tuple of tf.Tensor
        Values and log-slopes.

    Examples
    --------
    >>> import tensorflow as tf
    >>> z, _ = linear_tails(lambda x: (tf.exp(x), x), tf.constant([0.0, 3.0]), bound=1.0)
    >>> print(z.numpy().round(3))
    [1.    8.155]
    """
    boxed = tf.clip_by_value(x, -bound, bound)
    z, log_slope = function(boxed)
    return z + tf.exp(log_slope) * (x - boxed), log_slope
