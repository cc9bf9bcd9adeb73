r"""Networks that bring no two points further apart: bounded kernels, and activations to go between.

A map g is a contraction of constant c if :math:`|g(x) - g(y)| \le c\,|x - y|` for all x and y.
"""

import copy
import itertools
import math
from collections.abc import Sequence

import tensorflow as tf

from tfflows.privates import custom_gradient

__all__ = ["ACTIVATIONS", "Contraction", "contracted", "log_spectral_bound"]

_SQUARINGS = 7
_POWER = 2**_SQUARINGS + 1
_TINY = 1e-30

# The largest slope of x sigmoid(x), rounded up; and the largest length of that slope and the one
# at -x, which add up to one, as the two parts of a vector.
_SWISH = 1.1
_TWO_SWISHES = math.hypot(1.1, 0.1)


def log_spectral_bound(kernel) -> tf.Tensor:
    r"""Return the logarithm of a bound of the spectral norm of a matrix, tight to three percent.

    .. math:: \log \sigma_{\max}(W) \le
        \frac{1}{2p} \log \operatorname{tr} (W^\top W)^p \le
        \log \sigma_{\max}(W) + \frac{1}{2p} \log \operatorname{rank} W, \qquad p = 2^7 + 1

    which is 1.03 times the norm at most, up to a rank of 2,000, and the norm itself where one
    singular value is the largest by a few percent. It is computed of the matrix as it is, by
    squarings, and nothing of it is kept. The gradient is one product more,
    :math:`W (W^\top W)^{p-1} / \operatorname{tr} (W^\top W)^p`.

    Parameters
    ----------
    kernel : tf.Tensor
        W, ``[n, m]``.

    Returns
    -------
    tf.Tensor
        A number.

    Examples
    --------
    >>> import tensorflow as tf
    >>> bound = tf.exp(log_spectral_bound(tf.linalg.diag([3.0, 3.0, 1.0])))
    >>> print(round(float(bound), 3))
    3.008
    """
    rows, columns = kernel.shape
    kernel = tf.transpose(kernel) if columns > rows else kernel
    largest = tf.stop_gradient(tf.reduce_max(tf.abs(kernel)) + _TINY)
    unit = kernel / largest
    gram = power = tf.matmul(unit, unit, transpose_a=True)
    factors = []
    for _ in range(_SQUARINGS):
        # The largest entry of such a matrix stands on its diagonal.
        factor = tf.stop_gradient(tf.reduce_max(power) + _TINY)
        power /= factor
        power = tf.matmul(power, power)
        factors.append(factor)
    trace = tf.reduce_sum(power * gram) + _TINY
    logs = tf.math.log(tf.stack([*factors, tf.stop_gradient(trace)]))
    exponents = [2.0 ** (_SQUARINGS - index) for index in range(_SQUARINGS)] + [1.0]
    weights = tf.constant(exponents, kernel.dtype) / (2.0 * _POWER)
    value = tf.math.log(largest) + tf.reduce_sum(weights * logs)
    return _with_gradient(kernel, largest, power, trace, value)


@custom_gradient
def _with_gradient(kernel, largest, power, trace, value):
    """Return the value, as a function of the kernel alone."""

    def gradient(upstream):
        # Parts in this order are finite for a kernel of zeros.
        by_kernel = tf.matmul(kernel / largest, power / trace) / largest
        return upstream * by_kernel, None, None, None, None

    return tf.identity(value), gradient


def contracted(kernels: Sequence, most: float) -> list:
    r"""Return kernels the product of whose spectral norms is at most a given number.

    .. math:: W_l \big/ \max\Big(1,\ \tfrac{1}{c} \prod_j \sigma_j\Big)^{1/L}

    with the bounds :math:`\sigma_j` of `log_spectral_bound`. Kernels whose product is small enough
    stay as they are: a large one may stand beside a small one.

    Parameters
    ----------
    kernels : sequence of tf.Tensor
        L matrices.
    most : float
        The bound c of the product.

    Examples
    --------
    >>> import tensorflow as tf
    >>> one, other = contracted([tf.constant([[4.0]]), tf.constant([[1.0]])], most=1.0)
    >>> print(one.numpy(), other.numpy())
    [[2.]] [[0.5]]
    """
    total = tf.add_n([log_spectral_bound(kernel) for kernel in kernels])
    excess = tf.nn.relu(total - math.log(most)) / len(kernels)
    return [kernel * tf.exp(-excess) for kernel in kernels]


def _lipswish(a, steepness):
    gate = tf.sigmoid(steepness * a)
    return a * gate / _SWISH, (gate + steepness * a * gate * (1.0 - gate)) / _SWISH


def _clipswish(a, steepness):
    gate = tf.sigmoid(steepness * a)
    value, slope = a * gate, gate + steepness * a * gate * (1.0 - gate)
    values, slopes = tf.concat([value, value - a], -1), tf.concat([slope, slope - 1.0], -1)
    return values / _TWO_SWISHES, slopes / _TWO_SWISHES


def _elu(a, _):
    return tf.nn.elu(a), tf.exp(tf.minimum(a, 0.0))


def _tanh(a, _):
    value = tf.tanh(a)
    return value, 1.0 - value * value


#: What may stand between kernels: functions of a and a steepness that return values and slopes,
#: contractions of constant one, and of continuous slopes.
ACTIVATIONS = {"clipswish": _clipswish, "elu": _elu, "lipswish": _lipswish, "tanh": _tanh}


class Contraction:
    r"""A network that is a contraction of a given constant whatever its weights.

    .. math:: g(x) = \phi(\cdots \phi(x W_1 + b_1) \cdots) W_L + b_L

    Its derivatives are written out, so that they are functions of x and of the weights like any
    other.

    Parameters
    ----------
    kernels : sequence of tf.Tensor
        Any matrices, ``[D, H]``, ..., ``[H, D]``; after ``"clipswish"`` of twice as many rows.
    biases : sequence of tf.Tensor
        ``[..., H]``, ..., ``[..., D]``; their leading axes broadcast against those of x.
    steepness : sequence of tf.Tensor or None
        A number for each hidden layer, of any sign; unused by ``"elu"`` and ``"tanh"``.
    activation : str
        A key of `ACTIVATIONS`.
    most : float
        The constant, below one.

    Examples
    --------
    >>> import tensorflow as tf
    >>> kernels = [tf.fill([2, 4], 50.0), tf.fill([4, 2], 50.0)]
    >>> network = Contraction(kernels, [tf.zeros([4]), tf.zeros([2])], None, "tanh", 0.9)
    >>> value, slopes = network.linearize(tf.zeros([1, 2]))
    >>> print(network.jacobian(slopes).numpy().round(2))
    [[[0.45 0.45]
      [0.45 0.45]]]
    """

    def __init__(self, kernels, biases, steepness, activation: str, most: float):
        self._kernels = contracted(kernels, most)
        self._biases = list(biases)
        hidden = len(self._kernels) - 1
        self._steepness = (
            [None] * hidden
            if steepness is None
            else [tf.math.softplus(number) for number in steepness]
        )
        self._activate = ACTIVATIONS[activation]
        self._copies = 2 if activation == "clipswish" else 1

    def frozen(self) -> "Contraction":
        """Return the same network of numbers that gradients do not reach, to `push` and `pull`."""
        frozen = copy.copy(self)
        frozen._kernels = [tf.stop_gradient(kernel) for kernel in self._kernels]
        return frozen

    def __call__(self, x):
        """Return g of points ``[..., D]``."""
        return self.linearize(x)[0]

    def linearize(self, x) -> tuple:
        """Return g of points, and the slopes of its activations there, which the others take."""
        h = _times(x, self._kernels[0]) + self._biases[0]
        slopes = []
        for steepness, kernel, bias in zip(
            self._steepness, self._kernels[1:], self._biases[1:], strict=True
        ):
            h, slope = self._activate(h, steepness)
            slopes.append(slope)
            h = _times(h, kernel) + bias
        return h, slopes

    def push(self, slopes, v):
        """Return the Jacobian of g times vectors ``[..., D]``."""
        h = _times(v, self._kernels[0])
        for slope, kernel in zip(slopes, self._kernels[1:], strict=True):
            h = _times(self._widened(h) * slope, kernel)
        return h

    def pull(self, slopes, u):
        """Return the transposed Jacobian of g times vectors ``[..., D]``."""
        for slope, kernel in zip(slopes[::-1], self._kernels[:0:-1], strict=True):
            u = _times(u, tf.transpose(kernel)) * slope
            if self._copies > 1:
                u = tf.add_n(tf.split(u, self._copies, -1))
        return _times(u, tf.transpose(self._kernels[0]))

    def jacobian(self, slopes):
        """Return the Jacobian of g, ``[..., D, D]``, outputs by inputs."""
        rows = self._kernels[0]  # that of the identity before any activation
        for slope, kernel in zip(slopes, self._kernels[1:], strict=True):
            rows = _times(self._widened(rows) * slope[..., tf.newaxis, :], kernel)
        return tf.linalg.matrix_transpose(rows)

    def _widened(self, h):
        return h if self._copies == 1 else tf.concat([h] * self._copies, -1)


def sizes_of(size: int, hidden_units: Sequence[int], activation: str) -> list:
    """Return the shapes of the kernels of a `Contraction` of D coordinates.

    Examples
    --------
    >>> sizes_of(2, (8, 4), "clipswish")
    [(2, 8), (16, 4), (8, 2)]
    """
    copies = 2 if activation == "clipswish" else 1
    widths = itertools.pairwise([size, *hidden_units, size])
    return [(n if index == 0 else copies * n, m) for index, (n, m) in enumerate(widths)]


def _times(x, kernel):
    """Return products of vectors ``[..., n]`` and a matrix, as one product of two matrices."""
    if x.shape.rank == 2:
        return tf.matmul(x, kernel)
    if x.shape.rank is None or not x.shape[1:].is_fully_defined():
        return tf.tensordot(x, kernel, 1)
    rows = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), kernel)
    return tf.reshape(rows, [*_first(x), *x.shape[1:-1], kernel.shape[-1]])


def _first(x) -> list:
    return [] if x.shape.rank == 1 else [-1 if x.shape[0] is None else x.shape[0]]
