"""The divergence that covers a density known up to a constant, by weighted draws of the model."""

import keras
import tensorflow as tf

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

    Parameters
    ----------
    target_log_prob_fn : callable
        As for `ReverseKL`.
    samples : int
        Draws in a step, for each context where there is one.
    name : str
        Name of the loss.

    Raises
    ------
    TypeError
        If `target_log_prob_fn` is not callable.
    ValueError
        If `samples` is not positive.

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

    def __init__(self, target_log_prob_fn, samples: int = 128, name: str = "forward_kl"):
        super().__init__(target_log_prob_fn, samples, "total", name)

    def rows(self, model, x, context, seed):
        """Return the weighted difference of each draw, or its sum for each context."""
        distribution = model.distribution(context)
        z = tf.stop_gradient(distribution.sample([self.samples], seed=seed))
        log_q = distribution.log_prob(z)
        log_p = self.target(z, log_q, context)
        shares = tf.nn.softmax(tf.stop_gradient(log_p - log_q), 0)
        values = shares * (log_p - log_q)
        # Training takes means over draws, and the weights are those of a sum.
        return self.samples * values if context is None else tf.reduce_sum(values, 0)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        config = super().get_config()
        del config["gradient"]
        return config
