"""What the networks of this package share: the affine map, fresh initializers, event checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

#: Uniform on +-1/sqrt(inputs): each unit starts with a gentle slope.
KERNEL_INITIALIZER = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def affine(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Return x @ kernel for x of any rank, as one product of two matrices."""
    if x.dtype == tf.bfloat16:
        # On processors without products of this type TensorFlow adds up in bfloat16, too, where
        # XLA, and latent to data of an autoregressive map, do in float32: the maps would differ.
        product = affine(tf.cast(x, tf.float32), tf.cast(kernel, tf.float32))
        return tf.cast(product, tf.bfloat16)
    if x.shape.rank == 2:
        return tf.linalg.matmul(x, kernel)
    # A matmul of rank 3 would copy the kernel for every batch member; tensordot flattens x.
    return tf.tensordot(x, kernel, axes=1)


def fresh_initializer(
    identifier: str | dict | Callable, seed: int | None, index: int
) -> keras.initializers.Initializer | Callable:
    """Return an initializer of its own for weight number ``index``.

    A Keras initializer with an integer seed returns the same numbers for every weight of one
    shape, so each weight gets a copy, seeded by (seed, index).
    """
    initializer = keras.initializers.get(identifier)
    if not isinstance(initializer, keras.initializers.Initializer):
        return initializer
    config = initializer.get_config()
    if "seed" not in config:
        return initializer
    own = config["seed"]
    if own is None and seed is None:
        config["seed"] = None
    elif own is None or isinstance(own, int):
        entropy = [index] + [value % 2**63 for value in (own, seed) if value is not None]
        config["seed"] = int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)
    else:
        return initializer
    return type(initializer).from_config(config)


def spread_biases(fan_in: np.ndarray, seed: int | None, index: int) -> Callable:
    """Return an initializer of biases, uniform on +-1/sqrt(inputs of the unit).

    With all biases at zero, the units of a network of one or two inputs would all bend at the same
    point, and training would have to move them apart first.
    """
    width = 1.0 / np.sqrt(np.maximum(fan_in, 1.0))
    draw = fresh_initializer(keras.initializers.RandomUniform(-1.0, 1.0), seed, index)

    def spread(shape, dtype=None):
        values = draw(shape, dtype=dtype)
        return values * keras.ops.cast(width, values.dtype)

    return spread


def dropout_rate(value: object) -> float:
    """Return ``value`` as a rate in [0, 1), or raise a ValueError."""
    try:
        rate = float(value)
    except (TypeError, ValueError):
        rate = -1.0
    if not 0.0 <= rate < 1.0:
        raise ValueError(f"dropout must be a rate of at least 0 and below 1; got {value!r}.")
    return rate


def check_elementwise(activation: Callable) -> None:
    """Raise a ValueError where an activation mixes units: it would carry x_d past the masks."""
    with tf.init_scope():
        first, second = (
            np.asarray(activation(tf.constant([[0.3, a, -0.2, b]], "float32")))
            for a, b in ((-0.7, 0.4), (1.1, -2.5))
        )
    same = first.shape == second.shape == (1, 4) and bool(np.all(first[:, ::2] == second[:, ::2]))
    if not same:
        name = getattr(activation, "__name__", repr(activation))
        raise ValueError(
            f"activation {name!r} mixes the units of a layer, which breaks the autoregressive "
            "masks; use one that acts on each unit by itself, such as 'relu', 'elu' or 'silu'."
        )


def check_event(owner: str, name: str, x: tf.Tensor, event_shape: Sequence[int]) -> None:
    """Raise a ValueError where the last axes of x are known not to be ``event_shape``."""
    if x.shape.rank is None:
        return
    rank = len(event_shape)
    trailing = x.shape[x.shape.rank - rank :] if x.shape.rank >= rank else None
    if trailing is None or not trailing.is_compatible_with(tuple(event_shape)):
        expected = ", ".join(["...", *map(str, event_shape)])
        raise ValueError(
            f"{owner} expects {name} of shape ({expected}); {name} has shape {tuple(x.shape)}."
        )


def check_batches(
    owner: str, name: str, x: tf.Tensor, context: tf.Tensor, context_rank: int = 1
) -> None:
    """Raise a ValueError where the batch shapes of x [..., D] and the context do not broadcast."""
    if x.shape.rank is None or context.shape.rank is None:
        return
    x_batch = x.shape[:-1]
    context_batch = context.shape[: context.shape.rank - context_rank]
    try:
        tf.broadcast_static_shape(x_batch, context_batch)
    except ValueError:
        raise ValueError(
            f"{owner}: the batch shapes of x and {name} must broadcast against each other; x has "
            f"shape {tuple(x.shape)} and {name} has shape {tuple(context.shape)}. Give one row "
            f"of {name} for each row of x, or a single one for all."
        ) from None


def last_size(name: str, shape: Sequence[int | None]) -> int:
    """Return the size of the last axis of ``shape``, or raise a ValueError where it is unknown."""
    if not len(shape) or shape[-1] is None:
        raise ValueError(
            f"The last axis of {name} must be known to create the weights; {name} has shape "
            f"{tuple(shape)}. Give the sizes at construction."
        )
    return int(shape[-1])


def shape_of(value: object) -> tuple:
    """Return the shape of a tensor, a symbolic tensor, or nested lists."""
    return tuple(value.shape) if hasattr(value, "shape") else np.shape(value)


def as_tuples(value: object) -> object:
    """Return nested sequences as tuples: Keras would otherwise track lists as state."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return tuple(as_tuples(entry) for entry in value)


def as_lists(value: object) -> object:
    """Return nested tuples as lists of Python numbers, fit for a config."""
    if isinstance(value, tuple):
        return [as_lists(entry) for entry in value]
    return value.item() if isinstance(value, np.generic) else value
