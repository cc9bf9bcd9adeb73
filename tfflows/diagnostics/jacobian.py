"""Jacobians of maps of batches, one row of the matrix for each copy of the batch."""

import math

import numpy as np
import tensorflow as tf

__all__ = ["jacobian"]


def jacobian(function, x, context=None) -> np.ndarray:
    r"""Return the matrices :math:`\partial f_i / \partial x_j` of a map that treats rows apart.

    Each output coordinate gets a copy of the batch of its own, so that one backward pass gives all
    of the matrix; entries that the map does not depend on are exact zeros.

    Parameters
    ----------
    function : callable
        Maps ``(x, context)`` to points of one row for each row of x.
    x : tf.Tensor
        Points ``[n, *shape]``.
    context : tf.Tensor, optional
        Contexts ``[n, ...]``, one for each row.

    Returns
    -------
    np.ndarray
        float64, ``[n, size of an output, size of an input]``.

    Examples
    --------
    >>> import tensorflow as tf
    >>> jacobian(lambda x, c: x * x, tf.constant([[1.0, 3.0]])).tolist()
    [[[2.0, 0.0], [0.0, 6.0]]]
    """
    n, inputs = x.shape[0], math.prod(x.shape[1:])
    probe = function(tf.identity(x[:1]), None if context is None else context[:1])
    outputs = math.prod(probe.shape[1:])

    def copies(value):
        return None if value is None else tf.repeat(value, outputs, axis=0)

    repeated = copies(x)
    with tf.GradientTape() as tape:
        tape.watch(repeated)
        image = tf.reshape(function(repeated, copies(context)), [n, outputs, outputs])
        chosen = tf.reduce_sum(tf.linalg.diag_part(image))
    slopes = tape.gradient(chosen, repeated)
    if slopes is None:
        return np.zeros([n, outputs, inputs])
    return slopes.numpy().reshape(n, outputs, inputs).astype(np.float64)
