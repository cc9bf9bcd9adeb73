"""TFP bijectors that TFP lacks: values without weights, latent to data, as in TFP."""

from tfflows.bijectors.affine import Affine
from tfflows.bijectors.base import Bijector
from tfflows.bijectors.coupling import Coupling
from tfflows.bijectors.in_range import InRange
from tfflows.bijectors.lu import LU
from tfflows.bijectors.masked_autoregressive import MaskedAutoregressive
from tfflows.bijectors.permutation import Permutation
from tfflows.bijectors.rational_quadratic_spline import RationalQuadraticSpline

__all__ = [
    "LU",
    "Affine",
    "Bijector",
    "Coupling",
    "InRange",
    "MaskedAutoregressive",
    "Permutation",
    "RationalQuadraticSpline",
]
