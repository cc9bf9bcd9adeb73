"""What the guide says is what happens; its cells run, and assert their own, when it is built."""

import re
import shlex
import warnings
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, univariates
from tfflows_cli.parser import build_parser

from .run import CELL, blocks, table

FOLDER = Path(__file__).parent
CHAINS, COMMANDS, ERRORS, SAVING = (
    (FOLDER / page).read_text("utf-8")
    for page in (
        "guide/chains.md",
        "guide/command_line.md",
        "guide/errors.md",
        "practice/saving.md",
    )
)


def commands(text):
    """Return the lines of a page that call ``tfflows``, of blocks of bash and of `shell` cells."""
    code = [block.code for block in blocks(text) if block.language in ("bash", CELL)]
    rows = "\n".join(code).replace("\\\n", "").splitlines()
    return [row for row in rows if row.startswith("tfflows ")]


@pytest.mark.parametrize("text, count", [(COMMANDS, 9), (SAVING, 3)], ids=["guide", "saving"])
def test_the_commands_have_the_options_they_use(text, count):
    assert len(commands(text)) == count
    for command in commands(text):
        _, *arguments = shlex.split(command)
        build_parser().parse_args(arguments)


def test_every_command_is_shown():
    (subcommands,) = (
        action.choices for action in build_parser()._actions if isinstance(action.choices, dict)
    )
    assert {command.split()[1] for command in commands(COMMANDS)} == set(subcommands)


@pytest.mark.parametrize("package", [layers, univariates], ids=lambda package: package.__name__)
def test_the_lists_are_complete(package):
    short = package.__name__.removeprefix("tfflows.")
    listed = set(re.findall(rf"`{short}\.(\w+)`", CHAINS))
    base = {"Univariate"} if package is univariates else set()
    assert set(package.__all__) - base == listed


def test_the_table_of_signatures():
    served = {name for row in table(SAVING, "A SavedModel") for name in row[0].split(", ")}
    named = {name.strip("`") for name in served} - {"serving_default"}
    assert all(callable(getattr(tfflows.Flow, name)) for name in named) and len(named) == 5


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)


class KeepsDims(layers.BijectorLayer):
    """A layer whose log-determinant has an axis too many."""

    def build(self, event_shape, context_shape=None):
        self.built = True

    def inverse(self, x, context=None, seed=None):
        return x, tf.reduce_sum(x, -1, keepdims=True)


def test_what_tfflows_says(rows):
    said = [row[1] for row in table(ERRORS, "Misuse")]
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
    flow.compile()
    with_nan, constant = rows.copy(), rows.copy()
    with_nan[17, 0] = np.nan
    constant[:, 1] = 3.0
    shared = layers.Shift()
    frame = pd.DataFrame(rows, columns=["height", "age"])
    named = tfflows.SinhArcsinhNormal(2)
    named.adapt(frame)
    attempts = [
        lambda: flow.fit(with_nan, verbose=0),
        lambda: named.log_prob(frame.rename(columns={"age": "Age"})),
        lambda: flow.fit(constant, verbose=0),
        lambda: flow.log_prob(np.zeros([1000, 3], np.float32)),
        lambda: tfflows.MAF(2, context_shape=2).log_prob(rows),
        lambda: flow.fit(rows, np.arange(1000), verbose=0),
        lambda: tfflows.Flow([tfb.Shift(keras.Variable([0.0, 0.0]))], event_shape=2),
        lambda: tfflows.RealNVP(1),
        lambda: tfflows.Flow([shared, shared], event_shape=2),
        lambda: tfflows.Flow([tfb.BatchNormalization()], event_shape=2),
        lambda: tfflows.Flow([KeepsDims()], event_shape=2),
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
    messages = [row[0].strip("`") for row in table(ERRORS, "Errors people paste")]
    assert len(messages) == 8

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
    assert "newshape" in messages[6]  # what the doctor says of it is tried in its own tests
    assert messages[7] in source


def test_what_to_do_about_them(rows):
    model = tfflows.DistributionModel(plain_distribution())
    assert len(model.trainable_weights) == 4
    inputs = keras.Input((2,))
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
    functional = keras.Model(inputs, flow(inputs))
    np.testing.assert_allclose(functional(rows), flow.log_prob(rows), rtol=1e-5)
    clone = keras.models.clone_model(model)
    assert clone.log_prob(rows).shape == (1000,)


def test_a_lambda_has_no_name_to_be_saved_by(tmp_path):
    shift = tfb.Inline(
        forward_fn=lambda z: z + 1,
        inverse_fn=lambda x: x - 1,
        inverse_log_det_jacobian_fn=lambda x: tf.zeros_like(x),
        forward_min_event_ndims=0,
    )
    flow = tfflows.Flow([shift], event_shape=2)
    with pytest.raises(ValueError, match="lambda"):
        flow.save(tmp_path / "flow.keras")


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
        assert flow.log_prob(np.zeros([3, 2], "float32")).dtype.name == dtype.replace(
            "mixed_b", ""
        ).replace("float16", "float32")
