"""Families against their formulas, written down anew with NumPy and SciPy."""

import math

import numpy as np
import pytest
import scipy.interpolate
import scipy.special
import scipy.stats
import tensorflow as tf

from tfflows import bijectors
from tfflows.univariates import (
    Bernstein,
    CircularShift,
    CubicSpline,
    LinearRationalSpline,
    LinearSpline,
    Moebius,
    QuadraticSpline,
    RationalQuadraticSpline,
    SignedPower,
    SinhArcsinh,
)

RNG = np.random.default_rng(0)


def agree(family, by_hand, raw, x, atol=1e-9):
    """Compare both directions and log-slopes with ``by_hand(x, raw) -> (z, dz/dx)`` of numbers."""
    bijector = family.bijector(tf.constant(raw))
    expected = np.array([by_hand(value, numbers) for value, numbers in zip(x, raw, strict=True)])
    z, slope = expected[:, 0], expected[:, 1]
    np.testing.assert_allclose(bijector.inverse(x), z, rtol=atol, atol=atol)
    log_det = bijector.inverse_log_det_jacobian(x, event_ndims=0)
    np.testing.assert_allclose(log_det, np.log(slope), rtol=atol, atol=10 * atol)
    np.testing.assert_array_less(np.abs(bijector.forward(z) - x), atol * (1.0 + 1.0 / slope))


def fractions(logits, min_bin=1e-3):
    return min_bin + (1.0 - len(logits) * min_bin) * scipy.special.softmax(logits)


def knots(logits, bound=5.0, min_bin=1e-3):
    return np.append(-bound, -bound + 2.0 * bound * np.cumsum(fractions(logits, min_bin)))


def slopes_of(raw, floor=1e-3):
    return floor + (1.0 - floor) * np.logaddexp(0.0, raw) / np.log(2.0)


def bin_of(x, places):
    for k in range(len(places) - 2):
        if x < places[k + 1]:
            return k
    return len(places) - 2


def case(size, count=150, reach=6.5, scale=1.5):
    return RNG.normal(scale=scale, size=[count, size]), RNG.uniform(-reach, reach, size=[count])


def test_linear_spline():
    def by_hand(x, raw):
        if abs(x) > 5.0:
            return x, 1.0
        xs, zs = np.linspace(-5.0, 5.0, len(raw) + 1), knots(raw)
        k = bin_of(x, xs)
        return np.interp(x, xs, zs), (zs[k + 1] - zs[k]) / (xs[k + 1] - xs[k])

    agree(LinearSpline(bins=7), by_hand, *case(7))


def test_quadratic_spline():
    def by_hand(x, raw):
        if abs(x) > 5.0:
            return x, 1.0
        xs = knots(raw[:6])
        inner = slopes_of(raw[6:])
        # The inner slopes have the factor that makes the area below the broken line that of a box.
        triangles = 0.5 * (xs[1] - xs[0] + xs[-1] - xs[-2])
        area = sum(slope * (xs[k + 2] - xs[k]) / 2.0 for k, slope in enumerate(inner))
        slopes = np.concatenate([[1.0], inner * (10.0 - triangles) / area, [1.0]])
        zs = np.append(-5.0, -5.0 + np.cumsum(np.diff(xs) * (slopes[1:] + slopes[:-1]) / 2.0))
        assert abs(zs[-1] - 5.0) < 1e-9
        k = bin_of(x, xs)
        share = (x - xs[k]) / (xs[k + 1] - xs[k])
        slope = slopes[k] + share * (slopes[k + 1] - slopes[k])
        return zs[k] + (x - xs[k]) * (slopes[k] + slope) / 2.0, slope

    agree(QuadraticSpline(bins=6), by_hand, *case(11))


def test_linear_rational_spline():
    def by_hand(x, raw, count=5):
        """Equations 5 to 8 of Dolatabadi et al. 2020, with the weight 1 at the left end."""
        if abs(x) > 5.0:
            return x, 1.0
        xs, ys = knots(raw[:count]), knots(raw[count : 2 * count])
        slopes = np.concatenate([[1.0], slopes_of(raw[2 * count : 3 * count - 1]), [1.0]])
        places = 0.025 + 0.95 * scipy.special.expit(raw[3 * count - 1 :])
        k = bin_of(x, xs)
        phi, place = (x - xs[k]) / (xs[k + 1] - xs[k]), places[k]
        w0, w1 = 1.0, np.sqrt(slopes[k] / slopes[k + 1])
        middle = ((1.0 - place) * w0 * ys[k] + place * w1 * ys[k + 1]) / (
            (1.0 - place) * w0 + place * w1
        )
        wm = (place * w0 * slopes[k] + (1.0 - place) * w1 * slopes[k + 1]) * (
            (xs[k + 1] - xs[k]) / (ys[k + 1] - ys[k])
        )
        if phi <= place:
            bottom = w0 * (place - phi) + wm * phi
            value = (w0 * ys[k] * (place - phi) + wm * middle * phi) / bottom
            slope = place * w0 * wm * (middle - ys[k]) / bottom**2
        else:
            bottom = wm * (1.0 - phi) + w1 * (phi - place)
            value = (wm * middle * (1.0 - phi) + w1 * ys[k + 1] * (phi - place)) / bottom
            slope = (1.0 - place) * wm * w1 * (ys[k + 1] - middle) / bottom**2
        return value, slope / (xs[k + 1] - xs[k])

    agree(LinearRationalSpline(bins=5), by_hand, *case(19), atol=1e-8)


@pytest.mark.parametrize("bins", [1, 4, 8, 11])
def test_linear_rational_spline_has_4_k_minus_1_parameters(bins):
    assert LinearRationalSpline(bins=bins).parameter_size == 4 * bins - 1


def test_cubic_spline():
    def by_hand(x, raw, count=6):
        xs, zs = knots(raw[:count]), knots(raw[count : 2 * count])
        widths, means = np.diff(xs), np.diff(zs) / np.diff(xs)
        slopes = np.zeros(count + 1)
        for k in range(1, count):
            p = (means[k - 1] * widths[k] + means[k] * widths[k - 1]) / (widths[k - 1] + widths[k])
            slopes[k] = 2.0 * min(means[k - 1], means[k], 0.5 * p)
        # The offset at which raw zero is a third of the way to the largest slope.
        offset = scipy.special.logit((1.0 / 3.0 - 1e-3) / 0.998)
        parts = 1e-3 + 0.998 * scipy.special.expit(raw[-2:] + offset)
        slopes[0], slopes[-1] = 3.0 * means[0] * parts[0], 3.0 * means[-1] * parts[1]
        if x < -5.0:
            return -5.0 + slopes[0] * (x + 5.0), slopes[0]
        if x > 5.0:
            return 5.0 + slopes[-1] * (x - 5.0), slopes[-1]
        spline = scipy.interpolate.CubicHermiteSpline(xs, zs, slopes)
        return spline(x), spline(x, 1)

    agree(CubicSpline(bins=6), by_hand, *case(14))


@pytest.mark.parametrize("boundary", ["learned", "circular"])
def test_rational_quadratic_spline_with_other_boundaries(boundary):
    count, bound = 5, 3.0

    def by_hand(x, raw):
        turns = 0.0
        if boundary == "circular":
            turns = 2.0 * bound * math.floor((x + bound) / (2.0 * bound))
            x = x - turns
        xs, zs = knots(raw[:count], bound), knots(raw[count : 2 * count], bound)
        slopes = slopes_of(raw[2 * count :])
        if boundary == "circular":
            slopes = np.append(slopes, slopes[0])
        if x < -bound:
            return -bound + slopes[0] * (x + bound), slopes[0]
        if x > bound:
            return bound + slopes[-1] * (x - bound), slopes[-1]
        k = bin_of(x, xs)
        s = (zs[k + 1] - zs[k]) / (xs[k + 1] - xs[k])
        t = (x - xs[k]) / (xs[k + 1] - xs[k])
        bottom = s + (slopes[k + 1] + slopes[k] - 2.0 * s) * t * (1.0 - t)
        top = (zs[k + 1] - zs[k]) * (s * t**2 + slopes[k] * t * (1.0 - t))
        rise = slopes[k + 1] * t**2 + 2.0 * s * t * (1.0 - t) + slopes[k] * (1.0 - t) ** 2
        return zs[k] + top / bottom + turns, s**2 * rise / bottom**2

    family = RationalQuadraticSpline(bins=count, bound=bound, boundary=boundary)
    assert family.parameter_size == {"learned": 3 * count + 1, "circular": 3 * count}[boundary]
    agree(family, by_hand, *case(family.parameter_size, reach=4.5))


@pytest.mark.parametrize("bounded", [False, True])
def test_bernstein_polynomial(bounded):
    degree, bound = 9, 4.0

    def by_hand(x, raw):
        if bounded:
            inner = 1e-3 + (1.0 - 1e-3) * (degree - 2) * scipy.special.softmax(raw)
            steps = np.concatenate([[1.0], inner, [1.0]]) * 2.0 * bound / degree
            coefficients = np.append(-bound, -bound + np.cumsum(steps))
            assert abs(coefficients[-1] - bound) < 1e-9
        else:
            coefficients = np.append(0.0, np.cumsum(slopes_of(raw[1:]) * 2.0 * bound / degree))
            coefficients += raw[0] - 0.5 * coefficients[-1]
        t = np.clip((x + bound) / (2.0 * bound), 0.0, 1.0)
        value = sum(
            alpha * scipy.special.binom(degree, k) * t**k * (1.0 - t) ** (degree - k)
            for k, alpha in enumerate(coefficients)
        )
        slope = scipy.interpolate.BPoly(coefficients[:, None], [-bound, bound])(
            np.clip(x, -bound, bound), 1
        )
        return value + slope * (x - np.clip(x, -bound, bound)), slope

    family = Bernstein(degree=degree, bound=bound, bounded=bounded)
    agree(family, by_hand, *case(family.parameter_size))


def test_bernstein_of_degree_one_is_affine():
    raw = RNG.normal(size=[50, 2])
    x = RNG.uniform(-9.0, 9.0, size=[50])
    z = Bernstein(degree=1).bijector(tf.constant(raw)).inverse(x)
    np.testing.assert_allclose(z, raw[:, 0] + slopes_of(raw[:, 1]) * x, rtol=1e-12)


def jones_and_pewsey(x, epsilon, delta):
    """The density of the sinh-arcsinh normal distribution as it is printed."""
    s = np.sinh(delta * np.arcsinh(x) - epsilon)
    c = np.cosh(delta * np.arcsinh(x) - epsilon)
    return delta * c / np.sqrt(2.0 * np.pi * (1.0 + x**2)) * np.exp(-(s**2) / 2.0)


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(0.0, 1.0), (0.7, 0.6), (-1.2, 1.5), (0.3, 0.4), (2.0, 2.5)]
)
def test_sinh_arcsinh_has_the_density_of_jones_and_pewsey(epsilon, delta):
    location, scale = 0.7, 1.8
    raw = [
        4.0 * np.arctanh(epsilon / 4.0),
        1.5 * np.arctanh(np.log(delta) / 1.5),
        location,
        7.0 * np.arctanh(np.log(scale) / 7.0),
    ]
    bijector = SinhArcsinh().bijector(tf.constant(raw, tf.float64))
    x = np.linspace(-15.0, 15.0, 4001)
    log_density = scipy.stats.norm.logpdf(bijector.inverse(x))
    log_density += bijector.inverse_log_det_jacobian(x, event_ndims=0)
    expected = jones_and_pewsey((x - location) / scale, epsilon, delta) / scale
    # Quantiles are images of the normal ones.
    quantiles = scipy.stats.norm.ppf([0.01, 0.3, 0.9])
    images = location + scale * np.sinh((np.arcsinh(quantiles) + epsilon) / delta)
    np.testing.assert_allclose(np.exp(log_density), expected, rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(bijector.forward(quantiles), images, rtol=1e-12)


def test_sinh_arcsinh_shape_alone():
    raw = RNG.normal(scale=0.5, size=[40, 2])
    x = RNG.uniform(-6.0, 6.0, size=[40])
    epsilon, delta = 4.0 * np.tanh(raw[:, 0] / 4.0), np.exp(1.5 * np.tanh(raw[:, 1] / 1.5))
    bijector = SinhArcsinh(location_scale=False).bijector(tf.constant(raw))
    z = np.sinh(delta * np.arcsinh(x) - epsilon)
    np.testing.assert_allclose(bijector.inverse(x), z, rtol=1e-12)
    slope = delta * np.cosh(delta * np.arcsinh(x) - epsilon) / np.sqrt(1.0 + x**2)
    log_det = bijector.inverse_log_det_jacobian(x, event_ndims=0)
    np.testing.assert_allclose(log_det, np.log(slope), rtol=1e-9, atol=1e-12)


def test_sinh_arcsinh_continues_in_a_straight_line():
    """Light tails: the latent leaves sinh(10) as a line, where the formula would overflow."""
    family = SinhArcsinh(location_scale=False)
    bijector = family.bijector(tf.constant([[0.3, 30.0]]))
    delta = np.exp(1.5)
    start = np.sinh((10.0 + 0.3) / delta)
    x = np.array([[0.9 * start], [1.1 * start], [2.0 * start], [1e9]], "float32")
    z = bijector.inverse(x).numpy().ravel()
    slope = delta * np.cosh(10.0) / np.sqrt(1.0 + start**2)
    expected = np.sinh(10.0) + slope * (x.ravel() - start)
    np.testing.assert_allclose(z[1:], expected[1:], rtol=1e-2)
    assert abs(z[0] / np.sinh(delta * np.arcsinh(x[0, 0]) - 0.3) - 1.0) < 1e-2
    np.testing.assert_allclose(bijector.forward(tf.constant(z[:, None])), x, rtol=1e-5)


def test_signed_power():
    raw = RNG.normal(size=[60, 1])
    x = RNG.uniform(-7.0, 7.0, size=[60])
    power = np.exp(2.0 * np.tanh(raw[:, 0] / 2.0))
    bijector = SignedPower().bijector(tf.constant(raw))
    z = np.sign(x) * np.abs(x) ** (1.0 / power)
    np.testing.assert_allclose(bijector.inverse(x), z, rtol=1e-12)
    np.testing.assert_allclose(bijector.forward(z), x, rtol=1e-12)
    log_det = np.log(power) + (power - 1.0) * np.log(np.abs(z))
    np.testing.assert_allclose(bijector.forward_log_det_jacobian(z, 0), log_det, rtol=1e-9)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_signed_powers_beyond_float32_are_its_largest_numbers(direction):
    log_power = np.array([[-2.0], [-0.5], [0.0], [0.5], [2.0]])
    x = np.append(10.0 ** np.arange(-37, 39), np.finfo("float32").max)
    bijector = bijectors.SignedPower(tf.constant(log_power, "float32"))
    values, slopes, gradients = [], [], []
    for edge in ((), (np.inf,)):
        given = tf.constant(-np.append(x, edge), "float32")
        with tf.GradientTape() as tape:
            tape.watch(given)
            values.append(getattr(bijector, direction)(given))
            slopes.append(getattr(bijector, f"{direction}_log_det_jacobian")(given, 0))
            total = tf.reduce_sum(slopes[-1])
        gradients.append(tape.gradient(total, given))
    sign = 1.0 if direction == "forward" else -1.0
    log_value = np.exp(sign * log_power) * np.log(x)  # in float64
    log_largest = np.log(np.finfo("float32").max)
    normal = log_value > -87.0  # smaller ones are flushed to zero
    np.testing.assert_allclose(
        np.where(normal, values[0], 0.0),
        np.where(normal, -np.exp(np.minimum(log_value, log_largest)), 0.0),
        rtol=2e-4,
    )
    assert np.all(np.abs(np.where(normal, 0.0, values[0])) < 2e-38)
    expected = sign * log_power + np.expm1(sign * log_power) * np.log(x)
    np.testing.assert_allclose(slopes[0], expected, rtol=2e-6, atol=2e-6)
    for results in (values, slopes, gradients):
        assert np.isfinite(results[1]).all()
        np.testing.assert_allclose(results[0], results[1][..., :-1], rtol=1e-5)
    np.testing.assert_allclose(values[1][:, -1], values[1][:, -2], rtol=2e-4)


def test_signed_power_of_zero_is_zero():
    bijector = SignedPower().bijector(tf.constant([[-30.0], [0.5], [30.0]]))
    for direction in ("forward", "inverse"):
        zeros = tf.zeros([3])
        np.testing.assert_array_equal(getattr(bijector, direction)(zeros), np.zeros(3))
        log_det = getattr(bijector, f"{direction}_log_det_jacobian")(zeros, event_ndims=0)
        assert np.all(np.isfinite(log_det))


def test_circular_shift():
    raw = RNG.normal(scale=5.0, size=[200, 1])
    x = RNG.uniform(-180.0, 180.0, size=[200])
    bijector = CircularShift(bound=180.0).bijector(tf.constant(raw))
    z = bijector.inverse(x).numpy()
    assert np.all((z >= -180.0) & (z < 180.0))
    angle = np.exp(1j * (np.deg2rad(x) - raw[:, 0]))
    np.testing.assert_allclose(np.exp(1j * np.deg2rad(z)), angle, atol=1e-12)
    np.testing.assert_array_equal(bijector.inverse_log_det_jacobian(x, 0), np.zeros(200))


def test_circular_shift_stays_on_the_half_open_circle_in_float32():
    x = np.nextafter(np.float32(-np.pi), np.float32([-10.0, 10.0]))
    x = np.concatenate([x, np.float32([-np.pi, np.pi, 3e-8 - np.pi, 1e4, -1e4])])
    for shift in (0.0, 1e-9, -1e-9, 1e-3, np.pi):
        bijector = CircularShift().bijector(tf.constant([shift], tf.float32))
        for direction in ("forward", "inverse"):
            result = getattr(bijector, direction)(x).numpy()
            assert np.all((result >= np.float32(-np.pi)) & (result < np.float32(np.pi)))


def moebius_by_hand(x, center, bound=math.pi):
    """The transformation of Rezende et al. 2020 on complex numbers, turned to keep -1 in place."""

    def h(z):
        return (1.0 - abs(center) ** 2) / abs(z - center) ** 2 * (z - center) - center

    z = np.exp(1j * np.pi * x / bound)
    image = -h(z) / h(-1.0 + 0.0j)
    return np.angle(image) * bound / np.pi, (1.0 - abs(center) ** 2) / abs(z - center) ** 2


def center_of(pair, max_radius=0.99):
    return max_radius * complex(*pair) / np.sqrt(1.0 + pair @ pair)


def test_moebius():
    def by_hand(x, raw):
        return moebius_by_hand(x, center_of(raw), 180.0)

    raw, _ = case(2)
    agree(Moebius(bound=180.0), by_hand, raw, RNG.uniform(-179.0, 179.0, size=[150]))


def test_average_of_moebius_transformations():
    count = 4

    def by_hand(x, raw):
        weights = scipy.special.softmax(raw[2 * count :])
        values, slopes = [], []
        for k in range(count):
            angle = 2.0 * np.pi * (k + 0.5) / count
            pair = np.array([raw[k], raw[count + k]])
            center = center_of(pair + 0.5 * np.array([np.cos(angle), np.sin(angle)]))
            value, slope = moebius_by_hand(x, center)
            values.append(value)
            slopes.append(slope)
        return weights @ values, weights @ slopes

    agree(Moebius(components=count), by_hand, *case(3 * count, count=80, reach=3.0))


@pytest.mark.parametrize(
    "family",
    [
        RationalQuadraticSpline(bins=5, bound=math.pi, boundary="circular"),
        Moebius(),
        Moebius(components=3),
    ],
    ids=repr,
)
def test_circular_families_close_the_circle(family):
    """The ends of the interval are one point with one slope, and values beyond are its names."""
    bijector = family.bijector(tf.constant(RNG.normal(size=[40, family.parameter_size])))
    x = RNG.uniform(-math.pi, math.pi, size=[40])
    ends = [tf.fill([40], tf.constant(end, tf.float64)) for end in (-math.pi, math.pi)]
    np.testing.assert_allclose(bijector.inverse(ends[0]), -math.pi, atol=1e-9)
    np.testing.assert_allclose(bijector.inverse(ends[1]), math.pi, atol=1e-9)
    slopes = [bijector.inverse_log_det_jacobian(end, event_ndims=0) for end in ends]
    inside = bijector.inverse_log_det_jacobian(ends[1] - 1e-7, event_ndims=0)
    np.testing.assert_allclose(slopes[0], slopes[1], atol=1e-9)
    np.testing.assert_allclose(inside, slopes[0], atol=1e-4)
    for turns in (-2.0, 1.0, 50.0):
        around = x + turns * 2.0 * math.pi
        z = bijector.inverse(tf.constant(around))
        np.testing.assert_allclose(z, bijector.inverse(x) + turns * 2.0 * math.pi, atol=1e-9)
        np.testing.assert_allclose(bijector.forward(tf.identity(z)), around, atol=1e-9)
    assert family.period == pytest.approx(2.0 * math.pi)


@pytest.mark.parametrize(
    "family",
    [
        LinearSpline(bins=4, bound=3.0),
        QuadraticSpline(bins=4, bound=3.0),
        LinearRationalSpline(bins=4, bound=3.0),
        CubicSpline(bins=4, bound=3.0),
        RationalQuadraticSpline(bins=4, bound=3.0, boundary="learned"),
    ],
    ids=lambda family: type(family).__name__,
)
def test_splines_keep_the_ends_of_the_box_and_are_straight_outside(family):
    bijector = family.bijector(tf.constant(RNG.normal(scale=2.0, size=[50, family.parameter_size])))

    def at(value):
        x = tf.fill([50], tf.constant(value, tf.float64))
        return bijector.inverse(x).numpy(), bijector.inverse_log_det_jacobian(x, 0).numpy()

    for end in (-3.0, 3.0):
        np.testing.assert_allclose(at(end)[0], end, atol=1e-9)
        slope = np.exp(at(1.5 * end)[1])
        np.testing.assert_allclose(at(1e4 * end)[0], end + slope * (1e4 * end - end), rtol=1e-9)
        if not isinstance(family, LinearSpline):
            np.testing.assert_allclose(at(end * (1.0 - 1e-12))[1], np.log(slope), atol=1e-5)


def test_boundaries_agree_where_they_overlap():
    """Learned ends at slope 1 and a circle whose ends have slope 1 are the fixed spline."""
    raw, x = case(11, reach=5.0)
    fixed = RationalQuadraticSpline(bins=4).bijector(tf.constant(raw))
    zero = np.zeros([150, 1])
    learned = np.concatenate([raw[:, :8], zero, raw[:, 8:], zero], 1)
    circular = np.concatenate([raw[:, :8], zero, raw[:, 8:]], 1)
    for boundary, numbers in (("learned", learned), ("circular", circular)):
        other = RationalQuadraticSpline(bins=4, boundary=boundary).bijector(tf.constant(numbers))
        np.testing.assert_allclose(other.inverse(x), fixed.inverse(x), atol=1e-12)
        np.testing.assert_allclose(other.forward(x), fixed.forward(x), atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: QuadraticSpline(bins=1), "bins=1: expected a whole number of at least 2"),
        (lambda: CubicSpline(bins=1), "at least 2"),
        (lambda: LinearSpline(bins=0), "at least 1"),
        (lambda: LinearSpline(min_bin=0.2), "min_bin=0.2 with bins=8"),
        (lambda: LinearRationalSpline(min_split=0.5), "min_split=0.5: expected 0 <= min_split"),
        (lambda: LinearRationalSpline(min_split=0.0), "min_split=0.0: expected a number above 0"),
        (lambda: QuadraticSpline(min_slope=1.0), "min_slope=1.0: expected 0 <= min_slope < 1"),
        (lambda: CubicSpline(bound=-1.0), "bound=-1.0: expected a positive"),
        (lambda: RationalQuadraticSpline(boundary="periodic"), "boundary='periodic': expected one"),
        (lambda: Bernstein(degree=0), "degree=0: expected a whole number from 1 to 64"),
        (lambda: Bernstein(degree=3, bounded=True), "from 4 to 64 for a bounded"),
        (lambda: Bernstein(degree=65), "degree=65"),
        (lambda: SinhArcsinh(log_tail_bound=2.0), "log_tail_bound=2.0: expected at most 1.5"),
        (lambda: SinhArcsinh(skewness_bound=0.0), "skewness_bound=0.0: expected a positive"),
        (lambda: SignedPower(log_power_bound=3.0), "expected at most 2"),
        (lambda: CircularShift(bound=0.0), "bound=0.0: expected a positive"),
        (lambda: Moebius(max_radius=1.0), "max_radius=1.0: expected 0 < max_radius < 1"),
        (lambda: Moebius(components=0), "components=0: expected a whole number"),
    ],
)
def test_bad_options_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
