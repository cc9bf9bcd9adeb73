"""Families of increasing scalar bijectors behind one contract: raw numbers in, a bijector out."""

from tfflows.univariates.additive import Additive
from tfflows.univariates.affine import Affine
from tfflows.univariates.base import Univariate
from tfflows.univariates.rational_quadratic_spline import RationalQuadraticSpline

__all__ = ["Additive", "Affine", "RationalQuadraticSpline", "Univariate"]
