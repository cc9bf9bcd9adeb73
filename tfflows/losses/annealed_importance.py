"""Annealed importance sampling: weighted points of one density from draws of another."""

from collections.abc import Callable

import tensorflow as tf

from tfflows import random

__all__ = ["TRANSITIONS", "AnnealedImportanceSampling"]

TRANSITIONS = ("hmc", "metropolis")

# By how much a step size changes after a run, and the acceptance that it is led to.
_CHANGE = 1.1
_WANTED = {"hmc": 0.65, "metropolis": 0.35}


class AnnealedImportanceSampling:
    r"""Draws of a density q, led step by step to :math:`g \propto p^2 / q`, and weighed.

    .. math::
        \log \pi_\beta = (1 - \beta) \log q + \beta \log g = (1 - 2\beta) \log q + 2\beta \log p,
        \qquad \beta_k = \frac{k}{M + 1}

    The k-th of M transitions leaves :math:`\pi_{\beta_k}` as it is, and the weights

    .. math::
        \log w = \sum_{k=1}^{M + 1} (\beta_k - \beta_{k-1})\, (\log g - \log q)(x_{k-1})

    make means over the points those of g, without bias but for its constant.

    Parameters
    ----------
    levels : int
        M.
    transition : str
        ``"hmc"``, one trajectory of Hamiltonian Monte Carlo, or ``"metropolis"``, a random walk.
    steps : int
        Leapfrog steps of a trajectory, or steps of the walk, in each transition.

    References
    ----------
    Neal (2001), "Annealed Importance Sampling", Statistics and Computing 11, 125,
    arXiv:physics/9803008.
    """

    def __init__(self, levels: int, transition: str, steps: int):
        self.levels, self.transition, self.steps = levels, transition, steps

    @property
    def evaluations(self) -> int:
        """How often a run evaluates the target for each of its draws."""
        return 1 + self.levels * self.steps

    def run(self, log_probs: Callable, x, step_sizes, seed) -> tuple:
        """Lead draws to g.

        Parameters
        ----------
        log_probs : callable
            Maps points ``[n, *event_shape]`` to the log densities q and p, ``[n]`` each.
        x : tf.Tensor
            Draws of q.
        step_sizes : tf.Tensor
            One for each transition, ``[M]``.
        seed : tf.Tensor
            Seed.

        Returns
        -------
        tuple of tf.Tensor
            Points, their log weights, the log density q at them, and step sizes that lead the
            share of accepted moves towards a usual one.
        """
        hmc = self.transition == "hmc"
        move, state_at = (self._trajectory, _with_slopes) if hmc else (self._walk, _alone)
        share = 1.0 / (self.levels + 1)

        def state_of(x):
            return state_at(log_probs, x)

        def body(level, x, state, log_weight, sizes):
            beta = share * tf.cast(level + 1, x.dtype)
            size, own = sizes[level], random.fold_in(seed, level)
            x, state, accepted = move(state_of, x, state, beta, size, own)
            log_weight += _gain(state, share)
            grown = tf.where(accepted > _WANTED[self.transition], _CHANGE, 1.0 / _CHANGE)
            grown = tf.cast(grown, size.dtype)
            sizes = tf.tensor_scatter_nd_update(sizes, [[level]], [size * grown])
            return level + 1, x, state, log_weight, sizes

        # A fresh tensor: of its own draws a distribution of TFP knows the latent points and answers
        # by them, which would leave no slope.
        x = tf.identity(x)
        state = state_of(x)
        _, x, state, log_weight, step_sizes = tf.while_loop(
            lambda level, *_: level < self.levels,
            body,
            (tf.constant(0), x, state, _gain(state, share), step_sizes),
            maximum_iterations=self.levels,
        )
        log_q = state[0][0]
        known = tf.math.is_finite(log_weight) & tf.math.is_finite(log_q)
        nothing = tf.constant(-float("inf"), x.dtype)
        return x, tf.where(known, log_weight, nothing), log_q, step_sizes

    def _walk(self, state_of, x, state, beta, size, seed):
        """Take steps of a random walk that leave the density at `beta` as it is."""

        def body(number, x, state, accepted):
            own = random.fold_in(seed, number)
            moved = x + size * random.normal(tf.shape(x), random.fold_in(own, 0), x.dtype)
            there = state_of(moved)
            gain = _between(there[0], beta) - _between(state[0], beta)
            x, state, share = _accept(gain, (x, state), (moved, there), random.fold_in(own, 1))
            return number + 1, x, state, accepted + share / self.steps

        return tf.while_loop(
            lambda number, *_: number < self.steps,
            body,
            (tf.constant(0), x, state, tf.zeros([], x.dtype)),
            maximum_iterations=self.steps,
        )[1:]

    def _trajectory(self, state_of, x, state, beta, size, seed):
        """Follow a trajectory that leaves the density at `beta` as it is."""

        def body(number, moved, momentum, there):
            moved = moved + size * momentum
            there = state_of(moved)
            return number + 1, moved, momentum + size * _between(there[1], beta), there

        momentum = random.normal(tf.shape(x), random.fold_in(seed, 0), x.dtype)
        _, moved, turned, there = tf.while_loop(
            lambda number, *_: number < self.steps,
            body,
            (tf.constant(0), x, momentum + 0.5 * size * _between(state[1], beta), state),
            maximum_iterations=self.steps,
        )
        # The last step of the momentum is half a one, as the first is.
        turned -= 0.5 * size * _between(there[1], beta)
        gain = _between(there[0], beta) - _between(state[0], beta)
        gain += _energy(momentum) - _energy(turned)
        return _accept(gain, (x, state), (moved, there), random.fold_in(seed, 1))


# A state is what is known of points: both log densities and, for trajectories, both slopes.


def _alone(log_probs, x) -> tuple:
    return (tuple(log_probs(x)),)


def _with_slopes(log_probs, x) -> tuple:
    with tf.GradientTape(watch_accessed_variables=False, persistent=True) as tape:
        tape.watch(x)
        values = tuple(log_probs(x))
    slopes = tuple(tape.gradient(value, x, unconnected_gradients="zero") for value in values)
    return values, slopes


def _gain(state, share):
    """Return what a step of `share` from q to g adds to log weights."""
    (log_q, log_p), *_ = state
    return share * 2.0 * (log_p - log_q)


def _between(values, beta):
    return (1.0 - 2.0 * beta) * values[0] + 2.0 * beta * values[1]


def _energy(momentum):
    return 0.5 * tf.reduce_sum(tf.square(momentum), list(range(1, momentum.shape.rank)))


def _accept(gain, here, there, seed):
    """Return where the moves end, what is known there, and the share of accepted."""
    u = random.uniform(tf.shape(gain), seed, gain.dtype)
    accepted = tf.math.log(u) < gain  # not where it is NaN

    def chosen(new, old):
        extra = [1] * (new.shape.rank - 1)
        rows = tf.reshape(accepted, tf.concat([tf.shape(accepted), extra], 0))
        return tf.where(rows, new, old)

    x, state = tf.nest.map_structure(chosen, there, here)
    return x, state, tf.reduce_mean(tf.cast(accepted, gain.dtype))
