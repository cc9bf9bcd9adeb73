"""Distributions that ask a model, with each question, what its weights describe now."""

import math

import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfflows.privates import is_increasing

__all__ = ["FlowDistribution", "LiveDistribution"]


def _of_value(question: str):
    def ask(self, value, **kwargs):
        answer = getattr(self._now(), question)(self._fresh(value), **kwargs)
        return self._without_batch_of_one(answer)

    return ask


def _of_nothing(question: str, event_axes: int = 0):
    def ask(self, **kwargs):
        answer = getattr(self._now(), question)(**kwargs)
        return self._without_batch_of_one(answer, event_axes * self.event_shape.rank)

    return ask


def _batches() -> dict:
    """Say that the batch of a distribution is that of its contexts, by which TFP slices it."""

    def rank(distribution):
        return len(distribution.model.context_shape or ())

    return {"context": tfp.util.ParameterProperties(event_ndims=rank)}


class _Live:
    """Each question of a distribution, handed on to what the weights of a model describe now.

    Nothing that is computed from weights is kept, and TFP, which keeps the results of a bijector
    for a tensor in one global dictionary, is asked about a fresh tensor each time.
    """

    def _start(self, model, context, weights, name) -> None:
        self._model = model
        self._context = None if context is None else tf.convert_to_tensor(context)
        # Attributes are where tf.Module looks for variables, also from within another distribution.
        self._weights = [w.value for w in model.trainable_weights] if weights is None else weights
        inner = len(model.context_shape or ())
        # Networks see batches alone: a single context is a batch of one on its way to them.
        self._single = self._context is not None and self._context.shape.rank == inner
        if not hasattr(model, "base") or model.base.conditional:
            like = self._now()
            self._static_shapes, own_name = (like.batch_shape, like.event_shape), like.name
        else:
            # That of a flow is like its base; networks would run to tell what is known.
            like = model.base.distribution
            batch = [] if self._context is None else self._context.shape
            batch = tf.TensorShape(batch)[: max(len(batch) - inner, 0)] + [1] * self._single
            self._static_shapes = batch, tf.TensorShape(model.event_shape)
            own_name = model.name
        tfd.Distribution.__init__(
            self,
            dtype=like.dtype,
            reparameterization_type=like.reparameterization_type,
            validate_args=like.validate_args,
            allow_nan_stats=like.allow_nan_stats,
            parameters={"model": model, "context": self._context, "weights": weights, "name": name},
            name=name or own_name,
        )

    @property
    def model(self):
        """The model whose weights it follows."""
        return self._model

    @property
    def context(self):
        """The contexts that it was made for, or None."""
        return self._context

    @property
    def variables(self):
        """The variables of the model's weights."""
        return tuple(weight.value for weight in self._model.weights)

    @property
    def trainable_variables(self):
        """The variables of those weights of the model that are not frozen."""
        return tuple(weight.value for weight in self._model.trainable_weights)

    @property
    def non_trainable_variables(self):
        """The variables of the model's other weights."""
        return tuple(weight.value for weight in self._model.non_trainable_weights)

    def _now(self):
        context = self._context[tf.newaxis] if self._single else self._context
        return self._model.plain_distribution(context)

    def _fresh(self, value, event_rank: int | None = None):
        value = tf.cast(tf.identity(value), self.dtype)
        rank = self.event_shape.rank if event_rank is None else event_rank
        return tf.expand_dims(value, -1 - rank) if self._single else value

    def _without_batch_of_one(self, answer, event_rank: int = 0):
        return tf.squeeze(answer, [-1 - event_rank]) if self._single else answer

    def _batch_shape(self):
        batch_shape = self._static_shapes[0]
        return batch_shape[:-1] if self._single else batch_shape

    def _batch_shape_tensor(self):
        batch_shape = self._now().batch_shape_tensor()
        return batch_shape[:-1] if self._single else batch_shape

    def _event_shape(self):
        return self._static_shapes[1]

    def _event_shape_tensor(self):
        return self._now().event_shape_tensor()

    def _call_sample_n(self, sample_shape, seed, **kwargs):
        drawn = self._now().sample(sample_shape, seed=seed, **kwargs)
        return self._without_batch_of_one(drawn, self.event_shape.rank)

    def _sample_and_log_prob(self, sample_shape, seed, **kwargs):
        now = self._now()
        drawn, log_prob = now.experimental_sample_and_log_prob(sample_shape, seed=seed, **kwargs)
        drawn = self._without_batch_of_one(drawn, self.event_shape.rank)
        return drawn, self._without_batch_of_one(log_prob)

    def _quantile(self, value, **kwargs):
        answer = self._now().quantile(self._fresh(value, 0), **kwargs)
        return self._without_batch_of_one(answer, self.event_shape.rank)

    def _default_event_space_bijector(self, *args, **kwargs):
        return self._now().experimental_default_event_space_bijector(*args, **kwargs)

    _log_prob = _of_value("log_prob")
    _prob = _of_value("prob")
    _log_cdf = _of_value("log_cdf")
    _cdf = _of_value("cdf")
    _log_survival_function = _of_value("log_survival_function")
    _survival_function = _of_value("survival_function")
    _mean = _of_nothing("mean", 1)
    _variance = _of_nothing("variance", 1)
    _stddev = _of_nothing("stddev", 1)
    _covariance = _of_nothing("covariance", 2)
    _mode = _of_nothing("mode", 1)
    _entropy = _of_nothing("entropy")


class LiveDistribution(_Live, tfd.Distribution):
    """A distribution that always describes the weights of a model as they are.

    Parameters
    ----------
    model : DensityModel
        A model with ``plain_distribution(context)``, TFP's distribution of its present weights.
    context : tf.Tensor, optional
        Contexts ``[..., *context_shape]``, the batch of the distribution.
    weights : list of tf.Variable, optional
        What TensorFlow passes when it makes a distribution again; by default those of the model.
    name : str, optional
        Name; by default that of the plain distribution.

    Examples
    --------
    >>> import tfflows
    >>> scale = tf.Variable(1.0)
    >>> d = LiveDistribution(tfflows.DistributionModel(tfd.Normal(0.0, scale)))
    >>> _ = scale.assign(2.0)
    >>> print(d.stddev().numpy(), len(d.trainable_variables))
    2.0 1
    """

    def __init__(self, model, context=None, weights=None, name: str | None = None):
        self._start(model, context, weights, name)

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return _batches()


class FlowDistribution(_Live, tfd.TransformedDistribution):
    r"""A transformed distribution that always describes the weights of a model as they are.

    It may be kept while the model trains, and be trained itself, as the surrogate of
    ``tfp.vi.fit_surrogate_posterior`` for example: `trainable_variables` are those of the model. A
    ``tf.function`` takes it as an argument, and another one of the same model without a new trace.
    Slices of its batch are those of the contexts.

    Events of one coordinate have, for an increasing chain b of bijectors,

    .. math:: P(X \le x) = P(Z \le b^{-1}(x))

    and the complement for a decreasing one, where the base has a ``cdf``.

    Parameters
    ----------
    model : DensityModel
        A model with ``plain_distribution(context)``, TFP's transformed distribution of its present
        weights.
    context : tf.Tensor, optional
        Contexts ``[..., *context_shape]``, the batch of the distribution.
    weights : list of tf.Variable, optional
        What TensorFlow passes when it makes a distribution again; by default those of the model.
    name : str, optional
        Name; by default that of the plain distribution. A joint distribution takes a name that is
        given here for that of the variable.

    Raises
    ------
    NotImplementedError
        By ``cdf``, ``log_cdf``, ``survival_function``, ``log_survival_function`` and ``quantile``,
        if events have several coordinates, or the maps are those of a circle.

    Examples
    --------
    >>> import tfflows
    >>> flow = tfflows.Flow([tfflows.layers.Scale(2.0)], event_shape=())
    >>> d = flow.distribution()
    >>> print(d.cdf(0.0).numpy(), d.quantile(0.975).numpy().round(2))
    0.5 3.92
    """

    def __init__(self, model, context=None, weights=None, name: str | None = None):
        self._start(model, context, weights, name)

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return _batches()

    @property
    def distribution(self):
        """The base distribution."""
        return self._model.plain_distribution(self._context).distribution

    @property
    def bijector(self):
        """The bijector, latent to data, that the weights describe now."""
        return self._model.plain_distribution(self._context).bijector

    def experimental_local_measure(self, y, backward_compat=False, **kwargs):
        """Return the log density and the tangent space; see `tfd.Distribution`."""
        now, y = self._now(), self._fresh(y)
        log_prob, space = now.experimental_local_measure(y, backward_compat, **kwargs)
        return self._without_batch_of_one(log_prob), space

    def _log_prob(self, value, **kwargs):
        if kwargs:
            return super()._log_prob(value, **kwargs)
        # TFP takes a detour by the forward log-determinant, which an autoregressive map that is
        # not in its cache pays for dearly.
        now, y = self._now(), self._fresh(value)
        x = now.bijector.inverse(y)
        ildj = now.bijector.inverse_log_det_jacobian(y, event_ndims=self.event_shape.rank)
        return self._without_batch_of_one(now.distribution.log_prob(x) + ildj)

    def _log_cdf(self, value, **kwargs):
        return self._up_to(value, "log_cdf", "log_survival_function", (-math.inf, 0.0), kwargs)

    def _cdf(self, value, **kwargs):
        return self._up_to(value, "cdf", "survival_function", (0.0, 1.0), kwargs)

    def _log_survival_function(self, value, **kwargs):
        return self._up_to(value, "log_survival_function", "log_cdf", (0.0, -math.inf), kwargs)

    def _survival_function(self, value, **kwargs):
        return self._up_to(value, "survival_function", "cdf", (1.0, 0.0), kwargs)

    def _quantile(self, value, **kwargs):
        now = self._now()
        rises = self._rises(now.bijector, "quantile", kwargs)
        batch = tf.zeros(now.batch_shape_tensor(), self.dtype)
        p = self._fresh(value, 0) + batch
        x = now.bijector.forward(
            now.distribution.quantile(_chosen(rises, lambda: p, lambda: 1 - p))
        )
        return self._without_batch_of_one(x, self.event_shape.rank)

    def _up_to(self, value, rising: str, falling: str, ends: tuple, kwargs):
        now, y = self._now(), self._fresh(value)
        rank, base = self.event_shape.rank, now.distribution
        rises = self._rises(now.bijector, rising, kwargs)
        batch = tf.zeros(
            tf.concat([now.batch_shape_tensor(), base.event_shape_tensor()], 0), y.dtype
        )
        reached = now.bijector.forward(batch)
        # What is outside the range of the bijectors lies beyond all that they reach, on one side.
        log_det = now.bijector.inverse_log_det_jacobian(tf.identity(y), rank)
        outside = tf.logical_not(tf.math.is_finite(log_det))
        beyond = tf.where(y < reached, tf.constant(ends[0], y.dtype), ends[1])
        beyond = tf.where(tf.math.is_nan(y), y, beyond)
        axes = list(range(-rank, 0))
        beyond = tf.reduce_sum(beyond, axes)
        safe = tf.where(
            tf.reshape(outside, tf.concat([tf.shape(outside), [1] * rank], 0)), reached, y
        )
        x = now.bijector.inverse(safe)
        answer = _chosen(rises, lambda: getattr(base, rising)(x), lambda: getattr(base, falling)(x))
        return self._without_batch_of_one(tf.where(outside, beyond, answer))

    def _rises(self, bijector, question: str, kwargs):
        """Whether the bijector of events of one coordinate is increasing, for each of a batch."""
        if self.event_shape.num_elements() != 1:
            raise NotImplementedError(
                f"{question} is that of events of one coordinate, shape () or (1,); the events of "
                f"{self.name} have shape {tuple(self.event_shape)}."
            )
        if kwargs:
            raise NotImplementedError(
                f"{question} of {self.name} takes no further arguments; got {', '.join(kwargs)}."
            )
        rises = is_increasing(bijector)
        for _ in range(self.event_shape.rank):
            rises = rises[..., 0] if rises.shape.rank else rises
        return rises


def _chosen(condition, yes, no):
    known = tf.get_static_value(condition)
    if known is not None and known.all() == known.any():
        return yes() if known.all() else no()
    return tf.where(condition, yes(), no())
