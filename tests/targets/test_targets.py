"""Densities known up to a constant: constants, entropies and draws against quadrature."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import layers, losses, targets

MADE = {
    "Banana": lambda: targets.Banana(bend=0.2, scale=1.2),
    "Energy1": targets.Energy1,
    "Energy2": targets.Energy2,
    "Energy3": targets.Energy3,
    "Energy4": targets.Energy4,
    "Funnel": lambda: targets.Funnel(size=2, scale=0.7),
    "ManyWell": targets.ManyWell,
    "MixtureOfDiagNormals": lambda: targets.MixtureOfDiagNormals(
        [[-2.0, 0.0], [1.0, 3.0]], [[0.5, 1.0]], [0.3, 0.7]
    ),
}


def on_a_grid(target):
    """Return log densities on a grid, and the volume of a cell."""
    step = 0.02
    first = np.arange(-4.0 + step / 2, 4.0, step)  # the strip of the bands
    if not isinstance(target, targets.energies._Band):
        first = np.arange(-9.0, 9.0, step)
    second = np.arange(-12.0, 16.0, step)
    grid = np.stack(np.meshgrid(first, second, indexing="ij"), -1)
    return target(tf.constant(grid)).numpy(), step**2


def test_all_are_tried():
    listed = [name for name in targets.__all__ if inspect.isclass(getattr(targets, name))]
    assert sorted(MADE) == sorted({*listed} - {"Target"})


@pytest.mark.parametrize("name", MADE)
def test_constants_and_entropies(name):
    target = MADE[name]()
    assert target.event_shape == (2,)
    log_prob, cell = on_a_grid(target)
    log_z = np.log(np.exp(log_prob).sum() * cell)
    if target.log_z is not None:
        assert abs(log_z - target.log_z) < 2e-6
    if target.entropy is not None:
        mean = (np.exp(log_prob - log_z) * (log_prob - log_z)).sum() * cell
        assert abs(target.entropy + mean) < 2e-5
    known = {"Energy1": (), "Energy3": ("log_z",), "Energy4": ("log_z",)}
    known["MixtureOfDiagNormals"] = ("log_z",)
    for what in known.get(name, ("log_z", "entropy")):
        assert getattr(target, what) is not None


@pytest.mark.parametrize("name", ["Banana", "Funnel", "MixtureOfDiagNormals"])
def test_draws_have_the_density(name):
    target = MADE[name]()
    drawn = target.sample(50_000, seed=0).numpy()
    assert drawn.shape == (50_000, 2) and target.sample(seed=0).shape == (2,)
    np.testing.assert_array_equal(target.sample((5, 2), seed=3), target.sample((5, 2), seed=(0, 3)))
    log_prob, cell = on_a_grid(target)
    grid_mean = (np.exp(log_prob) * log_prob).sum() * cell
    scores = target(drawn).numpy()
    assert abs(scores.mean() - grid_mean) < 4 * scores.std() / np.sqrt(len(scores))


def test_forty_modes_and_wells():
    forty = targets.MixtureOfDiagNormals.forty()
    assert forty.loc.shape == (40, 2) and np.abs(forty.loc).max() < 40
    np.testing.assert_allclose(forty.scale, np.log1p(np.e))
    assert len(np.unique(forty.loc.round(3), axis=0)) == 40
    again = type(forty).from_config(forty.get_config())
    drawn = forty.sample(100, seed=1)
    np.testing.assert_array_equal(again.sample(100, seed=1), drawn)
    distance = np.linalg.norm(drawn.numpy()[:, None] - forty.loc, axis=-1).min(1)
    assert distance.max() < 6 and np.isfinite(forty(drawn)).all()
    # The constant of a pair, as its authors give it.
    pair = np.log(11784.50927) + 0.5 * np.log(2 * np.pi)
    assert abs(targets.ManyWell(32).log_z - 16 * pair) < 1e-5
    np.testing.assert_allclose(targets.ManyWell(4)([[1.0, 1.0, 0.0, 2.0]]), [3.0])


def test_a_flow_is_fitted_to_a_band_and_saved_with_it(tmp_path):
    target = targets.Energy2()
    first = layers.Interval([-4.0, -np.inf], [4.0, np.inf])
    flow = tfflows.CouplingNSF(2, transforms=2, hidden_units=(32,), first=[first])
    loss = losses.ReverseKL(target, samples=128)
    flow.compile(keras.optimizers.Adam(0.01), loss=loss)
    reached = flow.fit(epochs=2, steps_per_epoch=150, verbose=0, seed=0).history["loss"][-1]
    # Below -log_z no loss can be, but by chance.
    assert -target.log_z - 0.05 < reached < -target.log_z + 0.5
    flow.save(tmp_path / "flow.keras")
    again = tfflows.load(tmp_path / "flow.keras")
    assert isinstance(again.loss.target_log_prob_fn, targets.Energy2)


def test_errors_say_what_is_expected():
    with pytest.raises(ValueError, match=r"Funnel is a density of points of shape \(\.\.\., 10\)"):
        targets.Funnel()(tf.zeros([3, 2]))
    with pytest.raises(ValueError, match="an even number of coordinates; got 3"):
        targets.ManyWell(3)
    with pytest.raises(ValueError, match=r"loc must have shape .*got \(2,\)"):
        targets.MixtureOfDiagNormals([0.0, 1.0])
    with pytest.raises(ValueError, match="probs must be 1 positive weights"):
        targets.MixtureOfDiagNormals([[0.0, 1.0]], probs=[0.5, 0.5])
    with pytest.raises(ValueError, match="two coordinates or more and a positive scale"):
        targets.Funnel(1)
    with pytest.raises(ValueError, match="scale must be positive"):
        targets.Banana(scale=0.0)
    with pytest.raises(NotImplementedError, match="no draws that are known to be exact"):
        targets.Energy1().sample(3)
