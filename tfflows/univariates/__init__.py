"""Families of increasing scalar bijectors behind one contract: raw numbers in, a bijector out."""

from tfflows.univariates.additive import Additive
from tfflows.univariates.affine import Affine
from tfflows.univariates.base import Univariate
from tfflows.univariates.bernstein import Bernstein
from tfflows.univariates.circular_shift import CircularShift
from tfflows.univariates.cubic_spline import CubicSpline
from tfflows.univariates.deep_dense_sigmoidal import DeepDenseSigmoidal
from tfflows.univariates.deep_sigmoidal import DeepSigmoidal
from tfflows.univariates.gaussianization import Gaussianization
from tfflows.univariates.linear_rational_spline import LinearRationalSpline
from tfflows.univariates.linear_spline import LinearSpline
from tfflows.univariates.mixture_of_logistics import MixtureOfLogistics
from tfflows.univariates.moebius import Moebius
from tfflows.univariates.monotone import Monotone
from tfflows.univariates.quadratic_spline import QuadraticSpline
from tfflows.univariates.rational_quadratic_spline import RationalQuadraticSpline
from tfflows.univariates.signed_power import SignedPower
from tfflows.univariates.sinh_arcsinh import SinhArcsinh
from tfflows.univariates.sum_of_squares import SumOfSquares
from tfflows.univariates.unconstrained_monotonic import UnconstrainedMonotonic

__all__ = [
    "Additive",
    "Affine",
    "Bernstein",
    "CircularShift",
    "CubicSpline",
    "DeepDenseSigmoidal",
    "DeepSigmoidal",
    "Gaussianization",
    "LinearRationalSpline",
    "LinearSpline",
    "MixtureOfLogistics",
    "Moebius",
    "Monotone",
    "QuadraticSpline",
    "RationalQuadraticSpline",
    "SignedPower",
    "SinhArcsinh",
    "SumOfSquares",
    "UnconstrainedMonotonic",
    "Univariate",
]
