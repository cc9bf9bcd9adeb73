"""Variational inference for joint distributions of TensorFlow Probability: flows as posteriors."""

from tfflows.variational.surrogate import JointSurrogate, surrogate_for

__all__ = ["JointSurrogate", "surrogate_for"]
