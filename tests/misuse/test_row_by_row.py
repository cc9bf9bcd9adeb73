"""What makes the density of a row depend on the rest of its batch is refused where it comes in."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, univariates

BASE = tfd.MultivariateNormalDiag([0.0, 0.0])
CHANGES = r"as the rest of its batch changes .*ActNorm.*over the axes of an event"


class Stretch(layers.BijectorLayer):
    """A layer of scales, with a log-determinant that is made by a function of its own."""

    def __init__(self, log_det, **kwargs):
        super().__init__(**kwargs)
        self.log_det = log_det

    def build(self, event_shape, context_shape=None):
        self.scale = self.add_weight(shape=event_shape, initializer="zeros", name="scale")

    def bijector(self, context=None):
        scale = tf.convert_to_tensor(self.scale)
        return tfb.Inline(
            forward_fn=lambda z: z * tf.exp(scale),
            inverse_fn=lambda x: x * tf.exp(-scale),
            inverse_log_det_jacobian_fn=lambda x: self.log_det(-scale * tf.ones_like(x)),
            forward_min_event_ndims=1,
        )


class Folded(tfb.Bijector):
    """A bijector whose log-determinant is summed over the batch, too."""

    def __init__(self, inner):
        self.inner = inner
        super().__init__(forward_min_event_ndims=0)

    def _forward(self, z):
        return self.inner.forward(z)

    def _inverse(self, x):
        return self.inner.inverse(x)

    def _forward_log_det_jacobian(self, z):
        return self.inner.forward_log_det_jacobian(z, event_ndims=2)


class Remembers(tfb.Bijector):
    """A shift by the last row that was scored."""

    def __init__(self):
        self.last = tf.Variable([0.0, 0.0], trainable=False)
        super().__init__(forward_min_event_ndims=1, parameters={"last": self.last})

    def _forward(self, z):
        return z + self.last

    def _inverse(self, x):
        z = x - self.last
        self.last.assign(x[-1])
        return z

    def _inverse_log_det_jacobian(self, x):
        return tf.zeros([], x.dtype)


class Noise(layers.Transform):
    """A layer that draws for its batch as a whole, and is right for each row."""

    exact = False
    shared = False

    def inverse(self, x, context=None, seed=None):
        noise = tf.random.stateless_normal(tf.shape(x), seed[:2])
        log_weight = 0.5 * tf.reduce_sum(noise**2, -1)
        return x + noise, tf.reduce_sum(log_weight) if self.shared else log_weight

    def forward(self, z, context=None, seed=None):
        noise = tf.random.stateless_normal(tf.shape(z), seed[:2])
        log_weight = 0.5 * tf.reduce_sum(noise**2, -1)
        return z - noise, tf.reduce_sum(log_weight) if self.shared else log_weight


class SharedNoise(Noise):
    shared = True

    def inverse(self, x, context=None, seed=None):
        z, log_weight = super().inverse(x, context, seed)
        return z, log_weight + tf.reduce_sum(x)


class OfTheBatch(univariates.Univariate):
    parameter_size = 1

    def bijector(self, raw):
        return tfb.Shift(raw[..., 0] - tf.reduce_mean(raw))


class Centered(keras.layers.Layer):
    def call(self, context):
        return context - tf.reduce_mean(context, 0)


def a_sum(log_det):
    return tf.reduce_sum(log_det, -1)


@pytest.mark.parametrize("wrap", [lambda layer: layer, layers.Invert, layers.Unconditional])
def test_a_layer(wrap):
    assert tfflows.Flow([wrap(Stretch(a_sum))], 2).event_shape == (2,)
    for log_det, message in (
        (lambda d: tf.reduce_sum(d, -1, keepdims=True), r"of shape \(5, 1\).*without keepdims"),
        (lambda d: tf.reduce_sum(d, 0), r"of shape \(2,\): right is one number for each row"),
        (lambda d: d, r"of shape \(5, 2\): right is .* shape \(5,\)"),
        (tf.reduce_sum, f"gives a row another log-determinant {CHANGES}"),
    ):
        with pytest.raises(ValueError, match=rf"layer '\w+' \(\w+\) .*{message}"):
            tfflows.Flow([layers.Shift(), wrap(Stretch(log_det))], 2)


ENTRANCES = {
    "a flow": lambda b: tfflows.Flow([b], 2),
    "a layer": lambda b: layers.TFPBijector(b).build((2,)),
    "a layer within a layer": lambda b: tfflows.Flow([layers.Invert(layers.TFPBijector(b))], 2),
    "a distribution": lambda b: tfflows.DistributionModel(tfd.TransformedDistribution(BASE, b)),
    "a base": lambda b: tfflows.Flow([], 2, base=tfd.TransformedDistribution(BASE, b)),
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_a_bijector_within_others(entrance):
    for wrap in (
        lambda b: b,
        lambda b: tfb.Chain([tfb.Scale(2.0), tfb.Chain([tfb.Invert(b), tfb.Shift(1.0)])]),
    ):
        with pytest.raises(ValueError, match=f"Folded 'folded' gives a row .*{CHANGES}"):
            ENTRANCES[entrance](wrap(Folded(tfb.Tanh())))


@pytest.mark.parametrize("make", [tfb.BatchNormalization, Remembers, lambda: Folded(tfb.Exp())])
def test_other_bijectors(make):
    with pytest.raises(ValueError, match=f"'.* gives a row another .*{CHANGES}"):
        tfflows.Flow([make()], 2)


def test_parts_of_layers():
    with pytest.raises(ValueError, match=CHANGES):
        tfflows.Flow([layers.Elementwise(OfTheBatch())], 2, 1)
    with pytest.raises(ValueError, match=CHANGES):
        tfflows.Flow([layers.Coupling(univariates.Affine(), conditioner=Centered())], 2)
    # Of a context, too.
    with pytest.raises(ValueError, match=CHANGES):
        tfflows.Flow([layers.Coupling(univariates.Affine(), conditioner=Centered())], 2, 1)


def test_layers_that_draw():
    assert not tfflows.Flow([Noise()], 2).exact
    with pytest.raises(ValueError, match=CHANGES):
        tfflows.Flow([SharedNoise()], 2)


def test_a_probe_leaves_the_weights_as_they_are():
    layer = Stretch(a_sum)
    tfflows.Flow([layer], 2)
    np.testing.assert_array_equal(layer.scale, [0.0, 0.0])


def test_layers_of_the_package_are_not_asked(monkeypatch):
    def asked(*args):
        raise AssertionError("asked")

    monkeypatch.setattr("tfflows.layers.row_by_row.fault_of_maps", asked)
    monkeypatch.setattr("tfflows.interop.row_by_row.fault_of_maps", asked)
    tfflows.CouplingNSF(2, context_shape=1, transforms=1, hidden_units=(4,))
    tfflows.GF(2, transforms=1)
    network = tfb.AutoregressiveNetwork(2, [2], hidden_units=[4])
    tfflows.Flow([tfb.MaskedAutoregressiveFlow(network), tfb.Exp()], 2)
