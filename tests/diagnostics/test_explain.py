"""Explanations add up, and blame the coordinate that was corrupted."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, univariates

from .flows import conditional, contexts, draw, maf, shake


def table(rows, seed):
    random = np.random.default_rng(seed)
    a, b, c, d, e = random.normal(size=(5, rows))
    columns = a, 10 * (a + 0.4 * b), np.sin(2 * a) + 0.3 * c, 0.5 * a * b + 0.3 * d, 100 * e
    return np.stack(columns, 1).astype("float32")


@pytest.fixture(scope="module")
def fitted():
    keras.utils.set_random_seed(0)
    flow = tfflows.NSF(5, transforms=2, hidden_units=(32, 32))
    flow.compile(keras.optimizers.Adam(5e-3))
    flow.fit(table(3000, 1), epochs=8, batch_size=200, verbose=0)
    return flow


def ordered(context_shape=None):
    """A flow of many parts that is autoregressive in one order all the same."""
    chain = [
        tfb.Scale(2.0),
        layers.MaskedAutoregressive(univariates.Affine(), hidden_units=(8,), order=[2, 3, 1]),
        layers.Permute([1, 2, 0]),
        layers.MaskedAutoregressive(univariates.RationalQuadraticSpline(4), hidden_units=(8,)),
        layers.Invert(layers.MaskedAutoregressive(univariates.Affine(), hidden_units=(8,))),
        layers.Elementwise(univariates.SinhArcsinh()),
        layers.Coupling(univariates.Affine(), mask=[True, False, False], hidden_units=(8,)),
        layers.Shift(1.0),
    ]
    base = tfd.MultivariateNormalDiag(tf.zeros(3), tf.constant([1.0, 2.0, 3.0]))
    return shake(tfflows.Flow(chain, 3, context_shape, base=base), 0, 0.1)


def test_terms_add_up_to_the_log_density(fitted):
    explanation = fitted.explain(table(200, 2))
    np.testing.assert_allclose(explanation.terms.sum(1), explanation.log_prob, atol=1e-5)
    assert explanation.names[0] == "base" and explanation.order is None
    assert len(explanation.names) == 1 + len(fitted.bijector_layers)


@pytest.mark.parametrize("context_shape", [None, 2])
def test_an_autoregressive_flow_has_a_term_for_each_coordinate(context_shape):
    flow = ordered(context_shape)
    random = np.random.default_rng(0)
    context = None if context_shape is None else random.normal(size=(50, 2)).astype("float32")
    x = draw(flow, rows=50, context=context)
    explanation = flow.explain(x, context)
    assert explanation.order == (2, 0, 1)
    assert explanation.names == ("log p(x2)", "log p(x0 | x2)", "log p(x1 | x2, x0)")
    np.testing.assert_allclose(explanation.terms.sum(1), explanation.log_prob, atol=1e-5)
    # The term of a coordinate does not hear of those after it.
    changed = x.copy()
    changed[:, 1] += 1
    moved = flow.explain(changed, context).terms - explanation.terms
    np.testing.assert_allclose(moved[:, :2], 0, atol=1e-5)
    assert np.abs(moved[:, 2]).min() > 1e-4


def test_the_terms_are_conditional_densities():
    flow = ordered()
    x = np.array([0.3, -0.2, 0.5], "float32")
    grid = np.tile(x, (4001, 1))
    grid[:, 1] = np.linspace(-60, 60, 4001)
    density = np.exp(flow.log_prob(grid).numpy().astype("float64"))
    total = density.sum() * (grid[1, 1] - grid[0, 1])
    first_two = flow.explain(x).terms[0, :2].sum()
    np.testing.assert_allclose(np.log(total), first_two, atol=2e-3)


def test_opposite_orders_have_no_order():
    assert maf().explain(draw(maf(), rows=5)).order is None


def test_a_corrupted_coordinate_ranks_first(fitted):
    x, train = table(200, 3), table(3000, 1)
    random = np.random.default_rng(4)
    column, row = random.integers(5, size=200), np.arange(200)
    x[row, column] += (6 * train.std(0)[column] * random.choice([-1, 1], 200)).astype("float32")
    explanation = fitted.explain(x)
    assert np.mean(explanation.ranking[:, 0] == column) >= 0.95
    assert explanation.gain.min() >= 0
    error = np.abs(explanation.terms.sum(1) - explanation.log_prob)
    assert (error < 1e-5 * (1 + np.abs(explanation.log_prob))).all()


def test_a_gain_is_what_the_replacement_brings(fitted):
    x = table(20, 5)
    explanation = fitted.explain(x)
    replaced = x.copy()
    replaced[:, 3] = explanation.replacement[:, 3]
    gained = fitted.log_prob(replaced).numpy() - explanation.log_prob
    np.testing.assert_allclose(gained, explanation.gain[:, 3], atol=1e-3)


def test_the_text_names_terms_and_coordinates(fitted):
    x = table(10, 6)
    x[4, 1] = 300
    text = str(fitted.explain(x))
    assert "row 4" in text.splitlines()[0] and "coordinate 1" in text and "base" in text
    assert "(7 likelier rows" in text


def test_other_models_and_a_single_event():
    flow, context = conditional(), contexts(rows=4)
    explanation = flow.explain(draw(flow, context=context), context)
    assert explanation.gain.shape == (4, 2)
    np.testing.assert_allclose(explanation.terms.sum(1), explanation.log_prob, atol=1e-5)
    td = tfd.TransformedDistribution(tfd.MultivariateNormalDiag(tf.zeros(2)), tfb.Scale(2.0))
    explanation = tfflows.DistributionModel(td).explain([1.0, 2.0])
    assert explanation.names == ("log p(x0)", "log p(x1 | x0)")
    np.testing.assert_allclose(explanation.terms.sum(1), explanation.log_prob, atol=1e-5)
    normal = tfflows.DistributionModel(tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), 1))
    assert normal.explain(np.zeros([3, 2], "float32")).names == ("log p",)
