"""The dense and the residual network: shapes, context, serialization, dtypes, errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfflows.conditioners import DenseNetwork, ResidualNetwork
from tfflows.conditioners.base import ContextNetwork

FACTORIES = {
    "dense": lambda **kwargs: DenseNetwork(5, hidden_units=(16, 9), **kwargs),
    "linear": lambda **kwargs: DenseNetwork(5, hidden_units=(), **kwargs),
    "residual": lambda **kwargs: ResidualNetwork(5, width=16, blocks=2, **kwargs),
    "ungated": lambda **kwargs: ResidualNetwork(5, 16, context_gate=False, **kwargs),
}
every_network = pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES.keys())
with_and_without_context = pytest.mark.parametrize("context_size", [None, 3])


def normal(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def inputs(context_size, *batch, dtype=np.float32):
    x = tf.constant(normal(*batch, 2, dtype=dtype))
    c = tf.constant(normal(*batch, 3, dtype=dtype, seed=1))
    return (x,) if context_size is None else (x, c)


@every_network
@with_and_without_context
def test_weights_exist_at_construction_and_get_gradients(factory, context_size):
    net = factory(input_size=2, context_size=context_size)
    assert net.built
    arguments = inputs(context_size, 8)
    with tf.GradientTape() as tape:
        y = net(*arguments)
        loss = tf.reduce_sum(y**2)
    assert y.shape == (8, 5)
    gradients = tape.gradient(loss, net.trainable_variables)
    assert gradients
    assert all(g is not None and np.any(g.numpy() != 0.0) for g in gradients)


@every_network
@with_and_without_context
def test_first_call_builds_the_same_network(factory, context_size):
    early = factory(input_size=2, context_size=context_size, seed=3)
    late = factory(seed=3)
    arguments = inputs(context_size, 4)
    np.testing.assert_array_equal(late(*arguments), early(*arguments))
    assert late.get_config()["context_size"] == context_size
    explicit = factory(seed=3)
    explicit.build(*[a.shape for a in arguments])
    np.testing.assert_array_equal(explicit(*arguments), early(*arguments))


@every_network
@pytest.mark.parametrize("x_batch", [(), (1,), (2,), (3, 1), (3, 2)])
@pytest.mark.parametrize("c_batch", [(), (1,), (2,), (3, 1), (3, 2)])
def test_batch_axes_broadcast(factory, x_batch, c_batch):
    net = factory(input_size=2, context_size=3, seed=0)
    x, c = normal(*x_batch, 2), normal(*c_batch, 3, seed=1)
    batch = np.broadcast_shapes(x_batch, c_batch)
    y = net(x, context=c)
    assert y.shape == (*batch, 5)
    full = net(np.broadcast_to(x, (*batch, 2)).copy(), np.broadcast_to(c, (*batch, 3)).copy())
    np.testing.assert_allclose(y, full, rtol=1e-5, atol=1e-6)


def test_dense_formula():
    net = DenseNetwork(
        5, (7,), input_size=2, context_size=3, bias_initializer="normal", dtype="float64"
    )
    x, c = normal(4, 2, dtype=np.float64), normal(4, 3, dtype=np.float64)
    kernel = np.concatenate([net.kernels[0].numpy(), net.context_kernel.numpy()])
    h = np.maximum(np.concatenate([x, c], axis=-1) @ kernel + net.biases[0].numpy(), 0.0)
    expected = h @ net.kernels[1].numpy() + net.biases[1].numpy()
    np.testing.assert_allclose(net(x, c), expected, rtol=1e-12)


def test_gate_closes_a_block():
    net = ResidualNetwork(5, 8, blocks=1, input_size=2, context_size=3, seed=0)
    x, c = inputs(3, 4)
    opened = net(x, c).numpy()
    net.gate_biases[0].assign(net.gate_biases[0] - 1e4)
    closed = net(x, c).numpy()
    assert np.any(opened != closed)
    net.kernels[1].assign(net.kernels[1] * 0.0)
    net.biases[1].assign(net.biases[1] * 0.0)
    np.testing.assert_allclose(net(x, c), closed, atol=1e-6)


@every_network
@with_and_without_context
def test_zero_output(factory, context_size):
    net = factory(
        input_size=2, context_size=context_size, zero_output=True, bias_initializer="ones"
    )
    assert not np.any(net(*inputs(context_size, 4)))


@every_network
@with_and_without_context
def test_config_round_trip(factory, context_size):
    net = factory(
        input_size=2,
        context_size=context_size,
        activation="silu",
        dropout=0.1,
        kernel_initializer="he_normal",
        seed=4,
        dtype="float64",
        name="net",
    )
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(net))
    assert again.get_config() == net.get_config()
    again.set_weights(net.get_weights())
    arguments = inputs(context_size, 4, dtype=np.float64)
    np.testing.assert_array_equal(again(*arguments), net(*arguments))


@every_network
@with_and_without_context
def test_functional_model_trains_saves_and_loads(factory, context_size, tmp_path):
    symbols = [keras.Input((2,)), keras.Input((3,))][: 1 if context_size is None else 2]
    model = keras.Model(symbols, factory(dropout=0.1)(*symbols))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    data = [np.asarray(a) for a in inputs(context_size, 64)]
    target = normal(64, 5, seed=7)
    before = model.evaluate(data, target, verbose=0)
    model.fit(data, target, epochs=10, verbose=0)
    assert model.evaluate(data, target, verbose=0) < before
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(data), model(data))


@every_network
@with_and_without_context
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_eager_graph_and_xla_agree(factory, context_size, dtype):
    net = factory(input_size=2, context_size=context_size, dtype=dtype)
    tolerance = {"float32": 1e-5, "float64": 1e-12}[dtype]
    for batch in (0, 3):
        arguments = inputs(context_size, batch, dtype=dtype)
        eager = net(*arguments)
        assert eager.shape == (batch, 5)
        assert eager.dtype == dtype
        for compiled in (tf.function(net), tf.function(net, jit_compile=True)):
            np.testing.assert_allclose(compiled(*arguments), eager, rtol=tolerance, atol=tolerance)


@every_network
def test_mixed_bfloat16(factory):
    net = factory(input_size=2, context_size=3, dtype="mixed_bfloat16")
    assert net(*inputs(3, 4)).dtype == tf.bfloat16


@every_network
def test_errors(factory):
    net = factory(input_size=2, context_size=3)
    x, c = inputs(3, 4)
    with pytest.raises(ValueError, match=r"needs context of shape \(..., 3\); got None"):
        net(x)
    with pytest.raises(ValueError, match=r"context of shape \(..., 3\); context has shape \(4, 2"):
        net(x, x)
    with pytest.raises(ValueError, match=r"x of shape \(..., 2\); x has shape \(4, 3\)"):
        net(c, c)
    with pytest.raises(ValueError, match=r"x has shape \(4, 2\) and context has shape \(3, 3\)"):
        net(x, c[:3])
    with pytest.raises(ValueError, match="was built without a context"):
        factory(input_size=2)(x, c)
    with pytest.raises(ValueError, match="last axis of x must be known"):
        factory()(keras.Input((None,)))
    with pytest.raises(ValueError, match="x must have 2 columns"):
        ContextNetwork(5, input_size=2).build((None, 3))


@pytest.mark.parametrize(
    ("network", "arguments", "message"),
    [
        (DenseNetwork, {"output_size": 0}, "output_size must be an integer of at least 1"),
        (DenseNetwork, {"hidden_units": (4, -1)}, "each entry of hidden_units"),
        (DenseNetwork, {"dropout": -0.1}, "dropout must be a rate"),
        (DenseNetwork, {"context_size": 0}, "context_size must be"),
        (ResidualNetwork, {"width": 0}, "width must be"),
        (ResidualNetwork, {"blocks": -1}, "blocks must be an integer of at least 0"),
    ],
)
def test_bad_arguments(network, arguments, message):
    with pytest.raises(ValueError, match=message):
        network(**{"output_size": 3, **arguments})
