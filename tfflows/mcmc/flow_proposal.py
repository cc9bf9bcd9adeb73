"""Independent proposals from a flow, between the steps of a local kernel."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from tfflows import random
from tfflows.mcmc.inner_results import renewed
from tfflows.scoring.bound import require_exact

__all__ = ["FlowProposal", "FlowProposalResults"]


class FlowProposalResults(NamedTuple):
    """What a step of `FlowProposal` tells, with the batch shape of the chains.

    Examples
    --------
    >>> FlowProposalResults._fields[:3]
    ('target_log_prob', 'is_accepted', 'log_accept_ratio')
    """

    #: Log density of the state at the end of the step.
    target_log_prob: tf.Tensor
    #: Whether the chain went where the flow proposed.
    is_accepted: tf.Tensor
    #: Logarithm of the ratio that decided.
    log_accept_ratio: tf.Tensor
    #: What the flow proposed.
    proposed_state: tf.Tensor
    #: Results of the last local step; empty without an inner kernel.
    inner_results: Any


class FlowProposal(tfp.mcmc.TransitionKernel):
    r"""Metropolis-Hastings with independent proposals from a flow, and local steps in between.

    A step draws :math:`x' \sim q` from the flow, wherever the chain is, and goes there with the
    probability

    .. math:: \min\left(1, \frac{p(x')\, q(x)}{p(x)\, q(x')}\right)

    and then takes some steps of an inner kernel, such as Hamiltonian Monte Carlo. Both leave the
    target p as it is, whatever the flow is: the nearer it is to the target, the more proposals are
    accepted, also from one mode to another that no local step finds.

    The flow is asked what its weights describe now, so that a compiled chain follows a flow that is
    fitted meanwhile, as `sample_adaptively` does it; only chains of a flow at rest have exactly the
    target for their distribution.

    Parameters
    ----------
    target_log_prob_fn : callable
        ``f(x)`` maps states ``[..., *event_shape]`` to log densities ``[...]``, up to a constant.
    flow : DensityModel or tfd.Distribution
        A flow of exact layers, without a context; or a distribution. Its support must hold that of
        the target: a chain outside it would not accept a proposal.
    inner_kernel : tfp.mcmc.TransitionKernel, optional
        The local kernel, for the same target. Where it adapts step sizes, these are kept through
        the jumps.
    local_steps : int
        Steps of the inner kernel after each proposal.
    name : str, optional
        Name.

    Raises
    ------
    TypeError
        If an argument is of another kind; in a chain, if the state has several parts.
    ValueError
        If there are no local steps for an inner kernel, or the flow takes a context; in a chain, if
        states have another shape than events of the flow.
    NotImplementedError
        If the log density of the flow is a bound or an estimate.

    References
    ----------
    Gabrié, Rotskoff and Vanden-Eijnden (2022), "Adaptive Monte Carlo augmented with normalizing
    flows", arXiv:2105.12603; Tierney (1994), "Markov chains for exploring posterior distributions",
    Annals of Statistics 22, 1701.

    Examples
    --------
    >>> import tfflows
    >>> target = tfflows.targets.MixtureOfDiagNormals([[-4.0, 0.0], [4.0, 0.0]])
    >>> hmc = tfp.mcmc.HamiltonianMonteCarlo(target, step_size=0.5, num_leapfrog_steps=3)
    >>> flow = tfflows.Flow([tfflows.layers.Scale(5.0)], event_shape=2)
    >>> kernel = FlowProposal(target, flow, hmc, local_steps=2)
    >>> @tf.function
    ... def chains(start):
    ...     return tfp.mcmc.sample_chain(200, start, kernel=kernel, trace_fn=None, seed=(0, 1))
    >>> states = chains(tf.fill([10, 2], -4.0))
    >>> right = tf.reduce_mean(tf.cast(states[100:, :, 0] > 0.0, tf.float32))
    >>> print(round(float(right), 1))
    0.5
    """

    def __init__(
        self,
        target_log_prob_fn: Callable,
        flow,
        inner_kernel: tfp.mcmc.TransitionKernel | None = None,
        local_steps: int = 10,
        name: str | None = None,
    ):
        if not callable(target_log_prob_fn):
            raise TypeError(
                "target_log_prob_fn must be a callable f(x) that returns log densities; got "
                f"{target_log_prob_fn!r}."
            )
        if inner_kernel is not None and not isinstance(inner_kernel, tfp.mcmc.TransitionKernel):
            raise TypeError(
                f"inner_kernel must be a kernel of tfp.mcmc, or None; got {inner_kernel!r}."
            )
        if not isinstance(local_steps, int) or local_steps < 1:
            raise ValueError(
                f"local_steps must be a positive int; got {local_steps!r}. Without local steps, "
                "leave out the inner kernel."
            )
        self._parameters = {
            "target_log_prob_fn": target_log_prob_fn,
            "flow": flow,
            "inner_kernel": inner_kernel,
            "local_steps": local_steps,
            "name": name,
        }
        self._distribution = _distribution_of(flow)
        self._rank = self._distribution.event_shape.rank

    @property
    def parameters(self) -> dict:
        """The constructor's arguments."""
        return self._parameters

    @property
    def target_log_prob_fn(self) -> Callable:
        """The log density of the target, up to a constant."""
        return self._parameters["target_log_prob_fn"]

    @property
    def flow(self):
        """The flow, or distribution, that proposes."""
        return self._parameters["flow"]

    @property
    def inner_kernel(self) -> tfp.mcmc.TransitionKernel | None:
        """The local kernel."""
        return self._parameters["inner_kernel"]

    @property
    def local_steps(self) -> int:
        """Steps of the inner kernel after each proposal."""
        return self._parameters["local_steps"]

    @property
    def dtype(self) -> tf.DType:
        """The type of states."""
        return self._distribution.dtype

    @property
    def name(self) -> str:
        """The name."""
        return self._parameters["name"] or "flow_proposal"

    @property
    def is_calibrated(self) -> bool:
        """Whether the target is what the chain converges to, as it is for a calibrated kernel."""
        return self.inner_kernel is None or self.inner_kernel.is_calibrated

    def bootstrap_results(self, init_state) -> FlowProposalResults:
        """Return the results that a first step starts from.

        Parameters
        ----------
        init_state : tf.Tensor
            States ``[..., *event_shape]``.
        """
        state = self._checked(init_state)
        log_p = tf.convert_to_tensor(self.target_log_prob_fn(state))
        batch = state.shape[: state.shape.rank - self._rank]
        if not log_p.shape.is_compatible_with(batch) or log_p.shape.rank != batch.rank:
            raise ValueError(
                f"target_log_prob_fn must return one log density for each chain, shape {batch}, of "
                f"states of shape {state.shape}; it returned shape {log_p.shape}."
            )
        inner = self.inner_kernel
        return FlowProposalResults(
            target_log_prob=log_p,
            is_accepted=tf.zeros_like(log_p, tf.bool),
            log_accept_ratio=tf.zeros_like(log_p),
            proposed_state=tf.zeros_like(state),
            inner_results=() if inner is None else inner.bootstrap_results(state),
        )

    def one_step(self, current_state, previous_kernel_results, seed=None) -> tuple:
        """Propose by the flow, and take the local steps.

        Parameters
        ----------
        current_state : tf.Tensor
            States ``[..., *event_shape]``.
        previous_kernel_results : FlowProposalResults
            Results of the step before.
        seed : int, pair of int or tf.Tensor, optional
            Seed of the step.

        Returns
        -------
        tuple
            The next states, and `FlowProposalResults`.
        """
        state, before = self._checked(current_state), previous_kernel_results
        seeds = tfp.random.split_seed(tfp.random.sanitize_seed(seed), n=3)
        log_p = before.target_log_prob
        proposed, log_q_of_proposed = self._distribution.experimental_sample_and_log_prob(
            tf.shape(log_p), seed=seeds[0]
        )
        log_p_of_proposed = self.target_log_prob_fn(proposed)
        log_ratio = (log_p_of_proposed - log_p) + (
            self._distribution.log_prob(state) - log_q_of_proposed
        )
        # Of what is not a number nothing is accepted.
        nothing = tf.constant(float("-inf"), log_ratio.dtype)
        log_ratio = tf.where(tf.math.is_nan(log_ratio), nothing, log_ratio)
        uniform = random.uniform(tf.shape(log_p), seeds[1], log_ratio.dtype)
        is_accepted = tf.math.log(uniform) < log_ratio
        wide = tf.reshape(is_accepted, tf.concat([tf.shape(is_accepted), [1] * self._rank], 0))
        state = tf.where(wide, proposed, state)
        log_p = tf.where(is_accepted, log_p_of_proposed, log_p)
        inner_results = before.inner_results
        if self.inner_kernel is not None:
            inner_results = renewed(inner_results, self.inner_kernel.bootstrap_results(state))
            state, inner_results = self._go_locally(state, inner_results, seeds[2])
            log_p = self.target_log_prob_fn(state)
        return state, FlowProposalResults(log_p, is_accepted, log_ratio, proposed, inner_results)

    def _go_locally(self, state, results, seed) -> tuple:
        def step(number, state, results):
            state, results = self.inner_kernel.one_step(
                state, results, seed=random.fold_in(seed, number)
            )
            return number + 1, state, results

        start = (tf.constant(0), state, results)
        _, state, results = tf.while_loop(
            lambda number, *_: number < self.local_steps,
            step,
            start,
            maximum_iterations=self.local_steps,
        )
        return state, results

    def _checked(self, state) -> tf.Tensor:
        if isinstance(state, (list, tuple, dict)) and any(map(tf.is_tensor, state)):
            raise TypeError(
                "the state of FlowProposal is one tensor, since a flow draws vectors; got one of "
                f"{len(state)} parts. For a joint distribution use `target_log_prob` and `flow` "
                "of tfflows.variational.surrogate_for, whose `bijector` carries states to parts."
            )
        state = tf.convert_to_tensor(state, self._distribution.dtype)
        event_shape = self._distribution.event_shape
        if state.shape.rank < self._rank or not event_shape.is_compatible_with(
            state.shape[state.shape.rank - self._rank :]
        ):
            raise ValueError(
                f"states must have shape (..., {', '.join(map(str, event_shape))}), as events of "
                f"the flow; got {tuple(state.shape)}."
            )
        return state


def _distribution_of(flow) -> tfd.Distribution:
    if isinstance(flow, tfd.Distribution):
        return flow
    if not isinstance(flow, keras.Model) or not hasattr(flow, "rsample_and_log_prob"):
        raise TypeError(f"flow must be a model of tfflows or a distribution; got {flow!r}.")
    if flow.context_shape is not None:
        raise ValueError(
            f"{flow.name!r} takes a context; give FlowProposal its distribution of one context, "
            "flow.distribution(context)."
        )
    require_exact(flow, "FlowProposal", "a flow of exact layers")
    return flow.distribution()
