"""Metrics: what is watched of log densities, and of draws and their importance weights."""

from tfflows.metrics.density import BitsPerDimension, FunctionMetric, NegativeLogLikelihood
from tfflows.metrics.draws import (
    DrawMetric,
    EffectiveSampleSize,
    EvidenceLowerBound,
    ImportanceWeightedBound,
    LogNormalizer,
    ParetoK,
)

__all__ = [
    "BitsPerDimension",
    "DrawMetric",
    "EffectiveSampleSize",
    "EvidenceLowerBound",
    "FunctionMetric",
    "ImportanceWeightedBound",
    "LogNormalizer",
    "NegativeLogLikelihood",
    "ParetoK",
]
