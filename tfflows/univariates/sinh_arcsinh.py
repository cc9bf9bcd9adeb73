"""Skewness and tail weight by the sinh-arcsinh map."""

import keras
import tensorflow as tf

from tfflows.bijectors import sinh_arcsinh
from tfflows.bijectors.checks import check_positive
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

__all__ = ["SinhArcsinh"]


@keras.saving.register_keras_serializable(package="tfflows")
class SinhArcsinh(Univariate):
    r"""The sinh-arcsinh map of Jones and Pewsey: skewness and tail weight, with location and scale.

    .. math:: x = \mu + \sigma \sinh\frac{\operatorname{arcsinh} z + \epsilon}{\delta}

    from latent z to data x. Four parameters per dimension, in this order: the skewness
    :math:`\epsilon`, the logarithm of the tail weight :math:`\delta` (below 1: heavier tails than
    those of the latents), the location :math:`\mu` and :math:`\log\sigma`; or the first two. All
    but the location have soft bounds, :math:`b \tanh(r / b)` of the raw number r. Both directions
    are in closed form. Raw zeros are the identity.

    Parameters
    ----------
    location_scale : bool
        Whether location and scale are parameters, too.
    skewness_bound : float
        The bound of the skewness; positive, at most 4.
    log_tail_bound : float
        The bound of the log tail weight, in nats; positive, at most 1.5: further out, float32
        cannot hold the data of a heavy tail.
    log_scale_bound : float
        The bound of the log scale, in nats; positive.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Jones and Pewsey (2009), Sinh-arcsinh distributions, Biometrika 96, 761.

    Examples
    --------
    >>> import tensorflow as tf
    >>> heavy = SinhArcsinh().bijector(tf.constant([[0.0, -0.7, 0.0, 0.0]]))
    >>> print(heavy.forward(tf.constant([[0.0], [1.0], [3.0]])).numpy().round(2).ravel())
    [ 0.    2.63 16.45]
    """

    def __init__(
        self,
        location_scale: bool = True,
        skewness_bound: float = 4.0,
        log_tail_bound: float = 1.5,
        log_scale_bound: float = 7.0,
    ):
        check_positive(
            skewness_bound=skewness_bound,
            log_tail_bound=log_tail_bound,
            log_scale_bound=log_scale_bound,
        )
        for name, value, most in (
            ("skewness_bound", skewness_bound, 4.0),
            ("log_tail_bound", log_tail_bound, 1.5),
        ):
            if value > most:
                raise ValueError(f"{name}={value!r}: expected at most {most}.")
        self.location_scale = bool(location_scale)
        self.skewness_bound = float(skewness_bound)
        self.log_tail_bound = float(log_tail_bound)
        self.log_scale_bound = float(log_scale_bound)
        self.parameter_size = 4 if self.location_scale else 2

    def bijector(self, raw) -> sinh_arcsinh.SinhArcsinh:
        """Build the map that raw parameters describe.

        Parameters
        ----------
        raw : tf.Tensor
            Unconstrained numbers ``[..., D, P]``.

        Returns
        -------
        tfflows.bijectors.SinhArcsinh
            The bijector, latent to data, on ``[..., D]``.

        Raises
        ------
        ValueError
            If the last axis of `raw` is not ``P``.
        """
        raw = as_raw(raw, self.parameter_size, "SinhArcsinh")
        squashed = {
            "skewness": _soft(raw[..., 0], self.skewness_bound),
            "log_tail": _soft(raw[..., 1], self.log_tail_bound),
        }
        if self.location_scale:
            squashed["location"] = raw[..., 2]
            squashed["log_scale"] = _soft(raw[..., 3], self.log_scale_bound)
        return sinh_arcsinh.SinhArcsinh(**squashed)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            "location_scale": self.location_scale,
            "skewness_bound": self.skewness_bound,
            "log_tail_bound": self.log_tail_bound,
            "log_scale_bound": self.log_scale_bound,
        }


def _soft(raw, bound):
    return bound * tf.tanh(raw / bound)
