"""The exponential of a learned matrix."""

import math

import keras
import tensorflow as tf

from tfflows.bijectors import checks
from tfflows.bijectors.linear import Dense, Linear
from tfflows.bijectors.orthogonal import expm, shortened
from tfflows.layers.raw_parameters import RawParameterLayer

__all__ = ["MatrixExponential"]


@keras.saving.register_keras_serializable(package="tfflows")
class MatrixExponential(RawParameterLayer):
    r"""The exponential of a learned matrix, which is invertible whatever the matrix.

    .. math:: z = e^A x, \qquad x = e^{-A} z, \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| = \operatorname{tr} A, \qquad
        A = \frac{R}{\sqrt{1 + |R|_F^2 / c^2}}

    of free numbers R, which keep no length but c from the exponential, so that no direction is
    stretched or shrunk by more than :math:`e^c`. It starts as the identity.

    Parameters
    ----------
    bound : float
        c, the Frobenius norm that A stays below.
    hidden_units : sequence of int
        Widths of the network that moves R with the context, where there is one.
    activation : str or callable
        Activation of that network.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If `bound` is no positive number.

    References
    ----------
    Hoogeboom et al. (2020), "The Convolution Exponential and Generalized Sylvester Flows",
    arXiv:2006.01910.

    Examples
    --------
    >>> import tensorflow as tf
    >>> layer = MatrixExponential()
    >>> layer.build(event_shape=(2,))
    >>> print(layer(tf.constant([[1.0, 2.0]])).numpy())
    [[1. 2.]]
    """

    def __init__(self, bound: float = 8.0, hidden_units=(64, 64), activation="relu", **kwargs):
        super().__init__(hidden_units, activation, **kwargs)
        checks.check_positive(bound=bound)
        self.bound = float(bound)

    def build(self, event_shape, context_shape=None):
        """Create the numbers for events of `event_shape`."""
        super().build(event_shape, context_shape)
        size = math.prod(self.event_shape)
        self.raw = self.add_raw((size, size))
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        matrix = shortened(self.raw(context), self.bound)
        both = (expm(sign * matrix, self.bound) for sign in (1.0, -1.0))
        factor = Dense(*both, log_det=tf.linalg.trace(matrix))
        return Linear([factor], self.event_shape, name="matrix_exponential")

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "bound": self.bound}
