"""Möbius transformations of a circle, and averages of them."""

import math

import tensorflow as tf

from tfflows.bijectors.checks import check_bound
from tfflows.bijectors.circle import split_turns
from tfflows.bijectors.knots import parameters_first
from tfflows.bijectors.parameters import ScalarBijector, as_parameters
from tfflows.bijectors.root_search import solve_increasing

__all__ = ["Moebius"]


class Moebius(ScalarBijector):
    r"""An average of Möbius transformations of the circle ``[-bound, bound)``.

    With the point x of the circle as the complex number
    :math:`u = e^{i \pi x / bound}` and a center :math:`\omega` in the open unit disk, the
    transformation, data to latent, is

    .. math::
        f_\omega(u) = -\frac{h_\omega(u)}{h_\omega(-1)}, \qquad
        h_\omega(u) = \frac{1 - |\omega|^2}{|u - \omega|^2} (u - \omega) - \omega, \qquad
        \left|\frac{df}{du}\right| = \frac{1 - |\omega|^2}{|u - \omega|^2} ,

    turned such that -1, the point at both ends of the interval, stays in place. It is the straight
    line :math:`t \mapsto a t + c` of the tangent of half the angle, with
    :math:`a = |1 + \omega|^2 / (1 - |\omega|^2)` and
    :math:`c = -2\, \mathrm{Im}\,\omega / (1 - |\omega|^2)`, and the other direction is as simple.

    Several centers make the weighted average of the angles. It bends in more places than one; its
    latent to data map is a safeguarded root search whose gradients are exact.

    Both directions repeat themselves, :math:`z(x + 2\,bound) = z(x) + 2\,bound`: a value outside
    the interval is a point that has gone around the circle.

    Parameters
    ----------
    centers : tf.Tensor
        Real and imaginary parts of the K centers, ``[..., K, 2]``, of known rank; the leading axes
        broadcast against the values.
    log_weights : tf.Tensor, optional
        Logarithms of the weights, ``[..., K]``, up to a common number; by default equal weights.
    bound : float
        Half the circumference, in units of the data; positive.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If the centers or weights are not of these shapes and of one floating-point type, or the
        bound is out of its range.

    References
    ----------
    Rezende et al. (2020), Normalizing flows on tori and spheres, arXiv:2002.02428.

    Examples
    --------
    >>> import tensorflow as tf
    >>> moebius = Moebius(tf.constant([[[0.5, 0.0]]]), bound=180.0)
    >>> print(moebius.inverse(tf.constant([-180.0, -90.0, 0.0, 90.0])).numpy().round(1) + 0.0)
    [-180.  -143.1    0.   143.1]
    """

    def __init__(self, centers, log_weights=None, *, bound: float, name: str | None = None):
        check_bound(bound)
        centers, log_weights = as_parameters(centers=centers, log_weights=log_weights)
        rank = centers.shape.rank
        if not rank or rank < 2 or centers.shape[-1] != 2 or not centers.shape[-2]:
            raise ValueError(
                "expected centers [..., K, 2], real and imaginary parts; got shape "
                f"{centers.shape}."
            )
        if log_weights is None:
            log_weights = tf.zeros(centers.shape[-2:-1], centers.dtype)
        if log_weights.shape[-1:] != centers.shape[-2:-1]:
            raise ValueError(
                f"expected a weight for each of the {centers.shape[-2]} centers; got log_weights "
                f"of shape {log_weights.shape}."
            )
        self._centers, self._log_weights = centers, log_weights
        self._bound = float(bound)
        super().__init__(centers[..., 0], log_weights, trailing=1, name=name or "moebius")

    @property
    def bound(self) -> float:
        """Half the circumference."""
        return self._bound

    def _tangents(self, rank):
        """Return slope and offset of the tangents, and the weights, each ``[K, ...]``."""
        real, imaginary = (
            parameters_first(part, rank) for part in tf.unstack(self._centers, axis=-1)
        )
        rest = 1.0 - real * real - imaginary * imaginary
        slope = ((1.0 + real) ** 2 + imaginary * imaginary) / rest
        weights = tf.nn.softmax(parameters_first(self._log_weights, rank), axis=0)
        return slope, -2.0 * imaginary / rest, weights

    def _average(self, x, slope, offset, weights):
        """Return the averaged image of data and log dz/dx."""
        within, turns = split_turns(x, self._bound)
        half = (0.5 * math.pi / self._bound) * within
        sine, cosine = tf.sin(half), tf.cos(half)
        # Along the tangent's line, on the way from cosine to sine.
        across = slope * sine + offset * cosine
        angle = tf.reduce_sum(weights * tf.atan2(across, cosine), 0)
        slopes = weights * slope / (cosine * cosine + across * across)
        return (
            turns + angle * (2.0 / math.pi * self._bound),
            tf.math.log(tf.reduce_sum(slopes, 0)),
        )

    def _inverse_and_ildj(self, y):
        return self._average(y, *self._tangents(y.shape.rank))

    def _forward_and_fldj(self, x):
        parameters = self._tangents(x.shape.rank)
        if self._centers.shape[-2] > 1:
            slope = parameters[0][0] * parameters[2][0]
            y, log_slope = solve_increasing(self._average, x + tf.zeros_like(slope), parameters)
            return y, -log_slope
        slope, offset, _ = (parameter[0] for parameter in parameters)
        within, turns = split_turns(x, self._bound)
        half = (0.5 * math.pi / self._bound) * within
        sine, cosine = tf.sin(half), tf.cos(half)
        across, along = sine - offset * cosine, slope * cosine
        angle = tf.atan2(across, along)
        log_det = tf.math.log(slope) - tf.math.log(along * along + across * across)
        return turns + angle * (2.0 / math.pi * self._bound), log_det
