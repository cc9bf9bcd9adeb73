"""How often the networks run: once where once is enough, with and without a context."""

import collections
import functools

import keras
import pytest
import tensorflow as tf

import tfflows
from tfflows import conditioners, layers, univariates

SIZE = 3


@pytest.fixture
def runs(monkeypatch):
    """A counter of the calls of each kind of network."""
    counts = collections.Counter()
    for network in (conditioners.AutoregressiveNetwork, conditioners.DenseNetwork):
        original = network.call

        def counted(self, *args, original=original, **kwargs):
            counts["runs"] += 1
            return original(self, *args, **kwargs)

        monkeypatch.setattr(network, "call", functools.wraps(original)(counted))
    return counts


def autoregressive(**kwargs):
    return layers.MaskedAutoregressive(univariates.Affine(), hidden_units=(4,), **kwargs)


def coupling(**kwargs):
    return layers.Coupling(univariates.Affine(), hidden_units=(4, 4), **kwargs)


# Runs for a score, for samples, and for samples with their log densities. Where coordinates wait
# for each other, it is the most that may be needed.
FLOWS = {
    "autoregressive": ([autoregressive], (1, SIZE, SIZE)),
    "two passes": ([lambda: autoregressive(passes=2)], (1, 2, 2)),
    "inverted autoregressive": ([lambda: layers.Invert(autoregressive())], (SIZE, 1, 1)),
    "coupling": ([coupling], (1, 1, 1)),
    "inverted coupling": ([lambda: layers.Invert(coupling())], (1, 1, 1)),
    "three couplings": ([coupling, lambda: coupling(swap=True), coupling], (3, 3, 3)),
    "spline coupling": (
        [lambda: layers.Coupling(univariates.RationalQuadraticSpline(bins=3), hidden_units=(4, 4))],
        (1, 1, 1),
    ),
    "mixed": ([layers.Standardize, autoregressive, layers.Reverse, coupling], (2, 4, 4)),
}


def questions(flow, x, context):
    shape = () if context is not None else (2,)

    def score(x):
        return flow.distribution(context).log_prob(x)

    def sample(x):
        return flow.distribution(context).sample(shape, seed=(0, 1))

    def both(x):
        return flow.distribution(context).experimental_sample_and_log_prob(shape, seed=(0, 1))

    return score, sample, both


@pytest.mark.parametrize("conditional", [False, True], ids=["plain", "conditional"])
@pytest.mark.parametrize("name", FLOWS)
def test_in_eager(name, conditional, runs):
    chain, expected = FLOWS[name]
    flow = tfflows.Flow([make() for make in chain], SIZE, 2 if conditional else None)
    x = tf.ones([2, SIZE])
    context = tf.ones([2, 2]) if conditional else None
    found = []
    for question in questions(flow, x, context):
        runs.clear()
        question(x)
        found.append(runs["runs"])
    for count, most in zip(found, expected, strict=True):
        assert count == most if most == expected_least(chain) else count <= most, found


def expected_least(chain):
    """Return the number of networks in a chain: each must run once."""
    return sum(make not in (layers.Standardize, layers.Reverse) for make in chain)


@pytest.mark.parametrize("conditional", [False, True], ids=["plain", "conditional"])
@pytest.mark.parametrize("name", FLOWS)
def test_in_a_graph(name, conditional, runs):
    """Tracing shows each evaluation once; a loop over coordinates shows its body, if any, once."""
    chain, expected = FLOWS[name]
    flow = tfflows.Flow([make() for make in chain], SIZE, 2 if conditional else None)
    x = tf.ones([2, SIZE])
    context = tf.ones([2, 2]) if conditional else None
    for question, count in zip(questions(flow, x, context), expected, strict=True):
        runs.clear()
        tf.function(question, autograph=False).get_concrete_function(x)
        if count == expected_least(chain):
            assert runs["runs"] == count
        else:
            assert runs["runs"] <= expected_least(chain) + 1


@pytest.mark.parametrize("conditional", [False, True], ids=["plain", "conditional"])
def test_training_runs_the_network_once(conditional, runs):
    """A gradient needs no second run."""
    flow = tfflows.Flow([autoregressive()], SIZE, 2 if conditional else None)
    x, context = tf.ones([2, SIZE]), tf.ones([2, 2]) if conditional else None
    runs.clear()
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(flow(x, context=context))
    tape.gradient(loss, flow.trainable_variables)
    assert runs["runs"] == 1


def test_the_public_calls_trace_once_and_then_never_again(runs):
    flow = tfflows.MAF(SIZE, 2, transforms=2, hidden_units=(4,))
    x, context = tf.ones([4, SIZE]), tf.ones([4, 2])
    runs.clear()
    for rows in (4, 3, 1):
        flow.log_prob(x[:rows], context[:rows])
    assert runs["runs"] == 2
    flow.sample(3, seed=1, context=context)
    runs.clear()
    for shape in (5, (2, 2), ()):
        flow.sample(shape, seed=1, context=context)
    assert runs["runs"] == 0


def test_a_context_network_runs_once_for_all_layers():
    calls = []

    class Network(keras.layers.Dense):
        def call(self, inputs):
            calls.append(tuple(inputs.shape))
            return super().call(inputs)

    flow = tfflows.Flow(
        [coupling(), layers.Shift(), autoregressive()], SIZE, 2, context_network=Network(4)
    )
    context = tf.ones([5, 2])
    for ask in (
        lambda: flow(tf.ones([5, SIZE]), context=context),
        lambda: flow.distribution(context).experimental_sample_and_log_prob(seed=(0, 1)),
        lambda: flow.distribution(context).sample(4, seed=(0, 1)),
    ):
        calls.clear()
        ask()
        assert calls == [(5, 2)]
