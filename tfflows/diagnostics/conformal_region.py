"""Regions of highest density with a stated coverage, and p-values: anomaly detection."""

import math

import numpy as np

from tfflows.inputs import validation
from tfflows.inputs.arrays import check_table
from tfflows.interop.dry_runs import preserve_state
from tfflows.scoring.bound import require_exact

__all__ = ["ConformalRegion", "level"]


class ConformalRegion:
    r"""A density level that divides ordinary from unusual events, calibrated on held-out rows.

    With n calibration rows and k = floor((n + 1)(1 - alpha)), the level is the k-th smallest of
    their log densities. A fresh event of the same kind lies above it, in the region of highest
    density, with probability at least alpha and at most alpha + 1 / (n + 1), however good or bad
    the model is; a better model makes the region smaller.

    Attributes
    ----------
    alpha : float
        The coverage.
    log_prob : float
        The level: the smallest log density within the region, in nats.
    rows : int
        Number of calibration rows.

    References
    ----------
    Vovk, Gammerman and Shafer (2005), "Algorithmic Learning in a Random World"; Lei, Robins and
    Wasserman (2013), "Distribution-Free Prediction Sets", arXiv:1111.1418.
    """

    def __init__(self, model, alpha: float, scores):
        self._model = model
        self._scores = np.sort(scores)
        self.alpha, self.rows = alpha, len(scores)
        # Rounding must not turn (n + 1)(1 - 0.9) = 9.999... into nine.
        rank = math.floor((self.rows + 1) * (1 - alpha) + 1e-9)
        if rank < 1:
            raise ValueError(
                f"a coverage of {alpha:g} needs at least {math.ceil(1 / (1 - alpha) - 1e-9) - 1} "
                f"calibration rows; got {self.rows}."
            )
        self.log_prob = float(self._scores[rank - 1])

    def contains(self, x, context=None) -> np.ndarray:
        """Say for each event whether it lies within the region.

        Parameters
        ----------
        x : array
            Events ``[..., *event_shape]``.
        context : array, optional
            Contexts ``[..., *context_shape]``.

        Returns
        -------
        np.ndarray
            Booleans, ``[...]``.
        """
        return self._score(x, context) >= self.log_prob

    def p_value(self, x, context=None) -> np.ndarray:
        r"""Return how unusual each event is: small numbers are anomalies.

        .. math:: p(x) = \frac{1 + \#\{i : \log p(x_i) \le \log p(x)\}}{n + 1}

        For a fresh event of the kind of the calibration rows, :math:`P(p \le t) \le t`, so that
        calling everything with p ≤ 0.01 an anomaly raises at most one false alarm in a hundred.

        Parameters
        ----------
        x : array
            Events ``[..., *event_shape]``.
        context : array, optional
            Contexts ``[..., *context_shape]``.

        Returns
        -------
        np.ndarray
            ``[...]``, between 1 / (n + 1) and 1.
        """
        lower = np.searchsorted(self._scores, self._score(x, context), side="right")
        return (1 + lower) / (self.rows + 1)

    def _score(self, x, context):
        shape, columns = self._model.event_shape, self._model.event_columns
        x = validation.check_event(x, shape, self._model.variable_dtype, "x", columns)
        validation.check_finite(x, "x", len(shape))
        with preserve_state(self._model.non_trainable_variables):
            scores = self._model.log_prob(x, context).numpy()
        # A density that is not a number is the least likely of all.
        return np.where(np.isnan(scores), -np.inf, scores)

    def __repr__(self) -> str:
        """Return coverage, level and number of calibration rows."""
        return (
            f"ConformalRegion(alpha={self.alpha:g}, log_prob={self.log_prob:.4g}, rows={self.rows})"
        )


def level(model, alpha: float, calibration, context=None) -> ConformalRegion:
    """Return the density level above which a share `alpha` of events lie, and p-values.

    The coverage holds for fresh events of the kind of the calibration rows, whatever the model;
    with a context it holds on average over the contexts of the calibration rows.

    Parameters
    ----------
    alpha : float
        The coverage, between 0 and 1.
    calibration : array or pair of arrays
        Rows that the model was not fitted to, ``[N, *event_shape]`` (or those and their
        contexts).
    context : array, optional
        Their contexts ``[N, *context_shape]``.

    Returns
    -------
    ConformalRegion
        ``contains(x)`` says whether events lie in the region, ``p_value(x)`` how unusual they
        are.

    Raises
    ------
    ValueError
        If `alpha` is not between 0 and 1, or needs more calibration rows than there are.

    Examples
    --------
    >>> import numpy as np, tfflows
    >>> x = np.random.default_rng(0).normal(size=(999, 2)).astype("float32")
    >>> level = tfflows.MAF(2, transforms=1).level(0.9, calibration=x)
    >>> level.contains(np.array([[0.0, 0.0], [4.0, 4.0]], "float32")).tolist()
    [True, False]
    >>> level.p_value(np.array([[4.0, 4.0]], "float32")).tolist()
    [0.001]
    """
    require_exact(model, "level", "a threshold for log_prob(x, samples=..., seed=...)")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is the coverage of the region, between 0 and 1; got {alpha!r}.")
    model.build()
    if isinstance(calibration, tuple):
        if context is not None or len(calibration) != 2:
            raise ValueError("give calibration=x with context=c, or calibration=(x, c).")
        calibration, context = calibration
    x, context, _ = check_table(model, calibration, context, None, "calibration")
    with preserve_state(model.non_trainable_variables):
        scores = model.log_prob(x, context).numpy()
    if np.isnan(scores).any():
        raise ValueError(
            f"{int(np.isnan(scores).sum())} calibration rows have a log density of NaN (first: row "
            f"{int(np.isnan(scores).argmax())}); flow.check(x) says why."
        )
    return ConformalRegion(model, alpha, scores)
