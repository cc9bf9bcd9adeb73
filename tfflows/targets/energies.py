"""The four energies of Rezende and Mohamed."""

import math

import tensorflow as tf

from tfflows.targets.base import Target, registered

__all__ = ["Energy1", "Energy2", "Energy3", "Energy4"]

# Of the bands, whose first coordinate is free, the volume where it is between -4 and 4.
_BAND = 8.0 * math.sqrt(2.0 * math.pi)


@registered
class Energy1(Target):
    r"""Two modes on a ring.

    .. math::
        f(z) = -\tfrac12 \left(\frac{\|z\| - 2}{0.4}\right)^2 + \log\left(
        e^{-\frac12 \left(\frac{z_1 - 2}{0.6}\right)^2}
        + e^{-\frac12 \left(\frac{z_1 + 2}{0.6}\right)^2}\right)

    The constant is not known by a formula.

    References
    ----------
    Rezende and Mohamed (2015), "Variational Inference with Normalizing Flows", arXiv:1505.05770.

    Examples
    --------
    >>> print(Energy1()([[2.0, 0.0], [0.0, 2.0]]).numpy().round(3))
    [ 0.    -4.862]
    """

    def log_prob(self, z):
        """Return the log density up to a constant."""
        z = self._points(z)
        radius = tf.norm(z, axis=-1)
        sides = [-0.5 * tf.square((z[..., 0] + side) / 0.6) for side in (-2.0, 2.0)]
        return -0.5 * tf.square((radius - 2.0) / 0.4) + tf.reduce_logsumexp(sides, 0)


class _Band(Target):
    """A density along a wave, or two, whose first coordinate has no end."""

    # In the strip where the first coordinate is between -4 and 4, the density is normalized by:
    widths: tuple = (0.4,)

    def __init__(self):
        self.log_z = math.log(_BAND * sum(self.widths))
        if len(self.widths) == 1:
            self.entropy = self.log_z + 0.5

    def _centers(self, first):
        return [tf.sin(0.5 * math.pi * first)]

    def log_prob(self, z):
        """Return the log density up to a constant."""
        z = self._points(z)
        first, second = tf.unstack(z, axis=-1)
        centers = zip(self._centers(first), self.widths, strict=True)
        bands = [-0.5 * tf.square((second - center) / width) for center, width in centers]
        return tf.reduce_logsumexp(bands, 0)


@registered
class Energy2(_Band):
    r"""A band along a sine.

    .. math:: f(z) = -\tfrac12 \left(\frac{z_2 - w_1(z_1)}{0.4}\right)^2, \qquad
        w_1(z_1) = \sin \frac{\pi z_1}{2}

    The first coordinate has no end, so that the density is improper; ``log_z`` and ``entropy`` are
    those of its part with :math:`|z_1| < 4`, exact. A flow with
    ``layers.Interval([-4.0, -inf], [4.0, inf])`` first stays there.

    References
    ----------
    Rezende and Mohamed (2015), "Variational Inference with Normalizing Flows", arXiv:1505.05770.

    Examples
    --------
    >>> print(Energy2()([[1.0, 1.0], [0.0, 0.4]]).numpy(), round(Energy2().log_z, 3))
    [ 0.  -0.5] 2.082
    """


@registered
class Energy3(_Band):
    r"""A band along a sine that forks.

    .. math::
        f(z) = \log\left(e^{-\frac12 \left(\frac{z_2 - w_1(z_1)}{0.35}\right)^2}
        + e^{-\frac12 \left(\frac{z_2 - w_1(z_1) + w_2(z_1)}{0.35}\right)^2}\right), \qquad
        w_2(z_1) = 3 e^{-\frac12 \left(\frac{z_1 - 1}{0.6}\right)^2}

    with :math:`w_1` as in `Energy2`, which says what ``log_z`` is that of.

    References
    ----------
    Rezende and Mohamed (2015), "Variational Inference with Normalizing Flows", arXiv:1505.05770.

    Examples
    --------
    >>> print(Energy3()([[1.0, 1.0], [1.0, -2.0]]).numpy().round(3))
    [0. 0.]
    """

    widths = (0.35, 0.35)

    def _centers(self, first):
        wave = tf.sin(0.5 * math.pi * first)
        return [wave, wave - 3.0 * tf.exp(-0.5 * tf.square((first - 1.0) / 0.6))]


@registered
class Energy4(_Band):
    r"""A band along a sine that parts in two.

    .. math::
        f(z) = \log\left(e^{-\frac12 \left(\frac{z_2 - w_1(z_1)}{0.4}\right)^2}
        + e^{-\frac12 \left(\frac{z_2 - w_1(z_1) + w_3(z_1)}{0.35}\right)^2}\right), \qquad
        w_3(z_1) = \frac{3}{1 + e^{-(z_1 - 1) / 0.3}}

    with :math:`w_1` as in `Energy2`, which says what ``log_z`` is that of.

    References
    ----------
    Rezende and Mohamed (2015), "Variational Inference with Normalizing Flows", arXiv:1505.05770.

    Examples
    --------
    >>> print(Energy4()([[1.0, 1.0], [1.0, -0.5]]).numpy().round(3))
    [0.    0.001]
    """

    widths = (0.4, 0.35)

    def _centers(self, first):
        wave = tf.sin(0.5 * math.pi * first)
        return [wave, wave - 3.0 * tf.sigmoid((first - 1.0) / 0.3)]
