"""The integral of a sum of squared polynomials."""

import numpy as np
import tensorflow as tf

from tfflows.bijectors.checks import check_count, check_fraction, check_positive
from tfflows.bijectors.knots import parameters_first
from tfflows.bijectors.mixture import column
from tfflows.bijectors.numerical_inverse import NumericalInverse, linear_tails, spread_over

__all__ = ["SumOfSquares"]


class SumOfSquares(NumericalInverse):
    r"""The integral of a sum of squared polynomials, straight outside a box.

    Data to latent is, for :math:`|x| \le B`,

    .. math::
        z = c + (1 - \mu) \int_0^x \sum_k p_k(t / B)^2 \,dt + \mu x, \qquad
        p_k(u) = \sum_{j=0}^R a_{kj} T_j(u),

    with the Chebyshev polynomials :math:`T_j`, in which all coefficients have the same size. The
    integral is evaluated by Gauss-Legendre quadrature with R + 1 nodes, which is exact for these
    polynomials and a sum of positive terms alone. Outside ``[-B, B]`` the map continues linearly,
    with the slope at the end of the box. Latent to data is a root search.

    The raw numbers are the K (R + 1) coefficients, polynomial after polynomial, and the shift c.
    A coefficient is :math:`a_{kj} = b \tanh(raw / b)` with b = `coefficient_bound`, plus the fixed
    numbers :math:`a_{k0} = 1 / \sqrt{K}` and :math:`a_{k1} = 0.3 s_k / \sqrt K` with :math:`s`
    evenly spaced from -1 to 1, which make the polynomials different. Raw zeros are
    :math:`z = x + 0.03\, (1 - \mu)\, \overline{s^2}\, x^3 / B^2`, a map near the identity.

    Parameters
    ----------
    raw : tf.Tensor
        Unconstrained numbers ``[..., K (R + 1) + 1]``, of known rank; the leading axes broadcast
        against the values.
    polynomials : int
        Number of polynomials, K; at least 1. Two can already give every positive polynomial.
    bound : float
        Half the width of the box, B, in units of the data; positive.
    coefficient_bound : float
        Bound b on what the raw numbers add to a coefficient; positive.
    min_slope : float
        Smallest slope :math:`\mu`, in ``[0, 1)``.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If the last axis of `raw` is not ``K (R + 1) + 1`` for any degree R of at least 1, or an
        option is out of its range.

    References
    ----------
    Jaini, Selby and Yu (2019), "Sum-of-Squares Polynomial Flow", arXiv:1905.02325.

    Examples
    --------
    >>> import tensorflow as tf
    >>> b = SumOfSquares(tf.zeros([13]), polynomials=3, bound=5.0)
    >>> print(b.inverse(tf.constant([-1.0, 0.0, 5.0])).numpy().round(3))
    [-1.001  0.     5.1  ]
    """

    def __init__(
        self,
        raw,
        *,
        polynomials: int,
        bound: float = 5.0,
        coefficient_bound: float = 10.0,
        min_slope: float = 1e-3,
        name: str | None = None,
    ):
        super().__init__(raw, name=name or "sum_of_squares")
        self.check_options(polynomials, 1, bound, coefficient_bound, min_slope)
        size = self._raw.shape[-1]
        if size is None or (size - 1) % polynomials or size - 1 < 2 * polynomials:
            raise ValueError(
                f"expected raw parameters [..., {polynomials} (degree + 1) + 1] for "
                f"polynomials={polynomials} and a degree of at least 1; got shape "
                f"{self._raw.shape}."
            )
        self._polynomials = int(polynomials)
        self._degree = (size - 1) // self._polynomials - 1
        self._bound = float(bound)
        self._coefficient_bound = float(coefficient_bound)
        self._min_slope = float(min_slope)

    @staticmethod
    def check_options(
        polynomials: int, degree: int, bound: float, coefficient_bound: float, min_slope: float
    ) -> None:
        """Raise a ValueError, naming what is wrong, unless the options describe a map."""
        check_count(1, polynomials=polynomials, degree=degree)
        check_positive(bound=bound, coefficient_bound=coefficient_bound)
        check_fraction(min_slope=min_slope)

    def _coefficients(self, raw):
        """Return the coefficients ``[R + 1, K, ...]`` of raw ``[K (R + 1), ...]``."""
        count, size = self._polynomials, self._degree + 1
        raw = tf.reshape(raw, tf.concat([[count, size], tf.shape(raw)[1:]], 0))
        raw = tf.transpose(raw, [1, 0, *range(2, raw.shape.rank)])
        fixed = np.zeros([size, count])
        fixed[0] = 1.0
        fixed[1] = 0.3 * np.linspace(-1.0, 1.0, count) if count > 1 else 0.0
        soft = self._coefficient_bound * tf.tanh(raw / self._coefficient_bound)
        return soft + column(fixed / np.sqrt(count), raw)

    def _direct(self, y, raw):
        # The axis of the nodes must come before all axes of the raw numbers.
        y = spread_over(y, raw)
        raw = parameters_first(raw, y.shape.rank)
        coefficients = self._coefficients(raw[:-1])
        nodes, weights = np.polynomial.legendre.leggauss(self._degree + 1)
        # The nodes of [0, 1], and the end itself for the slope.
        shares = np.append(0.5 * nodes + 0.5, 1.0)

        def inside(x):
            slopes = self._slopes(coefficients, column(shares, x[None]) * (x / self._bound))
            mean = tf.reduce_sum(column(0.5 * weights, slopes) * slopes[:-1], 0)
            slope = (1.0 - self._min_slope) * slopes[-1] + self._min_slope
            return x * ((1.0 - self._min_slope) * mean + self._min_slope), tf.math.log(slope)

        z, log_slope = linear_tails(inside, y, self._bound)
        return z + raw[-1], log_slope

    def _slopes(self, coefficients, u):
        """Return the sum of squares at points ``[N, ...]``, by Clenshaw's recurrence."""
        last = before = tf.zeros_like(coefficients[0][:, None] * u)
        for coefficient in tf.unstack(coefficients[1:][::-1]):
            last, before = coefficient[:, None] + 2.0 * u * last - before, last
        values = coefficients[0][:, None] + u * last - before
        return tf.reduce_sum(values * values, 0)
