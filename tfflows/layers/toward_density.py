"""What the layers share that move points at random toward a density, by steps that anneal."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tfflows.layers.masked_autoregressive import deserialize
from tfflows.layers.transform import Transform

__all__ = ["TowardDensity"]


class TowardDensity(Transform):
    r"""A layer of K random steps, the k-th toward a density known up to a constant.

    .. math::
        \log \mu_k = (1 - \lambda_k) \log \mu_0 + \lambda_k \log \mu, \qquad
        \lambda_k = a + (b - a) \frac{k}{K}, \quad k = 1, \dots, K

    or :math:`\mu_k = \mu` where there is no :math:`\mu_0`. From latent to data the steps are taken
    in this order, from data to latent in the opposite one.

    Parameters
    ----------
    target_log_prob_fn : callable
        :math:`\log \mu`: ``f(x)`` maps points ``[..., *event_shape]`` to ``[...]``. A tfflows
        model is one; its weights train with the layer, and one with a context sees that of the
        flow.
    steps : int
        K.
    start_log_prob_fn : callable, optional
        :math:`\log \mu_0`, as the target.
    between : tuple of float
        :math:`a` and :math:`b`.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    TypeError
        If a density is not callable.
    ValueError
        If `steps` is not a positive int, or `between` is no part of the way from 0 to 1. When
        built: if a density answers in another shape, is of other events, or is not exact.
    """

    def __init__(
        self,
        target_log_prob_fn: Callable,
        steps: int,
        start_log_prob_fn: Callable | None = None,
        between: tuple[float, float] = (0.0, 1.0),
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name, function in (
            ("target_log_prob_fn", target_log_prob_fn),
            ("start_log_prob_fn", start_log_prob_fn),
        ):
            if not (callable(function) or (function is None and name[0] == "s")):
                raise TypeError(
                    f"{name} must be a callable f(x) that returns log densities; got {function!r}."
                )
        if not isinstance(steps, int) or steps < 1:
            raise ValueError(f"steps must be a positive int; got {steps!r}.")
        first, last = (float(end) for end in between)
        if not 0.0 <= first <= last <= 1.0:
            raise ValueError(
                f"between must be two numbers a <= b between 0 and 1; got {tuple(between)}."
            )
        if start_log_prob_fn is None and (first, last) != (0.0, 1.0):
            raise ValueError(
                f"between={tuple(between)} is a part of the way from one density to another; give "
                "start_log_prob_fn=..., where it begins."
            )
        self.target_log_prob_fn, self.start_log_prob_fn = target_log_prob_fn, start_log_prob_fn
        self.steps, self.between = steps, (first, last)

    def build(self, event_shape, context_shape=None):
        """Check the densities for events of `event_shape`."""
        self.event_shape = tuple(event_shape)
        self.context_shape = None if context_shape is None else tuple(context_shape)
        rows = tf.zeros([3, *self.event_shape], self.variable_dtype)
        context = None
        if self.context_shape is not None:
            context = tf.zeros([3, *self.context_shape], self.variable_dtype)
        for function in self._functions:
            self._check(function, context)
            found = tf.convert_to_tensor(self._of(function, rows, context))
            if tuple(found.shape) != (3,):
                raise ValueError(
                    "a log density must have one number for each point, shape (3,) for points of "
                    f"shape {tuple(rows.shape)}; {function!r} returned {tuple(found.shape)}."
                )
        self.built = True

    def _check(self, function, context) -> None:
        """Raise a ValueError if a model is not one of such events."""
        if not any(function is model for model in self._models):
            return
        wanted = (self.event_shape, self.context_shape)
        if tuple(function.event_shape) != wanted[0] or (
            function.context_shape is not None and function.context_shape != wanted[1]
        ):
            raise ValueError(
                f"a model as the density here must have event_shape={wanted[0]} and "
                f"context_shape={wanted[1]} or None; it has {function.event_shape} and "
                f"{function.context_shape}."
            )
        if not function.exact:
            raise ValueError("a model as the density must be exact; that of this one is a bound.")

    @property
    def _functions(self) -> list:
        return [f for f in (self.start_log_prob_fn, self.target_log_prob_fn) if f is not None]

    @property
    def _models(self) -> list:
        return [f for f in self._functions if hasattr(f, "rsample_and_log_prob")]

    @property
    def adapts(self) -> bool:
        """Whether a model among the densities may take anything from data."""
        return bool(self._models)

    @property
    def needs_adapt(self) -> bool:
        """Whether a model among the densities still waits to see data."""
        return any(model.needs_adapt for model in self._models)

    def adapt(self, x, context=None, sample_weight=None):
        """Adapt the models among the densities to the points as they come here."""
        for model in self._models:
            given = context if model.context_shape is not None else None
            model.adapt(x, context=given, sample_weight=sample_weight)

    def keep_start(self):
        """Let the models among the densities stay at their start."""
        for model in self._models:
            if model.needs_adapt:
                model.adapt_without_data()

    def _of(self, function, x, context):
        """Return one log density of points."""
        if getattr(function, "context_shape", None) is not None:
            return tf.cast(function(x, context=context), x.dtype)
        return tf.cast(function(x), x.dtype)

    def _log_probs(self, x, context) -> list:
        """Return the log densities of points, of which `_mix` makes that of a step."""
        return [self._of(function, x, context) for function in self._functions]

    def _mix(self, values, number):
        """Return what step `number`, from 1, makes of values of the start and of the target."""
        if len(values) == 1:
            return values[0]
        share = self._share(number, values[0].dtype)
        return (1.0 - share) * values[0] + share * values[1]

    def _share(self, number, dtype):
        first, last = self.between
        return first + (last - first) * tf.cast(number, dtype) / self.steps

    def _sum(self, values):
        """Return the sums over the coordinates of events."""
        return tf.reduce_sum(values, list(range(-len(self.event_shape), 0)))

    def _of_rows(self, values):
        """Return one value for each event, as it multiplies or selects whole events."""
        return tf.reshape(values, tf.concat([tf.shape(values), [1] * len(self.event_shape)], 0))

    def get_config(self):
        """Return the constructor's arguments, functions by their registered names."""
        functions = {
            name: None if function is None else keras.saving.serialize_keras_object(function)
            for name, function in (
                ("target_log_prob_fn", self.target_log_prob_fn),
                ("start_log_prob_fn", self.start_log_prob_fn),
            )
        }
        return {
            **super().get_config(),
            **functions,
            "steps": self.steps,
            "between": list(self.between),
        }

    @classmethod
    def from_config(cls, config):
        """Build the layer from `get_config`'s answer."""
        names = ("target_log_prob_fn", "start_log_prob_fn")
        return cls(**{k: deserialize(v) if k in names else v for k, v in config.items()})
