"""Standard normal coordinates made dependent, each still standard normal by itself."""

import math

import keras
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb

from tfflows import bijectors
from tfflows.layers.raw_parameters import RawParameterLayer

__all__ = ["Correlation"]


@keras.saving.register_keras_serializable(package="tfflows")
class Correlation(RawParameterLayer):
    r"""A lower triangular matrix whose rows have length 1.

    .. math:: x = L z, \qquad L_{ij} = \frac{r_{ij}}{\sqrt{1 + \sum_{k<i} r_{ik}^2}} \; (j < i),
        \quad L_{ii} = \frac{1}{\sqrt{1 + \sum_{k<i} r_{ik}^2}}, \qquad
        \log\left|\det \frac{\partial x}{\partial z}\right| = \sum_i \log L_{ii}

    of free numbers r, zero at the start. Of standard normal latents it makes a normal distribution
    of unit variances with the correlation matrix :math:`L L^\top`; what comes after it can bend
    each coordinate without changing its scale first.

    Parameters
    ----------
    hidden_units : sequence of int
        Widths of the network that moves the numbers with the context, where there is one.
    activation : str or callable
        Activation of that network.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If the event has one coordinate.

    Examples
    --------
    >>> import tensorflow as tf
    >>> layer = Correlation()
    >>> layer.build(event_shape=(2,))
    >>> _ = layer.raw.value.assign([0.75])
    >>> print(layer.bijector().forward(tf.constant([[1.0, 0.0], [0.0, 1.0]])).numpy())
    [[1.  0.6]
     [0.  0.8]]
    """

    def build(self, event_shape, context_shape=None):
        """Create the numbers for events of `event_shape`."""
        super().build(event_shape, context_shape)
        size = math.prod(self.event_shape)
        if size < 2:
            raise ValueError(
                "Correlation makes coordinates depend on each other, and events of shape "
                f"{self.event_shape} have a single one; leave it out."
            )
        self.raw = self.add_raw((size * (size - 1) // 2,))
        self.built = True

    def bijector(self, context=None):
        """Return the bijector that the weights describe now."""
        below = tfp.math.fill_triangular(self.raw(context))
        below = tf.pad(below, [[0, 0]] * (below.shape.rank - 2) + [[1, 0], [0, 1]])
        log_diagonal = -0.5 * tf.math.log1p(tf.reduce_sum(below * below, -1))
        # As a product of a unit triangle and a diagonal.
        lower = below * tf.exp(log_diagonal[..., tf.newaxis] - log_diagonal[..., tf.newaxis, :])
        return tfb.Invert(
            bijectors.LU(
                lower,
                tf.zeros_like(lower),
                log_diagonal,
                tf.zeros_like(log_diagonal),
                self.event_shape,
            )
        )
