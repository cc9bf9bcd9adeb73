"""Kernels for ``tfp.mcmc`` that propose by a flow, and chains that teach it meanwhile.

A ``tfp.mcmc.TransformedTransitionKernel`` takes ``flow.bijector()`` as it is: Hamiltonian Monte
Carlo then runs among the latent points of a flow that was fitted to the target, where the target is
nearly normal (Hoffman et al., 2019, arXiv:1903.03704). The bijector is that of the weights at this
time, so that the chains keep their target.
"""

from tfflows.mcmc.adaptive import AdaptiveSamples, sample_adaptively
from tfflows.mcmc.flow_proposal import FlowProposal, FlowProposalResults

__all__ = ["AdaptiveSamples", "FlowProposal", "FlowProposalResults", "sample_adaptively"]
