"""What Keras's callbacks remember between epochs."""

import keras
import numpy as np

__all__ = ["get_states", "set_states", "stateful"]

_ATTRIBUTES = {
    keras.callbacks.History: ("epoch", "history"),
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_epoch", "best_weights"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "cooldown_counter", "best"),
    keras.callbacks.ModelCheckpoint: ("best",),
}


def stateful(callbacks) -> list:
    """Return the callbacks whose state is known: four of Keras's, and those that tell it.

    A callback of your own tells its state by ``get_state()``, a dict of JSON and arrays, and takes
    it back by ``set_state(state)``.
    """
    return [callback for callback in callbacks if _attributes(callback) or _tells(callback)]


def _attributes(callback) -> tuple:
    for kind, names in _ATTRIBUTES.items():
        if isinstance(callback, kind):
            return names
    return ()


def _tells(callback) -> bool:
    return hasattr(callback, "get_state") and hasattr(callback, "set_state")


def get_states(callbacks, arrays: list[np.ndarray]) -> list[dict]:
    """Return the states as JSON, one for each callback; arrays are added to `arrays`."""
    states = []
    for callback in callbacks:
        if _tells(callback):
            state = callback.get_state()
        else:
            state = {name: getattr(callback, name) for name in _attributes(callback)}
        states.append({"class": type(callback).__name__, "state": _encode(state, arrays)})
    return states


def set_states(callbacks, states: list[dict], arrays: list[np.ndarray]) -> None:
    """Give the callbacks the states that `get_states` returned."""
    for callback, state in zip(callbacks, states, strict=True):
        state = _decode(state["state"], arrays)
        if _tells(callback):
            callback.set_state(state)
        else:
            for name, value in state.items():
                setattr(callback, name, value)


def _encode(value, arrays):
    if isinstance(value, (np.ndarray, np.generic)):
        arrays.append(np.asarray(value))
        return {"array": len(arrays) - 1}
    if isinstance(value, dict):
        return {"dict": [[key, _encode(part, arrays)] for key, part in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_encode(part, arrays) for part in value]
    return value


def _decode(value, arrays):
    if isinstance(value, dict):
        if "array" in value:
            return arrays[value["array"]]
        return {key: _decode(part, arrays) for key, part in value["dict"]}
    if isinstance(value, list):
        return [_decode(part, arrays) for part in value]
    return value
