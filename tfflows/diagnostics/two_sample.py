"""Tests of whether two samples, or a sample and a uniform one, come from one distribution."""

import math

import numpy as np

__all__ = [
    "classifier_accuracy",
    "energy_test",
    "kolmogorov_margin",
    "kolmogorov_two_samples",
    "kolmogorov_uniform",
]


def kolmogorov_uniform(u) -> np.ndarray:
    r"""Return the Kolmogorov distance of each column from the uniform distribution.

    .. math:: \sup_t |F_n(t) - t|

    Parameters
    ----------
    u : np.ndarray
        Numbers in [0, 1], ``[n, columns]``.

    Examples
    --------
    >>> kolmogorov_uniform(np.array([[0.25], [0.75]])).tolist()
    [0.25]
    """
    n = len(u)
    u = np.sort(u, axis=0)
    steps = np.arange(n + 1)[:, np.newaxis] / n
    return np.maximum((steps[1:] - u).max(0), (u - steps[:-1]).max(0))


def kolmogorov_two_samples(a, b) -> np.ndarray:
    """Return the Kolmogorov distance between the columns of two samples.

    Examples
    --------
    >>> kolmogorov_two_samples(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])).tolist()
    [0.5]
    """
    distances = []
    for one, other in zip(a.T, b.T, strict=True):
        both = np.concatenate([one, other])
        at = [
            np.searchsorted(np.sort(part), both, side="right") / len(part) for part in (one, other)
        ]
        distances.append(np.abs(at[0] - at[1]).max())
    return np.array(distances)


def kolmogorov_margin(alpha: float, columns: int, *counts: int) -> float:
    r"""Return how far chance carries the largest of several Kolmogorov distances.

    .. math:: \sqrt{\tfrac12 \ln(2 m / \alpha) \sum_k 1 / n_k}

    By the inequality of Dvoretzky, Kiefer, Wolfowitz and Massart the distance of a sample from its
    own distribution is larger with probability at most alpha, for m columns together.

    Parameters
    ----------
    alpha : float
        The probability.
    columns : int
        The number m of columns.
    *counts : int
        The sizes of the samples, one or two.

    References
    ----------
    Massart (1990), "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality", Annals of
    Probability 18. For two samples: Wei and Dudley (2012), "Two-sample
    Dvoretzky-Kiefer-Wolfowitz inequalities", arXiv:1107.5356.

    Examples
    --------
    >>> round(kolmogorov_margin(0.01, 1, 10_000), 4)
    0.0163
    """
    return math.sqrt(0.5 * math.log(2 * columns / alpha) * sum(1 / n for n in counts))


def kolmogorov_p_value(excess: float, columns: int, *counts: int) -> float:
    """Return the probability that chance carries the largest distance that far."""
    excess = max(excess, 0.0)
    return min(1.0, 2 * columns * math.exp(-2 * excess**2 / sum(1 / n for n in counts)))


def energy_test(a, b, random, permutations: int = 400) -> tuple:
    r"""Return the energy distance of two samples and what chance makes of it.

    .. math:: H = \frac{2 E|X - Y| - E|X - X'| - E|Y - Y'|}{2 E|X - Y|}

    It is zero if and only if the distributions are equal, and at most one. Two normal distributions
    of one variable whose means differ by d standard deviations have H near d² / 4.

    Parameters
    ----------
    a, b : np.ndarray
        Samples ``[n, D]`` and ``[m, D]``, on comparable scales.
    random : np.random.Generator
        Draws the permutations.
    permutations : int
        Number of random divisions of all points in two.

    Returns
    -------
    tuple
        H, and a frozen ``scipy.stats`` distribution of H under chance: a Pearson III fitted to the
        permutations, which has the shape of the limit, a weighted sum of chi squares.

    References
    ----------
    Székely and Rizzo (2013), "Energy statistics: A class of statistics based on distances",
    Journal of Statistical Planning and Inference 143.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> a, b = random.normal(size=(2, 300, 1))
    >>> h, chance = energy_test(a, b + 2.0, random)
    >>> round(h, 1), bool(chance.sf(h) < 1e-6)
    (0.5, True)
    """
    from scipy.spatial.distance import cdist
    from scipy.stats import pearson3, skew

    points = np.concatenate([a, b])
    distance = cdist(points, points).astype(np.float32)
    n, m = len(a), len(b)
    # Columns: the real division, then random ones.
    first = np.zeros([n + m, permutations + 1], np.float32)
    first[:n, 0] = 1
    for column in range(1, permutations + 1):
        first[random.choice(n + m, n, replace=False), column] = 1
    product = distance @ first
    total = float(distance.sum(dtype=np.float64))
    within_a = (first * product).sum(0, dtype=np.float64)
    across = product.sum(0, dtype=np.float64) - within_a
    within_b = total - 2 * across - within_a
    across = across / (n * m)
    # Of distinct pairs, so that chance alone leaves nothing on average.
    energy = 2 * across - within_a / (n * (n - 1)) - within_b / (m * (m - 1))
    share = energy / (2 * across)
    chance = share[1:]
    fitted = pearson3(skew(chance), loc=chance.mean(), scale=chance.std())
    return float(share[0]), fitted


def classifier_accuracy(a, b, random) -> tuple[float, int]:
    """Return how often a classifier tells held-out rows of two samples apart, and of how many.

    One half of the rows trains gradient-boosted trees, the other tests them, and the other way
    round.

    Parameters
    ----------
    a, b : np.ndarray
        Samples ``[n, D]`` of equal size; row i of one stands beside row i of the other (the same
        context), and both are tested by the same classifier.
    random : np.random.Generator
        Divides the rows.

    References
    ----------
    Lopez-Paz and Oquab (2017), "Revisiting Classifier Two-Sample Tests", arXiv:1610.06545.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> a, b = random.normal(size=(2, 200, 2))
    >>> accuracy, tested = classifier_accuracy(a, b + 3.0, random)
    >>> bool(accuracy > 0.9), tested
    (True, 400)
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    order = random.permutation(len(a))
    halves = order[: len(a) // 2], order[len(a) // 2 :]
    right = tested = 0
    # Trees this small lose more time to waiting for each other's threads than they gain.
    with threadpool_limits(limits=1):
        for train, test in (halves, halves[::-1]):
            classifier = HistGradientBoostingClassifier(
                max_iter=50,
                max_leaf_nodes=15,
                early_stopping=False,
                random_state=int(random.integers(2**31 - 1)),
            )
            labels = np.repeat([0, 1], [len(train), len(train)])
            classifier.fit(np.concatenate([a[train], b[train]]), labels)
            for sample, label in ((a, 0), (b, 1)):
                right += int((classifier.predict(sample[test]) == label).sum())
                tested += len(test)
    return right / tested, tested
