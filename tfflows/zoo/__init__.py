"""Prebuilt flows: each a few lines of composition."""

from tfflows.zoo.autoregressive import BPF, IAF, MAF, NSF, LinearRationalNSF
from tfflows.zoo.circular import CircularNSF
from tfflows.zoo.couplings import NICE, CouplingNSF, RealNVP
from tfflows.zoo.sinh_arcsinh import SinhArcsinhNormal

__all__ = [
    "BPF",
    "IAF",
    "MAF",
    "NICE",
    "NSF",
    "CircularNSF",
    "CouplingNSF",
    "LinearRationalNSF",
    "RealNVP",
    "SinhArcsinhNormal",
]
