"""Every TFP bijector as it stands in a flow keeps the promises of a map."""

import functools
import math

import numpy as np
import pytest
import tensorflow as tf

from tfflows.layers import TFPBijector

from ..registry import Example
from ..tfp import tfb_examples
from .checks import check_graph, check_log_det, check_map_batches, check_round_trip, check_xla
from .subject import Subject

tf.get_logger().setLevel("ERROR")


def example_of(name: str, dtype: str) -> Example:
    """Return the suite's form of an example of TFP's table: a built `TFPBijector` layer."""
    table = tfb_examples.EXAMPLES[name]
    layer = TFPBijector(table.make(dtype), dtype=dtype)
    layer.build(table.event_shape)

    def draw(rng, shape):
        batch = shape[: len(shape) - len(table.event_shape)]
        latent = table.latent(rng, (math.prod(batch), *table.latent_shape))
        points = layer.bijector().forward(tf.constant(latent, dtype))
        return points.numpy().reshape(shape)

    return Example(
        lambda dtype, context: layer.bijector(context),
        table.event_shape,
        latent_shape=table.latent_shape,
        context="never",
        draw=draw,
        kind="bijector",
    )


# Glow's convolutions refuse empty batches; tests/tfp runs it.
NAMES = [name for name, table in tfb_examples.EXAMPLES.items() if not table.slow]


@functools.cache
def subject_of(name, dtype):
    return Subject(example_of(name, dtype), dtype)


def has_square_jacobian(name: str) -> bool:
    """Whether both sides are open sets of one dimension, so that autodiff knows the volume."""
    table = tfb_examples.EXAMPLES[name]
    same = math.prod(table.event_shape) == math.prod(table.latent_shape)
    return same and table.latent is not tfb_examples.cholesky


def cases():
    for name in NAMES:
        for dtype in tfb_examples.EXAMPLES[name].dtypes:
            checks = [check_round_trip, check_map_batches, check_graph]
            if has_square_jacobian(name):
                checks.append(check_log_det)
            if dtype == "float32":
                checks.append(check_xla)
            for check in checks:
                slow = dtype == "float64" or check is check_xla
                yield pytest.param(
                    name,
                    dtype,
                    check,
                    id=f"{name}-{dtype}-{check.__name__.removeprefix('check_')}",
                    marks=[pytest.mark.exhaustive] if slow else [],
                )


@pytest.mark.parametrize(("name", "dtype", "check"), list(cases()))
def test_promise(name, dtype, check):
    check(subject_of(name, dtype))


@pytest.mark.parametrize("name", NAMES)
def test_weights_have_gradients(name):
    """Each weight of the bijector gets a finite gradient from density and points."""
    table = tfb_examples.EXAMPLES[name]
    layer = TFPBijector(table.make("float32"))
    layer.build(table.event_shape)
    if not table.weights:
        assert not layer.trainable_weights
        return
    x = table.draw(layer.bijector(), 4)
    variables = [weight.value for weight in layer.trainable_weights]
    with tf.GradientTape(persistent=True) as tape:
        z = layer(x)
        log_det = layer.bijector().inverse_log_det_jacobian(
            tf.identity(x), event_ndims=len(table.event_shape)
        )
        score = tf.reduce_sum(log_det) - tf.reduce_sum(z**2)
        back = tf.reduce_sum(layer.bijector().forward(tf.identity(z.numpy())))
    for answer in (score, back):
        for gradient in tape.gradient(answer, variables):
            assert gradient is not None and np.all(np.isfinite(gradient))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_nan_far_away(name):
    """A far event comes back from its latent point, or it is outside: no NaN, no wrong point."""
    table = tfb_examples.EXAMPLES[name]
    layer = TFPBijector(table.make("float32"))
    layer.build(table.event_shape)
    if name in STRUCTURED:
        pytest.skip("its events are matrices or vectors of a certain kind")
    for number in (-50.0, -3.3, 7.7, 50.0):
        x = tf.fill([2, *table.event_shape], number)
        log_det = layer.bijector().inverse_log_det_jacobian(
            tf.identity(x), event_ndims=len(table.event_shape)
        )
        assert not np.any(np.isnan(log_det)), number
        if np.all(log_det > -np.inf):
            z = layer.bijector().inverse(tf.identity(x))
            back = layer.bijector().forward(tf.identity(z))
            # Where the latent point has been rounded to the end of its range, it says nothing.
            known = np.isfinite(back)
            np.testing.assert_allclose(back[known], x[known], rtol=0.02)


#: Their events lie on a surface, so that numbers chosen by hand are no events at all.
STRUCTURED = tuple(
    name for name in NAMES if not has_square_jacobian(name) or name in ("Ascending",)
)
