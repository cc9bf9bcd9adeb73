"""Gaussianization by mixtures, the family of Gaussianization flows."""

import keras

from tfflows.bijectors import gaussianization
from tfflows.bijectors.checks import check_above_zero
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

__all__ = ["Gaussianization"]


@keras.saving.register_keras_serializable(package="tfflows")
class Gaussianization(Univariate):
    r"""Distribution functions of mixtures, followed by the normal quantile function.

    ``3 components`` parameters per dimension: logits of the weights, positions and log-rates. Data
    to latent is direct; latent to data is a root search. `tfflows.bijectors.Gaussianization` has
    the formulas and says how the raw numbers are squashed. Raw zeros are the equal mixture of
    different components with mean 0 and variance 1, a map near the identity.

    Parameters
    ----------
    components : int
        Number of components, K; at least 2.
    kernel : str
        ``"logistic"`` or ``"normal"``, the distribution of a component. Logistic tails are mapped
        to square roots, normal tails to straight lines.
    log_scale_bound : float
        How far, in nats, a raw number can move a component's log-rate; positive. The default 5 lets
        a component be 148 times as narrow or as wide as at the start.
    min_slope : float
        Smallest slope, in ``(0, 1)``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Meng, Song, Song and Ermon (2020), "Gaussianization Flows", arXiv:2003.01941.

    Examples
    --------
    >>> import tensorflow as tf
    >>> family = Gaussianization(components=4)
    >>> family.parameter_size
    12
    >>> family.bijector(tf.zeros([2, 12])).inverse(tf.constant([[0.5, -50.0]])).shape
    TensorShape([1, 2])
    """

    def __init__(
        self,
        components: int = 8,
        kernel: str = "logistic",
        log_scale_bound: float = 5.0,
        min_slope: float = 1e-3,
    ):
        gaussianization.Gaussianization.check_options(
            components, kernel, log_scale_bound, min_slope
        )
        check_above_zero(min_slope=min_slope)
        self.components = int(components)
        self.kernel = kernel
        self.log_scale_bound = float(log_scale_bound)
        self.min_slope = float(min_slope)
        self.parameter_size = 3 * self.components

    def bijector(self, raw) -> gaussianization.Gaussianization:
        """Build the map that raw parameters describe.

        Parameters
        ----------
        raw : tf.Tensor
            Unconstrained numbers ``[..., D, 3 components]``.

        Returns
        -------
        tfflows.bijectors.Gaussianization
            The bijector, latent to data, on ``[..., D]``.

        Raises
        ------
        ValueError
            If the last axis of `raw` is not ``3 components``.
        """
        return gaussianization.Gaussianization(
            as_raw(raw, self.parameter_size, "Gaussianization"),
            kernel=self.kernel,
            log_scale_bound=self.log_scale_bound,
            min_slope=self.min_slope,
        )

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            "components": self.components,
            "kernel": self.kernel,
            "log_scale_bound": self.log_scale_bound,
            "min_slope": self.min_slope,
        }
