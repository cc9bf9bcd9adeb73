"""Going on with an interrupted training run, to the very weights it would have had."""

import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

import keras

from tfflows.training.callback_states import get_states, set_states, stateful
from tfflows.training.checkpoint import read_checkpoint, write_checkpoint
from tfflows.training.fingerprint import differences

__all__ = ["Position", "Resume"]


class Position(NamedTuple):
    """Where a run is: the epoch, and the calls of the training program that it has taken in it."""

    epoch: int
    call: int = 0


class Resume(keras.callbacks.Callback):
    """Keep a training run in a file, and go on with it where it was interrupted.

    Give it to `fit`. When the process dies, by whatever cause and at whatever moment, run the same
    program again: the same call of `fit` reads the file and goes on after the last block of steps
    in it, and the weights become bit by bit those of a run that was never interrupted, on the same
    machine and with the same versions of the packages. A run that was complete is not trained
    again: `fit` returns with its weights and its history.

    The file holds the weights, the optimizer with its learning rate, the epoch and the step, the
    order of the rows, the states of random layers, the sums of the metrics, the history, and what
    ``EarlyStopping``, ``ReduceLROnPlateau`` and ``ModelCheckpoint`` remember. A callback of your
    own takes part by ``get_state()``, which returns a dict of JSON and arrays, and
    ``set_state(state)``. The file is written beside the last one and takes its place at once.

    This holds for arrays, and for a ``tf.data.Dataset`` that yields the same batches whenever it is
    opened (one that shuffles needs a seed). Give ``seed=`` to layers that draw an order.

    Parameters
    ----------
    directory : str or path
        Folder of the file ``resume.ckpt``. One for each run; delete it to start anew.
    share : float
        Most of the time of the run that may go into writing, between 0 and 1. The file is written
        after a block of steps when that much time has gone by, and after the last epoch; with 1
        it is written after every block.

    Raises
    ------
    ValueError
        If `share` is not between 0 and 1. In `fit`: if the file is damaged or belongs to another
        run, with other data, another model or other settings; `epochs` alone may differ.
    OSError
        In `fit`, if the file cannot be written, as on a full disk; the last one stays.

    Examples
    --------
    >>> import tempfile, keras, numpy as np, tfflows
    >>> x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    >>> def run(folder, epochs):
    ...     flow = tfflows.Flow([tfflows.layers.Shift()], event_shape=2)
    ...     flow.compile(keras.optimizers.Adam(0.1))
    ...     resume = tfflows.training.Resume(folder)
    ...     fitted = flow.fit(x, epochs=epochs, verbose=0, callbacks=[resume], seed=0)
    ...     return flow.get_weights()[0], len(fitted.history["loss"])
    >>> with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
    ...     whole, _ = run(one, epochs=5)
    ...     _ = run(other, epochs=2)
    ...     resumed, epochs = run(other, epochs=5)
    >>> bool((whole == resumed).all()), epochs
    (True, 5)
    """

    #: `fit` need not take single steps for this callback, though it acts on ends of batches.
    follows_blocks = True

    def __init__(self, directory: str | os.PathLike, share: float = 0.05):
        super().__init__()
        if not 0 < share <= 1:
            raise ValueError(f"share must lie between 0 and 1; got {share!r}.")
        self.directory = Path(directory)
        self.share = share
        self._run: dict | None = None
        self._found: tuple[dict, list] | None = None
        self._write_again = 0.0

    @property
    def path(self) -> Path:
        """The file."""
        return self.directory / "resume.ckpt"

    # Before training: `fit` asks where to begin.

    def open(self, model, run: dict, callbacks) -> Position | None:
        """Read the file, give the model its weights, and return where the run stopped.

        Parameters
        ----------
        model : Trainer
            The model, compiled.
        run : dict
            What must be the same when the run goes on; a seed of None is filled in.
        callbacks : list of keras.callbacks.Callback
            The callbacks of the run, this one not among them.

        Returns
        -------
        Position or None
            None where there is nothing to go on with.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        for left in self.directory.glob(f".{self.path.stem}-*{self.path.suffix}"):
            left.unlink(missing_ok=True)
        self._others = stateful(callbacks)
        run["callbacks"] = [type(callback).__name__ for callback in self._others]
        self._run, self._found = run, None
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
        if not self.path.exists():
            return None
        content, arrays = read_checkpoint(self.path)
        other = differences(content["run"], run)
        if other:
            raise ValueError(
                f"the checkpoint {self.path} belongs to another run: {other}. Delete it to start "
                "anew, or choose another folder."
            )
        self._found = content, arrays
        # Keep the seed that the run drew, if it drew one.
        run["seed"] = content["run"]["seed"]
        self._restore_variables(model, content, arrays)
        # A run that is complete stopped after all of its epochs, however many are asked for.
        return Position(sys.maxsize if content["finished"] else content["epoch"], content["call"])

    def _variables(self, model) -> list:
        return [*model.variables, *model.optimizer.variables, *model.metrics_variables]

    def _restore_variables(self, model, content: dict, arrays: list) -> None:
        # The metrics of a model come into being with its first batch; nothing is lost before.
        count = content["variables"]
        for variable, array in zip(self._variables(model)[:count], arrays[:count], strict=False):
            if tuple(variable.shape) != array.shape:
                raise ValueError(
                    f"the checkpoint {self.path} holds {array.shape} for the weight "
                    f"{variable.path!r} of shape {tuple(variable.shape)}."
                )
            variable.assign(array)

    # In training.

    def on_train_begin(self, logs=None):
        """Take up the state of the run."""
        if self._run is None:
            raise TypeError(
                "Resume needs the fit of a tfflows model, which knows the order of the rows."
            )
        self._write_again = 0.0
        if self._found is None:
            return
        content, arrays = self._found
        if len(self._variables(self.model)) != content["variables"]:
            raise ValueError(f"the checkpoint {self.path} was written with other metrics.")
        self._restore_variables(self.model, content, arrays)
        set_states(self._others, content["callbacks"], arrays)

    def on_epoch_begin(self, epoch, logs=None):
        """Take up the state within an epoch."""
        self._epoch, self._calls = epoch, 0
        if self._found is None:
            return
        content, arrays = self._found
        if content["call"] and not content["finished"]:
            # What callbacks did to the model at the beginning of this epoch, they have done before.
            self._restore_variables(self.model, content, arrays)
            set_states(self._others, content["callbacks"], arrays)
            self.model.training_state.first_step = content["first_step"]
            self._calls = content["call"]
        self._found = None

    def on_train_batch_end(self, batch, logs=None):
        """Write the file, if it is time."""
        self._calls += 1
        if time.perf_counter() >= self._write_again:
            self._write(Position(self._epoch, self._calls))

    def on_epoch_end(self, epoch, logs=None):
        """Write the file, if it is time or the end."""
        state, optimizer = self.model.training_state, self.model.optimizer
        state.begin_epoch(epoch + 1, optimizer)
        finished = self.model.stop_training or epoch + 1 >= self.params["epochs"]
        if finished or time.perf_counter() >= self._write_again:
            self._write(Position(epoch + 1), finished=bool(self.model.stop_training))

    def on_train_end(self, logs=None):
        """Forget the run."""
        self._run = self._found = None

    def _write(self, position: Position, finished: bool = False) -> None:
        begin = time.perf_counter()
        arrays = [variable.numpy() for variable in self._variables(self.model)]
        content = {
            "run": self._run,
            "epoch": position.epoch,
            "call": position.call,
            "first_step": self.model.training_state.first_step,
            "finished": finished,
            "variables": len(arrays),
            "callbacks": get_states(self._others, arrays),
        }
        write_checkpoint(self.path, content, arrays)
        end = time.perf_counter()
        self._write_again = end + (end - begin) * (1 / self.share - 1)
