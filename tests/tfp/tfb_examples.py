"""An example of every public bijector of TFP that is made of tensors, and why the others are not.

``EXAMPLES`` maps a name to an `Example`: a factory for a type of numbers, and draws of valid latent
points and events. ``REFUSED`` names the classes that ``layers.TFPBijector`` refuses, and why;
``LEFT_OUT`` those that are not made of tensors, or that TFP itself breaks.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

tfl = tf.linalg


def normal(rng, shape):
    return rng.normal(size=shape)


def positive(rng, shape):
    return 0.2 + rng.gamma(2.0, size=shape)


def unit(rng, shape):
    return rng.uniform(0.05, 0.95, size=shape)


def above_minus_half(rng, shape):
    return rng.uniform(-0.5, 3.0, size=shape)


def away_from_zero(rng, shape):
    return rng.choice([-1.0, 1.0], size=shape) * rng.uniform(0.3, 2.0, size=shape)


def cholesky(rng, shape):
    lower = np.tril(0.3 * rng.normal(size=shape), -1)
    return lower + np.eye(shape[-1]) * rng.uniform(0.5, 1.5, size=(*shape[:-1], 1))


@dataclasses.dataclass(frozen=True)
class Example:
    """A bijector of TFP to try things with.

    Attributes
    ----------
    covers : str
        Name of the public class that this is an example of.
    make : callable
        ``make(dtype)`` returns a new bijector with parameters of the type ("float32", "float64").
    latent_shape : tuple of int
        Event shape on the latent side (of what ``forward`` takes).
    latent : callable
        ``latent(rng, shape)`` draws valid latent points of the full shape as float64.
    weights : int
        Number of trainable variables.
    slow : bool
        Whether an evaluation takes long.
    dtypes : tuple of str
        Types of numbers that TFP's class computes in.
    """

    covers: str
    make: Callable[[str], tfb.Bijector]
    latent_shape: tuple[int, ...] = (3,)
    latent: Callable = normal
    weights: int = 0
    slow: bool = False
    dtypes: tuple[str, ...] = ("float32", "float64")

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Event shape on the data side (of what ``inverse`` takes)."""
        return tuple(self.make("float32").forward_event_shape(self.latent_shape))

    def draw_latent(self, n: int, seed: int = 0, dtype: str = "float32") -> tf.Tensor:
        """Draw latent points, ``[n, *latent_shape]``."""
        rng = np.random.default_rng(seed)
        return tf.constant(self.latent(rng, (n, *self.latent_shape)), dtype)

    def draw(
        self, bijector: tfb.Bijector, n: int, seed: int = 0, dtype: str = "float32"
    ) -> tf.Tensor:
        """Draw events in the bijector's support, ``[n, *event_shape]``."""
        return tf.identity(bijector.forward(self.draw_latent(n, seed, dtype)))


def vector(*numbers):
    return lambda dtype: np.asarray(numbers, dtype)


def _spline(dtype):
    return tfb.RationalQuadraticSpline(
        bin_widths=np.asarray([[0.4, 1.0, 0.6]] * 3, dtype),
        bin_heights=np.asarray([[0.9, 0.5, 0.6], [0.5, 0.5, 1.0], [0.3, 1.2, 0.5]], dtype),
        knot_slopes=np.asarray([[0.7, 1.5], [1.2, 0.4], [2.0, 1.0]], dtype),
    )


def _made(dtype, **kwargs):
    arguments = {"params": 2, "hidden_units": [8, 8], "activation": "tanh", "dtype": dtype}
    return tfb.AutoregressiveNetwork(**{**arguments, **kwargs})


def _maf(dtype, **kwargs):
    return tfb.MaskedAutoregressiveFlow(_made(dtype, **kwargs))


def _real_nvp(dtype):
    template = tfb.real_nvp_default_template(hidden_layers=[8], activation=tf.nn.tanh)
    return tfb.RealNVP(num_masked=1, shift_and_log_scale_fn=template)


def _glow(dtype):
    return tfb.Glow(
        output_shape=(4, 4, 2),
        num_glow_blocks=1,
        num_steps_per_block=1,
        coupling_bijector_fn=tfb.GlowDefaultNetwork,
        exit_bijector_fn=tfb.GlowDefaultExitNetwork,
    )


def _operator(dtype):
    diagonal = tfl.LinearOperatorDiag(np.asarray([1.0, 2.0, 0.5], dtype))
    lower = tfl.LinearOperatorLowerTriangular(
        np.asarray([[1, 0, 0], [0.5, 1, 0], [0, -1, 2]], dtype)
    )
    return tfl.LinearOperatorComposition([diagonal, lower])


_LU = np.asarray([[1.0, 0.5, -0.3], [0.2, 2.0, 0.1], [-0.4, 0.3, 0.8]])


def _nested(dtype):
    inner = tfb.Chain([tfb.Scale(np.asarray([0.5, 2.0, 1.5], dtype)), tfb.Softplus()])
    return tfb.Chain([tfb.Invert(tfb.Softplus()), inner, tfb.Invert(tfb.Permute([1, 2, 0]))])


def _variables(dtype):
    shift = tf.Variable(np.asarray([0.5, 0.25, -1.0], dtype), name="offset")
    scale = tf.Variable(np.asarray([0.1, -0.2, 0.3], dtype), name="log_scale")
    return tfb.Chain([tfb.Shift(shift), tfb.Scale(log_scale=scale), tfb.Shift(shift)])


EXAMPLES: dict[str, Example] = {
    "Ascending": Example("Ascending", lambda d: tfb.Ascending()),
    "Blockwise": Example(
        "Blockwise",
        lambda d: tfb.Blockwise([tfb.Exp(), tfb.Shift(np.asarray(2.0, d))], block_sizes=[1, 2]),
    ),
    "Chain": Example("Chain", lambda d: tfb.Chain([tfb.Exp(), tfb.Scale(np.asarray(0.5, d))])),
    "Chain, nested": Example("Chain", _nested),
    "Chain, variables": Example("Chain", _variables, weights=2),
    "CholeskyOuterProduct": Example(
        "CholeskyOuterProduct", lambda d: tfb.CholeskyOuterProduct(), (2, 2), cholesky
    ),
    "CholeskyToInvCholesky": Example(
        "CholeskyToInvCholesky", lambda d: tfb.CholeskyToInvCholesky(), (2, 2), cholesky
    ),
    "CorrelationCholesky": Example("CorrelationCholesky", lambda d: tfb.CorrelationCholesky()),
    "Cumsum": Example("Cumsum", lambda d: tfb.Cumsum()),
    "DiscreteCosineTransform": Example(
        "DiscreteCosineTransform", lambda d: tfb.DiscreteCosineTransform(dct_type=2)
    ),
    "Exp": Example("Exp", lambda d: tfb.Exp()),
    "Expm1": Example("Expm1", lambda d: tfb.Expm1()),
    "FillScaleTriL": Example(
        "FillScaleTriL", lambda d: tfb.FillScaleTriL(diag_shift=np.asarray(1e-3, d))
    ),
    "FillTriangular": Example("FillTriangular", lambda d: tfb.FillTriangular()),
    "FrechetCDF": Example(
        "FrechetCDF",
        lambda d: tfb.FrechetCDF(np.asarray(-0.5, d), np.asarray(1.5, d), np.asarray(1.2, d)),
        latent=positive,
    ),
    "GeneralizedExtremeValueCDF": Example(
        "GeneralizedExtremeValueCDF",
        lambda d: tfb.GeneralizedExtremeValueCDF(*np.asarray([0.2, 1.5, 0.3], d)),
        latent=above_minus_half,
    ),
    "GeneralizedPareto": Example(
        "GeneralizedPareto",
        lambda d: tfb.GeneralizedPareto(*np.asarray([0.5, 1.5, 0.4], d)),
    ),
    "Glow": Example("Glow", _glow, (32,), weights=9, slow=True, dtypes=("float32",)),
    "GompertzCDF": Example(
        "GompertzCDF", lambda d: tfb.GompertzCDF(*np.asarray([0.1, 0.6], d)), latent=positive
    ),
    "GumbelCDF": Example("GumbelCDF", lambda d: tfb.GumbelCDF(*np.asarray([0.3, 1.5], d))),
    "Householder": Example(
        "Householder", lambda d: tfb.Householder(np.asarray([0.6, 0.0, 0.8], d))
    ),
    "Identity": Example("Identity", lambda d: tfb.Identity()),
    "Identity, scalar": Example("Identity", lambda d: tfb.Identity(), ()),
    "Invert": Example(
        "Invert", lambda d: tfb.Invert(tfb.Sigmoid(*np.asarray([-1.0, 4.0], d))), latent=unit
    ),
    "Invert, masked autoregressive": Example(
        "Invert", lambda d: tfb.Invert(_maf(d, input_order="random")), weights=6
    ),
    "IteratedSigmoidCentered": Example(
        "IteratedSigmoidCentered", lambda d: tfb.IteratedSigmoidCentered()
    ),
    "KumaraswamyCDF": Example(
        "KumaraswamyCDF", lambda d: tfb.KumaraswamyCDF(*np.asarray([2.0, 1.5], d)), latent=unit
    ),
    "LambertWTail": Example(
        "LambertWTail", lambda d: tfb.LambertWTail(*np.asarray([0.5, 1.5, 0.2], d))
    ),
    "Log": Example("Log", lambda d: tfb.Log(), latent=positive),
    "Log1p": Example("Log1p", lambda d: tfb.Log1p(), latent=above_minus_half),
    "MaskedAutoregressiveFlow": Example("MaskedAutoregressiveFlow", _maf, weights=6),
    "MaskedAutoregressiveFlow, random": Example(
        "MaskedAutoregressiveFlow",
        lambda d: _maf(d, input_order="random", hidden_degrees="random"),
        weights=6,
    ),
    "MatrixInverseTriL": Example(
        "MatrixInverseTriL", lambda d: tfb.MatrixInverseTriL(), (2, 2), cholesky
    ),
    "MatvecLU": Example("MatvecLU", lambda d: tfb.MatvecLU(tf.constant(_LU, d), [2, 0, 1])),
    "MoyalCDF": Example("MoyalCDF", lambda d: tfb.MoyalCDF(*np.asarray([0.3, 1.5], d))),
    "NormalCDF": Example("NormalCDF", lambda d: tfb.NormalCDF()),
    "Pad": Example("Pad", lambda d: tfb.Pad([[0, 1]], constant_values=np.asarray(2.0, d))),
    "Permute": Example("Permute", lambda d: tfb.Permute([2, 0, 1])),
    "Power": Example("Power", lambda d: tfb.Power(np.asarray(3.0, d)), latent=positive),
    "PowerTransform": Example(
        "PowerTransform", lambda d: tfb.PowerTransform(0.5), latent=above_minus_half
    ),
    "RationalQuadraticSpline": Example("RationalQuadraticSpline", _spline),
    "RayleighCDF": Example(
        "RayleighCDF", lambda d: tfb.RayleighCDF(1.5), latent=positive, dtypes=("float32",)
    ),
    "RealNVP": Example("RealNVP", _real_nvp, weights=4),
    "Reciprocal": Example("Reciprocal", lambda d: tfb.Reciprocal(), latent=away_from_zero),
    "Reshape": Example("Reshape", lambda d: tfb.Reshape([3, 2], [6]), (6,)),
    "Scale": Example("Scale", lambda d: tfb.Scale(np.asarray([1.0, -0.5, 2.0], d))),
    "Scale, variable": Example(
        "Scale",
        lambda d: tfb.Scale(log_scale=tf.Variable(np.asarray([0.3, -0.5, 0.1], d))),
        weights=1,
    ),
    "ScaleMatvecDiag": Example(
        "ScaleMatvecDiag", lambda d: tfb.ScaleMatvecDiag(np.asarray([1.0, -0.5, 2.0], d))
    ),
    "ScaleMatvecLU": Example(
        "ScaleMatvecLU",
        lambda d: tfb.ScaleMatvecLU(tf.Variable(_LU, dtype=d), [2, 0, 1]),
        weights=1,
    ),
    "ScaleMatvecLinearOperator": Example(
        "ScaleMatvecLinearOperator", lambda d: tfb.ScaleMatvecLinearOperator(_operator(d))
    ),
    "ScaleMatvecTriL": Example(
        "ScaleMatvecTriL",
        lambda d: tfb.ScaleMatvecTriL(np.asarray([[1, 0, 0], [0.5, 2, 0], [-1, 0.3, 0.7]], d)),
    ),
    "Shift": Example("Shift", lambda d: tfb.Shift(np.asarray([0.5, 0.25, -1.0], d))),
    "Shift, scalar variable": Example(
        "Shift", lambda d: tfb.Shift(tf.Variable(np.asarray(0.5, d))), (), weights=1
    ),
    "ShiftedGompertzCDF": Example(
        "ShiftedGompertzCDF",
        lambda d: tfb.ShiftedGompertzCDF(*np.asarray([0.4, 0.8], d)),
        latent=positive,
    ),
    "Sigmoid": Example("Sigmoid", lambda d: tfb.Sigmoid(*np.asarray([-1.0, 4.0], d))),
    "Sinh": Example("Sinh", lambda d: tfb.Sinh()),
    "SinhArcsinh": Example("SinhArcsinh", lambda d: tfb.SinhArcsinh(*np.asarray([0.3, 1.2], d))),
    "SoftClip": Example("SoftClip", lambda d: tfb.SoftClip(*np.asarray([-2.0, 2.5, 0.7], d))),
    "SoftmaxCentered": Example("SoftmaxCentered", lambda d: tfb.SoftmaxCentered()),
    "Softplus": Example("Softplus", lambda d: tfb.Softplus(np.asarray(0.7, d))),
    "Softsign": Example("Softsign", lambda d: tfb.Softsign()),
    "Square": Example("Square", lambda d: tfb.Square(), latent=positive),
    "Tanh": Example("Tanh", lambda d: tfb.Tanh()),
    "TransformDiagonal": Example(
        "TransformDiagonal", lambda d: tfb.TransformDiagonal(tfb.Exp()), (2, 2)
    ),
    "Transpose": Example("Transpose", lambda d: tfb.Transpose(perm=[1, 0]), (2, 3)),
    "UnitVector": Example("UnitVector", lambda d: tfb.UnitVector()),
    "WeibullCDF": Example(
        "WeibullCDF", lambda d: tfb.WeibullCDF(*np.asarray([1.5, 1.2], d)), latent=positive
    ),
}

_LISTS = "it maps lists of arrays, and an event is one array"
_BASE = "a base class without a map of its own"

REFUSED: dict[str, str] = {
    "AbsoluteValue": "it is two-to-one: an event has two latent points",
    "JointMap": _LISTS,
    "Restructure": _LISTS,
    "ScaleMatvecLinearOperatorBlock": _LISTS,
    "Split": _LISTS,
}

LEFT_OUT: dict[str, str] = {
    "AutoCompositeTensorBijector": _BASE,
    "BatchNormalization": "its map of an event depends on the other events of the batch, and it is "
    "made of a Keras 2 layer; tfflows.layers.ActNorm takes its place",
    "Bijector": _BASE,
    "Composition": _BASE,
    "FFJORD": "it is made of a function and an ODE solver, not of tensors",
    "Inline": "it is made of functions, not of tensors",
    "Softfloor": "TFP's inverse of it is not its inverse (off by up to 0.2)",
}

# TFP 0.25 calls np.reshape(..., newshape=...), an argument that NumPy 2.4 has dropped.
for _name in ("Pad", "SoftmaxCentered", "UnitVector"):
    try:
        EXAMPLES[_name].make("float32")
    except TypeError as _error:
        del EXAMPLES[_name]
        LEFT_OUT[_name] = f"TFP cannot construct it with the installed NumPy ({_error})"
