"""A map for each column: which is chosen, what lies outside, what is taken from data."""

import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import layers

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (lambda: RNG.normal(0.0, 5.0, 4000), "identity"),
        (lambda: RNG.normal(170.0, 10.0, 4000), "identity"),
        (lambda: RNG.uniform(size=4000), "identity"),
        (lambda: RNG.standard_t(5.0, 4000), "identity"),
        (lambda: np.repeat([-1.0, 1.0], 2000) + RNG.normal(0.0, 0.05, 4000), "identity"),
        (lambda: RNG.lognormal(0.0, 0.8, 4000), "log"),
        (lambda: 1e6 * RNG.lognormal(0.0, 3.0, 4000), "log"),
        (
            lambda: np.maximum(RNG.normal(0.0, 1.0, 4000), 1e-3) + RNG.exponential(1, 4000),
            "softplus",
        ),
        (lambda: 100.0 + RNG.standard_cauchy(4000), "arcsinh"),
        (lambda: RNG.lognormal(0.0, 2.0, 4000) - 0.1, "arcsinh"),
        (lambda: np.zeros(50), "identity"),
    ],
)
def test_the_map_nearest_to_a_normal_distribution_is_chosen(draw, expected):
    assert layers.Columnwise.choose(draw()[:, np.newaxis]) == (expected,)


def test_maps_by_their_formulas():
    maps = ("identity", "log", "softplus", "logit", "arcsinh")
    layer = layers.Columnwise(maps, lower=[0, -1, 2, -1, 0], upper=[1, 1, 1, 3, 1], dtype="float64")
    layer.build((5,))
    x = np.array([[-7.0, 0.5, 2.3, 2.5, -4.0], [3.0, 9.0, 50.0, -0.5, 1e6]])
    layer.adapt(x)
    location, scale = (np.exp(w) if "scale" in w.path else w.numpy() for w in layer.weights[1:])
    z, log_weight = layer.inverse(tf.constant(x))
    u = (x - [0, -1, 2, -1, location[4]]) / [1, 1, scale[2], 4, scale[4]]
    expected = np.stack(
        [
            x[:, 0],
            np.log(u[:, 1]),
            np.log(np.expm1(u[:, 2])),
            np.log(u[:, 3] / (1 - u[:, 3])),
            np.arcsinh(u[:, 4]),
        ],
        axis=-1,
    )
    np.testing.assert_allclose(z, expected, rtol=1e-10)
    slopes = np.stack(
        [
            np.ones(2),
            1 / u[:, 1],
            1 / (1 - np.exp(-u[:, 2])) / scale[2],
            1 / (u[:, 3] * (1 - u[:, 3])) / 4,
            1 / np.sqrt(1 + u[:, 4] ** 2) / scale[4],
        ],
        axis=-1,
    )
    np.testing.assert_allclose(log_weight, np.log(slopes).sum(axis=-1), rtol=1e-10)
    np.testing.assert_allclose(layer.forward(z)[0], x, rtol=1e-10)


def test_maps_of_half_a_line_are_mirrored_where_its_end_is_above():
    above, below = (
        layers.Columnwise(("log", "softplus"), *ends, dtype="float64")
        for ends in ((-3.0, np.inf), (-np.inf, 3.0))
    )
    x = RNG.lognormal(size=(50, 2)) - 3.0
    for layer, sign in ((above, 1.0), (below, -1.0)):
        layer.build((2,))
        layer.adapt(sign * x)
    z, log_weight = above.inverse(tf.constant(x))
    mirrored, other = below.inverse(tf.constant(-x))
    np.testing.assert_allclose(mirrored, -z, rtol=1e-12)
    np.testing.assert_allclose(other, log_weight, rtol=1e-12)
    np.testing.assert_allclose(below.forward(mirrored)[0], -x, rtol=1e-12)


def test_what_is_outside_has_no_density_and_no_draw_is_there():
    first = layers.Columnwise(("log", "logit"), lower=[0.0, -1.0], upper=[1.0, 1.0])
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,), first=[first])
    x = np.stack([RNG.lognormal(size=300), RNG.uniform(-1, 1, 300)], axis=-1).astype("float32")
    flow.adapt(x)
    scores = flow.log_prob([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0], [1.0, 1.0], [1.0, -2.0]]).numpy()
    assert np.isfinite(scores[0]) and (scores[1:] == -np.inf).all()
    drawn = flow.sample(5000, seed=0).numpy()
    assert drawn[:, 0].min() > 0 and np.abs(drawn[:, 1]).max() <= 1
    with pytest.raises(
        ValueError, match=r"2 rows lie .* outside the range of its map in coordinate 0: log"
    ):
        flow.adapt(np.concatenate([x, [[0.0, 0.5], [-1.0, 0.5]]]).astype("float32"))


def test_location_and_scale_are_fixed_or_learned():
    for learned in (False, True):
        layer = layers.Columnwise("arcsinh", learned=learned)
        layer.build((2,))
        assert layer.needs_adapt and len(layer.trainable_weights) == 2 * learned
        layer.adapt(np.array([[-1.0, 0.0], [0.0, 10.0], [1.0, 20.0]]))
        np.testing.assert_allclose(layer.location, [0.0, 10.0])
        assert not layer.needs_adapt
    fixed = layers.Columnwise("log")
    fixed.build((2,))
    assert not fixed.needs_adapt


def test_errors_say_what_is_expected():
    with pytest.raises(ValueError, match=r"unknown maps \['cube'\]; there are identity, log"):
        layers.Columnwise(("log", "cube"))
    with pytest.raises(ValueError, match="names 2 maps for events of 3 coordinates"):
        layers.Columnwise(("log", "log")).build((3,))
    with pytest.raises(ValueError, match=r"lower must be below upper; got \[1.0\] and \[1.0\]"):
        layers.Columnwise(("log", "logit"), lower=1.0).build((2,))
    with pytest.raises(ValueError, match="log and softplus need one finite end"):
        layers.Columnwise("log", lower=-np.inf, upper=np.inf).build((2,))
    with pytest.raises(ValueError, match=r"lower has shape \(3,\)"):
        layers.Columnwise("log", lower=[1.0, 2.0, 3.0]).build((2,))
