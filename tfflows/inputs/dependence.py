"""Columns that follow from others, so that the data fill no volume and no density is finite."""

import dataclasses

import numpy as np

from tfflows.inputs.columns import Columns

__all__ = ["UNBOUNDED", "Dependence", "describe", "find_dependences"]

#: Most columns that are looked at: time grows with the third power.
MOST = 1024

#: Why no density can be fitted to such rows.
UNBOUNDED = (
    "Such rows fill no volume, so their density is unbounded, and training makes it higher and "
    "higher without becoming better."
)

# What may remain of a column, as a share of its standard deviation: it counts as rounding.
_REST = 1e-3

_ROWS = 10_000


@dataclasses.dataclass(frozen=True)
class Dependence:
    """A column that is a linear function of others.

    Attributes
    ----------
    column : int
        Its number.
    others : tuple of int
        The numbers of the others.
    coefficients : tuple of float
        Their factors.
    constant : float
        What is added.
    rest : float
        Standard deviation of what is left, as a share of that of the column.
    """

    column: int
    others: tuple[int, ...]
    coefficients: tuple[float, ...]
    constant: float
    rest: float

    def equation(self, columns: Columns) -> str:
        """Return the function as an equation with the names of the columns."""
        text = ""
        for number, (other, factor) in enumerate(zip(self.others, self.coefficients, strict=True)):
            sign = "-" if factor < 0 else "+"
            text += (f" {sign} " if number else sign.strip("+")) + _times(abs(factor))
            text += columns.symbol(other)
            if number == 5 and len(self.others) > 7:
                return f"{columns.symbol(self.column)} = {text} ... ({len(self.others) - 6} more)"
        if self.constant:
            text += f" {'-' if self.constant < 0 else '+'} {abs(self.constant):.4g}"
        return f"{columns.symbol(self.column)} = {text}"


def find_dependences(x) -> list[Dependence]:
    r"""Return the columns of a table that are linear functions of the columns before them.

    Column j is one if, of the standardized columns, what the independent ones before it leave of it
    has a standard deviation below 0.001, by a Cholesky decomposition of their correlations, and if
    the middle half of the rows agrees.

    Parameters
    ----------
    x : array
        Rows ``[N, ...]``; at most some 10,000 of them are looked at.

    Returns
    -------
    list of Dependence
        Empty for fewer than 20 rows, fewer than twice as many rows as columns, or more than 1,024
        columns. Constant columns are left out.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> found = find_dependences(np.c_[x, 2 * x[:, 0] - x[:, 1] + 3])
    >>> [one.equation(Columns((3,))) for one in found]
    ['x2 = 2 x0 - x1 + 3']
    """
    x = np.asarray(x)
    rows = x[:: max(len(x) // _ROWS, 1)]
    rows = rows.reshape(len(rows), -1)
    count, size = rows.shape
    if count < max(2 * size, 20) or not 1 < size <= MOST:
        return []
    rows = rows.astype(np.float64)
    mean, deviation = rows.mean(0), rows.std(0)
    live = np.flatnonzero(deviation > 0)
    z = (rows[:, live] - mean[live]) / deviation[live]
    correlation = z.T @ z / count
    left, independent, dependent = correlation.copy(), [], []
    for j in range(len(live)):
        if left[j, j] < _REST**2:
            dependent.append(j)
            continue
        independent.append(j)
        left[j + 1 :, j + 1 :] -= np.outer(left[j + 1 :, j], left[j, j + 1 :]) / left[j, j]
    found = []
    for j in dependent:
        before = [i for i in independent if i < j]
        weights = np.linalg.solve(correlation[np.ix_(before, before)], correlation[before, j])
        kept = [(i, w) for i, w in zip(before, weights, strict=True) if abs(w) > 3 * _REST]
        others = tuple(int(live[i]) for i, _ in kept)
        column = int(live[j])
        factors = tuple(float(w * deviation[column] / deviation[live[i]]) for i, w in kept)
        constant = float(
            mean[column] - sum(f * mean[o] for f, o in zip(factors, others, strict=True))
        )
        if not _holds(rows[:, column], rows[:, others] @ np.asarray(factors)):
            continue
        if abs(constant) < 10 * _REST * deviation[column]:
            constant = 0.0
        rest = float(np.sqrt(max(left[j, j], 0.0)))
        found.append(Dependence(column, others, factors, constant, rest))
    return found


def describe(found: list[Dependence], columns: Columns, what: str = "x") -> str:
    """Return one sentence with the equations, and one on what to do; nothing for nothing."""
    if not found:
        return ""
    shown = "; ".join(one.equation(columns) for one in found[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    names = columns.listed([one.column for one in found])
    return (
        f"columns of {what} follow from others: {shown}{more}. {UNBOUNDED} "
        f"Drop {names}, or add noise of the size of a measurement error."
    )


def _holds(values, fitted) -> bool:
    """Whether an equation is that of most rows, and not of one that is far from all others."""
    spread, rest = (np.subtract(*np.quantile(v, (0.75, 0.25))) for v in (values, values - fitted))
    return bool(rest <= 3 * _REST * spread) or spread == 0


def _times(factor: float) -> str:
    return "" if abs(factor - 1) < 5e-4 else f"{factor:.4g} "
