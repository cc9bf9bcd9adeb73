"""Powers of the magnitude."""

import keras
import tensorflow as tf

from tfflows.bijectors import signed_power
from tfflows.bijectors.checks import check_positive
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

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

    parameter_size = 1

    def __init__(self, log_power_bound: float = 2.0):
        check_positive(log_power_bound=log_power_bound)
        if log_power_bound > 2.0:
            raise ValueError(f"log_power_bound={log_power_bound!r}: expected at most 2.0.")
        self.log_power_bound = float(log_power_bound)

    def bijector(self, raw) -> signed_power.SignedPower:
        """Build the power that raw parameters describe.

        Parameters
        ----------
        raw : tf.Tensor
            Unconstrained numbers ``[..., D, 1]``.

        Returns
        -------
        tfflows.bijectors.SignedPower
            The bijector, latent to data, on ``[..., D]``.

        Raises
        ------
        ValueError
            If the last axis of `raw` is not ``1``.
        """
        raw = as_raw(raw, self.parameter_size, "SignedPower")
        bound = self.log_power_bound
        return signed_power.SignedPower(bound * tf.tanh(raw[..., 0] / bound))

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {"log_power_bound": self.log_power_bound}
