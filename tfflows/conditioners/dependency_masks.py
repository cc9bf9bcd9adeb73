"""Masks of a network whose outputs depend on the inputs that a given graph names.

Coordinate i may depend on its parents alone. A hidden unit belongs to one set of parents: it sees
the inputs in its set and the units whose set is a part of its own, and the parameters of coordinate
i see the units whose set is a part of the parents of i. So no path leads from an input to
parameters that must not depend on it, whatever the weights (the masks of Germain et al. 2015, MADE,
arXiv:1502.03509, are those of the sets {1..d}).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

__all__ = ["DependencyMasks"]


class DependencyMasks:
    """The degrees and masks that a graph of dependences asks for.

    The degree of a coordinate is its place in the order in which coordinates can be computed, 1
    for one without parents and else 1 more than the highest of its parents.

    Parameters
    ----------
    adjacency
        Zeros and ones, or bools, [D, D] or [D, D + C]: entry [i, j] is whether the parameters of
        coordinate i may depend on coordinate j or, in the last columns, on column j - D of the
        context. The diagonal says nothing. Without columns for the context, all depend on it.
    size
        The number D of coordinates.
    context_size
        The size C of the context, None without one.

    Attributes
    ----------
    parents : array of bool
        Entry [i, j] is whether the parameters of coordinate i may depend on coordinate j, [D, D].
    degrees : tuple of int
        The degree of each coordinate.

    Raises
    ------
    ValueError
        If `adjacency` has another shape or other entries, or if coordinates depend on each other
        in a cycle.

    Examples
    --------
    Two causes of one effect:

    >>> graph = DependencyMasks([[0, 0, 0], [0, 0, 0], [1, 1, 0]], size=3)
    >>> graph.degrees
    (1, 1, 2)
    >>> graph.hidden_degrees([4])
    ((1, 1, 1, 1),)
    """

    def __init__(self, adjacency, size: int, context_size: int | None = None):
        found = np.asarray(adjacency)
        shapes = [(size, size)] + ([] if context_size is None else [(size, size + context_size)])
        if found.dtype.kind not in "bif" or not np.isin(found, (0, 1)).all():
            raise ValueError(f"adjacency must hold zeros and ones, or bools; got {adjacency!r}.")
        if found.shape not in shapes:
            wanted = " or ".join(map(str, shapes))
            hint = ", with the columns of the context last" if len(shapes) > 1 else ""
            raise ValueError(
                f"adjacency must have shape {wanted}, a row for each coordinate{hint}; got shape "
                f"{found.shape}."
            )
        found = found.astype(bool)
        self.parents = found[:, :size] & ~np.eye(size, dtype=bool)
        self.degrees = _degrees(self.parents)
        context = found[:, size:]
        if context_size is not None and not context.size:
            context = np.ones((size, context_size), bool)
        self._seen = np.concatenate([self.parents, context], axis=1)
        self._size, self._degree = size, np.asarray(self.degrees)
        sets = np.unique(self._seen, axis=0)
        sets = sets[sets.any(axis=1)] if sets.any() else sets[:1]
        # Sorted by degree, so that a solver that computes units by degree can cut layers.
        self._sets = sets[np.argsort([self._degree_of(row) for row in sets], kind="stable")]

    def _degree_of(self, row) -> int:
        return int(np.max(self._degree[row[: self._size]], initial=0))

    def hidden_degrees(self, hidden_units: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        """Return the degree of each unit of each hidden layer.

        Raises
        ------
        ValueError
            If a layer has fewer units than there are different sets of parents.
        """
        if hidden_units and min(hidden_units) < len(self._sets):
            raise ValueError(
                f"hidden layers need a unit for each of the {len(self._sets)} different sets of "
                f"parents in adjacency; got hidden_units={list(hidden_units)}."
            )
        degrees = [self._degree_of(row) for row in self._sets]
        return tuple(tuple(degrees[k] for k in self._set_of_units(width)) for width in hidden_units)

    def _set_of_units(self, width: int) -> np.ndarray:
        return np.arange(width) * len(self._sets) // width

    def _layers(self, hidden_units: Sequence[int], params: int) -> list[np.ndarray]:
        """Return what each unit may depend on, layer by layer, the outputs last."""
        hidden = [self._sets[self._set_of_units(width)] for width in hidden_units]
        return [*hidden, np.repeat(self._seen, params, axis=0)]

    def masks(
        self, hidden_units: Sequence[int], params: int, features: int = 1
    ) -> list[np.ndarray]:
        """Return the mask [inputs, outputs] of each layer, float32.

        Parameters
        ----------
        hidden_units
            The width of each hidden layer.
        params
            The number of outputs of each coordinate, side by side.
        features
            The number of inputs of each coordinate, side by side.
        """
        layers = self._layers(hidden_units, params)
        masks = [np.repeat(layers[0][:, : self._size].T, features, axis=0)]
        for before, after in itertools.pairwise(layers):
            masks.append(~(before[:, np.newaxis] & ~after[np.newaxis]).any(axis=2))
        return [mask.astype(np.float32) for mask in masks]

    def context_masks(self, hidden_units: Sequence[int], params: int) -> list[np.ndarray]:
        """Return the mask [C, outputs] of the context in each layer, float32."""
        layers = self._layers(hidden_units, params)
        return [seen[:, self._size :].T.astype(np.float32) for seen in layers]


def _degrees(parents: np.ndarray) -> tuple[int, ...]:
    """Return the degree of each coordinate, or say which depend on each other in a cycle."""
    degrees = np.zeros(len(parents), int)
    for degree in range(1, len(parents) + 1):
        known = degrees > 0
        ready = ~known & ~(parents & ~known).any(axis=1)
        degrees[ready] = degree
        if not ready.any():
            break
    if (degrees == 0).any():
        # Each that is left has a parent that is left: going on to one comes back at last.
        path = [int(np.argmax(degrees == 0))]
        while path[-1] not in path[:-1]:
            path.append(int(np.argmax(parents[path[-1]] & (degrees == 0))))
        cycle = path[path.index(path[-1]) :]
        raise ValueError(
            "adjacency has a cycle: coordinate "
            + ", which depends on ".join(map(str, cycle))
            + ". A coordinate must not depend on itself by way of others; leave one of these out."
        )
    return tuple(map(int, degrees))
