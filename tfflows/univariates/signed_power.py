"""Powers of the magnitude."""

from functools import partial

import keras

from tfflows.bijectors import signed_power
from tfflows.bijectors.checks import check_at_most, check_positive
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option
from tfflows.univariates.raw import softly_bounded

__all__ = ["SignedPower"]


@keras.saving.register_keras_serializable(package="tfflows")
class SignedPower(Univariate):
    r"""The signed power ``x = sign(z) |z|^p`` from latent z to data x.

    One parameter per dimension: the logarithm of the power p, with the soft bound
    :math:`b \tanh(r / b)` of the raw number r. A power above 1 makes tails heavier. Both directions
    are in closed form. Raw zeros are the identity. At exactly zero, the slope of any other power is
    0 or infinite: keep data with values of zero away from it.

    Parameters
    ----------
    log_power_bound : float
        The bound b, in nats; positive, at most 2: further out, float32 cannot hold the powers of
        large numbers.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Rozet et al. (2022), Zuko: Normalizing flows in PyTorch, doi:10.5281/zenodo.7625672.

    Examples
    --------
    >>> import tensorflow as tf
    >>> power = SignedPower().bijector(tf.constant([[0.5]]))
    >>> print(power.forward(tf.constant([[-2.0], [0.0], [2.0]])).numpy().round(2).ravel())
    [-3.1  0.   3.1]
    """

    bijector_class = signed_power.SignedPower
    parameter_size = 1
    log_power_bound: float = option(2.0, check_positive, partial(check_at_most, 2.0))

    def _arguments(self, raw):
        return {"log_power": softly_bounded(raw[..., 0], self.log_power_bound)}
