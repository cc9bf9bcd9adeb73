"""Different layers side by side, each on columns of its own."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfflows import bijectors
from tfflows.layers.base import BijectorLayer
from tfflows.layers.interval import Interval
from tfflows.layers.masked_autoregressive import deserialize

__all__ = ["Blockwise"]


@keras.saving.register_keras_serializable(package="tfflows")
class Blockwise(BijectorLayer):
    r"""Different layers side by side, each for columns of its own.

    .. math:: x = (b_1(z_1), \dots, b_K(z_K)), \qquad
        \log\left|\det \frac{\partial z}{\partial x}\right|
        = \sum_k \log\left|\det \frac{\partial z_k}{\partial x_k}\right|

    An event is outside the range if one of its blocks is. To say what values columns can have, use
    `Supports`.

    Parameters
    ----------
    entries : sequence
        In the order of the columns, each of

        - a layer, for the next column,
        - None, for a column that stays as it is,
        - a pair of a layer, or None, and the number of columns that it takes, such as
          ``(LU(), 3)``.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    TypeError
        If an entry is none of these, or its layer is no bijection.
    ValueError
        If the number of columns is not that of an event, or events are no vectors.

    Examples
    --------
    >>> from tfflows import layers
    >>> layer = layers.Blockwise([layers.Shift(1.0), None, (layers.Scale(2.0), 2)])
    >>> layer.build(event_shape=(4,))
    >>> print(layer(tf.constant([[5.0, 5.0, 6.0, 6.0]])).numpy())
    [[4. 5. 3. 3.]]
    """

    def __init__(self, entries: Sequence, **kwargs):
        super().__init__(**kwargs)
        pairs = [_as_pair(entry) for entry in entries]
        self.parts = [
            Interval(dtype=self.dtype_policy) if layer is None else layer for layer, _ in pairs
        ]
        self.sizes = [size for _, size in pairs]

    def build(self, event_shape, context_shape=None):
        """Build the layer of each entry for its columns."""
        self.event_shape = tuple(event_shape)
        if self.event_shape != (sum(self.sizes),):
            raise ValueError(
                f"the entries of {type(self).__name__} take {sum(self.sizes)} columns, and events "
                f"have shape {self.event_shape}; give an entry for each column, or a pair "
                "(layer, columns)."
            )
        for part, size in zip(self.parts, self.sizes, strict=True):
            if part.variable_dtype != self.variable_dtype:
                raise ValueError(
                    f"the layer {part.name!r} computes in {part.variable_dtype} and "
                    f"{type(self).__name__} in {self.variable_dtype}; make both "
                    "with the same dtype=..."
                )
            if not part.built:
                part.build((size,), context_shape)
        self.built = True

    def bijector(self, context=None) -> tfb.Bijector:
        """Return the bijectors of all entries, side by side."""
        parts = [part.bijector(context) for part in self.parts]
        return bijectors.Blockwise(parts, self._latent_sizes, self.sizes)

    @property
    def _latent_sizes(self) -> list[int]:
        shapes = zip(self.parts, self.sizes, strict=True)
        return [part.latent_shape((size,))[0] for part, size in shapes]

    def latent_shape(self, event_shape):
        """Return the event shape on the latent side."""
        return (sum(self._latent_sizes),)

    def data_shape(self, latent_shape):
        """Return the event shape on the data side."""
        return (sum(self.sizes),)

    @property
    def bounded(self) -> bool:
        """Whether some events are outside the range of an entry."""
        return any(part.bounded for part in self.parts)

    def explain_outside(self, x) -> str:
        """Say in which columns rows `x` are outside the range of an entry, and what to do."""
        starts = np.cumsum([0, *self.sizes])
        found = []
        for part, start, end in zip(self.parts, starts, starts[1:], strict=False):
            own = np.asarray(x)[:, start:end]
            outside = np.isneginf(part.inverse(tf.constant(own))[1].numpy())
            if outside.any():
                columns = f"{start}" if end - start == 1 else f"{start} to {end - 1}"
                found.append(f"In column {columns}: {part.explain_outside(own[outside])}")
        return " ".join(found)

    @property
    def adapts(self) -> bool:
        """Whether an entry takes anything from data."""
        return any(part.adapts for part in self.parts)

    @property
    def needs_adapt(self) -> bool:
        """Whether an entry still waits for data."""
        return any(part.needs_adapt for part in self.parts)

    @property
    def statistics(self) -> dict:
        """What the entries have taken from data."""
        found = {}
        for start, part in zip(np.cumsum([0, *self.sizes]), self.parts, strict=False):
            found.update({f"{key} [{start}]": value for key, value in part.statistics.items()})
        return found

    def keep_start(self):
        """Let all entries stay at their start."""
        for part in self.parts:
            part.keep_start()

    def adapt(self, x, context=None, sample_weight=None):
        """Adapt each entry to its columns."""
        columns = np.split(np.asarray(x), np.cumsum(self.sizes)[:-1], axis=-1)
        for part, own in zip(self.parts, columns, strict=True):
            part.adapt(own, context, sample_weight)

    def get_config(self):
        """Return the constructor's arguments."""
        pairs = zip(self.parts, self.sizes, strict=True)
        return {
            **super().get_config(),
            "entries": [[keras.saving.serialize_keras_object(part), n] for part, n in pairs],
        }

    @classmethod
    def from_config(cls, config):
        """Build the layer from `get_config`'s answer."""
        entries = [(deserialize(layer), size) for layer, size in config["entries"]]
        return cls(**{**config, "entries": entries})


def _as_pair(entry) -> tuple:
    layer, size = entry if isinstance(entry, tuple | list) and len(entry) == 2 else (entry, 1)
    known = layer is None or (isinstance(layer, BijectorLayer) and layer.bijective)
    if not known or not isinstance(size, int) or size < 1:
        raise TypeError(
            "an entry is a layer that is a bijection, None, or a pair of one of these "
            f"and a number of columns; got {entry!r}."
        )
    return layer, size
