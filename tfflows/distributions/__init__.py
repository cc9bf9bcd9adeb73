"""Distributions that TFP lacks."""

from tfflows.distributions.flow_distribution import FlowDistribution
from tfflows.distributions.standard_normal import StandardNormal

__all__ = ["FlowDistribution", "StandardNormal"]
