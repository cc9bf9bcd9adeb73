"""Invertible linear maps as products of factors that know how to be applied and undone."""

import functools
import math
from collections.abc import Sequence

import tensorflow as tf

from tfflows.bijectors.base import Bijector
from tfflows.bijectors.event import flatten_event, restore_event
from tfflows.bijectors.parameters import batch_of

__all__ = ["Dense", "Factor", "Linear", "Triangular"]


class Factor:
    """An invertible matrix ``[..., D, D]``.

    Attributes
    ----------
    log_det : tf.Tensor
        Logarithm of the absolute value of the determinant, of the shape of the batch of matrices.
    matrix : tf.Tensor
        The matrix itself.
    """

    log_det: tf.Tensor

    @property
    def matrix(self) -> tf.Tensor:
        """Return the matrix."""
        raise NotImplementedError

    def apply(self, x):
        """Return the product with vectors ``[..., D]``."""
        raise NotImplementedError

    def solve(self, z):
        """Return the vectors whose product with the matrix is ``z``."""
        raise NotImplementedError


class Dense(Factor):
    """A matrix whose inverse is known.

    Parameters
    ----------
    matrix, inverse : tf.Tensor
        ``[..., D, D]``; by default the inverse is the transpose, that of an orthogonal matrix.
    log_det : tf.Tensor, optional
        Logarithm of the absolute value of its determinant, by default zero.
    """

    matrix = None

    def __init__(self, matrix, inverse=None, log_det=None):
        self.matrix = matrix
        self._inverse = tf.linalg.matrix_transpose(matrix) if inverse is None else inverse
        self.log_det = tf.zeros_like(matrix[..., 0, 0]) if log_det is None else log_det

    def apply(self, x):
        """Return the product with vectors ``[..., D]``."""
        return product(self.matrix, x)

    def solve(self, z):
        """Return the product of the inverse with vectors ``[..., D]``."""
        return product(self._inverse, z)


class Triangular(Factor):
    """A triangular matrix of positive diagonal.

    Parameters
    ----------
    matrix : tf.Tensor
        ``[..., D, D]``; only the part beside the diagonal is used.
    log_diagonal : tf.Tensor, optional
        Logarithms of the diagonal, ``[..., D]``; by default zero.
    lower : bool
        Whether the part below the diagonal is used, and not the one above.
    """

    matrix = None

    def __init__(self, matrix, log_diagonal=None, *, lower: bool):
        if log_diagonal is None:
            log_diagonal = tf.zeros_like(matrix[..., 0])
        band = (-1, 0) if lower else (0, -1)
        triangle = tf.linalg.band_part(matrix, *band)
        self.matrix = tf.linalg.set_diag(triangle, tf.exp(log_diagonal))
        self.log_det = tf.reduce_sum(log_diagonal, -1)
        self._lower = lower

    def apply(self, x):
        """Return the product with vectors ``[..., D]``."""
        return product(self.matrix, x)

    def solve(self, z):
        """Solve the triangular system."""
        # One system and many right-hand sides, unless each event has its own system.
        if self.matrix.shape.rank == 2 and z.shape.rank == 2:
            columns = tf.linalg.triangular_solve(self.matrix, tf.transpose(z), lower=self._lower)
            return tf.transpose(columns)
        column = z[..., tf.newaxis]
        return tf.linalg.triangular_solve(self.matrix, column, lower=self._lower)[..., 0]


class Linear(Bijector):
    r"""An invertible affine map, direct from data to latent, given by the factors of its matrix.

    .. math::
        z = W_1 \cdots W_n x + b, \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| = \sum_k \log |\det W_k|

    Without a batch of matrices, the product is multiplied out once for all events; the way back
    undoes one factor after the other.

    Parameters
    ----------
    factors : sequence of Factor
        The factors, all of one batch shape.
    event_shape : tuple of int
        Shape of an event of D coordinates.
    bias : tf.Tensor, optional
        b, ``[..., D]``.
    name : str
        Name of the bijector.

    Examples
    --------
    >>> import tensorflow as tf
    >>> turn = Dense(tf.constant([[0.0, -1.0], [1.0, 0.0]]))
    >>> print(Linear([turn], (2,)).inverse([[1.0, 2.0]]).numpy())
    [[-2.  1.]]
    """

    def __init__(
        self, factors: Sequence[Factor], event_shape: tuple, bias=None, name: str = "linear"
    ):
        self._factors = tuple(factors)
        self._event_shape = tuple(event_shape)
        self._bias = bias
        self._total = sum(factor.log_det for factor in self._factors)
        super().__init__(
            len(self._event_shape),
            batch_shape=batch_of(self._total),
            dtype=self._total.dtype,
            is_constant_jacobian=True,
            name=name,
        )

    @property
    def increasing(self) -> bool | None:
        """True of a single coordinate."""
        return True if math.prod(self._event_shape) == 1 else None

    @property
    def _single(self) -> bool:
        return self._total.shape.rank == 0

    def _log_det(self, flat):
        shape = tf.broadcast_dynamic_shape(tf.shape(self._total), tf.shape(flat)[:-1])
        return tf.broadcast_to(self._total, shape)

    def _inverse_and_ildj(self, y):
        flat = flatten_event(y, self._event_shape)
        if self._single:
            matrix = functools.reduce(tf.matmul, [factor.matrix for factor in self._factors])
            z = product(matrix, flat)
        else:
            z = functools.reduce(lambda x, factor: factor.apply(x), self._factors[::-1], flat)
        z = z if self._bias is None else z + self._bias
        return restore_event(z, self._event_shape), self._log_det(flat)

    def _forward_and_fldj(self, x):
        flat = flatten_event(x, self._event_shape)
        z = flat if self._bias is None else flat - self._bias
        shape = tf.shape(z)
        if rows := self._single and z.shape.rank != 2:
            z = tf.reshape(z, [-1, math.prod(self._event_shape)])
        z = functools.reduce(lambda z, factor: factor.solve(z), self._factors, z)
        z = tf.ensure_shape(tf.reshape(z, shape), flat.shape) if rows else z
        return restore_event(z, self._event_shape), -self._log_det(flat)


def product(matrix, x):
    """Return ``matrix @ x`` for vectors ``[..., D]``, as one product of two matrices if it can be.

    Examples
    --------
    >>> import tensorflow as tf
    >>> print(product(tf.constant([[1.0, 2.0], [0.0, 1.0]]), tf.constant([3.0, 4.0])).numpy())
    [11.  4.]
    """
    if matrix.shape.rank != 2:
        return tf.linalg.matvec(matrix, x)
    if x.shape.rank == 2:
        return tf.matmul(x, matrix, transpose_b=True)
    return tf.tensordot(x, matrix, [[-1], [1]])
