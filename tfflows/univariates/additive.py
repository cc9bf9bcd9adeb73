"""The shift: the family of volume-preserving flows."""

import keras

from tfflows.bijectors.affine import Affine
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

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

    parameter_size = 1

    def bijector(self, raw) -> Affine:
        """Build the shift by ``raw[..., 0]``.

        Parameters
        ----------
        raw : tf.Tensor
            Shifts ``[..., D, 1]``, in units of the data.

        Returns
        -------
        tfflows.bijectors.Affine
            The bijector, latent to data, on ``[..., D]``.

        Raises
        ------
        ValueError
            If the last axis of `raw` is not 1.
        """
        raw = as_raw(raw, self.parameter_size, "Additive")
        return Affine(shift=raw[..., 0], name="additive")
