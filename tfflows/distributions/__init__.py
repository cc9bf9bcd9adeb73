"""Distributions that TFP lacks."""

from tfflows.distributions.circular_uniform import CircularUniform
from tfflows.distributions.flow_distribution import FlowDistribution, LiveDistribution
from tfflows.distributions.standard_normal import StandardNormal

__all__ = ["CircularUniform", "FlowDistribution", "LiveDistribution", "StandardNormal"]
