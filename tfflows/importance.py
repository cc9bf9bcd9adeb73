"""What importance weights tell: the normalizer of a density, and how far to trust the draws."""

import math

import tensorflow as tf

__all__ = ["effective_sample_size", "log_normalizer", "pareto_k"]

# Vehtari et al.: with fewer points in the tail its shape is a guess.
_FEWEST = 5


def effective_sample_size(log_weights) -> tf.Tensor:
    r"""Return how many draws of the target the weighted draws are worth, as a share of all.

    .. math:: \frac{\left(\sum_k w_k\right)^2}{K \sum_k w_k^2} \in \left[\tfrac1K, 1\right]

    Parameters
    ----------
    log_weights : array
        :math:`\log w_k`, ``log p - log q`` of draws of q, ``[K, ...]``; a constant added to all
        changes nothing.

    Returns
    -------
    tf.Tensor
        ``[...]``.

    References
    ----------
    Kong (1992), "A Note on Importance Sampling using Standardized Weights".

    Examples
    --------
    >>> print(effective_sample_size([0.0, 0.0, -100.0, -100.0]).numpy())  # two of four count
    0.5
    """
    log_weights = tf.convert_to_tensor(log_weights)
    count = tf.cast(tf.shape(log_weights)[0], log_weights.dtype)
    both = 2.0 * tf.reduce_logsumexp(log_weights, 0) - tf.reduce_logsumexp(2.0 * log_weights, 0)
    return tf.exp(both) / count


def log_normalizer(log_weights) -> tuple:
    r"""Return the logarithm of the normalizer of a density, and its standard error.

    .. math::
        \log \hat Z = \log \frac1K \sum_k w_k, \qquad
        \mathrm{se} = \sqrt{\frac{\sum_k w_k^2}{\left(\sum_k w_k\right)^2} - \frac1K}

    The standard error is that of :math:`\hat Z / Z`, by the delta method; it means little where
    `pareto_k` is above 0.7.

    Parameters
    ----------
    log_weights : array
        :math:`\log w_k`, ``log p - log q`` of draws of q, ``[K, ...]``.

    Returns
    -------
    tuple of tf.Tensor
        Both ``[...]``.

    Examples
    --------
    A density that is twice a normal one, by draws of that:

    >>> log_z, error = log_normalizer([0.6931472] * 100)
    >>> print(log_z.numpy().round(4), error.numpy().round(4))
    0.6931 0.0
    """
    log_weights = tf.convert_to_tensor(log_weights)
    count = tf.cast(tf.shape(log_weights)[0], log_weights.dtype)
    log_z = tf.reduce_logsumexp(log_weights, 0) - tf.math.log(count)
    share = 1.0 / effective_sample_size(log_weights)
    return log_z, tf.sqrt(tf.maximum(share - 1.0, 0.0) / count)


def pareto_k(log_weights) -> tf.Tensor:
    r"""Return the shape of the tail of importance weights.

    The largest weights, above a threshold u, are taken for draws of a generalized Pareto
    distribution, :math:`P(w > u + t) = (1 + k t / \sigma)^{-1 / k}`, of which moments of order
    below 1 / k exist. Below 0.5 averages over the draws converge as usual, up to 0.7 slowly;
    above they cannot be trusted, whatever the effective sample size says.

    Parameters
    ----------
    log_weights : array
        :math:`\log w_k`, ``log p - log q`` of draws of q, ``[K, ...]``; at least 25 draws.

    Returns
    -------
    tf.Tensor
        k, ``[...]``.

    Raises
    ------
    ValueError
        If there are fewer than 25 draws.

    References
    ----------
    Vehtari et al. (2024), "Pareto Smoothed Importance Sampling", arXiv:1507.02646; the fit is that
    of Zhang and Stephens (2009), "A New and Efficient Estimation Method for the Generalized Pareto
    Distribution", with the weak prior of the former.

    Examples
    --------
    Weights whose tail falls like :math:`w^{-2}` have k = 1/2:

    >>> import numpy as np
    >>> uniform = (np.arange(4000) + 0.5) / 4000
    >>> print(pareto_k(-0.5 * np.log(uniform)).numpy().round(1))
    0.5
    """
    log_weights = tf.convert_to_tensor(log_weights)
    draws = log_weights.shape[0]
    size = 0 if draws is None else min(int(0.2 * draws), math.ceil(3.0 * math.sqrt(draws)))
    if size < _FEWEST:
        raise ValueError(
            f"pareto_k fits the tail of at least {5 * _FEWEST} draws; got log weights of shape "
            f"{tuple(log_weights.shape)}, whose first axis is that of the draws."
        )
    # Draws on the last axis, the largest first, and scaled by the largest.
    top = tf.math.top_k(tf.einsum("k...->...k", log_weights), size + 1).values
    top = tf.exp(top - top[..., :1])
    smallest = tf.constant(1e-30, top.dtype)
    excess = tf.maximum((top - top[..., -1:])[..., :-1], smallest)
    quartile = excess[..., size - 1 - (int(size / 4 + 0.5) - 1)]

    # Rates b = -k / sigma on a grid, each weighted by its profile likelihood.
    points = 30 + int(math.sqrt(size))
    grid = tf.range(1, points + 1, dtype=top.dtype) - 0.5
    steps = (1.0 - tf.sqrt(points / grid)) / 3.0
    rates = 1.0 / excess[..., :1] + steps / quartile[..., tf.newaxis]
    shapes = tf.reduce_mean(tf.math.log1p(-rates[..., tf.newaxis] * excess[..., tf.newaxis, :]), -1)
    profile = size * (tf.math.log(-rates / shapes) - shapes - 1.0)
    rate = tf.reduce_sum(tf.nn.softmax(profile, -1) * rates, -1)
    shape = tf.reduce_mean(tf.math.log1p(-rate[..., tf.newaxis] * excess), -1)
    prior = 10.0
    return (size * shape + prior * 0.5) / (size + prior)
