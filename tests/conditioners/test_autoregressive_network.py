"""The masked network: autoregressivity, broadcasting, serialization, dtypes, errors."""

import itertools
import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from tfflows.conditioners import AutoregressiveNetwork

BATCHES = [(), (1,), (2,), (1, 2), (2, 1), (2, 2)]


def normal(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def make(size=4, params=2, conditional=True, seed=1, **kwargs):
    if conditional:
        kwargs.update(conditional=True, conditional_event_shape=3)
    return AutoregressiveNetwork(params, size, seed=seed, **{"hidden_units": (12, 12), **kwargs})


def jacobian(net, x, c=None):
    """Return d output[d, p] / d x[j] of one event, [D, params, D]."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = net(x) if c is None else net(x, conditional_input=c)
    return tape.jacobian(y, x).numpy()


def assert_autoregressive(net, x, c=None):
    """Check dependence by gradient and by perturbation, for an x of one event."""
    degrees = np.array(net.input_degrees)
    before = degrees[np.newaxis, :] < degrees[:, np.newaxis]
    slopes = np.abs(jacobian(net, x, c)).sum(axis=1)
    assert np.all(slopes[~before] == 0.0)
    call = net if c is None else (lambda value: net(value, conditional_input=c))
    base = call(x).numpy()
    moved = np.zeros_like(before)
    for i, step in itertools.product(range(len(degrees)), (-3.0, 2.0, 50.0)):
        other = x.copy()
        other[i] += step
        moved[:, i] |= np.any(call(other).numpy() != base, axis=-1)
    assert not np.any(moved & ~before)
    return moved, before


@pytest.mark.parametrize("order", ["left-to-right", "right-to-left", "random", [2, 4, 1, 3]])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("passes", [1, 2, 4])
def test_outputs_depend_on_the_coordinates_before_them_alone(order, residual, conditional, passes):
    net = make(
        input_order=order,
        residual=residual,
        conditional=conditional,
        passes=passes,
        activation="tanh",
        hidden_units=(12, 12, 12),
    )
    c = normal(3, seed=2) if conditional else None
    moved, before = assert_autoregressive(net, normal(4), c)
    # Every permitted dependence is there, so that the zeros above are no accident.
    np.testing.assert_array_equal(moved, before)


@pytest.mark.parametrize("degrees", ["equal", "random"])
@pytest.mark.parametrize("residual", [False, True])
def test_a_deep_network_is_autoregressive(degrees, residual):
    net = AutoregressiveNetwork(
        3, 10, hidden_units=(64,) * 11, residual=residual, hidden_degrees=degrees, seed=0
    )
    assert_autoregressive(net, normal(10))


@pytest.mark.parametrize("hidden", [(), (2,), (3, 5)])
@pytest.mark.parametrize("conditional", [False, True])
def test_hidden_layers_narrower_than_the_event_or_none(hidden, conditional):
    net = make(size=7, hidden_units=hidden, conditional=conditional)
    c = normal(3) if conditional else None
    moved, _ = assert_autoregressive(net, normal(7), c)
    assert moved.any()


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.SGD(0.1),
        keras.optimizers.Adam(0.05),
        keras.optimizers.AdamW(0.05, weight_decay=0.1),
        keras.optimizers.Adam(0.05, clipnorm=0.5),
    ],
    ids=["sgd", "adam", "adamw", "clipnorm"],
)
@pytest.mark.parametrize("residual", [False, True])
def test_masks_hold_after_training(optimizer, residual, tmp_path):
    optimizer = type(optimizer).from_config(optimizer.get_config())
    x, c = keras.Input((4,)), keras.Input((3,))
    net = make(residual=residual, input_order="random", kernel_regularizer="l2")
    model = keras.Model([x, c], net(x, c))
    model.compile(optimizer, "mse")
    data = [normal(96, 4), normal(96, 3, seed=1)]
    start = [kernel.numpy() for kernel in net.kernels]
    before = model.evaluate(data, normal(96, 4, 2, seed=2), verbose=0)
    model.fit(data, normal(96, 4, 2, seed=2), batch_size=32, epochs=10, verbose=0)
    assert model.evaluate(data, normal(96, 4, 2, seed=2), verbose=0) < before
    assert all(np.any(a != b.numpy()) for a, b in zip(start, net.kernels, strict=True))
    assert_autoregressive(net, normal(4), normal(3))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    again = next(item for item in loaded.layers if isinstance(item, AutoregressiveNetwork))
    assert again.input_order == net.input_order
    assert again.hidden_degrees == net.hidden_degrees
    assert_autoregressive(again, normal(4), normal(3))
    np.testing.assert_array_equal(loaded.predict(data, verbose=0), model.predict(data, verbose=0))


def test_masked_entries_do_not_matter():
    net = make()
    x, c = normal(5, 4), normal(5, 3)
    expected = net(x, c).numpy()
    for layer, mask in zip(net._network.layers, net.masks, strict=True):
        (kernel,) = layer.blocks
        kernel.assign(kernel + 100.0 * (1.0 - mask))
    np.testing.assert_array_equal(net(x, c), expected)


def test_published_parameter_count_before_the_first_call():
    net = AutoregressiveNetwork(3, [4], hidden_units=[10, 7, 10], activation="relu")
    assert net.built
    assert net.count_params() == 339
    assert len(net.trainable_variables) == 8


@pytest.mark.parametrize("x_batch", BATCHES)
@pytest.mark.parametrize("residual", [False, True])
def test_batch_axes_broadcast(x_batch, residual):
    for c_batch, layers in itertools.product(BATCHES, ["all_layers", "first_layer"]):
        net = AutoregressiveNetwork(
            2,
            3,
            conditional=True,
            conditional_event_shape=4,
            conditional_input_layers=layers,
            hidden_units=(8, 8),
            residual=residual,
            seed=0,
        )
        x, c = normal(*x_batch, 3), normal(*c_batch, 4, seed=1)
        batch = np.broadcast_shapes(x_batch, c_batch)
        y = net(x, conditional_input=c)
        assert y.shape == (*batch, 3, 2)
        full_x = np.broadcast_to(x, (*batch, 3)).reshape(-1, 3)
        full_c = np.broadcast_to(c, (*batch, 4)).reshape(-1, 4)
        one_by_one = np.stack(
            [net(a, conditional_input=b) for a, b in zip(full_x, full_c, strict=True)]
        )
        np.testing.assert_allclose(y, one_by_one.reshape(*batch, 3, 2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 2), (), 4, (4,)])
def test_context_shapes_are_flattened(shape):
    net = AutoregressiveNetwork(2, 3, conditional=True, conditional_event_shape=shape, seed=0)
    event = (shape,) if isinstance(shape, int) else shape
    c = normal(5, *event)
    y = net(normal(5, 3), c)
    flat = AutoregressiveNetwork(
        2, 3, conditional=True, conditional_event_shape=int(np.prod(event)), seed=0
    )
    np.testing.assert_array_equal(y, flat(normal(5, 3), c.reshape(5, -1)))


def test_scalar_events():
    net = AutoregressiveNetwork(2, (), conditional=True, conditional_event_shape=3)
    assert net(normal(5), normal(5, 3)).shape == (5, 2)
    assert net(np.float32(0.3), normal(7, 3)).shape == (7, 2)
    assert AutoregressiveNetwork(2, ())(normal(2, 5)).shape == (2, 5, 2)


@pytest.mark.parametrize("order", ["left-to-right", "right-to-left", "random"])
@pytest.mark.parametrize("layers", ["all_layers", "first_layer"])
@pytest.mark.parametrize("degrees", ["equal", "random"])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("size", [1, 4])
def test_every_coordinate_is_nonlinear_in_the_context(order, layers, degrees, residual, size):
    net = make(
        size,
        input_order=order,
        conditional_input_layers=layers,
        hidden_degrees=degrees,
        residual=residual,
        activation="tanh",
    )
    # The largest bend over several pairs: that of a single pair may cross zero.
    x, a, b = normal(size), normal(8, 3, seed=1), normal(8, 3, seed=2)
    ends = [net(x, c).numpy() for c in (a, b, (a + b) / 2)]
    bend = np.abs(ends[2] - (ends[0] + ends[1]) / 2).max(axis=0)
    assert bend.shape == (size, 2)
    assert np.all(bend > 1e-3)


def test_without_hidden_layers_outputs_are_linear_in_the_context():
    net = make(hidden_units=())
    x, a, b = normal(4), normal(3, seed=1), normal(3, seed=2)
    ends = [net(x, c).numpy() for c in (a, b, (a + b) / 2)]
    np.testing.assert_allclose(ends[2], (ends[0] + ends[1]) / 2, atol=1e-6)
    assert np.all(np.abs(ends[0] - ends[1]) > 1e-5)


def test_one_coordinate_without_context_is_its_bias():
    net = make(1, conditional=False, bias_initializer="random_normal")
    y = net(normal(6, 1))
    np.testing.assert_array_equal(y, np.broadcast_to(net.biases[-1].numpy(), (6, 1, 2)))


def test_one_coordinate_with_context_is_a_network_of_the_context():
    net = make(1)
    assert net.hidden_degrees == ((0,) * 12, (0,) * 12)
    c = normal(6, 3)
    np.testing.assert_array_equal(net(normal(6, 1), c), net(normal(6, 1, seed=5), c))


def test_zero_output():
    for residual, hidden in itertools.product([False, True], [(), (8, 8)]):
        net = make(zero_output=True, residual=residual, hidden_units=hidden)
        net_bias = make(zero_output=True, bias_initializer="ones")
        assert not np.any(net(normal(5, 4), normal(5, 3)))
        assert not np.any(net_bias(normal(5, 4), normal(5, 3)))


@pytest.mark.parametrize("conditional", [False, True])
def test_initial_signals_have_one_size(conditional):
    """Units that see one input start with signals as large as those that see all."""
    net = make(64, conditional=conditional, hidden_units=(512,), activation=None, params=1)
    kernel = net.kernels[0].numpy()
    assert np.all(kernel[net.masks[0] == 0.0] == 0.0)
    scale = normal(4096, 64) @ kernel
    degrees = np.array(net.hidden_degrees[0])
    early = scale[:, (degrees > 0) & (degrees < 8)].std()
    late = scale[:, degrees >= 56].std()
    assert 0.7 < early / late < 1.4


def test_layers_of_one_shape_start_apart_and_follow_the_seed():
    net = make(hidden_units=(12, 12, 12))
    assert np.any(net.kernels[1].numpy() != net.kernels[2].numpy())
    other = make(hidden_units=(12, 12, 12), seed=2)
    same = make(hidden_units=(12, 12, 12))
    for a, b, c in zip(net.kernels, same.kernels, other.kernels, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.any(a.numpy() != c.numpy())
    shared = keras.initializers.GlorotUniform(seed=3)
    net = make(hidden_units=(12, 12, 12), kernel_initializer=shared)
    assert np.any(net.kernels[1].numpy() != net.kernels[2].numpy())
    keras.utils.set_random_seed(4)
    first = make(seed=None, input_order="random", hidden_degrees="random")
    keras.utils.set_random_seed(4)
    second = make(seed=None, input_order="random", hidden_degrees="random")
    third = make(8, seed=None, input_order="random", hidden_degrees="random")
    fourth = make(8, seed=None, input_order="random", hidden_degrees="random")
    assert first.input_order == second.input_order
    np.testing.assert_array_equal(first.kernels[0], second.kernels[0])
    assert third.input_order != fourth.input_order


@pytest.mark.parametrize("event_shape", [5, None])
@pytest.mark.parametrize("seed", [7, None])
def test_config_round_trip_keeps_random_orders(event_shape, seed):
    net = AutoregressiveNetwork(
        2,
        event_shape,
        conditional=True,
        conditional_event_shape=3,
        conditional_input_layers="first_layer",
        hidden_units=(9, 9),
        input_order="random",
        hidden_degrees="random",
        activation="silu",
        passes=3,
        residual=True,
        dropout=0.1,
        zero_output=False,
        kernel_initializer=keras.initializers.HeNormal(seed=1),
        kernel_regularizer=keras.regularizers.L2(0.1),
        seed=seed,
        name="made",
        dtype="float64",
    )
    x, c = normal(6, 5, dtype=np.float64), normal(6, 3, dtype=np.float64)
    y = net(x, c)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(net))
    assert again.built
    assert again.get_config() == net.get_config()
    again.set_weights(net.get_weights())
    np.testing.assert_array_equal(again(x, c), y)
    copy = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(copy(x, c), y)


def test_an_unbuilt_config_round_trips():
    net = AutoregressiveNetwork(2, input_order=[2, 1, 3], hidden_units=(6,))
    again = AutoregressiveNetwork.from_config(net.get_config())
    assert not again.built
    assert again(normal(2, 3)).shape == (2, 3, 2)
    assert again.input_order == (2, 1, 3)


def test_a_file_gives_the_same_function_in_a_new_process(tmp_path):
    x, c = keras.Input((5,)), keras.Input((3,))
    net = make(5, seed=None, input_order="random", hidden_degrees="random", dropout=0.2)
    model = keras.Model([x, c], net(x, conditional_input=c))
    data = [normal(4, 5), normal(4, 3)]
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "data.npz", *data, y=model(data))
    script = (
        "import sys, keras, numpy as np, tfflows.conditioners\n"
        "d = np.load(sys.argv[1] + '/data.npz')\n"
        "model = keras.models.load_model(sys.argv[1] + '/model.keras')\n"
        "np.testing.assert_array_equal(model([d['arr_0'], d['arr_1']]), d['y'])\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=300)


@pytest.mark.parametrize("conditional", [False, True])
def test_functional_models_with_unknown_batch(conditional):
    x, c = keras.Input((None, 4)), keras.Input((1, 3))
    net = make(conditional=conditional)
    inputs = [x, c] if conditional else x
    y = net(x, conditional_input=c) if conditional else net(x)
    assert y.shape == (None, None, 4, 2)
    data = [normal(5, 7, 4), normal(5, 1, 3)]
    result = keras.Model(inputs, y)(data if conditional else data[0])
    direct = net(*data) if conditional else net(data[0])
    np.testing.assert_allclose(result, direct, rtol=1e-6)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_eager_graph_and_xla_agree(residual, conditional, dtype):
    net = make(residual=residual, conditional=conditional, dtype=dtype)
    tolerance = {"float32": 1e-5, "float64": 1e-12}[dtype]
    spec = tf.TensorSpec
    graph = tf.function(net, input_signature=[spec([None, 4], dtype), spec([None, 3], dtype)])
    unranked = tf.function(net, input_signature=[spec(None, dtype), spec(None, dtype)])
    if not conditional:
        graph = tf.function(net, input_signature=[spec([None, 4], dtype)])
        unranked = tf.function(net, input_signature=[spec(None, dtype)])
    xla = tf.function(net, jit_compile=True)
    for batch in (0, 1, 5):
        arguments = [normal(batch, 4, dtype=dtype), normal(batch, 3, dtype=dtype, seed=1)]
        arguments = [tf.constant(a) for a in arguments][: 1 + conditional]
        eager = net(*arguments)
        assert eager.shape == (batch, 4, 2)
        assert eager.dtype == dtype
        for compiled in (graph, unranked, xla):
            result = compiled(*arguments)
            assert result.shape == eager.shape
            np.testing.assert_allclose(result, eager, rtol=tolerance, atol=tolerance)


def test_float64_is_computed_in_float64():
    net = make(dtype="float64")
    x, c = normal(5, 4, dtype=np.float64), normal(5, 3, dtype=np.float64)
    h = x
    for k in range(3):
        kernel = net.kernels[k].numpy() * net.masks[k]
        h = h @ kernel + net.biases[k].numpy() + c @ net.context_kernels[k].numpy()
        h = h if k == 2 else np.maximum(h, 0.0)
    np.testing.assert_allclose(net(x, c), h.reshape(5, 4, 2), rtol=1e-13)


def test_mixed_bfloat16_computes_in_bfloat16():
    net = make(dtype="mixed_bfloat16", residual=True, dropout=0.1)
    y = net(normal(5, 4), normal(5, 3), training=True)
    assert y.dtype == tf.bfloat16
    assert {v.dtype for v in net.trainable_variables} == {"float32"}


def test_integers_and_lists_are_cast():
    net = make(conditional=False)
    np.testing.assert_array_equal(net(np.ones((2, 4), int)), net(np.ones((2, 4), np.float32)))


def test_dropout_acts_in_training_alone():
    for residual in (False, True):
        net = make(dropout=0.5, residual=residual)
        x, c = normal(20, 4), normal(20, 3)
        np.testing.assert_array_equal(net(x, c), net(x, c))
        assert np.any(net(x, c, training=True).numpy() != net(x, c).numpy())


def test_no_bias():
    net = make(use_bias=False)
    assert net.biases == [None] * 3
    assert len(net.trainable_variables) == 6
    assert not np.any(net(np.zeros((2, 4), np.float32), np.zeros((2, 3), np.float32)))


def test_layers_are_exposed_in_order():
    net = make(residual=True, hidden_units=(12, 12, 12))
    assert len(net.kernels) == len(net.biases) == len(net.context_kernels) == len(net.masks) == 6
    assert [c is None for c in net.context_kernels] == [False, False, True, False, True, False]
    for kernel, mask, pair in zip(net.kernels, net.masks, net.layer_degrees, strict=True):
        assert kernel.shape == mask.shape == tuple(map(len, pair))
    assert net.hidden_degrees == (tuple(j // 3 for j in range(12)),) * 3
    assert net.layer_degrees[-1][1] == (1, 1, 2, 2, 3, 3, 4, 4)


@pytest.mark.parametrize("conditional", [False, True])
def test_serves_as_shift_and_log_scale_of_tfp(conditional):
    net = make(3, conditional=conditional)
    flow = tfb.MaskedAutoregressiveFlow(net)
    c = tf.constant(normal(8, 3))
    kwargs = {"conditional_input": c} if conditional else {}
    x = tf.constant(normal(8, 3, seed=3))
    td = tfd.TransformedDistribution(tfd.MultivariateNormalDiag(tf.zeros(3)), flow)
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(td.log_prob(x, bijector_kwargs=kwargs))
    gradients = tape.gradient(loss, net.trainable_variables)
    assert all(g is not None and np.all(np.isfinite(g)) for g in gradients)
    assert np.any(gradients[0] != 0.0)
    z = flow.inverse(tf.identity(x), **kwargs)
    np.testing.assert_allclose(flow.forward(tf.identity(z), **kwargs), x, atol=1e-5)
    start = float(loss)
    optimizer = keras.optimizers.Adam(0.01)
    for _ in range(30):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(td.log_prob(tf.identity(x), bijector_kwargs=kwargs))
        optimizer.apply(tape.gradient(loss, net.trainable_variables), net.trainable_variables)
    assert float(loss) < start


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"params": 0}, "params must be an integer of at least 1; got 0"),
        ({"params": 1.5}, "params must be an integer"),
        ({"event_shape": (2, 2)}, "rank 0 or 1"),
        ({"event_shape": 0}, "event_shape must be an integer of at least 1"),
        ({"hidden_units": (8, 0)}, "hidden_units must be an integer of at least 1"),
        ({"hidden_units": "wide"}, "hidden_units must be a sequence"),
        ({"input_order": [0, 1, 3]}, r"input_order must be.*write \[0, 1, 2\]"),
        ({"hidden_degrees": "even"}, "hidden_degrees must be"),
        ({"hidden_degrees": [[1] * 64, [3] * 64]}, r"got degrees \[3\]"),
        ({"passes": 4}, "passes must be"),
        ({"residual": True, "hidden_units": (8, 9)}, r"equal width.*\[8, 9\]"),
        ({"dropout": 1.0}, "dropout must be"),
        ({"activation": "softmax"}, "'softmax' mixes the units"),
        ({"conditional": True}, "needs conditional_event_shape"),
        ({"conditional_event_shape": 2}, "pass conditional=True"),
        ({"conditional_input_layers": "some"}, "'all_layers' or 'first_layer'; got 'some'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        AutoregressiveNetwork(**{"params": 2, "event_shape": 3, **arguments})


def test_bad_calls():
    plain, conditional = make(conditional=False), make()
    with pytest.raises(ValueError, match=r"x of shape \(..., 4\); x has shape \(5, 3\)"):
        plain(normal(5, 3))
    with pytest.raises(ValueError, match=r"takes no conditional_input, but one of shape \(5, 3\)"):
        plain(normal(5, 4), normal(5, 3))
    with pytest.raises(ValueError, match=r"conditional_input of shape \(..., 3\); got None"):
        conditional(normal(5, 4))
    with pytest.raises(ValueError, match=r"conditional_input has shape \(5, 2\)"):
        conditional(normal(5, 4), normal(5, 2))
    with pytest.raises(ValueError, match=r"x has shape \(6, 4\).*has shape \(5, 3\)"):
        conditional(normal(6, 4), normal(5, 3))
    with pytest.raises(ValueError, match="last axis of x must be known"):
        AutoregressiveNetwork(2)(keras.Input((None,)))
    with pytest.raises(ValueError, match="needs a conditional_input"):
        AutoregressiveNetwork(2, conditional=True)(normal(5, 4))
