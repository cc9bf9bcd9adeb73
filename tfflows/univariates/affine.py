"""Shift and scale, the scale softly bounded."""

import math

import keras
import tensorflow as tf

from tfflows.bijectors import affine
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

__all__ = ["Affine"]


@keras.saving.register_keras_serializable(package="tfflows")
class Affine(Univariate):
    r"""Shift and positive scale: ``x = exp(s) z + t`` from latent z to data x.

    Two parameters per dimension, the shift t and the raw log-scale r, with the soft bound
    :math:`s = b \tanh(r / b)`: near zero s is r, and no network output, however wild, can make
    the scale leave :math:`[e^{-b}, e^b]`. Raw zeros are the identity.

    Parameters
    ----------
    log_scale_bound : float
        The bound b, in nats; positive. The default 7 lets one layer scale by anything from 1/1097
        to 1097.

    Raises
    ------
    ValueError
        If the bound is not a positive finite number.

    References
    ----------
    Dinh, Sohl-Dickstein and Bengio (2016), Density estimation using Real NVP, arXiv:1605.08803;
    Papamakarios, Pavlakou and Murray (2017), Masked autoregressive flow for density estimation,
    arXiv:1705.07057.

    Examples
    --------
    >>> import tensorflow as tf
    >>> bijector = Affine().bijector(tf.constant([[2.0, 0.0], [0.0, 30.0]]))
    >>> print(bijector.forward(tf.ones([1, 2])).numpy().round(1))
    [[   3.  1093.7]]
    """

    parameter_size = 2

    def __init__(self, log_scale_bound: float = 7.0):
        if not 0.0 < log_scale_bound < math.inf:
            raise ValueError(
                f"log_scale_bound={log_scale_bound!r}: expected a positive finite number (in nats)."
            )
        self.log_scale_bound = float(log_scale_bound)

    def bijector(self, raw) -> affine.Affine:
        """Build the affine map whose shift and log-scale the raw parameters describe.

        Parameters
        ----------
        raw : tf.Tensor
            Shifts and raw log-scales ``[..., D, 2]``, in this order.

        Returns
        -------
        tfflows.bijectors.Affine
            The bijector, latent to data, on ``[..., D]``.

        Raises
        ------
        ValueError
            If the last axis of `raw` is not 2.
        """
        raw = as_raw(raw, self.parameter_size, "Affine")
        bound = self.log_scale_bound
        return affine.Affine(shift=raw[..., 0], log_scale=bound * tf.tanh(raw[..., 1] / bound))

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {"log_scale_bound": self.log_scale_bound}
