"""Distributions that TFP lacks."""

from tfflows.distributions.box_uniform import BoxUniform
from tfflows.distributions.circular_uniform import CircularUniform
from tfflows.distributions.flow_distribution import FlowDistribution, LiveDistribution
from tfflows.distributions.gaussian_mixture import GaussianMixture
from tfflows.distributions.resampled import Resampled
from tfflows.distributions.standard_normal import StandardNormal
from tfflows.distributions.tails import GeneralizedNormal, StudentT

__all__ = [
    "BoxUniform",
    "CircularUniform",
    "FlowDistribution",
    "GaussianMixture",
    "GeneralizedNormal",
    "LiveDistribution",
    "Resampled",
    "StandardNormal",
    "StudentT",
]
