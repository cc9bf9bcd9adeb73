"""The promises of a univariate family, each a function of a family that raises when it is broken.

``for check in CHECKS: check(Subject(family))`` runs them all. A `Subject` adds to the family what
cannot be read off it: where its data and latents live, whether raw zeros are the identity, how
wild raw numbers may be. Everything is seeded.
"""

import dataclasses
import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfflows.univariates import Univariate


@dataclasses.dataclass(frozen=True)
class Subject:
    """A family and what the suite must know about it.

    Attributes
    ----------
    family : Univariate
        The family under test.
    data : tuple of float
        Data values are drawn uniformly from this interval.
    support : tuple of float
        Data values outside it are not in the range of the bijector.
    latent_support : tuple of float
        The same for latent values.
    raw_scale : float
        Standard deviation of the raw numbers drawn.
    wild_raw : float
        Size of the raw numbers of the finiteness test.
    wild_value : float
        Size of the values of the finiteness test.
    start : callable, optional
        The documented map data to latent at raw zeros; the identity unless given.
    round_trip : float
        Tolerated error of a round trip in float64, as a multiple of 1e-9.
    single : float
        Tolerated error of a round trip in float32, as a multiple of the spacing of the floats.
    gradient : float
        Tolerated relative error of the gradients of the direction that is not direct.
    log_det : float
        Tolerated error of log-determinants in float64.
    turns : float, optional
        Numbers that differ by this much are one point, because the family turns a circle.
    asleep : tuple of int
        Raw parameters that have no gradient at the start, as the family documents.
    """

    family: Univariate
    data: tuple = (-7.0, 7.0)
    support: tuple = (-math.inf, math.inf)
    latent_support: tuple = (-math.inf, math.inf)
    raw_scale: float = 1.0
    wild_raw: float = 30.0
    wild_value: float = 1e4
    start: object = None
    round_trip: float = 1.0
    single: float = 16.0
    gradient: float = 1e-6
    log_det: float = 1e-8
    turns: float | None = None
    asleep: tuple = ()

    def raw(self, *batch, dtype="float64", scale=None, seed=1):
        """Raw numbers [*batch, P]."""
        scale = self.raw_scale if scale is None else scale
        shape = [*batch, self.family.parameter_size]
        values = np.random.default_rng(seed).normal(scale=scale, size=shape)
        return tf.constant(values.astype(dtype))

    def x(self, *batch, dtype="float64", seed=2):
        """Data values of the given shape."""
        values = np.random.default_rng(seed).uniform(*self.data, size=batch)
        return tf.constant(values.astype(dtype))

    def distance(self, one, other):
        """How far apart values are."""
        apart = np.abs(np.asarray(one) - np.asarray(other))
        return apart if self.turns is None else np.minimum(apart, np.abs(apart - self.turns))

    def unwrapped(self, values):
        """Values along the first axis without the jumps of a circle."""
        values = np.asarray(values)
        return values if self.turns is None else np.unwrap(values, axis=0, period=self.turns)


def _both(bijector, direction, values):
    log_det = getattr(bijector, f"{direction}_log_det_jacobian")(values, event_ndims=0)
    return getattr(bijector, direction)(values), log_det


def _pair(subject, direction):
    """The function (values, raw) -> (result, elementwise log-determinant) of a direction."""

    def function(values, raw):
        return _both(subject.family.bijector(raw), direction, values)

    return function


def _gradients(function, inputs, weights):
    with tf.GradientTape() as tape:
        for tensor in inputs:
            tape.watch(tensor)
        loss = tf.add_n(
            [tf.reduce_sum(w * y) for w, y in zip(weights, function(*inputs), strict=True)]
        )
    return tape.gradient(loss, inputs, unconnected_gradients="zero")


def check_round_trip(subject):
    """Data -> latent -> data and latent -> data -> latent give back what went in, in float64."""
    for scale in (subject.raw_scale, 3.0 * subject.raw_scale):
        raw = subject.raw(500, 3, scale=scale)
        bijector = subject.family.bijector(raw)
        x = subject.x(500, 3)
        z = bijector.inverse(x)
        # TFP remembers where z came from; the identity breaks the memory.
        back = bijector.forward(tf.identity(z))
        slope = tf.exp(-bijector.inverse_log_det_jacobian(x, event_ndims=0))
        tolerance = 1e-9 * subject.round_trip * (1.0 + 1e-3 * slope)
        np.testing.assert_array_less(subject.distance(back, x), tolerance)
        again = bijector.inverse(tf.identity(back))
        tolerance = 1e-9 * subject.round_trip * (1.0 + 1e-3 / slope)
        np.testing.assert_array_less(subject.distance(again, z), tolerance)


def check_round_trip_float32(subject):
    """The float32 round trip errs by no more than rounding the latent value explains.

    Where the latent moves little with the data, the latent's own rounding is a large step in the
    data, for an exact algorithm too; so the tolerance follows the slope.
    """
    for scale in (subject.raw_scale, 3.0 * subject.raw_scale):
        raw = subject.raw(2000, 3, dtype="float32", scale=scale)
        bijector = subject.family.bijector(raw)
        x = subject.x(2000, 3, dtype="float32")
        z, log_slope = _both(bijector, "inverse", x)
        # TFP remembers where z came from; the identity breaks the memory.
        back = bijector.forward(tf.identity(z))
        assert z.dtype == back.dtype == tf.float32
        largest = np.maximum(np.abs(subject.data).max(), np.abs(z.numpy()))
        error = subject.distance(back.numpy().astype("float64"), x)
        allowed = np.finfo("float32").eps * largest * (1.0 + np.exp(-log_slope.numpy()))
        ratio = error / (subject.single * allowed)
        assert np.quantile(ratio, 0.999) < 1.0, (scale, np.quantile(ratio, [0.5, 0.9, 0.99, 0.999]))
        if scale == subject.raw_scale:
            assert np.quantile(error, 0.95) < 1e-4, np.quantile(error, [0.5, 0.9, 0.95, 0.99])


def check_far_out_float32(subject):
    """Far from the data, where numbers are large, log-slopes keep the precision of the type."""
    raw = tf.cast(subject.raw(50, 1, dtype="float32"), tf.float64)
    signs = np.random.default_rng(3).choice([-1.0, 1.0], size=(50, 1))
    for far in (1e2, 1e4, 1e6):
        circle = subject.family.period is not None
        if circle or not subject.support[0] < -2.0 * far < 2.0 * far < subject.support[1]:
            continue  # of a point that has gone around a circle, the turns are what is large
        x = tf.constant(far * signs, tf.float64) * tf.abs(subject.x(50, 1) + 10.0) / 10.0
        x = tf.cast(tf.cast(x, tf.float32), tf.float64)
        exact = subject.family.bijector(raw).inverse_log_det_jacobian(x, event_ndims=0)
        single = subject.family.bijector(tf.cast(raw, tf.float32))
        found = single.inverse_log_det_jacobian(tf.cast(x, tf.float32), event_ndims=0)
        np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-4, err_msg=f"at {far:g}")


def check_log_det(subject):
    """Elementwise log-determinants equal autodiff, both directions, float64 and float32."""
    for direction, (dtype, tolerance) in itertools.product(
        ("inverse", "forward"), (("float64", subject.log_det), ("float32", 1e-4))
    ):
        raw = subject.raw(300, 3, dtype=dtype)
        bijector = subject.family.bijector(raw)
        values = subject.x(300, 3, dtype=dtype)
        if direction == "forward":
            values = tf.identity(bijector.inverse(values))
        with tf.GradientTape() as tape:
            tape.watch(values)
            result, log_det = _both(bijector, direction, values)
        slope = tape.gradient(result, values, unconnected_gradients="zero").numpy()
        assert log_det.shape == values.shape and log_det.dtype == values.dtype
        assert np.all(slope > 0.0)
        error = np.abs(np.log(slope) - log_det.numpy()) / np.maximum(1.0, np.abs(log_det.numpy()))
        assert error.max() < tolerance, (direction, dtype, error.max())


def check_log_dets_agree(subject):
    """The forward log-determinant is minus the inverse one at the matching point; events sum."""
    bijector = subject.family.bijector(subject.raw(200, 3))
    x = subject.x(200, 3)
    z, inverse = _both(bijector, "inverse", x)
    _, forward = _both(bijector, "forward", tf.identity(z))
    np.testing.assert_allclose(forward, -inverse, rtol=0, atol=1e-7 * subject.round_trip)
    summed = bijector.inverse_log_det_jacobian(tf.identity(x), event_ndims=1)
    assert summed.shape == (200,)
    np.testing.assert_allclose(summed, tf.reduce_sum(inverse, -1), rtol=1e-12, atol=1e-12)


def check_increasing(subject):
    """Both directions are strictly increasing along a fine grid."""
    grid = tf.constant(np.linspace(*subject.data, 2001)[:, None])
    raw = subject.raw(1, 20, scale=2.0 * subject.raw_scale)
    bijector = subject.family.bijector(raw)
    latent = subject.unwrapped(bijector.inverse(grid + tf.zeros_like(raw[..., 0])))
    assert np.all(np.diff(latent, axis=0) > 0.0)
    ends = latent[0], latent[-1]
    share = np.linspace(0.0, 1.0, 2001)[:, None]
    values = tf.constant(ends[0] * (1.0 - share) + ends[1] * share)
    assert np.all(np.diff(subject.unwrapped(bijector.forward(values)), axis=0) > 0.0)


def check_start(subject):
    """Raw zeros are the identity, or the map that the family documents."""
    for dtype, tolerance in (("float64", 1e-9 * subject.round_trip), ("float32", 5e-6)):
        raw = tf.zeros([3, subject.family.parameter_size], dtype)
        bijector = subject.family.bijector(raw)
        x = subject.x(500, 3, dtype=dtype)
        z, log_det = _both(bijector, "inverse", x)
        expected = x if subject.start is None else subject.start(x)
        np.testing.assert_allclose(z, expected, rtol=tolerance, atol=tolerance)
        if subject.start is None:
            np.testing.assert_allclose(log_det, np.zeros(log_det.shape), atol=10 * tolerance)
            back, log_det = _both(bijector, "forward", tf.identity(x))
            np.testing.assert_allclose(back, x, rtol=tolerance, atol=tolerance)
            np.testing.assert_allclose(log_det, np.zeros(log_det.shape), atol=10 * tolerance)


def check_finite(subject):
    """Far values mixed with near ones under wild raw numbers: all finite in float32."""
    size = 64
    rng = np.random.default_rng(5)
    wild = rng.choice([-1.0, 0.0, 1.0], size=[size, 6, subject.family.parameter_size])
    raw = tf.constant((subject.wild_raw * wild).astype("float32"))
    near = rng.uniform(*subject.data, size=[size, 3])
    far = rng.choice([-1.0, 1.0], size=[size, 3]) * subject.wild_value
    values = np.concatenate([near, far], 1).astype("float32")
    for direction, bounds in (("inverse", subject.support), ("forward", subject.latent_support)):
        inside = np.where((values > bounds[0]) & (values < bounds[1]), values, near[:, [0] * 6])
        inside = tf.constant(np.clip(inside, *bounds).astype("float32"))
        function = _pair(subject, direction)
        result, log_det = function(inside, raw)
        gradients = _gradients(function, (inside, raw), (tf.ones_like(result),) * 2)
        for name, tensor in zip(
            ("value", "log-det", "d values", "d raw"), (result, log_det, *gradients), strict=True
        ):
            assert np.all(np.isfinite(tensor)), (direction, name, np.argwhere(~np.isfinite(tensor)))


def check_compiled(subject):
    """Eager, graph and XLA agree in both directions, gradients included."""
    raw, x = subject.raw(20, 3), subject.x(20, 3)
    for direction in ("inverse", "forward"):
        function = _pair(subject, direction)

        def everything(values, raw, function=function):
            result = function(values, raw)
            weights = (tf.ones_like(result[0]), 0.5 * tf.ones_like(result[1]))
            return (*result, *_gradients(function, (values, raw), weights))

        expected = everything(x, raw)
        for jit in (False, True):
            found = tf.function(everything, jit_compile=jit)(x, raw)
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-7 * subject.round_trip)
        x = tf.identity(expected[0])


def check_unknown_batch(subject):
    """A graph that does not know the batch size gives the numbers of eager."""
    spec = [tf.TensorSpec([None, 3], tf.float64)]
    spec.append(tf.TensorSpec([None, 3, subject.family.parameter_size], tf.float64))
    for direction in ("inverse", "forward"):
        function = _pair(subject, direction)
        graph = tf.function(function, input_signature=spec)
        for size in (4, 7):
            values, raw = subject.x(size, 3), subject.raw(size, 3)
            if direction == "forward":
                values = tf.identity(subject.family.bijector(raw).inverse(values))
            for one, other in zip(graph(values, raw), function(values, raw), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-7 * subject.round_trip)


def check_batch_is_a_loop(subject):
    """A batch gives what a Python loop over its elements gives; raw and values broadcast."""
    size = subject.family.parameter_size
    cases = [
        ([4, 3], [4, 3]),
        ([5, 4, 3], [4, 3]),
        ([5, 4, 3], [3]),
        ([3], [4, 3]),
        ([4, 1], [3]),
        ([], []),
    ]
    for direction in ("inverse", "forward"):
        # One trace for all elements; that a trace gives the numbers of eager is checked elsewhere.
        traced = tf.function(_pair(subject, direction))
        for x_shape, raw_shape in cases:
            raw = subject.raw(*raw_shape)
            x = subject.x(*x_shape)
            shape = np.broadcast_shapes(x_shape, raw_shape)
            if direction == "forward":
                x = subject.family.bijector(tf.zeros([size], tf.float64)).inverse(x)
                x = tf.identity(x)
            found = _pair(subject, direction)(x, raw)
            wide_x = np.broadcast_to(x, shape)
            wide_raw = np.broadcast_to(raw, (*shape, size))
            for index in np.ndindex(*shape):
                single = traced(tf.constant(wide_x[index]), tf.constant(wide_raw[index]))
                for batched, one in zip(found, single, strict=True):
                    assert batched.shape == shape
                    np.testing.assert_allclose(
                        batched[index], one, rtol=1e-9, atol=1e-8 * subject.round_trip
                    )


def check_small_batches(subject):
    """Batches of no and of one event, and events of one dimension, keep their shapes."""
    for direction, batch, dimension in itertools.product(("inverse", "forward"), (0, 1), (1, 3)):
        raw = subject.raw(batch, dimension)
        values = subject.x(batch, dimension)
        if direction == "forward":
            values = tf.identity(subject.family.bijector(raw).inverse(values))
        function = _pair(subject, direction)
        result, log_det = function(values, raw)
        assert result.shape == log_det.shape == (batch, dimension)
        gradients = _gradients(function, (values, raw), (tf.ones_like(result),) * 2)
        assert [g.shape for g in gradients] == [values.shape, raw.shape]
        summed = getattr(subject.family.bijector(raw), f"{direction}_log_det_jacobian")(
            values, event_ndims=1
        )
        assert summed.shape == (batch,)
    assert subject.family.bijector(subject.raw(4, 3)).experimental_batch_shape(1) == (4,)


def check_elementwise(subject):
    """Each dimension depends on itself alone: the Jacobian is exactly diagonal."""
    raw, x = subject.raw(2, 4), subject.x(2, 4)
    for direction in ("inverse", "forward"):
        with tf.GradientTape() as tape:
            tape.watch(x)
            result = _pair(subject, direction)(x, raw)[0]
        jacobian = tape.batch_jacobian(result, x).numpy()
        assert np.all(jacobian[:, ~np.eye(4, dtype=bool)] == 0.0)
        assert np.all(jacobian[:, np.eye(4, dtype=bool)] > 0.0)
        x = tf.identity(result)


def check_implicit_gradients(subject):
    """Gradients latent -> data obey the implicit function theorem of data -> latent.

    With z = g(x, r) and log-determinant l(x, r), the other direction x(z, r) and -l(x(z, r), r)
    must have dx/dz = 1 / g_x, dx/dr = -g_r / g_x, and the chain rule for l.
    """
    raw, x = subject.raw(40, 3), subject.x(40, 3)
    direct, other = _pair(subject, "inverse"), _pair(subject, "forward")
    z = tf.identity(direct(x, raw)[0])
    x = tf.identity(other(z, raw)[0])
    rng = np.random.default_rng(7)
    value_weight, log_weight = (tf.constant(rng.normal(size=x.shape)) for _ in range(2))

    found = _gradients(other, (z, raw), (value_weight, log_weight))

    zero, one = tf.zeros_like(x), tf.ones_like(x)
    slope = _gradients(direct, (x, raw), (one, zero))[0]
    log_x, log_raw = _gradients(direct, (x, raw), (zero, -log_weight))
    by_z = (value_weight + log_x) / slope
    by_raw = log_raw + _gradients(direct, (x, raw), (-by_z, zero))[1]
    for one, other in zip(found, (by_z, by_raw), strict=True):
        scale = np.abs(other).max() + 1.0
        np.testing.assert_allclose(one, other, rtol=subject.gradient, atol=subject.gradient * scale)


def check_gradients_are_differences(subject):
    """Gradients of value and log-determinant by raw numbers equal central differences."""
    raw, x = subject.raw(6, 3), subject.x(6, 3)
    function = _pair(subject, "inverse")
    rng = np.random.default_rng(8)
    weights = [tf.constant(rng.normal(size=x.shape)) for _ in range(2)]
    gradient = _gradients(function, (x, raw), weights)[1].numpy()
    step = 1e-5

    def loss(raw):
        return sum(w * y for w, y in zip(weights, function(x, raw), strict=True)).numpy()

    for p in range(subject.family.parameter_size):
        shift = step * np.eye(subject.family.parameter_size)[p]
        difference = (loss(raw + shift) - loss(raw - shift)) / (2.0 * step)
        np.testing.assert_allclose(gradient[..., p], difference, rtol=1e-4, atol=1e-6)


def check_forward_mode(subject):
    """Forward-mode derivatives by values and raw numbers are right, or refused by name."""
    raw, x = subject.raw(4, 3), subject.x(4, 3)
    rng = np.random.default_rng(9)
    towards = [tf.constant(rng.normal(size=tensor.shape)) for tensor in (x, raw)]
    for direction in ("inverse", "forward"):
        function = _pair(subject, direction)
        inputs = (tf.identity(x), raw)
        try:
            with tf.autodiff.ForwardAccumulator(list(inputs), towards) as forward:
                results = function(*inputs)
        except NotImplementedError as error:
            assert direction == "forward" and "GradientTape" in str(error)
        else:
            for k, result in enumerate(results):
                ones = [tf.ones_like(result) * float(k == i) for i in range(2)]
                by = _gradients(function, inputs, ones)
                expected = sum(
                    tf.reduce_sum(one * other) for one, other in zip(by, towards, strict=True)
                )
                found = forward.jvp(result, unconnected_gradients="zero")
                np.testing.assert_allclose(tf.reduce_sum(found), expected, rtol=1e-5, atol=1e-7)
        x = function(x, raw)[0]


def check_second_derivatives(subject):
    """The derivative of the log-determinant's gradient by x is that of its differences."""
    raw, x = subject.raw(6, 3), subject.x(6, 3)
    function = _pair(subject, "inverse")

    def by_x(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value, log_det = function(x, raw)
            total = value + 0.5 * log_det
        return tape.gradient(total, x, unconnected_gradients="zero")

    with tf.GradientTape() as tape:
        tape.watch(x)
        first = by_x(x)
    second = tape.gradient(first, x, unconnected_gradients="zero").numpy()
    step = 1e-6
    difference = (by_x(x + step) - by_x(x - step)).numpy() / (2.0 * step)
    np.testing.assert_allclose(second, difference, rtol=1e-4, atol=1e-5)


def check_every_raw_number_counts(subject):
    """Every raw parameter has a gradient, at the start and elsewhere."""
    for scale in (0.0, subject.raw_scale):
        raw = tf.repeat(subject.raw(1, 1, scale=scale), 400, axis=0)
        gradient = _gradients(
            _pair(subject, "inverse"), (subject.x(400, 1), raw), (0.7, tf.ones([], tf.float64))
        )[1]
        silent = np.flatnonzero(np.abs(gradient).max((0, 1)) == 0.0)
        if scale == 0.0:
            assert set(subject.asleep) <= set(silent)
            silent = np.setdiff1d(silent, subject.asleep)
        assert silent.size == 0, f"raw parameters {silent} have no gradient (scale {scale})"


def check_never_stale(subject):
    """Bijectors built from one variable before and after a change do not answer for each other."""
    variable = keras.Variable(subject.raw(3), dtype="float64")
    x = subject.x(5, 3)
    first = subject.family.bijector(variable)
    before = first.inverse(x).numpy()
    variable.assign(subject.raw(3, seed=11))
    second = subject.family.bijector(variable)
    assert first != second
    after = second.inverse(x)
    assert np.abs(after - before).max() > 1e-6
    np.testing.assert_array_equal(
        after, subject.family.bijector(subject.raw(3, seed=11)).inverse(tf.identity(x))
    )


def check_config(subject):
    """Config, Keras serialization and repr describe the family completely."""
    family = subject.family
    config = family.get_config()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(family))
    raw, x = subject.raw(10, 3), subject.x(10, 3)
    for copy in (type(family).from_config(config), again):
        assert type(copy) is type(family)
        assert copy.get_config() == config
        assert copy.parameter_size == family.parameter_size
        copy.build((3,))
        np.testing.assert_array_equal(
            copy.bijector(raw).inverse(x), family.bijector(raw).inverse(x)
        )
        assert repr(copy) == repr(family)
    assert repr(family).startswith(type(family).__name__ + "(")


def check_wrong_raw(subject):
    """Raw parameters of a wrong size or type are refused, with both sizes in the message."""
    size = subject.family.parameter_size
    for wrong in (size + 1, size - 1, 3 * size + 5):
        with pytest.raises(ValueError, match=rf"raw parameters \[\.\.\., D, P\].*{size}.*{wrong}"):
            subject.family.bijector(tf.zeros([2, wrong]))
    with pytest.raises(ValueError, match="floating"):
        subject.family.bijector(tf.zeros([2, size], tf.int32))


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]
