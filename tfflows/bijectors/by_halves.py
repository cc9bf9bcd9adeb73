"""Inverses and log-determinants of matrices that need no pivots, of ordinary operations alone."""

import tensorflow as tf

from tfflows.privates import custom_gradient

__all__ = ["inverse_and_log_det_of"]


def inverse_and_log_det_of(matrix) -> tuple:
    r"""Return the inverse of matrices and the logarithm of their determinants.

    By halves, with the Schur complement S of the first half,

    .. math:: \log\det \begin{pmatrix} A & B \\ C & E \end{pmatrix} = \log\det A + \log\det S,
        \qquad S = E - C A^{-1} B

    down to single numbers, all positive where the symmetric part :math:`M + M^\top` is positive
    definite, as that of the identity plus a contraction is: complements have that property, too,
    and are as far from singular as the whole. XLA compiles it, and loops over rows vectorize it,
    which is not so of the decompositions of TensorFlow.

    Parameters
    ----------
    matrix : tf.Tensor
        ``[..., D, D]``, D known, with :math:`x^\top M x > 0` for all x but zero.

    Returns
    -------
    tuple of tf.Tensor
        ``[..., D, D]`` and ``[...]``.

    Examples
    --------
    >>> import tensorflow as tf
    >>> inverse, log_det = inverse_and_log_det_of(tf.constant([[2.0, 1.0], [-1.0, 2.0]]))
    >>> print(inverse.numpy(), tf.exp(log_det).numpy().round(4))
    [[ 0.4 -0.2]
     [ 0.2  0.4]] 5.0
    """
    inverse, log_det = _inverse(matrix)
    return inverse, _log_det(matrix, inverse, log_det)


@custom_gradient
def _inverse(matrix):
    inverse, log_det = _by_halves(matrix)

    def gradient(upstream, _):
        # The inverse again, not the constant, so that this gradient has a gradient itself.
        turned = tf.linalg.matrix_transpose(inverse_and_log_det_of(matrix)[0])
        return -tf.matmul(turned, tf.matmul(upstream, turned))

    return (inverse, log_det), gradient


@custom_gradient
def _log_det(matrix, inverse, log_det):
    def gradient(upstream):
        by_matrix = upstream[..., tf.newaxis, tf.newaxis] * tf.linalg.matrix_transpose(inverse)
        return by_matrix, None, None

    return tf.identity(log_det), gradient


def _by_halves(matrix):
    size = matrix.shape[-1]
    if size == 1:
        return 1.0 / matrix, tf.math.log(matrix[..., 0, 0])
    if size == 2:
        return _of_two(matrix)
    middle = size // 2
    a, b = matrix[..., :middle, :middle], matrix[..., :middle, middle:]
    c, e = matrix[..., middle:, :middle], matrix[..., middle:, middle:]
    a_inverse, a_log_det = _by_halves(a)
    across = tf.matmul(c, a_inverse)
    s_inverse, s_log_det = _by_halves(e - tf.matmul(across, b))
    right = -tf.matmul(tf.matmul(a_inverse, b), s_inverse)
    upper = tf.concat([a_inverse - tf.matmul(right, across), right], -1)
    lower = tf.concat([-tf.matmul(s_inverse, across), s_inverse], -1)
    return tf.concat([upper, lower], -2), a_log_det + s_log_det


def _of_two(matrix):
    a, b, c, e = (matrix[..., i, j] for i in (0, 1) for j in (0, 1))
    determinant = a * e - b * c
    rows = tf.stack([e, -b], -1), tf.stack([-c, a], -1)
    return tf.stack(rows, -2) / determinant[..., tf.newaxis, tf.newaxis], tf.math.log(determinant)
