"""Random steps that are accepted or not: the layer that moves points from mode to mode."""

import keras
import numpy as np
import tensorflow as tf

from tfflows import random
from tfflows.layers.toward_density import TowardDensity

__all__ = ["Metropolis"]


@keras.saving.register_keras_serializable(package="tfflows")
class Metropolis(TowardDensity):
    r"""Steps of a random walk toward a density, each accepted or not: Metropolis-Hastings.

    From :math:`x_0 = z` to :math:`x = x_K`,

    .. math::
        y = x_{k-1} + \sigma\,\varepsilon, \quad \varepsilon \sim \mathcal{N}(0, I), \qquad
        x_k = \begin{cases} y & \text{with probability }
        \min\left(1, \mu_k(y) / \mu_k(x_{k-1})\right) \\ x_{k-1} & \text{else} \end{cases}

    The chain of the way back takes the same kind of steps in the opposite order. Each is in
    detailed balance with its density,
    :math:`\mu_k(x_{k-1})\,p(x_k \mid x_{k-1}) = \mu_k(x_k)\,q(x_{k-1} \mid x_k)`, so that

    .. math::
        \text{log\_weight} = \log \frac{p(x_1, \dots, x_K \mid z)}{q(x_{K-1}, \dots, z \mid x)}
        = \sum_{k=1}^K \log \mu_k(x_k) - \log \mu_k(x_{k-1})

    which is :math:`\log \mu(x) - \log \mu(z)` if all have the density :math:`\mu` (minus the
    :math:`\Delta S` of Wu et al.). Points may cross from one mode to another, as no bijection lets
    them: a flow with such a layer need not stretch a bridge between modes. It is not exact:
    `log_prob` is a bound, and the weights along samples are those of unbiased importance sampling.

    Parameters
    ----------
    target_log_prob_fn : callable
        :math:`\log \mu`, up to a constant: ``f(x)`` maps points ``[..., *event_shape]`` to
        ``[...]``. A tfflows model is one, and its weights train. To save the layer, register a
        function with ``@keras.saving.register_keras_serializable()``.
    steps : int
        K.
    step_size : float or array
        :math:`\sigma`, one for all coordinates or of the shape of the event. It is fixed: through
        a decision there is no gradient.
    start_log_prob_fn : callable, optional
        :math:`\log \mu_0`, where the steps begin to anneal:
        :math:`\log \mu_k = (1 - \lambda_k) \log \mu_0 + \lambda_k \log \mu`; without, each has
        the target.
    between : tuple of float
        :math:`(a, b)`, in :math:`\lambda_k = a + (b - a) k / K`: the part of the way that this
        layer goes, where others go the rest.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    TypeError
        If a density is not callable.
    ValueError
        If `steps` or `step_size` is not positive, or `between` is no part of the way from 0 to 1.
        When built: if a density answers in another shape, is of other events, or is not exact.

    Notes
    -----
    Gradients go through the points and the densities at them, with the decisions as they fell: how
    weights change their probabilities is left out, so that the gradient is biased where the target
    trains or other layers lie before it. Every density must be positive where points may begin.

    References
    ----------
    Wu, Köhler and Noé (2020), "Stochastic Normalizing Flows", arXiv:2002.06707; Metropolis et al.
    (1953), Journal of Chemical Physics 21, 1087.

    Examples
    --------
    A normal distribution becomes one of two modes, and each draw tells its weight:

    >>> import tensorflow as tf, tfflows
    >>> wells = tfflows.targets.ManyWell(2)
    >>> normal = tfflows.distributions.StandardNormal((2,))
    >>> walk = Metropolis(wells, steps=100, step_size=0.7, start_log_prob_fn=normal.log_prob)
    >>> flow = tfflows.Flow([walk], event_shape=2)
    >>> x, log_path = flow.rsample_and_log_prob(2000, seed=0)
    >>> log_z = tf.reduce_logsumexp(wells(x) - log_path) - tf.math.log(2000.0)
    >>> bool(abs(log_z - wells.log_z) < 0.1)
    True
    """

    def __init__(
        self,
        target_log_prob_fn,
        steps: int = 10,
        step_size=0.5,
        start_log_prob_fn=None,
        between=(0.0, 1.0),
        **kwargs,
    ):
        super().__init__(target_log_prob_fn, steps, start_log_prob_fn, between, **kwargs)
        self.step_size = np.asarray(step_size, np.float64)
        if not ((self.step_size > 0) & np.isfinite(self.step_size)).all():
            raise ValueError(f"step_size must be positive; got {self.step_size.tolist()}.")

    def build(self, event_shape, context_shape=None):
        """Check that step sizes and densities fit events of `event_shape`."""
        try:
            np.broadcast_to(self.step_size, tuple(event_shape))
        except ValueError:
            raise ValueError(
                f"step_size has shape {self.step_size.shape}, which does not broadcast to events "
                f"of shape {tuple(event_shape)}."
            ) from None
        super().build(event_shape, context_shape)

    def inverse(self, x, context=None, seed=None):
        """Walk from data to latent."""
        return self._walk(x, context, seed, list(range(self.steps, 0, -1)), -1.0)

    def forward(self, z, context=None, seed=None):
        """Walk from latent to data."""
        return self._walk(z, context, seed, list(range(1, self.steps + 1)), 1.0)

    def _walk(self, start, context, seed, order: list, sign: float):
        """Return where a walk ends whose steps have the given numbers, and its log weight."""
        numbers = tf.constant(order, tf.int32)
        scale = tf.constant(self.step_size, start.dtype)
        begin = tf.stop_gradient(start)
        # Between its ends a walk toward one density leaves nothing in the sum.
        annealed = self.start_log_prob_fn is not None
        kept = tf.TensorArray(start.dtype, self.steps if annealed else 0, element_shape=start.shape)

        def body(index, x, values, kept):
            own = random.fold_in(seed, index)
            noise = random.normal(tf.shape(x), random.fold_in(own, 0), x.dtype)
            u = random.uniform(tf.shape(values[0]), random.fold_in(own, 1), x.dtype)
            moved = x + scale * noise
            there = self._log_probs(moved, context)
            number = numbers[index]
            gain = self._mix(there, number) - self._mix(values, number)
            accepted = tf.math.log(u) < gain  # not where a density is NaN
            x = tf.where(self._of_rows(accepted), moved, x)
            values = [tf.where(accepted, new, old) for new, old in zip(there, values, strict=True)]
            return index + 1, x, values, kept.write(index, x) if annealed else kept

        _, end, _, kept = tf.while_loop(
            lambda index, *_: index < self.steps,
            body,
            (tf.constant(0), begin, self._log_probs(begin, context), kept),
            maximum_iterations=self.steps,
        )
        # The walk is a shift, and gradients need not go back through all that it was decided by.
        way = tf.concat([begin[tf.newaxis], kept.stack() if annealed else end[tf.newaxis]], 0)
        way = tf.stop_gradient(way) + (start - begin)
        values = self._log_probs(way, context)
        if not annealed:
            return way[-1], sign * (values[0][1] - values[0][0])
        shape = tf.concat([[self.steps], [1] * (start.shape.rank - len(self.event_shape))], 0)
        numbers = tf.reshape(numbers, shape)
        before, after = ([part[:-1] for part in values], [part[1:] for part in values])
        gains = self._mix(after, numbers) - self._mix(before, numbers)
        return way[-1], sign * tf.reduce_sum(gains, 0)

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "step_size": self.step_size.tolist()}
