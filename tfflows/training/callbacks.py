"""Which callbacks a run has, in which order, and which of them look at single batches."""

import keras

from tfflows.privates import profiles_batches
from tfflows.training.resume import Resume

__all__ = ["has_batch_hooks", "listed_callbacks", "split_resume"]

_KEPT = ("on_batch_begin", "on_batch_end")
_HOOKS = {
    "train": (*_KEPT, "on_train_batch_begin", "on_train_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
}


def listed_callbacks(callbacks) -> list:
    """Return callbacks given as one, a list or None as a list.

    Raises
    ------
    TypeError
        If one belongs to another Keras.
    """
    if callbacks is None:
        return []
    callbacks = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise TypeError(
                "callbacks must be Keras 3 callbacks (keras.callbacks.EarlyStopping(...)); got "
                f"{type(callback).__module__}.{type(callback).__name__}, which Keras 3 cannot run."
            )
    return callbacks


def split_resume(callbacks: list) -> tuple[list, Resume | None]:
    """Return the callbacks with `Resume` behind all those whose state it keeps, and `Resume`."""
    resume = [callback for callback in callbacks if isinstance(callback, Resume)]
    if len(resume) > 1:
        raise ValueError("give fit one Resume callback; there are several.")
    others = [callback for callback in callbacks if callback not in resume]
    if resume and not any(isinstance(c, keras.callbacks.History) for c in others):
        others.append(keras.callbacks.History())
    return [*others, *resume], resume[0] if resume else None


def has_batch_hooks(callback, mode: str = "train") -> bool:
    """Whether a callback acts on single batches, so that a call must not take many of them."""
    if getattr(callback, "follows_blocks", False):
        return False
    # Training stops at a loss that is not a number in any case.
    idle = [keras.callbacks.Callback, keras.callbacks.TerminateOnNaN]
    if getattr(callback, "save_freq", None) == "epoch":
        idle += [keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore]
    board = keras.callbacks.TensorBoard
    if isinstance(callback, board) and callback.update_freq == "epoch":
        idle += [] if profiles_batches(callback) else [board]
    return any(
        name in vars(callback)
        or getattr(type(callback), name, None) not in [getattr(kind, name) for kind in idle]
        for name in _HOOKS[mode]
    )
