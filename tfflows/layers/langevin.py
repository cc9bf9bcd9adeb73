"""Random steps along the slope of a density: a layer through which gradients flow."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfflows import random
from tfflows.layers.toward_density import TowardDensity

__all__ = ["Langevin"]


@keras.saving.register_keras_serializable(package="tfflows")
class Langevin(TowardDensity):
    r"""Unadjusted steps of overdamped Langevin dynamics toward a density.

    From :math:`x_0 = z` to :math:`x = x_K`,

    .. math::
        x_k = x_{k-1} + \eta_k \nabla \log \mu_k(x_{k-1}) + \sqrt{2 \eta_k}\,\xi_k, \qquad
        \xi_k \sim \mathcal{N}(0, I)

    None is refused, so that no step is in detailed balance; the way back takes the same kind of
    steps in the opposite order, each with the noise that leads to the point before,

    .. math::
        \tilde\xi_k = \frac{x_{k-1} - x_k - \eta_k \nabla \log \mu_k(x_k)}{\sqrt{2 \eta_k}}, \qquad
        \text{log\_weight} = \log \frac{p(x_1, \dots, x_K \mid z)}{q(x_{K-1}, \dots, z \mid x)}
        = \frac12 \sum_{k=1}^K \|\tilde\xi_k\|^2 - \|\xi_k\|^2

    (minus the :math:`\Delta S` of Wu et al.). It is exact for any step size, however far the steps
    are from a sampler of the density, and smooth in all weights: their gradient has no bias. The
    step sizes train, and so does the target, if it is a model. The layer is not exact: `log_prob`
    is a bound, and the weights along samples are those of unbiased importance sampling.

    Parameters
    ----------
    target_log_prob_fn : callable
        :math:`\log \mu`, up to a constant: ``f(x)`` maps points ``[..., *event_shape]`` to
        ``[...]``, differentiably. A tfflows model is one, and its weights train. To save the
        layer, register a function with ``@keras.saving.register_keras_serializable()``.
    steps : int
        K; programs grow with it.
    step_size : float
        :math:`\eta` at the start, a time: a step is some :math:`\sqrt{2 \eta}` wide. Each step has
        one of its own, which trains.
    start_log_prob_fn : callable, optional
        :math:`\log \mu_0`, where the steps begin to anneal:
        :math:`\log \mu_k = (1 - \lambda_k) \log \mu_0 + \lambda_k \log \mu`; without, each has
        the target.
    between : tuple of float
        :math:`(a, b)`, in :math:`\lambda_k = a + (b - a) k / K`: the part of the way that this
        layer goes, where others go the rest.
    **kwargs
        Keras's own arguments; ``trainable=False`` keeps the step sizes, and a target, as they are.

    Raises
    ------
    TypeError
        If a density is not callable.
    ValueError
        If `steps` or `step_size` is not positive, or `between` is no part of the way from 0 to 1.
        When built: if a density answers in another shape, is of other events, or is not exact.

    References
    ----------
    Wu, Köhler and Noé (2020), "Stochastic Normalizing Flows", arXiv:2002.06707; Roberts and
    Tweedie (1996), "Exponential convergence of Langevin distributions and their discrete
    approximations", Bernoulli 2, 341.

    Examples
    --------
    >>> import keras, tfflows
    >>> wells = tfflows.targets.ManyWell(2)
    >>> normal = tfflows.distributions.StandardNormal((2,))
    >>> move = Langevin(wells, steps=5, step_size=0.02, start_log_prob_fn=normal.log_prob)
    >>> flow = tfflows.Flow([move], event_shape=2)
    >>> flow.compile(keras.optimizers.Adam(0.05), loss=tfflows.losses.ReverseKL(wells))
    >>> history = flow.fit(epochs=2, steps_per_epoch=50, verbose=0, seed=0).history
    >>> history["loss"][1] < history["loss"][0]
    True
    """

    def __init__(
        self,
        target_log_prob_fn,
        steps: int = 5,
        step_size: float = 0.01,
        start_log_prob_fn=None,
        between=(0.0, 1.0),
        **kwargs,
    ):
        super().__init__(target_log_prob_fn, steps, start_log_prob_fn, between, **kwargs)
        if np.ndim(step_size) or not (step_size > 0 and math.isfinite(step_size)):
            raise ValueError(f"step_size must be a positive number; got {step_size!r}.")
        self.step_size = float(step_size)

    def build(self, event_shape, context_shape=None):
        """Check the densities, and create the logarithms of the step sizes."""
        super().build(event_shape, context_shape)
        self.log_step_size = self.add_weight(
            shape=(self.steps,),
            initializer=keras.initializers.Constant(math.log(self.step_size)),
            name="log_step_size",
        )

    def inverse(self, x, context=None, seed=None):
        """Move from data to latent."""
        return self._move(x, context, seed, range(self.steps, 0, -1), -1.0)

    def forward(self, z, context=None, seed=None):
        """Move from latent to data."""
        return self._move(z, context, seed, range(1, self.steps + 1), 1.0)

    def _move(self, x, context, seed, order, sign: float):
        """Return where steps of the given numbers lead, and their log weight."""
        sizes = tf.exp(tf.convert_to_tensor(self.log_step_size))
        total, here = tf.zeros([], x.dtype), self._slopes(x, context)
        for number in order:
            size = sizes[number - 1]
            width = tf.sqrt(2.0 * size)
            noise = random.normal(tf.shape(x), random.fold_in(seed, number), x.dtype)
            moved = x + size * self._mix(here, number) + width * noise
            there = self._slopes(moved, context)
            back = (x - moved - size * self._mix(there, number)) / width
            total += 0.5 * (self._sum(tf.square(back)) - self._sum(tf.square(noise)))
            x, here = moved, there
        return x, sign * total

    def _slopes(self, x, context) -> list:
        """Return the gradients of the log densities at points."""
        slopes, x = [], tf.identity(x)  # TFP would answer for its own draws without a slope
        for function in self._functions:
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = self._of(function, x, context)
            slopes.append(tape.gradient(value, x, unconnected_gradients="zero"))
        return slopes

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "step_size": self.step_size}
