"""Rows on curves and surfaces are named in `fit` and in `check`; ordinary tables never are."""

import warnings

import numpy as np
import pytest
import sklearn.datasets

import tfflows
from tfflows import layers
from tfflows.inputs.surfaces import find_surface, flatness

RNG = np.random.default_rng(0)
ANGLE = RNG.uniform(0.0, 2 * np.pi, 1000)
U = RNG.normal(size=(4000, 2))
CIRCLE = np.c_[np.cos(ANGLE), np.sin(ANGLE)]


@pytest.mark.parametrize(
    "x, dimension",
    [
        (CIRCLE, 1),
        (CIRCLE[:200], 1),
        (CIRCLE.astype("float32") * [1e6, 1e-6] + [0.0, 3.0], 1),
        (np.c_[U[:, 0], U[:, 0] ** 2], 1),
        (np.c_[U[:, 0], np.sin(3 * U[:, 0])], 1),
        (sklearn.datasets.make_moons(1000, noise=0.0)[0], 1),
        (np.c_[CIRCLE, np.cos(2 * ANGLE), np.sin(3 * ANGLE), ANGLE], 1),
        (np.c_[U, U[:, 0] * U[:, 1]], 2),
        (sklearn.datasets.make_swiss_roll(4000, noise=0.0, random_state=0)[0], 2),
    ],
    ids=["circle", "few", "scales", "parabola", "sine", "moons", "five", "product", "roll"],
)
def test_curves_and_surfaces(x, dimension):
    assert find_surface(x) == dimension


def ordinary():
    for name in tfflows.datasets.names():
        yield name, tfflows.datasets.load(name).train
    for name in ("breast_cancer", "diabetes", "iris", "wine", "linnerud"):
        table = getattr(sklearn.datasets, f"load_{name}")().data
        for first in range(0, table.shape[1], 10):
            yield f"{name} from {first}", table[:, first : first + 10]
    for rows in (200, 300, 3000):
        yield f"moons {rows}", sklearn.datasets.make_moons(rows, noise=0.02, random_state=0)[0]
        for columns in (2, 3, 5, 10):
            shape = rows, columns
            whole = RNG.normal(size=shape)
            binary = RNG.integers(0, 2, rows)
            tables = {
                "normal": whole,
                "cauchy": RNG.standard_cauchy(shape),
                "wide": np.exp(5 * whole),
                "rounded": whole.round(1),
                "counts": RNG.poisson(3, shape),
                "one binary": np.c_[whole[:, 1:], binary],
                "many zeros": whole * (RNG.random(shape) > 0.4),
                "walk": np.cumsum(whole, axis=0),
                "correlated": 0.003 * whole + RNG.normal(size=(rows, 1)),
                "patients": 0.001 * whole + whole[RNG.integers(0, 50, rows)],
                "repeated": whole[RNG.integers(0, rows // 2, rows)],
                "two scales": whole * np.where(binary, 1.0, 1e-4)[:, np.newaxis],
            }
            yield from ((f"{name} {shape}", table) for name, table in tables.items())


def test_ordinary_tables_are_far_from_any():
    found = {name: flatness(table).min(initial=1.0) for name, table in ordinary()}
    assert len(found) > 140
    # An alarm is below 0.05.
    assert {name: low for name, low in found.items() if low < 0.1} == {}


def test_a_column_that_follows_is_left_to_the_linear_test():
    assert not len(flatness(np.c_[U, U.sum(1)]))


def flow():
    model = tfflows.Flow([layers.Standardize(), layers.Shift()], 2)
    model.compile("adam")
    return model


def test_a_fit_says_it_once_and_a_check_too():
    model = flow()
    with pytest.warns(UserWarning, match="rows of x lie on curves: .*are on a line.*unbounded"):
        model.adapt(CIRCLE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(CIRCLE, verbose=0)
    line = model.check(CIRCLE)["surface"]
    assert line.value == 1.0 and not line.ok
    assert "lie on curves" in line.detail and line.advice.startswith("Drop columns")


def test_a_check_of_good_rows_passes_and_of_few_does_not_apply():
    model = flow()
    model.adapt(U)
    assert model.check(U)["surface"].value == 0.0
    assert not model.check(U[:50])["surface"].applies
