"""Normalizing flows for TensorFlow: TFP bijectors as Keras 3 models."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"tfflows needs the TensorFlow backend of Keras, and {keras.backend.backend()!r} is "
        "active. Set the environment variable KERAS_BACKEND=tensorflow before importing keras."
    )

from tfflows import (
    bijectors,
    conditioners,
    datasets,
    distributions,
    layers,
    losses,
    metrics,
    models,
    plot,
    random,
    univariates,
)
from tfflows.diagnostics import doctor
from tfflows.flows import (
    BNAF,
    BPF,
    GF,
    IAF,
    MAF,
    NAF,
    NICE,
    NSF,
    SOSPF,
    UNAF,
    AutoregressiveFlow,
    CircularNSF,
    CouplingFlow,
    CouplingNSF,
    FlowPlusPlus,
    LinearRationalNSF,
    RealNVP,
    SinhArcsinhNormal,
)
from tfflows.models import DensityModel, DistributionModel, Flow
from tfflows.saving.files import load
from tfflows.saving.versions import installed

__version__ = installed()


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
    "AutoregressiveFlow",
    "CircularNSF",
    "CouplingFlow",
    "CouplingNSF",
    "DensityModel",
    "DistributionModel",
    "Flow",
    "FlowPlusPlus",
    "LinearRationalNSF",
    "RealNVP",
    "SinhArcsinhNormal",
    "bijectors",
    "conditioners",
    "datasets",
    "distributions",
    "doctor",
    "layers",
    "load",
    "losses",
    "metrics",
    "models",
    "plot",
    "random",
    "univariates",
]
