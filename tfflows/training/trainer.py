"""A Keras model trained on log densities: weighted losses, and a stop at the first infinity."""

import contextlib

import keras
import tensorflow as tf

from tfflows.losses import NegativeLogLikelihood, weighted_mean, weighted_sum
from tfflows.metrics import BitsPerDimension
from tfflows.saving.probing import only_looking
from tfflows.training.abreast import abreast, repays
from tfflows.training.batches import is_no_context
from tfflows.training.blocks import Blocks, has_batch_hooks
from tfflows.training.fused_adam import one_update_per_weight
from tfflows.training.guard import FiniteGuard, Progress, batches_taken
from tfflows.training.replicas import over_replicas, replicas_in_sync
from tfflows.training.symbolic import BuiltBySymbols

__all__ = ["Trainer"]

# XLA takes seconds to compile a training step and saves a few milliseconds on each.
STEPS_THAT_REPAY_XLA = 1500


class Trainer(BuiltBySymbols):
    """A model whose output is a log density and whose loss needs no targets.

    The second entry of a batch, Keras's targets, is the context. The loss is
    ``sum(w * loss) / sum(w)`` over all replicas, plus whatever layers add.
    """

    def compile(
        self,
        optimizer="adam",
        loss=None,
        metrics=None,
        *,
        weighted_metrics=None,
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
        loss : callable or keras.losses.Loss, optional
            ``f(y, log_prob)`` that returns one value for each row; y is the context. By default
            the negative log-likelihood.
        metrics, weighted_metrics : list, optional
            tfflows metrics, your own Keras metrics, or callables ``f(y, log_prob)`` that return one
            value for each row. All are weighted by the sample weights.
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
        if kwargs.get("loss_weights") is not None:
            raise ValueError(
                f"loss_weights={kwargs['loss_weights']!r}: a density has one loss, and nothing to "
                "weigh it against. Weigh rows by sample_weight, or scale the loss in one of your "
                "own, f(y, log_prob)."
            )
        optimizer = check_optimizer(optimizer)
        loss = check_loss(loss)
        metrics = [check_metric(m) for m in [*_listed(metrics), *_listed(weighted_metrics)]]
        self._judges = _Opaque((loss, *metrics))
        for metric in metrics:
            if isinstance(metric, BitsPerDimension) and metric.dimensions is None:
                metric.dimensions = self.event_size
        self._auto_steps = steps_per_execution == "auto"
        self._auto_jit = jit_compile == "auto"
        if not self._auto_steps and (
            not isinstance(steps_per_execution, int) or steps_per_execution < 1
        ):
            raise ValueError(
                'steps_per_execution must be "auto" or a positive int; got '
                f"{steps_per_execution!r}."
            )
        super().compile(
            optimizer=optimizer,
            loss=loss,
            weighted_metrics=metrics or None,
            run_eagerly=run_eagerly,
            steps_per_execution=1 if self._auto_steps else steps_per_execution,
            jit_compile=jit_compile,
            **kwargs,
        )

    def get_compile_config(self):
        """Return the arguments of `compile`."""
        config = super().get_compile_config()
        if config:
            config["steps_per_execution"] = "auto" if self._auto_steps else self.steps_per_execution
            config["jit_compile"] = "auto" if self._auto_jit else self.jit_compile
        return config

    def compile_from_config(self, config):
        """Compile as `get_compile_config` describes."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    _pending_blocks = None

    def forget_blocks(self) -> None:
        """Make whatever comes next take single steps, unless `in_blocks` is called before."""
        self._pending_blocks = None
        if self._auto_steps:
            self.steps_per_execution = 1
        if isinstance(self.train_function, Blocks):
            self.train_function.arrays = None

    def in_blocks(
        self, arrays, block: int, rows: int, steps: int | None, resumes: bool = False
    ) -> None:
        """Make the next `fit`, of `steps` steps of `rows`, take `block` of them in one program.

        What `resumes` is to be the same run for any number of further epochs, on any machine: so it
        may not depend on these whether batches are computed in halves.
        """
        if self._auto_jit:
            jit_compile = steps is None or steps >= STEPS_THAT_REPAY_XLA
        else:
            jit_compile = bool(self.jit_compile)
        halves = (
            jit_compile
            and not resumes
            and self.row_by_row
            and repays(self.count_params(), rows, steps)
        )
        made = (self, arrays is not None, jit_compile, self._auto_jit, halves)
        blocks = self.train_function
        # A program that stands for the same training is not compiled again.
        if not isinstance(blocks, Blocks) or not blocks.is_made_of(*made):
            blocks = Blocks(*made)
        blocks.arrays = arrays
        self._pending_blocks = _Opaque(blocks)
        self.steps_per_execution = block

    _in_halves = False

    @contextlib.contextmanager
    def in_halves(self):
        """Compute both halves of a batch at the same time in what is traced meanwhile."""
        self._in_halves = True
        try:
            yield
        finally:
            self._in_halves = False

    @property
    def row_by_row(self) -> bool:
        """Whether the log density of a row in training is known to depend on that row alone.

        Neither may anything draw random numbers or add a loss: two calls for the halves of a batch
        would draw others, and Keras forgets the losses of a call with the next one.
        """
        return False

    def depends_on_batch(self, x, context=None) -> bool:
        """Whether the loss of a batch may be more than that of its rows, which filling changes.

        Copies of a row that have no weight change neither the densities of others nor what random
        layers are, nor weighted means. What else a loss, a metric or a method written by somebody
        else makes of them is not known. Halving asks for more: see `row_by_row`.

        Parameters
        ----------
        x, context : tf.Tensor
            A batch to look at the model with; it changes nothing.
        """
        if not self._is_own("compute_loss", "compute_metrics", "row_losses"):
            return True
        if not all(_module(judge).startswith("tfflows.") for judge in self._judges.content):
            return True
        self(x, context=context)  # whatever is built with the first call
        with only_looking(self.non_trainable_variables):
            self(x, context=context, training=True)
        statistics = ("moving_mean", "moving_variance")
        return bool(self.losses) or any(v.name in statistics for v in self.non_trainable_variables)

    def _is_own(self, *methods) -> bool:
        """Whether these methods are the package's or Keras's."""
        modules = [getattr(type(self), name).__module__ for name in methods]
        return all(module.split(".")[0] in ("tfflows", "keras") for module in modules)

    def takes_blocks(self, callbacks) -> bool:
        """Whether steps may be taken in blocks: nothing wants to see or to take single ones."""
        return (
            self._auto_steps
            and self._is_own("train_step")
            and not self.run_eagerly
            and not self._is_distributed()
            and not any(has_batch_hooks(callback) for callback in callbacks)
        )

    def _is_distributed(self) -> bool:
        """Whether Keras looks into batches to share them out, be it among one replica."""
        with self.distribute_strategy.scope():
            return tf.distribute.has_strategy()

    @property
    def guard(self) -> FiniteGuard:
        """The guard that stops training at the first value that is not finite."""
        if getattr(self, "_guard", None) is None:
            with self.distribute_strategy.scope():
                self._guard = FiniteGuard()
        return self._guard

    @property
    def progress(self) -> Progress:
        """Where the run is."""
        if getattr(self, "_progress", None) is None:
            self._progress = Progress()
        return self._progress

    def row_losses(self, context, log_prob):
        """Return the loss of each row."""
        loss = self.loss
        values = (loss.call if isinstance(loss, keras.losses.Loss) else loss)(
            tf.zeros_like(log_prob) if context is None else context, log_prob
        )
        values = tf.convert_to_tensor(values)
        if values.shape.rank != log_prob.shape.rank:
            raise ValueError(
                "the loss must return one value for each row, so that sample weights can apply; it "
                f"returned shape {tuple(values.shape)} for log densities of shape "
                f"{tuple(log_prob.shape)}. Drop the mean."
            )
        return values

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Return the weighted mean loss over all replicas, with the losses that layers add."""
        rows = self.row_losses(y, y_pred)
        if sample_weight is not None and len(sample_weight.shape) != len(rows.shape):
            raise ValueError(
                "sample_weight must have one weight for each row, a shape like that of the log "
                f"densities, {tuple(rows.shape)}; got shape {tuple(sample_weight.shape)}."
            )
        replicas = replicas_in_sync()
        if replicas == 1:
            total = weighted_mean(rows, sample_weight)
        else:
            weight = (
                tf.ones_like(rows) if sample_weight is None else tf.cast(sample_weight, rows.dtype)
            )
            everywhere = over_replicas(tf.reduce_sum(weight))
            # The replicas' gradients are added up, so each divides by the weight of all.
            total = tf.math.divide_no_nan(weighted_sum(rows, weight), everywhere)
        for extra in self.losses:
            total += tf.cast(extra, total.dtype) / replicas
        return total

    def train_step(self, data):
        """Take one optimizer step on a batch ``(x, context, sample_weight)``."""
        x, context, weight = unpack(data)
        with tf.GradientTape() as tape:
            log_prob = self._scores(x, context)
            loss = self.compute_loss(x, context, log_prob, weight, training=True)
            scaled = self.optimizer.scale_loss(loss)
        variables = self.trainable_variables
        if not variables:
            raise ValueError(
                "this model has no trainable weights, so training would change nothing. Unfreeze a "
                "layer, or use evaluate()."
            )

        def update(gradients):
            with one_update_per_weight(self.optimizer, variables):
                self.optimizer.apply_gradients(zip(gradients, variables, strict=True))

        state = [*variables, *self.optimizer.variables]
        self.guard.take(loss, tape.gradient(scaled, variables), update, variables, state)
        return self._track(x, context, log_prob, weight, loss * replicas_in_sync())

    def _scores(self, x, context):
        def score(x, context=None):
            return self(x, context=context, training=True)

        return (abreast(score) if self._in_halves else score)(
            *(part for part in (x, context) if part is not None)
        )

    def test_step(self, data):
        """Score one batch."""
        x, context, weight = unpack(data)
        log_prob = self(x, context=context, training=False)
        loss = self.compute_loss(x, context, log_prob, weight, training=False)
        return self._track(x, context, log_prob, weight, loss * replicas_in_sync())

    def _track(self, x, context, log_prob, weight, loss):
        total = tf.size(log_prob) if weight is None else tf.reduce_sum(weight)
        total = tf.cast(total, loss.dtype)
        if replicas_in_sync() > 1:
            # Each replica holds its share of the loss of all, which counts by the weight of all.
            total = over_replicas(total)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=total)
        return self.compute_metrics(x, tf.zeros_like(log_prob), log_prob, weight)

    def make_train_function(self, force: bool = False):
        """Compile the training step; the result stops at the first value that is not finite."""
        if self._pending_blocks is not None:
            # Keras has taken its stride from `steps_per_execution` by now; validation keeps 1.
            self.steps_per_execution = 1
            self.train_function = self._pending_blocks.content
            self._pending_blocks = None
            return self.train_function
        if isinstance(self.train_function, Blocks):
            self.train_function = None
        if self.train_function is not None and not force:
            return self.train_function
        guard = self.guard
        super().make_train_function(force=force)
        plain = self.train_function

        def train_function(iterator):
            logs = plain(iterator)
            if guard.tripped.numpy():
                self.stopped_by_guard()
            return logs

        self.train_function = train_function
        return train_function

    def stopped_by_guard(self):
        """Raise a FloatingPointError that says where training met a value that is not finite."""
        self.guard.reset()
        step = batches_taken(self.optimizer) - self.progress.first_step
        raise FloatingPointError(
            f"the loss or its gradient became non-finite in epoch {self.progress.epoch + 1}, batch "
            f"{step + 1}. The weights from before that batch are kept. " + self.explain_non_finite()
        )

    def explain_non_finite(self) -> str:
        """Say what can be said about the cause of a value that is not finite."""
        return "Try a smaller learning rate or gradient clipping (clipnorm)."


class _Opaque:
    """What Keras is not to track as a part of the model: it would be saved, or counted twice."""

    __slots__ = ("content",)

    def __init__(self, content):
        self.content = content


def unpack(data) -> tuple:
    """Return ``(x, context, sample_weight)`` of a batch, with None for what is not there."""
    x, context, weight = keras.utils.unpack_x_y_sample_weight(data)
    return x, None if is_no_context(context) else context, weight


def _listed(values):
    if values is None:
        return []
    return list(values) if isinstance(values, (list, tuple)) else [values]


def check_optimizer(optimizer):
    """Return `optimizer`, or raise a TypeError if it belongs to another Keras."""
    if isinstance(optimizer, (str, dict, keras.optimizers.Optimizer)):
        return optimizer
    raise TypeError(
        f"optimizer must be a Keras 3 optimizer (keras.optimizers.Adam(...)) or its name; got "
        f"{type(optimizer).__module__}.{type(optimizer).__name__}, which Keras 3 cannot run."
    )


def check_callback(callback):
    """Return `callback`, or raise a TypeError if it belongs to another Keras."""
    if isinstance(callback, keras.callbacks.Callback):
        return callback
    raise TypeError(
        f"callbacks must be Keras 3 callbacks (keras.callbacks.EarlyStopping(...)); got "
        f"{type(callback).__module__}.{type(callback).__name__}, which Keras 3 cannot run."
    )


def check_loss(loss):
    """Return the loss to use, or raise an error if it compares targets with predictions."""
    if loss is None:
        return NegativeLogLikelihood()
    ours = isinstance(loss, NegativeLogLikelihood)
    from_keras = isinstance(loss, str) or (not ours and _module(loss).startswith("keras."))
    if from_keras:
        raise ValueError(
            f"loss {loss!r} compares targets with predictions, and a density has no targets. Leave "
            "loss out for the negative log-likelihood, or give f(y, log_prob)."
        )
    if not callable(loss):
        raise TypeError(f"loss must be callable, f(y, log_prob); got {loss!r}.")
    return loss


def check_metric(metric):
    """Return `metric`, or raise a ValueError if it compares targets with predictions."""
    if isinstance(metric, dict):
        return metric
    if isinstance(metric, str) or _module(metric).startswith("keras."):
        raise ValueError(
            f"metric {metric!r} compares targets with predictions, and a density has no targets. "
            "Use tfflows.metrics, or a callable f(y, log_prob) with one value for each row."
        )
    return metric


def _module(thing) -> str:
    kind = (
        thing
        if isinstance(thing, type) or (callable(thing) and hasattr(thing, "__module__"))
        else type(thing)
    )
    return getattr(kind, "__module__", "") or ""
