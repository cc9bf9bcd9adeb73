"""What `compile` takes, and what it makes of it."""

import itertools
from collections.abc import Callable

import keras
import tensorflow as tf

from tfflows.losses import Loss, NegativeLogLikelihood
from tfflows.losses.base import CallableLoss
from tfflows.metrics import BitsPerDimension, FunctionMetric
from tfflows.training.multi_step import EvaluationSteps, TrainingSteps
from tfflows.training.state import TrainingState
from tfflows.training.step import Objective

__all__ = [
    "check_arguments",
    "check_compiled",
    "evaluation_program",
    "is_distributed",
    "make_state",
    "prepare",
    "training_program",
]

# XLA takes seconds to compile a training step and saves a few milliseconds on each.
STEPS_THAT_REPAY_XLA = 1500


def check_arguments(
    model, optimizer, loss, metrics, steps_per_execution, loss_weights
) -> tuple[Loss, list, list]:
    """Return the loss, the metrics of log densities and those of draws.

    `metrics` are one or several, in a tuple of these.

    Raises
    ------
    TypeError
        If the optimizer is not one of Keras 3, or the loss is neither callable nor a loss.
    ValueError
        If a loss or metric compares targets with predictions, if there are `loss_weights`, or
        `steps_per_execution` is no number of steps.
    """
    if loss_weights is not None:
        raise ValueError(
            f"loss_weights={loss_weights!r}: a density has one loss, and nothing to weigh it "
            "against. Weigh rows by sample_weight, or scale the loss in one of your own, "
            "f(y, log_prob)."
        )
    if not isinstance(optimizer, (str, dict, keras.optimizers.Optimizer)):
        raise TypeError(
            f"optimizer must be a Keras 3 optimizer (keras.optimizers.Adam(...)) or its name; got "
            f"{type(optimizer).__module__}.{type(optimizer).__name__}, which Keras 3 cannot run."
        )
    if steps_per_execution != "auto" and (
        not isinstance(steps_per_execution, int) or steps_per_execution < 1
    ):
        raise ValueError(
            f'steps_per_execution must be "auto" or a positive int; got {steps_per_execution!r}.'
        )
    metrics = [*itertools.chain.from_iterable(map(_listed, metrics))]
    for metric in metrics:
        if isinstance(metric, str) or _is_of_keras(metric):
            raise ValueError(
                f"metric {metric!r} compares targets with predictions, and a density has no "
                "targets. Use tfflows.metrics, or a callable f(y, log_prob) with one value for "
                "each row."
            )
        if isinstance(metric, BitsPerDimension) and metric.dimensions is None:
            metric.dimensions = model.event_size
    loss = _check_loss(loss)
    of_draws = [metric for metric in metrics if getattr(metric, "of_draws", False)]
    if of_draws and not loss.draws:
        raise ValueError(
            f"metric {of_draws[0].name!r} looks at draws of the model, and the loss {loss.name!r} "
            "has none. Use a loss that draws, such as tfflows.losses.ReverseKL."
        )
    others = [metric for metric in metrics if metric not in of_draws]
    return loss, [FunctionMetric(m) if _is_function(m) else m for m in others], of_draws


def _is_function(metric) -> bool:
    return callable(metric) and not isinstance(metric, (type, keras.metrics.Metric))


def check_compiled(model, method: str) -> None:
    """Build a model, or raise a ValueError if `method` is called before `compile`."""
    if not model.compiled:
        raise ValueError(f"Call compile(optimizer) before {method}().")
    model.build()


def _check_loss(loss) -> Loss:
    if loss is None:
        return NegativeLogLikelihood()
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, type) and issubclass(loss, Loss):
        raise TypeError(f"loss must be an object; got the class. Did you mean {loss.__name__}()?")
    if isinstance(loss, str) or _is_of_keras(loss):
        raise ValueError(
            f"loss {loss!r} compares targets with predictions, and a density has no targets. Leave "
            "loss out for the negative log-likelihood, or give f(y, log_prob)."
        )
    if not callable(loss):
        raise TypeError(f"loss must be callable, f(y, log_prob); got {loss!r}.")
    return CallableLoss(loss)


def _is_of_keras(thing) -> bool:
    kind = thing if hasattr(thing, "__module__") else type(thing)
    return (kind.__module__ or "").startswith("keras.") and not isinstance(thing, dict)


def make_state(model, auto_steps: bool, auto_jit: bool, draw_metrics: list) -> TrainingState:
    """Return what training keeps beside a model that has just been compiled."""
    with model.distribute_strategy.scope():
        return TrainingState(auto_steps, auto_jit, Objective(model, model.loss), draw_metrics)


def is_distributed(model) -> bool:
    """Whether a strategy shares batches out among replicas, be it among one."""
    with model.distribute_strategy.scope():
        return tf.distribute.has_strategy()


def prepare(model) -> None:
    """Make, within the strategy of a model, what Keras would make with the first batch."""
    if not is_distributed(model):
        return
    with model.distribute_strategy.scope():
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        one = tf.zeros([1], model.variable_dtype)
        model.compute_metrics(None, one, one, tf.ones_like(one))
        model.reset_metrics()


def training_program(model, step: Callable, steps: int | None, resumes: bool) -> TrainingSteps:
    """Return the program of a run of `steps` steps, compiled before if there is one.

    Whether XLA compiles it depends on how many steps repay that: those to come and, as programs
    outlive a run, those that were taken. A run that `resumes` is to be the same in any process,
    so that only its own steps count.
    """
    state = model.training_state
    if state.auto_jit:
        taken = 0 if resumes else state.steps
        jit_compile = steps is None or taken + steps >= STEPS_THAT_REPAY_XLA
    else:
        jit_compile = bool(model.jit_compile)
    program = state.programs.get("train")
    if program is None or not program.is_current:
        program = state.programs["train"] = TrainingSteps(model, step, state.auto_jit)
    program.jit_compile = jit_compile and program.suits_xla
    return program


def evaluation_program(model, step: Callable) -> EvaluationSteps:
    """Return the program that scores many batches."""
    program = model.training_state.programs.get("test")
    if program is None or not program.is_current:
        program = model.training_state.programs["test"] = EvaluationSteps(model, step)
    return program


def _listed(values) -> list:
    if values is None:
        return []
    return list(values) if isinstance(values, (list, tuple)) else [values]
