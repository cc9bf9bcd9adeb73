"""A layer of a user's own, asked whether it maps each row by itself."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfflows.inputs.validation import FIXED_SEED
from tfflows.interop.row_by_row import fault_of_maps
from tfflows.layers.tfp_bijector import TFPBijector
from tfflows.layers.transform import Transform
from tfflows.univariates.base import Univariate

__all__ = ["check_row_by_row"]

_TRIED = ("tfflows", "keras")


def check_row_by_row(layer: Transform, event_shape: tuple, context_shape: tuple | None) -> None:
    """Raise a ValueError if what a built layer makes of a row depends on the rest of its batch.

    Layers that are made of tfflows's and Keras's own parts alone are not asked.

    Examples
    --------
    >>> from tfflows import layers
    >>> layer = layers.Shift()
    >>> layer.build((2,))
    >>> check_row_by_row(layer, (2,), None)
    """
    if not tf.executing_eagerly() or _is_tried(layer):
        return
    one_size = not layer.bijective  # draws may depend on the number of rows

    def way(direction):
        def run(batch):
            context = None
            if context_shape is not None:
                # Made of the rows, so that those of two batches differ where their rows do.
                of_row = tf.reshape(batch, [len(batch), -1])[:, 0]
                pattern = np.cos(np.arange(math.prod(context_shape)))
                context = tf.reshape(of_row[:, None] * pattern, [-1, *context_shape])
            seed = tf.constant([*FIXED_SEED, 0]) if one_size else None
            return getattr(layer, direction)(batch, context, seed)

        return run

    latent_shape = tuple(layer.latent_shape(event_shape))
    maps = [(way("inverse"), event_shape, latent_shape)]
    if "forward" not in layer.sequential:
        maps.insert(0, (way("forward"), latent_shape, event_shape))
    fault = fault_of_maps(maps, layer.variable_dtype, layer.variables, one_size)
    if fault is not None:
        raise ValueError(f"the layer {layer.name!r} ({type(layer).__name__}) {fault}")


def _is_tried(part) -> bool:
    if isinstance(part, TFPBijector):  # it has asked itself
        return True
    if type(part).__module__.partition(".")[0] not in _TRIED:
        return False
    inner = (
        entry
        for value in vars(part).values()
        for entry in (value if isinstance(value, (list, tuple)) else (value,))
    )
    return all(_is_tried(e) for e in inner if isinstance(e, (keras.layers.Layer, Univariate)))
