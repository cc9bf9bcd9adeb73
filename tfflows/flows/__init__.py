"""Prebuilt flows: two builders, and presets of a few lines over them."""

from tfflows.flows.autoregressive import (
    BNAF,
    BPF,
    IAF,
    MAF,
    NAF,
    NSF,
    SOSPF,
    UNAF,
    LinearRationalNSF,
)
from tfflows.flows.builders import AutoregressiveFlow, CouplingFlow
from tfflows.flows.circular import CircularNSF
from tfflows.flows.continuous import CNF
from tfflows.flows.coupling import NICE, CouplingNSF, FlowPlusPlus, RealNVP
from tfflows.flows.elementwise import GF, SinhArcsinhNormal
from tfflows.flows.mixture import GMM
from tfflows.flows.whole_vector import (
    HouseholderFlow,
    PlanarFlow,
    RadialFlow,
    ResidualFlow,
    SylvesterFlow,
    TriangularNormal,
)

__all__ = [
    "BNAF",
    "BPF",
    "CNF",
    "GF",
    "GMM",
    "IAF",
    "MAF",
    "NAF",
    "NICE",
    "NSF",
    "SOSPF",
    "UNAF",
    "AutoregressiveFlow",
    "CircularNSF",
    "CouplingFlow",
    "CouplingNSF",
    "FlowPlusPlus",
    "HouseholderFlow",
    "LinearRationalNSF",
    "PlanarFlow",
    "RadialFlow",
    "RealNVP",
    "ResidualFlow",
    "SinhArcsinhNormal",
    "SylvesterFlow",
    "TriangularNormal",
]
