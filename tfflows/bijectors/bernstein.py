"""An increasing polynomial in Bernstein's basis inside a box, straight lines outside it."""

import math

import tensorflow as tf

from tfflows.bijectors.checks import check_bound, check_slope
from tfflows.bijectors.knots import parameters_first
from tfflows.bijectors.parameters import RawBijector
from tfflows.bijectors.root_search import solve_increasing
from tfflows.bijectors.spline import soft_slope

__all__ = ["Bernstein"]

_LARGEST_DEGREE = 64


class Bernstein(RawBijector):
    r"""An increasing Bernstein polynomial on ``[-bound, bound]``, linear outside it.

    Data to latent is, with :math:`t = (x + bound) / (2\, bound)` and the Bernstein basis
    :math:`B_{k,n}(t) = \binom{n}{k} t^k (1 - t)^{n-k}`,

    .. math::
        z = \sum_{k=0}^n \alpha_k B_{k,n}(t), \qquad
        \frac{dz}{dx} = \sum_{k=0}^{n-1} v_k B_{k,n-1}(t), \qquad
        \alpha_{k+1} - \alpha_k = \frac{2\, bound}{n} v_k ,

    so that positive numbers v make it increasing. Its slopes at the ends of the box are
    :math:`v_0` and :math:`v_{n-1}`, and the straight lines outside continue with them. Latent to
    data is a safeguarded root search whose gradients are exact.

    The raw numbers are

    - unbounded: a shift s and n numbers with
      ``v = min_slope + (1 - min_slope) softplus(raw) / log 2``. The image of the box is centered,
      :math:`\alpha_0 + \alpha_n = 2 s`;
    - bounded: n - 2 logits of :math:`v_1 \dots v_{n-2}`, with
      ``v = min_slope + (1 - min_slope) (n - 2) softmax(raw)``. The slopes at the ends are 1 and the
      box is mapped onto itself; the map is the identity outside.

    Raw zeros are the identity.

    Parameters
    ----------
    raw : tf.Tensor
        Unconstrained numbers ``[..., n + 1]`` or, bounded, ``[..., n - 2]``, of known rank; the
        leading axes broadcast against the values.
    bound : float
        Half the width of the box, in units of the data; positive.
    bounded : bool
        Whether the box is mapped onto itself.
    min_slope : float
        The smallest number v; in ``[0, 1)``. No slope is smaller.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If `raw` does not make a polynomial of degree 1 (bounded: 4) to 64, or an option is out of
        its range.

    References
    ----------
    Ramasinghe, Fernando, Khan and Barnes (2021), Robust normalizing flows using Bernstein-type
    polynomials, arXiv:2102.03509.

    Examples
    --------
    >>> import tensorflow as tf
    >>> polynomial = Bernstein(tf.zeros([3, 17]), bound=3.0)
    >>> print(polynomial.inverse(tf.constant([[-100.0, 0.5, 2.0]])).numpy().round(3))
    [[-100.     0.5    2. ]]
    """

    increasing = True

    def __init__(
        self,
        raw,
        *,
        bound: float = 5.0,
        bounded: bool = False,
        min_slope: float = 1e-3,
        name: str | None = None,
    ):
        super().__init__(raw, name=name or "bernstein")
        size = self._raw.shape[-1]
        if size is None:
            raise ValueError(f"expected raw parameters [..., P]; got shape {self._raw.shape}.")
        self._degree = size + 2 if bounded else size - 1
        self.check_options(self._degree, bound, bounded, min_slope)
        self._bound = float(bound)
        self._bounded = bool(bounded)
        self._min_slope = float(min_slope)

    @staticmethod
    def check_options(degree: int, bound: float, bounded: bool, min_slope: float) -> None:
        """Raise a ValueError, naming what is wrong, unless the options describe a polynomial."""
        least = 4 if bounded else 1
        whole = not isinstance(degree, bool) and int(degree) == degree
        if not (whole and least <= degree <= _LARGEST_DEGREE):
            kind = "a bounded" if bounded else "an unbounded"
            raise ValueError(
                f"degree={degree!r}: expected a whole number from {least} to {_LARGEST_DEGREE} for "
                f"{kind} polynomial."
            )
        check_bound(bound)
        check_slope(min_slope)

    @property
    def bound(self) -> float:
        """Half the width of the box."""
        return self._bound

    @property
    def degree(self) -> int:
        """Degree of the polynomial, n."""
        return self._degree

    def _coefficients(self, rank):
        """Return alpha less that of the identity, ``[n + 1, ...]``, and v, ``[n, ...]``."""
        raw = parameters_first(self._raw, rank)
        degree, low = self._degree, self._min_slope
        if self._bounded:
            inner = low + (1.0 - low) * (degree - 2) * tf.nn.softmax(raw, axis=0)
            one = tf.ones_like(inner[:1])
            slopes = tf.concat([one, inner, one], 0)
            excess = [tf.zeros_like(inner[0])]
        else:
            slopes = soft_slope(raw[1:], low)
            excess = [raw[0] - self._bound / degree * tf.reduce_sum(slopes - 1.0, 0)]
        for k in range(degree):
            excess.append(excess[-1] + 2.0 * self._bound / degree * (slopes[k] - 1.0))
        return tf.stack(excess), slopes

    def _evaluate(self, x, excess, slopes):
        """Return z and log dz/dx anywhere on the line."""
        boxed = tf.clip_by_value(x, -self._bound, self._bound)
        rising = (boxed + self._bound) / (2.0 * self._bound)
        falling = (self._bound - boxed) / (2.0 * self._bound)
        basis = _basis(rising, falling, self._degree - 1)
        # The last of de Casteljau's steps, by which the basis of degree n - 1 serves for both.
        between = excess[:-1] * falling + excess[1:] * rising
        slope = tf.reduce_sum(basis * slopes, 0)
        value = boxed + tf.reduce_sum(basis * between, 0) + (x - boxed) * slope
        return value, tf.math.log(slope)

    def _inverse_and_ildj(self, y):
        excess, slopes = self._coefficients(y.shape.rank)
        return self._evaluate(y + tf.zeros_like(excess[0]), excess, slopes)

    def _forward_and_fldj(self, x):
        excess, slopes = self._coefficients(x.shape.rank)
        low, high = excess[0] - self._bound, excess[-1] + self._bound
        latent = x + tf.zeros_like(low)
        within = tf.clip_by_value(latent, low, high)
        guess = self._bound * (2.0 * (within - low) / (high - low) - 1.0)
        guess += (latent - within) / tf.where(latent < low, slopes[0], slopes[-1])
        guess = tf.ensure_shape(guess, latent.shape)
        y, log_slope = solve_increasing(self._evaluate, latent, [excess, slopes], guess=guess)
        return y, -log_slope


def _basis(rising, falling, degree):
    """Return the Bernstein basis ``[degree + 1, ...]``."""
    powers = [[tf.ones_like(rising)] for _ in range(2)]
    for values, base in zip(powers, (rising, falling), strict=True):
        for _ in range(degree):
            values.append(values[-1] * base)
    return tf.stack(
        [
            float(math.comb(degree, k)) * powers[0][k] * powers[1][degree - k]
            for k in range(degree + 1)
        ]
    )
