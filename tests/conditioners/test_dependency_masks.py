"""A network of a graph: outputs depend on the parents that it names, and on nothing else."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfflows import layers, univariates
from tfflows.conditioners import AutoregressiveNetwork
from tfflows.conditioners.dependency_masks import DependencyMasks


def random_graph(rng, size, context_size=0):
    """Return an acyclic graph in a hidden order, about half of its edges there."""
    order = rng.permutation(size)
    graph = np.tril(rng.random((size, size)) < 0.5, -1)[np.argsort(order)][:, np.argsort(order)]
    return np.concatenate([graph, rng.random((size, context_size)) < 0.5], axis=1)


def what_outputs_see(network, size, context_size=0):
    """Return where the Jacobian of a network with random weights is not zero, [D, D + C]."""
    rng = np.random.default_rng(1)
    for weight in network.weights:
        weight.assign(weight + rng.normal(size=weight.shape))
    x, context = (tf.constant(rng.normal(size=(1, n))) for n in (size, context_size))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, context])
        raw = network(x, context if context_size else None)
    found = [tape.jacobian(raw, given) for given in (x, context)[: 2 if context_size else 1]]
    return np.concatenate([np.any(part[0, :, :, 0] != 0, axis=1) for part in found], axis=-1)


@pytest.mark.parametrize("context_size", [0, 3])
@pytest.mark.parametrize(
    "options",
    [{"hidden_units": (12, 9)}, {"hidden_units": (12, 12), "residual": True}, {"hidden_units": ()}],
    ids=["plain", "residual", "linear"],
)
def test_outputs_see_exactly_what_the_graph_says(options, context_size):
    graph = random_graph(np.random.default_rng(0), 6, context_size)
    network = AutoregressiveNetwork(
        2,
        6,
        adjacency=graph,
        activation="tanh",
        conditional=bool(context_size),
        conditional_event_shape=context_size or None,
        dtype="float64",
        **options,
    )
    np.testing.assert_array_equal(what_outputs_see(network, 6, context_size), graph)


def test_angles_of_a_graph():
    chain = np.eye(4, k=-1)
    network = AutoregressiveNetwork(2, 4, adjacency=chain, period=2.0, dtype="float64")
    np.testing.assert_array_equal(what_outputs_see(network, 4), chain)


def test_degrees_are_the_longest_paths():
    diamond = [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 1, 0]]
    assert DependencyMasks(diamond, 4).degrees == (1, 2, 2, 3)
    assert DependencyMasks(np.eye(3), 3).degrees == (1, 1, 1)


def test_a_full_triangle_is_the_usual_network():
    full = np.tril(np.ones((4, 4)), -1)
    masks = [
        network.masks
        for network in (
            AutoregressiveNetwork(2, 4, hidden_units=(6, 7), adjacency=full),
            AutoregressiveNetwork(2, 4, hidden_units=(6, 7)),
        )
    ]
    for ours, usual in zip(*masks, strict=True):
        np.testing.assert_array_equal(ours, usual)


def test_all_of_the_context_is_seen_where_the_graph_names_no_column():
    network = AutoregressiveNetwork(
        2, 3, True, 2, adjacency=np.eye(3, k=-1), activation="tanh", dtype="float64"
    )
    expected = np.concatenate([np.eye(3, k=-1), np.ones((3, 2))], axis=1)
    np.testing.assert_array_equal(what_outputs_see(network, 3, 2), expected)


@pytest.mark.parametrize(
    "graph, words",
    [
        ([[0, 1, 0], [0, 0, 1], [1, 0, 0]], "0, which depends on 1, which depends on 2, which"),
        ([[0, 0, 0], [0, 0, 1], [1, 1, 0]], "cycle: coordinate 1, which depends on 2, which"),
        (np.zeros((2, 3)), r"shape \(3, 3\), a row for each coordinate; got shape \(2, 3\)"),
        (np.zeros((3, 5)), r"got shape \(3, 5\)"),
        ([[0, 0, 2], [0, 0, 0], [0, 0, 0]], "zeros and ones"),
        ([["a", "b", "c"]] * 3, "zeros and ones"),
    ],
)
def test_a_wrong_graph_is_named(graph, words):
    layer = layers.MaskedAutoregressive(univariates.Affine(), adjacency=graph)
    with pytest.raises(ValueError, match=words):
        layer.build((3,))


def test_columns_of_the_context_are_refused_where_their_number_is_another():
    layer = layers.MaskedAutoregressive(univariates.Affine(), adjacency=np.zeros((3, 5)))
    with pytest.raises(ValueError, match=r"\(3, 3\) or \(3, 4\).*context last; got shape \(3, 5\)"):
        layer.build((3,), (1,))


def test_too_narrow_a_layer_is_named():
    with pytest.raises(ValueError, match=r"each of the 3 different sets .* hidden_units=\[2\]"):
        AutoregressiveNetwork(2, 4, hidden_units=(2,), adjacency=np.tril(np.ones((4, 4)), -1))


@pytest.mark.parametrize("option", [{"input_order": "random"}, {"passes": 2}])
def test_a_second_order_is_refused(option):
    with pytest.raises(ValueError, match="adjacency says in which order"):
        AutoregressiveNetwork(2, 3, adjacency=np.eye(3), **option)


def test_a_layer_says_what_its_graph_is_and_keeps_it_in_its_config():
    graph = random_graph(np.random.default_rng(2), 5)
    layer = layers.MaskedAutoregressive(univariates.Affine(), adjacency=graph)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    for one in (layer, again):
        one.build((5,))
        np.testing.assert_array_equal(one.adjacency, graph | np.eye(5, dtype=bool))
        assert "adjacency=" in repr(one)
    plain = layers.MaskedAutoregressive(univariates.Affine())
    plain.build((5,))
    assert "adjacency" not in repr(plain)
