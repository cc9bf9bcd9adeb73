"""The first layers of a table, and the simple densities beside its flow."""

from argparse import Namespace

import numpy as np
import pytest
from scipy import stats

from tfflows_cli.baselines import Gaussian, Independent
from tfflows_cli.errors import CommandError
from tfflows_cli.first import First
from tfflows_cli.schema import Schema
from tfflows_cli.verdict import baselines, propose_bounds, warn_below

RNG = np.random.default_rng(0)


def _first(columns, test=None, **options):
    given = {"noise": None, "maps": "auto", "bounds": [], "flow": "nsf", "seed": 0, **options}
    x = np.stack(list(columns.values()), axis=-1).astype("float32")
    inputs = {"train": (x, None), "val": (x[:9], None), "test": (x[:9], None)}
    if test is not None:
        inputs["test"] = (np.asarray([test], "float32"), None)
    return First.of(Namespace(**given), Schema(tuple(columns)), inputs, named=False), inputs


def test_maps_follow_the_training_rows():
    columns = {
        "height": RNG.normal(170.0, 10.0, 2000),
        "income": RNG.lognormal(0.0, 3.0, 2000),
        "change": RNG.standard_t(1.2, 2000),
        "angle": RNG.uniform(-3.0, 3.0, 2000),
        "modes": np.repeat([-2.0, 2.0], 1000) + RNG.normal(0.0, 0.3, 2000),
    }
    first, _ = _first(columns)
    assert first.maps == ("identity", "log", "arcsinh", "identity", "identity")
    # A column that is positive in the training rows alone has no log.
    test = [170.0, 0.0, 0.0, 0.0, 0.0]
    assert _first(columns, test)[0].maps[1] == "arcsinh"
    assert set(_first(columns, maps="none")[0].maps) == {"identity"}
    assert _first(columns, maps={"height": "log"})[0].maps[:2] == ("log", "log")
    with pytest.raises(CommandError, match="column 'change' goes down to"):
        _first(columns, maps={"change": "log"})
    with pytest.raises(CommandError, match="--maps: 'weight' is no modeled column"):
        _first(columns, maps={"weight": "log"})


def test_the_grid_is_found_by_column(capsys):
    columns = {"count": RNG.poisson(2.0, 500), "half": RNG.integers(8, 20, 500) / 2.0}
    first, _ = _first({**columns, "size": RNG.normal(size=500)}, noise=0.5)
    np.testing.assert_array_equal(first.steps, [0.5, 0.5, 0.0])
    assert "taken as it is: 'size'" in capsys.readouterr().err
    assert first.log_volume == pytest.approx(2.0 * np.log(0.5))
    assert first.bounds == {"count": (0.0, None)}
    assert first.maps[0] in ("softplus", "log") and first.lower[0] < 0.0
    with pytest.raises(CommandError, match=r"stands on the multiples of 0\.3"):
        _first(columns, noise=0.3)


def test_the_gaussian_baseline_is_the_normal_of_largest_likelihood():
    x = RNG.multivariate_normal([1.0, -2.0], [[2.0, 1.2], [1.2, 1.0]], 3000)
    fitted = stats.multivariate_normal(x.mean(axis=0), np.cov(x.T, bias=True))
    np.testing.assert_allclose(Gaussian(x, None).log_prob(x, None), fitted.logpdf(x), atol=1e-3)
    # With a context, that of the residuals of a regression.
    c = RNG.normal(5.0, 3.0, (3000, 1))
    y = 2.0 * c + x[:, :1]
    slope = np.polyfit(c[:, 0], y[:, 0], 1)
    residual = y[:, 0] - np.polyval(slope, c[:, 0])
    expected = stats.norm(0.0, residual.std()).logpdf(residual)
    np.testing.assert_allclose(Gaussian(y, c).log_prob(y, c), expected, atol=1e-3)


def test_independent_columns_integrate_to_one_and_near_the_truth():
    x = np.stack([RNG.normal(size=4000), RNG.gamma(3.0, size=4000)], axis=-1)
    fitted = Independent(x)
    grid = np.linspace(-300.0, 300.0, 200_001)
    for kernels in fitted.columns:
        mass = np.exp(kernels.log_prob(grid)).sum() * (grid[1] - grid[0])
        assert mass == pytest.approx(1.0, abs=1e-3)
    truth = -stats.norm.logpdf(x[:, 0]).mean() - stats.gamma(3.0).logpdf(x[:, 1]).mean()
    assert -fitted.log_prob(x).mean() == pytest.approx(truth, abs=0.05)
    assert np.isfinite(fitted.log_prob(np.full((1, 2), 1e12))).all()


def test_baselines_count_the_maps_and_the_grid():
    log = RNG.normal(0.0, 3.0, 2000)
    first, inputs = _first({"income": np.exp(log)})
    truth = log.mean() + 0.5 * np.log(2.0 * np.pi * np.e * log.var())
    assert baselines(inputs, first, 0)["independent"]["train"] == pytest.approx(truth, abs=0.05)
    counts = RNG.poisson(3.0, 4000)
    first, inputs = _first({"n": counts * 0.5}, noise=0.5)
    entropy = stats.poisson(3.0).entropy()
    # Of the probabilities of counts, whatever their unit is.
    assert baselines(inputs, first, 0)["independent"]["train"] == pytest.approx(entropy, abs=0.1)


def test_natural_ends_that_draws_cross_are_proposed(capsys):
    columns = {
        "share": RNG.beta(0.5, 0.5, 500),
        "age": RNG.uniform(0.0, 60.0, 500),
        "weight": RNG.normal(70.0, 5.0, 500),
        "change": RNG.normal(size=500),
    }
    first, inputs = _first(columns, maps="none")
    schema, draws = Schema(tuple(columns)), np.tile([[0.5, 5.0, 60.0, 0.0]], (100, 1))
    propose_bounds(schema, first, inputs, draws)
    assert capsys.readouterr().err == ""
    draws[:3] = [1.2, -4.0, -1.0, -9.0]
    propose_bounds(schema, first, inputs, draws)
    share, age = capsys.readouterr().err.splitlines()
    assert "3.0 % of the draws of column 'share' lie outside [0, 1]" in share
    assert share.endswith("--bounds share=0,1") and age.endswith("--bounds age=0,")
    # What is declared is not proposed, and draws are put within it.
    first, _ = _first(columns, maps="none", bounds=[("share", 0, 1), ("age", 0, np.inf)])
    propose_bounds(schema, first, inputs, draws)
    assert capsys.readouterr().err == ""
    np.testing.assert_array_equal(
        schema.bounded_by(first.bounds).within_bounds(draws)[0], [1.0, 0.0, -1.0, -9.0]
    )


@pytest.mark.parametrize(
    ("nll", "word"),
    [
        ({"train": 1.0, "val": 1.0, "test": 1.0}, ""),
        ({"train": 0.5, "val": 2.0, "test": 2.0}, "the 70 training rows too well: try --dropout"),
        ({"train": 2.0, "val": 2.0, "test": 2.0}, "more --epochs"),
    ],
)
def test_a_flow_that_a_gaussian_beats_is_named(nll, word, capsys):
    simple = {
        "gaussian": {"train": 1.4, "val": 1.5, "test": 1.5},
        "independent": {"train": 3.0, "val": 3.0, "test": 3.0},
    }
    warn_below(nll, simple, 70)
    shown = capsys.readouterr().err
    assert word in shown and bool(shown) == bool(word)
