"""The shift: the family of volume-preserving flows."""

import keras

from tfflows.bijectors import affine
from tfflows.univariates.base import Univariate

__all__ = ["Additive"]


@keras.saving.register_keras_serializable(package="tfflows")
class Additive(Univariate):
    r"""Shift by the raw number: ``x = z + raw`` from latent z to data x.

    One parameter per dimension. The log-determinant is exactly zero, so a flow made of it keeps
    volumes and needs a scaling layer to change the spread of the data. Raw zeros are the identity.

    References
    ----------
    Dinh, Krueger and Bengio (2014), NICE: Non-linear independent components estimation,
    arXiv:1410.8516.

    Examples
    --------
    >>> import tensorflow as tf
    >>> shift = Additive().bijector(tf.constant([[0.5], [0.25]]))
    >>> print(shift.forward(tf.zeros([1, 2])).numpy())
    [[0.5  0.25]]
    """

    bijector_class = affine.Affine
    parameter_size = 1

    def _arguments(self, raw):
        return {"shift": raw[..., 0], "name": "additive"}
