"""The loss of variational inference: a model fitted to a density instead of to data."""

import keras

from tfflows.losses.target_loss import TargetLoss

__all__ = ["ReverseKL"]


@keras.saving.register_keras_serializable(package="tfflows")
class ReverseKL(TargetLoss):
    r"""The reverse Kullback-Leibler divergence to a density known up to a constant.

    .. math::
        \mathrm{KL}(q \,\|\, p) = \mathbb{E}_{z \sim q}\left[\log q(z) - \log p(z)\right]

    estimated by draws that depend on the weights of the model, so that gradients flow through
    them. It needs no data: ``fit(epochs=..., steps_per_epoch=...)``. With a context the
    divergence is that of each context, ``fit(context=...)``. For a target that is not normalized
    the loss is the negative evidence lower bound (ELBO), up to whose constant it is minimized.

    Parameters
    ----------
    target_log_prob_fn : callable
        ``f(z)`` maps draws ``[samples, *event_shape]`` to log densities ``[samples]``; for a model
        with contexts ``f(z, context)``, which is called with ``context=``, maps
        ``[samples, rows, *event_shape]`` and ``[rows, *context_shape]`` to ``[samples, rows]``. To
        save a model compiled with it, register it with
        ``@keras.saving.register_keras_serializable()``.
    samples : int
        Draws in a step, for each context where there is one.
    gradient : str
        ``"total"``, or ``"path"``, which leaves out a part that is zero on average: it scores each
        draw once more, and its noise vanishes as the model comes near the target.
    annealing : Annealing or AdaptiveAnnealing, optional
        Makes the target of a step, an easier one at first.
    name : str
        Name of the loss.

    Raises
    ------
    TypeError
        If `target_log_prob_fn` is not callable.
    ValueError
        If `samples` is not positive, or there is no such gradient; in training, if the target
        returns another shape.

    References
    ----------
    Rezende and Mohamed (2015), "Variational Inference with Normalizing Flows", arXiv:1505.05770;
    for ``"path"``, Roeder, Wu and Duvenaud (2017), "Sticking the Landing", arXiv:1703.09194, and
    Vaitl et al. (2022), arXiv:2207.08219.

    Examples
    --------
    >>> import keras, tensorflow as tf, tfflows
    >>> from tensorflow_probability import distributions as tfd
    >>> target = tfd.MultivariateNormalDiag(loc=[2.0, -1.0])
    >>> flow = tfflows.IAF(2, transforms=1, hidden_units=(8,))
    >>> flow.compile(keras.optimizers.Adam(0.05), loss=ReverseKL(target.log_prob, samples=64))
    >>> flow.fit(epochs=1, steps_per_epoch=200, verbose=0, seed=0).history["loss"][0] < 1.0
    True
    >>> tf.reduce_mean(flow.sample(1000, seed=0), 0).numpy().round().tolist()
    [2.0, -1.0]
    """

    def __init__(
        self,
        target_log_prob_fn,
        samples: int = 128,
        gradient: str = "total",
        annealing=None,
        name: str = "reverse_kl",
    ):
        super().__init__(target_log_prob_fn, samples, gradient, annealing, name)

    def of(self, z, log_q, log_p):
        """Return ``log q - log p`` of each draw."""
        return log_q - log_p
