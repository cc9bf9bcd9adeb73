"""Bins of a box drawn by raw numbers, and the bin that each value falls into, without a gather."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

__all__ = ["Bin", "aligned", "find", "locate", "parameters_first", "position", "shares"]


class Bin(NamedTuple):
    """The bin each value fell into, described along every one of the R axes that were cut.

    Attributes
    ----------
    start : tf.Tensor
        Left end of the bin, ``[R, ...]``.
    size : tf.Tensor
        Length of the bin, ``[R, ...]``.
    here : tf.Tensor
        One-hot indicator of the bin, ``[K, ...]``, for picking further numbers by a masked sum.
    """

    start: tf.Tensor
    size: tf.Tensor
    here: tf.Tensor


def parameters_first(raw: tf.Tensor, rank: int) -> tf.Tensor:
    """Move the parameters of ``[..., D, P]`` to the front, aligned with values of a given rank.

    Sums over a leading axis run over whole contiguous rows; over a short last axis they crawl.

    Parameters
    ----------
    raw : tf.Tensor
        Numbers of shape ``[..., D, P]``, of known rank.
    rank : int
        Rank of the values that the numbers will meet.

    Returns
    -------
    tf.Tensor
        Numbers of shape ``[P, 1, ..., 1, ..., D]``, of rank ``max(rank, raw.rank - 1) + 1``.

    Examples
    --------
    >>> import tensorflow as tf
    >>> parameters_first(tf.zeros([4, 3, 23]), rank=3).shape
    TensorShape([23, 1, 4, 3])
    """
    axes = raw.shape.rank
    moved = tf.transpose(raw, [axes - 1, *range(axes - 1)])
    missing = rank - (axes - 1)
    if missing > 0:
        shape = tf.shape(moved)
        ones = tf.ones([missing], tf.int32)
        moved = tf.reshape(moved, tf.concat([shape[:1], ones, shape[1:]], 0))
    return moved


def aligned(raw: tf.Tensor, value: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, Callable]:
    """Move the parameters to the front, and in a graph of a known number of rows these to the back.

    Of few coordinates at a time little can be computed at once; of rows that are neighbours in
    memory, a whole vector. XLA, which knows all shapes, has the product before write its result
    that way, and that of the gradient read it so. Graphs of an unknown number of rows,
    eager calls and fewer rows than coordinates keep their order: where no compiler sees
    through the transpositions, these take more time than they save.

    Parameters
    ----------
    raw : tf.Tensor
        Numbers ``[..., D, P]``, of known rank.
    value : tf.Tensor
        Values ``[..., D]``, of known rank, that they will meet.

    Returns
    -------
    raw : tf.Tensor
        The numbers, ``[P, ...]``.
    value : tf.Tensor
        The values, whose axes are in the order of the further axes of `raw`.
    back : callable
        Moves the axes of what is computed from both back to where those of `value` were.

    Examples
    --------
    >>> import tensorflow as tf
    >>> raw, value, back = aligned(tf.zeros([40, 3, 23]), tf.zeros([40, 3]))
    >>> raw.shape, value.shape, back(value).shape
    (TensorShape([23, 40, 3]), TensorShape([40, 3]), TensorShape([40, 3]))
    >>> with tf.Graph().as_default():
    ...     raw, value, back = aligned(tf.zeros([40, 3, 23]), tf.zeros([40, 3]))
    ...     raw.shape, value.shape, back(value).shape
    (TensorShape([23, 3, 40]), TensorShape([3, 40]), TensorShape([40, 3]))
    """
    known = raw.shape.rank == 3 and value.shape.rank == 2 and raw.shape.is_fully_defined()
    if tf.executing_eagerly() or not known or raw.shape[0] < max(2, raw.shape[1]):
        return parameters_first(raw, value.shape.rank), value, tf.identity
    rows, size, count = raw.shape
    # Two axes at a time: through a reversal of three XLA does not look.
    raw = tf.reshape(tf.transpose(tf.reshape(raw, [rows, size * count])), [size, count, rows])
    return tf.transpose(raw, [1, 0, 2]), tf.transpose(value), tf.transpose


def locate(
    value: tf.Tensor, logits: tf.Tensor, low: float, high: float, min_bin: float, along: int
) -> Bin:
    r"""Cut the box ``[low, high]`` into K bins along R axes and find the bin of each value.

    Along each axis the bins have the sizes
    :math:`(high - low) (m + (1 - K m) \,\mathrm{softmax}(logits)_k)` with m = `min_bin`. The values
    are compared with the inner knots of the axis `along`; the same bin is reported on all axes.

    The sums run over unnormalized exponentials, so that only the one bin that is needed is ever
    normalized, in the gradient too. The comparisons need no gradient.

    Parameters
    ----------
    value : tf.Tensor
        Values ``[...]`` inside the box.
    logits : tf.Tensor
        Raw sizes ``[R, K, ...]`` whose trailing axes broadcast against those of `value`.
    low, high : float
        Ends of the box.
    min_bin : float
        Smallest bin, as a fraction of the box; below 1 / K.
    along : int
        The axis, 0 to R - 1, on which the values live.

    Returns
    -------
    Bin
        Start and size on every axis, and the one-hot indicator of the bin.

    Examples
    --------
    >>> import tensorflow as tf
    >>> bin = locate(tf.constant([-0.9, 0.6]), tf.zeros([1, 4, 1]), -1.0, 1.0, 0.0, along=0)
    >>> print(bin.start.numpy(), bin.size.numpy())
    [[-1.   0.5]] [[0.5 0.5]]
    """
    count = logits.shape[1]
    floor = (high - low) * min_bin
    # Any shift leaves a softmax as it is, so the maximum needs no gradient.
    weights = tf.exp(logits - tf.stop_gradient(tf.reduce_max(logits, 1, keepdims=True)))
    scale = (high - low) * (1.0 - count * min_bin) / tf.reduce_sum(weights, 1)

    passed, before, here = find(value, floor + scale[along] * weights[along], low)
    start = low + floor * tf.reduce_sum(passed, 0) + scale * tf.reduce_sum(before * weights, 1)
    size = floor + scale * tf.reduce_sum(here * weights, 1)
    return Bin(start, size, here)


def find(value: tf.Tensor, sizes: tf.Tensor, low: float) -> tuple[tf.Tensor, ...]:
    """Find the bin of each value among K bins of given sizes that start at `low`.

    Parameters
    ----------
    value : tf.Tensor
        Values ``[...]``; those beyond the ends count to the first or the last bin.
    sizes : tf.Tensor
        Positive sizes ``[K, ...]`` whose trailing axes broadcast against those of `value`.
    low : float
        Where the first bin starts.

    Returns
    -------
    passed : tf.Tensor
        Ones for the inner knots at or before the value, ``[K - 1, ...]``.
    before : tf.Tensor
        Ones for the bins before that of the value, ``[K, ...]``.
    here : tf.Tensor
        One for the bin of the value, ``[K, ...]``.

    Examples
    --------
    >>> import tensorflow as tf
    >>> _, before, here = find(tf.constant([0.5, 2.5]), tf.constant([[1.0], [1.0], [1.0]]), 0.0)
    >>> print(before.numpy().T, here.numpy().T)
    [[0. 0. 0.]
     [1. 1. 0.]] [[1. 0. 0.]
     [0. 0. 1.]]
    """
    sizes = tf.stop_gradient(sizes)
    # Unrolled: XLA turns a cumulative sum on CPU into a window reduction, quadratic in K.
    knot = low + tf.zeros_like(value)
    passed = []
    for k in range(sizes.shape[0] - 1):
        knot = knot + sizes[k]
        passed.append(value >= knot)
    if passed:
        passed = tf.cast(tf.stack(passed), value.dtype)
    else:
        passed = tf.zeros_like((value + sizes[0])[None])[:0]
    nothing = [[0, 0]] * (passed.shape.rank - 1)
    before = tf.pad(passed, [[0, 1], *nothing])
    # One before the first: tf.vectorized_map pads with zeros whatever `constant_values` is.
    here = 1.0 - tf.pad(1.0 - passed, [[1, 0], *nothing]) - before
    return passed, before, here


def shares(logits: tf.Tensor, min_bin: float) -> tf.Tensor:
    r"""Return the fractions :math:`m + (1 - K m) \,\mathrm{softmax}(logits)` of K bins.

    Parameters
    ----------
    logits : tf.Tensor
        Raw sizes ``[K, ...]``.
    min_bin : float
        Smallest fraction m, below 1 / K.

    Returns
    -------
    tf.Tensor
        Fractions ``[K, ...]`` whose sum over the first axis is 1.

    Examples
    --------
    >>> import tensorflow as tf
    >>> print(shares(tf.constant([0.0, 50.0]), 0.1).numpy().round(6))
    [0.1 0.9]
    """
    return min_bin + (1.0 - logits.shape[0] * min_bin) * tf.nn.softmax(logits, axis=0)


def position(value: tf.Tensor, start: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Return where in its bin a value lies, in [0, 1].

    Parameters
    ----------
    value, start, size : tf.Tensor
        The value, and the start and the length of its bin.

    Returns
    -------
    tf.Tensor
        ``(value - start) / size``, clipped.

    Examples
    --------
    >>> import tensorflow as tf
    >>> print(position(tf.constant([1.0, 2.0001]), tf.constant(0.0), tf.constant(2.0)).numpy())
    [0.5 1. ]
    """
    share = (value - start) / size
    # The values lie in the bin, so only rounding can leave [0, 1]: the clip must not cost the
    # gradient of a value that sits on a knot.
    return share + tf.stop_gradient(tf.clip_by_value(share, 0.0, 1.0) - share)
