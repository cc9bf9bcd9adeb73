"""Random numbers that are the same in eager, graph and XLA execution, whenever the seed is known.

TensorFlow's own float draws are not: for a seed that is known only at run time, XLA makes floats of
other bits of the generator's words, and reads a negative seed as another one. Here the words of the
Philox generator (Salmon et al., 2011) become floats by ordinary operations, in such a way that
TensorFlow's eager draws with ``alg="philox"`` come out.

A seed is an int32 tensor ``[a, b]``, or ``[a, b, row]``: then the first row of what is drawn is the
given row of a longer table. So a table can be drawn in chunks without changing its numbers:

    normal([n, d], [a, b, row]) == normal([row + n, d], [a, b])[row:]
"""

import math

import tensorflow as tf

__all__ = ["bits", "fold_in", "normal", "uniform"]

_PHILOX = 1

# The key by which TensorFlow turns a seed into a key and a counter.
_SCRAMBLE = 0x02461E293EC8F720

# The bits of a word that TensorFlow takes for the fraction of a float.
_FRACTION = {tf.bfloat16: 7, tf.float16: 10, tf.float32: 23}


def bits(shape, seed) -> tf.Tensor:
    """Draw words of 32 random bits.

    Parameters
    ----------
    shape : sequence of int or tf.Tensor
        Shape of the result. XLA must know it when it compiles.
    seed : sequence of int or tf.Tensor
        Seed, int32 ``[2]`` or ``[3]``.

    Returns
    -------
    tf.Tensor
        Tensor of `shape`, uint32.

    Raises
    ------
    ValueError
        If the seed has another shape.

    References
    ----------
    Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3, SC '11.

    Examples
    --------
    >>> print(bits([3], [0, 1]).numpy())
    [3272246379  716464970 1152537568]
    """
    return _draw(shape, seed, 4, lambda words: words)


def uniform(shape, seed, dtype="float32") -> tf.Tensor:
    r"""Draw from the uniform distribution on :math:`[0, 1)`.

    .. math:: u = k / 2^m

    for m random bits k: 52 of a float64, 23 of a float32, 10 of a float16 and 7 of a bfloat16.

    Parameters
    ----------
    shape, seed
        As in `bits`.
    dtype : tf.DType or str
        Floating type.

    Returns
    -------
    tf.Tensor
        Tensor of `shape` and `dtype`.

    Raises
    ------
    ValueError
        If the seed has another shape, or the dtype is not floating.

    Examples
    --------
    >>> print(uniform([4, 2], [0, 1]).numpy().round(3))
    [[0.082 0.409]
     [0.393 0.316]
     [0.347 0.732]
     [0.564 0.977]]
    >>> print(uniform([2, 2], [0, 1, 2]).numpy().round(3))
    [[0.347 0.732]
     [0.564 0.977]]
    """
    dtype = _floating(dtype)
    return _draw(shape, seed, _per_block(dtype), lambda words: _uniform(words, dtype))


def normal(shape, seed, dtype="float32") -> tf.Tensor:
    r"""Draw from the standard normal distribution, by the transform of Box and Muller.

    .. math:: (z_1, z_2) = \sqrt{-2 \log u_1}\,(\sin 2 \pi u_2, \cos 2 \pi u_2)

    for two uniform numbers, of which the first is at least 1e-7. Draws in half precision are those
    of float32, rounded.

    Parameters
    ----------
    shape, seed
        As in `bits`.
    dtype : tf.DType or str
        Floating type.

    Returns
    -------
    tf.Tensor
        Tensor of `shape` and `dtype`.

    Raises
    ------
    ValueError
        If the seed has another shape, or the dtype is not floating.

    References
    ----------
    Box and Muller (1958), A note on the generation of random normal deviates, Annals of
    Mathematical Statistics 29.

    Examples
    --------
    >>> print(normal([4, 2], [0, 1]).numpy().round(3))
    [[ 1.206 -1.882]
     [ 1.25  -0.553]
     [-1.445 -0.164]
     [-0.155  1.06 ]]
    >>> print(normal([2, 2], [0, 1, 2]).numpy().round(3))
    [[-1.445 -0.164]
     [-0.155  1.06 ]]
    """
    dtype = _floating(dtype)
    wide = tf.float64 if dtype == tf.float64 else tf.float32

    def box_muller(words):
        pairs = tf.reshape(_uniform(words, wide), [-1, 2])
        radius = tf.sqrt(-2.0 * tf.math.log(tf.maximum(pairs[:, 0], 1e-7)))
        # TensorFlow rounds the angle once; a product in float32 moves some draws by 2e-6.
        angle = tf.cast(2.0 * math.pi * tf.cast(pairs[:, 1], tf.float64), wide)
        return tf.stack([radius * tf.sin(angle), radius * tf.cos(angle)], axis=1)

    return tf.cast(_draw(shape, seed, _per_block(dtype), box_muller), dtype)


def fold_in(seed, number) -> tf.Tensor:
    """Return the seed of a new stream, named by a seed and a number.

    Parameters
    ----------
    seed : sequence of int or tf.Tensor
        Seed, int32 ``[2]`` or ``[3]``; the third number, the row, is kept.
    number : int or tf.Tensor
        Number of the stream: of a layer, or of a step.

    Returns
    -------
    tf.Tensor
        Seed, of the same shape.

    Raises
    ------
    ValueError
        If the seed has another shape.

    Examples
    --------
    >>> print(fold_in([0, 1], 5).numpy())
    [-1022720917           5]
    >>> print(fold_in([0, 1, 20], 5).numpy())
    [-1022720917           5          20]
    """
    seed = _seed(seed)
    pair = tf.random.fold_in(seed[:2], tf.cast(number, tf.int32), alg="philox")
    return pair if seed.shape[0] == 2 else tf.concat([pair, seed[2:]], 0)


def _seed(seed):
    seed = tf.convert_to_tensor(seed, tf.int32)
    if seed.shape not in ((2,), (3,)):
        raise ValueError(f"seed must be two ints, or two and a row; got shape {seed.shape}.")
    return seed


def _floating(dtype) -> tf.DType:
    dtype = tf.as_dtype(dtype)
    if dtype != tf.float64 and dtype not in _FRACTION:
        known = "float16, bfloat16, float32 or float64"
        raise ValueError(f"dtype={dtype.name!r}: expected {known}.")
    return dtype


def _per_block(dtype: tf.DType) -> int:
    """Return how many numbers are made of the four words of a Philox block."""
    return 2 if dtype == tf.float64 else 4


def _uniform(words, dtype):
    if dtype == tf.float64:
        high = tf.cast(words[:, 0::2] & 0xFFFFF, tf.float64)
        return (high + tf.cast(words[:, 1::2], tf.float64) * 2.0**-32) * 2.0**-20
    fraction = _FRACTION[dtype]
    # By float32, to which more processors convert.
    return tf.cast(tf.cast(words & (2**fraction - 1), tf.float32) * 2.0**-fraction, dtype)


def _draw(shape, seed, per_block: int, numbers):
    """Return, in a shape, what `numbers` makes of blocks of four words, uint32 ``[blocks, 4]``."""
    seed = _seed(seed)
    shape = tf.convert_to_tensor(shape, tf.int32)
    size = tf.reduce_prod(shape)
    # Sizes must not depend on the row: with one, draw as many blocks as any row may need.
    needed, block = size, tf.constant(0, tf.uint64)
    if seed.shape[0] == 3:
        first = tf.cast(seed[2], tf.int64) * tf.cast(tf.reduce_prod(shape[1:]), tf.int64)
        block, skipped = (
            tf.cast(first // per_block, tf.uint64),
            tf.cast(first % per_block, tf.int32),
        )
        needed += per_block - 1
    key, stream = tf.unstack(_words([2], [_SCRAMBLE], tf.cast(seed[:2], tf.uint64), tf.uint64))
    blocks = (needed + per_block - 1) // per_block
    words = _words([blocks, 4], [key], [block, stream], tf.uint32)
    flat = tf.reshape(numbers(words), [-1])
    if seed.shape[0] == 3:
        # Of a slice that begins elsewhere XLA would compile another program.
        flat = tf.roll(flat, -skipped, axis=0)
    return tf.reshape(tf.slice(flat, [0], [size]), shape)


def _words(shape, key, counter, dtype):
    return tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=shape, key=key, counter=counter, alg=_PHILOX, dtype=dtype
    )
