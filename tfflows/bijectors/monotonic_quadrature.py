"""The integral of a positive function, by quadrature."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfflows.bijectors.checks import check_count, check_positive
from tfflows.bijectors.mixture import column
from tfflows.bijectors.numerical_inverse import NumericalInverse, linear_tails, spread_over

__all__ = ["MonotonicQuadrature"]


class MonotonicQuadrature(NumericalInverse):
    r"""The integral of a positive function, straight outside a box.

    Data to latent is, for :math:`|x| \le B`,

    .. math::
        z = raw_0 + \int_0^x g(t; raw_{1:}) \,dt
          \approx raw_0 + \frac{x}{2} \sum_{m=1}^{M} w_m\, g\big(\tfrac{x}{2} (1 + t_m)\big)

    with the nodes and weights of Gauss-Legendre quadrature. The log-determinant is
    :math:`\log g(x)` itself. For an analytic g the error falls geometrically with the number of
    nodes M; how fast depends on how sharply g bends within the box. Outside ``[-B, B]`` the map
    continues linearly, with the slope at the end of the box. Latent to data is a root search.

    Parameters
    ----------
    log_integrand : callable
        ``log_integrand(t, raw, *shared)`` returns :math:`\log g` at points ``[M, ..., D]``, given
        the raw numbers ``[..., D, P - 1]`` and the shared tensors; elementwise in its points.
    raw : tf.Tensor
        Unconstrained numbers ``[..., P]``, of known rank; the leading axes broadcast against the
        values.
    shared : sequence of tf.Tensor
        Tensors that all elements share, such as the weights of a network. What `log_integrand`
        captures in other ways gets no gradient from latent to data.
    nodes : int
        Number of nodes, M; at least 2.
    bound : float
        Half the width of the box, B, in units of the data; positive.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If an option is out of its range.

    References
    ----------
    Wehenkel and Louppe (2019), "Unconstrained Monotonic Neural Networks", arXiv:1908.05164.

    Examples
    --------
    >>> import tensorflow as tf
    >>> b = MonotonicQuadrature(lambda t, raw: raw[..., 0] * t, tf.constant([0.0, 0.5]))
    >>> print(b.inverse(tf.constant([2.0])).numpy().round(4))  # 2 e - 2
    [3.4366]
    """

    def __init__(
        self,
        log_integrand: Callable,
        raw,
        shared: Sequence = (),
        *,
        nodes: int = 20,
        bound: float = 5.0,
        name: str | None = None,
    ):
        super().__init__(raw, shared, name=name or "monotonic_quadrature")
        self.check_options(nodes, bound)
        self._log_integrand = log_integrand
        self._nodes = int(nodes)
        self._bound = float(bound)

    @staticmethod
    def check_options(nodes: int, bound: float) -> None:
        """Raise a ValueError, naming what is wrong, unless the options describe a quadrature."""
        check_count(2, nodes=nodes)
        check_positive(bound=bound)

    def _direct(self, y, raw, *shared):
        nodes, weights = np.polynomial.legendre.leggauss(self._nodes)
        # The nodes of [0, 1], and the end itself for the slope.
        shares = np.append(0.5 * nodes + 0.5, 1.0)

        def inside(x):
            values = self._log_integrand(column(shares, x[None]) * x, raw[..., 1:], *shared)
            mean = tf.reduce_sum(column(0.5 * weights, values) * tf.exp(values[:-1]), 0)
            return x * mean, values[-1]

        # The axis of the nodes must come before all axes of the raw numbers.
        z, log_slope = linear_tails(inside, spread_over(y, raw), self._bound)
        return z + raw[..., 0], log_slope
