"""What the README says is what happens: its code runs, its messages are the real ones."""

import os
import re
import shlex
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers
from tfflows_cli.parser import build_parser

from .run import blocks, run

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TEXT = README.read_text("utf-8")


def shell_lines():
    """Return the commands of the README."""
    return [row for b in blocks(TEXT) if b.language == "bash" for row in b.code.splitlines()]


def table(heading):
    """Return the cells of the table under a heading, row by row, without its header."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [row for row in section.splitlines() if row.startswith("|")][2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


@pytest.mark.slow
def test_the_code_runs_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    named = run(README, language="python")

    data = named["data"]
    nll = float(-np.mean(named["again"].log_prob(data.test)))
    assert np.isfinite(nll)
    np.testing.assert_allclose(
        named["again"].log_prob(data.test), named["flow"].log_prob(data.test), rtol=1e-5
    )
    assert len(named["model"].trainable_weights) == 18
    assert -np.mean(named["td"].log_prob(data.test)) < 1.7
    lazy = named["LazyGaussian"]()
    assert lazy.sample(3, context=np.zeros([5, 8], np.float32)).shape == (3, 5)
    assert sorted(os.listdir()) == ["flow.keras", "flow.weights.h5"]


@pytest.mark.slow
def test_the_main_job_comes_close_to_the_entropy():
    first = next(block for block in blocks(TEXT) if block.language == "python")
    keras.utils.set_random_seed(0)
    named = {}
    exec(first.code, named)
    entropy = tfflows.datasets.load("moons", seed=0).entropy
    assert named["flow"].evaluate(named["test"], verbose=0) < entropy + 0.1


def test_set_up_commands():
    assert "pip install -e . && tfflows fit moons" in shell_lines()
    assert 'pip install -e ".[test]" && python -m pytest' in shell_lines()


def test_the_commands_have_the_options_they_use():
    commands = [row.split("&& ")[-1] for row in shell_lines() if "tfflows" in row]
    assert len(commands) == 5
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "tfflows"
        build_parser().parse_args(arguments)


def test_links_to_files():
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", TEXT):
        assert (ROOT / target).exists(), target


def test_every_prebuilt_flow_is_in_the_table_with_its_cost():
    rows = table("Prebuilt flows")
    assert sorted(row[0].strip("`") for row in rows) == sorted(
        ["NICE", "RealNVP", "IAF", "MAF", "NSF", "CouplingNSF"]
    )
    size = 5
    for name, _, reference, _, score, sample in rows:
        flow = getattr(tfflows, name.strip("`"))(size, transforms=1, hidden_units=(8,))
        layer = flow.bijector_layers[1]
        layer = getattr(layer, "layer", layer)
        made = layer.network if hasattr(layer, "network") else layer.conditioner
        assert re.search(r"arxiv.org/abs/([\d.]+)", reference)[1] in (
            getattr(tfflows, name.strip("`")).__doc__
        )
        expected = {"1": 1, "D": size}
        # In eager mode and outside the compiled calls, each evaluation can be counted.
        dist = flow.distribution()
        assert (
            calls_of(made, lambda dist=dist: dist.log_prob(tf.zeros([4, size])))
            == (expected[score])
        )
        dist = flow.distribution()
        assert calls_of(made, lambda dist=dist: dist.sample(4, seed=(0, 0))) == expected[sample]


def calls_of(network, action) -> int:
    """Count how often `action` evaluates a network."""
    count = 0
    inner = type(network).call

    def counting(self, *args, **kwargs):
        nonlocal count
        count += self is network
        return inner(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(network), "call", counting)
        action()
    return count


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)


def test_what_tfflows_says(rows):
    said = [row[1].replace("\\|", "|") for row in table("Misuse")]
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
    flow.compile()
    with_nan, constant = rows.copy(), rows.copy()
    with_nan[17, 0] = np.nan
    constant[:, 1] = 3.0
    shared = layers.Shift()
    attempts = [
        lambda: flow.fit(with_nan, verbose=0),
        lambda: flow.fit(constant, verbose=0),
        lambda: flow.log_prob(np.zeros([1000, 3], np.float32)),
        lambda: tfflows.MAF(2, context_shape=2).log_prob(rows),
        lambda: flow.fit(rows, np.arange(1000), verbose=0),
        lambda: tfflows.Flow([tfb.Shift(keras.Variable([0.0, 0.0]))], event_shape=2),
        lambda: tfflows.RealNVP(1),
        lambda: tfflows.Flow([shared, shared], event_shape=2),
    ]
    assert len(said) == len(attempts) + 1
    for words, attempt in zip(said[:-1], attempts, strict=True):
        with pytest.raises((ValueError, TypeError)) as caught:
            attempt()
        for part in words.rstrip(".").split("..."):
            assert part in str(caught.value)


def test_training_stops_at_nan(rows):
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
    flow.compile(loss=lambda y, log_prob: log_prob * np.nan)
    before = flow.get_weights()
    with pytest.raises(FloatingPointError, match="epoch 1, batch 1"):
        flow.fit(rows, verbose=0)
    # The first five are what the data have set: location, scale and whether they have.
    for old, new in zip(before[3:], flow.get_weights()[3:], strict=True):
        np.testing.assert_array_equal(old, new)


def pasted(heading="Errors people paste"):
    return [row[0].strip("`") for row in table(heading)]


def plain_distribution():
    network = tfb.AutoregressiveNetwork(params=2, hidden_units=[8], activation="relu")
    return tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(loc=[0.0, 0.0]), tfb.MaskedAutoregressiveFlow(network)
    )


class Around(keras.Model):
    """A Keras 3 model around a TFP distribution, with or without a weight of its own."""

    def __init__(self, frozen: bool):
        super().__init__()
        bijector = tfb.MaskedAutoregressiveFlow(
            tfb.AutoregressiveNetwork(params=2, hidden_units=[8], activation="relu")
        )
        if frozen:
            bijector = tfb.Shift(self.add_weight(shape=(2,), name="shift"))
        base = tfd.MultivariateNormalDiag(loc=[0.0, 0.0])
        self.td = tfd.TransformedDistribution(base, bijector)

    def call(self, x):
        return self.td.log_prob(x)


def test_errors_that_people_paste(rows):
    messages = pasted()
    assert len(messages) == 7

    with pytest.raises(ValueError, match=re.escape(messages[0])):
        plain_distribution().log_prob(keras.Input((2,)))

    silent = Around(frozen=False)
    silent.compile("adam", loss=lambda y, log_prob: -log_prob)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        losses = silent.fit(rows, np.zeros(1000), epochs=3, verbose=0).history["loss"]
    assert messages[1] in [str(w.message) for w in caught]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)

    frozen = Around(frozen=True)
    frozen.compile("adam", loss=lambda y, log_prob: -log_prob)
    with pytest.raises(ValueError, match=re.escape(messages[2])):
        frozen.fit(rows, np.zeros(1000), verbose=0)

    with pytest.raises(ValueError, match=re.escape(messages[3])):
        keras.Sequential([keras.layers.Dense(2), tfb.Permute([1, 0])])

    import copy

    with pytest.raises(TypeError, match=re.escape(messages[4])):
        copy.deepcopy(plain_distribution())

    import tensorflow_probability

    source = (Path(tensorflow_probability.__file__).parent / "python/__init__.py").read_text()
    assert "import distutils" in source
    assert messages[6] in source


def test_what_to_do_about_them(rows):
    model = tfflows.DistributionModel(plain_distribution())
    assert len(model.trainable_weights) == 4
    inputs = keras.Input((2,))
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
    functional = keras.Model(inputs, flow(inputs))
    np.testing.assert_allclose(functional(rows), flow.log_prob(rows), rtol=1e-5)
    clone = keras.models.clone_model(model)
    assert clone.log_prob(rows).shape == (1000,)


@pytest.mark.parametrize(
    "first_is_nearest_the_data", [tfb.Chain, lambda entries: tfflows.Flow(entries, event_shape=())]
)
def test_directions(first_is_nearest_the_data):
    chain = first_is_nearest_the_data([tfb.Shift(1.0), tfb.Scale(10.0)])
    assert float(chain.forward(tf.constant(2.0))) == 21.0
    assert float(chain.inverse(tf.constant(21.0))) == 2.0


def test_limits():
    with pytest.raises(ValueError, match="mixed_float16"):
        tfflows.MAF(2, dtype="mixed_float16")
    for dtype in ("mixed_bfloat16", "float64"):
        flow = tfflows.MAF(2, transforms=1, hidden_units=(8,), dtype=dtype)
        assert flow.log_prob(np.zeros([3, 2])).dtype.name == dtype.replace("mixed_b", "").replace(
            "float16", "float32"
        )
