"""Flows whose density is known exactly: data are drawn from themselves, so none has to be fitted.

Each can be broken in one way.
"""

import keras
import numpy as np
import tensorflow as tf

import tfflows
from tfflows import bijectors, layers, univariates

ROWS = 1500


def shake(flow, seed, scale=0.15):
    """Give a flow random weights around those it was made with."""
    rng = np.random.default_rng(seed)
    start = getattr(flow, "test_start", None)
    if start is None:
        start = [weight.numpy() for weight in flow.weights]
        object.__setattr__(flow, "test_start", start)
    for weight, value in zip(flow.weights, start, strict=True):
        moved = np.ones_like(value) if weight.name == "adapted" else value
        if weight.trainable:
            moved = value + scale * rng.normal(size=value.shape)
        weight.assign(moved)
    return flow


def maf(seed=0):
    keras.utils.set_random_seed(seed)
    return shake(tfflows.MAF(3, transforms=2, hidden_units=(16,)), seed)


def nsf(seed=0):
    keras.utils.set_random_seed(seed)
    return shake(tfflows.NSF(2, transforms=2, hidden_units=(16,)), seed)


def conditional(seed=0):
    keras.utils.set_random_seed(seed)
    flow = tfflows.CouplingNSF(2, context_shape=1, transforms=2, hidden_units=(16,))
    return shake(flow, seed, 0.25)


def contexts(seed=0, rows=ROWS):
    return np.random.default_rng([seed, 7]).normal(size=(rows, 1)).astype("float32")


def draw(flow, seed=1, rows=ROWS, context=None):
    """Draw data that the flow describes exactly."""
    if context is None:
        return flow.sample(rows, seed=seed).numpy()
    return flow.sample((), seed=seed, context=context).numpy()


class _Negated(bijectors.Bijector):
    def __init__(self, right):
        self._right = right
        super().__init__(1, dtype=tf.float32)

    def _inverse_and_ildj(self, y):
        return self._right.inverse(y), -self._right.inverse_log_det_jacobian(y, 1)

    def _forward_and_fldj(self, x):
        return self._right.forward(x), -self._right.forward_log_det_jacobian(x, 1)


class Flipped(layers.MaskedAutoregressive):
    """A layer whose log-determinant has the wrong sign."""

    def bijector(self, context=None):
        return _Negated(super().bijector(context))


def flipped():
    keras.utils.set_random_seed(0)
    chain = [
        layers.MaskedAutoregressive(univariates.Affine(), hidden_units=(16,)),
        layers.Reverse(),
        Flipped(univariates.Affine(), hidden_units=(16,), name="flipped"),
    ]
    return shake(tfflows.Flow(chain, event_shape=3), 0)


class _Poisoned(bijectors.Bijector):
    def __init__(self, number):
        self._number = number
        super().__init__(1, dtype=tf.float32)

    def _inverse_and_ildj(self, y):
        bad = tf.reduce_any(tf.equal(y, self._number), -1, keepdims=True)
        return tf.where(bad, np.nan, y), tf.zeros_like(y[..., 0])

    def _forward_and_fldj(self, x):
        return x, tf.zeros_like(x[..., 0])


class Poison(layers.BijectorLayer):
    """A layer whose output for one row is NaN."""

    def __init__(self, number, **kwargs):
        super().__init__(**kwargs)
        self.number = number

    def bijector(self, context=None):
        return _Poisoned(tf.constant(self.number, tf.float32))
