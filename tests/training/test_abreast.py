"""Many rows at the same time are the same rows."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

import tfflows
from tfflows.models.density_model import DensityModel
from tfflows.training import trainer
from tfflows.training.abreast import abreast, repays

MANY = 5001


@pytest.mark.parametrize("count", [0, 1, 2, 7, MANY])
@pytest.mark.parametrize("contexts", [None, "one", "each"])
def test_every_row_once_and_in_its_place(count, contexts):
    rows, context = tf.TensorSpec([None, 2]), tf.TensorSpec([None])
    signature = [rows] if contexts is None else [rows, context]

    @tf.function(input_signature=signature)
    def program(x, c=0.0):
        return {"sum": tf.reduce_sum(x, -1) + c, "twice": (2 * x,)}

    many = tf.function(abreast(program.get_concrete_function()), input_signature=signature)
    x = np.random.default_rng(0).normal(size=(count, 2)).astype("float32")
    given = [] if contexts is None else [np.arange(count if contexts == "each" else 1, dtype="f4")]
    found = many(x, *given)
    np.testing.assert_array_equal(found["sum"], x.sum(-1) + (given[0] if given else 0))
    np.testing.assert_array_equal(found["twice"][0], 2 * x)


def test_no_half_is_larger_than_the_other():
    sizes = []
    rows = tf.TensorSpec([None])

    @tf.function(input_signature=[rows])
    def program(x):
        tf.numpy_function(lambda n: sizes.append(int(n)), [tf.size(x)], [])
        return x

    tf.function(abreast(program.get_concrete_function()), input_signature=[rows])(tf.range(7.0))
    assert sorted(sizes) == [3, 4]


def test_a_flow_of_many_rows_has_the_densities_and_gradients_of_few():
    flow = tfflows.MAF(3, transforms=2, hidden_units=(16,), context_shape=2)
    random = np.random.default_rng(0)
    x = tf.constant(random.normal(size=(MANY, 3)), tf.float32)
    context = tf.constant(random.normal(size=(len(x), 2)), tf.float32)
    found = []
    for size in (None, MANY // 5):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = flow.log_prob(x, context, batch_size=size)
            mean = tf.reduce_mean(tf.tanh(value))
        found.append([value, *tape.gradient(mean, [x, *flow.trainable_variables])])
    for many, few in zip(*found, strict=True):
        np.testing.assert_allclose(many, few, atol=1e-6 * max(1.0, np.abs(few).max()), rtol=1e-4)


def test_jacobians_and_directional_derivatives_of_many_rows():
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
    x = tf.constant(np.random.default_rng(0).normal(size=(MANY, 2)), tf.float32)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = flow.log_prob(x)
        score = inner.gradient(value, x)
        some = value[:3]
    jacobian = outer.jacobian(some, x)
    np.testing.assert_allclose(jacobian[1, 1], score[1], atol=1e-5)
    assert outer.batch_jacobian(score, x).shape == (MANY, 2, 2)
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as forward:
        value = flow.log_prob(x)
    along = forward.jvp(value)
    np.testing.assert_allclose(along, tf.reduce_sum(score, -1), atol=1e-4)


@pytest.fixture
def always(monkeypatch):
    """Let every compiled program run in halves, and count the rows that are scored in training."""
    monkeypatch.setattr(trainer, "repays", lambda *sizes: True)
    scored = []
    score = DensityModel.call

    def call(self, x, context=None, training=None):
        if training:
            scored.append(x.shape[0])
        return score(self, x, context, training)

    monkeypatch.setattr(DensityModel, "call", call)
    return scored


def fitted(make, rows=230, weighted=False, **compile_to):
    random = np.random.default_rng(0)
    x, context = random.normal(size=(rows, 2)), random.normal(size=(rows, 1))
    keras.utils.set_random_seed(1)
    flow = make()
    flow.compile(keras.optimizers.Adam(1e-2), **compile_to)
    flow.fit(
        x.astype("f4"),
        context=context.astype("f4"),
        sample_weight=random.uniform(0, 2, rows) if weighted else None,
        epochs=2,
        batch_size=31,
        seed=3,
        verbose=0,
    )
    return np.concatenate([w.ravel() for w in flow.get_weights()])


def conditional(**kwargs):
    return tfflows.MAF(2, 1, transforms=2, hidden_units=(8,), **kwargs)


@pytest.mark.parametrize("weighted", [False, True])
def test_training_in_halves_takes_the_same_steps(always, weighted):
    halves = fitted(conditional, weighted=weighted, jit_compile=True)
    assert {15, 16} <= set(always)
    always.clear()
    whole = fitted(conditional, weighted=weighted, steps_per_execution=1)
    assert always and not {15, 16} & set(always)
    np.testing.assert_allclose(halves, whole, atol=2e-5)


def test_training_on_a_stream_in_halves_takes_the_same_steps(always):
    x = np.random.default_rng(0).normal(size=(230, 2)).astype("f4")

    def trained(**compile_to):
        keras.utils.set_random_seed(1)
        flow = tfflows.MAF(2, transforms=2, hidden_units=(8,))
        flow.compile(keras.optimizers.Adam(1e-2), **compile_to)
        flow.adapt(x)
        flow.fit(tf.data.Dataset.from_tensor_slices(x).batch(32), epochs=2, verbose=0)
        return np.concatenate([w.ravel() for w in flow.get_weights()])

    halves = trained(jit_compile=True)
    assert 16 in always
    np.testing.assert_allclose(halves, trained(steps_per_execution=1), atol=2e-5)


class _Centred(tfflows.layers.BijectorLayer):
    """A layer of somebody else's that looks at the whole batch."""

    def bijector(self, context=None):
        return tfb.Shift(0.0 if context is None else tf.reduce_mean(context, 0))


class _Known(_Centred):
    """A layer whose author knows that it does not."""

    row_by_row = True


class _OwnFamily(tfflows.univariates.Affine):
    """A family of somebody else's."""


class _OwnFlow(tfflows.Flow):
    """A flow of somebody else's."""


def _chain(*others):
    affine = tfflows.univariates.Affine()
    return [tfflows.layers.MaskedAutoregressive(affine, hidden_units=(8,)), *others]


class _OwnNormal(tfflows.distributions.StandardNormal):
    """A base of somebody else's."""


def _coupling(**kwargs):
    return tfflows.layers.Coupling(tfflows.univariates.Affine(), **kwargs)


def _shift_and_scale(x, units):
    return x[:, :1] - tf.reduce_mean(x), x[:, :1]


OTHERS = {
    "layer": lambda: tfflows.Flow(_chain(_Centred()), 2, 1),
    "wrapped layer": lambda: tfflows.Flow(_chain(tfflows.layers.Invert(_Centred())), 2, 1),
    "family": lambda: tfflows.Flow([tfflows.layers.Elementwise(_OwnFamily())], 2, 1),
    "function": lambda: tfflows.Flow(
        [
            tfflows.layers.Elementwise(
                tfflows.univariates.Monotone(lambda z, raw: z * tf.exp(raw[..., 0]), 1)
            )
        ],
        2,
        1,
    ),
    "flow": lambda: _OwnFlow(_chain(), 2, 1),
    "base": lambda: tfflows.Flow(_chain(), 2, 1, base=_OwnNormal(2)),
    "context network": lambda: tfflows.Flow(
        _chain(), 2, 1, context_network=keras.layers.Dense(3, name="d")
    ),
    "conditioner": lambda: tfflows.Flow(
        [_coupling(conditioner=tfflows.conditioners.DenseNetwork(8, activity_regularizer="l2"))],
        2,
        1,
    ),
    "activation": lambda: conditional(activation=lambda h: h - tf.reduce_mean(h, 0)),
    "activation with statistics": lambda: tfflows.Flow(
        [_coupling(activation=keras.layers.BatchNormalization())], 2, 1
    ),
    "dropout": lambda: conditional(dropout=0.5),
    "TFP function": lambda: tfflows.Flow(
        _chain(tfb.Inline(tf.identity, tf.identity, tf.zeros_like, forward_min_event_ndims=0)),
        2,
        1,
    ),
    "TFP network": lambda: tfflows.Flow(
        _chain(tfb.Chain([tfb.RealNVP(1, shift_and_log_scale_fn=_shift_and_scale)])), 2, 1
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_somebody_else_wrote_sees_whole_batches(name):
    assert not OTHERS[name]().row_by_row


@pytest.mark.parametrize("name", ["layer", "activation with statistics", "dropout"])
def test_training_halves_nothing_that_it_does_not_know(always, name):
    fitted(OTHERS[name], jit_compile=True)
    assert 31 in always and not {15, 16} & set(always)


def test_programs_without_xla_are_not_halved(always):
    fitted(conditional, jit_compile=False)
    assert 31 in always and not {15, 16} & set(always)


def test_runs_that_can_be_resumed_are_not_halved(always, tmp_path):
    x = np.random.default_rng(0).normal(size=(62, 2)).astype("f4")
    for data in (x, tf.data.Dataset.from_tensor_slices(x).batch(31)):
        flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
        flow.compile("adam", jit_compile=True)
        flow.adapt(x)
        resume = tfflows.training.Resume(tmp_path / str(id(data)))
        flow.fit(data, batch_size=31, epochs=1, verbose=0, callbacks=[resume])
    assert always and not {15, 16} & set(always)


@pytest.mark.parametrize(
    "make",
    [
        conditional,
        lambda: conditional(activation=keras.activations.silu),
        lambda: conditional(activation=tf.tanh),
        lambda: tfflows.NSF(2, 1, transforms=1, hidden_units=(8,)),
        lambda: tfflows.Flow(_chain(_Known(), tfflows.layers.Invert(_Known())), 2, 1),
        lambda: tfflows.RealNVP(2, 1, transforms=2, hidden_units=(8,)),
        lambda: tfflows.Flow(
            _chain(tfb.Permute([1, 0]), tfb.Chain([tfb.Scale([2.0, 1.0]), tfb.Invert(tfb.Exp())])),
            2,
            1,
        ),
    ],
)
def test_what_is_known_may_be_halved(make):
    assert make().row_by_row


def test_halves_must_pay(monkeypatch):
    sizes = {"weights": 300_000, "rows": 256, "steps": 10_000}
    monkeypatch.setattr("tfflows.training.abreast._cores", lambda: 2)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: ["processor"])
    assert repays(**sizes)
    assert not repays(**{**sizes, "steps": 1_000})
    assert not repays(**{**sizes, "steps": None})
    assert not repays(**{**sizes, "rows": 32, "steps": 1_000_000})
    assert not repays(weights=1_000, rows=1, steps=10**12)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: ["processor", "accelerator"])
    assert not repays(**sizes)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: ["processor"])
    monkeypatch.setattr("tfflows.training.abreast._cores", lambda: 1)
    assert not repays(**sizes)
