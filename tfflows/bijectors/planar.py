"""A map that moves all points along one direction, by how far they are along another."""

import math

import tensorflow as tf

from tfflows.bijectors.base import Bijector
from tfflows.bijectors.bent import above_minus_one, bend, solve_bent
from tfflows.bijectors.event import flatten_event, restore_event
from tfflows.bijectors.parameters import as_parameters, batch_of

__all__ = ["Planar"]


class Planar(Bijector):
    r"""A planar map, direct from data to latent.

    .. math:: z = x + \hat u \tanh(a), \quad a = w^\top x + b, \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| =
        \log\left(1 + \kappa\,(1 - \tanh^2 a)\right)

    It is one-to-one if and only if :math:`\kappa = w^\top \hat u > -1`. Any u is made to keep this,
    in the direction of w and only where it points against it:

    .. math:: \hat u = u + \frac{\kappa - w^\top u}{|w|^2}\, w, \qquad
        \kappa = \begin{cases} w^\top u & w^\top u \ge 0 \\
        (1 - \delta)(e^{w^\top u / (1 - \delta)} - 1) & w^\top u < 0 \end{cases}, \qquad
        \delta = 10^{-3}

    Latent to data is a search for the root of :math:`a + \kappa \tanh a = w^\top z + b` alone, an
    increasing function of one number, with exact gradients.

    Parameters
    ----------
    w, u : tf.Tensor
        Any numbers, ``[..., D]``.
    b : tf.Tensor
        ``[...]``.
    event_shape : tuple of int
        Shape of an event of D coordinates.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If `w`, `u` and `b` are not floating-point numbers of one type.

    References
    ----------
    Rezende and Mohamed (2015), "Variational Inference with Normalizing Flows", arXiv:1505.05770;
    there the map goes from latent to data, which is ``tfb.Invert`` of this one.

    Examples
    --------
    >>> import tensorflow as tf
    >>> planar = Planar(tf.constant([50.0, 0.0]), tf.constant([0.0, 2.0]), tf.constant(0.0), (2,))
    >>> print(planar.inverse([[1.0, 1.0], [-1.0, 1.0]]).numpy())
    [[ 1.  3.]
     [-1. -1.]]
    """

    def __init__(self, w, u, b, event_shape: tuple, name: str = "planar"):
        self._w, u, self._b = as_parameters(w=w, u=u, b=b)
        self._event_shape = tuple(event_shape)
        raw = tf.reduce_sum(self._w * u, -1)
        self._strength = above_minus_one(raw)
        square = tf.reduce_sum(self._w * self._w, -1)
        # What is added vanishes with w.
        more = (self._strength - raw) / tf.maximum(square, 1e-36)
        self._u = u + more[..., tf.newaxis] * self._w
        super().__init__(
            len(self._event_shape),
            batch_shape=batch_of(raw, self._b),
            dtype=raw.dtype,
            name=name,
        )

    @property
    def increasing(self) -> bool | None:
        """True of a single coordinate."""
        return True if math.prod(self._event_shape) == 1 else None

    def _along(self, flat):
        return tf.reduce_sum(self._w * flat, -1) + self._b

    def _inverse_and_ildj(self, y):
        flat = flatten_event(y, self._event_shape)
        a = self._along(flat)
        z = flat + self._u * tf.tanh(a)[..., tf.newaxis]
        return restore_event(z, self._event_shape), bend(a, self._strength)[1]

    def _forward_and_fldj(self, x):
        flat = flatten_event(x, self._event_shape)
        a, log_slope = solve_bent(self._along(flat), self._strength)
        y = flat - self._u * tf.tanh(a)[..., tf.newaxis]
        return restore_event(y, self._event_shape), -log_slope
