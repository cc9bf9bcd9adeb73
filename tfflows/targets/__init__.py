"""Densities that are known up to a constant, to fit models to without data.

A target is a function of points, which `tfflows.losses.ReverseKL` takes as it stands; where they
are known, ``log_z`` is the logarithm of the constant and ``entropy`` that of the density in nats,
so that a fitted model can be held against the best value that any model can reach: the loss then
is ``-log_z``.
"""

from tfflows.targets.base import Target
from tfflows.targets.curved import Banana, Funnel
from tfflows.targets.energies import Energy1, Energy2, Energy3, Energy4
from tfflows.targets.wells import ManyWell, MixtureOfDiagNormals

__all__ = [
    "Banana",
    "Energy1",
    "Energy2",
    "Energy3",
    "Energy4",
    "Funnel",
    "ManyWell",
    "MixtureOfDiagNormals",
    "Target",
]
