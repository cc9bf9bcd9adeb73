"""The rational-quadratic spline against independent evaluations, and the traps of its peers."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tfflows.bijectors import RationalQuadraticSpline as Spline
from tfflows.bijectors.rational_quadratic_spline import _root
from tfflows.univariates import RationalQuadraticSpline

RNG = np.random.default_rng(0)


def unpack(raw, bins, bound, min_bin, min_slope):
    """Knots and slopes of one raw vector, in float64, as the docstring defines them."""
    raw = np.asarray(raw, "float64")

    def knots(logits):
        weights = np.exp(logits - logits.max())
        share = min_bin + (1.0 - bins * min_bin) * weights / weights.sum()
        return np.concatenate([[-bound], -bound + 2.0 * bound * np.cumsum(share)])

    slopes = min_slope + (1.0 - min_slope) * np.logaddexp(0.0, raw[2 * bins :]) / np.log(2.0)
    return knots(raw[:bins]), knots(raw[bins : 2 * bins]), np.concatenate([[1.0], slopes, [1.0]])


def by_hand(x, raw, bins, bound=5.0, min_bin=1e-3, min_slope=1e-3):
    """Value and log-slope of the spline at one number, searching bin by bin.

    The textbook form of the formula (Durkan et al. 2019, equation 4), unlike the one under test.
    """
    if not -bound < x < bound:
        return x, 0.0
    xs, zs, slopes = unpack(raw, bins, bound, min_bin, min_slope)
    for k in range(bins):
        if x <= xs[k + 1] or k == bins - 1:
            s = (zs[k + 1] - zs[k]) / (xs[k + 1] - xs[k])
            t = (x - xs[k]) / (xs[k + 1] - xs[k])
            bottom = s + (slopes[k + 1] + slopes[k] - 2.0 * s) * t * (1.0 - t)
            top = (zs[k + 1] - zs[k]) * (s * t**2 + slopes[k] * t * (1.0 - t))
            derivative = slopes[k + 1] * t**2 + 2.0 * s * t * (1.0 - t) + slopes[k] * (1.0 - t) ** 2
            return zs[k] + top / bottom, np.log(s**2 * derivative / bottom**2)
    raise AssertionError("no bin")


@pytest.mark.parametrize(("bins", "bound"), [(1, 2.0), (2, 1.0), (5, 3.0), (8, 5.0), (16, 10.0)])
def test_equals_an_evaluation_bin_by_bin(bins, bound):
    raw = RNG.normal(scale=2.0, size=[200, 3 * bins - 1])
    x = RNG.uniform(-1.3 * bound, 1.3 * bound, size=[200])
    family = RationalQuadraticSpline(bins=bins, bound=bound)
    bijector = family.bijector(tf.constant(raw))
    expected = np.array([by_hand(a, r, bins, bound) for a, r in zip(x, raw, strict=True)])
    np.testing.assert_allclose(bijector.inverse(x), expected[:, 0], rtol=1e-11, atol=1e-11)
    log_det = bijector.inverse_log_det_jacobian(x, event_ndims=0)
    np.testing.assert_allclose(log_det, expected[:, 1], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(bijector.forward(expected[:, 0]), x, rtol=1e-9, atol=1e-9)


def test_equals_the_spline_of_tfp():
    bins, bound = 6, 4.0
    raw = RNG.normal(size=[100, 3 * bins - 1])
    parts = [unpack(r, bins, bound, 1e-3, 1e-3) for r in raw]
    # TFP's forward is the direct map; here the direct map is data to latent.
    theirs = tfb.Invert(
        tfb.RationalQuadraticSpline(
            bin_widths=np.diff([p[0] for p in parts]),
            bin_heights=np.diff([p[1] for p in parts]),
            knot_slopes=np.array([p[2][1:-1] for p in parts]),
            range_min=-bound,
        )
    )
    ours = RationalQuadraticSpline(bins=bins, bound=bound).bijector(tf.constant(raw))
    values = RNG.uniform(-6.0, 6.0, size=[100])
    for direction in ("inverse", "forward"):
        for method, options in (
            (direction, {}),
            (f"{direction}_log_det_jacobian", {"event_ndims": 0}),
        ):
            np.testing.assert_allclose(
                getattr(ours, method)(values, **options),
                getattr(theirs, method)(values, **options),
                rtol=1e-8,
                atol=1e-8,
            )


def test_zero_parameters_are_the_identity_on_the_whole_line():
    x = np.concatenate([np.linspace(-8.0, 8.0, 801), [-1e4, 1e4, -5.0, 5.0]]).astype("float32")
    for bins in (1, 3, 8, 10):
        bijector = RationalQuadraticSpline(bins=bins).bijector(tf.zeros([3 * bins - 1]))
        for direction in ("inverse", "forward"):
            np.testing.assert_allclose(getattr(bijector, direction)(x), x, rtol=1e-6, atol=2e-6)
            log_det = getattr(bijector, f"{direction}_log_det_jacobian")(x, event_ndims=0)
            np.testing.assert_allclose(log_det, np.zeros(x.shape), atol=1e-5)


def test_outside_the_box_values_pass_unchanged():
    raw = tf.constant(RNG.normal(scale=5.0, size=[6, 23]).astype("float32"))
    x = np.array([-5.0001, 5.0001, -77.7, 1e4, -1e30, np.inf], "float32")
    bijector = RationalQuadraticSpline().bijector(raw)
    for direction in ("inverse", "forward"):
        values = tf.constant(x)
        result = getattr(bijector, direction)(values)
        np.testing.assert_array_equal(result, x)
        log_det = getattr(bijector, f"{direction}_log_det_jacobian")(values, event_ndims=0)
        np.testing.assert_array_equal(log_det, np.zeros(6))
    np.testing.assert_array_equal(bijector.forward(bijector.inverse(tf.constant(x)) + 0.0), x)


def test_ends_of_the_box_are_fixed_and_smooth():
    raw = tf.constant(RNG.normal(scale=2.0, size=[100, 23]))
    bijector = RationalQuadraticSpline().bijector(raw)
    for end in (-5.0, 5.0):
        x = tf.fill([100], tf.constant(end, tf.float64))
        for direction in ("inverse", "forward"):
            with tf.GradientTape() as tape:
                tape.watch(x)
                result = getattr(bijector, direction)(x)
            np.testing.assert_allclose(result, x, atol=1e-12)
            np.testing.assert_allclose(tape.gradient(result, x), np.ones(100), atol=1e-9)
            log_det = getattr(bijector, f"{direction}_log_det_jacobian")(x, event_ndims=0)
            np.testing.assert_allclose(log_det, np.zeros(100), atol=1e-9)


def test_knots_meet_their_images_and_slopes():
    bins = 8
    raw = RNG.normal(size=[3 * bins - 1])
    xs, zs, slopes = unpack(raw, bins, 5.0, 1e-3, 1e-3)
    bijector = RationalQuadraticSpline(bins=bins).bijector(tf.constant(raw))
    np.testing.assert_allclose(bijector.inverse(xs), zs, atol=1e-12)
    np.testing.assert_allclose(bijector.forward(zs), xs, atol=1e-12)
    log_det = bijector.inverse_log_det_jacobian(xs, event_ndims=0)
    np.testing.assert_allclose(log_det, np.log(slopes), atol=1e-9)


def test_gradient_survives_on_knots():
    # At the identity the values 1.25 k are knots, and 0.625 (2 k + 1) the middle of bins.
    raw = tf.zeros([23], tf.float64)
    x = tf.constant(np.arange(-8, 9) * 0.625)
    for direction in ("inverse", "forward"):
        bijector = RationalQuadraticSpline().bijector(raw)
        with tf.GradientTape() as tape:
            tape.watch(x)
            result = getattr(bijector, direction)(x)
        np.testing.assert_allclose(tape.gradient(result, x), np.ones(17), atol=1e-12)


def test_one_bin_is_the_identity():
    bijector = Spline.from_knots([-1.0, 1.0], [-1.0, 1.0], np.zeros([0]))
    x = np.linspace(-2.0, 2.0, 20)
    np.testing.assert_allclose(bijector.inverse(x), x, atol=1e-15)
    np.testing.assert_allclose(bijector.forward(x), x, atol=1e-15)
    np.testing.assert_allclose(bijector.inverse_log_det_jacobian(x, 0), np.zeros(20), atol=1e-14)


def test_a_spline_drawn_by_hand():
    heights = [np.sqrt(0.5), 2.0 - np.sqrt(0.5)]
    bijector = Spline.from_knots([-1.0, 0.0, 1.0], [-1.0, heights[0] - 1.0, 1.0], [1.0])
    x = tf.constant(np.linspace(-1.05, 1.05, 10))
    with tf.GradientTape() as tape:
        tape.watch(x)
        z = bijector.inverse(x)
    slope = tape.gradient(z, x)
    assert np.all(np.diff(z) > 0.0)
    log_det = bijector.inverse_log_det_jacobian(x, event_ndims=0)
    np.testing.assert_allclose(log_det, np.log(slope), atol=1e-12)
    np.testing.assert_allclose(bijector.inverse(tf.constant([0.0], tf.float64)), [heights[0] - 1.0])
    np.testing.assert_allclose(bijector.forward(tf.identity(z)), x, atol=1e-12)


def test_from_knots_takes_batches_and_refuses_nonsense():
    batch = Spline.from_knots(
        [[-1.0, 0.0, 1.0], [-1.0, 0.5, 1.0]], [-1.0, 0.2, 1.0], [[0.5], [2.0]]
    )
    assert batch.bins == 2 and batch.bound == 1.0
    np.testing.assert_allclose(batch.inverse(np.array([0.0, 0.5])), [0.2, 0.2], atol=1e-12)
    for arguments, message in [
        (([-1.0, 0.0, 1.0], [-1.0, 1.0], [1.0]), "of one size"),
        (([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [1.0, 1.0]), "slopes at the 1 inner"),
        (([-1.0, 2.0, 1.0], [-1.0, 0.0, 1.0], [1.0]), "increasing data_knots"),
        (([-1.0, 0.0, 1.0], [-1.0, -1.0, 1.0], [1.0]), "increasing latent_knots"),
        (([-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [1.0]), "the same box"),
        (([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [0.0]), "positive slopes"),
    ]:
        with pytest.raises(ValueError, match=message):
            Spline.from_knots(*arguments)


@pytest.mark.parametrize(
    ("theta", "slope", "left", "right", "expected"),
    [
        (0.5, 1.0, 1.0, 1.0, 0.5),  # the middle coefficient vanishes
        (0.0, 1.0, 1.0, 1.0, 0.0),
        (1.0, 1.0, 1.0, 1.0, 1.0),
        (0.0, 1e-3, 1e-3, 40.0, 0.0),  # ends of steep bins, where the discriminant is smallest
        (1.0, 1e-3, 40.0, 1e-3, 1.0),
        (0.5, 1e-3, 40.0, 40.0, 0.5),
        (0.5, 1e3, 1e-3, 1e-3, 0.5),
        (0.25, 1.0, 3.0, 1.0, (np.sqrt(4.0 + 0.75) - 2.0) / (np.sqrt(4.0 + 0.75) - 0.5)),
    ],
)
def test_root_is_right_and_differentiable(theta, slope, left, right, expected):
    for dtype, tolerance in ((tf.float64, 1e-14), (tf.float32, 1e-6)):
        inputs = [tf.constant(v, dtype) for v in (theta, slope, left, right)]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            xi, eta = _root(*inputs)
        np.testing.assert_allclose(xi, expected, atol=tolerance)
        np.testing.assert_allclose(xi + eta, 1.0, atol=tolerance)
        assert np.all(np.isfinite(tape.gradient(xi, inputs)))


def test_root_discriminant_cannot_go_negative_in_float32():
    # b^2 - 4 a c of the usual root loses all its digits here and comes out near -3e-5.
    raw = np.zeros([4000, 23])
    rng = np.random.default_rng(3)
    raw[:] = rng.choice([-12.0, -6.0, 0.0, 6.0, 12.0], size=raw.shape)
    raw = tf.constant(raw.astype("float32"))
    bijector = RationalQuadraticSpline().bijector(raw)
    z = tf.constant(rng.uniform(-5.0, 5.0, size=[4000]).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch([z, raw])
        spline = RationalQuadraticSpline().bijector(raw)
        x = spline.forward(z)
        log_det = spline.forward_log_det_jacobian(z, event_ndims=0)
        total = tf.reduce_sum(x) + tf.reduce_sum(log_det)
    for tensor in (x, log_det, *tape.gradient(total, [z, raw])):
        assert np.all(np.isfinite(tensor))
    assert np.all(np.abs(x) <= 5.0 + 1e-5)
    precise = RationalQuadraticSpline().bijector(tf.cast(raw, tf.float64))
    slope = np.exp(precise.forward_log_det_jacobian(tf.cast(z, tf.float64), event_ndims=0))
    error = np.abs(precise.forward(tf.cast(z, tf.float64)) - x.numpy())
    # An error of a few spacings in z is an error of slope times that in x, at most a whole bin.
    assert np.quantile(error / (1e-5 * (1.0 + slope)), 0.995) < 1.0
    np.testing.assert_allclose(bijector.inverse(x), z, atol=1e-2)


@pytest.mark.parametrize("jit", [False, True])
def test_gradients_of_a_mixed_batch_equal_those_of_the_rows_alone(jit):
    x = np.array([0.3, 1e4, -4.9, -1e4, 5.0, -5.0, 6.0, 1e30], "float32")
    raw = (30.0 * RNG.choice([-1.0, 1.0], size=[8, 23])).astype("float32")

    @tf.function(jit_compile=jit)
    def gradients(x, raw, forward):
        with tf.GradientTape() as tape:
            tape.watch([x, raw])
            bijector = RationalQuadraticSpline().bijector(raw)
            if forward:
                y, log_det = bijector.forward(x), bijector.forward_log_det_jacobian(x, 0)
            else:
                y, log_det = bijector.inverse(x), bijector.inverse_log_det_jacobian(x, 0)
            total = tf.reduce_sum(y + log_det)
        return tape.gradient(total, [x, raw])

    for forward in (False, True):
        by_x, by_raw = gradients(tf.constant(x), tf.constant(raw), forward)
        assert np.all(np.isfinite(by_x)) and np.all(np.isfinite(by_raw))
        outside = np.abs(x) > 5.0
        np.testing.assert_array_equal(by_x.numpy()[outside], 1.0)
        np.testing.assert_array_equal(by_raw.numpy()[outside], 0.0)
        for i in np.flatnonzero(~outside)[:2]:
            row = gradients(tf.constant(x[i : i + 1]), tf.constant(raw[i : i + 1]), forward)
            np.testing.assert_allclose(row[0], by_x[i : i + 1], rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(row[1], by_raw[i : i + 1], rtol=1e-4, atol=1e-5)


def test_heavy_tails_in_a_small_box():
    x = np.random.default_rng(4).standard_cauchy([2000, 2]).astype("float32")
    assert np.abs(x).max() > 100.0
    raw = tf.constant(RNG.normal(size=[2, 23]).astype("float32"))
    bijector = RationalQuadraticSpline(bound=3.0).bijector(raw)
    z = bijector.inverse(x)
    outside = np.abs(x) > 3.0
    np.testing.assert_array_equal(z.numpy()[outside], x[outside])
    assert np.all(np.isfinite(bijector.inverse_log_det_jacobian(x, event_ndims=1)))
    np.testing.assert_allclose(bijector.forward(z + 0.0), x, rtol=1e-6, atol=1e-4)


def test_positions_increase_and_ends_are_exact():
    raw = tf.constant([-3.0, -4.0, 5.0, 0.0, 0.0] * 2 + [0.0] * 4, tf.float64)
    bijector = RationalQuadraticSpline(bins=5).bijector(raw)
    grid = np.linspace(-5.0, 5.0, 1001)
    z = bijector.inverse(grid).numpy()
    assert np.all(np.diff(z) > 0.0)
    np.testing.assert_allclose(z[[0, -1]], [-5.0, 5.0], atol=1e-12)


def test_not_a_number_stays_one_and_spoils_no_neighbor():
    raw = tf.constant(RNG.normal(size=[3, 23]))
    z = RationalQuadraticSpline().bijector(raw).inverse(np.array([1.0, np.nan, 2.0]))
    assert np.isnan(z[1]) and np.all(np.isfinite(z.numpy()[[0, 2]]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": 0}, "bins=0: expected a whole number of at least 1"),
        ({"bins": 2.5}, "bins=2.5: expected a whole number"),
        ({"bins": True}, "bins=True"),
        ({"bound": 0.0}, "bound=0.0: expected a positive"),
        ({"bound": -3.0}, "bound=-3.0: expected a positive"),
        ({"bound": float("nan")}, "bound=nan"),
        (
            {"bins": 10, "min_bin": 0.1},
            "min_bin=0.1 with bins=10: expected 0 <= min_bin < 1 / bins",
        ),
        ({"min_bin": -0.1}, "min_bin=-0.1"),
        ({"min_slope": 1.0}, "min_slope=1.0: expected 0 <= min_slope < 1"),
        ({"min_slope": 0.0}, "expected a number above 0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RationalQuadraticSpline(**options)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 22])
def test_bijector_refuses_raw_of_a_wrong_size(size):
    with pytest.raises(ValueError, match=r"3 K - 1\].*got shape"):
        Spline(tf.zeros([2, size]))


def test_no_gather_and_small_graph():
    spec = tf.TensorSpec([None, 4], tf.float32), tf.TensorSpec([None, 4, 23], tf.float32)

    @tf.function(input_signature=spec)
    def score(x, raw):
        with tf.GradientTape() as tape:
            tape.watch(raw)
            log_det = RationalQuadraticSpline().bijector(raw).inverse_log_det_jacobian(x, 1)
        return tape.gradient(log_det, raw)

    kinds = {op.type for op in score.get_concrete_function().graph.get_operations()}
    assert not kinds & {"GatherV2", "GatherNd", "SearchSorted", "UpperBound", "Where", "Cumsum"}
