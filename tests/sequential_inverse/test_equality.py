"""The sweep equals the passes: values, log-determinants and all gradients."""

import inspect

import numpy as np
import pytest
import tensorflow as tf

from tfflows import layers, univariates

from .reference import TOLERANCE, assert_same, compare, everything, forward, make, normal


def families() -> list:
    """Return every public family that can be made without arguments."""
    made = []
    for name in univariates.__all__:
        family = getattr(univariates, name)
        required = [
            parameter
            for parameter in inspect.signature(family).parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
        if family is not univariates.Univariate and not required:
            made.append(name)
    return made


class TwoShifts(univariates.Univariate):
    """A family from outside, of a plain TFP bijector."""

    parameter_size = 2

    def bijector(self, raw):
        from tensorflow_probability import bijectors as tfb

        return tfb.Chain([tfb.Shift(raw[..., 0]), tfb.Softplus(), tfb.Shift(raw[..., 1])])


@pytest.mark.parametrize("family", families())
def test_every_family(family):
    layer = make(getattr(univariates, family)(), (5,), (2,), order="right-to-left")
    compare(layer, normal(layer, 3, 5), normal(layer, 3, 2, seed=2))


def test_a_family_from_outside():
    layer = make(TwoShifts(), (3,))
    compare(layer, normal(layer, 4, 3))


STRUCTURES = {
    "one coordinate": ((1,), {}),
    "two coordinates": ((2,), {}),
    "a scalar": ((), {}),
    "a matrix": ((2, 3), {}),
    "right to left": ((6,), {"order": "right-to-left"}),
    "random order": ((7,), {"order": "random", "seed": 3}),
    "listed order": ((4,), {"order": [2, 4, 1, 3]}),
    "a graph": ((5,), {"adjacency": np.eye(5, k=-2) + np.eye(5, k=-4)}),
    "no dependences": ((3,), {"adjacency": np.eye(3)}),
    "a coupling": ((5,), {"passes": 2}),
    "three ragged groups": ((11,), {"passes": 3, "order": "random", "seed": 1}),
    "many ragged groups": ((17,), {"passes": 6}),
    "one group": ((3,), {"passes": 1}),
    "no hidden layer": ((6,), {"hidden_units": ()}),
    "one hidden layer": ((6,), {"hidden_units": (7,)}),
    "three hidden layers": ((6,), {"hidden_units": (7, 20, 6)}),
    "fewer units than coordinates": ((12,), {"hidden_units": (5, 3)}),
    "one unit": ((9,), {"hidden_units": (1,)}),
    "several blocks": ((40,), {"hidden_units": (70, 50)}),
    "several blocks, few units": ((35,), {"hidden_units": (4, 90), "order": "right-to-left"}),
    "residual": ((5,), {"residual": True, "hidden_units": (9, 9, 9)}),
    "residual, several blocks": (
        (34,),
        {"residual": True, "hidden_units": (45, 45), "order": "random", "seed": 2},
    ),
    "residual, ragged groups": (
        (10,),
        {"residual": True, "hidden_units": (6, 6), "passes": 7},
    ),
    "relu": ((6,), {"activation": "relu"}),
}


@pytest.mark.parametrize("conditional", [False, True], ids=["plain", "conditional"])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_structure(structure, conditional):
    """The blocks of steps in graphs, and the steps one by one in eager mode."""
    event_shape, kwargs = STRUCTURES[structure]
    layer = make(None, event_shape, (2,) if conditional else None, **{"scale": 0.2, **kwargs})
    z = normal(layer, 3, *event_shape)
    context = normal(layer, 3, 2, seed=2) if conditional else None
    compare(layer, z, context)
    compare(layer, z, context, function=tf.function(everything, autograph=False))


@pytest.mark.parametrize("degrees", ["random", "skewed"])
def test_unequal_degrees(degrees):
    """Steps with many units, with one, and with none."""
    from tfflows.bijectors.sequential_inverse import by_passes, sequential_inverse
    from tfflows.conditioners import AutoregressiveNetwork

    if degrees == "skewed":
        degrees = [[1] * 9 + [7] * 4 + [8], [2] * 5 + [8] * 3]
    network = AutoregressiveNetwork(
        2, 9, hidden_units=(14, 8), hidden_degrees=degrees, activation="tanh", seed=4,
        dtype="float64",
    )  # fmt: skip
    stack, family = network.stack(), univariates.Affine().bijector
    z = tf.constant(np.random.default_rng(0).normal(size=(3, 9)))

    def refine(known):
        scalar = family(network(known))
        return scalar.forward(z), scalar.forward_log_det_jacobian(z, event_ndims=1)

    expected = by_passes(refine, z, passes=9)
    for function in (sequential_inverse, tf.function(sequential_inverse, autograph=False)):
        assert_same(function(stack, family, z), expected, 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
@pytest.mark.parametrize("family", ["Affine", "RationalQuadraticSpline"])
def test_every_type(family, dtype):
    """With small weights in bfloat16, whose rounding else moves points into other bins of a spline.

    How its products are added up depends on the processor.
    """
    scale = 0.05 if dtype == "mixed_bfloat16" else 0.3
    layer = make(getattr(univariates, family)(), (6,), (2,), dtype=dtype, scale=scale)
    z = normal(layer, 5, 6)
    found = everything(layer, z, normal(layer, 5, 2, seed=2))
    assert found[0].dtype == found[1].dtype == layer.variable_dtype
    compare(layer, z, normal(layer, 5, 2, seed=2))


BATCHES = {
    "a point each": ((3,), (3,)),
    "one context for all": ((3,), ()),
    "one context, with an axis": ((3,), (1,)),
    "a single point": ((), ()),
    "one point, many contexts": ((), (3,)),
    "samples of each context": ((2, 3), (3,)),
    "a table of contexts": ((3,), (2, 1)),
    "tables": ((2, 3), (2, 3)),
    "no points": ((0,), (0,)),
    "no points, one context": ((0,), ()),
    "no samples of three contexts": ((0, 3), (3,)),
}


@pytest.mark.parametrize("batch", BATCHES)
def test_every_batch(batch):
    points, contexts = BATCHES[batch]
    layer = make(None, (5,), (2,))
    z, context = normal(layer, *points, 5), normal(layer, *contexts, 2, seed=2)
    compare(layer, z, context)
    compare(layer, z, context, function=tf.function(everything, autograph=False))


def test_an_inverted_layer_scores_by_the_sweep():
    layer = make(None, (6,))
    x = normal(layer, 4, 6)
    inverted = layers.Invert(layer).bijector()
    z, log_det = forward(layer, x, passes=True)
    tolerance = TOLERANCE["float64"]
    assert_same([inverted.inverse(x)], [z], tolerance)
    assert_same([inverted.inverse_log_det_jacobian(x, 1)], [log_det], tolerance)


def test_coordinates_do_not_see_those_after_them_not_even_by_rounding():
    layer = make(None, (21,), hidden_units=(40, 40), dtype="float32", order="right-to-left")
    z = normal(layer, 2, 21)
    run = tf.function(lambda z: forward(layer, z)[0], jit_compile=True, autograph=False)
    moved = tf.concat([z[:, :10] + 100.0, z[:, 10:]], 1)
    np.testing.assert_array_equal(run(z)[:, 10:], run(moved)[:, 10:])
