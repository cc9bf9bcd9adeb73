"""A density model inside a layer: of what the layer draws, given the other side of it."""

import math

import numpy as np
import tensorflow as tf

from tfflows import random
from tfflows.bijectors.event import flatten_event
from tfflows.interop.dry_runs import preserve_state
from tfflows.layers.context import flatten_context, join_context

__all__ = ["AuxiliaryDensity"]


class AuxiliaryDensity:
    """The density of what a layer draws, given the point that it starts from, and the context.

    Parameters
    ----------
    model : DensityModel or None
        A conditional model, whose context is the flattened point, followed by the context where
        there is one; None for independent standard normal numbers.
    what : str
        What messages call it.

    Raises
    ------
    TypeError
        If it is no model.
    """

    def __init__(self, model, what: str):
        if model is not None and not hasattr(model, "rsample_and_log_prob"):
            raise TypeError(f"the {what} must be a tfflows model or None; got {model!r}.")
        self.model, self.what = model, what

    def build(self, event_shape: tuple, given_shape: tuple, context_shape, dtype) -> None:
        """Check that the model fits what is drawn, and what it is drawn given.

        Raises
        ------
        ValueError
            If the model is of another shape, context or type, is no exact density, or cannot be
            drawn for each row on its own.
        """
        self.event_shape, self.given_shape = tuple(event_shape), tuple(given_shape)
        self.context_shape = context_shape
        if self.model is not None:
            self._check(dtype)

    def _check(self, dtype) -> None:
        model, what, size = self.model, self.what, math.prod(self.given_shape)
        wanted = (size + math.prod(self.context_shape or (0,)),)
        if tuple(model.event_shape) != self.event_shape or model.context_shape != wanted:
            context = "" if self.context_shape is None else " and then the context"
            raise ValueError(
                f"the {what} here must have event_shape={self.event_shape} and "
                f"context_shape={wanted[0]}, the {size} coordinates that it is given{context}; it "
                f"has event_shape={model.event_shape} and context_shape={model.context_shape}."
            )
        if model.variable_dtype != dtype:
            raise ValueError(
                f"the {what} computes in {model.variable_dtype} and the layer in {dtype}; build "
                "both with the same dtype=..."
            )
        if not model.exact:
            raise ValueError(f"the density of the {what} must be exact; that of it is a bound.")
        rows = tf.zeros([64, *wanted], dtype)
        with preserve_state(model.variables):
            try:
                self.examples, _ = model.rsample_and_log_prob(seed=[0, 1, 0], context=rows)
                later, _ = model.rsample_and_log_prob(seed=[0, 1, 32], context=rows[32:])
                alone = np.allclose(self.examples[32:], later, atol=1e-4)
            except (ValueError, tf.errors.InvalidArgumentError):
                alone = False
        if not alone:
            raise ValueError(
                f"the {what} cannot be drawn for each row on its own, which results that do not "
                "depend on batch_size need; use a tfflows.Flow with its default base."
            )

    def draw(self, given, context, seed):
        """Return what is drawn, through which gradients flow, and its log density."""
        if self.model is not None:
            given = self._given(given, context)
            return self.model.rsample_and_log_prob(seed=seed, context=given)
        shape = tf.shape(given)[: given.shape.rank - len(self.given_shape)]
        drawn = random.normal(tf.concat([shape, self.event_shape], 0), seed, given.dtype)
        return drawn, self._standard_normal(drawn)

    def log_prob(self, drawn, given, context):
        """Return the log density of what was drawn."""
        if self.model is not None:
            return self.model(drawn, context=self._given(given, context))
        return self._standard_normal(drawn)

    def _standard_normal(self, drawn):
        axes = list(range(-len(self.event_shape), 0))
        constant = 0.5 * math.log(2 * math.pi) * math.prod(self.event_shape)
        return -0.5 * tf.reduce_sum(drawn * drawn, axes) - tf.constant(constant, drawn.dtype)

    def _given(self, given, context):
        flat = flatten_event(given, self.given_shape)
        return join_context(flat, flatten_context(context, self.context_shape))

    def adapt(self, drawn, given, context, sample_weight) -> None:
        """Let the model take what it needs from examples of what is drawn."""
        if self.model is not None:
            given = self._given(tf.convert_to_tensor(given), context)
            self.model.adapt(drawn, context=given, sample_weight=sample_weight)

    @property
    def needs_adapt(self) -> bool:
        """Whether the model still waits to see data."""
        return self.model is not None and self.model.needs_adapt
