"""A permutation of all the coordinates of an event."""

import math

import numpy as np
import tensorflow as tf

from tfflows.bijectors.base import Bijector
from tfflows.bijectors.event import batch_shape, flatten_event, restore_event
from tfflows.privates import custom_gradient

__all__ = ["Permutation"]


class Permutation(Bijector):
    r"""Reorder the coordinates of an event: :math:`x_i = z_{\pi(i)}`, log-determinant 0.

    Events of higher rank are flattened first, so that a coordinate may move anywhere.

    Parameters
    ----------
    permutation : sequence of int
        :math:`\pi`, each of 0 to D - 1 once.
    event_shape : tuple of int
        Shape of an event of D coordinates.
    name : str, optional
        Name of the bijector.

    Raises
    ------
    ValueError
        If `permutation` is not a permutation of the coordinates.

    Examples
    --------
    >>> print(Permutation([2, 0, 1], (3,)).forward([[10.0, 20.0, 30.0]]).numpy())
    [[30. 10. 20.]]
    """

    def __init__(self, permutation, event_shape: tuple, name: str = "permutation"):
        self._order = check_permutation(permutation)
        self._back = np.argsort(self._order)
        self._event_shape = tuple(event_shape)
        size = int(np.prod(self._event_shape))
        if len(self._order) != size:
            raise ValueError(
                f"permutation has {len(self._order)} entries, but an event of shape "
                f"{self._event_shape} has {size} coordinates."
            )
        super().__init__(len(self._event_shape), is_constant_jacobian=True, name=name)

    @property
    def increasing(self) -> bool | None:
        """True of a single coordinate."""
        return True if math.prod(self._event_shape) == 1 else None

    def _reorder(self, value, order):
        flat = flatten_event(value, self._event_shape)
        moved = restore_event(_taken(flat, order), self._event_shape)
        return moved, tf.zeros(batch_shape(value, len(self._event_shape)), value.dtype)

    def _forward_and_fldj(self, x):
        return self._reorder(x, self._order)

    def _inverse_and_ildj(self, y):
        return self._reorder(y, self._back)


def _taken(x, order):
    """Return x with its last axis in another order."""

    # The gradient of a gather adds up numbers, one by one, in whatever places it is given. (Where
    # it would do, tf.reverse is slower: XLA computes a spline around it twice.)
    @custom_gradient
    def taken(x):
        return tf.gather(x, order, axis=-1), lambda upstream: _taken(upstream, np.argsort(order))

    return taken(x)


def check_permutation(permutation) -> np.ndarray:
    """Return `permutation` as integers, or raise a ValueError that says what is wrong with it."""
    given = np.asarray(permutation)
    if given.ndim != 1 or not np.array_equal(np.sort(given), np.arange(len(given))):
        raise ValueError(
            f"permutation must contain each of 0..{max(given.size - 1, 0)} once; "
            f"got {given.tolist()}."
        )
    return given.astype(np.int32)
