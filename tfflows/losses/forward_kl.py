"""The divergence that covers a density known up to a constant, by weighted draws."""

import keras
import numpy as np
import tensorflow as tf

from tfflows.losses.prioritized_buffer import rows_by_share
from tfflows.losses.target_loss import TargetLoss

__all__ = ["ForwardKL"]


@keras.saving.register_keras_serializable(package="tfflows")
class ForwardKL(TargetLoss):
    r"""The forward Kullback-Leibler divergence to a density known up to a constant.

    .. math::
        \mathrm{KL}(p \,\|\, q) = \mathbb{E}_{z \sim p}\left[\log p(z) - \log q(z)\right]
        \approx \sum_k \bar w_k \left(\log p(z_k) - \log q(z_k)\right), \qquad
        \bar w_k = \frac{p(z_k) / q(z_k)}{\sum_j p(z_j) / q(z_j)}

    for draws :math:`z_k` of the model, whose self-normalized weights make them stand for draws of
    the target. Its minimum covers all of the target, where that of `ReverseKL` may keep to one
    mode; a mode that no draw meets is not seen by either. Draws are fixed numbers here: the model
    must know the density of a point, and need not draw by a differentiable function.

    A `reservoir` of points from elsewhere, such as chains or another model, takes the place of
    draws of the model: a step draws from it, each point by its weight :math:`p(z) / r(z)`, where r
    is the density that the points come from.

    Parameters
    ----------
    target_log_prob_fn : callable
        As for `ReverseKL`.
    samples : int
        Draws in a step, for each context where there is one.
    reservoir : array, optional
        Points ``[N, *event_shape]``, for a model without contexts.
    reservoir_log_prob : array, optional
        :math:`\log r` of each, up to a constant, ``[N]``; left out where the points are draws of
        the target.
    annealing : Annealing or AdaptiveAnnealing, optional
        Makes the target of a step, an easier one at first; not with a reservoir.
    name : str
        Name of the loss.

    Raises
    ------
    TypeError
        If `target_log_prob_fn` is not callable.
    ValueError
        If `samples` is not positive, or the reservoir and its log densities do not fit together or
        give no weight to any point; in training, if there are contexts beside a reservoir.

    References
    ----------
    Bornschein and Bengio (2015), "Reweighted Wake-Sleep", arXiv:1406.2751.

    Examples
    --------
    >>> import keras, tensorflow as tf, tfflows
    >>> from tensorflow_probability import distributions as tfd
    >>> target = tfd.MultivariateNormalDiag(loc=[1.0, -1.0])
    >>> flow = tfflows.Flow([tfflows.layers.Shift()], 2)
    >>> flow.compile(keras.optimizers.Adam(0.05), loss=ForwardKL(target.log_prob))
    >>> history = flow.fit(epochs=1, steps_per_epoch=200, verbose=0, seed=0)
    >>> tf.reduce_mean(flow.sample(1000, seed=0), 0).numpy().round().tolist()
    [1.0, -1.0]
    """

    def __init__(
        self,
        target_log_prob_fn,
        samples: int = 128,
        reservoir=None,
        reservoir_log_prob=None,
        annealing=None,
        name: str = "forward_kl",
    ):
        super().__init__(target_log_prob_fn, samples, "total", annealing, name)
        self.reservoir: np.ndarray | None = None
        self.reservoir_log_prob: np.ndarray | None = None
        self.draws = reservoir is None
        if reservoir is not None:
            if annealing is not None:
                raise ValueError(
                    "annealing moves the target from step to step, and the points of a reservoir "
                    "are weighed once. Leave one of them out."
                )
            self._keep(np.asarray(reservoir), reservoir_log_prob)
        elif reservoir_log_prob is not None:
            raise ValueError("reservoir_log_prob= is the density of a reservoir=; give both.")

    def _keep(self, points: np.ndarray, log_prob) -> None:
        """Weigh the points of the reservoir."""
        self.reservoir = points
        weights = np.zeros(len(points))
        if log_prob is not None:
            self.reservoir_log_prob = log_prob = np.asarray(log_prob)
            if log_prob.shape != points.shape[:1]:
                raise ValueError(
                    "reservoir_log_prob must have one log density for each of the "
                    f"{len(points)} points; got shape {log_prob.shape}."
                )
            weights = np.asarray(self.target_log_prob_fn(tf.constant(points)), "f8") - log_prob
        if not np.isfinite(np.max(weights, initial=-np.inf)):
            raise ValueError(
                f"the {len(points)} points of the reservoir have no finite weight p / r: the "
                "target gives none of them a density. Check the reservoir, or its density."
            )
        until = np.cumsum(np.exp(weights - weights.max()))
        # Variables, which a program reads: as constants they would be part of it.
        self._points = tf.Variable(points, trainable=False, name="reservoir")
        self._until = tf.Variable(until / until[-1], trainable=False, name="reservoir_shares")

    def draw(self, model, context, seed):
        """Return points, as fixed numbers, and log densities of the model."""
        distribution = model.distribution(context)
        if self.reservoir is None:
            z = tf.stop_gradient(distribution.sample([self.samples], seed=seed))
            return z, distribution.log_prob(z)
        if context is not None:
            raise ValueError(
                "a reservoir holds points for a model without contexts. Fit pairs by "
                "fit(x, context=...)."
            )
        index = rows_by_share(self._until.read_value(), self.samples, seed)
        z = tf.cast(tf.gather(self._points, index), model.variable_dtype)
        return z, distribution.log_prob(z)

    def of_step(self, z, log_q, log_p, extra=None):
        """Return the weighted difference of each draw, or its sum for each context."""
        if self.reservoir is not None:
            return log_p - log_q
        shares = tf.nn.softmax(tf.stop_gradient(log_p - log_q), 0)
        values = shares * (log_p - log_q)
        # Training takes means over draws, and the weights are those of a sum.
        return self.samples * values if log_q.shape.rank == 1 else tf.reduce_sum(values, 0)

    def rows_and_log_weights(self, model, x, context, seed, extra=None):
        """Return what `rows` does, and log weights if the points are draws of the model."""
        rows, log_weights = super().rows_and_log_weights(model, x, context, seed, extra)
        return rows, log_weights if self.draws else None

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        config = {
            **super().get_config(),
            "reservoir": keras.saving.serialize_keras_object(self.reservoir),
            "reservoir_log_prob": keras.saving.serialize_keras_object(self.reservoir_log_prob),
        }
        del config["gradient"]
        return config
