"""Stacked mixtures of sigmoids, a family of neural autoregressive flows."""

import keras

from tfflows.bijectors import deep_sigmoidal
from tfflows.bijectors.checks import check_above_zero
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

__all__ = ["DeepSigmoidal"]


@keras.saving.register_keras_serializable(package="tfflows")
class DeepSigmoidal(Univariate):
    r"""Layers of sigmoids that are mixed and taken back to the line by the logit.

    ``3 units layers`` parameters per dimension: for each layer, logits of the weights, offsets and
    log-rates of the sigmoids. Data to latent is direct; latent to data is a root search.
    `tfflows.bijectors.DeepSigmoidal` has the formulas and says how the raw numbers are squashed.
    Raw zeros are equal mixtures of different sigmoids with the variance of the standard one, a map
    near the identity.

    Parameters
    ----------
    units : int
        Number of sigmoids of each layer, K; at least 2.
    layers : int
        Number of layers, L; at least 1.
    log_scale_bound : float
        How far, in nats, a raw number can move a log-rate; positive.
    min_slope : float
        Smallest slope, in ``(0, 1)``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Huang, Krueger, Lacoste and Courville (2018), "Neural Autoregressive Flows", arXiv:1804.00779.

    Examples
    --------
    >>> import tensorflow as tf
    >>> family = DeepSigmoidal(units=4, layers=2)
    >>> family.parameter_size
    24
    >>> family.bijector(tf.zeros([2, 24])).inverse(tf.constant([[0.5, -50.0]])).shape
    TensorShape([1, 2])
    """

    def __init__(
        self,
        units: int = 8,
        layers: int = 1,
        log_scale_bound: float = 5.0,
        min_slope: float = 1e-3,
    ):
        deep_sigmoidal.DeepSigmoidal.check_options(units, layers, log_scale_bound, min_slope)
        check_above_zero(min_slope=min_slope)
        self.units = int(units)
        self.layers = int(layers)
        self.log_scale_bound = float(log_scale_bound)
        self.min_slope = float(min_slope)
        self.parameter_size = 3 * self.units * self.layers

    def bijector(self, raw) -> deep_sigmoidal.DeepSigmoidal:
        """Build the map that raw parameters describe.

        Parameters
        ----------
        raw : tf.Tensor
            Unconstrained numbers ``[..., D, 3 units layers]``.

        Returns
        -------
        tfflows.bijectors.DeepSigmoidal
            The bijector, latent to data, on ``[..., D]``.

        Raises
        ------
        ValueError
            If the last axis of `raw` is not ``3 units layers``.
        """
        return deep_sigmoidal.DeepSigmoidal(
            as_raw(raw, self.parameter_size, "DeepSigmoidal"),
            layers=self.layers,
            log_scale_bound=self.log_scale_bound,
            min_slope=self.min_slope,
        )

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            "units": self.units,
            "layers": self.layers,
            "log_scale_bound": self.log_scale_bound,
            "min_slope": self.min_slope,
        }
