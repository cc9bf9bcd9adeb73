"""What a flow says of itself: in Python, in a notebook, by `summary`."""

import inspect
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, univariates
from tfflows.interop.description import describe

X = np.random.default_rng(0).normal([1.0, -2.0], [2.0, 0.5], size=(500, 2)).astype("float32")


def lines_of(flow):
    return {
        name: re.sub(r"\s+", " ", what)
        for name, what in re.findall(r"^  (\w+):\s+((?:.+\n?      )*.+)$", repr(flow), re.M)
    }


@pytest.fixture(scope="module")
def flow():
    return tfflows.Flow(
        [
            layers.Standardize(name="standardize"),
            layers.MaskedAutoregressive(
                univariates.RationalQuadraticSpline(bins=4), (8, 9), order=[2, 1], name="spline"
            ),
            tfb.Permute([1, 0], name="exchange"),
            layers.Coupling(univariates.Affine(), name="affine"),
            layers.Invert(layers.LU(name="lu"), name="inverse"),
            layers.Shift([0.5, 0.25], name="shift"),
        ],
        event_shape=2,
        context_shape=3,
        context_network=keras.Sequential([keras.layers.Dense(4)], name="embedding"),
        base=tfd.MultivariateNormalDiag(loc=[0.0, 1.0]),
        name="mine",
    )


def test_repr_shows_each_layer_with_what_it_was_made_of(flow):
    first = repr(flow).splitlines()[0]
    assert first == "Flow(name='mine', event_shape=(2,), context_shape=(3,))"
    lines = lines_of(flow)
    spline = lines["spline"]
    assert spline.startswith("MaskedAutoregressive(RationalQuadraticSpline(bins=4),")
    assert spline.endswith("hidden_units=(8, 9), order=(2, 1))")
    assert lines["affine"] == "Coupling(Affine(), mask='half', hidden_units=(64, 64))"
    assert lines["inverse"] == "Invert(LU())"
    assert lines["shift"] == "Shift(shift=[0.5, 0.25])"
    assert "tfb.Permute([1, 0])" in lines.values()
    assert lines["base"] == "tfd.MultivariateNormalDiag(loc=[0.0, 1.0])"
    assert lines["embedding"] == "Sequential"
    assert list(lines)[-3:] == ["base", "context_standardize", "embedding"]
    assert max(map(len, repr(flow).splitlines())) <= 80


def test_it_says_what_waits_for_data_and_what_was_taken_from_them():
    flow = tfflows.Flow([layers.Standardize(name="s"), layers.ActNorm(name="a")], event_shape=2)
    assert lines_of(flow)["s"] == "Standardize(), waits for data"
    flow.adapt(X)
    mean, deviation = (describe(f(X, axis=0)) for f in (np.mean, np.std))
    assert lines_of(flow)["s"] == f"Standardize(), mean {mean}, deviation {deviation}"
    assert lines_of(flow)["a"] == "ActNorm(), set from data"


@pytest.mark.parametrize("name", tfflows.flows.__all__)
def test_every_prebuilt_flow_names_its_parts(name):
    make = getattr(tfflows, name)
    options = {"transforms": 1, "hidden_units": (8,)}
    taken = inspect.signature(make).parameters
    flow = make(2, **{key: value for key, value in options.items() if key in taken})
    lines = lines_of(flow)
    assert list(lines) == [layer.name for layer in flow.bijector_layers] + ["base"]
    assert "hidden_units=(8,)" in repr(flow).replace("\n", "")
    assert "module" not in repr(flow) and "object at" not in repr(flow)


def test_summary_tells_flows_apart(flow):
    def printed(flow):
        lines = []
        flow.summary(print_fn=lambda line, **_: lines.append(line))
        return "\n".join(lines)

    assert repr(flow).replace("\n", "\n ") in printed(flow)
    small = {"transforms": 1, "hidden_units": (8,)}
    affine, spline = (printed(make(2, **small)) for make in (tfflows.MAF, tfflows.NSF))
    assert "Affine" in affine and "bins=8" in spline and "hidden_units=(8,)" in spline
    for text in (affine, spline):
        assert "?" not in text
        assert re.search(r"base \(BaseDistribution\) +\W+\(None, 2\)", text)


def test_a_notebook_gets_a_table(flow):
    shown = flow._repr_html_()
    assert shown.count("<tr>") == 1 + 6 + 1 + 2
    assert "<code>mine</code>: events of (2,) given contexts of (3,)" in shown
    assert "order=(2, 1)" in shown and "waits for data" in shown
    count = sum(int(np.prod(weight.shape)) for weight in flow.trainable_weights)
    assert f"{count:,} parameters" in shown
    assert "&lt;" in tfflows.Flow([layers.Shift()], 2, name="a")._repr_html_().replace("a", "&lt;")


def test_in_a_graph_and_while_it_is_made_it_says_what_it_can():
    flow = tfflows.Flow([layers.Standardize()], event_shape=2)

    @tf.function
    def inside():
        return tf.constant(repr(flow))

    assert inside().numpy().decode() == repr(flow)
    assert "Flow" in repr(tfflows.Flow.__new__(tfflows.Flow))


def test_layers_of_others_are_described_too():
    class Mine(layers.BijectorLayer):
        def __init__(self, power, rate=2.0, **kwargs):
            super().__init__(**kwargs)
            self.power, self.rate = power, rate

    assert repr(Mine(3)) == "Mine(3)" and repr(Mine(3, rate=0.5)) == "Mine(3, rate=0.5)"


@pytest.mark.parametrize(
    "thing, text",
    [
        (tfb.Scale(tf.Variable([1.0, 0.5])), "tfb.Scale(scale=[1.0, 0.5])"),
        (
            tfb.Chain([tfb.Exp(), tfb.Invert(tfb.Tanh())]),
            "tfb.Chain(bijectors=[tfb.Exp(), tfb.Invert(tfb.Tanh())])",
        ),
        (np.float64(0.123456), "0.1235"),
        (np.zeros([3, 4], np.int32), "int32[3, 4]"),
        ((8, 8), "(8, 8)"),
        ((8,), "(8,)"),
        (tf.nn.relu, "relu"),
        ("relu", "'relu'"),
        (None, "None"),
        (univariates.Affine(), "Affine()"),
        (univariates.LinearSpline(bound=3.0), "LinearSpline(bins=8, bound=3.0)"),
    ],
)
def test_short_texts(thing, text):
    assert describe(thing) == text


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: tfflows.Flow([layers.Shift()], 2, contex_shape=3), "mean context_shape?"),
        (lambda: layers.MaskedAutoregressive(univariates.Affine(), pases=2), "mean passes?"),
        (lambda: layers.Shift(hiden_units=(3,)), "mean hidden_units?"),
        (lambda: univariates.RationalQuadraticSpline(bin=8), "mean bins?"),
        (lambda: univariates.UnconstrainedMonotonic(embeding=8), "mean embedding?"),
    ],
)
def test_a_misspelled_option_names_the_right_one(make, message):
    with pytest.raises(TypeError, match=re.escape(f"did you {message}")):
        make()
