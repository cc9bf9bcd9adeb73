"""Keras layers that own weights and build TFP bijectors from them."""

from tfflows.layers.base import BijectorLayer
from tfflows.layers.block_autoregressive import BlockAutoregressive
from tfflows.layers.blockwise import Blockwise
from tfflows.layers.circular import Circular
from tfflows.layers.columnwise import Columnwise
from tfflows.layers.continuous_flow import ContinuousFlow
from tfflows.layers.correlation import Correlation
from tfflows.layers.coupling import Coupling
from tfflows.layers.dequantize import Dequantize
from tfflows.layers.dimensions import Augment, Slice
from tfflows.layers.elementwise import Elementwise
from tfflows.layers.givens import Givens
from tfflows.layers.householder import Householder
from tfflows.layers.interval import Interval, Positive
from tfflows.layers.langevin import Langevin
from tfflows.layers.lu import LU
from tfflows.layers.masked_autoregressive import MaskedAutoregressive
from tfflows.layers.matrix_exponential import MatrixExponential
from tfflows.layers.metropolis import Metropolis
from tfflows.layers.permute import Permute, Reverse
from tfflows.layers.planar import Planar
from tfflows.layers.qr import QR
from tfflows.layers.radial import Radial
from tfflows.layers.residual import Residual
from tfflows.layers.rotation import Orthogonal, Rotation
from tfflows.layers.shift_scale import Scale, Shift
from tfflows.layers.sphere import Sphere
from tfflows.layers.standardize import ActNorm, Standardize
from tfflows.layers.supports import Supports
from tfflows.layers.sylvester import Sylvester
from tfflows.layers.tfp_bijector import TFPBijector
from tfflows.layers.transform import Transform
from tfflows.layers.triangular_affine import TriangularAffine
from tfflows.layers.vae import VAE
from tfflows.layers.vector_supports import Ordered, Simplex
from tfflows.layers.wrappers import Invert, Unconditional

__all__ = [
    "LU",
    "QR",
    "VAE",
    "ActNorm",
    "Augment",
    "BijectorLayer",
    "BlockAutoregressive",
    "Blockwise",
    "Circular",
    "Columnwise",
    "ContinuousFlow",
    "Correlation",
    "Coupling",
    "Dequantize",
    "Elementwise",
    "Givens",
    "Householder",
    "Interval",
    "Invert",
    "Langevin",
    "MaskedAutoregressive",
    "MatrixExponential",
    "Metropolis",
    "Ordered",
    "Orthogonal",
    "Permute",
    "Planar",
    "Positive",
    "Radial",
    "Residual",
    "Reverse",
    "Rotation",
    "Scale",
    "Shift",
    "Simplex",
    "Slice",
    "Sphere",
    "Standardize",
    "Supports",
    "Sylvester",
    "TFPBijector",
    "Transform",
    "TriangularAffine",
    "Unconditional",
]
