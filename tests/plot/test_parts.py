"""Plots of flows and their parts show the numbers that they are given."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import tfflows
from tfflows import conditioners, layers, plot, univariates


@pytest.fixture(scope="module")
def flow():
    keras.utils.set_random_seed(0)
    return tfflows.MAF(2, transforms=2, hidden_units=(8,), identity_start=False)


@pytest.fixture(scope="module")
def conditional():
    return tfflows.MAF(1, 3, transforms=1, hidden_units=(8,), identity_start=False)


def rows(n, d=2, seed=0):
    return np.random.default_rng(seed).normal(size=[n, d]).astype("float32")


def normal_log_prob(x):
    return -0.5 * np.square(x).sum(-1) - math.log(2.0 * math.pi)


def test_regions_hold_their_share_of_the_probability():
    bounds = ((-5.0, 5.0), (-5.0, 5.0))
    ax = plot.density(normal_log_prob, bounds=bounds, resolution=201, regions=(0.5, 0.9))
    contours = [c for c in ax.collections if hasattr(c, "levels")]
    radii = [
        np.hypot(*np.concatenate([path.vertices for path in contour.get_paths()]).T).mean()
        for contour in contours
    ]
    expected = [math.sqrt(-2.0 * math.log(1.0 - share)) for share in (0.5, 0.9)]
    np.testing.assert_allclose(radii, expected, rtol=0.01)
    # Half of the probability is not in this corner: nothing to draw.
    corner = ((0.0, 5.0), (0.0, 5.0))
    ax = plot.density(normal_log_prob, bounds=corner, resolution=50, regions=(0.5,))
    assert not [c for c in ax.collections if hasattr(c, "levels")]


def test_logarithmic_colors_are_log_densities_above_a_floor():
    ax = plot.density(
        normal_log_prob, bounds=((-9.0, 9.0), (-9.0, 9.0)), resolution=31, scale="log"
    )
    shown = np.asarray(ax.collections[0].get_array()).reshape(31, 31)
    peak = normal_log_prob(np.zeros(2))
    assert shown.max() == pytest.approx(peak)
    assert shown.min() == pytest.approx(peak - 6 * math.log(10.0))
    for wrong in ({"scale": "loglog"}, {"regions": (1.5,)}):
        with pytest.raises(ValueError, match="expected"):
            plot.density(normal_log_prob, **wrong)


def test_latent_quantiles_are_those_of_the_latent_points(flow):
    x = rows(400)
    figure = plot.latent(flow, x)
    curve = figure.axes[1].lines[1]
    z = np.asarray(flow.inverse(x))[:, 1]
    shares = stats.norm.cdf(curve.get_xdata())
    np.testing.assert_allclose(curve.get_ydata(), np.quantile(z, shares), atol=0.02)
    dots = figure.axes[0].lines[0]
    np.testing.assert_allclose(dots.get_ydata(), z, atol=1e-6)


def test_calibration_stays_in_its_band_only_for_the_right_model(flow):
    x = np.asarray(flow.sample(2000, seed=1))

    def largest(ax):
        band = ax.patches[0].get_height() / 2.0
        return max(np.abs(line.get_ydata()).max() for line in ax.lines[1:]) / band

    assert largest(plot.calibration(flow, x)) < 1.0
    assert largest(plot.calibration(flow, 1.3 * x)) > 1.0
    with pytest.raises(ValueError, match=r"confidence=1\.5"):
        plot.calibration(flow, x, confidence=1.5)


def test_calibration_of_a_conditional_flow_and_of_another_base(conditional):
    context = rows(300, 3)
    x = np.asarray(conditional.sample(seed=0, context=context))
    ax = plot.calibration(conditional, x, context)
    z = np.asarray(conditional.inverse(x, context=context))[:, 0]
    share = np.mean(stats.norm.cdf(z) <= 0.25) - 0.25
    line = ax.lines[1]
    assert line.get_ydata()[np.searchsorted(line.get_xdata(), 0.25)] == pytest.approx(share)
    figure = plot.latent(conditional, x, context)
    assert figure.axes[0].get_xlabel() == "z0"
    from tensorflow_probability import distributions as tfd

    other = tfflows.Flow([layers.Shift()], 1, base=tfd.Sample(tfd.StudentT(4.0, 0.0, 1.0), 1))
    with pytest.raises(ValueError, match="needs a standard normal base"):
        plot.calibration(other, x)
    plot.latent(other, x)


def test_the_stages_of_a_flow_are_its_intermediate_points(flow):
    figure = plot.flow(flow, points=50)
    names = [layer.name for layer in reversed(flow.bijector_layers)]
    assert [ax.get_title() for ax in figure.axes] == ["latent", *names]
    z = np.asarray(flow.base.distribution.sample(50, seed=[0, 0]))
    shown = figure.axes[-1].collections[-1].get_offsets()
    np.testing.assert_allclose(shown, flow.forward(z), atol=1e-5)
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        plot.flow(tfflows.MAF(3, transforms=1, hidden_units=(8,)))


def test_masks_and_who_sees_whom():
    network = conditioners.AutoregressiveNetwork(
        3, event_shape=[3], hidden_units=[6, 6], input_order=[2, 1, 3]
    )
    figure = plot.masks(network)
    drawn = [np.asarray(ax.images[0].get_array()) for ax in figure.axes]
    for shown, mask in zip(drawn, network.masks, strict=False):
        np.testing.assert_array_equal(shown, mask)
    expected = [[0, 0, 1], [1, 0, 1], [0, 0, 0]]
    np.testing.assert_array_equal(drawn[-1], expected)
    layer = layers.MaskedAutoregressive(univariates.Affine(), hidden_units=(6,))
    layer.build((2,))
    assert len(plot.masks(layer).axes) == 3
    with pytest.raises(ValueError, match="without masks"):
        plot.masks(keras.layers.Dense(2))


SPLINES = [
    univariates.RationalQuadraticSpline(bins=4, bound=2.0),
    univariates.LinearSpline(bins=4, bound=2.0),
    univariates.QuadraticSpline(bins=4, bound=2.0),
    univariates.CubicSpline(bins=4, bound=2.0),
    univariates.LinearRationalSpline(bins=4, bound=2.0),
]


@pytest.mark.parametrize("family", SPLINES, ids=lambda family: type(family).__name__)
def test_knots_are_where_the_formula_changes(family):
    raw = np.random.default_rng(3).normal(size=family.parameter_size)
    bijector = family.bijector(tf.constant(raw[None]))
    knots = bijector.data_knots().numpy()[0]
    assert knots.shape == (5,) and knots[0] == -2.0
    np.testing.assert_allclose(knots[-1], 2.0)
    assert np.all(np.diff(knots) > 0.0)

    def bend(x):
        """Return the second difference of the slope, which jumps or peaks at a knot."""
        x = tf.constant(x[:, None])
        return np.exp(bijector.inverse_log_det_jacobian(x, 0).numpy()[:, 0])

    step = 1e-4
    at = np.abs(bend(knots[1:-1] + step) + bend(knots[1:-1] - step) - 2 * bend(knots[1:-1]))
    jump = np.abs(bend(knots[1:-1] + step) - bend(knots[1:-1] - step))
    middle = 0.5 * (knots[1:] + knots[:-1])
    # A linear rational bin changes its formula once more inside, a smooth one not at all.
    elsewhere = np.abs(bend(middle + step) + bend(middle - step) - 2 * bend(middle))
    assert np.all(np.maximum(at, jump) > 20.0 * np.median(elsewhere) + 1e-9)


def test_the_parts_of_a_linear_rational_bin_meet_where_its_formula_changes():
    family = SPLINES[-1]
    raw = np.random.default_rng(3).normal(size=family.parameter_size)
    bijector = family.bijector(tf.constant(raw[None]))
    knots, splits = bijector.data_knots().numpy()[0], bijector.data_splits().numpy()[0]
    assert np.all(knots[:-1] < splits) and np.all(splits < knots[1:])

    def bend(places):
        """Return the jump of the slope of the log slope."""
        step = 1e-7
        x = np.stack([places - step, places, places + step], -1)[..., None]
        log_slope = bijector.inverse_log_det_jacobian(tf.constant(x), 0).numpy()[..., 0]
        return np.abs(log_slope[:, 2] + log_slope[:, 0] - 2.0 * log_slope[:, 1]) / step

    assert np.all(bend(splits) > 1e-2)
    assert np.all(bend(0.5 * (knots[:-1] + splits)) < 1e-2)
    above, _ = plot.univariate(family, raw).axes
    np.testing.assert_allclose(above.lines[3].get_xdata(), splits)


def test_a_univariate_is_drawn_with_its_slope_and_knots():
    family = SPLINES[0]
    raw = np.random.default_rng(3).normal(size=family.parameter_size)
    figure = plot.univariate(family, raw)
    above, below = figure.axes
    x, z = above.lines[1].get_data()
    slope = below.lines[0].get_ydata()
    area = np.concatenate([[0.0], np.cumsum(0.5 * np.diff(x) * (slope[1:] + slope[:-1]))])
    np.testing.assert_allclose(z - z[0], area, atol=0.05)
    assert len(above.lines[2].get_xdata()) == 5
    figure = plot.univariate(univariates.UnconstrainedMonotonic(embedding=2, hidden_units=(4,)))
    assert len(figure.axes[0].lines) == 2
    with pytest.raises(ValueError, match=r"raw parameters of shape \(11,\); got \(3,\)"):
        plot.univariate(family, np.zeros(3))
    with pytest.raises(ValueError, match="bounds"):
        plot.univariate(family, bounds=(1.0, -1.0))


def test_marginals_show_each_column_once():
    figure = plot.marginals(rows(60, 6), rows(40, 6, seed=1), columns="abcdef", most=5)
    assert [ax.get_xlabel() for ax in figure.axes] == list("abcde")
    assert figure.get_suptitle() == "first 5 of 6 columns"
    with pytest.raises(ValueError, match="same columns"):
        plot.marginals(rows(5, 2), rows(5, 3))


def test_live_density_writes_its_frames(tmp_path, flow):
    from PIL import Image

    x = rows(128)
    flow.compile(keras.optimizers.Adam(1e-3))
    path = tmp_path / "fit.gif"
    live = plot.LiveDensity(x, path=path, every=2, resolution=10)
    flow.fit(x, epochs=4, batch_size=64, verbose=0, callbacks=[live])
    assert live.frames == 3  # epochs 1, 3 and the last
    with Image.open(path) as image:
        assert image.n_frames == 3
    for arguments, message in (
        ({"x": rows(3, 3)}, "two columns"),
        ({"x": x, "path": "a.png"}, ".gif"),
        ({"x": x, "path": path, "every": 0}, "every=0"),
        ({"x": x}, "no notebook"),
    ):
        with pytest.raises(ValueError, match=message):
            plot.LiveDensity(**arguments)
    other = tfflows.MAF(3, transforms=1, hidden_units=(4,))
    other.compile(keras.optimizers.Adam(1e-3))
    with pytest.raises(ValueError, match=r"events of shape \(2,\)"):
        other.fit(rows(8, 3), verbose=0, callbacks=[plot.LiveDensity(x, path=path)])
