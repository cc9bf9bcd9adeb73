"""Private names of Keras for which there are no public ones, each guarded by a test."""

import keras

__all__ = ["forget_restored_epoch", "profiles_batches", "restored_epoch"]


def restored_epoch(model: keras.Model) -> int | None:
    """Return the epoch that ``BackupAndRestore`` has restored, once training has begun."""
    return model._initial_epoch


def forget_restored_epoch(model: keras.Model) -> None:
    """Forget the epoch that an earlier run was restored at: Keras would begin there again."""
    model._initial_epoch = None


def profiles_batches(callback: keras.callbacks.TensorBoard) -> bool:
    """Whether a TensorBoard callback profiles batches."""
    return callback._should_trace
