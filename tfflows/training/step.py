"""One step: score, weigh, differentiate, update; and one step of evaluation."""

from typing import NamedTuple

import keras
import tensorflow as tf

from tfflows.inputs.datasets import unpack
from tfflows.losses import DensityLoss, Loss, weighted_mean, weighted_sum
from tfflows.losses.base import log_prob_by_seed
from tfflows.privates import own_gradients
from tfflows.training.fused_adam import one_update_per_weight
from tfflows.training.replicas import over_replicas, replicas_in_sync

__all__ = ["Objective", "logs_of", "mean_loss", "test_step", "train_step", "training_logs"]

# Evaluation draws the same numbers whenever it is run.
_EVALUATION_SEED = (0, 0)

# Of a batch as Keras knows it: x, context, sample_weight.
_PARTS = 3


class Objective(keras.layers.Layer):
    """The Keras call within which a loss computes with its model.

    Within it the model's layers know that they train, and losses that they add are counted from
    the beginning of this call.

    Parameters
    ----------
    model : DensityModel
        The model.
    loss : Loss
        The loss.
    """

    def __init__(self, model, loss: Loss):
        super().__init__(name="objective", autocast=False)
        # As an attribute, so that Keras forgets what the model's layers added in the last call.
        self.model = model
        self.loss = loss
        self.built = True

    def call(self, seed, x=None, context=None, extra=None, training=None):
        """Return the loss of each row, and the log weights of draws if the loss draws."""
        return self.loss.rows_and_log_weights(self.model, x, context, seed, extra)


class _Seen(NamedTuple):
    """What a loss has computed on its way: log densities of rows, or log weights of draws."""

    log_prob: tf.Tensor | None = None
    log_weights: tf.Tensor | None = None


@own_gradients()
def train_step(model, batch) -> dict:
    """Take one optimizer step on a batch ``(x, context, sample_weight)``, and return the logs.

    A fourth part, if there is one, is what the loss takes as extra.
    """
    *batch, extra = batch if len(batch) > _PARTS else (*batch, None)
    x, context, weight = unpack(tuple(batch))
    state, optimizer = model.training_state, model.optimizer
    variables = model.trainable_variables
    if not variables:
        raise ValueError(
            "this model has no trainable weights, so training would change nothing. Unfreeze a "
            "layer, or use evaluate()."
        )
    with tf.GradientTape() as tape:
        seed = state.step_seed(optimizer)
        loss, count, seen = _loss(model, x, context, weight, seed, True, extra)
        scaled = optimizer.scale_loss(loss)

    def update(gradients):
        with one_update_per_weight(optimizer, variables):
            optimizer.apply_gradients(zip(gradients, variables, strict=True))

    changed = [*variables, *optimizer.variables]
    state.guard.take(loss, tape.gradient(scaled, variables), update, variables, changed)
    total = loss * replicas_in_sync()
    state.step_loss.assign(tf.cast(total, state.step_loss.dtype))
    _track(model, x, weight, total, count, seen)
    return training_logs(model)


@own_gradients()
def test_step(model, batch) -> dict:
    """Score one batch and return the logs."""
    x, context, weight = unpack(batch)
    seed = tf.constant(_EVALUATION_SEED, tf.int32)
    loss, count, seen = _loss(model, x, context, weight, seed, False)
    if seen.log_prob is None and x is not None:
        seen = seen._replace(log_prob=log_prob_by_seed(model, x, context, seed, training=False))
    _track(model, x, weight, loss * replicas_in_sync(), count, seen)
    return logs_of(model, density=seen.log_prob is not None)


def _loss(model, x, context, weight, seed, training: bool, extra=None) -> tuple:
    """Return the loss, the weight of its rows, and what it has seen for metrics to look at."""
    if isinstance(model.loss, DensityLoss):
        log_prob = log_prob_by_seed(model, x, context, seed, training=training)
        loss = model.compute_loss(x, context, log_prob, weight, training=training)
        return loss, _count(log_prob, weight), _Seen(log_prob=log_prob)
    rows, log_weights = model.training_state.objective(
        seed, x=x, context=context, extra=extra, training=training
    )
    return mean_loss(model, rows, weight), _count(rows, weight), _Seen(log_weights=log_weights)


def _count(rows, weight):
    return tf.size(rows) if weight is None else tf.reduce_sum(weight)


def mean_loss(model, rows, weight) -> tf.Tensor:
    """Return the weighted mean over all replicas, with the losses that layers add."""
    if weight is not None and not weight.shape.is_compatible_with(rows.shape):
        raise ValueError(
            "sample_weight must have one weight for each row, a shape like that of the log "
            f"densities, {tuple(rows.shape)}; got shape {tuple(weight.shape)}."
        )
    replicas = replicas_in_sync()
    if replicas == 1:
        total = weighted_mean(rows, weight)
    else:
        weight = tf.ones_like(rows) if weight is None else tf.cast(weight, rows.dtype)
        everywhere = over_replicas(tf.reduce_sum(weight))
        # The replicas' gradients are added up, so each divides by the weight of all.
        total = tf.math.divide_no_nan(weighted_sum(rows, weight), everywhere)
    for extra in model.losses:
        total += tf.cast(extra, total.dtype) / replicas
    return total


def _track(model, x, weight, loss, count, seen: _Seen) -> None:
    count = tf.cast(count, loss.dtype)
    if replicas_in_sync() > 1:
        # Each replica holds its share of the loss of all, which counts by the weight of all.
        count = over_replicas(count)
    for metric in model.metrics:
        if metric.name == "loss":
            metric.update_state(loss, sample_weight=count)
    if seen.log_prob is not None:
        model.compute_metrics(x, tf.zeros_like(seen.log_prob), seen.log_prob, weight)
    if seen.log_weights is not None:
        for metric in model.training_state.draw_metrics:
            metric.update_state(seen.log_weights)


def training_logs(model) -> dict:
    """Return the logs of training: metrics of the density count only where it is computed."""
    return logs_of(model, density=isinstance(model.loss, DensityLoss))


def logs_of(model, density: bool) -> dict:
    """Return the loss, the metrics of draws and, where a `density` is computed, those of it."""
    if density:
        return model.get_metrics_result()
    shown = [metric for metric in model.metrics if metric.name == "loss"]
    logs: dict = {}
    for metric in [*shown, *model.training_state.draw_metrics]:
        value = metric.result()
        logs.update(value if isinstance(value, dict) else {metric.name: value})
    return logs
