"""Products with masked kernels that leave out the larger blocks of zeros.

Where the units of all layers are sorted by degree, those of low degree never see those of high
degree: a fourth of the products of a square kernel are by zeros that lie in one block. A network
that keeps the two halves of each layer apart skips that block and copies no activations.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfflows.conditioners.linear import affine

__all__ = ["MaskedProduct", "best_cut"]

# Width of a network's narrowest hidden layer from which halves pay (benchmarks/halves.py). On two
# cores, hidden widths of 512: training products 15.3 -> 13.3 ms, density of 10,000 rows 141 -> 119
# ms; of 256: 5.1 -> 4.0 and 34 -> 33 ms; of 128: 1.7 -> 1.5 and 13.1 -> 13.9 ms. More than two
# parts are slower: smaller products run at a lower rate.
_WIDE = 128


def best_cut(layer_degrees: Sequence[tuple]) -> list[int | None]:
    """Return how many units of each layer, inputs and outputs included, are in the lower half.

    Parameters
    ----------
    layer_degrees : sequence of pairs
        The degrees of the inputs and of the outputs of each layer. The outputs of the last see
        units of lower degree alone, all others units of their degree, too.

    Returns
    -------
    list
        One number for each layer of units; None where its units are not sorted by degree, or
        where halves do not pay.
    """
    units = [layer_degrees[0][0], *(outputs for _, outputs in layer_degrees)]
    hidden = units[1:-1]
    if not hidden or min(map(len, hidden)) < _WIDE:
        return [None] * len(units)

    def below(degree):
        # An output of degree d sees what has degree d - 1.
        bounds = [degree] * (len(units) - 1) + [degree + 1]
        counts = []
        for degrees, bound in zip(units, bounds, strict=True):
            count = sum(d <= bound for d in degrees)
            inside = 0 < count < len(degrees) and list(degrees) == sorted(degrees)
            counts.append(count if inside else None)
        return counts

    def skipped(counts):
        return sum(
            (len(rows) - r) * c
            for rows, r, c in zip(units, counts, counts[1:], strict=False)
            if r is not None and c is not None
        )

    best = max(map(below, sorted(set(hidden[0]))), key=skipped)
    return best if skipped(best) else [None] * len(units)


@dataclasses.dataclass(frozen=True, eq=False)
class _Block:
    part: int  # the input that is multiplied
    stop: int | None  # so many of its columns, all of them for None
    rows: slice
    columns: slice
    mask: np.ndarray | None  # None for ones


class MaskedProduct:
    """``x @ (kernel * mask)`` for an x that comes in halves, or whole; so does the result.

    Parameters
    ----------
    mask : array of shape [inputs, outputs]
        Zeros and ones.
    rows, columns : int or None
        How many inputs and outputs are in the lower half; None for a layer that is not cut.
    first : bool
        Whether x comes whole although `rows` cuts it.

    Examples
    --------
    >>> mask = np.array([[1.0, 1.0], [0.0, 1.0]])
    >>> product = MaskedProduct(mask, 1, 1)
    >>> low, high = product([tf.constant([[2.0]]), tf.constant([[3.0]])], tf.ones([2, 2]))
    >>> low.numpy().tolist(), high.numpy().tolist()
    ([[2.0]], [[5.0]])
    """

    def __init__(self, mask, rows: int | None = None, columns: int | None = None, first=False):
        self.shape = mask.shape
        self.columns = _halves(columns, mask.shape[1])
        self.blocks = []
        for at in self.columns:
            needed = np.flatnonzero(mask[:, at].any(axis=1))
            stop = int(needed[-1]) + 1 if needed.size else 0
            if first:
                whole = rows is None or stop == mask.shape[0]
                spans = [(0, None if whole else stop, slice(0, mask.shape[0] if whole else stop))]
            else:
                spans = [(q, None, part) for q, part in enumerate(_halves(rows, mask.shape[0]))]
                spans = [span for span in spans if span[2].start < stop] or spans[:1]
            self.blocks.append(
                [
                    _Block(part, stop, span, at, None if mask[span, at].all() else mask[span, at])
                    for part, stop, span in spans
                ]
            )

    def __call__(self, parts: Sequence[tf.Tensor], kernel: tf.Tensor) -> list[tf.Tensor]:
        """Return the halves of the product, or a list of the one product."""
        kernels = iter(self._split(kernel))
        results = []
        for blocks in self.blocks:
            total = None
            for block in blocks:
                x = parts[block.part]
                x = x if block.stop is None else x[..., : block.stop]
                product = affine(x, next(kernels))
                total = product if total is None else total + product
            results.append(total)
        return results

    def _split(self, kernel):
        """Return the blocks of the masked kernel, in the order of `blocks`."""
        flat = [block for blocks in self.blocks for block in blocks]

        def masked(values):
            return [
                value if block.mask is None else value * tf.constant(block.mask, value.dtype)
                for value, block in zip(values, flat, strict=True)
            ]

        if len(flat) == 1 and flat[0].rows.stop == self.shape[0]:
            return masked([kernel])

        # The gradient of slices would be a sum of padded blocks, which XLA computes anew, number
        # by number, in each place that reads it; joined blocks it writes once.
        @tf.custom_gradient
        def split(kernel):
            def gradient(*upstream):
                found = iter(masked(upstream))
                joined = []
                for blocks in self.blocks:
                    column = [next(found) for _ in blocks]
                    rest = self.shape[0] - blocks[-1].rows.stop
                    if rest:
                        zeros = tf.zeros([rest, column[0].shape[1]], column[0].dtype)
                        column.append(zeros)
                    joined.append(tf.concat(column, 0))
                return tf.concat(joined, 1)

            return masked([kernel[block.rows, block.columns] for block in flat]), gradient

        return split(kernel)


def _halves(cut: int | None, size: int) -> list[slice]:
    return [slice(0, size)] if cut is None else [slice(0, cut), slice(cut, size)]
