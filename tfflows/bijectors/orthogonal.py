"""Orthogonal matrices of free numbers: reflections, rotations of planes, and exponentials."""

import math

import numpy as np
import tensorflow as tf

from tfflows.bijectors.linear import Factor, product

__all__ = [
    "PlaneRotations",
    "Reflections",
    "cayley",
    "expm",
    "numbers_of_rotation",
    "rotation",
    "shortened",
]

# Added where a square root is taken: far below the square of any number that matters.
TINY = 1e-36


class Reflections(Factor):
    r"""A product of reflections, :math:`Q = H_1 \cdots H_K`, each of which turns one vector around.

    .. math:: H_k = I - 2 \frac{v_k v_k^\top}{|v_k|^2}, \qquad
        Q = I - V \left(\tfrac{1}{2} I + \operatorname{striu}(V^\top V)\right)^{-1} V^\top

    with the unit vectors as the columns of V, so that no reflection waits for another. A vector of
    zeros reflects nothing.

    Parameters
    ----------
    vectors : tf.Tensor
        ``[..., K, D]``.

    References
    ----------
    Joffrain et al. (2006), "Accumulating Householder transformations, revisited", ACM Transactions
    on Mathematical Software 32, 169.
    """

    def __init__(self, vectors):
        square = tf.reduce_sum(vectors * vectors, -1, keepdims=True)
        self._unit = vectors * tf.math.rsqrt(tf.maximum(square, TINY))
        above = tf.linalg.band_part(tf.matmul(self._unit, self._unit, transpose_b=True), 0, -1)
        halves = 0.5 * tf.ones_like(square[..., 0])
        self._system = tf.linalg.set_diag(above, halves)
        self.log_det = tf.zeros_like(square[..., 0, 0])

    @property
    def matrix(self):
        """Return the matrix ``[..., D, D]``."""
        solved = tf.linalg.triangular_solve(self._system, self._unit, lower=False)
        size = self._unit.shape[-1]
        eye = tf.eye(size, dtype=self._unit.dtype)
        return eye - tf.matmul(self._unit, solved, transpose_a=True)

    def apply(self, x):
        """Reflect vectors ``[..., D]``, the last reflection first."""
        return self._reflected(x, adjoint=False)

    def solve(self, z):
        """Reflect vectors ``[..., D]``, the first reflection first."""
        return self._reflected(z, adjoint=True)

    def _reflected(self, x, adjoint):
        if self._system.shape.rank == 2 and x.shape.rank == 2:
            # One system and many right-hand sides.
            parts = tf.matmul(self._unit, x, transpose_b=True)
            solved = tf.linalg.triangular_solve(self._system, parts, lower=False, adjoint=adjoint)
            return x - tf.matmul(solved, self._unit, transpose_a=True)
        parts = product(self._unit, x)[..., tf.newaxis]
        solved = tf.linalg.triangular_solve(self._system, parts, lower=False, adjoint=adjoint)
        return x - tf.linalg.matvec(self._unit, solved[..., 0], transpose_a=True)


class PlaneRotations(Factor):
    r"""A product of stages, each of which rotates disjoint pairs of coordinates.

    .. math:: \begin{pmatrix} z_i \\ z_j \end{pmatrix} =
        \begin{pmatrix} \cos\theta & -\sin\theta \\ \sin\theta & \cos\theta \end{pmatrix}
        \begin{pmatrix} x_i \\ x_j \end{pmatrix}

    Parameters
    ----------
    angles : tf.Tensor
        :math:`\theta` in radians, ``[..., S, P]``.
    pairs : array of int
        i and j, ``[S, P, 2]``; the first stage acts on the data.
    size : int
        Number of coordinates D.
    """

    def __init__(self, angles, pairs, size: int):
        self._size = size
        self._stages = []
        for stage, pair in enumerate(np.asarray(pairs)):
            partner = np.arange(size)
            partner[pair[:, 0]], partner[pair[:, 1]] = pair[:, 1], pair[:, 0]
            # Spreads angles over the coordinates, with the signs of their sines.
            spread = np.zeros([len(pair), size])
            spread[np.arange(len(pair)), pair[:, 0]] = -1.0
            spread[np.arange(len(pair)), pair[:, 1]] = 1.0
            angle = tf.tensordot(angles[..., stage, :], tf.constant(spread, angles.dtype), 1)
            self._stages.append((partner, tf.cos(angle), tf.sin(angle)))
        self.log_det = tf.zeros_like(angles[..., 0, 0])

    @property
    def matrix(self):
        """Return the matrix ``[D, D]`` of angles without a batch."""
        return tf.transpose(self.apply(tf.eye(self._size, dtype=self.log_det.dtype)))

    def apply(self, x):
        """Rotate vectors ``[..., D]``."""
        for partner, cos, sin in self._stages:
            x = cos * x + sin * tf.gather(x, partner, axis=-1)
        return x

    def solve(self, z):
        """Rotate vectors ``[..., D]`` back."""
        for partner, cos, sin in reversed(self._stages):
            z = cos * z - sin * tf.gather(z, partner, axis=-1)
        return z


def shortened(matrix, bound: float):
    r"""Scale matrices so that their Frobenius norms stay below a bound.

    .. math:: A = \frac{R}{\sqrt{1 + |R|_F^2 / c^2}}

    Examples
    --------
    >>> import tensorflow as tf
    >>> print(shortened(tf.constant([[3.0, 4.0], [0.0, 0.0]]) * 1e6, bound=10.0).numpy())
    [[6. 8.]
     [0. 0.]]
    """
    scaled = matrix / bound
    square = tf.reduce_sum(scaled * scaled, [-2, -1], keepdims=True)
    return matrix * tf.math.rsqrt(1.0 + square)


def expm(matrix, bound: float):
    r"""Return the exponential of matrices whose norms are below a bound that is known beforehand.

    .. math:: e^A = \left(\sum_{k \le n} \frac{(2^{-s} A)^k}{k!}\right)^{2^s}

    The number of squarings s follows from the bound, so that nothing depends on the values:
    gradients of any order, XLA and batches need no loop.

    References
    ----------
    Moler and Van Loan (2003), "Nineteen Dubious Ways to Compute the Exponential of a Matrix,
    Twenty-Five Years Later", SIAM Review 45, 3.

    Examples
    --------
    >>> import math, tensorflow as tf
    >>> turn = tf.constant([[0.0, -math.pi / 2], [math.pi / 2, 0.0]], tf.float64)
    >>> print(abs(expm(turn, bound=3.0)).numpy().round(12))
    [[0. 1.]
     [1. 0.]]
    """
    # Below a norm of 1/8 these terms leave out less than a rounding.
    squarings, terms = max(math.ceil(math.log2(8.0 * bound)), 0), 5 if matrix.dtype.size <= 4 else 9
    small = matrix * 2.0**-squarings
    eye = tf.eye(matrix.shape[-1], dtype=matrix.dtype)
    series = eye + small / terms
    for k in range(terms - 1, 1, -1):
        series = eye + tf.matmul(small, series) / k
    # Squared without the identity, in which the digits of a small matrix would be lost.
    rest = tf.matmul(small, series)
    for _ in range(squarings):
        rest = 2.0 * rest + tf.matmul(rest, rest)
    return eye + rest


def cayley(skew):
    r"""Return the rotations :math:`(I - S)^{-1}(I + S)` of skew matrices.

    Examples
    --------
    >>> import tensorflow as tf
    >>> print(cayley(tf.constant([[0.0, -1.0], [1.0, 0.0]])).numpy().round(6) + 0.0)
    [[ 0. -1.]
     [ 1.  0.]]
    """
    eye = tf.eye(skew.shape[-1], dtype=skew.dtype)
    return tf.linalg.solve(eye - skew, eye + skew)


def rotation(numbers, size: int, method: str):
    """Return rotation matrices ``[..., D, D]`` of free numbers ``[..., D (D - 1) / 2]``.

    Parameters
    ----------
    numbers : tf.Tensor
        What stands below the diagonal of a skew matrix, row by row.
    size : int
        D.
    method : str
        ``"exponential"`` or ``"cayley"``.
    """
    rows, columns = np.tril_indices(size, -1)
    place = np.zeros([len(rows), size, size])
    place[np.arange(len(rows)), rows, columns] = 1.0
    place[np.arange(len(rows)), columns, rows] = -1.0
    place = tf.constant(place.reshape(len(rows), -1), numbers.dtype)
    skew = tf.tensordot(numbers, place, 1)
    shape = [*numbers.shape[:-1], size, size]
    if None in shape:
        shape = tf.concat([tf.shape(numbers)[:-1], [size, size]], 0)
    skew = tf.reshape(skew, shape)
    if method == "cayley":
        turned = cayley(skew)
    else:
        bound = norm_bound(size)
        turned = expm(shortened(skew, bound), bound)
    # One step towards the nearest orthogonal matrix squares what squarings and solutions have
    # left of an error.
    gram = tf.matmul(turned, turned, transpose_a=True)
    return 1.5 * turned - 0.5 * tf.matmul(turned, gram)


def norm_bound(size: int) -> float:
    """Return a Frobenius norm that holds the logarithms of all rotations, with room to spare."""
    return 4.0 * math.sqrt(size)


def numbers_of_rotation(matrix: np.ndarray, method: str) -> np.ndarray:
    """Return the numbers of which `rotation` makes a rotation matrix, such as a random one.

    Examples
    --------
    >>> import numpy as np, tensorflow as tf
    >>> q = np.array([[0.6, -0.8], [0.8, 0.6]])
    >>> for method in ("exponential", "cayley"):
    ...     numbers = numbers_of_rotation(q, method)
    ...     print(rotation(tf.constant(numbers), 2, method).numpy().round(6).tolist())
    [[0.6, -0.8], [0.8, 0.6]]
    [[0.6, -0.8], [0.8, 0.6]]
    """
    size = len(matrix)
    # A rotation is a normal matrix: its eigenvectors are orthogonal.
    values, vectors = np.linalg.eig(matrix)
    angles = np.angle(values)
    angles = angles if method == "exponential" else np.tan(0.5 * angles)
    skew = np.real(vectors * (1j * angles) @ vectors.conj().T)
    if method == "exponential":
        skew = skew / math.sqrt(1.0 - (np.linalg.norm(skew) / norm_bound(size)) ** 2)
    return skew[np.tril_indices(size, -1)]
