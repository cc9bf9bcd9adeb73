"""The loss of several draws at once: the importance-weighted bound, and Rényi's divergences."""

import math

import keras
import tensorflow as tf

from tfflows.losses.target_loss import TargetLoss

__all__ = ["ImportanceWeighted"]


@keras.saving.register_keras_serializable(package="tfflows")
class ImportanceWeighted(TargetLoss):
    r"""The negative importance-weighted bound of the evidence, or one of Rényi's.

    .. math::
        -\frac{1}{1 - \alpha} \log \frac1K \sum_{k=1}^K w_k^{1 - \alpha}, \qquad
        w_k = \frac{p(z_k)}{q(z_k)}, \quad z_k \sim q

    With :math:`\alpha = 0` it is the bound of Burda et al., the tighter the more draws there are;
    towards 1 it becomes `ReverseKL`. Unlike that it is content with a model that is wider than the
    target.

    Parameters
    ----------
    target_log_prob_fn : callable
        As for `ReverseKL`.
    samples : int
        K, the draws in one bound, for each context where there is one.
    bounds : int
        How many bounds a step averages, without a context.
    alpha : float
        :math:`\alpha`, below 1.
    gradient : str
        ``"total"``; ``"path"``, without the part of the gradient by the density's own weights,
        which is biased here; or, with ``alpha=0``, ``"doubly"``, the doubly reparameterized one:
        unbiased, and with a signal that does not drown in noise as K grows.
    annealing : Annealing or AdaptiveAnnealing, optional
        Makes the target of a step, an easier one at first.
    name : str
        Name of the loss.

    Raises
    ------
    TypeError
        If `target_log_prob_fn` is not callable.
    ValueError
        If a number is outside its range, or there is no such gradient.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016), "Importance Weighted Autoencoders", arXiv:1509.00519;
    Li and Turner (2016), "Rényi Divergence Variational Inference", arXiv:1602.02311; Tucker et al.
    (2019), "Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives",
    arXiv:1810.04152.

    Examples
    --------
    >>> import keras, tensorflow as tf, tfflows
    >>> from tensorflow_probability import distributions as tfd
    >>> target = tfd.MultivariateNormalDiag(loc=[2.0, -1.0])
    >>> flow = tfflows.Flow([tfflows.layers.Shift()], 2)
    >>> loss = ImportanceWeighted(target.log_prob, samples=16, gradient="doubly")
    >>> flow.compile(keras.optimizers.Adam(0.05), loss=loss)
    >>> history = flow.fit(epochs=1, steps_per_epoch=200, verbose=0, seed=0)
    >>> tf.reduce_mean(flow.sample(1000, seed=0), 0).numpy().round().tolist()
    [2.0, -1.0]
    """

    gradients = ("total", "path", "doubly")

    def __init__(
        self,
        target_log_prob_fn,
        samples: int = 16,
        bounds: int = 8,
        alpha: float = 0.0,
        gradient: str = "total",
        annealing=None,
        name: str = "importance_weighted",
    ):
        super().__init__(target_log_prob_fn, samples, gradient, annealing, name)
        if not isinstance(bounds, int) or bounds < 1:
            raise ValueError(f"bounds must be a positive int; got {bounds!r}.")
        if not alpha < 1.0:
            raise ValueError(f"alpha must be below 1; got {alpha!r}. At 1 it is ReverseKL.")
        if gradient == "doubly" and alpha != 0.0:
            raise ValueError(f'gradient="doubly" is for alpha=0; got alpha={alpha!r}.')
        self.bounds = bounds
        self.alpha = float(alpha)

    def draws_of(self, context):
        """Return how many draws a step takes, for each context where there is one."""
        return self.samples * (self.bounds if context is None else 1)

    def of_step(self, z, log_q, log_p, extra=None):
        """Return each of the bounds, or that of each context, with a minus."""
        log_weights = log_p - log_q
        if log_weights.shape.rank == 1:
            log_weights = tf.reshape(log_weights, [self.samples, self.bounds])
        return self._bound(log_weights)

    def _bound(self, log_weights):
        """Return minus the bound of weights ``[K, ...]``."""
        power = 1.0 - self.alpha
        bound = tf.reduce_logsumexp(power * log_weights, 0) - math.log(self.samples)
        if self.gradient == "doubly":
            shares = tf.stop_gradient(tf.nn.softmax(log_weights, 0))
            moved = tf.reduce_sum(tf.square(shares) * log_weights, 0)
            bound = tf.stop_gradient(bound) + (moved - tf.stop_gradient(moved))
        return -bound / power

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {**super().get_config(), "bounds": self.bounds, "alpha": self.alpha}
