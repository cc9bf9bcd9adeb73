"""Shift and scale, the scale softly bounded."""

from functools import partial

import keras

from tfflows.bijectors import affine
from tfflows.bijectors.checks import check_positive
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option
from tfflows.univariates.raw import softly_bounded

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

    bijector_class = affine.Affine
    parameter_size = 2
    log_scale_bound: float = option(7.0, partial(check_positive, " (in nats)"))

    def _arguments(self, raw):
        return {
            "shift": raw[..., 0],
            "log_scale": softly_bounded(raw[..., 1], self.log_scale_bound),
        }
