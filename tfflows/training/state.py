"""What training keeps beside a model and neither Keras nor TensorFlow is to track."""

import tensorflow as tf

from tfflows import random
from tfflows.training.finiteness import FiniteGuard

__all__ = ["TrainingState"]


class TrainingState:
    """What one `compile` of a model stands for: the guard, the run's seed, compiled programs.

    A plain object, so that none of it is saved with the model or counted among its weights. Its
    variables are made within the strategy of the model.

    Attributes
    ----------
    guard : FiniteGuard
        What stops training at a value that is not finite.
    seed : tf.Variable
        Seed of the present run, an int64, which accelerators hold as other variables.
    programs : dict
        Compiled programs of many steps, by what they run on.
    objective : keras.layers.Layer or None
        The call in which a loss that is no function of the log density runs.
    draw_metrics : list
        Metrics of draws and their importance weights.
    step_loss : tf.Variable
        Loss of the last step.
    steps : int
        Steps taken since `compile`, from which the worth of XLA is judged.
    epoch, first_step : int
        Where the run is.
    inspected : list or None
        Checksums of the data that a model has been asked to warn about.
    """

    __slots__ = (
        "auto_jit",
        "auto_steps",
        "draw_metrics",
        "epoch",
        "first_step",
        "guard",
        "inspected",
        "objective",
        "programs",
        "seed",
        "step_loss",
        "steps",
    )

    def __init__(
        self, auto_steps: bool = True, auto_jit: bool = True, objective=None, draw_metrics=()
    ):
        self.auto_steps, self.auto_jit, self.objective = auto_steps, auto_jit, objective
        self.draw_metrics = list(draw_metrics)
        self.guard = FiniteGuard()
        self.seed = tf.Variable(
            0,
            trainable=False,
            dtype=tf.int64,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            name="run_seed",
        )
        self.step_loss = tf.Variable(
            0.0,
            trainable=False,
            dtype=tf.float64,
            aggregation=tf.VariableAggregation.MEAN,
            name="step_loss",
        )
        self.programs: dict = {}
        self.steps = self.epoch = self.first_step = 0
        self.inspected = None

    def begin_epoch(self, epoch: int, optimizer) -> None:
        """Note where the run is."""
        self.epoch, self.first_step = epoch, _batches(optimizer)

    def steps_in_epoch(self, optimizer) -> int:
        """Return how many steps have been taken in this epoch."""
        return _batches(optimizer) - self.first_step

    def step_seed(self, optimizer) -> tf.Tensor:
        """Return the seed of the step that comes now: the run's seed and the number of the step."""
        number = tf.cast(tf.convert_to_tensor(_counter(optimizer)), tf.int64)
        seed = tf.cast(tf.stack([self.seed.read_value(), number]), tf.int32)
        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return seed
        return random.fold_in(seed, replica.replica_id_in_sync_group)


def _counter(optimizer):
    """Return what counts the batches of an optimizer, also where it updates once for several."""
    counts = [variable for variable in optimizer.variables if variable.name == "iteration"]
    return counts[0] if counts else optimizer.iterations


def _batches(optimizer) -> int:
    return int(_counter(optimizer).numpy())
