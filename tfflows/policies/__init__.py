"""Densities of actions given states, for reinforcement learning.

A policy is a `tfflows.Flow` whose context is the state: ``policy.rsample_and_log_prob`` gives
actions through which gradients flow, with exact log probabilities, and
``policy.forward(zeros, state)`` the action without noise.
"""

from tfflows.policies.squashed import FlowPolicy, GaussianPolicy

__all__ = ["FlowPolicy", "GaussianPolicy"]
