"""The contract of a layer: a Keras layer that owns weights and builds a TFP bijector from them."""

import math
import types

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

__all__ = ["BijectorLayer"]


@keras.saving.register_keras_serializable(package="tfflows")
class BijectorLayer(keras.layers.Layer):
    r"""A recipe for a bijector: it owns the weights and builds the bijector they describe now.

    A subclass implements

    - ``build(event_shape, context_shape=None)``, which creates every weight, and
    - ``bijector(context=None)``, which returns a fresh ``tfb.Bijector``, latent to data, made from
      ``tf.convert_to_tensor(weight)``.

    It may say more about its map, which `DensityModel.check` and `DensityModel.explain` ask for:

    - ``adjacency``, which latent coordinates depend on which coordinates of the data,
    - ``raw_parameters(x, context=None)`` beside an attribute ``univariate``, what a conditioner
      makes of the data and the family that turns it into a scalar bijector for each coordinate, or
    - ``scalar_bijector(x, context=None)``, that bijector itself, for a layer without such a family,
    - ``transformed``, the coordinates that these two are about, where they are not all.

    As a Keras layer it maps data to latent: ``layer(x, context)`` is
    ``layer.bijector(context).inverse(x)``, so it is an ordinary citizen of a functional model.

    Parameters
    ----------
    **kwargs
        Keras's own arguments: ``name``, ``dtype``, ``trainable``.

    Notes
    -----
    Shapes have no batch axis: an event of a table with three columns has ``event_shape=(3,)``. The
    mathematics runs in ``self.variable_dtype``; only networks inside run in the compute type of a
    mixed policy.

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

    def __init__(self, **kwargs):
        kwargs.setdefault("autocast", False)
        super().__init__(**kwargs)

    def add_weight(self, *args, **kwargs):
        """Add a weight, as in Keras; the mathematics read it in its own type."""
        # Keras lowers the type of weights within a model of a mixed policy, whatever the layer's
        # `autocast` says.
        return super().add_weight(*args, **{"autocast": self.autocast, **kwargs})

    def build(self, event_shape, context_shape=None):
        """Create every weight for events of `event_shape` and contexts of `context_shape`."""
        self.built = True

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

    def latent_shape(self, event_shape: tuple) -> tuple:
        """Return the event shape on the latent side for `event_shape` on the data side."""
        return tuple(event_shape)

    def data_shape(self, latent_shape: tuple) -> tuple:
        """Return the event shape on the data side for `latent_shape` on the latent side."""
        return tuple(latent_shape)

    @property
    def bounded(self) -> bool:
        """Whether some events are outside the range of the bijector, where the density is zero."""
        return False

    @property
    def sequential(self) -> frozenset:
        """The directions, of "forward" and "inverse", in which coordinates wait for others."""
        return frozenset()

    @property
    def row_by_row(self) -> bool:
        """Whether the image of a row in training is known to depend on that row alone.

        So that training may compute parts of a batch at the same time. It must not draw random
        numbers, add a loss, or hold anything written by somebody else who might. A layer of your
        own may answer True if you know so of all that it holds.
        """
        return (
            is_of_package(self)
            and is_known_activation(getattr(self, "activation", None))
            and not getattr(self, "dropout", 0.0)
        )

    @property
    def adapts(self) -> bool:
        """Whether the layer takes anything from data."""
        return type(self).adapt is not BijectorLayer.adapt

    @property
    def needs_adapt(self) -> bool:
        """Whether the layer still waits for `adapt` to see data."""
        return False

    def adapt(self, x, context=None, sample_weight=None) -> None:
        """Set whatever the layer takes from data; most layers take nothing.

        Parameters
        ----------
        x : tf.Tensor
            Data as this layer receives it, ``[N, *event_shape]``.
        context : tf.Tensor, optional
            ``[N, *context_shape]``.
        sample_weight : tf.Tensor, optional
            Non-negative weights, ``[N]``.
        """

    def keep_start(self) -> None:
        """Count as adapted without data, at the start; most layers wait for none."""

    @property
    def adjacency(self) -> np.ndarray | None:
        """Which latent coordinates depend on which coordinates of the data.

        Booleans ``[D, D]`` over flattened coordinates, latent by data; None where all may depend on
        all, or nobody knows. A layer whose bijector acts on scalars (``forward_min_event_ndims=0``)
        need not answer.
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

    def __call__(self, x, context=None, **kwargs):
        """Map data to latent, building the layer for the shapes it sees if that is still due."""
        if not self.built:
            self.build(
                tuple(x.shape[1:]),
                None if context is None else tuple(tf.TensorShape(context.shape)[1:]),
            )
        if context is not None:
            kwargs["context"] = context
        return super().__call__(x, **kwargs)

    def call(self, x, context=None):
        """Map data to latent."""
        # A fresh tensor keeps TFP's global cache from answering with values of older weights.
        return self.bijector(context).inverse(tf.identity(x))

    def compute_output_shape(self, x_shape=None, context_shape=None, **built):
        """Return the shape of a batch of latent points."""
        # Keras asks by the names of `call` when it traces and by those of `build` in `summary`.
        if "event_shape" in built:
            return (None, *self.latent_shape(tuple(built["event_shape"])))
        return (x_shape[0], *self.latent_shape(tuple(x_shape[1:])))


def is_of_package(thing) -> bool:
    """Whether the class of a thing is of this package, no subclass by somebody else."""
    return type(thing).__module__.split(".")[0] == __name__.split(".")[0]


def is_known_activation(activation) -> bool:
    """Whether an activation is known to look at one row at a time, or there is none."""
    # Keras's and TensorFlow's functions; of a layer or of anybody's function nobody knows.
    activation = keras.activations.get(activation)
    package = getattr(activation, "__module__", None) or ""
    return isinstance(activation, types.FunctionType) and package.startswith(
        ("keras.", "tensorflow.")
    )


def not_outside(points, log_det):
    """Return latent points, NaN where the log-determinant of the inverse says "outside"."""
    outside = tf.logical_not(log_det > -math.inf)
    extra = [1] * (points.shape.rank - outside.shape.rank)
    outside = tf.reshape(outside, tf.concat([tf.shape(outside), extra], 0)) if extra else outside
    return tf.where(outside, tf.constant(math.nan, points.dtype), points)


def batch_shape_of(context, context_shape):
    """Return the batch shape of a context: static where it is known, else as a tensor."""
    if context is None:
        return ()
    rank = len(context_shape)
    static = context.shape[: context.shape.rank - rank]
    if static.is_fully_defined():
        return static
    return tf.shape(context)[: context.shape.rank - rank]
