"""`load` and `names`."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence

import numpy as np

from tfflows.datasets.dataset import Dataset, Split
from tfflows.datasets.tables import TABLES
from tfflows.datasets.toys import TOYS

# Streams of random numbers drawn from one seed, so that the split does not change with the noise.
_DRAW, _SPLIT = 0, 1


def names() -> tuple[str, ...]:
    """Names that `load` accepts.

    Examples
    --------
    >>> import tfflows.datasets
    >>> tfflows.datasets.names()[:3]
    ('moons', 'circles', 'swiss_roll')
    """
    return (*TOYS, *TABLES)


def load(
    name: str,
    seed: int = 0,
    n: int | None = None,
    noise: float | None = None,
    splits: Sequence[float] = (0.8, 0.1, 0.1),
) -> Dataset:
    r"""Load a data set by its name, split into training, validation and test rows.

    ============= ===== ========= ==================================================== ==========
    name          event rows      what it is                                           truth
    ============= ===== ========= ==================================================== ==========
    moons         2     drawn     two half circles, blurred (scikit-learn)             integrated
    circles       2     drawn     two circles of radius 1 and 0.5, blurred             exact
    swiss_roll    2     drawn     columns x and z of scikit-learn's roll               integrated
    blobs         2     drawn     three Gaussians of standard deviation 1              exact
    8gaussians    2     drawn     eight Gaussians on a circle of radius 2.83           exact
    pinwheel      2     drawn     five twisted Gaussian blades                         exact
    2spirals      2     drawn     two interleaved arms of one and a half turns         integrated
    checkerboard  2     drawn     uniform on eight of sixteen squares                  exact
    rings         2     drawn     four circles of radius 0.75, 1.5, 2.25, 3, blurred   exact
    iris          4     150       lengths of sepals and petals, cm; three species      unknown
    wine          13    178       chemical analyses of wines of three growers          unknown
    digits        64    1797      8 x 8 images, 0 to 16, dequantized                   unknown
    ============= ===== ========= ==================================================== ==========

    Parts of the toy sets (moons, rings, blades, ...) are equally likely and are the labels; the
    swiss roll and the checkerboard have none. The curves of scikit-learn's moons and circles are
    drawn at evenly spaced angles, which is the uniform density of the truth with less scatter.

    Parameters
    ----------
    name : str
        One of `names`.
    seed : int
        Seed of the draw and of the split, at least 0. The same seed gives the same arrays.
    n : int, optional
        Number of rows in all three parts together, at least 3: 10,000 by default for drawn sets;
        for a table at most its length, which is the default.
    noise : float, optional
        For drawn sets the standard deviation of the Gaussian blur (in each coordinate; for the
        pinwheel, across a blade), by default moons 0.05, circles 0.05, swiss_roll 0.5, blobs 1,
        8gaussians 0.354, pinwheel 0.1, 2spirals 0.1, rings 0.08. For tables the width of the
        uniform noise on [0, noise) added to every cell, by default 0 for iris and wine and 1, the
        step of the gray levels, for digits (dequantization: Theis, van den Oord and Bethge,
        2016, arXiv:1511.01844).
    splits : sequence of float
        Shares of the training, validation and test rows: positive, of sum 1.

    Returns
    -------
    Dataset
        Unpacks as ``train, val, test``, float32 of shape ``[rows, event]``.

    Raises
    ------
    ValueError
        If the name is unknown, or an argument is outside its range.

    Examples
    --------
    >>> import tfflows.datasets
    >>> train, val, test = tfflows.datasets.load("iris", seed=0)
    >>> train.shape, val.shape, test.shape
    ((120, 4), (15, 4), (15, 4))
    >>> tfflows.datasets.load("rings", n=100).columns
    ('x0', 'x1')
    """
    if name not in names():
        close = difflib.get_close_matches(str(name).lower(), names(), n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"unknown data set {name!r}.{hint} Choose from {', '.join(names())}.")
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"seed must be an integer of at least 0; got {seed!r}")
    if noise is not None and not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise must be a finite number of at least 0; got {noise!r}")
    if n is not None and (not isinstance(n, (int, np.integer)) or n < 3):
        raise ValueError(f"n must be an integer of at least 3, a row for each part; got {n!r}")
    rng = np.random.default_rng([seed, _DRAW])
    if name in TOYS:
        toy = TOYS[name]
        x, labels, target = toy.draw(
            rng, 10_000 if n is None else int(n), toy.noise if noise is None else float(noise)
        )
        columns, classes = toy.columns, toy.classes
    else:
        x, labels, columns, classes = TABLES[name].read()
        width = TABLES[name].noise if noise is None else noise
        if n is not None and n > len(x):
            raise ValueError(f"{name} has {len(x)} rows; got n={n}")
        x = x + width * rng.uniform(size=x.shape)
        target = None
    parts = _split_rows(len(x), n, splits, np.random.default_rng([seed, _SPLIT]))
    x = x.astype(np.float32)
    return Dataset(
        name=name,
        splits=Split(*(x[rows] for rows in parts)),
        columns=columns,
        labels=None if labels is None else Split(*(labels[rows] for rows in parts)),
        classes=classes,
        target=target,
    )


def _split_rows(
    rows: int, n: int | None, splits: Sequence[float], rng: np.random.Generator
) -> list[np.ndarray]:
    """Row numbers of the three parts: a random order, cut in three."""
    shares = np.asarray(splits, dtype=np.float64)
    if shares.shape != (3,) or np.any(shares <= 0) or abs(shares.sum() - 1.0) > 1e-6:
        raise ValueError(f"splits must be three positive shares of sum 1; got {splits!r}")
    order = rng.permutation(rows)[: rows if n is None else n]
    val, test = (max(1, round(share * len(order))) for share in shares[1:])
    train = len(order) - val - test
    if train < 1:
        raise ValueError(f"{len(order)} rows leave none for training with splits {splits!r}")
    return np.split(order, [train, train + val])
