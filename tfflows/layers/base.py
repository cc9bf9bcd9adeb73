"""The exact case of a layer: it owns weights and builds a TFP bijector from them."""

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfflows.bijectors.base import forward_and_log_det, inverse_and_log_det
from tfflows.layers.transform import Transform

__all__ = ["BijectorLayer"]


@keras.saving.register_keras_serializable(package="tfflows")
class BijectorLayer(Transform):
    r"""A recipe for a bijector: it owns the weights and builds the bijector they describe now.

    A subclass implements

    - ``build(event_shape, context_shape=None)``, which creates every weight, and
    - ``bijector(context=None)``, which returns a fresh ``tfb.Bijector``, latent to data, made from
      ``tf.convert_to_tensor(weight)``.

    It is the exact case of a `Transform`: the latent point of an event is certain, and both
    directions return minus the log-determinant of latent to data,

    .. math:: \text{log\_weight} = -\log\left|\det \frac{\partial x}{\partial z}\right|

    It may say more about its map, which `DensityModel.check` and `DensityModel.explain` ask for:

    - ``adjacency``, which latent coordinates depend on which coordinates of the data,
    - ``raw_parameters(x, context=None)`` beside an attribute ``univariate``, what a conditioner
      makes of the data and the family that turns it into a scalar bijector for each coordinate, or
    - ``scalar_bijector(x, context=None)``, that bijector itself, for a layer without such a family,
    - ``transformed``, the coordinates that these two are about, where they are not all.

    Parameters
    ----------
    **kwargs
        Keras's own arguments: ``name``, ``dtype``, ``trainable``.

    Examples
    --------
    >>> import keras, tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb
    >>> class Translate(BijectorLayer):
    ...     def build(self, event_shape, context_shape=None):
    ...         self.offset = self.add_weight(shape=event_shape, initializer="ones", name="offset")
    ...     def bijector(self, context=None):
    ...         return tfb.Shift(tf.convert_to_tensor(self.offset))
    >>> print(Translate()(tf.zeros([1, 3])).numpy())
    [[-1. -1. -1.]]
    """

    def bijector(self, context=None) -> tfb.Bijector:
        """Return the bijector, latent to data, that the weights describe now.

        Parameters
        ----------
        context : tf.Tensor, optional
            Context of shape ``[..., *context_shape]``.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not implement `bijector(context=None)`."
        )

    @property
    def bijective(self) -> bool:
        """Whether the layer has a ``bijector(context)``."""
        return True

    def inverse(self, x, context=None, seed=None) -> tuple:
        """Map data to latent; see `Transform`."""
        return inverse_and_log_det(self.bijector(context), x, len(self._built_for))

    def forward(self, z, context=None, seed=None) -> tuple:
        """Map latent to data; see `Transform`."""
        rank = len(self.latent_shape(self._built_for))
        x, log_det = forward_and_log_det(self.bijector(context), z, rank)
        return x, -log_det

    @property
    def adjacency(self) -> np.ndarray | None:
        """Which latent coordinates depend on which coordinates of the data.

        Booleans ``[D, D]`` over flattened coordinates, latent by data; None where it is unknown or
        each may depend on all. Of a bijector that acts on scalars (``forward_min_event_ndims=0``)
        TFP knows already.
        """
        return None

    @property
    def transformed(self) -> np.ndarray | None:
        """The flattened coordinates that `scalar_bijector` acts on, booleans ``[D]``; None for all.

        The others pass through the layer as they are.
        """
        return None

    def raw_parameters(self, x, context=None) -> tf.Tensor | None:
        """Return the parameters from which ``univariate`` makes the scalar bijectors at `x`.

        Parameters
        ----------
        x : tf.Tensor
            Data as this layer receives it, ``[n, *event_shape]``.
        context : tf.Tensor, optional
            ``[n, *context_shape]``.

        Returns
        -------
        tf.Tensor or None
            ``[n, k, P]`` for the k transformed coordinates; None for a layer without such.
        """
        return None

    def scalar_bijector(self, x, context=None) -> tfb.Bijector | None:
        r"""Return how each coordinate is mapped, given the others.

        The parameters of the scalar bijector of coordinate i may depend on the other coordinates of
        `x` that `adjacency` names for it, so that
        :math:`\log|\det \partial z / \partial x|` is the sum of the logarithms of its slopes.

        Parameters
        ----------
        x, context
            As in `raw_parameters`.

        Returns
        -------
        tfb.Bijector or None
            A scalar bijector, latent to data, that acts on the k transformed coordinates
            ``[n, k]``; None for a layer that has none.
        """
        raw = self.raw_parameters(x, context)
        return None if raw is None else self.univariate.bijector(raw)

    def unwrap(self) -> tuple["BijectorLayer", bool, bool]:
        """Return the layer inside wrappers, whether they invert it and whether it sees a context.

        A layer that is no wrapper returns ``(self, False, True)``.
        """
        return self, False, True


def batch_shape_of(context, context_shape):
    """Return the batch shape of a context: static where it is known, else as a tensor."""
    if context is None:
        return ()
    rank = len(context_shape)
    static = context.shape[: context.shape.rank - rank]
    if static.is_fully_defined():
        return static
    return tf.shape(context)[: context.shape.rank - rank]
