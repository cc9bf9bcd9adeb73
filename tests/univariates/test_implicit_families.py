"""Every promise of a univariate family, for those that are inverted by a root search."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfflows import bijectors, layers
from tfflows.univariates import (
    Affine,
    DeepDenseSigmoidal,
    DeepSigmoidal,
    Gaussianization,
    MixtureOfLogistics,
    Monotone,
    SumOfSquares,
    UnconstrainedMonotonic,
)

from . import references
from .properties import CHECKS, Subject


@keras.saving.register_keras_serializable(package="tests")
def bend(x, raw):
    straight, bent = (tf.exp(2.0 * tf.tanh(raw[..., i] / 2.0)) for i in (0, 1))
    return straight * x + bent * tf.tanh(x + 0.3) + raw[..., 2]


def built(family):
    family.build((3,))
    return family


FAMILIES = {
    "sum_of_squares": (
        SumOfSquares(polynomials=2, degree=3),
        lambda x, raw: references.sum_of_squares(x, raw, 2),
    ),
    "deep_sigmoidal": (
        DeepSigmoidal(units=3, layers=2),
        lambda x, raw: references.deep_sigmoidal(x, raw, 2),
    ),
    "deep_dense_sigmoidal": (
        DeepDenseSigmoidal(units=3, layers=2),
        lambda x, raw: references.deep_dense_sigmoidal(x, raw, 3, 2),
    ),
    "gaussianization": (Gaussianization(components=3), references.gaussianization),
    "gaussianization_normal": (
        Gaussianization(components=3, kernel="normal"),
        lambda x, raw: references.gaussianization(x, raw, "normal"),
    ),
    "mixture_of_logistics": (MixtureOfLogistics(components=3), references.mixture_of_logistics),
    "monotone": (Monotone(bend, 3), references.monotone),
    "unconstrained_monotonic": (
        built(UnconstrainedMonotonic(embedding=3, hidden_units=(6, 6), nodes=40)),
        lambda x, raw: references.unconstrained_monotonic(
            x, raw, FAMILIES["unconstrained_monotonic"][0]
        ),
    ),
}


# Families that are computed alike share the checks that take long.
ALIKE = ("gaussianization_normal", "mixture_of_logistics", "deep_sigmoidal")
COSTLY = ("compiled", "batch_is_a_loop", "unknown_batch")


def _cases():
    for name, check in itertools.product(FAMILIES, CHECKS):
        promise = check.__name__.removeprefix("check_")
        # The start is compared with the formula below.
        if promise == "start" or (name in ALIKE and promise in COSTLY):
            continue
        # Compiling takes longest, and the root search is one for all families.
        rare = promise == "compiled" and name not in ("sum_of_squares", "deep_sigmoidal")
        mark = pytest.mark.exhaustive if rare else pytest.mark.slow
        marks = [mark] if promise in COSTLY else []
        yield pytest.param(name, check, id=f"{name}-{promise}", marks=marks)


@pytest.mark.parametrize(("name", "check"), list(_cases()))
def test_property(name, check):
    check(Subject(FAMILIES[name][0]))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("scale", [0.0, 0.7, 1.5])
def test_agrees_with_an_independent_formula(name, scale):
    family, reference = FAMILIES[name]
    raw = np.random.default_rng(3).normal(scale=scale, size=family.parameter_size)
    x = np.linspace(-6.5, 6.5, 53)
    z = family.bijector(tf.constant(raw)).inverse(tf.constant(x))
    np.testing.assert_allclose(z, reference(x, raw), rtol=1e-7, atol=1e-7)
    single = family.bijector(tf.constant(raw.astype("float32"))).inverse(x.astype("float32"))
    np.testing.assert_allclose(single, z, rtol=1e-5, atol=3e-5)


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"monotone"}))
def test_starts_near_the_identity(name):
    family = FAMILIES[name][0]
    x = np.linspace(-3.0, 3.0, 61)
    bijector = family.bijector(tf.zeros([family.parameter_size], tf.float64))
    # The logistic kernel of a Gaussianization maps tails to square roots; in a deep family the
    # middle of each layer is a little flatter than its tails.
    farther = {"gaussianization": 0.25, "deep_sigmoidal": 0.2, "deep_dense_sigmoidal": 0.3}
    np.testing.assert_allclose(bijector.inverse(x), x, atol=farther.get(name, 0.15))


def _pair(bijector, x):
    return bijector.inverse(x), bijector.inverse_log_det_jacobian(x, event_ndims=0)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_root_search_leaves_no_residual(name, dtype):
    family = FAMILIES[name][0]
    rng = np.random.default_rng(6)
    raw = tf.constant(rng.normal(scale=2.0, size=[400, family.parameter_size]).astype(dtype))
    z = rng.normal(scale=3.0, size=400)
    z[:4] = [1e4, -1e4, 0.0, 1e-6]
    z = tf.constant(z.astype(dtype))
    x = family.bijector(raw).forward(z)
    back, log_slope = _pair(family.bijector(raw), tf.identity(x))
    scale = np.maximum(1.0, np.abs(z))
    if dtype == "float64":
        np.testing.assert_array_less(np.abs(back - z), 1e-12 * scale)
        return
    # The nearest float32 to the root is off by up to 6e-8 |x|, and so is the distance to a part of
    # the map that lies a few units from zero: latents differ by their slope times that.
    scale = np.maximum(scale, np.exp(log_slope) * (1.0 + np.abs(x)))
    np.testing.assert_array_less(np.abs(back - z), 1e-6 * scale)


CLUSTERS = np.random.default_rng(0)
CLUSTERS = np.where(CLUSTERS.random(800) < 0.5, -2.0, 2.0) + 0.25 * CLUSTERS.normal(size=800)
CLUSTERS = tf.constant(CLUSTERS[:, None].astype("float32"))

#: The raw parameters of each part, one row for each.
PARTS = {
    "sum_of_squares": (SumOfSquares(), lambda raw: raw[:-1].reshape(3, -1)),
    "deep_sigmoidal": (
        DeepSigmoidal(layers=2),
        lambda raw: raw.reshape(2, 3, 8).transpose(0, 2, 1).reshape(16, 3),
    ),
    "deep_dense_sigmoidal": (
        DeepDenseSigmoidal(),
        lambda raw: np.concatenate(
            [
                np.column_stack([raw[:4], raw[4:8], raw[8:24].reshape(4, 4).T]),
                np.column_stack([raw[24:28], raw[28:32], raw[36:52].reshape(4, 4)]),
            ]
        ),
    ),
    "gaussianization": (Gaussianization(), lambda raw: raw.reshape(3, 8).T),
    "gaussianization_normal": (Gaussianization(kernel="normal"), lambda raw: raw.reshape(3, 8).T),
    "mixture_of_logistics": (MixtureOfLogistics(), lambda raw: raw[:-2].reshape(3, 8).T),
    "unconstrained_monotonic": (UnconstrainedMonotonic(nodes=12, hidden_units=(16, 16)), None),
}


def trained(layer, steps=200):
    """Train on the clusters; return the last loss and the largest gradient of every weight."""
    layer.build((1,))
    weights = layer.trainable_weights
    optimizer = keras.optimizers.Adam(0.05)

    @tf.function(jit_compile=True)
    def loss_and_gradients():
        with tf.GradientTape() as tape:
            bijector = layer.bijector()
            z = bijector.inverse(CLUSTERS)
            log_det = bijector.inverse_log_det_jacobian(CLUSTERS, event_ndims=1)
            log_normal = -0.5 * tf.reduce_sum(z**2, -1) - 0.5 * np.log(2.0 * np.pi)
            loss = -tf.reduce_mean(log_normal + log_det)
        return loss, tape.gradient(loss, [weight.value for weight in weights])

    largest = [np.zeros(weight.shape) for weight in weights]
    for _ in range(steps):
        loss, gradients = loss_and_gradients()
        largest = [
            np.maximum(old, np.abs(new)) for old, new in zip(largest, gradients, strict=True)
        ]
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
    return float(loss), largest


@pytest.fixture(scope="module")
def affine_loss():
    return trained(layers.Elementwise(Affine()))[0]


@pytest.mark.parametrize("name", PARTS)
def test_parts_come_apart(name, affine_loss):
    family, parts = PARTS[name]
    layer = layers.Elementwise(family)
    loss, largest = trained(layer)
    assert loss < affine_loss - 0.5
    for gradient in largest:
        assert np.all(np.isfinite(gradient)) and np.all(gradient > 0.0)
    if parts is not None:
        rows = parts(layer.raw.value.numpy()[0])
        for one, other in itertools.combinations(rows, 2):
            assert np.abs(one - other).max() > 1e-2
    else:
        kernel = family.weights[0].numpy()
        for one, other in itertools.combinations(kernel.T, 2):
            assert np.abs(one - other).max() > 1e-2


def test_equal_parts_would_stay_equal():
    """The fixed constants are what keeps components apart: without them they are one."""

    class Same(bijectors.MixtureOfLogistics):
        SHARE = 0.0

    raw = tf.Variable(tf.zeros([14]))
    for _ in range(20):
        with tf.GradientTape() as tape:
            bijector = Same(raw)
            z, log_det = bijector.inverse(CLUSTERS), bijector.inverse_log_det_jacobian(CLUSTERS, 0)
            loss = tf.reduce_mean(0.5 * z**2 - log_det)
        raw.assign_sub(0.1 * tape.gradient(loss, raw))
    parts = raw.numpy()[:12].reshape(3, 4)
    assert np.abs(raw.numpy()).max() > 0.05
    np.testing.assert_allclose(parts, parts[:, [1, 2, 3, 0]], atol=1e-5)


@pytest.mark.parametrize(
    ("nodes", "growth", "largest"),
    [(8, 1.0, 3e-7), (8, 3.0, 0.03), (20, 3.0, 5e-4), (32, 1.0, 1e-13), (32, 3.0, 1e-5)],
)
def test_quadrature_is_as_exact_as_documented(nodes, growth, largest):
    family, exact = UnconstrainedMonotonic(nodes=nodes), UnconstrainedMonotonic(nodes=200)
    rng = np.random.default_rng(0)
    raw = tf.constant(rng.normal(size=[500, family.parameter_size]))
    x = tf.constant(rng.uniform(-5.0, 5.0, size=500))
    for one in (family, exact):
        one.build((1,), "float64")
        for kernel in one.weights[0::2]:
            kernel.assign(growth * kernel)
    error = np.abs(family.bijector(raw).inverse(x) - exact.bijector(raw).inverse(x)).max()
    assert error < largest
    # Few nodes do make an error: the measurement sees it.
    assert nodes == 32 or error > 1e-3 * largest


def test_the_default_quadrature_is_the_one_with_a_margin():
    assert UnconstrainedMonotonic().nodes == 32


def test_log_determinant_of_the_quadrature_is_the_log_integrand():
    family = FAMILIES["unconstrained_monotonic"][0]
    raw = np.random.default_rng(2).normal(size=4)
    step = 1e-5
    by_hand = np.diff(references.unconstrained_monotonic([1.3 - step, 1.3 + step], raw, family))
    log_det = family.bijector(tf.constant(raw)).inverse_log_det_jacobian(
        tf.constant(1.3, tf.float64), event_ndims=0
    )
    np.testing.assert_allclose(log_det, np.log(by_hand[0] / (2.0 * step)), atol=1e-7)


@pytest.mark.parametrize("structure", ["Elementwise", "MaskedAutoregressive", "Coupling"])
def test_a_layer_builds_and_owns_the_network_of_its_family(structure):
    family = UnconstrainedMonotonic(embedding=2, hidden_units=(4,), nodes=8)
    layer = getattr(layers, structure)(family, hidden_units=(6,), dtype="float64")
    layer.build((2,))
    owned = {weight.path for weight in family.trainable_weights}
    assert len(owned) == 4
    assert owned <= {weight.path for weight in layer.trainable_weights}
    assert {weight.dtype for weight in layer.trainable_weights} == {"float64"}
    again = type(layer).from_config(layer.get_config())
    again.build((2,))
    again.set_weights(layer.get_weights())
    x = tf.constant([[0.3, -0.2], [1.0, 2.0]], tf.float64)
    np.testing.assert_array_equal(again(x), layer(x))
    variables = [weight.value for weight in layer.trainable_weights]
    with tf.GradientTape() as tape:
        points = layer.bijector().forward(x)
    gradients = tape.gradient(points, variables)
    for weight, gradient in zip(layer.trainable_weights, gradients, strict=True):
        if weight.path in owned:
            assert gradient is not None and np.all(np.isfinite(gradient)), weight.path


def test_a_family_that_is_not_built_says_so():
    with pytest.raises(ValueError, match=r"owns a network.*call `univariate\.build"):
        UnconstrainedMonotonic().bijector(tf.zeros([9]))


def test_monotone_refuses_what_is_no_increasing_function():
    with pytest.raises(TypeError, match="expected a callable"):
        Monotone(3, 1)
    with pytest.raises(ValueError, match="must increase in x"):
        Monotone(lambda x, raw: raw[..., 0] * x, 1)
    with pytest.raises(ValueError, match="must return values of the shape of x"):
        Monotone(lambda x, raw: tf.reduce_sum(x, -1), 1)
    with pytest.raises(ValueError, match="parameter_size=0"):
        Monotone(lambda x, raw: x, 0)
    slope = tf.Variable(1.0, name="slope")
    family = Monotone(lambda x, raw: slope * x + raw[..., 0], 1)
    with pytest.raises(ValueError, match=r"reads trainable variables \(slope"):
        family.bijector(tf.zeros([1])).inverse(tf.zeros([1]))


def test_both_sides_of_a_far_value_are_exact():
    """Tails are straight lines of known slopes, in float32, ten thousand units out."""
    raw = np.zeros(9, "float32")
    for kernel, expected in (("normal", 1e4 / np.sqrt(0.7)), ("logistic", None)):
        bijector = bijectors.Gaussianization(raw, kernel=kernel, min_slope=0.0)
        z = bijector.inverse(tf.constant([-1e4, 1e4]))
        np.testing.assert_allclose(z[0], -z[1], rtol=1e-6)
        if expected is None:
            rate = np.pi / np.sqrt(3.0) / np.sqrt(0.7)
            expected = np.sqrt(2.0 * rate * 1e4)
        np.testing.assert_allclose(z[1], expected, rtol=2e-3)
        log_det = bijector.inverse_log_det_jacobian(tf.constant([-1e4, 1e4]), event_ndims=0)
        slope = 1.0 / np.sqrt(0.7) if kernel == "normal" else rate / expected
        np.testing.assert_allclose(log_det, [np.log(slope)] * 2, atol=2e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: SumOfSquares(polynomials=0),
            "polynomials=0: expected a whole number of at least 1",
        ),
        (lambda: SumOfSquares(degree=0), "degree=0: expected a whole number of at least 1"),
        (lambda: SumOfSquares(bound=-1.0), "bound=-1.0: expected a positive finite number"),
        (lambda: SumOfSquares(min_slope=0.0), "min_slope=0.0: expected a number above 0"),
        (lambda: DeepSigmoidal(units=1), "units=1: expected a whole number of at least 2"),
        (lambda: DeepSigmoidal(layers=0), "layers=0: expected a whole number of at least 1"),
        (lambda: DeepDenseSigmoidal(units=1.5), "units=1.5: expected a whole number of at least 2"),
        (lambda: Gaussianization(components=1), "components=1: expected a whole number"),
        (lambda: Gaussianization(kernel="cauchy"), "kernel='cauchy': expected one of 'logistic'"),
        (lambda: MixtureOfLogistics(min_slope=1.0), "min_slope=1.0: expected 0 <= min_slope < 1"),
        (lambda: MixtureOfLogistics(log_scale_bound=0.0), "log_scale_bound=0.0: expected a pos"),
        (lambda: UnconstrainedMonotonic(nodes=1), "nodes=1: expected a whole number of at least 2"),
        (lambda: UnconstrainedMonotonic(hidden_units=()), "at least one hidden layer"),
        (lambda: bijectors.SumOfSquares(tf.zeros([8]), polynomials=2), r"got shape \(8,\)"),
        (lambda: bijectors.DeepSigmoidal(tf.zeros([5])), r"got shape \(5,\)"),
        (lambda: bijectors.Gaussianization(tf.zeros([7])), r"got shape \(7,\)"),
        (lambda: bijectors.MixtureOfLogistics(tf.zeros([7])), r"got shape \(7,\)"),
    ],
)
def test_bad_options_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
