r"""The scalar function that planar and Sylvester maps bend by, :math:`a + \kappa \tanh a`."""

import math

import tensorflow as tf

from tfflows.bijectors.root_search import solve_increasing

__all__ = ["MIN_SLOPE", "above_minus_one", "bend", "solve_bent", "tanh_slope"]

#: The smallest slope that a bend may leave.
MIN_SLOPE = 1e-3


def above_minus_one(raw):
    r"""Return numbers above -1, positive ones as they are.

    .. math:: \kappa = \begin{cases} r & r \ge 0 \\
        (1 - \delta)(e^{r / (1 - \delta)} - 1) & r < 0 \end{cases}, \qquad \delta = 10^{-3}

    Examples
    --------
    >>> import tensorflow as tf
    >>> print(above_minus_one(tf.constant([3.0, 0.0, -100.0])).numpy())
    [ 3.     0.    -0.999]
    """
    least = 1.0 - MIN_SLOPE
    return least * tf.nn.elu(raw / least)


def bend(a, strength):
    r"""Return :math:`a + \kappa \tanh a` and the logarithm of its slope.

    Examples
    --------
    >>> import tensorflow as tf
    >>> value, log_slope = bend(tf.constant([0.0, 50.0]), tf.constant(1.0))
    >>> print(value.numpy(), tf.exp(log_slope).numpy().round(4))
    [ 0. 51.] [2. 1.]
    """
    return a + strength * tf.tanh(a), tf.math.log1p(strength * tanh_slope(a))


def tanh_slope(a):
    """Return 1 - tanh^2, whose digits do not cancel.

    Examples
    --------
    >>> import tensorflow as tf
    >>> print([f"{slope:.3g}" for slope in tanh_slope(tf.constant([0.0, 20.0])).numpy()])
    ['1', '1.7e-17']
    """
    return tf.exp(2.0 * (math.log(2.0) - a - tf.math.softplus(-2.0 * a)))


def solve_bent(target, strength):
    """Return where `bend` has the values of `target`, and the logarithms of the slopes there.

    Examples
    --------
    >>> import tensorflow as tf
    >>> a, _ = solve_bent(tf.constant([0.0, 51.0]), tf.constant(1.0))
    >>> print(a.numpy())
    [ 0. 50.]
    """
    return solve_increasing(bend, target, [strength])
