"""Prebuilt flows: each a few lines of composition."""

from tfflows.zoo.autoregressive import BPF, IAF, MAF, NSF, LinearRationalNSF
from tfflows.zoo.circular import CircularNSF
from tfflows.zoo.couplings import NICE, CouplingNSF, RealNVP
from tfflows.zoo.mixtures import GF, FlowPlusPlus
from tfflows.zoo.neural import BNAF, NAF, SOSPF, UNAF, NeuralAutoregressive
from tfflows.zoo.sinh_arcsinh import SinhArcsinhNormal

__all__ = [
    "BNAF",
    "BPF",
    "GF",
    "IAF",
    "MAF",
    "NAF",
    "NICE",
    "NSF",
    "SOSPF",
    "UNAF",
    "CircularNSF",
    "CouplingNSF",
    "FlowPlusPlus",
    "LinearRationalNSF",
    "NeuralAutoregressive",
    "RealNVP",
    "SinhArcsinhNormal",
]
