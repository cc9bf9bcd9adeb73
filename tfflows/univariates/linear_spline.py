"""Splines of straight lines."""

import keras

from tfflows.bijectors import linear_spline
from tfflows.bijectors.checks import check_above_zero
from tfflows.univariates.base import Univariate
from tfflows.univariates.raw import as_raw

__all__ = ["LinearSpline"]


@keras.saving.register_keras_serializable(package="tfflows")
class LinearSpline(Univariate):
    r"""Increasing splines of straight lines in a box, the identity outside it.

    One parameter per bin, the logit of its height on the latent axis; the bins are equally wide on
    the data axis. Both directions are direct. A density made of it is a histogram.
    `tfflows.bijectors.LinearSpline` has the formulas. Raw zeros are the identity.

    Parameters
    ----------
    bins : int
        Number of bins, K; at least 1 (a single bin leaves no freedom).
    bound : float
        The box is ``[-bound, bound]`` on both axes, in units of the data as they reach the layer;
        positive.
    min_bin : float
        Smallest height as a fraction of the box, in ``(0, 1 / bins)``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Müller, McWilliams, Rousselle, Gross and Novák (2019), Neural importance sampling,
    arXiv:1808.03856.

    Examples
    --------
    >>> import tensorflow as tf
    >>> family = LinearSpline(bins=4, bound=3.0)
    >>> family.parameter_size
    4
    >>> spline = family.bijector(tf.ones([2, 4]))
    >>> print(spline.inverse(tf.constant([[0.0, -50.0]])).numpy().round(4) + 0.0)
    [[  0. -50.]]
    """

    def __init__(
        self,
        bins: int = 8,
        bound: float = 5.0,
        min_bin: float = 1e-3,
    ):
        linear_spline.LinearSpline.check_options(bins, bound, min_bin)
        check_above_zero(min_bin=min_bin)
        self.bins = int(bins)
        self.bound = float(bound)
        self.min_bin = float(min_bin)
        self.parameter_size = self.bins

    def bijector(self, raw) -> linear_spline.LinearSpline:
        """Build the spline that raw parameters describe.

        Parameters
        ----------
        raw : tf.Tensor
            Unconstrained numbers ``[..., D, bins]``.

        Returns
        -------
        tfflows.bijectors.LinearSpline
            The bijector, latent to data, on ``[..., D]``.

        Raises
        ------
        ValueError
            If the last axis of `raw` is not ``bins``.
        """
        return linear_spline.LinearSpline(
            as_raw(raw, self.parameter_size, "LinearSpline"),
            bound=self.bound,
            min_bin=self.min_bin,
        )

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            "bins": self.bins,
            "bound": self.bound,
            "min_bin": self.min_bin,
        }
