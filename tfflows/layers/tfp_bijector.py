"""Any TFP bijector as a layer."""

import contextlib

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfflows.bijectors.in_range import InRange
from tfflows.bijectors.permutation import check_permutation
from tfflows.interop.description import describe
from tfflows.interop.dry_runs import dummy_events, first_that_runs, preserve_state
from tfflows.interop.row_by_row import fault_of_bijector
from tfflows.interop.tfp_config import from_config, to_config
from tfflows.interop.tfp_parts import parts_of
from tfflows.interop.variable_tracking import adopt_used, check_no_keras_variables, state_of
from tfflows.layers.base import BijectorLayer

__all__ = ["TFPBijector"]

_FAR = (-1e9, -1e3, 1e3, 1e9)
_NEAR = (0.0, 0.5, 1.0, -0.5)

# Far out their inverse may overflow to NaN, though every event is in their range.
_NETWORKS = (tfb.MaskedAutoregressiveFlow, tfb.RealNVP, tfb.Glow, tfb.FFJORD)


@keras.saving.register_keras_serializable(package="tfflows")
class TFPBijector(BijectorLayer):
    r"""A TFP bijector as it is, latent to data, whose tf.Variables become weights of the layer.

    The weights are the bijector's own variables, not copies: training the layer trains the
    bijector. Networks inside it count as well, TFP's and Keras's, also where a function refers to
    them. What TFP's networks make only at their first call is made when the layer is built.

    Where the bijector has a range (``tfb.Exp``, ``tfb.Sigmoid``), events outside it have the
    density zero: the log-determinant is minus infinity, without a gradient, and the latent point is
    NaN. TFP would answer NaN for all of it.

    Parameters
    ----------
    bijector : tfb.Bijector
        The bijector. It does not see the context of a flow. It may change the event's shape
        (``tfb.Reshape``, ``tfb.SoftmaxCentered``).
    **kwargs
        Keras's own arguments.

    Raises
    ------
    TypeError
        If `bijector` is not a TFP bijector, or a keras.Variable is among its parameters, which TFP
        would freeze.
    ValueError
        If the bijector works on lists of arrays (``tfb.Split``), or permutes by something that is
        no permutation. When built: if events of that shape do not fit, or if what it makes of a row
        depends on the rest of the batch, as with ``tfb.BatchNormalization``. In `get_config`: if a
        part of it has no name, such as a lambda.

    Notes
    -----
    TFP keeps results in one global cache and returns them for the same input tensor even after the
    weights have changed. The layer and the models hand it a fresh tensor each time; a call of the
    bijector itself is TFP's affair.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from tensorflow_probability import bijectors as tfb
    >>> layer = TFPBijector(tfb.Shift(tf.Variable([0.5, 0.25])))
    >>> print(layer(tf.zeros([1, 2])).numpy(), len(layer.trainable_weights))
    [[-0.5  -0.25]] 1
    """

    def __init__(self, bijector: tfb.Bijector, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(bijector, tfb.Bijector):
            raise TypeError(
                f"TFPBijector takes a TFP bijector; got {type(bijector).__name__}. A tfflows layer "
                "stands in a flow as it is."
            )
        check_no_keras_variables(bijector)
        for ndims in (bijector.forward_min_event_ndims, bijector.inverse_min_event_ndims):
            if tf.nest.is_nested(ndims):
                raise ValueError(
                    f"{bijector.name} maps lists of arrays, and an event of a flow is one array; "
                    "use tfb.Blockwise or tfflows.layers.Coupling to treat coordinates apart."
                )
        _check_permutations(bijector)
        self._bijector = bijector
        self._stand_in = None

    def __repr__(self) -> str:
        """Return the call that makes the bijector."""
        return describe(self._bijector)

    def build(self, event_shape, context_shape=None):
        """Make the bijector's variables weights, and check that events of `event_shape` fit."""
        event_shape = tuple(event_shape)
        # A layer may be built while a graph is traced; its variables must outlive the graph. In
        # eager mode the scope would only blind the gradient tape that finds the variables.
        with contextlib.nullcontext() if tf.executing_eagerly() else tf.init_scope():
            adopt_used(self, self._bijector, lambda: self._try(event_shape), what="the bijector")
            # Far points must not count in the statistics of a bijector that keeps some.
            state = [*state_of(self._bijector), *self.variables]
            with preserve_state(state):
                self._stand_in = self._find_stand_in(event_shape)
            fault = fault_of_bijector(self._bijector, event_shape, self.variable_dtype, state)
            if fault is not None:
                raise ValueError(fault)
        self.event_shape = event_shape
        self._latent_shape = self.latent_shape(event_shape)
        self.built = True

    def bijector(self, context=None) -> tfb.Bijector:
        """Return the bijector given at construction, made safe outside its range if it has one."""
        if self._stand_in is None:
            return self._bijector
        return InRange(self._bijector, self._stand_in, self._latent_shape)

    @property
    def bounded(self) -> bool:
        """Whether some events are outside the range of the bijector."""
        return self._stand_in is not None

    def latent_shape(self, event_shape: tuple) -> tuple:
        """Return the event shape on the latent side for events of `event_shape` on the data side.

        Raises
        ------
        ValueError
            If the bijector does not take such events.
        """
        return self._shape_through(self._bijector.inverse_event_shape, event_shape)

    def data_shape(self, latent_shape: tuple) -> tuple:
        """Return the event shape on the data side for events of `latent_shape` on the latent side.

        Raises
        ------
        ValueError
            If the bijector does not take such events.
        """
        return self._shape_through(self._bijector.forward_event_shape, latent_shape)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {**super().get_config(), "bijector": to_config(self._bijector)}

    @classmethod
    def from_config(cls, config: dict) -> "TFPBijector":
        """Build the layer from `get_config`'s answer."""
        return cls(**{**config, "bijector": from_config(config["bijector"])})

    def _find_stand_in(self, event_shape: tuple) -> float | None:
        """Return a latent number whose image is in the range, or None if every event is."""
        if any(isinstance(part.value, _NETWORKS) for part in parts_of(self._bijector)):
            return None
        dtype = tf.as_dtype(self.variable_dtype)

        def answers(y):
            y = tf.identity(y)
            log_det = self._bijector.inverse_log_det_jacobian(y, event_ndims=len(event_shape))
            return np.append(self._bijector.inverse(y), log_det)

        def filled(shape, number):
            return tf.fill((1, *shape), tf.constant(number, dtype))

        latent_shape = self.latent_shape(event_shape)
        try:
            if not any(np.isnan(answers(filled(event_shape, far))).any() for far in _FAR):
                return None
            for number in _NEAR:
                image = self._bijector.forward(filled(latent_shape, number))
                if np.isfinite(image).all() and np.isfinite(answers(image)).all():
                    return number
        except (tf.errors.InvalidArgumentError, ValueError, NotImplementedError):
            pass  # matrices of a certain kind: no number makes one
        return None

    def _shape_through(self, function, shape):
        shape = tuple(shape)
        try:
            image = function(tf.TensorShape(shape))
        except (ValueError, TypeError) as error:
            raise self._misfit(shape, error) from error
        if not image.is_fully_defined():
            raise self._misfit(shape, f"it would map them to events of unknown shape {image}")
        return tuple(image)

    def _misfit(self, shape, reason) -> ValueError:
        return ValueError(
            f"the bijector {self._bijector.name!r} does not take events of shape {shape}: {reason}"
        )

    def _try(self, event_shape: tuple) -> None:
        rank = len(event_shape)
        least = int(self._bijector.inverse_min_event_ndims)
        if rank < least:
            raise self._misfit(event_shape, f"it needs events of rank {least} or more.")
        latent_shape = self.latent_shape(event_shape)

        def answer(y):
            x = self._bijector.inverse(y)
            return x, self._bijector.inverse_log_det_jacobian(y, event_ndims=rank)

        dtype = tf.as_dtype(self.variable_dtype)
        events = dummy_events((1, *event_shape), dtype, self._bijector)
        try:
            try:
                x, log_det = first_that_runs(answer, events)
            except tf.errors.InvalidArgumentError:
                # No made-up event is in the support; a trace learns the shapes without values.
                traced = tf.function(answer, autograph=False)
                x, log_det = traced.get_concrete_function(
                    tf.TensorSpec((1, *event_shape), dtype)
                ).structured_outputs
        except (ValueError, TypeError, KeyError) as error:
            raise self._misfit(event_shape, error) from error
        if isinstance(x, tuple | list):
            raise self._misfit(event_shape, f"it is not one-to-one ({len(x)} inverse images).")
        if not x.shape.is_compatible_with((1, *latent_shape)) or log_det.shape.rank not in (0, 1):
            raise self._misfit(
                event_shape,
                f"it maps a batch of shape (1,) of them to {tuple(x.shape)} and log-determinants "
                f"of shape {tuple(log_det.shape)}; is one of its parameters a batch?",
            )


@keras.saving.register_keras_serializable(package="tfflows")
class Static(TFPBijector):
    """The layer by its first name, which is part of the paths of weights in earlier files."""


def _check_permutations(bijector: tfb.Bijector) -> None:
    for part in parts_of(bijector):
        if isinstance(part.value, tfb.Permute):
            order = tf.get_static_value(tf.convert_to_tensor(part.value.permutation))
            if order is not None and order.ndim == 1:
                check_permutation(np.asarray(order))
