"""A normal distribution whose proposals are accepted or rejected by a learned function."""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfflows.bijectors.checks import check_count
from tfflows.bijectors.event import flatten_event, restore_event
from tfflows.distributions.base import Base
from tfflows.random import fold_in, normal, uniform

__all__ = ["Resampled"]


class Resampled(Base):
    r"""The standard normal distribution, resampled: draws are proposals that were accepted.

    A proposal z is accepted with probability :math:`a(z)`; of T proposals the last is accepted
    whatever it is. With the density :math:`\pi` of proposals and the share Z of them that is
    accepted,

    .. math::
        p(z) = \left(\frac{1 - \alpha}{Z}\, a(z) + \alpha\right) \pi(z), \qquad
        \alpha = (1 - Z)^{T - 1}, \qquad Z = \int a(z)\, \pi(z)\, dz

    So the density may have holes and many modes, which a flow alone cannot make of one.

    Z is the mean of a over fixed points, which are part of the distribution: a density depends
    neither on the rest of its batch nor on chance, and its gradient takes in that of Z. What the
    mean over the points misses of the integral is what the density misses of integrating to one;
    `acceptance_rate` of other points tells.

    A draw takes up to T rounds, in a loop that ends when all are accepted. It is no differentiable
    function of what makes a. It is drawn by `tfflows.random`, so that a seed gives the same samples
    in eager, graph and XLA execution, and a seed of three numbers those rows that the third one
    names.

    Parameters
    ----------
    logit : callable
        Maps points ``[..., D]`` to :math:`\log a - \log(1 - a)`, ``[...]``, each by itself.
    points : tf.Tensor
        Points of the standard normal distribution, ``[S, D]``.
    truncation : int
        T, at least 2.
    event_shape : sequence of int, optional
        Shape of an event of D coordinates; by default ``(D,)``.
    validate_args : bool
        TFP's switch for costly checks; there is nothing to check here.
    allow_nan_stats : bool
        TFP's switch for undefined statistics; moments are not offered.
    name : str
        Name of the distribution.

    Raises
    ------
    ValueError
        If `truncation` is below 2.

    References
    ----------
    Bauer and Mnih (2019), "Resampled Priors for Variational Autoencoders", arXiv:1810.11428;
    Stimper, Schölkopf and Hernández-Lobato (2022), "Resampling Base Distributions of Normalizing
    Flows", arXiv:2110.15828.

    Examples
    --------
    A hole at the origin:

    >>> import tensorflow as tf, tfflows
    >>> def logit(z):
    ...     return 4.0 * tf.norm(z, axis=-1) - 6.0
    >>> ring = Resampled(logit, tfflows.random.normal([4096, 2], (0, 1)))
    >>> print(ring.log_prob([[0.0, 0.0], [2.0, 0.0]]).numpy().round(2))
    [-6.82 -2.94]
    >>> ring.sample(5, seed=(0, 1)).shape
    TensorShape([5, 2])
    """

    def __init__(
        self,
        logit: Callable,
        points,
        truncation: int = 100,
        event_shape=None,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "Resampled",
    ):
        parameters = dict(locals())
        check_count(2, truncation=truncation)
        self._logit, self._truncation = logit, int(truncation)
        self._points = tf.convert_to_tensor(points)
        size = self._points.shape[-1]
        super().__init__(
            (size,) if event_shape is None else event_shape,
            self._points.dtype,
            validate_args=validate_args,
            allow_nan_stats=allow_nan_stats,
            parameters=parameters,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            name=name,
        )

    def acceptance_rate(self, points=None) -> tf.Tensor:
        """Return the share of proposals that is accepted: the mean over points.

        Parameters
        ----------
        points : tf.Tensor, optional
            Points of the standard normal distribution, ``[S, D]``; by default those of the
            distribution, which its density is made with.
        """
        points = self._points if points is None else tf.convert_to_tensor(points, self.dtype)
        return tf.reduce_mean(tf.sigmoid(self._logit(points)))

    def _log_shares(self):
        """Return the logarithms of Z, of alpha and of 1 - alpha."""
        logit = self._logit(self._points)
        count = math.log(self._points.shape[0])
        log_z = tf.reduce_logsumexp(tf.math.log_sigmoid(logit)) - count
        # Neither Z nor 1 - Z may be rounded to zero.
        half = math.log(0.5)
        tiny = np.finfo(self.dtype.as_numpy_dtype).tiny
        z = tf.maximum(tf.exp(tf.minimum(log_z, half)), tiny)
        log_rejected = tf.where(
            log_z < half,
            tf.math.log1p(-z),
            tf.reduce_logsumexp(tf.math.log_sigmoid(-logit)) - count,
        )
        log_last = (self._truncation - 1.0) * log_rejected
        return log_z, log_last, tf.math.log(-tf.math.expm1(log_last))

    def _log_prob(self, value):
        z = flatten_event(value, self._shape)
        log_z, log_last, log_before = self._log_shares()
        constant = 0.5 * z.shape[-1] * math.log(2.0 * math.pi)
        log_proposal = -0.5 * tf.reduce_sum(tf.square(z), -1) - constant
        accepted = tf.math.log_sigmoid(self._logit(z)) - log_z + log_before
        return log_proposal + tfp.math.log_add_exp(accepted, log_last)

    def _sample_n(self, n, seed=None):
        seed = tfp.random.sanitize_seed(seed)
        size = self._points.shape[-1]

        def propose(turn, z, accepted):
            own = fold_in(seed, turn)
            proposal = normal(tf.stack([n, size]), own, self.dtype)
            share = uniform(tf.stack([n]), fold_in(own, 1), self.dtype)
            z = tf.where(accepted[:, tf.newaxis], z, proposal)
            return turn + 1, z, accepted | (share < tf.sigmoid(self._logit(proposal)))

        def unfinished(turn, z, accepted):
            return (turn < self._truncation) & ~tf.reduce_all(accepted)

        start = (0, tf.zeros(tf.stack([n, size]), self.dtype), tf.zeros(tf.stack([n]), tf.bool))
        _, z, _ = tf.while_loop(unfinished, propose, start)
        return restore_event(tf.stop_gradient(z), self._shape)


def quasi_normal(count: int, size: int, seed: int) -> np.ndarray:
    """Return points that fill the normal distribution evenly: Sobol's, turned by a seed.

    Parameters
    ----------
    count : int
        Number of points; powers of two are best.
    size : int
        Number of coordinates.
    seed : int
        Seed of the shift, which each coordinate of the cube has of its own.

    Returns
    -------
    np.ndarray
        float64 ``[count, size]``.

    References
    ----------
    Cranley and Patterson (1976), "Randomization of Number Theoretic Methods for Multiple
    Integration", SIAM Journal on Numerical Analysis 13, 904.

    Examples
    --------
    >>> points = quasi_normal(1024, 3, seed=0)
    >>> bool(abs(points.mean()) < 0.01), bool(abs(points.std() - 1.0) < 0.01)
    (True, True)
    """
    cube = tf.math.sobol_sample(size, count, dtype=tf.float64).numpy()
    cube = (cube + np.random.default_rng(seed).uniform(size=size)) % 1.0
    half = 0.5 / count**2
    return tf.math.ndtri(tf.constant(np.clip(cube, half, 1.0 - half))).numpy()
