"""Data on a grid as continuous data: the layer that fills the cells with noise."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfflows import random
from tfflows.inputs import validation
from tfflows.layers.auxiliary import AuxiliaryDensity
from tfflows.layers.masked_autoregressive import deserialize
from tfflows.layers.transform import Transform

__all__ = ["Dequantize"]

# How far from the grid, in steps, an event may be.
_TOLERANCE = 1e-3


@keras.saving.register_keras_serializable(package="tfflows")
class Dequantize(Transform):
    r"""Noise within the cells of a grid, so that a continuous density models discrete data.

    For data :math:`x` on the multiples of a step :math:`s`, such as counts and pixels,

    .. math::
        z = x + s\,u, \quad u \sim q(u \mid x) \text{ on } [0, 1)^D, \qquad
        x = s \lfloor z / s \rfloor, \qquad
        \text{log\_weight} = \sum_i \log s_i - \log q(u \mid x)

    A flow with this layer models the probability of :math:`x` (in nats: the logarithm of a
    probability, not of a density), and its `log_prob` is a lower bound of it,

    .. math:: \log P(x) = \log \int_{[x, x + s)} p(z)\,dz \ge
        \mathbb{E}_q\left[\log p(z) + \text{log\_weight}\right]

    Uniform noise makes a flow fit densities that are flat in each cell. A flow as the noise is
    trained with the rest, by gradients through its samples, and closes the gap as far as it comes
    near :math:`p(z \mid x)`.

    Parameters
    ----------
    noise : str or Flow
        ``"uniform"``, or a conditional flow within the unit cube: of the shape of the event, with
        the flattened event, followed by the context where there is one, as its context.
    step : float or array
        Step s of the grid, one for all coordinates or of the shape of the event. Coordinates with
        the step 0 are continuous already and pass as they are; `log_prob` is then, or bounds, their
        density times the probability of the others.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    TypeError
        If `noise` is neither ``"uniform"`` nor a model.
    ValueError
        If a step is negative, all are 0, or some are with a flow as the noise. When built: if the
        noise is of another shape, context or type, is no exact density, leaves the unit cube, or
        cannot be drawn for each row on its own.

    Notes
    -----
    The layer belongs nearest the data: in ``Flow([Dequantize(), ...])`` it is the first. An event
    between the points of the grid has the probability zero: its log weight is minus infinity.

    References
    ----------
    Uria, Murray and Larochelle (2013), "RNADE: The real-valued neural autoregressive
    density-estimator", arXiv:1306.0186 (uniform noise); Ho et al. (2019), "Flow++: Improving
    Flow-Based Generative Models with Variational Dequantization and Architecture Design",
    arXiv:1902.00275 (a flow as noise); Nielsen et al. (2020), "SurVAE Flows: Surjections to Bridge
    the Gap between VAEs and Flows", arXiv:2007.02731.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import tfflows
    >>> counts = tfflows.Flow([Dequantize(), tfflows.layers.Shift()], event_shape=2)
    >>> counts.log_prob(tf.constant([[0.0, 3.0]]), samples=10).shape
    TensorShape([1])
    >>> print(counts.log_prob(tf.constant([[0.5, 3.0]])).numpy())
    [-inf]
    """

    def __init__(self, noise="uniform", step=1.0, **kwargs):
        super().__init__(**kwargs)
        if noise != "uniform" and not hasattr(noise, "rsample_and_log_prob"):
            raise TypeError(f'noise must be "uniform" or a tfflows Flow; got {noise!r}.')
        self.noise = noise
        self._density = AuxiliaryDensity(None if noise == "uniform" else noise, "noise")
        self.step = np.asarray(step, np.float64)
        valid = np.isfinite(self.step).all() and (self.step >= 0).all() and self.step.any()
        if not valid:
            raise ValueError(
                f"step must be positive, or 0 for some coordinates; got {self.step.tolist()}."
            )
        if noise != "uniform" and not self.step.all():
            raise ValueError(
                "a flow as the noise fills the cells of all coordinates, and some have the step 0; "
                'use noise="uniform".'
            )

    def build(self, event_shape, context_shape=None):
        """Check that step and noise fit events of `event_shape`."""
        self.event_shape = tuple(event_shape)
        self.context_shape = None if context_shape is None else tuple(context_shape)
        try:
            np.broadcast_to(self.step, self.event_shape)
        except ValueError:
            raise ValueError(
                f"step has shape {self.step.shape}, which does not broadcast to events of shape "
                f"{self.event_shape}."
            ) from None
        if self.noise != "uniform":
            self._check_noise()
        self.built = True

    def _check_noise(self):
        given, dtype = self.event_shape, self.variable_dtype
        self._density.build(self.event_shape, given, self.context_shape, dtype)
        drawn = self._density.examples
        if not np.all((drawn >= 0) & (drawn <= 1)):
            raise ValueError(
                f"the noise must lie in the unit cube, and its samples lie between "
                f"{np.min(drawn):.3g} and {np.max(drawn):.3g}. Let its first bijector be "
                "tfb.Sigmoid()."
            )

    def inverse(self, x, context=None, seed=None):
        """Add noise."""
        step, steps = self._step(x.dtype), self._steps(x, tf.round)
        if self.noise == "uniform":
            u, log_q = random.uniform(tf.shape(x), seed, x.dtype), tf.zeros([], x.dtype)
        else:
            u, log_q = self._density.draw(tf.stop_gradient(step * steps), context, seed)
        # Rounding must not push the sum into the next cell.
        last = tf.math.nextafter(step * (steps + 1), step * steps)
        z = self._on_grid(tf.minimum(step * (steps + u), tf.stop_gradient(last)), x)
        rounding = 4 * np.finfo(self.variable_dtype).eps * tf.abs(steps)
        between = self._on_grid(tf.abs(x / step - steps) > _TOLERANCE + rounding, False)
        outside = tf.reduce_any(between, list(range(-len(self.event_shape), 0)))
        return z, tf.where(outside, tf.constant(-math.inf, x.dtype), self._log_volume(x) - log_q)

    def forward(self, z, context=None, seed=None):
        """Round down to the grid."""
        step, steps = self._step(z.dtype), self._steps(z, tf.floor)
        # The quotient may have been rounded across the border of a cell.
        steps = tf.where(step * (steps + 1) <= z, steps + 1, steps)
        steps = tf.where(step * steps > z, steps - 1, steps)
        x = self._on_grid(step * steps, z)
        if self.noise == "uniform":
            return x, self._log_volume(z)
        u = (z - x) / step
        log_q = self._density.log_prob(u, tf.stop_gradient(x), context)
        return x, self._log_volume(z) - log_q

    def _step(self, dtype):
        return tf.constant(np.where(self.step > 0, self.step, 1.0), dtype)

    def _on_grid(self, values, others):
        """Return values for the coordinates on the grid, and what is given for the others."""
        return values if self.step.all() else tf.where(self.step > 0, values, others)

    def _steps(self, points, rounded):
        return tf.stop_gradient(rounded(points / self._step(points.dtype)))

    def _log_volume(self, points):
        step = np.broadcast_to(self.step, self.event_shape)
        return tf.constant(np.log(step[step > 0]).sum(), points.dtype)

    @property
    def bounded(self) -> bool:
        """Whether some events have the probability zero: those between the points of the grid."""
        return True

    @property
    def dequantizes(self) -> bool:
        """Whether the layer makes data on a grid continuous."""
        return True

    @property
    def adapts(self) -> bool:
        """Whether the noise takes anything from data."""
        return self.noise != "uniform"

    @property
    def needs_adapt(self) -> bool:
        """Whether the noise still waits to see data."""
        return self._density.needs_adapt

    def adapt(self, x, context=None, sample_weight=None):
        """Adapt the noise to uniform noise, given the data."""
        u = random.uniform(tf.shape(x), validation.FIXED_SEED, self.variable_dtype)
        self._density.adapt(u, x, context, sample_weight)

    def get_config(self):
        """Return the constructor's arguments."""
        uniform = self.noise == "uniform"
        return {
            **super().get_config(),
            "noise": self.noise if uniform else keras.saving.serialize_keras_object(self.noise),
            "step": self.step.tolist(),
        }

    @classmethod
    def from_config(cls, config):
        """Build the layer from `get_config`'s answer."""
        return cls(**{**config, "noise": deserialize(config["noise"])})
