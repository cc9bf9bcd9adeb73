"""Lower bounds of a log density: the importance-weighted one, and who cannot do with any."""

import math
from collections.abc import Callable

import tensorflow as tf

from tfflows import random

__all__ = ["importance_weighted_bound", "require_exact"]


def importance_weighted_bound(log_weight: Callable, samples: int, x, context, seed, **options):
    r"""Return the importance-weighted bound of log densities.

    .. math:: \log \frac1n \sum_{s=1}^n w_s

    Parameters
    ----------
    log_weight : callable
        ``log_weight(x, context, seed)`` returns :math:`\log w` of one draw of latent points.
    samples : int
        Number n of draws, each by a seed of its own.
    x, context : tf.Tensor
        Rows and their contexts, or None.
    seed : tf.Tensor
        Seed, int32 ``[2]`` or ``[3]``.

    Returns
    -------
    tf.Tensor
        Bounds, minus infinity where all weights are zero.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016), "Importance Weighted Autoencoders", arXiv:1509.00519.

    Examples
    --------
    >>> def noisy(x, context, seed):
    ...     return x + tf.math.log(random.uniform(tf.shape(x), seed))
    >>> bound = tf.function(importance_weighted_bound)
    >>> bound = bound(noisy, 4000, tf.zeros([1]), None, tf.constant([0, 1]))
    >>> round(float(bound[0]), 1)  # the logarithm of the mean of a uniform number
    -0.7
    """

    def one(number):
        return log_weight(x, context, random.fold_in(seed, number), **options)

    log_weights = tf.map_fn(one, tf.range(samples), fn_output_signature=x.dtype)
    # Where all are minus infinity, so is the mean, and there is no gradient.
    largest = tf.stop_gradient(tf.reduce_max(log_weights, 0))
    largest = tf.where(tf.math.is_finite(largest), largest, tf.zeros_like(largest))
    total = tf.reduce_sum(tf.exp(log_weights - largest), 0)
    nothing = tf.equal(total, 0.0)
    bound = tf.math.log(tf.where(nothing, tf.ones_like(total), total)) + largest
    bound = tf.where(nothing, tf.constant(-math.inf, x.dtype), bound)
    return bound - tf.constant(math.log(samples), x.dtype)


def require_exact(model, what: str, instead: str) -> None:
    """Raise a NotImplementedError if `what` needs a density and `model` has a bound of one."""
    if not model.exact:
        raise NotImplementedError(
            f"{what} needs a density, and log_prob of {model.name!r} is a lower bound of one, "
            f"since what the model draws is part of it (`exact` is False). Use {instead}."
        )
