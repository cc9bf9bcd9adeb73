"""Monotone networks of sigmoids, a family of neural autoregressive flows."""

import keras

from tfflows.bijectors import deep_dense_sigmoidal
from tfflows.bijectors.checks import check_above_zero
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

__all__ = ["DeepDenseSigmoidal"]


@keras.saving.register_keras_serializable(package="tfflows")
class DeepDenseSigmoidal(Univariate):
    r"""A monotone network of sigmoids, its units mixed between the layers.

    For each layer the parameters of a dimension are the offsets and log-rates of the units, the
    logits that mix units into outputs and, from the second layer on, the logits that mix inputs:
    ``2 K + K (outputs) + K K`` numbers in all for K units. Data to latent is direct; latent to data
    is a root search. `tfflows.bijectors.DeepDenseSigmoidal` has the formulas and says how the raw
    numbers are squashed. Raw zeros are a network of different units near the identity.

    Parameters
    ----------
    units : int
        Number of units of each layer, K; at least 2.
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
    >>> family = DeepDenseSigmoidal(units=4, layers=2)
    >>> family.parameter_size
    52
    >>> family.bijector(tf.zeros([2, 52])).inverse(tf.constant([[0.5, -50.0]])).shape
    TensorShape([1, 2])
    """

    def __init__(
        self,
        units: int = 4,
        layers: int = 2,
        log_scale_bound: float = 5.0,
        min_slope: float = 1e-3,
    ):
        family = deep_dense_sigmoidal.DeepDenseSigmoidal
        family.check_options(units, layers, log_scale_bound, min_slope)
        check_above_zero(min_slope=min_slope)
        self.units = int(units)
        self.layers = int(layers)
        self.log_scale_bound = float(log_scale_bound)
        self.min_slope = float(min_slope)
        self.parameter_size = family.size(self.units, self.layers)

    def bijector(self, raw) -> deep_dense_sigmoidal.DeepDenseSigmoidal:
        """Build the map that raw parameters describe.

        Parameters
        ----------
        raw : tf.Tensor
            Unconstrained numbers ``[..., D, parameter_size]``.

        Returns
        -------
        tfflows.bijectors.DeepDenseSigmoidal
            The bijector, latent to data, on ``[..., D]``.

        Raises
        ------
        ValueError
            If the last axis of `raw` is not `parameter_size`.
        """
        return deep_dense_sigmoidal.DeepDenseSigmoidal(
            as_raw(raw, self.parameter_size, "DeepDenseSigmoidal"),
            units=self.units,
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
