"""Chains that teach a flow, which then proposes to them."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfflows import random
from tfflows.inputs.validation import check_seed
from tfflows.mcmc.flow_proposal import FlowProposal

__all__ = ["AdaptiveSamples", "sample_adaptively"]


class AdaptiveSamples(NamedTuple):
    """What `sample_adaptively` returns.

    Examples
    --------
    >>> AdaptiveSamples._fields
    ('states', 'kernel_results', 'acceptance', 'losses')
    """

    #: States of the chains after adaptation, ``[num_results, *chains, *event_shape]``.
    states: tf.Tensor
    #: Results of these steps, but for those of the inner kernel.
    kernel_results: NamedTuple
    #: Share of the proposals of the flow that were accepted, in each round; ``[rounds]``.
    acceptance: np.ndarray
    #: Loss of the flow in the last epoch of each round; ``[rounds]``.
    losses: np.ndarray


def sample_adaptively(
    num_results: int,
    current_state,
    kernel: FlowProposal,
    rounds: int = 10,
    steps_per_round: int = 100,
    epochs: int = 5,
    batch_size: int = 256,
    seed: int | tuple | None = None,
    jit_compile: bool = False,
) -> AdaptiveSamples:
    r"""Run chains, fit the flow to where they were, go on; then draw with the flow at rest.

    In each round the chains take some steps of a `FlowProposal`, and its flow is fitted by the loss
    it was compiled with, by default

    .. math:: -\mathbb{E}_{x \sim \text{chains}} \log q_\theta(x)

    to the states of all of them. At first the local kernel alone moves the chains, each in the mode
    where it began; the flow learns all of these modes, and their weights from the jumps that it is
    then accepted for. States of the rounds are thrown away: those that are returned come from a
    flow that no longer changes, so that the target is their stationary distribution.

    Parameters
    ----------
    num_results : int
        Steps after the adaptation.
    current_state : array or tf.Tensor
        Where the chains begin, ``[*chains, *event_shape]``. No local step crosses to a mode that is
        far from all of them, and the flow will not find it either.
    kernel : FlowProposal
        The kernel, with a flow that was compiled by ``flow.compile(optimizer)``.
    rounds : int
        Number of rounds.
    steps_per_round : int
        Steps of the kernel in a round.
    epochs, batch_size : int
        Of the fit in each round, over the ``steps_per_round`` states of each chain.
    seed : int or pair of int, optional
        Seed of chains and fits.
    jit_compile : bool
        Whether XLA compiles the chains, which repays longer ones.

    Returns
    -------
    AdaptiveSamples
        States, results and the course of the adaptation.

    Raises
    ------
    TypeError
        If the kernel is no `FlowProposal` of a flow.
    ValueError
        If the flow is not compiled, or its loss needs no data; if a number is not positive.

    References
    ----------
    Gabrié, Rotskoff and Vanden-Eijnden (2022), "Adaptive Monte Carlo augmented with normalizing
    flows", arXiv:2105.12603.

    Examples
    --------
    >>> import keras, tfflows
    >>> target = tfflows.targets.MixtureOfDiagNormals([[-3.0, 0.0], [3.0, 0.0]])
    >>> hmc = tfp.mcmc.HamiltonianMonteCarlo(target, step_size=0.5, num_leapfrog_steps=3)
    >>> flow = tfflows.MAF(2, transforms=1, hidden_units=8)
    >>> flow.compile(keras.optimizers.Adam(1e-2))
    >>> start = tf.constant([[-3.0, 0.0], [3.0, 0.0]] * 20)
    >>> found = sample_adaptively(
    ...     50, start, FlowProposal(target, flow, hmc, local_steps=3),
    ...     rounds=2, steps_per_round=20, epochs=1, seed=0)
    >>> found.states.shape, bool(found.acceptance[-1] > 0.2)
    (TensorShape([50, 40, 2]), True)
    """
    flow = _trainable_flow(kernel)
    for name, number in {
        "num_results": num_results,
        "rounds": rounds,
        "steps_per_round": steps_per_round,
        "epochs": epochs,
    }.items():
        if not isinstance(number, int) or number < 1:
            raise ValueError(f"{name} must be a positive int; got {number!r}.")
    seed = check_seed(seed)

    def chains(number, state, results, seed):
        return tfp.mcmc.sample_chain(
            number,
            state,
            previous_kernel_results=results,
            kernel=kernel,
            trace_fn=lambda _, results: results._replace(inner_results=()),
            return_final_kernel_results=True,
            seed=seed,
        )

    program = tf.function(chains, autograph=False, jit_compile=jit_compile)
    state = tf.convert_to_tensor(current_state, kernel.dtype)
    results = tf.function(kernel.bootstrap_results, autograph=False)(state)
    acceptance, losses = [], []
    for number in range(rounds):
        ran = program(steps_per_round, state, results, random.fold_in(seed, 2 * number))
        state, results = ran.all_states[-1], ran.final_kernel_results
        events = ran.all_states.numpy().reshape(-1, *flow.event_shape)
        fitted = flow.fit(
            events,
            epochs=epochs,
            batch_size=batch_size,
            verbose=0,
            seed=int(random.bits([], random.fold_in(seed, 2 * number + 1))) % 2**31,
        )
        acceptance.append(float(np.mean(ran.trace.is_accepted)))
        losses.append(fitted.history["loss"][-1])
    ran = program(num_results, state, results, random.fold_in(seed, 2 * rounds))
    return AdaptiveSamples(ran.all_states, ran.trace, np.array(acceptance), np.array(losses))


def _trainable_flow(kernel):
    flow = getattr(kernel, "flow", None)
    if not isinstance(kernel, FlowProposal) or not hasattr(flow, "fit"):
        raise TypeError(
            "kernel must be a tfflows.mcmc.FlowProposal with a flow that can be fitted; got "
            f"{kernel!r}" + (f" of {flow!r}." if isinstance(kernel, FlowProposal) else ".")
        )
    if not flow.compiled:
        raise ValueError(
            f"{flow.name!r} is not compiled; call flow.compile(keras.optimizers.Adam(1e-3)) before."
        )
    if not flow.loss.needs_data:
        raise ValueError(
            f"{flow.name!r} is compiled with {flow.loss.name!r}, which needs no data; compile it "
            "with the default loss, to be fitted to states."
        )
    return flow
