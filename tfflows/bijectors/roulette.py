r"""Unbiased estimates of the log-determinant of the identity plus a contraction's Jacobian."""

import math

import tensorflow as tf

from tfflows import random
from tfflows.bijectors.lipschitz import Contraction

__all__ = ["estimated_log_det"]


def estimated_log_det(
    network: Contraction, slopes, points, seed, most: float, terms: int = 4
) -> tf.Tensor:
    r"""Estimate :math:`\log\det(I + J)` of each row without bias, by products with vectors.

    .. math:: \sum_{k=1}^{m + n} \frac{(-1)^{k+1}}{k}\, \frac{v^\top J^k v}{P(m + N \ge k)},
        \qquad v_i = \pm 1, \quad P(N \ge k) = q^k, \quad q = \tfrac{1}{2}(1 + c^2)

    The first m terms are always computed; how many more, n, is drawn for each row. With such a q,
    above the square of the contraction's constant c, the variance is finite whatever the weights.

    Gradients are unbiased estimates as well, of the sum that one differentiates term by term,

    .. math:: d \log\det(I + J) = \operatorname{tr}\big((I + J)^{-1} dJ\big) \approx
        \sum_{k=0}^{m + n - 1} (-1)^k\, \frac{v^\top J^k\, dJ\, v}{P(m + N > k)}

    so that no loop is kept in the memory. They are first derivatives; there are no second ones.

    Parameters
    ----------
    network : Contraction
        g, whose Jacobian is J.
    slopes : list of tf.Tensor
        The slopes that ``linearize`` returned.
    points : tf.Tensor
        Anything of the shape ``[..., D]`` of the points.
    seed : tf.Tensor
        Seed, int32 ``[2]`` or ``[3]``; the rows are on the first axis.
    most : float
        c.
    terms : int
        m, the number of terms that are always computed.

    Returns
    -------
    tf.Tensor
        An estimate for each row.

    References
    ----------
    Chen et al. (2019), "Residual Flows for Invertible Generative Modeling", arXiv:1906.02735.

    Examples
    --------
    >>> import tensorflow as tf
    >>> kernels = [tf.constant([[0.5]]), tf.constant([[1.0]])]
    >>> half = Contraction(kernels, [tf.zeros([1])] * 2, None, "elu", 0.9)
    >>> points = tf.ones([20_000, 1])
    >>> found = estimated_log_det(half, half.linearize(points)[1], points, [0, 1], 0.9)
    >>> print(round(float(tf.reduce_mean(found)), 2), round(math.log(1.5), 2))
    0.41 0.41
    """
    dtype, shape = points.dtype, tf.shape(points)
    words = random.bits(shape, random.fold_in(seed, 0))
    v = tf.ensure_shape(2.0 * tf.cast(words & 1, dtype) - 1.0, points.shape)
    log_survival = math.log(0.5 * (1.0 + most * most))
    # Twice as many digits as a float32 has, for the rare long ones.
    drawn = random.uniform(shape[:-1], random.fold_in(seed, 1), tf.float64)
    drawn = tf.math.log(tf.maximum(drawn, 2.0**-52)) / log_survival
    count = tf.ensure_shape(terms + tf.cast(tf.floor(drawn), tf.int32), points.shape[:-1])
    fixed = [tf.stop_gradient(slope) for slope in slopes]
    frozen = network.frozen()

    def step(k, u, total, direction):
        # u holds the transposed Jacobian to the power k - 1 times v.
        more = tf.cast(tf.maximum(k - terms, 0), dtype)
        weight = tf.where(k <= count, tf.exp(-more * log_survival), 0.0)
        sign = 1.0 - 2.0 * tf.cast((k - 1) % 2, dtype)
        direction += (sign * weight)[..., tf.newaxis] * u
        u = frozen.pull(fixed, u)
        total += sign * weight / tf.cast(k, dtype) * tf.reduce_sum(u * v, -1)
        return (
            k + 1,
            tf.ensure_shape(u, v.shape),
            tf.ensure_shape(total, v.shape[:-1]),
            tf.ensure_shape(direction, v.shape),
        )

    _, _, total, direction = tf.while_loop(
        lambda k, *_: k <= tf.reduce_max(count),
        step,
        (tf.constant(1), v, tf.zeros_like(v[..., 0]), tf.zeros_like(v)),
    )
    total, direction = tf.stop_gradient(total), tf.stop_gradient(direction)
    surrogate = tf.reduce_sum(direction * network.push(slopes, v), -1)
    return total + (surrogate - tf.stop_gradient(surrogate))
