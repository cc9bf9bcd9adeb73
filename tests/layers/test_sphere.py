"""Unit vectors: against the surface measure, a closed form, and what is no unit vector."""

import math
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfflows
from tfflows import layers, univariates

tfd = tfp.distributions
RNG = np.random.default_rng(0)
CHARTS = ("line", "cylinder")


def unit(rows, size=3):
    x = RNG.normal(size=(rows, size))
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def sphere(chart, size=3, dtype="float64", cut=0.4):
    layer = layers.Sphere(chart, dtype=dtype)
    layer.build((size,))
    if chart == "line":
        layer.cut.assign([cut])
    return layer


def quadrature():
    """Return points of the sphere and their shares of its surface."""
    height, weight = np.polynomial.legendre.leggauss(128)
    longitude = (np.arange(256) + 0.5) * math.pi / 128 - math.pi
    h, phi = np.meshgrid(height, longitude, indexing="ij")
    radius = np.sqrt(1 - h * h)
    points = np.stack([radius * np.cos(phi), radius * np.sin(phi), h], -1).reshape(-1, 3)
    return points.astype("float32"), np.repeat(weight * math.pi / 128, 256)


def around():
    """Return the flow of the sphere to itself of the docstring, away from its start."""
    spline = univariates.RationalQuadraticSpline

    def block():
        return [
            layers.Sphere("cylinder"),
            layers.Coupling(
                spline(bins=4, bound=1.0, boundary="learned"),
                mask=[False, True],
                period=2 * math.pi,
                hidden_units=(8,),
                identity_start=False,
            ),
            layers.Coupling(
                spline(bins=4, bound=math.pi, boundary="circular"),
                mask=[True, False],
                hidden_units=(8,),
                identity_start=False,
            ),
            layers.Invert(layers.Sphere("cylinder")),
            layers.Rotation(seed=1),
        ]

    keras.utils.set_random_seed(0)
    return tfflows.Flow([*block(), *block()], event_shape=3, base=tfd.SphericalUniform(3))


def on_the_line():
    keras.utils.set_random_seed(0)
    flow = tfflows.NSF(
        3, transforms=1, hidden_units=(8,), identity_start=False, first=[layers.Sphere()]
    )
    flow.adapt(unit(500))
    return flow


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("size", [3, 5])
def test_the_log_determinant_is_that_of_the_surface(chart, size):
    layer = sphere(chart, size)
    z = tf.constant(RNG.uniform(-0.9, 0.9, size=(6, size - 1)))
    with tf.GradientTape() as tape:
        tape.watch(z)
        x, log_weight = layer.forward(z)
    jacobian = tape.batch_jacobian(x, z).numpy()
    gram = np.swapaxes(jacobian, 1, 2) @ jacobian
    np.testing.assert_allclose(log_weight, -0.5 * np.linalg.slogdet(gram)[1], atol=1e-10)
    np.testing.assert_allclose(np.linalg.norm(x, axis=-1), 1.0, rtol=1e-14)
    back, again = layer.inverse(x)
    np.testing.assert_allclose(back, z, atol=1e-12)
    np.testing.assert_allclose(again, log_weight, atol=1e-10)


@pytest.mark.parametrize("chart", CHARTS)
def test_a_von_mises_fisher_distribution_by_its_closed_form(chart):
    """Around the pole its height is exponential, and its longitude uniform."""
    kappa, x = 3.0, tf.constant(unit(50))
    z, log_weight = sphere(chart).inverse(x)
    height = x[:, 2]
    latent = math.log(kappa / (4 * math.pi * math.sinh(kappa))) + kappa * height
    if chart == "line":
        share = tf.sigmoid(z)
        slopes = 2 * share[:, 0] * (1 - share[:, 0]) * 2 * math.pi * share[:, 1] * (1 - share[:, 1])
        latent += tf.math.log(slopes)
    north = tfd.VonMisesFisher(tf.constant([0.0, 0.0, 1.0], tf.float64), kappa)
    np.testing.assert_allclose(latent + log_weight, north.log_prob(x), rtol=1e-9)


@pytest.mark.parametrize("make", [around, on_the_line])
def test_a_density_of_the_surface_its_draws_and_its_file(make, tmp_path):
    flow = make()
    points, weights = quadrature()
    density = np.exp(flow.log_prob(points).numpy().astype("float64"))
    assert density.std() > 0.03
    assert abs(density @ weights - 1) < 6e-3
    drawn = flow.sample(20_000, seed=0)
    assert np.abs(np.linalg.norm(drawn.numpy().astype("float64"), axis=-1) - 1).max() < 3e-7
    assert np.isfinite(flow.log_prob(drawn)).all()
    mean = (density * weights) @ points
    np.testing.assert_allclose(drawn.numpy().mean(0), mean, atol=0.02)
    flow.save(tmp_path / "flow.keras")
    again = tfflows.load(tmp_path / "flow.keras")
    np.testing.assert_array_equal(again.log_prob(points[::999]), flow.log_prob(points[::999]))


def test_no_seam_where_the_longitude_starts_anew():
    flow = around()
    height, step = np.linspace(-0.99, 0.99, 50), 1e-3

    def at(longitude):
        radius = np.sqrt(1 - height**2)
        x = [radius * np.cos(longitude), radius * np.sin(longitude), height]
        return flow.log_prob(np.stack(x, -1).astype("float32")).numpy()

    over = np.abs(at(math.pi - step / 2) - at(-math.pi + step / 2)).max()
    beside = np.abs(at(math.pi - 1.5 * step) - at(math.pi - step / 2)).max()
    assert over < 2 * beside + 1e-3


@pytest.mark.parametrize("chart", CHARTS)
def test_what_is_no_unit_vector_is_outside_and_poles_are_not(chart):
    layer = sphere(chart, dtype="float32")
    nothing, infinite = [0.0, 0.0, 0.0], [math.inf, 0.0, 0.0]
    outside = [[0.0, 0.0, 1.001], [0.5, 0.5, 0.5], nothing, infinite]
    poles = [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [1e-22, 0.0, 1.0]]
    x = tf.constant([*outside, *poles])
    with tf.GradientTape() as tape:
        tape.watch(x)
        z, log_weight = layer.inverse(x)
        total = tf.reduce_sum(z) + tf.reduce_sum(log_weight[4:])
    gradient = tape.gradient(total, x).numpy()
    assert np.isneginf(log_weight[:4]).all() and np.isfinite(log_weight[4:]).all()
    assert np.isfinite(z).all() and np.isfinite(gradient).all() and not gradient[:4].any()
    np.testing.assert_allclose(layer.forward(z)[0][4:], poles, atol=1e-6)
    assert np.isnan(layer.inverse(tf.constant([[math.nan, 0.0, 1.0]]))[1]).all()
    # A vector that is a little too long is the point in its direction.
    short, log_short = layer.inverse(tf.constant([[0.6, 0.0, 0.8]]))
    long, log_long = layer.inverse(tf.constant([[0.60006, 0.0, 0.80008]]))
    np.testing.assert_allclose(short, long, atol=1e-5)
    np.testing.assert_allclose(log_short, log_long, atol=1e-5)


def test_a_column_among_others_and_what_fit_says_of_rows_outside():
    x = np.c_[unit(300), RNG.lognormal(size=300)].astype("float32")
    first = layers.Supports([(layers.Sphere(), 3), layers.Positive()])
    flow = tfflows.MAF(4, transforms=1, hidden_units=(8,), first=[first])
    flow.compile()
    assert np.isfinite(flow.fit(x, epochs=1, verbose=0).history["loss"]).all()
    x[:7, :3] *= 2.0
    other = tfflows.Flow([layers.Sphere()], event_shape=3)
    other.compile()
    with pytest.raises(ValueError, match=r"7 rows lie outside.*lengths from 2 to 2. Divide each"):
        other.fit(x[:, :3], epochs=1, verbose=0)


def test_check_compares_no_determinant_of_a_map_that_is_flat_on_its_way():
    chain = [layers.Sphere("cylinder"), layers.Invert(layers.Sphere("cylinder"))]
    flow = tfflows.Flow(chain, event_shape=3, base=tfd.SphericalUniform(3))
    report = flow.check(unit(200).astype("float32"))
    assert not report["log_det"].applies and report["round_trip"].ok


def test_fit_and_check_know_that_rows_lie_on_the_sphere():
    x = unit(3000).astype("float32")
    chain = [layers.Sphere("cylinder"), layers.Invert(layers.Sphere("cylinder"))]
    around = tfflows.Flow(chain, event_shape=3, base=tfd.SphericalUniform(3))
    for flow in (tfflows.Flow([layers.Sphere()], event_shape=3), around):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            flow.adapt(x)
        assert flow.codimension == 1
    with pytest.warns(UserWarning, match="lie on surfaces"):
        tfflows.MAF(3, transforms=1, hidden_units=(4,)).adapt(x)


def test_errors_say_what_is_expected():
    with pytest.raises(ValueError, match=r'"line" or "cylinder"; got \'mercator\''):
        layers.Sphere("mercator")
    with pytest.raises(ValueError, match=r"3 coordinates or more; events have shape \(2,\)"):
        layers.Sphere().build((2,))
    with pytest.raises(ValueError, match=r"period=-1.0: expected a positive finite number"):
        layers.Coupling(univariates.Affine(), period=-1.0)
