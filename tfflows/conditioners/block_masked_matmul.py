"""Products with masked kernels that leave out the larger blocks of zeros.

Where the units of all layers are sorted by degree, those of low degree never see those of high
degree: a fourth of a square kernel are zeros that lie in one block. A network that keeps the two
halves of each layer apart, and its kernels in blocks, neither stores nor multiplies nor updates
that block, and copies nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfflows.conditioners.linear import affine

__all__ = ["BlockMaskedMatmul", "best_cut"]

# Width of a network's narrowest hidden layer from which two parts repay twice as many operations;
# more parts are slower, since smaller products run at a lower rate
# (`benchmarks/block_masked_matmul.py` measures both).
_WIDE = 256


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

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


class BlockMaskedMatmul:
    """``x @ (kernel * mask)`` for an x that comes in halves, or whole; so does the result.

    The kernel comes in the blocks that are not all zero, of the shapes ``block.shape``.

    Parameters
    ----------
    mask : array of shape [inputs, outputs]
        Zeros and ones.
    rows, columns : int or None
        How many inputs and outputs are in the lower half; None for a layer that is not cut.
    first : bool
        Whether x comes whole although `rows` cuts it.

    Attributes
    ----------
    mask : array of shape [inputs, outputs]
        As given.
    blocks : list
        The blocks of the kernel, by columns and then by rows.
    columns : list of slice
        The halves of the result.

    Examples
    --------
    >>> mask = np.array([[1.0, 1.0], [0.0, 1.0]])
    >>> product = BlockMaskedMatmul(mask, 1, 1)
    >>> blocks = product.split(tf.ones([2, 2]))
    >>> [tuple(block.shape) for block in blocks]
    [(1, 1), (1, 1), (1, 1)]
    >>> low, high = product([tf.constant([[2.0]]), tf.constant([[3.0]])], blocks)
    >>> low.numpy().tolist(), high.numpy().tolist()
    ([[2.0]], [[5.0]])
    """

    def __init__(self, mask, rows: int | None = None, columns: int | None = None, first=False):
        self.mask = mask
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
            for part, stop, span in spans:
                block_mask = None if mask[span, at].all() else mask[span, at]
                self.blocks.append(_Block(part, stop, span, at, block_mask))

    def __call__(self, parts: Sequence[tf.Tensor], kernel: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Return the halves of the product, or a list of the one product."""
        results = {}
        for block, values in zip(self.blocks, self.masked(kernel), strict=True):
            x = parts[block.part]
            product = affine(x if block.stop is None else x[..., : block.stop], values)
            start = block.columns.start
            results[start] = results[start] + product if start in results else product
        return list(results.values())

    def split(self, kernel):
        """Return the blocks of a whole kernel."""
        return [kernel[block.rows, block.columns] for block in self.blocks]

    def join(self, kernel: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return the whole kernel that has these blocks, and zeros beside them."""
        columns = []
        for at in self.columns:
            column = [
                (block.rows.stop, values)
                for block, values in zip(self.blocks, kernel, strict=True)
                if block.columns == at
            ]
            whole = tf.concat([values for _, values in column], 0)
            left_out = self.mask.shape[0] - column[-1][0]
            columns.append(tf.pad(whole, [[0, left_out], [0, 0]]) if left_out else whole)
        return columns[0] if len(columns) == 1 else tf.concat(columns, 1)

    def masked(self, kernel: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Return the blocks with zeros where the mask has some."""
        return [
            values if block.mask is None else values * tf.constant(block.mask, values.dtype)
            for block, values in zip(self.blocks, kernel, strict=True)
        ]


def _halves(cut: int | None, size: int) -> list[slice]:
    return [slice(0, size)] if cut is None else [slice(0, cut), slice(cut, size)]
