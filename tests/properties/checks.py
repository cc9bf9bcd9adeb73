"""The promises of everything that maps or scores events, each a function of a `Subject`.

A function raises when its promise is broken; `checks_of` says which promises an example makes.
"""

import copy
import json
import math
import pickle
import tempfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from .subject import ROWS, perturb

SINGLE_EPS, DOUBLE_EPS = (float(np.finfo(dtype).eps) for dtype in ("float32", "float64"))


def _close(subject, found, expected, what="", double=1e-9, single=2e-4):
    """Compare relative to the size of the numbers, at the accuracy of the subject's type."""
    tolerance = double if subject.dtype == "float64" else single
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype == subject.dtype, (what, found.dtype, expected.dtype)
    finite = np.abs(expected[np.isfinite(expected)])
    scale = 1.0 + (finite.max() if finite.size else 0.0)
    np.testing.assert_allclose(
        found, expected, rtol=tolerance, atol=tolerance * scale, err_msg=what
    )


# maps


def check_round_trip(subject):
    """Each direction undoes the other, up to what rounding of the point in between explains."""
    eps = max(DOUBLE_EPS, subject.example.accuracy) if subject.dtype == "float64" else SINGLE_EPS
    back = subject.forward(subject.z, subject.context)[0]
    again = subject.inverse(back, subject.context)[0]
    for found, expected, other, slopes in (
        (back, subject.x, subject.z, subject.forward_jacobian),
        (again, subject.z, subject.x, subject.inverse_jacobian),
    ):
        assert found.shape == expected.shape and found.dtype == subject.dtype
        rows = len(slopes)
        error = np.abs(found - expected).reshape(rows, -1).max(1)
        size = 1.0 + np.abs(expected).reshape(rows, -1).max(1)
        middle = 1.0 + np.abs(other).reshape(rows, -1).max(1)
        slope = np.abs(slopes).sum(2).max(1) if slopes.size else np.zeros(rows)
        np.testing.assert_array_less(error, 300 * eps * (size + slope * middle))


def check_log_det(subject):
    """Log-determinants equal those of the Jacobian by autodiff, and each other with a minus."""
    _, inverse = subject.inverse(subject.x, subject.context)
    _, forward = subject.forward(subject.z, subject.context)
    ones = np.ones(ROWS, subject.dtype)
    for found, matrix in (
        (inverse, subject.inverse_jacobian),
        (forward, subject.forward_jacobian),
    ):
        expected = np.linalg.slogdet(matrix.astype("float64"))[1].astype(subject.dtype)
        _close(subject, found * ones, expected, double=1e-8, single=1e-4)
    _close(subject, forward * ones, -inverse * ones, double=1e-8, single=1e-4)


def check_jacobian(subject):
    """The Jacobian is exactly diagonal or exactly triangular where that is promised."""
    size = subject.example.size
    diagonal = np.eye(size, dtype=bool)
    allowed = diagonal
    if subject.example.jacobian == "triangular":
        degrees = subject.degrees
        allowed = diagonal | (degrees[np.newaxis, :] < degrees[:, np.newaxis])
    for matrix in (subject.inverse_jacobian, subject.forward_jacobian):
        assert np.all(matrix[:, ~allowed] == 0.0)
        assert np.all(matrix[:, diagonal] != 0.0)
        assert np.any(matrix[:, allowed & ~diagonal] != 0.0) or np.array_equal(allowed, diagonal)


def check_map_batches(subject):
    """A batch of any shape is what a Python loop over its events and contexts gives."""
    one_context = subject.contexts(2, 1, seed=3)
    for function, table, grid in (
        (subject.inverse, subject.x, subject.events(1, 3)),
        (subject.forward, subject.z, subject.z[tf.newaxis, :3]),
    ):
        event = tuple(table.shape[1:])
        points, log_dets = function(table, subject.context)
        for row in (0, ROWS - 1):
            context = None if subject.context is None else subject.context[row]
            point, log_det = function(table[row], context)
            _close(subject, point, points[row], "single event")
            _close(subject, log_det, (log_dets * tf.ones(ROWS, log_dets.dtype))[row])
        wide, wide_log_dets = function(grid, one_context)
        batch = (2, 3) if subject.conditional and _moves(subject) else (1, 3)
        assert wide.shape == (*batch, *wide.shape[2:]), wide.shape
        np.broadcast_shapes(wide_log_dets.shape, batch)
        for i in range(batch[0]):
            context = None if one_context is None else one_context[i, 0]
            _close(subject, wide[i, 2], function(grid[0, 2], context)[0], "contexts by rows")
        none, no_log_dets = function(tf.zeros([0, *event], subject.dtype), subject.contexts(0))
        assert none.shape == (0, *points.shape[1:]) and no_log_dets.shape in ((0,), ())


def _moves(subject):
    """Whether the context moves the map at all (an `Unconditional` layer hides it)."""
    first = subject.inverse(subject.x[0], subject.contexts(seed=7))[0]
    second = subject.inverse(subject.x[0], subject.contexts(seed=8))[0]
    return bool(np.any(first.numpy() != second.numpy()))


def check_graph(subject):
    """A graph for any number of events gives what eager gives."""
    _compare_with_eager(subject, jit_compile=False)


def check_xla(subject):
    """XLA gives what eager gives."""
    _compare_with_eager(subject, jit_compile=True)


def _compare_with_eager(subject, jit_compile):
    def everything(x, z, *context):
        context = context[0] if context else None
        return (*subject.inverse(x, context), *subject.forward(z, context))

    given = (subject.x, subject.z, *([] if subject.context is None else [subject.context]))
    # XLA wants the sizes; a graph must do without.
    rows = ROWS if jit_compile else None
    signature = [tf.TensorSpec([rows, *value.shape[1:]], value.dtype) for value in given]
    program = tf.function(
        everything, input_signature=signature, jit_compile=jit_compile, autograph=False
    )
    for found, expected in zip(program(*given), everything(*given), strict=True):
        _close(subject, found, expected)


def check_vectorized(subject):
    """``tf.vectorized_map`` over single events gives what a batch of them gives."""

    def one(way):
        def answer(row):
            point, *context = (part[tf.newaxis] for part in row)
            value, log_det = way(point, *context) if context else way(point, None)
            return value[0], tf.broadcast_to(log_det, [1])[0]

        return answer

    context = [] if subject.context is None else [subject.context]
    for way, points in ((subject.inverse, subject.x), (subject.forward, subject.z)):
        found = tf.vectorized_map(one(way), (points, *context))
        expected = way(points, subject.context)
        _close(subject, found[0], expected[0])
        _close(subject, found[1], tf.broadcast_to(expected[1], [ROWS]))


def check_far(subject):
    """Points at ±1e4 among ordinary ones: everything stays finite, gradients included."""
    weights = [] if subject.model is None else subject.model.trainable_weights
    for function, table in ((subject.inverse, subject.x), (subject.forward, subject.z)):
        values = np.array(table)
        signs = np.random.default_rng(9).choice([-1e4, 1e4], size=values.shape)
        values[1:4] = signs[1:4]
        # One far coordinate beside ordinary ones.
        values[4].flat[0] = 1e4
        values = tf.constant(values)
        with tf.GradientTape() as tape:
            tape.watch(values)
            points, log_det = function(values, subject.context)
            total = tf.reduce_sum(points) + tf.reduce_sum(log_det)
        gradients = tape.gradient(total, [values, *[w.value for w in weights]])
        for name, tensor in [("points", points), ("log-det", log_det), *_named(gradients)]:
            assert tensor is None or np.all(np.isfinite(tensor)), name


def _named(gradients):
    return [(f"gradient {index}", gradient) for index, gradient in enumerate(gradients)]


# weights


def check_start(subject):
    """What starts as the identity does: a single layer exactly, a flow up to the order."""
    model = subject.fresh()
    bijector = model.bijector(subject.context)
    z = bijector.inverse(subject.x).numpy()
    log_det = bijector.inverse_log_det_jacobian(subject.x, event_ndims=len(subject.event_shape))
    flat, expected = z.reshape(ROWS, -1), subject.x.numpy().reshape(ROWS, -1)
    if len(model.bijector_layers) > 1:
        flat, expected = np.sort(flat, 1), np.sort(expected, 1)
    _close(subject, flat, expected, double=1e-12, single=5e-6)
    _close(subject, log_det, np.zeros_like(log_det), double=1e-12, single=5e-6)


def check_gradients(subject):
    """Every trainable weight gets a finite gradient from log densities and from samples."""
    model = subject.model
    variables = [weight.value for weight in model.trainable_weights]
    if not variables:
        return
    rng = np.random.default_rng(4)
    with tf.GradientTape(persistent=True) as tape:
        distribution = model.distribution(subject.context)
        score = tf.reduce_sum(distribution.log_prob(subject.x))
        reparametrized = "FULLY" in str(distribution.reparameterization_type)
        if reparametrized:
            shape = () if subject.conditional else (ROWS,)
            events = distribution.sample(shape, seed=(0, 1))
            direction = tf.constant(rng.normal(size=events.shape), subject.dtype)
            drawn = tf.reduce_sum(events * direction)
    questions = {"log_prob": score, **({"sample": drawn} if reparametrized else {})}
    for question, answer in questions.items():
        gradients = tape.gradient(answer, variables)
        for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
            assert gradient is not None, (question, weight.path)
            assert np.all(np.isfinite(tf.convert_to_tensor(gradient))), (question, weight.path)
            moved = np.any(tf.convert_to_tensor(gradient).numpy() != 0.0)
            assert moved or _is_idle(subject, question, weight), (question, weight.path)


def _is_idle(subject, question, weight) -> bool:
    """Whether a weight may have a gradient of zero."""
    # Nothing comes before a single coordinate, and the masks of a network of nothing are all zero.
    if subject.example.size == 1 and "kernel" in weight.name:
        return True
    # A hidden bias of such a network reaches no output, either.
    return subject.example.size == 1 and not subject.conditional and "bias" in weight.name


def check_never_stale(subject):
    """Kept points are answered anew after the weights have changed, by every public call."""
    model = subject.model
    if not model.weights:
        return
    x, context = subject.x, subject.context

    def answers(x):
        distribution = model.distribution(context)
        found = {
            "log_prob": model.log_prob(x, context),
            "call": model(x, context=context),
            "distribution": distribution.log_prob(x),
        }
        if subject.kind == "flow":
            layer_context = model.embed(context)
            for layer in model.bijector_layers:
                found[layer.name] = x = layer(x, layer_context)
        return found

    before = model.get_weights()
    # A distribution's own samples are points that TFP has cached itself.
    own = model.distribution(context).sample(() if subject.conditional else (ROWS,), seed=(0, 3))
    model.distribution(context).log_prob(own)
    first = answers(x)
    try:
        perturb(model, seed=11)
        found, expected = answers(x), answers(tf.constant(x.numpy()))
        for key in expected:
            np.testing.assert_array_equal(found[key], expected[key], err_msg=key)
        assert np.any(first["log_prob"].numpy() != found["log_prob"].numpy())
        np.testing.assert_array_equal(
            model.distribution(context).log_prob(own),
            model.distribution(context).log_prob(tf.constant(own.numpy())),
        )
    finally:
        model.set_weights(before)


def check_points_are_never_stale(subject):
    """Kept points and kept latent points are mapped anew after the weights have changed."""
    model = subject.model
    if not model.weights:
        return
    before = model.get_weights()
    x, z, context = subject.x, subject.z, subject.context

    def answers(x, z):
        return [
            model.inverse(x, context),
            model.forward(z, context),
            *model.intermediate(z, context),
        ]

    answers(x, z)
    try:
        perturb(model, seed=11)
        fresh = answers(tf.constant(x.numpy()), tf.constant(z.numpy()))
        for found, expected in zip(answers(x, z), fresh, strict=True):
            np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(answers(x, z)[1], answers(x, z)[-1])
    finally:
        model.set_weights(before)


def _same(subject, other, samples=False):
    """Assert that a copy gives the same log densities, and the same samples if so asked."""
    model, context = subject.model, subject.context
    assert other is not model
    np.testing.assert_array_equal(other(subject.x, context=context), subject.scores)
    if samples:
        events = other.distribution(context).sample(2, seed=(0, 5))
        np.testing.assert_array_equal(events, subject.drawn)


def check_config(subject):
    """A config of plain data and the weights make the same model."""
    model = subject.model
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    other = keras.saving.deserialize_keras_object(config)
    assert type(other) is type(model)
    assert [w.shape for w in other.weights] == [w.shape for w in model.weights]
    assert [w.name for w in other.weights] == [w.name for w in model.weights]
    other.set_weights(model.get_weights())
    _same(subject, other, samples=True)


def check_copies(subject):
    """A file, clone_model, deepcopy and pickle give the same model, and the copies are apart."""
    model = subject.model
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        _same(subject, keras.models.load_model(f"{folder}/model.keras"), samples=True)
        model.save_weights(f"{folder}/model.weights.h5")
        fresh = type(model).from_config(model.get_config())
        fresh.load_weights(f"{folder}/model.weights.h5")
        _same(subject, fresh)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    _same(subject, clone)
    _same(subject, pickle.loads(pickle.dumps(model)))
    copied = copy.deepcopy(model)
    _same(subject, copied)
    before = model.get_weights()
    perturb(copied, seed=12)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# densities


def check_score_batches(subject):
    """Log densities of any batch are a loop's, in eager and in the compiled call."""
    model, x, context = subject.model, subject.x, subject.context
    whole = model.log_prob(x, context)
    assert whole.shape == (ROWS,) and whole.dtype == subject.dtype
    _close(subject, model(x, context=context), whole, "eager")
    _close(subject, model.log_prob(x, context, batch_size=2), whole, "in chunks")
    for row in range(ROWS):
        one = None if context is None else context[row]
        single = model.log_prob(x[row], one)
        assert single.shape == ()
        _close(subject, single, whole[row])
        _close(subject, model.log_prob(x[row : row + 1], one)[0], whole[row])
    if subject.conditional:
        _close(subject, model.log_prob(x[0], context)[3], model.log_prob(x[0], context[3]))
    nothing = model.log_prob(x[:0], None if context is None else context[:0])
    assert nothing.shape == (0,) and nothing.dtype == subject.dtype


def check_samples(subject):
    """Samples come with their log densities; those of different contexts are not mixed up."""
    model, context = subject.model, subject.context
    batch = (ROWS,) if subject.conditional else ()
    events, log_prob = model.sample_and_log_prob((3, 2), seed=7, context=context)
    assert events.shape == (3, 2, *batch, *subject.event_shape)
    assert log_prob.shape == (3, 2, *batch)
    assert events.dtype == log_prob.dtype == subject.dtype
    np.testing.assert_array_equal(model.sample((3, 2), seed=7, context=context), events)
    _close(subject, model.log_prob(events, context), log_prob, double=1e-6, single=5e-3)
    if subject.conditional:
        for row in range(ROWS):
            _close(
                subject,
                model.log_prob(events[:, :, row], context[row]),
                log_prob[:, :, row],
                "contexts by rows",
                double=1e-6,
                single=5e-3,
            )
    assert np.any(model.sample((3, 2), seed=8, context=context).numpy() != events.numpy())
    assert model.sample(0, seed=1, context=context).shape == (0, *batch, *subject.event_shape)
    assert model.sample(seed=1, context=context).shape == (*batch, *subject.event_shape)


def check_integral(subject):
    """The density of one- and two-dimensional events integrates to 1, for each context."""
    size = subject.example.size
    for row in range(2 if subject.conditional else 1):
        context = None if subject.context is None else subject.context[row]
        # A ridge that is narrower than a cell asks for a finer grid; a wrong log-determinant is
        # wrong on each.
        for cells in (4000,) if size == 1 else (300, 600, 1200):
            example = subject.example
            total = integral(
                subject.model, size, context, subject.event_shape, example.period, cells
            )
            if abs(total - 1.0) < 3e-3:
                break
        assert abs(total - 1.0) < 3e-3, total


def integral(model, size, context, event_shape, period=None, cells=300):
    """Sum the density over a grid that holds the samples with room to spare, or one turn."""
    drawn = np.asarray(model.sample(2000, seed=1, context=context), "float64").reshape(-1, size)
    middle, half = np.median(drawn, 0), np.ptp(drawn, 0)
    points = cells + 1
    if period is not None:
        # One turn, each cell by its middle; finer, because there are no empty margins.
        points *= 2
        middle, half = np.zeros(size), np.full(size, 0.5 * period * (1.0 - 1.0 / points))
    axes = [np.linspace(m - h, m + h, points) for m, h in zip(middle, half, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, *event_shape)
    density = np.exp(np.asarray(model.log_prob(grid.astype(model.variable_dtype), context)))
    return float(np.sum(density, dtype="float64") * np.prod([a[1] - a[0] for a in axes]))


def check_volume(subject):
    """Samples have the density: the mean of 1 / p over those in a ball is the ball's volume."""
    context = None if subject.context is None else subject.context[0]
    period = subject.example.period
    events, log_prob = subject.model.sample_and_log_prob(40_000, seed=5, context=context)
    events = events.numpy().astype("float64").reshape(len(events), -1)
    log_prob = log_prob.numpy().astype("float64")
    size = events.shape[1]
    # Around the densest sample, and so small that the density is of one size all over the ball:
    # elsewhere 1 / p takes its mean from points that are hardly ever drawn.
    middle, scale = events[np.argmax(log_prob)], np.subtract(*np.quantile(events, [0.75, 0.25], 0))
    apart = events - middle
    if period is not None:
        apart = (apart + 0.5 * period) % period - 0.5 * period
    distance = np.sqrt(((apart / scale) ** 2).sum(1))
    rng = np.random.default_rng(3)
    within = rng.normal(size=(400, size))
    within *= rng.uniform(size=(400, 1)) ** (1.0 / size) / np.linalg.norm(within, axis=1)[:, None]
    for share in (0.015, 0.008, 0.004, 0.002):
        radius = np.quantile(distance, share)
        points = middle + radius * scale * within
        if period is not None:
            points = (points + 0.5 * period) % period - 0.5 * period
        points = points.reshape(-1, *subject.event_shape).astype(subject.dtype)
        if np.ptp(np.asarray(subject.model.log_prob(points, context))) < 3.0:
            break
    weight = np.where(distance < radius, np.exp(-log_prob), 0.0)
    volume = math.pi ** (size / 2) / math.gamma(size / 2 + 1) * radius**size * scale.prod()
    error = weight.std() / math.sqrt(len(weight))
    # Wide bounds: a wrong log-determinant misses by a factor, not by a few percent.
    assert abs(weight.mean() - volume) < 8 * error + 0.02 * volume
    assert error < 0.3 * volume


def check_wrong_shapes(subject):
    """Events and contexts of a wrong shape raise an error that names both shapes."""
    model, x, context = subject.model, subject.x, subject.context
    wrong = tf.zeros([4, *subject.event_shape[:-1], 9], subject.dtype)
    shapes = rf"events of shape {_literal(subject.event_shape)}; x has shape"
    if subject.event_shape:
        for call in (model.log_prob, model):
            with pytest.raises(ValueError, match=shapes):
                call(wrong, context)
    if subject.conditional:
        for call in (model.log_prob, model):
            with pytest.raises(ValueError, match=r"needs context of shape \(\.\.\., 2\); got None"):
                call(x)
            with pytest.raises(ValueError, match=r"expected context \(\.\.\., 2\), got \(5, 3\)"):
                call(x, tf.zeros([ROWS, 3], subject.dtype))
            with pytest.raises(ValueError, match=r"x has batch shape \(5,\).* \(4,\)"):
                call(x, context[:4])
        with pytest.raises(ValueError, match="needs context"):
            model.sample(2)
    else:
        for call in (model.log_prob, model):
            with pytest.raises(ValueError, match=r"takes no context, but one of shape \(5, 2\)"):
                call(x, tf.zeros([ROWS, 2], subject.dtype))
        with pytest.raises(ValueError, match="takes no context"):
            model.sample(2, context=tf.zeros([2], subject.dtype))


def _literal(shape) -> str:
    return str(tuple(shape)).replace("(", r"\(").replace(")", r"\)")


MAP_CHECKS = (
    check_round_trip,
    check_log_det,
    check_jacobian,
    check_map_batches,
    check_graph,
    check_far,
)
MODEL_CHECKS = (
    check_gradients,
    check_never_stale,
    check_config,
    check_score_batches,
    check_samples,
    check_integral,
    check_volume,
    check_wrong_shapes,
)
COSTLY_MAP_CHECKS = (check_xla, check_vectorized)
COSTLY_FLOW_CHECKS = (check_points_are_never_stale,)
COSTLY_MODEL_CHECKS = (check_copies,)

_ONLY_WHERE = {
    check_jacobian: lambda example: example.jacobian != "full",
    check_far: lambda example: not example.bounded,
    check_start: lambda example: example.starts_as_identity,
    check_integral: lambda example: example.size <= 2,
}


def checks_of(example, costly: bool = False) -> list:
    """Return the checks of the promises that an example makes."""
    if costly:
        checks = {
            "bijector": COSTLY_MAP_CHECKS,
            "flow": (*COSTLY_MAP_CHECKS, *COSTLY_FLOW_CHECKS, *COSTLY_MODEL_CHECKS),
            "model": COSTLY_MODEL_CHECKS,
        }[example.kind]
    else:
        checks = {
            "bijector": MAP_CHECKS,
            "flow": (*MAP_CHECKS, check_start, *MODEL_CHECKS),
            "model": MODEL_CHECKS,
        }[example.kind]
    return [check for check in checks if _ONLY_WHERE.get(check, lambda example: True)(example)]


def name_of(check) -> str:
    """Return the name of a promise."""
    return check.__name__.removeprefix("check_")
