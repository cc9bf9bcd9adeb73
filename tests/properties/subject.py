"""What the property suite runs on: an example, built, with weights at which nothing is trivial."""

import functools

import keras
import numpy as np
import tensorflow as tf

from ..registry import CONTEXT_SHAPE, Example

ROWS = 5


def perturb(model, seed: int = 0, scale: float = 0.3) -> None:
    """Move every weight by a normal number, and mark what waits for data as adapted."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.name == "adapted":
            weight.assign(1.0)
        elif keras.backend.is_float_dtype(weight.dtype):
            weight.assign_add(scale * rng.normal(size=weight.shape))
            if weight.constraint is not None:
                weight.assign(weight.constraint(weight.value))


class Subject:
    """An example in one type of numbers, with or without a context.

    Attributes
    ----------
    model : tfflows.DensityModel or None
        The flow or other model, its weights moved; None for a bijector without weights.
    x, context : tf.Tensor
        Five events, and a context for each (or None).
    """

    def __init__(self, example: Example, dtype: str = "float64", conditional: bool = False):
        self.example, self.dtype, self.conditional = example, dtype, conditional
        self.event_shape = self.example.event_shape
        self.latent_shape = self.example.latent_shape or self.event_shape
        self.kind = example.kind
        self.context_shape = CONTEXT_SHAPE if conditional else None
        self.model = None
        if self.kind != "bijector":
            self.model = self.fresh()
            perturb(self.model)

    def fresh(self):
        """Return the model as it is made, with the same random weights every time."""
        keras.utils.set_random_seed(0)
        model = self.example.make(self.dtype, self.context_shape)
        model.build()
        return model

    def events(self, *batch, seed: int = 1):
        """Draw events ``[*batch, *event_shape]`` within the support."""
        rng = np.random.default_rng(seed)
        return tf.constant(self.example.draw(rng, (*batch, *self.event_shape)), self.dtype)

    def contexts(self, *batch, seed: int = 2):
        """Draw contexts ``[*batch, 2]``, or None."""
        if not self.conditional:
            return None
        values = np.random.default_rng(seed).normal(size=(*batch, *CONTEXT_SHAPE))
        return tf.constant(values, self.dtype)

    @functools.cached_property
    def x(self):
        return self.events(ROWS)

    @functools.cached_property
    def context(self):
        return self.contexts(ROWS)

    @functools.cached_property
    def z(self):
        """The latent points of the events."""
        return tf.identity(self.inverse(self.x, self.context)[0])

    def bijector(self, context):
        """Return a fresh bijector."""
        if self.kind == "bijector":
            return self.example.make(self.dtype, context)
        return self.model.bijector(context)

    def inverse(self, x, context=None):
        """Return latent points and the log-determinants of the inverse map."""
        bijector, x = self.bijector(context), tf.identity(x)
        log_det = bijector.inverse_log_det_jacobian(x, event_ndims=len(self.event_shape))
        return bijector.inverse(x), log_det

    def forward(self, z, context=None):
        """Return events and the log-determinants of the forward map."""
        bijector, z = self.bijector(context), tf.identity(z)
        log_det = bijector.forward_log_det_jacobian(z, event_ndims=len(self.latent_shape))
        return bijector.forward(z), log_det

    @functools.cached_property
    def scores(self):
        """The log densities of the events, in eager mode."""
        return self.model(self.x, context=self.context)

    @functools.cached_property
    def drawn(self):
        """Two seeded samples for each context."""
        return self.model.distribution(self.context).sample(2, seed=(0, 5))

    @functools.cached_property
    def inverse_jacobian(self):
        """The Jacobian ``[N, D, D]`` of data to latent, at the events."""
        return jacobian(lambda x: self.inverse(x, self.context)[0], self.x)

    @functools.cached_property
    def forward_jacobian(self):
        """The Jacobian ``[N, D, D]`` of latent to data, at their latent points."""
        return jacobian(lambda z: self.forward(z, self.context)[0], self.z)

    @property
    def degrees(self) -> np.ndarray:
        """The place of each coordinate in the autoregressive order."""
        degrees = self.example.degrees
        if degrees is None:
            degrees = self.model.bijector_layers[0].get_config()["order"]
        return np.asarray(degrees)


def jacobian(function, values) -> np.ndarray:
    """Return ``[N, D, D]``, row by row of reverse-mode autodiff."""
    rows = values.shape[0]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(values)
        flat = tf.reshape(function(values), [rows, -1])
        coordinates = tf.unstack(flat, axis=1)
    gradients = [
        tape.gradient(one, values, unconnected_gradients="zero").numpy().reshape(rows, -1)
        for one in coordinates
    ]
    return np.stack(gradients, 1)
