"""TFP bijectors that TFP lacks: values without weights, latent to data, as in TFP."""

from tfflows.bijectors.affine import Affine
from tfflows.bijectors.base import Bijector, forward_and_log_det, inverse_and_log_det
from tfflows.bijectors.bernstein import Bernstein
from tfflows.bijectors.block_autoregressive import BlockAutoregressive
from tfflows.bijectors.blockwise import Blockwise
from tfflows.bijectors.circular_shift import CircularShift
from tfflows.bijectors.columnwise import Columnwise
from tfflows.bijectors.continuous_flow import ContinuousFlow
from tfflows.bijectors.coupling import Coupling
from tfflows.bijectors.cubic_spline import CubicSpline
from tfflows.bijectors.cut_circle import CutCircle
from tfflows.bijectors.deep_dense_sigmoidal import DeepDenseSigmoidal
from tfflows.bijectors.deep_sigmoidal import DeepSigmoidal
from tfflows.bijectors.gaussianization import Gaussianization
from tfflows.bijectors.in_range import InRange
from tfflows.bijectors.linear_rational_spline import LinearRationalSpline
from tfflows.bijectors.linear_spline import LinearSpline
from tfflows.bijectors.lu import LU
from tfflows.bijectors.masked_autoregressive import MaskedAutoregressive
from tfflows.bijectors.mixture_of_logistics import MixtureOfLogistics
from tfflows.bijectors.moebius import Moebius
from tfflows.bijectors.monotone import Monotone
from tfflows.bijectors.monotonic_quadrature import MonotonicQuadrature
from tfflows.bijectors.ordered import Ordered
from tfflows.bijectors.permutation import Permutation
from tfflows.bijectors.planar import Planar
from tfflows.bijectors.quadratic_spline import QuadraticSpline
from tfflows.bijectors.radial import Radial
from tfflows.bijectors.rational_quadratic_spline import RationalQuadraticSpline
from tfflows.bijectors.residual import Residual
from tfflows.bijectors.signed_power import SignedPower
from tfflows.bijectors.simplex import Simplex
from tfflows.bijectors.sinh_arcsinh import SinhArcsinh
from tfflows.bijectors.sphere import Sphere
from tfflows.bijectors.sum_of_squares import SumOfSquares
from tfflows.bijectors.sylvester import Sylvester

__all__ = [
    "LU",
    "Affine",
    "Bernstein",
    "Bijector",
    "BlockAutoregressive",
    "Blockwise",
    "CircularShift",
    "Columnwise",
    "ContinuousFlow",
    "Coupling",
    "CubicSpline",
    "CutCircle",
    "DeepDenseSigmoidal",
    "DeepSigmoidal",
    "Gaussianization",
    "InRange",
    "LinearRationalSpline",
    "LinearSpline",
    "MaskedAutoregressive",
    "MixtureOfLogistics",
    "Moebius",
    "Monotone",
    "MonotonicQuadrature",
    "Ordered",
    "Permutation",
    "Planar",
    "QuadraticSpline",
    "Radial",
    "RationalQuadraticSpline",
    "Residual",
    "SignedPower",
    "Simplex",
    "SinhArcsinh",
    "Sphere",
    "SumOfSquares",
    "Sylvester",
    "forward_and_log_det",
    "inverse_and_log_det",
]
