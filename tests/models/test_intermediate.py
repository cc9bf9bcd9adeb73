"""The points between the layers of a flow, and their distributions, against chains by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, plot, univariates

WIDTHS = {"hidden_units": (8,)}
NAMES = ["iaf", "radial", "swap", "coupling"]  # from the base to the data


def mixed(context_shape=None, **kwargs):
    """Return an affine coupling, a radial map and an inverse autoregressive one."""
    chain = [
        layers.Coupling(univariates.Affine(), identity_start=False, name="coupling", **WIDTHS),
        layers.Permute([1, 0], name="swap"),
        layers.Invert(layers.Radial(), name="radial"),
        layers.Invert(
            layers.MaskedAutoregressive(univariates.Affine(), identity_start=False, **WIDTHS),
            name="iaf",
        ),
    ]
    return tfflows.Flow(chain, 2, context_shape, **kwargs)


@pytest.fixture(scope="module", params=[None, 3], ids=["plain", "conditional"])
def flow(request):
    keras.utils.set_random_seed(0)
    return mixed(request.param)


@pytest.fixture(scope="module")
def context(flow):
    if flow.context_shape is None:
        return None
    return tf.constant(np.random.default_rng(1).normal(size=(5, 3)), tf.float32)


def by_hand(flow, k, context):
    """Return the first k layers from the base, composed from their own bijectors."""
    embedded = flow.embed(context)
    chain = [layer.bijector(embedded) for layer in flow.bijector_layers]
    return tfb.Chain(chain[len(chain) - k :]) if k else tfb.Identity()


@pytest.mark.parametrize("k", range(len(NAMES) + 1))
def test_points_and_distribution_are_those_of_the_chain_by_hand(flow, context, k):
    z = tf.constant(np.random.default_rng(k).normal(size=(5, 2)), tf.float32)
    chain = by_hand(flow, k, context)
    points = flow.intermediate(z, context)[k]
    np.testing.assert_allclose(points, chain.forward(tf.identity(z)), atol=1e-5)
    base = tfd.MultivariateNormalDiag(tf.zeros([2]), tf.ones([2]))
    expected = tfd.TransformedDistribution(base, by_hand(flow, k, context)).log_prob(points)
    found = flow.intermediate_distribution(k, context)
    np.testing.assert_allclose(found.log_prob(points), expected, atol=1e-4)
    drawn = found.sample(7, seed=[3, k])
    latent = flow.intermediate_distribution(0, context).sample(7, seed=[3, k])
    np.testing.assert_allclose(drawn, chain.forward(latent), atol=1e-4)
    assert drawn.shape == (7, 2) if context is None else (7, 5, 2)


def test_all_layers_are_the_distribution_and_none_the_base(flow, context):
    x = tf.random.stateless_normal([5, 2], seed=[0, 1])
    whole = flow.intermediate_distribution(len(NAMES), context)
    np.testing.assert_allclose(whole.log_prob(x), flow.log_prob(x, context), atol=1e-5)
    np.testing.assert_allclose(
        flow.intermediate_distribution(0, context).log_prob(x),
        tf.reduce_sum(tfd.Normal(0.0, 1.0).log_prob(x), -1),
        atol=1e-5,
    )


def test_each_is_normalized():
    flow = tfflows.Flow([layers.Radial(), layers.Shift(0.5), layers.Scale([2.0, 0.5])], 2)
    along = np.linspace(-9.0, 9.0, 241)
    grid = np.stack(np.meshgrid(along, along), -1).astype(np.float32)
    for k in range(4):
        density = flow.intermediate_distribution(k).prob(grid)
        assert float(tf.reduce_sum(density)) * (along[1] - along[0]) ** 2 == pytest.approx(
            1.0, abs=2e-3
        )


def test_it_follows_the_weights_of_its_layers_and_knows_no_others(flow, context):
    found = flow.intermediate_distribution(1, context)
    own = flow.bijector_layers[-1].trainable_weights
    assert {id(v) for v in found.trainable_variables} == {id(w.value) for w in own}
    x = tf.ones([5, 2])
    before = found.log_prob(x)
    kept = [w.numpy() for w in own]
    own[-1].assign_add(tf.ones_like(own[-1]))
    after = found.log_prob(x)
    for weight, value in zip(own, kept, strict=True):
        weight.assign(value)
    assert np.abs(after - before).max() > 0.1
    np.testing.assert_array_equal(found.log_prob(x), before)


def test_dimensions_may_change_on_the_way():
    flow = tfflows.Flow([layers.Simplex(), layers.Scale([2.0, 0.5])], 3)
    shapes = [tuple(flow.intermediate_distribution(k).event_shape) for k in range(3)]
    assert shapes == [(2,), (2,), (3,)]
    assert flow.intermediate_distribution(2).sample(4, seed=0).shape == (4, 3)


def test_only_layers_that_are_asked_for_must_be_bijections():
    flow = tfflows.Flow([layers.Dequantize(), layers.Shift()], 2)
    assert flow.intermediate_distribution(1).log_prob(tf.zeros([2])).shape == ()
    with pytest.raises(NotImplementedError, match="dequantize"):
        flow.intermediate_distribution(2)


@pytest.mark.parametrize("k", [-1, 5, 1.5, True, None])
def test_a_number_of_layers_that_there_is_not_is_refused(k):
    with pytest.raises(ValueError, match="from 0, the base, to 4, the data"):
        mixed().intermediate_distribution(k)


PLOTTED = {
    "mixed": mixed,
    "planar": lambda: tfflows.PlanarFlow(2, transforms=1),
    "sylvester": lambda: tfflows.SylvesterFlow(2, transforms=1),
    "householder": lambda: tfflows.HouseholderFlow(2),
    "polynomial": lambda: tfflows.SOSPF(2, transforms=1, **WIDTHS),
    "continuous": lambda: tfflows.CNF(2, **WIDTHS),
    "a base with contexts": lambda: mixed(3, base=mixed(3, name="base")),
}


@pytest.mark.parametrize("name", PLOTTED)
def test_the_picture_shows_the_points_after_each_layer(name):
    flow = PLOTTED[name]()
    context = None if flow.context_shape is None else [0.5, 0.0, -0.5]
    figure = plot.flow(flow, context, points=20, lines=3)
    shown = [np.asarray(ax.collections[-1].get_offsets()) for ax in figure.axes]
    rows = None if context is None else np.repeat([context], 20, 0)
    stages = flow.intermediate(shown[0].astype(np.float32), rows)
    assert len(shown) == len(flow.bijector_layers) + 1
    for offsets, stage in zip(shown, stages, strict=True):
        np.testing.assert_allclose(offsets, stage, atol=1e-4)
