"""What makes two training runs the same one."""

import json
import zlib
from typing import Any

import keras
import numpy as np

__all__ = ["describe_run", "differences", "sum_of"]


def describe_run(model, **settings) -> dict:
    """Return what must be the same for a run to go on, as JSON.

    Parameters
    ----------
    model : keras.Model
        The model, compiled.
    **settings
        Whatever else: data, batches, seeds. None is equal to anything.
    """
    optimizer = model.optimizer
    config = optimizer.get_config()
    # A number in here is where the rate stands now; that of a run that goes on is in its file.
    rate = config.pop("learning_rate", None)
    fresh = int(optimizer.iterations.numpy()) == 0 and isinstance(rate, float)
    description = {
        "model": _sum_of_config(model),
        "weights": [[list(v.shape), str(v.dtype)] for v in model.variables],
        "optimizer": [type(optimizer).__name__, _plain(config)],
        "learning_rate": rate if fresh else (None if isinstance(rate, float) else _plain(rate)),
        "loss": getattr(model.loss, "name", None) or getattr(model.loss, "__name__", None),
        **settings,
    }
    return json.loads(json.dumps(description, default=str))


def differences(one: dict, other: dict) -> str:
    """Return where two descriptions differ, in words; an empty string if nowhere."""
    found = []
    for key, value in one.items():
        given = other.get(key)
        if value is None or given is None or value == given:
            continue
        short = [json.dumps(v) for v in (value, given)]
        if max(map(len, short)) <= 60 and key not in ("data", "model"):
            found.append(f"{key} is {short[0]} there and {short[1]} here")
        elif key == "model":
            found.append(
                "the model is another one (layers that draw an order need a seed to be the same "
                "in each run)"
            )
        else:
            found.append(f"{key} differ" if key in ("data", "weights") else f"{key} differs")
    return "; ".join(found)


def sum_of(*arrays) -> list:
    """Return shapes, types and checksums of arrays; None stays None."""
    return [None if array is None else _sum_of(np.ascontiguousarray(array)) for array in arrays]


def _sum_of(array: Any) -> list:
    # Arrays are buffers, which NumPy's hints say from Python 3.12 on.
    return [list(array.shape), str(array.dtype), zlib.crc32(array)]


# Names are numbered as objects are made, and values and columns are what a fit changes.
_PASSING = {
    "name",
    "tfflows_version",
    "shared_object_id",
    "variables",
    "learning_rate",
    "known_columns",
}


def _sum_of_config(model) -> int | None:
    try:
        config = keras.saving.serialize_keras_object(model)["config"]
    except (NotImplementedError, TypeError, ValueError):
        return None
    return zlib.crc32(json.dumps(_plain(config), sort_keys=True, default=str).encode())


def _plain(config):
    if isinstance(config, dict):
        return {key: _plain(part) for key, part in config.items() if key not in _PASSING}
    if isinstance(config, (list, tuple)):
        return [_plain(part) for part in config]
    return config
