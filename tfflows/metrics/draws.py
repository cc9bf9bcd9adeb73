"""Metrics of draws of a model, by the importance weights that a target gives them."""

import keras
import tensorflow as tf

from tfflows import importance

__all__ = [
    "DrawMetric",
    "EffectiveSampleSize",
    "EvidenceLowerBound",
    "ImportanceWeightedBound",
    "LogNormalizer",
    "ParetoK",
]


class DrawMetric(keras.metrics.Mean):
    r"""The mean over steps, and over contexts, of a number of the draws of a step.

    Training with a loss of draws, such as ``losses.ReverseKL``, hands it the logarithms of

    .. math:: w_k = \frac{p(z_k)}{q(z_k)}, \qquad z_k \sim q

    p being the target itself, also where the loss anneals it. A subclass implements `of`.

    Parameters
    ----------
    name : str
        Name in the logs.
    dtype : str, optional
        Type of the sums.

    Examples
    --------
    >>> import tensorflow as tf
    >>> class Largest(DrawMetric):
    ...     def of(self, log_weights):
    ...         return tf.reduce_max(log_weights, 0)
    >>> metric = Largest("largest")
    >>> metric.update_state(tf.constant([-1.0, 2.0]))
    >>> float(metric.result())
    2.0
    """

    #: Whether training hands the metric the log weights of draws.
    of_draws = True

    def of(self, log_weights) -> tf.Tensor:
        """Return the number of each context.

        Parameters
        ----------
        log_weights : tf.Tensor
            ``log p - log q`` of each draw, ``[samples]``, or ``[samples, rows]`` with contexts.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement `of(log_weights)`.")

    def update_state(self, log_weights):
        """Add the draws of a step."""
        super().update_state(self.of(log_weights))


@keras.saving.register_keras_serializable(package="tfflows")
class EvidenceLowerBound(DrawMetric):
    r"""The evidence lower bound, :math:`\mathbb{E}_q[\log p(z) - \log q(z)] \le \log Z`, in nats.

    Parameters
    ----------
    name : str
        Name in the logs.
    dtype : str, optional
        Type of the sums.

    Examples
    --------
    >>> import keras, tfflows
    >>> from tensorflow_probability import distributions as tfd
    >>> target = tfd.MultivariateNormalDiag(loc=[2.0, -1.0])
    >>> flow = tfflows.Flow([tfflows.layers.Shift()], 2)
    >>> loss = tfflows.losses.ReverseKL(target.log_prob)
    >>> flow.compile(keras.optimizers.Adam(0.05), loss, metrics=[EvidenceLowerBound()])
    >>> history = flow.fit(epochs=2, steps_per_epoch=100, verbose=0, seed=0).history
    >>> -0.1 < history["elbo"][-1] < 0.1  # the target is normalized, log Z = 0
    True
    """

    def __init__(self, name: str = "elbo", dtype=None):
        super().__init__(name, dtype)

    def of(self, log_weights):
        """Return the mean of the logarithms."""
        return tf.reduce_mean(log_weights, 0)


@keras.saving.register_keras_serializable(package="tfflows")
class ImportanceWeightedBound(DrawMetric):
    r"""The bound of the K draws of a step, :math:`\log \frac1K \sum_k w_k`, in nats.

    In expectation it is below :math:`\log Z`, and the closer the more draws there are.

    Parameters
    ----------
    name : str
        Name in the logs.
    dtype : str, optional
        Type of the sums.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016), "Importance Weighted Autoencoders", arXiv:1509.00519.

    Examples
    --------
    >>> import tensorflow as tf
    >>> metric = ImportanceWeightedBound()
    >>> metric.update_state(tf.math.log([1.0, 3.0]))
    >>> round(float(metric.result()), 4)  # log 2
    0.6931
    """

    def __init__(self, name: str = "iw_bound", dtype=None):
        super().__init__(name, dtype)

    def of(self, log_weights):
        """Return the logarithm of the mean weight."""
        return importance.log_normalizer(log_weights)[0]


@keras.saving.register_keras_serializable(package="tfflows")
class EffectiveSampleSize(DrawMetric):
    r"""How many draws of the target the draws of a step are worth, as a share of them.

    .. math:: \frac{\left(\sum_k w_k\right)^2}{K \sum_k w_k^2}

    Parameters
    ----------
    name : str
        Name in the logs.
    dtype : str, optional
        Type of the sums.

    Examples
    --------
    >>> import tensorflow as tf
    >>> metric = EffectiveSampleSize()
    >>> metric.update_state(tf.constant([0.0, 0.0, -100.0, -100.0]))
    >>> float(metric.result())
    0.5
    """

    def __init__(self, name: str = "ess", dtype=None):
        super().__init__(name, dtype)

    def of(self, log_weights):
        """Return the share."""
        return importance.effective_sample_size(log_weights)


@keras.saving.register_keras_serializable(package="tfflows")
class ParetoK(DrawMetric):
    """The shape of the tail of the weights, as of `tfflows.importance.pareto_k`; trust below 0.7.

    Parameters
    ----------
    name : str
        Name in the logs.
    dtype : str, optional
        Type of the sums.

    Raises
    ------
    ValueError
        In training, if a step has fewer than 25 draws.

    Examples
    --------
    >>> import tensorflow as tf
    >>> metric = ParetoK()
    >>> metric.update_state(tf.linspace(-1.0, 1.0, 200))  # no tail at all
    >>> float(metric.result()) < 0.3
    True
    """

    def __init__(self, name: str = "pareto_k", dtype=None):
        super().__init__(name, dtype)

    def of(self, log_weights):
        """Return k."""
        return importance.pareto_k(log_weights)


@keras.saving.register_keras_serializable(package="tfflows")
class LogNormalizer(keras.metrics.Metric):
    r"""The logarithm of the normalizer of the target by all draws since the last reset.

    .. math:: \log Z = \log \int p(z)\, dz \approx \log \frac1N \sum_n w_n

    In the logs there are two numbers, under the name and the name with ``_error``, the standard
    error. During training the model changes from draw to draw, which leaves the mean weight
    unbiased.

    Parameters
    ----------
    name : str
        Name in the logs.
    dtype : str, optional
        Type of the sums.

    Raises
    ------
    ValueError
        In training, if there are contexts, each of which has a normalizer of its own.

    Examples
    --------
    >>> import tensorflow as tf
    >>> metric = LogNormalizer()
    >>> metric.update_state(tf.math.log([1.0, 3.0]))
    >>> {name: round(float(value), 3) for name, value in metric.result().items()}
    {'log_z': 0.693, 'log_z_error': 0.354}
    """

    of_draws = True

    def __init__(self, name: str = "log_z", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.log_sum = self._variable("log_sum")
        self.log_sum_of_squares = self._variable("log_sum_of_squares")
        self.count = self.add_variable((), "zeros", name="count")

    def _variable(self, name: str):
        return self.add_variable((), keras.initializers.Constant(-float("inf")), name=name)

    def update_state(self, log_weights):
        """Add the draws of a step."""
        log_weights = tf.cast(log_weights, self.dtype)
        if log_weights.shape.rank != 1:
            raise ValueError(
                "LogNormalizer adds up the draws of one target, log weights [samples]; got "
                f"{tuple(log_weights.shape)}. With contexts use ImportanceWeightedBound."
            )
        for variable, power in ((self.log_sum, 1.0), (self.log_sum_of_squares, 2.0)):
            both = tf.concat([[variable.value], power * log_weights], 0)
            variable.assign(tf.reduce_logsumexp(both))
        self.count.assign_add(tf.cast(tf.size(log_weights), self.dtype))

    def result(self):
        """Return both numbers by their names."""
        count = tf.convert_to_tensor(self.count)
        share = tf.exp(self.log_sum_of_squares - 2.0 * self.log_sum) - 1.0 / count
        return {
            self.name: self.log_sum - tf.math.log(count),
            f"{self.name}_error": tf.sqrt(tf.maximum(share, 0.0)),
        }

    def reset_state(self):
        """Forget all draws."""
        for variable in (self.log_sum, self.log_sum_of_squares):
            variable.assign(-float("inf"))
        self.count.assign(0.0)
