"""The base class of all models: whatever has a density can be fitted, scored and sampled."""

import functools
import itertools
import math
import os
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfflows import diagnostics
from tfflows.inputs import validation
from tfflows.inputs.columns import Columns, columns_config, restore_columns
from tfflows.inputs.datasets import raising_value_errors
from tfflows.inputs.keywords import refuse_misspelled
from tfflows.losses.base import CallableLoss, DensityLoss
from tfflows.models import building
from tfflows.models.one_context import of_batches
from tfflows.privates import automatic_config, forgetting_results
from tfflows.saving.model_files import export_model, save_model
from tfflows.scoring import calls
from tfflows.scoring.bound import (
    importance_weighted_bound,
    mean_of_estimates,
    require_exact,
)
from tfflows.scoring.operation import Operation
from tfflows.scoring.predict import predict
from tfflows.scoring.programs import Programs
from tfflows.scoring.sample_frame import sample_frame
from tfflows.training import adaptation, compilation, evaluation, finiteness, loop, on_batch, step

__all__ = ["DensityModel"]

# What the package asks a model for. A subclass may override some of it; nobody else has a use for
# it.
_ASKED = {
    "adapt_parts",
    "adapt_without_data",
    "codimension",
    "components",
    "context_columns",
    "dequantizes",
    "event_columns",
    "explain_outside",
    "first_non_finite",
    "inspect",
    "operations",
    "outside_support",
    "plain_distribution",
    "programs",
    "training_state",
    "unadapted_layers",
}


@keras.saving.register_keras_serializable(package="tfflows")
class DensityModel(keras.Model):
    r"""A Keras model of a probability density, given a context or not.

    A subclass implements ``distribution(context=None)``; the forward pass of the model is
    :math:`\log p(x \mid c)`, and `fit` maximizes its weighted mean over the rows of a table.

    Parameters
    ----------
    event_shape : int or tuple of int
        Shape of an event; ``()`` for scalars.
    context_shape : int or tuple of int, optional
        Shape of a context; None for a model without one.
    known_columns : dict, optional
        What `get_config` says is known of the columns of the data, such as names.
    **kwargs
        Keras's own arguments: ``name``, ``dtype``, ``trainable``.

    Raises
    ------
    ValueError
        If a shape holds a size that is not positive, or the dtype is that of half precision.

    Examples
    --------
    A Gaussian whose mean and scale a network predicts from eight numbers:

    >>> import keras, tensorflow as tf
    >>> from tensorflow_probability import distributions as tfd
    >>> class LazyGaussian(DensityModel):
    ...     def __init__(self, **kwargs):
    ...         super().__init__(event_shape=(), context_shape=8, **kwargs)
    ...         self.network = keras.layers.Dense(2)
    ...     def distribution(self, context=None):
    ...         loc, log_scale = tf.unstack(self.network(context), axis=-1)
    ...         return tfd.Normal(loc, tf.exp(log_scale))
    >>> LazyGaussian().log_prob(tf.zeros([5]), context=tf.zeros([5, 8])).shape
    TensorShape([5])
    """

    built: bool
    train_function: Any  # Keras's; None until it is made
    event_columns: Columns  # what is known of the columns of the data
    context_columns: Columns

    def __init__(self, event_shape, context_shape=None, *, known_columns=None, **kwargs):
        refuse_misspelled(type(self), kwargs)
        super().__init__(**{"autocast": False, **kwargs})
        if self.dtype_policy.name in ("mixed_float16", "float16", "bfloat16"):
            raise ValueError(
                f"{self.dtype_policy.name} loses the small numbers that log-determinants are made "
                'of; use "mixed_bfloat16", which keeps them in float32, or "float32".'
            )
        self.event_shape = validation.as_shape(event_shape, "event_shape")
        self.context_shape = (
            None if context_shape is None else validation.as_shape(context_shape, "context_shape")
        )
        self.programs = Programs()
        restore_columns(self, known_columns)

    def __call__(self, x, context=None, *args, **kwargs):
        """As in Keras, which would take the columns of a frame as they stand, without names."""
        x = validation.frame_by_name(x, "x", self.event_columns)
        if context is not None:
            kwargs["context"] = validation.frame_by_name(context, "context", self.context_columns)
        return super().__call__(x, *args, **kwargs)

    def __dir__(self):
        """List what a user calls, for completion."""
        return sorted(set(super().__dir__()) - _ASKED)

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        # Of a model that knows of plain distributions, those of `distribution` ask by themselves.
        if "distribution" in vars(cls) and not hasattr(cls, "plain_distribution"):
            cls.distribution = of_batches(cls.distribution)  # type: ignore[method-assign]

    def add_weight(self, *args, **kwargs):
        """Add a weight, as in Keras; under a mixed policy, too, it is read in its own type."""
        return super().add_weight(*args, **{"autocast": self.autocast, **kwargs})

    @property
    def event_size(self) -> int:
        """Number of coordinates of an event."""
        return math.prod(self.event_shape)

    def distribution(self, context=None) -> tfd.Distribution:
        """Return the distribution that the weights describe now.

        It is valid until the weights change; `log_prob` and `sample` of the model always follow
        them.

        Parameters
        ----------
        context : tf.Tensor, optional
            Contexts ``[..., *context_shape]``, the batch of the distribution. A method of yours
            sees one batch axis or more: a single context reaches it as a batch of one.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not implement `distribution(context=None)`."
        )

    build = building.build
    get_build_config = building.get_build_config
    build_from_config = building.build_from_config

    @automatic_config
    def get_config(self):
        """Return the constructor's arguments, as in Keras, and what is known of the data."""
        return {**super().get_config(), **columns_config(self)}

    @classmethod
    def from_config(cls, config):
        """Build the model, weights included, from `get_config`'s answer."""
        known = (config := dict(config)).pop("known_columns", None)  # a subclass need not take it
        model = super().from_config(config)
        model.build()
        restore_columns(model, known)
        return model

    def load_weights(self, filepath, **kwargs):
        """Load weights from a file that `save_weights` wrote, as in Keras."""
        self.build()
        super().load_weights(filepath, **kwargs)

    @property
    def exact(self) -> bool:
        """Whether `log_prob` is the log density whatever the seed, and not a bound of it."""
        return True

    @property
    def estimates(self) -> bool:
        """Whether `log_prob` estimates a log-determinant, so that draws of it may be averaged."""
        return False

    @property
    def dequantizes(self) -> bool:
        """Whether the model itself makes data on a grid continuous."""
        return False

    @property
    def codimension(self) -> int:
        """How many coordinates follow from the others, as the last of parts of a whole does."""
        return 0

    @forgetting_results()
    def call(self, x, context=None, training=None, seed=None):
        """Return the log density of `x`, which may be the pair ``(x, context)``.

        Where it is a bound, it is that of one draw by the seed, a fixed one by default.
        """
        x, context = validation.split_pair(x, context)
        context = self._context(context)
        x = validation.check_event(x, self.event_shape, self.variable_dtype)
        x = tf.cast(x, self.variable_dtype)
        validation.check_pair(x, context, self.event_shape, self.context_shape)
        if not self._draws:
            return self._log_density(x, context)
        seed = validation.FIXED_SEED if seed is None else seed
        return self._log_density(x, context, validation.check_seed(seed))

    def compute_output_shape(self, x_shape, context_shape=None):
        """Return the batch shape of the events."""
        if x_shape and isinstance(x_shape[0], (tuple, list)):
            x_shape, context_shape = x_shape
        validation.check_event_shape(tuple(x_shape), self.event_shape)
        context_shape = None if context_shape is None else tuple(context_shape)
        validation.check_context_shape(context_shape, self.context_shape)
        return tuple(x_shape[: len(x_shape) - len(self.event_shape)])

    def _context(self, context):
        shape, columns = self.context_shape, self.context_columns
        context = validation.check_context(context, shape, self.variable_dtype, columns)
        return None if context is None else tf.cast(context, self.variable_dtype)

    def _log_density(self, x, context=None, seed=None):
        log_prob = self.distribution(context).log_prob(tf.identity(x))
        # Outside the support nothing moves the density, neither the point nor a weight.
        nothing = tf.constant(-math.inf, log_prob.dtype)
        return tf.where(tf.equal(log_prob, nothing), nothing, log_prob)

    # training

    def compile(
        self,
        optimizer="adam",
        loss=None,
        metrics=None,
        *,
        weighted_metrics=None,
        loss_weights=None,
        run_eagerly: bool = False,
        steps_per_execution="auto",
        jit_compile="auto",
        **kwargs,
    ) -> None:
        """Configure training.

        Parameters
        ----------
        optimizer : str or keras.optimizers.Optimizer
            A Keras 3 optimizer.
        loss : tfflows.losses.Loss or callable, optional
            By default the negative log-likelihood. Keras's ``f(y, log_prob)`` returns one value for
            each row; y is the context.
        metrics, weighted_metrics : list, optional
            tfflows metrics, your own Keras metrics, or callables ``f(y, log_prob)`` that return one
            value for each row, all weighted by the sample weights. Metrics of draws, such as
            `tfflows.metrics.EffectiveSampleSize`, are for losses that draw.
        loss_weights
            Refused: there is one loss.
        run_eagerly : bool
            Run step by step in Python, to debug.
        steps_per_execution : "auto" or int
            Batches in one call of the compiled program; "auto" chooses.
        jit_compile : "auto" or bool
            Whether XLA compiles the program.
        **kwargs
            Keras's own further arguments.

        Raises
        ------
        TypeError
            If the optimizer is not one of Keras 3, or the loss is neither callable nor a loss.
        ValueError
            If a loss or metric compares targets with predictions, or if there are `loss_weights`.
        """
        used, metrics, of_draws = compilation.check_arguments(
            self, optimizer, loss, (metrics, weighted_metrics), steps_per_execution, loss_weights
        )
        auto_steps = steps_per_execution == "auto"
        super().compile(
            optimizer=optimizer,
            weighted_metrics=metrics or None,
            run_eagerly=run_eagerly,
            steps_per_execution=1 if auto_steps else steps_per_execution,
            jit_compile=jit_compile,
            **kwargs,
        )
        self.loss = used
        self.training_state = compilation.make_state(
            self, auto_steps, jit_compile == "auto", of_draws
        )

    def get_compile_config(self):
        """Return the arguments of `compile`."""
        config = super().get_compile_config()
        if config:
            state = self.training_state
            loss = self.loss.function if isinstance(self.loss, CallableLoss) else self.loss
            config["loss"] = keras.saving.serialize_keras_object(loss)
            config["steps_per_execution"] = "auto" if state.auto_steps else self.steps_per_execution
            config["jit_compile"] = "auto" if state.auto_jit else self.jit_compile
            if state.draw_metrics:
                config["metrics"] = [
                    keras.saving.serialize_keras_object(metric) for metric in state.draw_metrics
                ]
        return config

    def compile_from_config(self, config):
        """Compile as `get_compile_config` describes."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    fit = loop.fit
    evaluate = evaluation.evaluate

    predict = predict
    train_on_batch = on_batch.train_on_batch
    test_on_batch = on_batch.test_on_batch

    train_step = step.train_step
    test_step = step.test_step

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return the weighted mean loss over all replicas, with the losses that layers add."""
        return step.mean_loss(self, cast(DensityLoss, self.loss).of(y, y_pred), sample_weight)

    @property
    def metrics(self) -> list:
        """All metrics, those of draws last."""
        state = getattr(self, "training_state", None)
        return [*super().metrics, *([] if state is None else state.draw_metrics)]

    def make_train_function(self, force: bool = False):
        """Compile the training step; the result stops at the first value that is not finite."""
        if self.train_function is None or force:
            super().make_train_function(force=force)
            self.train_function = finiteness.stopping(self, self.train_function)
        return self.train_function

    # adaptation

    @property
    def unadapted_layers(self) -> list[str]:
        """Names of the layers that still wait to see data."""
        return []

    @property
    def needs_adapt(self) -> bool:
        """Whether a part of the model still waits to see data."""
        return bool(self.unadapted_layers)

    def adapt(self, x, context=None, sample_weight=None) -> None:
        """Set what the model takes from data, such as means and standard deviations.

        `fit` does this by itself once, from the training rows, or the first of a dataset.

        Parameters
        ----------
        x : array or tf.data.Dataset
            Events ``[N, *event_shape]``, or a dataset as for `fit`.
        context : array, optional
            Contexts ``[N, *context_shape]``.
        sample_weight : array, optional
            Non-negative weights ``[N]``.

        Raises
        ------
        ValueError
            If a coordinate is constant or data are not finite.
        """
        self.build()
        with raising_value_errors():
            adaptation.adapt(self, x, context, sample_weight)

    def adapt_parts(self, x, context, sample_weight) -> None:
        """Adapt the parts of the model to arrays; a model without such parts has nothing to do."""

    def adapt_without_data(self, context=None) -> None:
        """Let the parts of the model stay at their start; a context is taken notice of."""

    def inspect(self, x, context) -> None:
        """Warn of what the model makes of data before it is fitted to them."""

    def outside_support(self, x, context=None) -> np.ndarray:
        """Say for each row of `x` whether the density is zero there."""
        return np.isneginf(self.log_prob(x, context).numpy())

    def explain_outside(self, x, context=None) -> str:
        """Say what to do about rows `x` at which the density is zero."""
        return "Drop them, rescale the data, or use a base or layers whose support holds them."

    def first_non_finite(self, x, context=None) -> str:
        """Name the first part of the model whose output is not finite; an empty string if none."""
        return ""

    # The public calls. Each goes through one compiled function, which is differentiable and may
    # stand in another one; long tables pass through it chunk by chunk.

    def log_prob(
        self, x, context=None, batch_size: int | None = None, *, samples: int = 1, seed=None
    ):
        r"""Return :math:`\log p(x \mid c)` in nats.

        Where the model is not `exact`, the importance-weighted lower bound takes its place, over
        n draws of latent points,

        .. math:: \log \frac1n \sum_{s=1}^n \frac{p(x, z_s \mid c)}{q(z_s \mid x, c)}, \qquad
            z_s \sim q(z \mid x, c)

        which lies below :math:`\log p(x \mid c)` in expectation, and nearer with more draws. A
        model that `estimates` log-determinants gives the mean of its draws of the log density: of a
        bijection without bias, else a lower bound.

        Parameters
        ----------
        x : array or tf.Tensor
            Events ``[..., *event_shape]``.
        context : array or tf.Tensor, optional
            Contexts ``[..., *context_shape]``; one row serves all events.
        batch_size : int, optional
            Rows to score at once; memory grows with it, results do not depend on it.
        samples : int
            Number of draws of a bound; an exact density needs none.
        seed : int or pair of int, optional
            Seed of the draws; by default always the same.

        Returns
        -------
        tf.Tensor
            Log densities ``[...]``; minus infinity outside the support.

        Raises
        ------
        ValueError
            If a shape does not fit, a context is missing or not wanted, or `samples` is not
            positive.

        References
        ----------
        Burda, Grosse and Salakhutdinov (2016), "Importance Weighted Autoencoders",
        arXiv:1509.00519.
        """
        x, context = validation.split_pair(x, context)
        if isinstance(x, keras.KerasTensor):
            return self(x, context=context)
        if samples < 1:
            raise ValueError(f"samples must be a positive int; got {samples!r}.")
        operation = self._operation("log_prob", self._log_density)
        if samples > 1 and operation.draws:
            joined = mean_of_estimates if self.estimates else importance_weighted_bound
            bound = functools.partial(joined, self._log_density, samples)
            operation = self._operation(f"log_prob of {samples} draws", bound)
        program, chunks, join = calls.prepare(self, operation, x, context, batch_size, seed)
        return join(list(itertools.starmap(program, chunks)))

    def prob(self, x, context=None, batch_size: int | None = None, *, samples: int = 1, seed=None):
        """Return the density of `x`, or a bound of it; see `log_prob`."""
        return tf.exp(self.log_prob(x, context, batch_size, samples=samples, seed=seed))

    def sample(self, sample_shape=(), seed=None, context=None):
        """Draw events.

        Parameters
        ----------
        sample_shape : int or tuple of int
            Number of events, for each context where there is one.
        seed : int or pair of int, optional
            The same seed gives the same events, everywhere.
        context : array or tf.Tensor, optional
            Contexts ``[..., *context_shape]``.

        Returns
        -------
        tf.Tensor
            Events ``[*sample_shape, *batch of the context, *event_shape]``.

        Raises
        ------
        ValueError
            If the number is negative or a context is missing or not wanted.
        """
        return calls.draw(self, self._drawing("sample", self._sample), sample_shape, seed, context)

    sample_frame = sample_frame

    def sample_and_log_prob(self, sample_shape=(), seed=None, context=None):
        """Draw events and return their log densities, at the cost of drawing alone.

        Parameters
        ----------
        sample_shape, seed, context
            As in `sample`.

        Returns
        -------
        tuple of tf.Tensor
            Events as from `sample`, and their log densities.

        Raises
        ------
        NotImplementedError
            If the model is not `exact`: what it knows of its own samples is no density.
        """
        require_exact(self, "sample_and_log_prob", "sample() and then log_prob()")
        operation = self._drawing("sample_and_log_prob", self._sample_and_log_prob)
        return calls.draw(self, operation, sample_shape, seed, context)

    @forgetting_results()
    def rsample_and_log_prob(self, sample_shape=(), seed=None, context=None):
        r"""Draw events through which gradients reach the weights, for losses that draw.

        The numbers are those of `sample` and, of an exact model, of `sample_and_log_prob`. Of
        another model the second is

        .. math:: \log p(z) + \log p(x \mid z) - \log q(z \mid x)

        along the way of the sample, which is :math:`\log p(x)` or more in expectation: a loss such
        as the reverse Kullback-Leibler divergence may use it, an evaluation may not.

        It runs as it stands, without a compiled program of its own, so that within a call of a
        Keras model it is part of that call: dropout is active in training.

        Parameters
        ----------
        sample_shape : int or tuple of int
            Number of events, for each context where there is one.
        seed : int, pair of int or tf.Tensor, optional
            Seed of the draws; a third number is the row of a longer table that they begin with.
        context : array or tf.Tensor, optional
            Contexts ``[..., *context_shape]``.

        Returns
        -------
        tuple of tf.Tensor
            Events ``[*sample_shape, *batch of the context, *event_shape]`` and log densities.

        Raises
        ------
        ValueError
            If the draws are not differentiable, as those of a mixture.

        References
        ----------
        Kingma and Welling (2014), "Auto-Encoding Variational Bayes", arXiv:1312.6114.
        """
        self.build()
        shape = validation.check_sample_shape(sample_shape)
        seed = validation.check_seed(seed, or_row=True)
        context = self._context(context)
        calls.check_reparameterized(self._source_of_draws(context))
        return self._sample_and_log_prob(shape, seed, context)

    def _source_of_draws(self, context):
        return self.distribution(context)

    def _sample(self, shape, seed, context=None):
        return self.distribution(context).sample(shape, seed=seed)

    def _sample_and_log_prob(self, shape, seed, context=None):
        return self.distribution(context).experimental_sample_and_log_prob(shape, seed=seed)

    # diagnostics

    check = diagnostics.check
    explain = diagnostics.explain
    level = diagnostics.level

    # saving

    def save(
        self,
        filepath: str | os.PathLike,
        overwrite: bool = True,
        zipped: bool | None = None,
        **kwargs,
    ) -> None:
        """Write the model to a ``.keras`` file: architecture, weights and state of the optimizer.

        The file appears as a whole or not at all: a process that is killed while it writes, or a
        full disk, leaves the file that was there. It carries a checksum, the version of its format
        and those of the packages; `tfflows.load` checks them, ``keras.models.load_model`` reads
        the same file.

        Parameters
        ----------
        filepath : str or path
            Name that ends in ``.keras``; with ``zipped=False`` a folder, as in Keras.
        overwrite : bool
            Whether to replace a file of this name.
        zipped, **kwargs
            As in Keras.

        Raises
        ------
        FileExistsError
            If the file exists and may not be replaced.
        ValueError
            If a part of the model has no name in files, such as a lambda; the message names it.
        """
        save_model(self, filepath, overwrite, zipped, functools.partial(super().save, **kwargs))

    export = export_model

    # what the model says about itself to `check`, `explain` and `tfflows.doctor`

    def components(self) -> list:
        """Return what the model is made of, from the data to the base.

        Layers (`tfflows.layers.Transform`) or TFP bijectors, the first nearest the data, and at
        the end the base distribution of the latent points. Empty for a model that is not made of
        these, or does not say so.
        """
        return []

    def embed(self, context):
        """Return the context as the components see it; here as it is given."""
        return context

    @property
    def _draws(self) -> bool:
        """Whether anything is drawn on the way of a row through the model."""
        return not self.exact

    def _sequential(self, direction: str) -> bool:
        """Whether a way through the model has so many steps that XLA had better run it."""
        return False

    def _operation(self, name, function, event_shape=None, argument="x", direction="inverse"):
        return Operation(
            name,
            function,
            self.event_shape if event_shape is None else event_shape,
            argument,
            draws=self._draws,
            xla=self._sequential(direction),
        )

    def operations(self) -> list[Operation]:
        """Return what the model computes of rows, the log density first."""
        return [self._operation("log_prob", self._log_density)]

    def _drawing(self, name, function):
        return Operation(name, function, self.event_shape, xla=self._sequential("forward"))
