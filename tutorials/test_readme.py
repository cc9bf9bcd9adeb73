"""What the README says is what happens: its code runs, its messages are the real ones."""

import inspect
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


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """Run the Python blocks in order and return all that they name, each flow by its order."""
    folder = tmp_path_factory.mktemp("readme")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        keras.utils.set_random_seed(0)
        names = run(README, language="python")
    return {**names, "folder": folder}


@pytest.mark.slow
def test_the_code_runs_in_order(named):
    test = named["data"].test
    flow, again = named["flow"], keras.models.load_model(named["folder"] / "flow.keras")
    np.testing.assert_allclose(again.log_prob(test), named["again"].log_prob(test), rtol=1e-5)
    assert len(named["model"].trainable_weights) == 18
    assert -np.mean(named["td"].log_prob(test)) < 1.8
    base = tfd.MultivariateNormalDiag(loc=[0.0, 0.0])
    assert isinstance(flow.bijector_layers[0], named["Rotate"])
    np.testing.assert_allclose(again.log_prob(test), base.log_prob(test), atol=1e-3)
    assert np.mean(flow.log_prob(test)) > np.mean(base.log_prob(test)) + 0.1
    served = named["served"]
    found = served.log_prob(test)["log_prob"]
    np.testing.assert_allclose(found, flow.log_prob(test), rtol=1e-5, atol=1e-6)
    drawn = served.sample(n=1000, seed=0)["x"]
    np.testing.assert_allclose(drawn, flow.sample(1000, seed=0), rtol=1e-5, atol=1e-6)
    assert (named["folder"] / "run" / "resume.ckpt").is_file()
    lazy = named["LazyGaussian"]()
    assert lazy.sample(3, context=np.zeros([5, 8], np.float32)).shape == (3, 5)
    written = sorted(path.name for path in named["folder"].iterdir())
    written_by_pictures = {"density.png", "fit.gif"}
    trained = ["checkpoint", "flow.keras", "run", "served"]
    expected = [*trained, "trained-1.data-00000-of-00001", "trained-1.index"]
    assert [name for name in written if name not in written_by_pictures] == expected
    assert written_by_pictures <= set(written)


@pytest.mark.slow
def test_the_main_job_comes_close_to_the_entropy(named):
    assert named["nll"] < named["data"].entropy + 0.1
    assert round(named["nll"], 2) in (0.29, 0.30, 0.31)  # as the README says
    assert round(named["data"].entropy, 3) == 0.289


def test_set_up_commands():
    assert "pip install -e . && tfflows fit moons" in shell_lines()
    assert 'pip install -e ".[test]" && python -m pytest' in shell_lines()


def test_the_commands_have_the_options_they_use():
    commands = [row.split("&& ")[-1] for row in shell_lines() if "tfflows" in row]
    assert len(commands) == 13
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "tfflows"
        build_parser().parse_args(arguments)


def test_links_to_files():
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", TEXT):
        assert (ROOT / target).exists(), target


def test_the_lists_are_complete():
    rows = [row[0].strip("`") for row in table("Prebuilt flows")]
    assert sorted(rows) == sorted(tfflows.flows.__all__), "the table of README.md and flows differ"
    for package, base in ((layers, "BijectorLayer"), (univariates, "Univariate")):
        for name in package.__all__:
            assert name == base or f"`{name}`" in TEXT, name


@pytest.mark.parametrize("row", table("Prebuilt flows"), ids=lambda row: row[0].strip("`"))
def test_reference_and_costs_of_a_prebuilt_flow(row):
    name, year, reference, _, score, sample = row
    make = getattr(tfflows, name.strip("`"))
    arxiv = re.search(r"arxiv.org/abs/([\d.]+)", reference)
    if arxiv:
        assert arxiv[1] in make.__doc__ and year == f"20{arxiv[1][:2]}"
    else:
        assert reference.split(", ", 2)[2] in make.__doc__ and f"({year})" in make.__doc__
    options = {"transforms": 1, "hidden_units": (8,)}
    taken = inspect.signature(make).parameters
    flow = make(5, **{key: value for key, value in options.items() if key in taken})
    parts = [getattr(layer, "layer", layer) for layer in flow.bijector_layers]
    networks = [getattr(part, "network", getattr(part, "conditioner", None)) for part in parts]
    networks = [network for network in networks if network is not None]
    if any(isinstance(part, layers.BlockAutoregressive) for part in parts):
        # The network is the map: one pass of all blocks, or those of one coordinate after another.
        assert (score, sample) == ("1 pass", "D steps")
        return
    if not networks:
        assert score == sample == "–"
        return
    (network,) = networks
    # A distribution of its own for each question, in eager mode: nothing is remembered or compiled.
    for cost, ask in (
        (score, lambda dist: dist.log_prob(tf.zeros([4, 5]))),
        (sample, lambda dist: dist.sample(4, seed=(0, 0))),
    ):
        dist = flow.distribution()
        passes = calls_of(network, lambda ask=ask, dist=dist: ask(dist))
        assert cost == ("1 pass" if passes == 1 else "D steps")


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


class KeepsDims(layers.BijectorLayer):
    """A layer whose log-determinant has an axis too many."""

    def build(self, event_shape, context_shape=None):
        self.built = True

    def inverse(self, x, context=None, seed=None):
        return x, tf.reduce_sum(x, -1, keepdims=True)


def test_what_tfflows_says(rows):
    said = [row[1].replace("\\|", "|") for row in table("Misuse")]
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
