"""Fixed reorderings of the coordinates."""

import math

import keras
import numpy as np
from tensorflow_probability import bijectors as tfb

from tfflows import bijectors
from tfflows.bijectors.permutation import check_permutation
from tfflows.layers.base import BijectorLayer

__all__ = ["Permute", "Reverse"]


@keras.saving.register_keras_serializable(package="tfflows")
class Permute(BijectorLayer):
    r"""Reorder the coordinates: :math:`x_i = z_{\pi(i)}`, log-determinant 0.

    Parameters
    ----------
    permutation : sequence of int or "random"
        :math:`\pi`, each flattened coordinate once; "random" draws one when the layer is built and
        stores it in the config.
    seed : int, optional
        Seed of a random permutation.
    **kwargs
        Keras's own arguments.

    Raises
    ------
    ValueError
        If an entry is missing or doubled, or the length does not fit the event.

    Examples
    --------
    >>> import tensorflow as tf
    >>> print(Permute([2, 0, 1])(tf.constant([[30.0, 10.0, 20.0]])).numpy())
    [[10. 20. 30.]]
    """

    def __init__(self, permutation, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if isinstance(permutation, str):
            if permutation != "random":
                raise ValueError(
                    f'permutation must be a list of coordinates or "random"; got {permutation!r}.'
                )
            self.permutation = permutation
        else:
            self.permutation = tuple(int(i) for i in check_permutation(permutation))
        self.seed = seed

    def build(self, event_shape, context_shape=None):
        """Draw a random permutation, or check the given one against `event_shape`."""
        self.event_shape = tuple(event_shape)
        if self.permutation == "random":
            generator = np.random.default_rng(self.seed)
            drawn = generator.permutation(math.prod(self.event_shape))
            self.permutation = tuple(int(i) for i in drawn)
        self.bijector()
        self.built = True

    def bijector(self, context=None):
        """Return the permutation."""
        return bijectors.Permutation(self.permutation, self.event_shape)

    @property
    def adjacency(self) -> np.ndarray | None:
        """Each latent coordinate is one of the data."""
        if not self.built:
            return None
        return np.eye(len(self.permutation), dtype=bool)[:, self.permutation]

    def scalar_bijector(self, x, context=None) -> tfb.Bijector:
        """Return the identity: no coordinate changes its value."""
        return tfb.Identity()

    def get_config(self):
        """Return the constructor's arguments, a drawn permutation as its numbers."""
        return {**super().get_config(), "permutation": self.permutation, "seed": self.seed}


@keras.saving.register_keras_serializable(package="tfflows")
class Reverse(BijectorLayer):
    """Reverse the order of the flattened coordinates; log-determinant 0.

    Examples
    --------
    >>> import tensorflow as tf
    >>> print(Reverse()(tf.constant([[1.0, 2.0, 3.0]])).numpy())
    [[3. 2. 1.]]
    """

    def build(self, event_shape, context_shape=None):
        """Remember the shape of an event."""
        self.event_shape = tuple(event_shape)
        self.built = True

    def bijector(self, context=None):
        """Return the permutation."""
        size = math.prod(self.event_shape)
        return bijectors.Permutation(range(size - 1, -1, -1), self.event_shape)

    @property
    def adjacency(self) -> np.ndarray | None:
        """Each latent coordinate is one of the data."""
        if not self.built:
            return None
        return np.eye(math.prod(self.event_shape), dtype=bool)[::-1]

    def scalar_bijector(self, x, context=None) -> tfb.Bijector:
        """Return the identity: no coordinate changes its value."""
        return tfb.Identity()
