"""What the README says is what happens: its code runs, its tables are true, its links lead on."""

import inspect
import json
import re
import shlex
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers
from tfflows_cli.parser import build_parser

from .run import blocks, run, table

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TEXT = README.read_text("utf-8")
BENCHMARKS = (ROOT / "benchmarks" / "README.md").read_text("utf-8")


def results(name):
    """Return what a script of benchmarks has recorded."""
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text("utf-8"))


def test_it_takes_two_minutes():
    assert len(TEXT.split()) < 1500


@pytest.mark.slow
def test_the_code_runs_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    names = run(README, language="python")
    flow, test, nll = names["flow"], names["test"], names["nll"]
    truth = -np.mean(tfflows.datasets.load("moons", seed=0).log_prob(test))
    assert round(truth, 2) == 0.26 and abs(nll - 0.29) < 0.02  # as the README says
    np.testing.assert_allclose(flow.forward(names["z"]), test, atol=1e-3)
    assert isinstance(flow.distribution(), tfd.TransformedDistribution)
    for line in ("round_trip", "log_det", "masks"):
        assert names["report"][line].ok
    again = tfflows.load(tmp_path / "flow.keras")
    np.testing.assert_allclose(again.log_prob(test), flow.log_prob(test), rtol=1e-5)


def test_set_up_commands():
    rows = [row for b in blocks(TEXT) if b.language == "bash" for row in b.code.splitlines()]
    assert rows == [
        "pip install -e . && tfflows fit moons",
        'pip install -e ".[test]" && python -m pytest',
    ]
    _, *arguments = shlex.split(rows[0].split("&& ")[1])
    build_parser().parse_args(arguments)


def test_links_to_files():
    targets = re.findall(r"\]\((?!https?:)([^)]+)\)|src=\"([^\"]+)\"", TEXT)
    assert len(targets) > 10
    for target in map("".join, targets):
        assert (ROOT / target).is_file(), target


def test_the_figures_of_speed_are_those_that_were_recorded():
    recorded = results("latest")
    assert f"{recorded['when'].split()[0]}, revision {recorded['revision']}." in TEXT
    assert f"on {recorded['machine']['cores']} cores" in TEXT
    rows = table(TEXT, "Benchmarks")
    for row, entry in zip(rows, recorded["jobs"], strict=True):
        job, peers = entry["job"], entry["peers"]
        assert f"D {job['dimensions']}, L {job['layers']}," in row[0]
        for cell, what in zip(row[1:], ("train_s", "log_prob_s", "sample_s"), strict=True):
            ours, *ratios = re.findall(r"[\d.,]*\d|–", cell.replace(", ", " ").replace(",", ""))
            assert float(ours) == pytest.approx(1e3 * peers["tfflows"][what], rel=6e-3)
            for ratio, name in zip(ratios, ("flowjax", "zuko", "chapter"), strict=True):
                if ratio == "–":
                    assert peers.get(name, {}).get(what) is None
                else:
                    expected = peers[name][what] / peers["tfflows"][what]
                    assert float(ratio) == pytest.approx(expected, rel=6e-3)


def test_the_figures_of_quality_are_those_that_were_recorded():
    section = TEXT.split("\n## Benchmarks\n")[1].split("\n## ")[0]
    stated = re.findall(r"-?\d+\.\d+(?: ± \d+\.\d+)?", section.split("Quality")[1])
    rows = {
        name: dict((cells[0], cells[1:]) for cells in table(BENCHMARKS, heading))
        for name, heading in (("prebuilt", "Two moons"), ("magic_gamma", "A table"))
    }
    magic = rows["magic_gamma"]
    noise, gaussian = "0.1", "-10.82"
    fitted = [rows["prebuilt"]["NSF"][4], magic["NSF"][0], magic["MAF"][0]]
    assert stated == [noise, *fitted, gaussian]
    assert f"Noise {noise}" in BENCHMARKS
    assert f"A Gaussian scores {gaussian.replace('-', '−')}" in BENCHMARKS


def test_what_it_says_of_gpus():
    unmeasured = "No figures have been measured on a GPU" in BENCHMARKS
    assert ("Nothing has been measured on a GPU" in TEXT) == unmeasured


def test_the_table_of_flows_is_complete():
    rows = [row[0].strip("`") for row in table(TEXT, "Prebuilt flows")]
    assert sorted(rows) == sorted(tfflows.flows.__all__), "the table of README.md and flows differ"


@pytest.mark.parametrize("row", table(TEXT, "Prebuilt flows"), ids=lambda row: row[0].strip("`"))
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
    if any(isinstance(part, layers.Residual) for part in parts):
        assert (score, sample) == ("D + 1 passes", "iterations")
        return
    if any(isinstance(part, layers.ContinuousFlow) for part in parts):
        assert (score, sample) == ("solver", "solver")
        return
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
