"""Keras models of densities."""

from tfflows.models.density_model import DensityModel
from tfflows.models.distribution_model import DistributionModel
from tfflows.models.factorized import Factorized
from tfflows.models.flow import Flow
from tfflows.models.gaussian_mixture import GaussianMixture
from tfflows.models.resampled import Resampled

__all__ = [
    "DensityModel",
    "DistributionModel",
    "Factorized",
    "Flow",
    "GaussianMixture",
    "Resampled",
]
