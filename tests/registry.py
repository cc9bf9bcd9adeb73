"""An example of every public bijector, layer, univariate, conditioner, prebuilt flow and model.

The property suite runs over the tables here: `FLOWS` (layers stand in a flow of their own),
`BIJECTORS` (values without weights) and `MODELS` (densities that are no `Flow`). A public class
that no example names fails `tests/properties/test_registry.py`.
"""

import dataclasses
import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfflows import bijectors, conditioners, flows, layers, models, univariates
from tfflows.bijectors.columnwise import MAPS

tfb, tfd = tfp.bijectors, tfp.distributions

CONTEXT_SHAPE = (2,)


def anywhere(rng, shape):
    return 1.5 * rng.normal(size=shape)


def on_the_circle(rng, shape):
    return rng.uniform(-3.0, 3.0, size=shape)


def inside_the_sigmoid(rng, shape):
    return rng.uniform(-0.9, 3.9, size=shape)


def positive(rng, shape):
    return rng.uniform(0.1, 3.0, size=shape)


def increasing(rng, shape):
    return np.cumsum(positive(rng, shape), -1)


@dataclasses.dataclass(frozen=True)
class Example:
    """Something that maps events to latent points, and what the suite must know about it.

    Attributes
    ----------
    make : callable
        ``make(dtype, context_shape)`` returns a new `Flow`; for a bijector,
        ``make(dtype, context)`` with a tensor ``[..., 2]`` or None returns a new bijector.
    event_shape : tuple of int
        Shape of an event.
    covers : tuple of str
        The public classes and functions that this is an example of.
    latent_shape : tuple of int, optional
        Shape of a latent point, if it is another one.
    context : str
        "either", "never" (there is nothing to move) or "always".
    jacobian : str
        "full", "diagonal" or "triangular" (then `degrees` holds the order).
    degrees : tuple of int, optional
        The place of each flattened coordinate in the autoregressive order; None if it is drawn, so
        that the layer's config tells.
    draw : callable
        ``draw(rng, shape)`` returns events.
    bounded : bool
        Whether the support is not the whole space.
    kind : str
        "flow" (`make` returns a `Flow`), "model" (another `DensityModel`) or "bijector".
    starts_as_identity : bool
        Whether, as it is made, it does nothing but reorder coordinates (a single layer: nothing).
    period : float, optional
        The circumference of the circle that each coordinate is a point of.
    accuracy : float
        The relative error of a direction besides rounding, as that of a solver, in float64.
    variant : bool
        Whether it is one of many of a kind: it runs in one type of numbers and once alone, and not
        in the cheap slice.
    """

    make: Callable
    event_shape: tuple = (3,)
    covers: tuple = ()
    latent_shape: tuple | None = None
    context: str = "either"
    jacobian: str = "full"
    degrees: tuple | None = ()
    draw: Callable = anywhere
    bounded: bool = False
    kind: str = "flow"
    starts_as_identity: bool = False
    period: float | None = None
    accuracy: float = 0.0
    variant: bool = False

    @property
    def size(self) -> int:
        return math.prod(self.event_shape)

    def contexts(self) -> list[bool]:
        """Whether to run without and with a context."""
        return {"either": [False, True], "never": [False], "always": [True]}[self.context]


# Small networks whose gradients are nowhere zero.
NETWORK = {"hidden_units": (6, 6), "activation": "tanh"}


def spline(bins=4, bound=4.0):
    return univariates.RationalQuadraticSpline(bins=bins, bound=bound)


def solved(dtype):
    """Return tolerances at which a solver is as exact as a formula is in a type of numbers."""
    tolerance = 1e-10 if dtype == "float64" else 1e-6
    return {"rtol": tolerance, "atol": tolerance}


def flow(*chain, event_shape, **kwargs):
    """Return ``make(dtype, context_shape)`` of a flow of the layers that `chain` makes."""

    def make(dtype, context_shape):
        made = [entry(dtype) for entry in chain]
        return models.Flow(made, event_shape, context_shape, dtype=dtype, **kwargs)

    return make


def one(layer, event_shape=(3,), *, covers=(), **kwargs):
    """Return an `Example` of a flow of one layer; `layer` takes the type."""
    return Example(
        flow(layer, event_shape=event_shape),
        event_shape,
        covers=tuple(covers),
        **kwargs,
    )


def autoregressive(univariate, event_shape=(3,), degrees=..., covers=(), **kwargs):
    return one(
        lambda d: layers.MaskedAutoregressive(univariate(), dtype=d, **{**NETWORK, **kwargs}),
        event_shape,
        covers=("layers.MaskedAutoregressive", *covers),
        jacobian="triangular",
        degrees=tuple(range(math.prod(event_shape))) if degrees is ... else degrees,
        starts_as_identity=kwargs.get("identity_start", True),
    )


def coupling(univariate, event_shape=(3,), covers=(), conditioner=None, **kwargs):
    def make(dtype, context_shape):
        arguments = {**NETWORK, **kwargs}
        if conditioner is not None:
            inputs = kwargs["passing"] + (0 if context_shape is None else math.prod(context_shape))
            arguments = {
                **{key: value for key, value in kwargs.items() if key != "passing"},
                "conditioner": conditioner(inputs, dtype),
            }
        layer = layers.Coupling(univariate(), dtype=dtype, **arguments)
        return models.Flow([layer], event_shape, context_shape, dtype=dtype)

    return Example(make, event_shape, ("layers.Coupling", *covers), starts_as_identity=True)


def sequential(inputs, dtype):
    dense = keras.layers.Dense(5, activation="tanh", dtype=dtype)
    return keras.Sequential([keras.Input((inputs,), dtype=dtype), dense])


def functional(inputs, dtype):
    given = keras.Input((inputs,), dtype=dtype)
    hidden = keras.layers.Dense(5, activation="tanh", dtype=dtype)(given)
    return keras.Model(given, keras.layers.Concatenate(dtype=dtype)([given, hidden]))


def residual(inputs, dtype):
    return conditioners.ResidualNetwork(
        5, width=6, blocks=1, activation="tanh", input_size=inputs, dtype=dtype
    )


def dense(inputs, dtype):
    return conditioners.DenseNetwork(
        5, hidden_units=(6,), activation="tanh", input_size=inputs, dtype=dtype
    )


def static(bijector, event_shape=(3,), **kwargs):
    """Return an `Example` of a TFP bijector that stands in a flow as it is; no context moves it."""
    return one(
        lambda d: layers.TFPBijector(bijector(d), dtype=d),
        event_shape,
        covers=("layers.TFPBijector",),
        **{"context": "never", **kwargs},
    )


def nested(dtype):
    offset = tf.Variable(np.asarray([0.5, 0.25, -1.0], dtype), name="offset")
    log_scale = tf.Variable(np.asarray([0.1, -0.2, 0.3], dtype), name="log_scale")
    inner = tfb.Chain([tfb.Shift(offset), tfb.Scale(log_scale=log_scale)])
    bent = tfb.SinhArcsinh(*np.asarray([0.3, 1.2], dtype))
    outer = tfb.Chain([tfb.Invert(tfb.Permute([1, 2, 0])), tfb.Invert(bent)])
    return tfb.Chain([tfb.Shift(offset), outer, tfb.Invert(inner)])


def tfp_flow_of_our_network(dtype):
    network = conditioners.AutoregressiveNetwork(
        params=2, event_shape=[3], hidden_units=[6], activation="tanh", dtype=dtype
    )
    return tfb.MaskedAutoregressiveFlow(network)


def prebuilt(name, event_shape, covers=(), jacobian="full", near=False, variant=False, **kwargs):
    """Return an `Example` of a prebuilt flow; `near` ones start near the identity alone."""
    function = getattr(flows, name)
    arguments = {"transforms": 2, "hidden_units": (6,), "activation": "tanh", **kwargs}
    return Example(
        lambda dtype, context_shape: function(event_shape, context_shape, dtype=dtype, **arguments),
        event_shape,
        covers=(name, *covers),
        jacobian=jacobian,
        starts_as_identity=not near and kwargs.get("identity_start", True),
        variant=variant,
    )


def whole_vector(name, near=True, **kwargs):
    """Return an `Example` of a prebuilt flow that has networks for its context alone."""
    function = getattr(flows, name)
    return Example(
        lambda dtype, context_shape: function(
            (2,), context_shape, dtype=dtype, **context_arguments(**kwargs)
        ),
        (2,),
        covers=(name,),
        jacobian="triangular" if name == "TriangularNormal" else "full",
        degrees=(0, 1),
        starts_as_identity=not near,
        variant=True,
    )


def circular(**kwargs):
    arguments = {"hidden_units": (6,), "activation": "tanh", "bins": 3, **kwargs}
    return Example(
        lambda dtype, context_shape: flows.CircularNSF(2, context_shape, dtype=dtype, **arguments),
        (2,),
        covers=("CircularNSF",),
        draw=on_the_circle,
        starts_as_identity=True,
        period=2.0 * math.pi,
    )


def trained_base(dtype, context_shape):
    base = tfd.MultivariateNormalDiag(
        tf.Variable(np.asarray([0.3, -0.2], dtype), name="loc"),
        tfp.util.TransformedVariable(
            np.asarray([1.2, 0.8], dtype), tfb.Softplus(), dtype=dtype, name="scale"
        ),
    )
    layer = layers.MaskedAutoregressive(spline(), dtype=dtype, **NETWORK)
    return models.Flow([layer], 2, context_shape, base=base, dtype=dtype)


def embedded_context(dtype, context_shape):
    network = keras.Sequential(
        [
            keras.Input(context_shape, dtype=dtype),
            keras.layers.Dense(4, activation="tanh", dtype=dtype),
        ]
    )
    chain = [
        layers.Standardize(dtype=dtype),
        layers.Coupling(univariates.Affine(), dtype=dtype, **NETWORK),
        layers.Shift(dtype=dtype, hidden_units=(4,), activation="tanh"),
    ]
    return models.Flow(chain, 2, context_shape, context_network=network, dtype=dtype)


def mixed_chain(dtype, context_shape):
    chain = [
        layers.Standardize(dtype=dtype),
        layers.MaskedAutoregressive(univariates.Affine(), dtype=dtype, **NETWORK),
        tfb.Permute([1, 0]),
        layers.Coupling(spline(), dtype=dtype, **NETWORK),
        tfb.Shift(np.asarray([0.5, 0.25], dtype)),
        tfb.Scale(tf.Variable(np.asarray([1.0, 0.5], dtype), name="scale")),
    ]
    base = tfd.MultivariateNormalDiag(loc=np.zeros(2, dtype))
    return models.Flow(chain, 2, context_shape, base=base, dtype=dtype)


def context_arguments(**kwargs):
    return {"hidden_units": (4,), "activation": "tanh", **kwargs}


_ADDITIVE = ("univariates.Additive",)
_AFFINE = ("univariates.Affine",)
_SPLINE = ("univariates.RationalQuadraticSpline",)

FLOWS: dict[str, Example] = {
    # masked autoregressive layers
    "autoregressive, affine": autoregressive(
        univariates.Affine, covers=(*_AFFINE, "conditioners.AutoregressiveNetwork")
    ),
    "autoregressive, additive, right to left": autoregressive(
        univariates.Additive, degrees=(2, 1, 0), covers=_ADDITIVE, order="right-to-left"
    ),
    "autoregressive, spline, listed order": autoregressive(
        spline, degrees=(1, 2, 0), covers=_SPLINE, order=[2, 3, 1]
    ),
    "autoregressive, random order": autoregressive(
        univariates.Affine, (4,), degrees=None, order="random", seed=3, identity_start=False
    ),
    "autoregressive, two passes": autoregressive(
        univariates.Affine, (4,), degrees=(0, 0, 1, 1), passes=2
    ),
    "autoregressive, graph": dataclasses.replace(
        autoregressive(
            univariates.Affine,
            (4,),
            adjacency=[[0, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]],
        ),
        jacobian="full",
        variant=True,
    ),
    "autoregressive, residual": autoregressive(univariates.Affine, residual=True),
    "autoregressive, no hidden layer": autoregressive(univariates.Affine, hidden_units=()),
    "autoregressive, scalar": autoregressive(univariates.Affine, ()),
    "autoregressive, one coordinate": autoregressive(spline, (1,)),
    "autoregressive, matrix": autoregressive(univariates.Affine, (2, 2)),
    # couplings
    "coupling, affine": coupling(univariates.Affine),
    "coupling, additive, pair": coupling(univariates.Additive, (2,), swap=True),
    "coupling, spline, alternating": coupling(spline, mask="alternating", swap=True),
    "coupling, affine, listed mask, matrix": coupling(
        univariates.Affine, (2, 2), mask=[True, False, False, True]
    ),
    "coupling, angles pass through": coupling(univariates.Affine, period=6.0),
    "coupling, Sequential": coupling(univariates.Affine, conditioner=sequential, passing=1),
    "coupling, functional": coupling(spline, conditioner=functional, passing=1),
    "coupling, residual": coupling(
        univariates.Affine,
        conditioner=residual,
        passing=1,
        covers=("conditioners.ResidualNetwork",),
    ),
    "coupling, dense": coupling(
        univariates.Affine, conditioner=dense, passing=1, covers=("conditioners.DenseNetwork",)
    ),
    # elementwise layers
    "elementwise, affine": one(
        lambda d: layers.Elementwise(univariates.Affine(), dtype=d, **context_arguments()),
        covers=("layers.Elementwise", *_AFFINE),
        jacobian="diagonal",
        starts_as_identity=True,
    ),
    "elementwise, spline, scalar": one(
        lambda d: layers.Elementwise(spline(), dtype=d, **context_arguments()),
        (),
        covers=("layers.Elementwise", *_SPLINE),
        jacobian="diagonal",
        starts_as_identity=True,
    ),
    "elementwise, additive, matrix": one(
        lambda d: layers.Elementwise(univariates.Additive(), dtype=d, **context_arguments()),
        (2, 2),
        covers=("layers.Elementwise", *_ADDITIVE),
        jacobian="diagonal",
        starts_as_identity=True,
    ),
    # a network that itself is the map
    "block autoregressive": one(
        lambda d: layers.BlockAutoregressive(units=(3, 2), dtype=d, **context_arguments()),
        covers=("layers.BlockAutoregressive",),
        jacobian="triangular",
        degrees=(0, 1, 2),
    ),
    "block autoregressive, one coordinate": one(
        lambda d: layers.BlockAutoregressive(units=(3,), dtype=d, **context_arguments()),
        (1,),
        covers=("layers.BlockAutoregressive",),
        jacobian="diagonal",
        variant=True,
    ),
    "block autoregressive, matrix": one(
        lambda d: layers.BlockAutoregressive(
            units=(2,), identity_start=False, dtype=d, **context_arguments()
        ),
        (2, 2),
        covers=("layers.BlockAutoregressive",),
        jacobian="triangular",
        degrees=(0, 1, 2, 3),
        variant=True,
    ),
    "shift": one(
        lambda d: layers.Shift([0.5, 0.25, -1.0], dtype=d, **context_arguments()),
        covers=("layers.Shift",),
        jacobian="diagonal",
    ),
    "shift, matrix": one(
        lambda d: layers.Shift([0.5, 0.25], dtype=d, **context_arguments()),
        (2, 2),
        covers=("layers.Shift",),
        jacobian="diagonal",
    ),
    "scale": one(
        lambda d: layers.Scale([1.5, -0.5, 2.0], dtype=d, **context_arguments()),
        covers=("layers.Scale",),
        jacobian="diagonal",
    ),
    "scale, scalar": one(
        lambda d: layers.Scale(-2.0, dtype=d, **context_arguments()),
        (),
        covers=("layers.Scale",),
        jacobian="diagonal",
    ),
    "standardize": one(
        lambda d: layers.Standardize(dtype=d),
        covers=("layers.Standardize",),
        context="never",
        jacobian="diagonal",
        starts_as_identity=True,
    ),
    "standardize, scalar": one(
        lambda d: layers.Standardize(dtype=d),
        (),
        covers=("layers.Standardize",),
        context="never",
        jacobian="diagonal",
        starts_as_identity=True,
    ),
    "actnorm": one(
        lambda d: layers.ActNorm(dtype=d, **context_arguments()),
        covers=("layers.ActNorm",),
        jacobian="diagonal",
        starts_as_identity=True,
    ),
    "actnorm, matrix": one(
        lambda d: layers.ActNorm(dtype=d, **context_arguments()),
        (2, 2),
        covers=("layers.ActNorm",),
        jacobian="diagonal",
        starts_as_identity=True,
    ),
    "columnwise": one(
        lambda d: layers.Columnwise(MAPS, lower=-1.0, upper=4.0, learned=True, dtype=d),
        (5,),
        covers=("layers.Columnwise",),
        context="never",
        jacobian="diagonal",
        draw=inside_the_sigmoid,
        bounded=True,
    ),
    "interval": one(
        lambda d: layers.Interval(
            [-1.0, -math.inf, -1.0, -math.inf], [4.0, 4.0, *[math.inf] * 2], dtype=d
        ),
        (4,),
        covers=("layers.Interval",),
        context="never",
        jacobian="diagonal",
        draw=inside_the_sigmoid,
        bounded=True,
    ),
    "circular": one(
        lambda d: layers.Circular(dtype=d),
        (2,),
        covers=("layers.Circular",),
        context="never",
        jacobian="diagonal",
        draw=on_the_circle,
        bounded=True,
        period=2.0 * math.pi,
    ),
    "ordered": one(
        lambda d: layers.Ordered(dtype=d),
        covers=("layers.Ordered",),
        context="never",
        draw=increasing,
        bounded=True,
    ),
    "blockwise": one(
        lambda d: layers.Blockwise(
            [
                (layers.MaskedAutoregressive(univariates.Affine(), dtype=d, **NETWORK), 2),
                layers.Elementwise(spline(), dtype=d, **context_arguments()),
            ],
            dtype=d,
        ),
        covers=("layers.Blockwise",),
        starts_as_identity=True,
    ),
    "supports": one(
        lambda d: layers.Supports(
            [layers.Positive(dtype=d), None, layers.Shift(dtype=d, **context_arguments())], dtype=d
        ),
        covers=("layers.Supports", "layers.Positive"),
        jacobian="diagonal",
        draw=positive,
        bounded=True,
    ),
    "correlation": one(
        lambda d: layers.Correlation(dtype=d, **context_arguments()),
        covers=("layers.Correlation",),
        jacobian="triangular",
        degrees=(0, 1, 2),
        starts_as_identity=True,
    ),
    "correlation, matrix": one(
        lambda d: layers.Correlation(dtype=d, **context_arguments()),
        (2, 2),
        covers=("layers.Correlation",),
        jacobian="triangular",
        degrees=(0, 1, 2, 3),
        starts_as_identity=True,
    ),
    # linear layers and permutations
    "LU": one(
        lambda d: layers.LU(dtype=d, **context_arguments()),
        covers=("layers.LU",),
        starts_as_identity=True,
    ),
    "LU, matrix": one(
        lambda d: layers.LU(dtype=d, **context_arguments()),
        (2, 2),
        covers=("layers.LU",),
        starts_as_identity=True,
    ),
    "LU, one coordinate": one(
        lambda d: layers.LU(dtype=d, **context_arguments()),
        (1,),
        covers=("layers.LU",),
        starts_as_identity=True,
    ),
    "householder": one(
        lambda d: layers.Householder(dtype=d, **context_arguments()),
        covers=("layers.Householder",),
        starts_as_identity=True,
    ),
    "householder, three, matrix": one(
        lambda d: layers.Householder(count=3, dtype=d, **context_arguments()),
        (2, 2),
        covers=("layers.Householder",),
        variant=True,
    ),
    "givens": one(
        lambda d: layers.Givens(dtype=d, **context_arguments()),
        (5,),
        covers=("layers.Givens",),
        starts_as_identity=True,
    ),
    "rotation": one(
        lambda d: layers.Rotation(dtype=d, **context_arguments()),
        covers=("layers.Rotation",),
        starts_as_identity=True,
    ),
    "rotation, Cayley, seeded": one(
        lambda d: layers.Orthogonal("cayley", seed=1, dtype=d, **context_arguments()),
        covers=("layers.Orthogonal",),
        variant=True,
    ),
    "QR": one(
        lambda d: layers.QR(dtype=d, **context_arguments()),
        covers=("layers.QR",),
        starts_as_identity=True,
    ),
    "triangular affine": one(
        lambda d: layers.TriangularAffine(dtype=d, **context_arguments()),
        covers=("layers.TriangularAffine",),
        jacobian="triangular",
        degrees=(0, 1, 2),
        starts_as_identity=True,
    ),
    "matrix exponential": one(
        lambda d: layers.MatrixExponential(dtype=d, **context_arguments()),
        covers=("layers.MatrixExponential",),
        starts_as_identity=True,
    ),
    # maps of whole vectors
    "continuous": one(
        lambda d: layers.ContinuousFlow(dtype=d, frequencies=1, **NETWORK, **solved(d)),
        (2,),
        covers=("layers.ContinuousFlow",),
        starts_as_identity=True,
        accuracy=1e-10,
    ),
    "planar": one(
        lambda d: layers.Planar(dtype=d, **context_arguments()), covers=("layers.Planar",)
    ),
    "planar, scalar": one(
        lambda d: layers.Planar(dtype=d, **context_arguments()),
        (),
        covers=("layers.Planar",),
        jacobian="diagonal",
        variant=True,
    ),
    "planar, inverted": one(
        lambda d: layers.Invert(layers.Planar(dtype=d, **context_arguments())),
        (2,),
        covers=("layers.Planar",),
        variant=True,
    ),
    "sylvester": one(
        lambda d: layers.Sylvester(dtype=d, **context_arguments()), covers=("layers.Sylvester",)
    ),
    "sylvester, orthogonal, two units": one(
        lambda d: layers.Sylvester(2, "orthogonal", dtype=d, **context_arguments()),
        (2, 2),
        covers=("layers.Sylvester",),
        variant=True,
    ),
    "sylvester, triangular": one(
        lambda d: layers.Sylvester(basis="triangular", dtype=d, **context_arguments()),
        (2,),
        covers=("layers.Sylvester",),
        variant=True,
    ),
    "sylvester, one coordinate": one(
        lambda d: layers.Sylvester(dtype=d, **context_arguments()),
        (1,),
        covers=("layers.Sylvester",),
        jacobian="diagonal",
        variant=True,
    ),
    "radial": one(
        lambda d: layers.Radial(dtype=d, **context_arguments()), (2,), covers=("layers.Radial",)
    ),
    "radial, matrix": one(
        lambda d: layers.Radial(dtype=d, **context_arguments()),
        (2, 2),
        covers=("layers.Radial",),
        variant=True,
    ),
    "residual": one(
        lambda d: layers.Residual((6,), dtype=d),
        covers=("layers.Residual",),
        starts_as_identity=True,
    ),
    "residual, two layers, matrix": one(
        lambda d: layers.Residual((6, 5), "clipswish", 0.97, identity_start=False, dtype=d),
        (2, 2),
        covers=("layers.Residual",),
        variant=True,
    ),
    "residual, one coordinate": one(
        lambda d: layers.Residual((6,), "tanh", dtype=d),
        (1,),
        covers=("layers.Residual",),
        jacobian="diagonal",
        starts_as_identity=True,
        variant=True,
    ),
    "permute": one(
        lambda d: layers.Permute([2, 0, 1], dtype=d), covers=("layers.Permute",), context="never"
    ),
    "permute, random, matrix": one(
        lambda d: layers.Permute("random", seed=1, dtype=d),
        (2, 2),
        covers=("layers.Permute",),
        context="never",
    ),
    "reverse": one(lambda d: layers.Reverse(dtype=d), covers=("layers.Reverse",), context="never"),
    # TFP's bijectors as they are
    "static, variable": static(
        lambda d: tfb.Shift(tf.Variable(np.asarray([0.5, 0.25], d), name="shift")),
        (2,),
        jacobian="diagonal",
    ),
    "static, nested": static(nested),
    "static, MaskedAutoregressiveFlow of our network": static(
        tfp_flow_of_our_network, jacobian="triangular", degrees=(0, 1, 2)
    ),
    "static, bounded": static(
        lambda d: tfb.Sigmoid(*np.asarray([-1.0, 4.0], d)),
        (2,),
        jacobian="diagonal",
        draw=inside_the_sigmoid,
        bounded=True,
    ),
    "static, another shape": static(lambda d: tfb.Reshape([2, 2], [4]), (2, 2), latent_shape=(4,)),
    # wrappers
    "inverted, autoregressive": one(
        lambda d: layers.Invert(
            layers.MaskedAutoregressive(univariates.Affine(), dtype=d, **NETWORK)
        ),
        covers=("layers.Invert",),
        jacobian="triangular",
        degrees=(0, 1, 2),
        starts_as_identity=True,
    ),
    "inverted, coupling": one(
        lambda d: layers.Invert(layers.Coupling(spline(), dtype=d, **NETWORK)),
        (2,),
        covers=("layers.Invert",),
        starts_as_identity=True,
    ),
    "inverted, another shape": one(
        lambda d: layers.Invert(layers.TFPBijector(tfb.Reshape([4], [2, 2]), dtype=d)),
        (2, 2),
        latent_shape=(4,),
        covers=("layers.Invert",),
        context="never",
    ),
    "unconditional": one(
        lambda d: layers.Unconditional(
            layers.MaskedAutoregressive(univariates.Affine(), dtype=d, **NETWORK)
        ),
        covers=("layers.Unconditional",),
        jacobian="triangular",
        degrees=(0, 1, 2),
        starts_as_identity=True,
    ),
    # flows
    "flow of nothing": Example(
        flow(event_shape=2), (2,), ("models.Flow",), context="never", starts_as_identity=True
    ),
    "flow, trained base": Example(
        trained_base, (2,), ("models.Flow",), jacobian="triangular", degrees=(0, 1)
    ),
    "flow, context network": Example(
        embedded_context, (2,), ("models.Flow",), context="always", starts_as_identity=True
    ),
    "flow, layers and TFP": Example(mixed_chain, (2,), ("models.Flow",)),
    "NICE": prebuilt("NICE", (2,)),
    "RealNVP": prebuilt("RealNVP", (3,)),
    "RealNVP, matrix": prebuilt("RealNVP", (2, 2), variant=True),
    "MAF": prebuilt("MAF", (2,)),
    "MAF, scalar": prebuilt("MAF", (), jacobian="diagonal"),
    "MAF, one coordinate": prebuilt("MAF", (1,), jacobian="diagonal"),
    "MAF, random start": prebuilt("MAF", (3,), identity_start=False, variant=True),
    "MAF, residual": prebuilt("MAF", (2,), residual=True, hidden_units=(6, 6), variant=True),
    "IAF": prebuilt("IAF", (3,)),
    "NSF": prebuilt("NSF", (2,), bins=4),
    "NSF, linear": prebuilt("NSF", (3,), bins=4, linear=True, dropout=0.1, variant=True),
    "NSF, one coordinate": prebuilt("NSF", (1,), jacobian="diagonal", bins=4),
    "CouplingNSF": prebuilt("CouplingNSF", (3,), bins=4),
    "LinearRationalNSF": prebuilt("LinearRationalNSF", (3,), bins=3, variant=True),
    "BPF": prebuilt("BPF", (2,), degree=5),
    "SOSPF": prebuilt(
        "SOSPF", (2,), transforms=1, polynomials=2, degree=2, near=True, variant=True
    ),
    "NAF": prebuilt("NAF", (2,), transforms=1, units=3, near=True),
    "NAF, dense": prebuilt("NAF", (2,), transforms=1, units=2, dense=True, near=True, variant=True),
    "UNAF": prebuilt(
        "UNAF",
        (2,),
        transforms=1,
        embedding=2,
        integrand_units=(4,),
        nodes=12,
        near=True,
        variant=True,
    ),
    "BNAF": prebuilt("BNAF", (2,), units=(3,), near=True),
    "GF": prebuilt("GF", (2,), components=3, near=True, variant=True),
    "FlowPlusPlus": prebuilt("FlowPlusPlus", (3,), components=3, near=True),
    "AutoregressiveFlow": prebuilt(
        "AutoregressiveFlow",
        (4,),
        transforms=1,
        univariate=univariates.DeepDenseSigmoidal(units=2),
        order="random",
        seed=1,
        passes=2,
        near=True,
    ),
    "CouplingFlow": prebuilt(
        "CouplingFlow",
        (4,),
        univariate=univariates.SinhArcsinh(),
        mask=[True, False, False, True],
    ),
    "CNF": Example(
        lambda dtype, context_shape: flows.CNF(
            (2,), context_shape, dtype=dtype, frequencies=0, **NETWORK, **solved(dtype)
        ),
        (2,),
        covers=("CNF",),
        starts_as_identity=True,
        accuracy=1e-10,
        variant=True,
    ),
    "CircularNSF": circular(coupling=False, transforms=2),
    "CircularNSF, couplings": circular(coupling=True, transforms=3),
    "HouseholderFlow": whole_vector("HouseholderFlow", near=False),
    "PlanarFlow": whole_vector("PlanarFlow", transforms=2),
    "RadialFlow": whole_vector("RadialFlow", transforms=2),
    "ResidualFlow": prebuilt("ResidualFlow", (2,), activation="clipswish", variant=True),
    "SylvesterFlow": whole_vector("SylvesterFlow", transforms=2, basis="triangular"),
    "TriangularNormal": whole_vector("TriangularNormal", near=False),
    "SinhArcsinhNormal": Example(
        lambda dtype, context_shape: flows.SinhArcsinhNormal(
            (3,), context_shape, dtype=dtype, **context_arguments()
        ),
        (3,),
        covers=("SinhArcsinhNormal",),
        jacobian="triangular",
        degrees=(0, 1, 2),
        starts_as_identity=True,
    ),
    "GMM": Example(
        lambda dtype, context_shape: flows.GMM(
            2, context_shape, components=3, dtype=dtype, **context_arguments()
        ),
        (2,),
        covers=("GMM",),
        jacobian="diagonal",
        starts_as_identity=True,
    ),
}


# Bijectors without weights. Their parameters follow from a context by fixed numbers.


def parameters(shape, dtype, context, scale=0.7, seed=5):
    """Return numbers ``[*batch of the context, *shape]``: fixed ones, moved by the context."""
    rng = np.random.default_rng(seed)
    fixed = tf.constant(scale * rng.normal(size=shape), dtype)
    if context is None:
        return fixed
    moved = tf.constant(scale * rng.normal(size=(context.shape[-1], math.prod(shape))), dtype)
    batch = tf.shape(context)[:-1]
    return fixed + tf.reshape(
        tf.tensordot(tf.tanh(context), moved, 1), tf.concat([batch, list(shape)], 0)
    )


def affine_bijector(dtype, context):
    both = parameters((2, 3), dtype, context)
    return bijectors.Affine(both[..., 0, :], both[..., 1, :])


def spline_bijector(dtype, context):
    return bijectors.RationalQuadraticSpline(parameters((3, 11), dtype, context, 1.0), bound=3.0)


def lu_bijector(dtype, context):
    both = parameters((4, 3), dtype, context, 0.5)
    square = parameters((3, 3), dtype, context, 0.5, seed=6)
    return bijectors.LU(square, square, both[..., 0, :], both[..., 1, :], (3,))


def planar_bijector(dtype, context):
    raw = parameters((7,), dtype, context, 1.0)
    return bijectors.Planar(raw[..., :3], raw[..., 3:6], raw[..., 6], (3,))


def sylvester_bijector(dtype, context):
    basis = tf.constant(np.linalg.qr(np.random.default_rng(4).normal(size=(3, 2)))[0], dtype)
    raw = parameters((5, 2), dtype, context)
    return bijectors.Sylvester(basis, raw[..., :2, :], raw[..., 2:4, :], raw[..., 4, :], (3,))


def residual_bijector(dtype, context):
    rng = np.random.default_rng(6)
    kernels = [tf.constant(rng.normal(size=shape), dtype) for shape in ((3, 5), (5, 3))]
    biases = [parameters((5,), dtype, context), tf.zeros([3], dtype)]
    return bijectors.Residual(kernels, biases, (3,), activation="elu")


def continuous_bijector(dtype, context):
    mixing = tf.constant(np.random.default_rng(8).normal(size=(2, 2)), dtype)
    return bijectors.ContinuousFlow(
        lambda t, x, c, mixing: (
            tf.tanh(tf.linalg.matvec(mixing, x) + t[..., tf.newaxis]) + (0.0 if c is None else c)
        ),
        [mixing],
        (2,),
        context=context,
        **solved(dtype),
        dtype=dtype,
    )


def radial_bijector(dtype, context):
    raw = parameters((5,), dtype, context)
    return bijectors.Radial(raw[..., :3], raw[..., 3], raw[..., 4], (3,))


def batch_of(context):
    if context is None:
        return ()
    static = context.shape[:-1]
    return static if static.is_fully_defined() else tf.shape(context)[:-1]


def coupling_bijector(dtype, context):
    """The first coordinate moves the two others."""
    mixing = tf.constant(np.random.default_rng(7).normal(size=(1, 4)), dtype)
    offset = parameters((2, 2), dtype, context)

    def raw(passing):
        moved = tf.tanh(tf.tensordot(passing, mixing, 1))
        return tf.reshape(moved, tf.concat([tf.shape(moved)[:-1], [2, 2]], 0)) + offset

    return bijectors.Coupling(
        raw,
        univariates.Affine().bijector,
        mask=[True, False, False],
        event_shape=(3,),
        batch_shape=batch_of(context),
        dtype=dtype,
    )


def autoregressive_bijector(dtype, context):
    """Each coordinate is moved by a triangular product of those before it."""
    mixing = np.random.default_rng(8).normal(size=(3, 3, 2))
    mixing = tf.constant(mixing * np.triu(np.ones((3, 3)), 1)[..., None], dtype)
    offset = parameters((3, 2), dtype, context)

    def raw(x):
        return tf.tensordot(tf.tanh(x), mixing, 1) + offset

    return bijectors.MaskedAutoregressive(
        raw,
        univariates.Affine().bijector,
        (3,),
        passes=3,
        batch_shape=batch_of(context),
        dtype=dtype,
    )


def block_autoregressive_bijector(dtype, context):
    """Three coordinates of two units each."""
    widths = ((1, 2), (2, 1))
    diagonals = [parameters((3, *shape), dtype, None, seed=9 + i) for i, shape in enumerate(widths)]
    blocks = [
        parameters((3, rows, 3, columns), dtype, None, seed=11 + i)
        for i, (rows, columns) in enumerate(widths)
    ]
    offsets = parameters((3, 4), dtype, context)
    return bijectors.BlockAutoregressive(diagonals, blocks, offsets, (3,))


BIJECTORS: dict[str, Example] = {
    "BlockAutoregressive": Example(
        block_autoregressive_bijector,
        covers=("bijectors.BlockAutoregressive",),
        jacobian="triangular",
        degrees=(0, 1, 2),
    ),
    "Affine": Example(affine_bijector, covers=("bijectors.Affine",), jacobian="diagonal"),
    "RationalQuadraticSpline": Example(
        spline_bijector, covers=("bijectors.RationalQuadraticSpline",), jacobian="diagonal"
    ),
    "LU": Example(lu_bijector, covers=("bijectors.LU",)),
    "Planar": Example(planar_bijector, covers=("bijectors.Planar",)),
    "ContinuousFlow": Example(
        continuous_bijector, (2,), covers=("bijectors.ContinuousFlow",), accuracy=1e-10
    ),
    "Sylvester": Example(sylvester_bijector, covers=("bijectors.Sylvester",)),
    "Radial": Example(radial_bijector, covers=("bijectors.Radial",)),
    "Residual": Example(residual_bijector, covers=("bijectors.Residual",)),
    "Permutation": Example(
        lambda dtype, context: bijectors.Permutation([2, 0, 3, 1], (2, 2)),
        (2, 2),
        covers=("bijectors.Permutation",),
        context="never",
    ),
    "Coupling": Example(coupling_bijector, covers=("bijectors.Coupling",)),
    "Columnwise": Example(
        lambda dtype, context: bijectors.Columnwise(
            MAPS,
            (5,),
            -1.0,
            4.0,
            location=tf.zeros([5], dtype),
            log_scale=tf.fill([5], tf.constant(0.3, dtype)),
        ),
        (5,),
        covers=("bijectors.Columnwise",),
        context="never",
        jacobian="diagonal",
        draw=inside_the_sigmoid,
        bounded=True,
    ),
    "CutCircle": Example(
        lambda dtype, context: bijectors.CutCircle(tf.constant([0.5, -2.0], dtype), bound=math.pi),
        (2,),
        covers=("bijectors.CutCircle",),
        context="never",
        jacobian="diagonal",
        draw=on_the_circle,
        bounded=True,
        period=2.0 * math.pi,
    ),
    "Ordered": Example(
        lambda dtype, context: bijectors.Ordered(),
        covers=("bijectors.Ordered",),
        context="never",
        draw=increasing,
        bounded=True,
    ),
    "Blockwise": Example(
        lambda dtype, context: bijectors.Blockwise(
            [bijectors.Ordered(), tfb.Exp()], latent_sizes=(2, 1), data_sizes=(2, 1)
        ),
        covers=("bijectors.Blockwise",),
        context="never",
        draw=increasing,
        bounded=True,
    ),
    "InRange": Example(
        lambda dtype, context: bijectors.InRange(
            tfb.Sigmoid(*np.asarray([-1.0, 4.0], dtype)), 0.0, (3,)
        ),
        covers=("bijectors.InRange",),
        context="never",
        jacobian="diagonal",
        draw=inside_the_sigmoid,
        bounded=True,
    ),
    "MaskedAutoregressive": Example(
        autoregressive_bijector,
        covers=("bijectors.MaskedAutoregressive",),
        jacobian="triangular",
        degrees=(0, 1, 2),
    ),
}


# Families: each as a bijector, and in each structure, on events of another size.


def rational_quadratic(boundary):
    return univariates.RationalQuadraticSpline(bins=3, bound=math.pi, boundary=boundary)


@keras.saving.register_keras_serializable(package="tests")
def bent_line(x, raw):
    slope, bend = (tf.exp(2.0 * tf.tanh(raw[..., i] / 2.0)) for i in (0, 1))
    return slope * x + bend * tf.tanh(x - raw[..., 2])


FAMILIES: dict[str, Callable] = {
    "LinearSpline": lambda: univariates.LinearSpline(bins=4, bound=4.0),
    "QuadraticSpline": lambda: univariates.QuadraticSpline(bins=4, bound=4.0),
    "LinearRationalSpline": lambda: univariates.LinearRationalSpline(bins=3, bound=4.0),
    "CubicSpline": lambda: univariates.CubicSpline(bins=3, bound=4.0),
    "RationalQuadraticSpline, learned": lambda: rational_quadratic("learned"),
    "RationalQuadraticSpline, circular": lambda: rational_quadratic("circular"),
    "Bernstein": lambda: univariates.Bernstein(degree=5, bound=4.0),
}

# Those of interchangeable parts start near the identity, and a root search goes back.
IMPLICIT_FAMILIES: dict[str, Callable] = {
    "SumOfSquares": lambda: univariates.SumOfSquares(polynomials=2, degree=2, bound=4.0),
    "DeepSigmoidal": lambda: univariates.DeepSigmoidal(units=3, layers=2),
    "DeepDenseSigmoidal": lambda: univariates.DeepDenseSigmoidal(units=2, layers=2),
    "Gaussianization": lambda: univariates.Gaussianization(components=3),
    "Gaussianization, normal": lambda: univariates.Gaussianization(components=3, kernel="normal"),
    "MixtureOfLogistics": lambda: univariates.MixtureOfLogistics(components=3),
    "Monotone": lambda: univariates.Monotone(bent_line, 3),
    "UnconstrainedMonotonic": lambda: univariates.UnconstrainedMonotonic(
        embedding=2, hidden_units=(4,), nodes=12, bound=4.0
    ),
}

# Every other family is tried with its default options; two are among the layers above.
_named = {name.partition(",")[0] for name in (*FAMILIES, *IMPLICIT_FAMILIES)}
_named |= {"Additive", "Affine", "Univariate"}
FAMILIES |= {name: getattr(univariates, name) for name in univariates.__all__ if name not in _named}


def family_bijector(make):
    """Return ``make(dtype, context)`` of the bijector of a family."""
    family = make()
    family.build((3,))

    def bijector(dtype, context):
        return family.bijector(parameters((3, family.parameter_size), dtype, context))

    return bijector


def in_structure(make, structure, event_shape, context):
    """Return an `Example` of a family in a layer, over a base of its kind."""
    layer = getattr(layers, structure)
    size, period = math.prod(event_shape), make().period
    network = {"hidden_units": (6,), "activation": "tanh"}

    def build(dtype, context_shape):
        base = None
        if period is not None:
            one_base = tfd.VonMises(np.zeros(event_shape, dtype), 2.0 * np.ones(event_shape, dtype))
            base = tfd.Independent(one_base, reinterpreted_batch_ndims=len(event_shape))
        layers_ = [layer(make(), dtype=dtype, **network)]
        return models.Flow(layers_, event_shape, context_shape, base=base, dtype=dtype)

    return Example(
        build,
        event_shape,
        covers=(f"layers.{structure}", f"univariates.{type(make()).__name__}"),
        context=context,
        jacobian={"Elementwise": "diagonal", "MaskedAutoregressive": "triangular"}.get(
            structure, "full"
        ),
        degrees=tuple(range(size)),
        draw=anywhere if period is None else on_the_circle,
        starts_as_identity=make not in IMPLICIT_FAMILIES.values(),
        period=period,
        variant=True,
    )


for _name, _make in {**FAMILIES, **IMPLICIT_FAMILIES}.items():
    _of_circle = _make().period is not None
    _class = "MonotonicQuadrature" if _name == "UnconstrainedMonotonic" else type(_make()).__name__
    BIJECTORS[_name] = Example(
        family_bijector(_make),
        covers=(f"bijectors.{_class}",),
        jacobian="diagonal",
        draw=on_the_circle if _of_circle else anywhere,
        # tests/univariates has the same checks of them and more.
        variant=_name in IMPLICIT_FAMILIES,
    )
    for _structure, _shape, _context in (
        ("Elementwise", (1,), "always"),
        ("MaskedAutoregressive", (2,), "never"),
        ("Coupling", (7,), "always"),
    ):
        # The density of a power is infinite at zero: no sum over a line or a plane has its mass.
        _shape = max(_shape, (3,)) if _name == "SignedPower" else _shape
        FLOWS[f"{_name} in {_structure}"] = in_structure(_make, _structure, _shape, _context)


# Densities that are no flow of layers.


@keras.saving.register_keras_serializable(package="tests")
class Gaussian(models.DensityModel):
    """A Gaussian whose mean and scale a network predicts; without a context they are weights."""

    def __init__(self, event_shape=(), context_shape=None, **kwargs):
        super().__init__(event_shape=event_shape, context_shape=context_shape, **kwargs)
        dtype = self.dtype_policy
        self.network = keras.layers.Dense(2 * self.event_size, dtype=dtype)

    def distribution(self, context=None):
        if context is None:
            context = tf.ones([1], self.variable_dtype)
        raw = self.network(context[tf.newaxis] if context.shape.rank == 1 else context)
        raw = raw[0] if context.shape.rank == 1 else raw
        loc, log_scale = tf.split(raw, 2, axis=-1)
        if self.event_shape == ():
            return tfd.Normal(loc[..., 0], tf.exp(log_scale[..., 0]))
        return tfd.MultivariateNormalDiag(loc, tf.exp(log_scale))

    def get_config(self):
        return {
            "event_shape": self.event_shape,
            "context_shape": self.context_shape,
            "name": self.name,
            "dtype": self.dtype_policy.name,
        }


def textbook_model(dtype, context_shape):
    made = tfb.AutoregressiveNetwork(
        params=2, hidden_units=[8], activation="tanh", dtype=dtype, event_shape=[2]
    )
    shift = tfb.Shift(tf.Variable(np.asarray([0.5, 0.25], dtype), name="shift"))
    chain = tfb.Chain([shift, tfb.MaskedAutoregressiveFlow(made), tfb.Permute([1, 0])])
    base = tfd.MultivariateNormalDiag(loc=np.zeros(2, dtype))
    return models.DistributionModel(tfd.TransformedDistribution(base, chain))


def mixture_model(dtype, context_shape):
    mixture = tfd.MixtureSameFamily(
        tfd.Categorical(logits=tf.Variable(np.asarray([0.3, -0.4], dtype), name="logits")),
        tfd.Normal(
            tf.Variable(np.asarray([-1.0, 1.0], dtype), name="loc"), np.asarray([0.5, 0.7], dtype)
        ),
    )
    return models.DistributionModel(mixture)


def factorized_model(dtype, context_shape):
    size = 0 if context_shape is None else context_shape[0]
    layer = layers.Elementwise(univariates.Affine(), dtype=dtype, **context_arguments())
    factors = [
        Gaussian((1,), context_shape, dtype=dtype),
        models.Flow([layer], 2, (1 + size,), dtype=dtype),
    ]
    return models.Factorized(factors, [[1], [2, 0]], context_shape)


MODELS: dict[str, Example] = {
    "Gaussian, scalar": Example(
        lambda dtype, context_shape: Gaussian((), context_shape, dtype=dtype),
        (),
        ("models.DensityModel",),
    ),
    "Gaussian, pair": Example(
        lambda dtype, context_shape: Gaussian((2,), context_shape, dtype=dtype),
        (2,),
        ("models.DensityModel",),
    ),
    "factorized": Example(factorized_model, covers=("models.Factorized",)),
    "GaussianMixture": Example(
        lambda dtype, context_shape: models.GaussianMixture(
            (3,), context_shape, components=2, dtype=dtype, **context_arguments()
        ),
        (3,),
        ("models.GaussianMixture",),
    ),
    "GaussianMixture, diagonal, scalar": Example(
        lambda dtype, context_shape: models.GaussianMixture(
            (), context_shape, 2, "diagonal", dtype=dtype, **context_arguments()
        ),
        (),
        ("models.GaussianMixture",),
        variant=True,
    ),
    "Resampled": Example(
        lambda dtype, context_shape: models.Resampled(
            (2,), truncation=5, points=64, dtype=dtype, **context_arguments()
        ),
        (2,),
        ("models.Resampled",),
        context="never",
    ),
    "textbook": Example(textbook_model, (2,), ("models.DistributionModel",), context="never"),
    "mixture": Example(mixture_model, (), ("models.DistributionModel",), context="never"),
}

#: Public names that are no examples, and why.
ABSTRACT: dict[str, str] = {
    "bijectors.Bijector": "a base class without a map",
    "bijectors.forward_and_log_det": "it asks a bijector",
    "bijectors.inverse_and_log_det": "it asks a bijector",
    "layers.Augment": "no bijection: tests/layers/test_dimensions.py",
    "layers.BijectorLayer": "a base class without a map",
    "bijectors.Simplex": "its Jacobian is not square: tests/layers/test_supports.py",
    "bijectors.Sphere": "its Jacobian is not square: tests/layers/test_sphere.py",
    "layers.Dequantize": "no bijection: tests/layers/test_dequantize.py",
    "layers.Langevin": "no bijection: tests/layers/test_stochastic.py",
    "layers.Metropolis": "no bijection: tests/layers/test_stochastic.py",
    "layers.Slice": "no bijection: tests/layers/test_dimensions.py",
    "layers.Simplex": "its Jacobian is not square: tests/layers/test_supports.py",
    "layers.Sphere": "its Jacobian is not square: tests/layers/test_sphere.py",
    "layers.Transform": "a base class without a map",
    "layers.VAE": "no bijection: tests/layers/test_vae.py",
    "univariates.Univariate": "a base class without a map",
}

EVERY: dict[str, Example] = {
    **{
        f"bijector, {name}": dataclasses.replace(example, kind="bijector")
        for name, example in BIJECTORS.items()
    },
    **FLOWS,
    **{
        f"model, {name}": dataclasses.replace(example, kind="model")
        for name, example in MODELS.items()
    },
}
