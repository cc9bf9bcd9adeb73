"""First layers of columns that cannot be any number: what is outside, and where draws lie."""

import math
import warnings

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfflows
from tfflows import layers

tfd = tfp.distributions

RNG = np.random.default_rng(0)
INFINITY = math.inf

# Ends of several sizes; what is near them is rounded differently.
LOW = [0.0, -1.0, 0.0, -INFINITY, 5.0, -INFINITY, -1e6]
HIGH = [1.0, 1.0, INFINITY, 0.0, INFINITY, 7.0, 1e6]


def everything():
    """Return a built layer of 14 columns with 13 latents."""
    intervals = layers.Interval(LOW, HIGH)
    entries = [(intervals, 7), layers.Circular(180.0), (layers.Simplex(), 3), (layers.Ordered(), 3)]
    first = layers.Supports(entries)
    first.build((14,))
    return first


@pytest.mark.parametrize("reach", [4.0, 30.0, 200.0])
def test_draws_lie_strictly_inside_and_score_finite(reach):
    first = everything()
    way = tf.function(lambda z: (*(there := first.forward(z)), first.inverse(there[0])[1]))
    z = RNG.uniform(-reach, reach, size=(150_000, 13)).astype("float32")
    x, log_weight, again = (part.numpy() for part in way(z))
    assert np.isfinite(x).all() and np.isfinite(log_weight).all() and np.isfinite(again).all()
    low, high = np.float32(LOW), np.float32(HIGH)
    assert (x[:, :7] > low).all() and (x[:, :7] < high).all()
    assert (x[:, 7] >= -180).all() and (x[:, 7] < 180).all()
    shares = x[:, 8:11]
    assert (shares > 0).all() and (shares < 1).all() and np.abs(shares.sum(1) - 1).max() < 1e-6
    assert (np.diff(x[:, 11:]) > 0).all()


def test_the_edge_and_what_lies_beyond_have_no_density_and_no_gradient():
    layer = layers.Interval(LOW, HIGH)
    layer.build((7,))
    inside = np.float32([0.5, 0.0, 1.0, -1.0, 6.0, 6.0, 0.0])
    x = np.repeat(inside[np.newaxis], 15, 0)
    for i in range(7):
        x[i, i] = LOW[i] if np.isfinite(LOW[i]) else HIGH[i]
        x[7 + i, i] = x[i, i] + (-1.0 if np.isfinite(LOW[i]) else 1.0)
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        z, log_weight = layer.inverse(x)
    assert np.isneginf(log_weight[:14]).all() and np.isfinite(log_weight[14])
    gradient = tape.gradient(log_weight, x).numpy()
    assert np.isfinite(z).all() and np.isfinite(gradient).all()
    assert not gradient[:14][np.eye(7, dtype=bool)[np.r_[:7, :7]]].any()


def test_simplex_by_its_formula_and_an_independent_density():
    layer = layers.Simplex(dtype="float64")
    layer.build((4,))
    z = tf.constant(RNG.normal(size=(5, 3)))
    with tf.GradientTape() as tape:
        tape.watch(z)
        x, log_weight = layer.forward(z)
        free = x[:, :-1]
    jacobian = tape.batch_jacobian(free, z).numpy()
    np.testing.assert_allclose(-log_weight, np.linalg.slogdet(jacobian)[1], rtol=1e-10)
    back, again = layer.inverse(x)
    np.testing.assert_allclose(back, z, rtol=1e-10)
    np.testing.assert_allclose(again, log_weight, rtol=1e-10)
    # The latents of a Dirichlet distribution have a density that integrates to one.
    line = tf.constant(np.linspace(-30, 30, 60_001)[:, np.newaxis])
    two = layers.Simplex(dtype="float64")
    two.build((2,))
    x, log_weight = two.forward(line)
    dirichlet = tfd.Dirichlet(tf.constant([1.5, 2.0], tf.float64))
    density = np.exp(dirichlet.log_prob(x).numpy() - log_weight.numpy())
    assert abs(density.sum() * 1e-3 - 1) < 1e-6
    outside = [[0.5, 0.5, 0.1, 0.1], [0.5, 0.6, -0.1, 0.0], [0.5, 0.5, 0.0, 0.0]]
    assert np.isneginf(layer.inverse(tf.constant(outside, tf.float64))[1]).all()


def test_angles_are_cut_where_data_are_rare_and_have_one_name():
    layer = layers.Circular()
    layer.build((2,))
    x = RNG.normal(size=(2000, 2)) * 0.5 + [3.0, 0.0]
    layer.adapt(x)
    # Opposite to the data, up to some of their widths.
    assert (np.cos(layer.cut.numpy() - [3.0, 0.0]) < -0.8).all()
    turns = tf.constant(x + 2 * math.pi * RNG.integers(-2, 3, size=x.shape), tf.float32)
    z, log_weight = layer.inverse(tf.constant(x, tf.float32))
    other, other_weight = layer.inverse(turns)
    np.testing.assert_allclose(z, other, atol=1e-4)
    np.testing.assert_allclose(log_weight, other_weight, atol=1e-4)
    assert np.abs(layer.forward(z)[0]).max() <= math.pi
    one = layers.Circular()
    one.build((1,))
    one.adapt(np.zeros([1, 1]))
    assert abs(abs(float(one.cut[0])) - math.pi) < 1e-6


def mixed(rows):
    share = RNG.beta(2.0, 3.0, size=rows)
    price, angle = RNG.lognormal(size=rows), RNG.vonmises(3.0, 2.0, size=rows)
    parts = RNG.dirichlet([2.0, 3.0, 4.0], size=rows)
    return np.c_[share, price, angle, RNG.normal(size=rows), parts].astype("float32")


def mixed_flow():
    entries = [layers.Interval(0, 1), layers.Positive(), layers.Circular(), None]
    first = layers.Supports([*entries, (layers.Simplex(), 3)])
    return tfflows.MAF(7, transforms=1, hidden_units=(8,), first=[first])


def test_a_flow_of_columns_of_all_kinds(tmp_path):
    x = mixed(1000)
    flow = mixed_flow()
    flow.compile()
    with warnings.catch_warnings():
        # Neither of parts that add up to one, nor of anything else.
        warnings.simplefilter("error")
        loss = flow.fit(x, epochs=2, verbose=0).history["loss"]
    assert np.isfinite(loss).all() and flow.codimension == 1
    found = flow.check(x[:300], seed=0)
    assert not {"dependence", "finite", "round_trip"} & set(found.failed)
    drawn = flow.sample(1000, seed=0)
    assert np.isfinite(flow.log_prob(drawn)).all()
    flow.save(tmp_path / "flow.keras")
    again = tfflows.load(tmp_path / "flow.keras")
    np.testing.assert_array_equal(again.log_prob(x[:9]), flow.log_prob(x[:9]))
    np.testing.assert_array_equal(again.sample(9, seed=1), flow.sample(9, seed=1))


def test_fit_counts_the_rows_on_an_edge_and_says_what_to_do():
    x = mixed(300)
    x[[17, 20], 0] = [0.0, 1.5]
    x[30, 4:] = [0.5, 0.5, 0.0]
    flow = mixed_flow()
    flow.compile()
    with pytest.raises(ValueError, match=r"3 rows lie .* on its edge.*first: row 17") as caught:
        flow.fit(x, verbose=0)
    assert "In column 0: Coordinate 0 must lie strictly between" in str(caught.value)
    assert "In column 4 to 6: Entries must be above zero and add up to one." in str(caught.value)
    assert "move the ends outward" in str(caught.value)
    # Without a layer that sees data first, the loss of the first step tells.
    bare = tfflows.Flow([layers.Positive(), layers.Shift()], 1)
    bare.compile()
    with pytest.raises(ValueError, match=r"1 row lies outside the support .*must lie strictly"):
        bare.fit(np.float32([[1.0], [2.0], [0.0]]), verbose=0)


def test_errors_say_what_is_expected():
    with pytest.raises(ValueError, match=r"low must be below high; got 1.0 and 0.0"):
        layers.Interval(1.0, 0.0)
    with pytest.raises(ValueError, match=r"low has shape \(2,\) and high \(3,\)"):
        layers.Interval([0.0, 0.0], [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match=r"low has shape \(2,\).* that of an event, \(3,\)"):
        layers.Interval([0.0, 0.0]).build((3,))
    with pytest.raises(ValueError, match="no float32 number lies between"):
        layers.Interval(1e9, 1e9 + 1).build((1,))
    with pytest.raises(ValueError, match="Simplex acts on vectors of 2 coordinates or more"):
        layers.Simplex().build((1,))
    with pytest.raises(ValueError, match=r"take 2 columns, and events have shape \(3,\)"):
        layers.Supports([None, None]).build((3,))
    with pytest.raises(TypeError, match="an entry is a layer that is a bijection"):
        layers.Supports([(0.0, 1.0)])
    with pytest.raises(ValueError, match="positive finite number, half a turn"):
        layers.Circular(0.0)
