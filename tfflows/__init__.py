"""Normalizing flows for TensorFlow: TFP bijectors as Keras 3 models."""

from tfflows import quiet  # noqa: F401, before all that imports TensorFlow

# isort: split
import functools
from types import ModuleType

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
    flows,
    importance,
    layers,
    losses,
    mcmc,
    metrics,
    models,
    plot,
    policies,
    random,
    targets,
    training,
    univariates,
    variational,
)
from tfflows.diagnostics import doctor
from tfflows.flows import *  # noqa: F403
from tfflows.models import (
    DensityModel,
    DistributionModel,
    Factorized,
    Flow,
    GaussianMixture,
    Resampled,
)
from tfflows.saving.files import load
from tfflows.saving.versions import installed

__version__ = installed()


__all__ = [
    "DensityModel",
    "DistributionModel",
    "Factorized",
    "Flow",
    "GaussianMixture",
    "Resampled",
    "bijectors",
    "conditioners",
    "datasets",
    "distributions",
    "doctor",
    "flows",
    "importance",
    "layers",
    "load",
    "losses",
    "mcmc",
    "metrics",
    "models",
    "plot",
    "policies",
    "random",
    "targets",
    "training",
    "univariates",
    "variational",
]
__all__ += flows.__all__


def __dir__() -> list[str]:
    """List what is offered, for completion, and not what is made use of here."""
    return sorted([*__all__, "__version__"])


for _name in __all__:
    if isinstance(_package := globals()[_name], ModuleType):
        # Their files are no names of theirs, either.
        setattr(_package, "__dir__", functools.partial(sorted, _package.__all__))  # noqa: B010
