"""Layers written outside the package take part in `check` and `explain` by their public members."""

import numpy as np
import pytest

import tfflows
from tfflows import layers

from .outside import Markov, Stretch


class ByItsBijector(Markov):
    """Offers its scalar bijector, and no parameters."""

    def raw_parameters(self, x, context=None):
        return None

    def scalar_bijector(self, x, context=None):
        return self.univariate.bijector(super().raw_parameters(x))


class Silent(Markov):
    """Offers nothing."""

    adjacency = None


class Untrue(Markov):
    """Names the coordinate two places before where it is the one before."""

    @property
    def adjacency(self):
        return np.eye(3, dtype=bool) | np.eye(3, k=-2, dtype=bool)


def flow(layer):
    chain = [Stretch(), layer, layers.Permute([2, 0, 1]), layers.Shift(0.5)]
    flow = tfflows.Flow(chain, 3)
    chain[0].log_scale.assign([0.5, -0.5, 1.0])
    return flow


def rows(flow, number=300):
    return flow.sample(number, seed=1).numpy()


@pytest.mark.parametrize("make", [Markov, ByItsBijector, lambda: layers.Unconditional(Markov())])
def test_an_autoregressive_layer_keeps_its_terms(make):
    model = flow(make())
    x = rows(model)
    explanation = model.explain(x)
    assert explanation.order == (0, 1, 2) and explanation.reason == ""
    assert explanation.names == ("log p(x0)", "log p(x1 | x0)", "log p(x2 | x0, x1)")
    np.testing.assert_allclose(explanation.terms.sum(1), explanation.log_prob, atol=2e-5)
    # The term of a coordinate hears of the one before it, and not of those after it.
    changed = x.copy()
    changed[:, 1] += 1
    moved = np.abs(model.explain(changed).terms - explanation.terms)
    assert moved[:, 0].max() < 1e-5 and np.median(moved[:, 1:], 0).min() > 1e-3


def test_an_inverted_layer_keeps_its_terms():
    model = flow(layers.Invert(Markov()))
    explanation = model.explain(rows(model))
    assert explanation.order == (0, 1, 2)
    np.testing.assert_allclose(explanation.terms.sum(1), explanation.log_prob, atol=2e-5)


def test_a_layer_that_offers_nothing_has_one_term():
    model = flow(Silent(name="silent"))
    explanation = model.explain(rows(model))
    assert explanation.order is None and "'silent'" in explanation.reason
    names = tuple(layer.name for layer in model.bijector_layers)
    assert explanation.names == ("base", *names)
    np.testing.assert_allclose(explanation.terms.sum(1), explanation.log_prob, atol=2e-5)


def test_the_lines_of_a_check():
    report = (model := flow(Markov())).check(rows(model))
    assert report.ok, report
    assert report["masks"].value == 0 and report["saturation"].applies
    report = (model := flow(Untrue(name="untrue"))).check(rows(model))
    assert report.failed == ("masks",) and "'untrue'" in report["masks"].detail


def test_parameters_without_effect_are_found():
    model = flow(Markov(name="markov"))
    model.bijector_layers[1].slopes.assign([[1.0, 1.0], [1.0, 40.0], [1.0, 1.0]])
    report = model.check(rows(model))
    assert not report["saturation"].ok and "'markov'" in report["saturation"].detail
