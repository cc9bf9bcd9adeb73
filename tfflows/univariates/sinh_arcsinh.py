"""Skewness and tail weight by the sinh-arcsinh map."""

from functools import cached_property, partial

import keras

from tfflows.bijectors import sinh_arcsinh
from tfflows.bijectors.checks import check_at_most, check_positive
from tfflows.univariates.base import Univariate
from tfflows.univariates.declaration import option
from tfflows.univariates.raw import softly_bounded

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

    bijector_class = sinh_arcsinh.SinhArcsinh
    location_scale: bool = option(True)
    skewness_bound: float = option(4.0, check_positive, partial(check_at_most, 4.0))
    log_tail_bound: float = option(1.5, check_positive, partial(check_at_most, 1.5))
    log_scale_bound: float = option(7.0, check_positive)
    parameter_size = cached_property(lambda self: 4 if self.location_scale else 2)

    def _arguments(self, raw):
        squashed = {
            "skewness": softly_bounded(raw[..., 0], self.skewness_bound),
            "log_tail": softly_bounded(raw[..., 1], self.log_tail_bound),
        }
        if self.location_scale:
            squashed["location"] = raw[..., 2]
            squashed["log_scale"] = softly_bounded(raw[..., 3], self.log_scale_bound)
        return squashed
