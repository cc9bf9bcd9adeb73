"""Progress of the training on stderr."""

from __future__ import annotations

import sys
import time

import keras


class Progress(keras.callbacks.Callback):
    """One line that is rewritten each epoch on a terminal; about twenty lines elsewhere.

    Parameters
    ----------
    epochs : int
        Most epochs of the training.
    """

    def __init__(self, epochs: int):
        super().__init__()
        self.epochs = epochs
        self.terminal = sys.stderr.isatty()
        self.every = 1 if self.terminal else max(1, epochs // 20)

    def on_train_begin(self, logs=None):
        """Start the clock."""
        self.started = time.perf_counter()
        self.shown = True

    def on_epoch_end(self, epoch, logs=None):
        """Show the losses of the epoch."""
        past = self.model.history.history.get("val_loss", [])
        losses = [*past[:epoch], logs["val_loss"]]
        self.best = min((loss, number + 1) for number, loss in enumerate(losses))
        self.line = (
            f"epoch {epoch + 1}/{self.epochs}  train {logs['loss']:.4f}  "
            f"val {logs['val_loss']:.4f}  best {self.best[0]:.4f} in epoch {self.best[1]}  "
            f"{time.perf_counter() - self.started:.1f} s"
        )
        self.shown = (epoch + 1) % self.every == 0 or epoch == 0
        if self.shown:
            self._write(self.line)

    def on_train_end(self, logs=None):
        """Show the last epoch, and leave the line."""
        if not self.shown:
            self._write(self.line)
        if self.terminal:
            print(file=sys.stderr)

    def _write(self, line: str) -> None:
        if self.terminal:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)
