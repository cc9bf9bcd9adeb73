"""Shift and positive scale, the scale given by its logarithm."""

import tensorflow as tf

from tfflows.bijectors.parameters import ScalarBijector, as_parameters

__all__ = ["Affine"]


class Affine(ScalarBijector):
    r"""The map ``x = exp(log_scale) z + shift`` from latent z to data x, elementwise.

    .. math::
        z = (x - shift) \exp(-log\_scale), \qquad
        \log \left|\frac{dz}{dx}\right| = -log\_scale .

    Parameters
    ----------
    shift : tf.Tensor
        Shift, in units of the data; broadcasts against the values.
    log_scale : tf.Tensor, optional
        Natural logarithm of the scale; without it the map only shifts and its log-determinant is
        exactly zero.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If `shift` and `log_scale` are not floating-point numbers of one type.

    Examples
    --------
    >>> import tensorflow as tf
    >>> affine = Affine(shift=tf.constant([1.0, 2.0]), log_scale=tf.constant([0.0, 3.0]))
    >>> print(affine.inverse(tf.constant([[1.0, 2.0]])).numpy())
    [[0. 0.]]
    >>> print(affine.forward_log_det_jacobian(tf.zeros([1, 2]), event_ndims=1).numpy())
    [3.]
    """

    increasing = True

    def __init__(self, shift, log_scale=None, *, name: str | None = None):
        self._shift, self._log_scale = as_parameters(shift=shift, log_scale=log_scale)
        super().__init__(self._shift, self._log_scale, name=name or "affine")

    def _inverse_and_ildj(self, y):
        x = y - self._shift
        if self._log_scale is None:
            return x, tf.zeros_like(x)
        x *= tf.exp(-self._log_scale)
        return x, tf.broadcast_to(-self._log_scale, tf.shape(x))

    def _forward_and_fldj(self, x):
        if self._log_scale is None:
            y = x + self._shift
            return y, tf.zeros_like(y)
        y = x * tf.exp(self._log_scale) + self._shift
        return y, tf.broadcast_to(self._log_scale, tf.shape(y))
