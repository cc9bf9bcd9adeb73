"""From the default start, families of one coordinate bend to two clusters."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfflows import layers
from tfflows.univariates import (
    Bernstein,
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
CLUSTERS = RNG.choice([-2.0, 2.0], size=[4000, 1]) + 0.3 * RNG.normal(size=[4000, 1])
CLUSTERS = CLUSTERS.astype("float32")
# A single mode, for the families that have no second one.
SKEWED = np.exp(RNG.normal(size=[4000, 1])).astype("float32") - 1.0


def affine(data):
    """Return the loss of the best Gaussian, which is the best affine layer."""
    return 0.5 * np.log(2.0 * np.pi * np.e * data.var())


def train(family, uniform=False, data=CLUSTERS):
    """Return the loss after 200 steps, the largest gradients, and the raw parameters."""
    layer = layers.Elementwise(family)
    layer.build((1,))
    optimizer = keras.optimizers.Adam(0.05)
    optimizer.build(layer.trainable_weights)
    x = tf.constant(data)

    @tf.function(jit_compile=True)
    def step():
        with tf.GradientTape() as tape:
            bijector = layer.bijector()
            z = bijector.inverse(x)
            base = np.log(2.0 * np.pi) if uniform else 0.5 * (z * z + np.log(2.0 * np.pi))
            loss = tf.reduce_mean(base - bijector.inverse_log_det_jacobian(x, event_ndims=0))
        return loss, tape.gradient(loss, layer.trainable_weights[0].value)

    largest = 0.0
    for _ in range(200):
        loss, gradient = step()
        assert np.isfinite(loss)
        largest = np.maximum(largest, np.abs(gradient))
        optimizer.apply([gradient], layer.trainable_weights)
    return float(loss), largest, layer.raw().numpy()


@pytest.mark.slow
@pytest.mark.parametrize(
    "family",
    [
        LinearSpline(bound=3.0),
        QuadraticSpline(bound=3.0),
        LinearRationalSpline(bound=3.0),
        CubicSpline(bound=3.0),
        RationalQuadraticSpline(bound=3.0),
        RationalQuadraticSpline(bound=3.0, boundary="learned"),
        RationalQuadraticSpline(bound=np.pi, boundary="circular"),
        Bernstein(degree=24, bound=3.0),
        Bernstein(degree=24, bound=3.0, bounded=True),
        Moebius(components=4),
    ],
    ids=repr,
)
def test_two_clusters(family):
    loss, largest, raw = train(family, uniform=family.period is not None)
    assert loss < affine(CLUSTERS) - 0.5
    assert np.all(largest > 0.0)
    if isinstance(family, Moebius):
        # Interchangeable parts come apart: no two have the same numbers.
        parts = raw.reshape(3, family.components).T
        start = np.pi * (np.arange(family.components) + 0.5) / (0.5 * family.components)
        parts = parts + 0.5 * np.stack([np.cos(start), np.sin(start), 0.0 * start], 1)
        for i in range(family.components):
            for j in range(i):
                assert np.abs(parts[i] - parts[j]).max() > 1e-2
    elif not isinstance(family, LinearSpline):
        # (Two of its bins that both stand empty may have one height.)
        assert np.unique(raw).size == raw.size, "no two bins or coefficients are alike"


@pytest.mark.slow
@pytest.mark.parametrize("family", [SinhArcsinh(), SignedPower()], ids=repr)
def test_families_of_few_parameters(family):
    """A sinh-arcsinh map has one mode; a power, which leaves 1 in place, has two around zero."""
    data = SKEWED if isinstance(family, SinhArcsinh) else 0.5 * CLUSTERS
    loss, largest, _ = train(family, data=data)
    assert loss < affine(data) - 0.5
    assert np.all(largest > 0.0)
