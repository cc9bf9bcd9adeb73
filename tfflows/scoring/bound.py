"""Log densities of several draws: bounds and means, and who cannot do with either."""

import math
from collections.abc import Callable

import tensorflow as tf

from tfflows import random

__all__ = ["importance_weighted_bound", "mean_of_estimates", "require_exact"]


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
    log_weights = _draws(log_weight, samples, x, context, seed, options)
    # Where all are minus infinity, so is the mean, and there is no gradient.
    largest = tf.stop_gradient(tf.reduce_max(log_weights, 0))
    largest = tf.where(tf.math.is_finite(largest), largest, tf.zeros_like(largest))
    total = tf.reduce_sum(tf.exp(log_weights - largest), 0)
    nothing = tf.equal(total, 0.0)
    bound = tf.math.log(tf.where(nothing, tf.ones_like(total), total)) + largest
    bound = tf.where(nothing, tf.constant(-math.inf, x.dtype), bound)
    return bound - tf.constant(math.log(samples), x.dtype)


def mean_of_estimates(log_weight: Callable, samples: int, x, context, seed, **options):
    r"""Return the mean of estimates of log densities, without bias if they have none.

    Parameters
    ----------
    log_weight, samples, x, context, seed
        As in `importance_weighted_bound`.

    Returns
    -------
    tf.Tensor
        Means.

    Examples
    --------
    >>> def noisy(x, context, seed):
    ...     return x + random.normal(tf.shape(x), seed)
    >>> mean = tf.function(mean_of_estimates)(noisy, 4000, tf.ones([1]), None, tf.constant([0, 1]))
    >>> round(float(mean[0]), 1)
    1.0
    """
    return tf.reduce_mean(_draws(log_weight, samples, x, context, seed, options), 0)


def _draws(log_weight, samples, x, context, seed, options):
    def one(number):
        return log_weight(x, context, random.fold_in(seed, number), **options)

    return tf.map_fn(one, tf.range(samples), fn_output_signature=x.dtype)


def require_exact(model, what: str, instead: str) -> None:
    """Raise a NotImplementedError if `what` needs a density and `model` has none that is exact."""
    if not model.exact:
        found = "an estimate" if model.estimates else "a lower bound"
        raise NotImplementedError(
            f"{what} needs a density, and log_prob of {model.name!r} is {found} of one, "
            f"since what the model draws is part of it (`exact` is False). Use {instead}."
        )
