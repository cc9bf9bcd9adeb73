"""A map that moves points away from a center or towards it."""

import math

import tensorflow as tf

from tfflows.bijectors.base import Bijector
from tfflows.bijectors.bent import above_minus_one
from tfflows.bijectors.event import flatten_event, restore_event
from tfflows.bijectors.parameters import as_parameters, batch_of

__all__ = ["Radial"]


class Radial(Bijector):
    r"""A radial map, direct from data to latent and back.

    .. math:: z = x + \kappa h\,(x - c), \quad h = \frac{\alpha}{\alpha + |x - c|}, \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| =
        (D - 1) \log(1 + \kappa h) + \log(1 + \kappa h^2)

    It is one-to-one if and only if :math:`\kappa > -1`, which is made of any number r:

    .. math:: \kappa = \begin{cases} r & r \ge 0 \\
        (1 - \delta)(e^{r / (1 - \delta)} - 1) & r < 0 \end{cases}, \qquad \delta = 10^{-3}

    Latent to data has a closed form: along the radius the equation is a quadratic one.

    Parameters
    ----------
    center : tf.Tensor
        c, ``[..., D]``.
    log_radius : tf.Tensor
        :math:`\log \alpha`, the logarithm of the radius at which half of the effect is left,
        ``[...]``.
    strength : tf.Tensor
        r, ``[...]``: at the center, lengths become :math:`1 + \kappa` times as long.
    event_shape : tuple of int
        Shape of an event of D coordinates.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If the parameters are not floating-point numbers of one type.

    References
    ----------
    Rezende and Mohamed (2015), "Variational Inference with Normalizing Flows", arXiv:1505.05770,
    with :math:`\beta = \kappa \alpha`; there the map goes from latent to data, which is
    ``tfb.Invert`` of this one.

    Examples
    --------
    >>> import tensorflow as tf
    >>> radial = Radial(tf.zeros([2]), tf.constant(0.0), tf.constant(3.0), (2,))
    >>> print(radial.inverse([[0.0, 1.0]]).numpy(), radial.forward([[0.0, 2.5]]).numpy())
    [[0.  2.5]] [[0. 1.]]
    """

    def __init__(self, center, log_radius, strength, event_shape: tuple, name: str = "radial"):
        self._center, log_radius, raw = as_parameters(
            center=center, log_radius=log_radius, strength=strength
        )
        self._event_shape = tuple(event_shape)
        self._radius = tf.exp(log_radius)
        self._strength = above_minus_one(raw)
        super().__init__(
            len(self._event_shape),
            batch_shape=batch_of(self._radius, raw),
            dtype=raw.dtype,
            name=name,
        )

    @property
    def increasing(self) -> bool | None:
        """True of a single coordinate."""
        return True if math.prod(self._event_shape) == 1 else None

    def _from_center(self, points):
        """Return the vectors from the center, and their lengths in units of the radius."""
        apart = flatten_event(points, self._event_shape) - self._center
        # Added so that the length has a gradient at the center.
        length = tf.sqrt(tf.reduce_sum(apart * apart, -1) + 1e-36)
        return apart, length / self._radius

    def _stretch(self, length):
        """Return the factor of vectors of a length, and the log-determinant, data to latent."""
        h = 1.0 / (1.0 + length)
        stretch = tf.math.log1p(self._strength * h)
        others = math.prod(self._event_shape) - 1
        return tf.exp(stretch), others * stretch + tf.math.log1p(self._strength * h * h)

    def _restore(self, apart, factor):
        flat = self._center + factor[..., tf.newaxis] * apart
        return restore_event(flat, self._event_shape)

    def _inverse_and_ildj(self, y):
        apart, length = self._from_center(y)
        stretch, log_det = self._stretch(length)
        return self._restore(apart, stretch), log_det

    def _forward_and_fldj(self, x):
        apart, target = self._from_center(x)
        # The length s of the data solves s (1 + kappa / (1 + s)) = target.
        linear = 1.0 + self._strength - target
        root = tf.abs(linear) + tf.sqrt(linear * linear + 4.0 * target)
        length = tf.where(linear > 0.0, 2.0 * target / root, 0.5 * root)
        stretch, log_det = self._stretch(length)
        return self._restore(apart, 1.0 / stretch), -log_det
