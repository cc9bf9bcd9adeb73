"""An invertible linear map, parametrized by its LU factors."""

import math

import tensorflow as tf

from tfflows.bijectors.base import Bijector
from tfflows.bijectors.event import flatten_event, restore_event

__all__ = ["LU"]


class LU(Bijector):
    r"""An invertible affine map, direct from data to latent, whose determinant is a product.

    .. math::
        z = L U x + b, \qquad x = U^{-1} L^{-1} (z - b), \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| = \sum_i \log U_{ii}

    with L lower triangular of unit diagonal and U upper triangular of positive diagonal.

    Parameters
    ----------
    lower : tf.Tensor
        ``[..., D, D]``; only the part below the diagonal is used.
    upper : tf.Tensor
        ``[..., D, D]``; only the part above the diagonal is used.
    log_diagonal : tf.Tensor
        :math:`\log U_{ii}`, ``[..., D]``.
    bias : tf.Tensor
        b, ``[..., D]``.
    event_shape : tuple of int
        Shape of an event of D coordinates.
    name : str, optional
        Name of the bijector.

    References
    ----------
    Kingma and Dhariwal (2018), "Glow: Generative Flow with Invertible 1x1 Convolutions",
    arXiv:1807.03039; Oliva et al. (2018), "Transformation Autoregressive Networks",
    arXiv:1801.09819.

    Examples
    --------
    >>> import tensorflow as tf
    >>> b = LU(tf.zeros([2, 2]), tf.ones([2, 2]), tf.zeros([2]), tf.zeros([2]), (2,))
    >>> print(b.inverse([[1.0, 2.0]]).numpy())
    [[3. 2.]]
    """

    def __init__(self, lower, upper, log_diagonal, bias, event_shape: tuple, name: str = "lu"):
        self._log_diagonal = log_diagonal
        self._bias = bias
        self._lower = tf.linalg.set_diag(
            tf.linalg.band_part(lower, -1, 0), tf.ones_like(log_diagonal)
        )
        self._upper = tf.linalg.set_diag(tf.linalg.band_part(upper, 0, -1), tf.exp(log_diagonal))
        self._event_shape = tuple(event_shape)
        batch = log_diagonal.shape[:-1]
        super().__init__(
            len(self._event_shape),
            batch_shape=batch if batch.is_fully_defined() else tf.shape(log_diagonal)[:-1],
            dtype=log_diagonal.dtype,
            is_constant_jacobian=True,
            name=name,
        )

    @property
    def increasing(self) -> bool | None:
        """True of a single coordinate."""
        return True if math.prod(self._event_shape) == 1 else None

    def _log_det(self, flat):
        total = tf.reduce_sum(self._log_diagonal, -1)
        return tf.broadcast_to(
            total, tf.broadcast_dynamic_shape(tf.shape(total), tf.shape(flat)[:-1])
        )

    def _inverse_and_ildj(self, y):
        flat = flatten_event(y, self._event_shape)
        if self._log_diagonal.shape.rank == 1 and flat.shape.rank == 2:
            x = tf.matmul(flat, tf.matmul(self._lower, self._upper), transpose_b=True)
        else:
            x = tf.linalg.matvec(self._lower, tf.linalg.matvec(self._upper, flat))
        return restore_event(x + self._bias, self._event_shape), self._log_det(flat)

    def _forward_and_fldj(self, x):
        flat = flatten_event(x, self._event_shape) - self._bias
        # One factorized system and many right-hand sides, unless each event has its own system.
        if self._log_diagonal.shape.rank == 1 and flat.shape.rank == 2:
            columns = tf.linalg.triangular_solve(self._lower, tf.transpose(flat), lower=True)
            y = tf.transpose(tf.linalg.triangular_solve(self._upper, columns, lower=False))
        else:
            column = tf.linalg.triangular_solve(self._lower, flat[..., tf.newaxis], lower=True)
            y = tf.linalg.triangular_solve(self._upper, column, lower=False)[..., 0]
        return restore_event(y, self._event_shape), -self._log_det(flat)
