"""First layers of columns that are held by each other: shares of a whole, and ordered numbers."""

import keras

from tfflows import bijectors
from tfflows.layers.base import BijectorLayer

__all__ = ["Ordered", "Simplex"]


class _Vector(BijectorLayer):
    """What layers without weights share that act on vectors and have a range."""

    least: int
    bijector_class: type

    def build(self, event_shape, context_shape=None):
        """Check that events are vectors."""
        self.event_shape = tuple(event_shape)
        if not self.event_shape or self.event_shape[-1] < self.least:
            raise ValueError(
                f"{type(self).__name__} acts on vectors of {self.least} coordinates or more; "
                f"events have shape {self.event_shape}. Take Interval or Positive for single ones."
            )
        self.built = True

    def bijector(self, context=None):
        """Return the bijector, latent to data."""
        return self.bijector_class()

    @property
    def bounded(self) -> bool:
        """Whether some events are outside, as they are here."""
        return True


@keras.saving.register_keras_serializable(package="tfflows")
class Simplex(_Vector):
    r"""K positive coordinates that add up to one, of K - 1 latent ones.

    .. math::
        z_i = \log\frac{x_i}{x_K}, \qquad x = \operatorname{softmax}(z_1, \dots, z_{K-1}, 0),
        \qquad \log\left|\det \frac{\partial z}{\partial x}\right| = -\sum_{i=1}^{K} \log x_i

    Data on a simplex fill no volume of K dimensions; the density is with respect to the first K - 1
    coordinates, as that of ``tfd.Dirichlet``. It is zero where an entry is not positive, or the sum
    is not one to within the square root of the precision of the type, 3e-4 in float32. Every draw
    has entries strictly between zero and one, and adds up to one up to rounding. The order of the
    columns changes the latents, and the densities not at all: no column is special but for being
    the one left out.

    Parameters
    ----------
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        When built, if events are no vectors of two coordinates or more.

    References
    ----------
    Aitchison (1982), "The Statistical Analysis of Compositional Data", Journal of the Royal
    Statistical Society B 44, 139.

    Examples
    --------
    >>> import tensorflow as tf
    >>> print(Simplex()(tf.constant([[0.25, 0.25, 0.5], [0.25, 0.25, 0.6]])).numpy().round(3))
    [[-0.693 -0.693]
     [   nan    nan]]
    """

    least = 2
    bijector_class = bijectors.Simplex

    def explain_outside(self, x) -> str:
        """Say what to do about rows `x` that are no compositions."""
        return (
            "Entries must be above zero and add up to one. Give zeros a small share first, as by "
            "np.maximum(x, 1e-4), then divide each row by its sum."
        )

    def latent_shape(self, event_shape):
        """Return the event shape on the latent side: one coordinate less."""
        return (*event_shape[:-1], event_shape[-1] - 1)

    def data_shape(self, latent_shape):
        """Return the event shape on the data side: one coordinate more."""
        return (*latent_shape[:-1], latent_shape[-1] + 1)


@keras.saving.register_keras_serializable(package="tfflows")
class Ordered(_Vector):
    r"""Coordinates that increase, such as the quantiles of something.

    .. math::
        x_1 = z_1, \quad x_i = x_{i-1} + e^{z_i}, \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right| = -\sum_{i=2}^{K} \log(x_i - x_{i-1})

    Where they do not, the density is zero; every draw increases strictly.

    Parameters
    ----------
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        When built, if events are no vectors.

    Examples
    --------
    >>> import tensorflow as tf
    >>> print(Ordered()(tf.constant([[-1.0, 0.0, 1.0], [0.0, 2.0, 1.0]])).numpy())
    [[-1.  0.  0.]
     [nan nan nan]]
    """

    least = 1
    bijector_class = bijectors.Ordered

    def explain_outside(self, x) -> str:
        """Say what to do about rows `x` whose numbers do not increase."""
        return (
            "Each number must be larger than the one before. Sort each row; where two are equal, "
            "drop the row, or add noise of the size of a measurement error first."
        )
