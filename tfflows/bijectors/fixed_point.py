r"""The inverse of the identity plus a contraction, row by row, from any start."""

import numpy as np
import tensorflow as tf

from tfflows.bijectors.by_halves import inverse_and_log_det_of
from tfflows.bijectors.lipschitz import Contraction

__all__ = ["solve_adjoint", "solve_shifted"]

#: Coordinates up to which Newton steps are tried.
NEWTON_UP_TO = 32


def solve_shifted(
    network: Contraction,
    target,
    most: float,
    tolerance: float | None = None,
    maximum_iterations: int = 2000,
) -> tf.Tensor:
    r"""Solve ``x + network(x) = target`` for x, for a contraction of constant c below one.

    The step :math:`x \leftarrow z - g(x)` brings the error :math:`x + g(x) - z` down to c times
    what it was, whatever the weights. For a few coordinates a Newton step takes its place where it
    does at least as well, which is nearly everywhere. A row that is solved stays where it is; one
    whose error no longer shrinks has come to where rounding ends it.

    Parameters
    ----------
    network : Contraction
        g.
    target : tf.Tensor
        z, ``[..., D]``, of the whole batch.
    most : float
        c.
    tolerance : float, optional
        Length of the error, relative to one plus that of the row, at which it is solved; by default
        that of rounding. Solutions are as near as :math:`1 / (1 - c)` times the error.
    maximum_iterations : int
        Bound on the number of steps.

    Returns
    -------
    tf.Tensor
        The solutions, constants to gradients.

    Examples
    --------
    >>> import tensorflow as tf
    >>> kernels = [tf.constant([[0.5]]), tf.constant([[1.0]])]
    >>> half = Contraction(kernels, [tf.zeros([1])] * 2, None, "elu", 0.9)
    >>> print(solve_shifted(half, tf.constant([[3.0], [0.0]]), 0.9).numpy())
    [[2.]
     [0.]]
    """
    target = tf.stop_gradient(target)
    eps = float(np.finfo(target.dtype.as_numpy_dtype).eps)
    enough = (eps if tolerance is None else tolerance) * (1.0 + _length(target))
    newton = target.shape[-1] <= NEWTON_UP_TO
    eye = tf.eye(target.shape[-1], dtype=target.dtype)

    def step(x):
        change, slopes = network.linearize(x)
        rest = x + change - target
        length = _length(rest)
        following = x - rest
        if newton:
            inverse, _ = inverse_and_log_det_of(eye + network.jacobian(slopes))
            tried = x - tf.linalg.matvec(inverse, rest)
            better = _length(tried + network(tried) - target) <= most * length
            following = tf.where(better[..., tf.newaxis], tried, following)
        return following, length

    return tf.stop_gradient(_iterated(step, target, enough, maximum_iterations))


def solve_adjoint(
    network: Contraction, slopes, u, tolerance: float | None = None, maximum_iterations: int = 2000
) -> tf.Tensor:
    r"""Solve :math:`w + J^\top w = u` for w, with the Jacobian J of a contraction, by iterations.

    Parameters
    ----------
    network : Contraction
        g.
    slopes : list of tf.Tensor
        The slopes that ``linearize`` returned.
    u : tf.Tensor
        ``[..., D]``.
    tolerance, maximum_iterations
        As in `solve_shifted`.

    Examples
    --------
    >>> import tensorflow as tf
    >>> kernels = [tf.constant([[0.5]]), tf.constant([[1.0]])]
    >>> half = Contraction(kernels, [tf.zeros([1])] * 2, None, "elu", 0.9)
    >>> _, slopes = half.linearize(tf.constant([[1.0]]))
    >>> print(solve_adjoint(half, slopes, tf.constant([[3.0]])).numpy().round(5))
    [[2.]]
    """
    eps = float(np.finfo(u.dtype.as_numpy_dtype).eps)
    enough = (eps if tolerance is None else tolerance) * _length(u)

    def step(w):
        rest = w + network.pull(slopes, w) - u
        return w - rest, _length(rest)

    return _iterated(step, u, enough, maximum_iterations)


def _iterated(step, start, enough, maximum_iterations: int):
    """Take steps from a start until the error of each row is small, or shrinks no longer.

    ``step(x)`` returns where a row goes next, and the length of its error before.
    """

    def advance(x, error, running):
        following, length = step(x)
        running &= (length > enough) & (length < error)
        return (
            tf.ensure_shape(tf.where(running[..., tf.newaxis], following, x), start.shape),
            tf.ensure_shape(tf.where(running, length, error), start.shape[:-1]),
            tf.ensure_shape(running, start.shape[:-1]),
        )

    length = _length(start)
    x, _, _ = tf.while_loop(
        lambda *state: tf.reduce_any(state[-1]),
        advance,
        (start, length + float("inf"), tf.math.is_finite(length)),
        maximum_iterations=maximum_iterations,
    )
    return x


def _length(x):
    return tf.sqrt(tf.reduce_sum(x * x, -1))
