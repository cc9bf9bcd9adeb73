"""fit, sample and score from end to end, on small flows."""

import csv
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows
import tfflows_cli.progress
from tfflows import datasets
from tfflows_cli import main
from tfflows_cli.parser import build_parser
from tfflows_cli.schema import Schema
from tfflows_cli.source import Source, open_source
from tfflows_cli.tables import read_table

# Affine layers compile fast; the splines of the default are fitted once, by the fixture moons.
SMALL = ["--flow", "maf", "--transforms", "1", "--hidden", "16", "--epochs", "3"]
SMALL += ["--no-check", "--quiet"]


def _csv(path, columns):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return str(path)


def _read(path):
    with open(path, newline="") as file:
        header, *rows = list(csv.reader(file))
    return header, rows


def _fails(argv, message, capsys):
    capsys.readouterr()
    assert main([str(word) for word in argv]) == 2
    error = capsys.readouterr().err
    assert error.startswith("tfflows: error: ") and error.count("\n") == 1, error
    assert message in error, error


def _people(rows=400, seed=0):
    """A table whose second column depends on a category and a number."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["ant", "bee"], rows)
    age = rng.uniform(20.0, 60.0, rows)
    height = 150.0 + 30.0 * (kind == "bee") + rng.normal(0.0, 5.0, rows)
    return {"height": height, "weight": age + rng.normal(0, 2, rows), "kind": kind, "age": age}


@pytest.fixture(scope="module")
def moons(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moons") / "fit"
    code = main(
        [
            "fit",
            "moons",
            "--rows",
            "2000",
            *SMALL,
            "--flow",
            "nsf",
            "--seed",
            "3",
            "--out",
            str(folder),
        ]
    )
    assert code == 0
    return folder


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    base = tmp_path_factory.mktemp("people")
    table = _csv(base / "people.csv", _people())
    argv = ["fit", table, "--context", "kind,age", "--out", str(base / "fit"), *SMALL]
    argv.remove("--no-check")
    assert main([*argv, "--epochs", "30"]) == 0
    return base


def test_fit_writes_its_folder(moons):
    names = {path.name for path in moons.iterdir()}
    assert names == {"model.keras", "schema.json", "metrics.json", "history.png", "density.png"}
    metrics = json.loads((moons / "metrics.json").read_text())
    assert metrics["rows"] == {"train": 1400, "val": 200, "test": 400}
    assert set(metrics["nll_nats"]) == {"train", "val", "test"}
    assert metrics["entropy_nats"] == pytest.approx(0.2892, abs=1e-3)
    data = datasets.load("moons", seed=3, n=2000, splits=(0.7, 0.1, 0.2))
    assert metrics["true_density_test_nll_nats"] == pytest.approx(-data.log_prob(data.test).mean())
    assert metrics["epochs"] == 3 and len(metrics["history"]["val_loss"]) == 3


def test_kept_weights_are_the_best_on_validation(moons):
    metrics = json.loads((moons / "metrics.json").read_text())
    curve = metrics["history"]["val_loss"]
    assert metrics["best_epoch"] == 1 + int(np.argmin(curve))
    assert metrics["nll_nats"]["val"] == pytest.approx(min(curve), abs=2e-4)


def test_fit_prints_nll_entropy_and_where_it_wrote(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "circles", "--rows", "500", *SMALL[:-1]]) == 0
    shown = capsys.readouterr()
    for part in ("NLL", "train", "val", "test", "nats per row", "entropy  0.6061", "circles-maf"):
        assert part in shown.out
    assert "epoch 3/3" in shown.err
    assert (tmp_path / "circles-maf" / "model.keras").is_file()


def test_score_gives_the_log_density_of_each_row_in_order(moons, tmp_path, capsys):
    data = datasets.load("moons", seed=3, n=2000, splits=(0.7, 0.1, 0.2))
    columns = {"x1": data.test[:, 1], "other": data.test[:, 0], "x0": data.test[:, 0]}
    table = _csv(tmp_path / "test.csv", columns)
    assert main(["score", str(moons), table, "-o", str(tmp_path / "s.csv")]) == 0
    header, rows = _read(tmp_path / "s.csv")
    scores = np.array(rows, dtype=float)[:, 0]
    assert header == ["log_prob"] and scores.shape == (400,)
    metrics = json.loads((moons / "metrics.json").read_text())
    assert -scores.mean() == pytest.approx(metrics["nll_nats"]["test"], abs=1e-4)

    np.save(tmp_path / "reversed.npy", data.test[::-1])
    out = tmp_path / "r.npy"
    assert main(["score", str(moons), str(tmp_path / "reversed.npy"), "-o", str(out)]) == 0
    np.testing.assert_allclose(np.load(out)[::-1], scores, rtol=1e-4, atol=1e-4)

    capsys.readouterr()
    assert main(["score", str(moons), table]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0] == "log_prob" and len(shown.out.splitlines()) == 401
    assert "mean log density" in shown.err


def test_density_is_in_the_units_of_the_table(tmp_path):
    rng = np.random.default_rng(0)
    table = _csv(tmp_path / "t.csv", {"km": rng.normal(5000.0, 300.0, 500)})
    assert main(["fit", table, *SMALL, "--out", str(tmp_path / "fit")]) == 0
    grid = np.linspace(3000.0, 7000.0, 2001)
    np.save(tmp_path / "grid.npy", grid)
    out = tmp_path / "s.npy"
    assert main(["score", str(tmp_path / "fit"), str(tmp_path / "grid.npy"), "-o", str(out)]) == 0
    assert np.exp(np.load(out)).sum() * (grid[1] - grid[0]) == pytest.approx(1.0, abs=2e-3)
    assert (tmp_path / "fit" / "pairs.png").is_file()


def test_sample_draws_the_same_rows_for_the_same_seed(moons, tmp_path, capsys):
    drawn = []
    for seed, name in ((7, "a.csv"), (7, "b.csv"), (8, "c.csv")):
        argv = ["sample", str(moons), "-n", "50", "--seed", str(seed)]
        assert main([*argv, "-o", str(tmp_path / name)]) == 0
        header, rows = _read(tmp_path / name)
        assert header == ["x0", "x1"] and len(rows) == 50
        drawn.append(rows)
    assert drawn[0] == drawn[1] != drawn[2]
    capsys.readouterr()
    assert main(["sample", str(moons), "-n", "5"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_conditional_fit_stores_its_categories(people):
    fit = people / "fit"
    content = json.loads((fit / "schema.json").read_text())
    assert content["columns"] == ["height", "weight"]
    assert content["context"] == [
        {"name": "kind", "categories": ["ant", "bee"]},
        {"name": "age", "categories": None},
    ]
    assert (fit / "pairs.png").is_file() and not (fit / "density.png").exists()
    flow = tfflows.load(fit)
    assert flow.event_columns.names == ("height", "weight")
    assert flow.context_columns.names == ("kind=ant", "kind=bee", "age")


def test_conditional_samples_follow_their_context(people, tmp_path):
    out = tmp_path / "s.csv"
    argv = ["sample", str(people / "fit"), "-n", "400", "-o", str(out), "--context"]
    means = {}
    for kind in ("ant", "bee"):
        assert main([*argv, f"kind={kind},age=40"]) == 0
        header, rows = _read(out)
        assert header == ["kind", "age", "height", "weight"] and len(rows) == 400
        assert {row[0] for row in rows} == {kind} and {row[1] for row in rows} == {"40"}
        means[kind] = np.mean([float(row[2]) for row in rows])
    assert means["bee"] - means["ant"] > 15.0


def test_context_file_gives_draws_row_by_row(people, tmp_path):
    contexts = _csv(tmp_path / "c.csv", {"age": [25, 55], "kind": ["bee", "ant"]})
    out = tmp_path / "s.csv"
    argv = ["sample", str(people / "fit"), "--context-file", contexts, "-o", str(out)]
    assert main(argv) == 0
    _, rows = _read(out)
    assert [row[0] for row in rows] == ["bee", "ant"]
    assert main([*argv, "-n", "200"]) == 0
    _, rows = _read(out)
    assert [row[0] for row in rows] == ["bee"] * 200 + ["ant"] * 200
    heights = np.array([float(row[2]) for row in rows])
    assert heights[:200].mean() - heights[200:].mean() > 15.0


def test_conditional_score_uses_the_context(people, tmp_path):
    columns = _people(rows=60, seed=1)
    right = _csv(tmp_path / "right.csv", columns)
    swapped = {**columns, "kind": np.where(columns["kind"] == "ant", "bee", "ant")}
    wrong = _csv(tmp_path / "wrong.csv", swapped)
    means = []
    for table in (right, wrong):
        out = tmp_path / "s.npy"
        assert main(["score", str(people / "fit"), table, "-o", str(out)]) == 0
        means.append(np.load(out).mean())
    assert means[0] > means[1] + 1.0


def test_separate_test_table(people, tmp_path):
    test = _csv(tmp_path / "test.csv", _people(rows=30, seed=2))
    argv = ["fit", str(people / "people.csv"), "--context", "kind,age", "--test", test, *SMALL]
    assert main([*argv, "--split", "0.75,0.25", "--out", str(tmp_path / "fit")]) == 0
    metrics = json.loads((tmp_path / "fit" / "metrics.json").read_text())
    assert metrics["rows"] == {"train": 300, "val": 100, "test": 30}


def test_a_category_of_a_single_row_is_trained_on(tmp_path):
    values = {"x": np.random.default_rng(0).normal(size=200), "kind": ["a", "b"] * 100}
    for row in (0, 57, 120, 199):
        kinds = list(values["kind"])
        kinds[row] = "rare"
        table = read_table(_csv(tmp_path / "t.csv", {**values, "kind": kinds}))
        order, sizes = np.random.default_rng(row).permutation(200), (160, 20, 20)
        schema = Schema.of(table, None, ("kind",))
        parts = Source("t", table, order, sizes).encode(schema)
        assert [len(parts[part][0]) for part in parts] == [160, 20, 20]
        assert parts["train"][1][:, 2].sum() == 1.0
        drawn = np.sort(np.concatenate([x[:, 0] for x, _ in parts.values()]))
        np.testing.assert_array_equal(drawn, np.sort(values["x"].astype(np.float32)))


@pytest.mark.parametrize("flow", ["coupling-nsf", "iaf", "realnvp", "nice"])
def test_every_flow_fits(flow, tmp_path):
    argv = ["fit", "blobs", "--rows", "300", *SMALL, "--flow", flow, "--out", str(tmp_path / "f")]
    assert main(argv) == 0
    metrics = json.loads((tmp_path / "f" / "metrics.json").read_text())
    assert metrics["flow"] == flow
    assert np.isfinite(list(metrics["nll_nats"].values())).all()


def test_uniform_noise_dequantizes_a_table(tmp_path):
    counts = np.random.default_rng(0).poisson(3.0, 500)
    table = _csv(tmp_path / "t.csv", {"n": counts, "m": counts[::-1]})
    argv = ["fit", table, "--noise", "1", "--columns", "n", *SMALL]
    assert main([*argv, "--epochs", "20", "--out", str(tmp_path / "f")]) == 0
    nll = json.loads((tmp_path / "f" / "metrics.json").read_text())["nll_nats"]["test"]
    # Counts made continuous by noise of one step keep their entropy, about 1.93 nats; without
    # the noise the density would spike at the whole numbers and the NLL fall without end.
    assert 1.5 < nll < 2.6

    # The folder's draws are counts again, and none is below zero.
    assert main(["sample", str(tmp_path / "f"), "-n", "500", "-o", str(tmp_path / "s.npy")]) == 0
    drawn = np.load(tmp_path / "s.npy")
    np.testing.assert_array_equal(drawn, np.round(drawn))
    assert drawn.min() == 0 and abs(drawn.mean() - 3.0) < 0.3


def test_a_lognormal_column_gets_a_log_and_its_density(tmp_path, capsys):
    log = np.random.default_rng(0).normal(0.72, 3.0, 2000)
    table = _csv(tmp_path / "t.csv", {"income": np.exp(log)})
    fit = str(tmp_path / "f")
    assert main(["fit", table, *SMALL, "--out", fit]) == 0
    shown = capsys.readouterr()
    assert "maps     income log" in shown.out and shown.err == ""
    metrics = json.loads((tmp_path / "f" / "metrics.json").read_text())
    order = np.random.default_rng(0).permutation(2000)
    rows = dict(zip(("train", "val", "test"), np.split(log[order], [1600, 1800]), strict=True))
    for part, z in rows.items():
        # The entropy is 3.24 nats; on the same rows no chance of the draw is left.
        truth = np.mean(z + 0.5 * ((z - 0.72) / 3.0) ** 2) + np.log(3.0) + 0.5 * np.log(2 * np.pi)
        assert abs(metrics["nll_nats"][part] - truth) < 0.02, part
    assert main(["sample", fit, "-n", "5000", "-o", str(tmp_path / "s.npy")]) == 0
    assert np.load(tmp_path / "s.npy").min() > 0
    assert main(["info", fit]) == 0
    shown = capsys.readouterr().out
    assert "maps     income log" in shown and "gaussian train" in shown


def test_declared_bounds_hold(tmp_path, capsys):
    rng = np.random.default_rng(0)
    columns = {"share": rng.beta(0.5, 0.5, 500).round(2), "x": rng.normal(size=500)}
    table = _csv(tmp_path / "t.csv", columns)
    assert {0.0, 1.0} <= set(columns["share"])
    argv = ["fit", table, *SMALL, "--out", str(tmp_path / "f"), "--bounds", "share=0,1"]
    assert main(argv) == 0
    assert "maps     share logit" in capsys.readouterr().out
    assert main(["sample", str(tmp_path / "f"), "-n", "2000", "-o", str(tmp_path / "s.npy")]) == 0
    drawn = np.load(tmp_path / "s.npy")[:, 0]
    assert 0.0 <= drawn.min() < 0.05 and 0.95 < drawn.max() <= 1.0


def test_every_fit_is_measured_by_simple_densities_and_checked(people, tmp_path, capsys):
    metrics = json.loads((people / "fit" / "metrics.json").read_text())
    simple, nll = metrics["baselines_nll_nats"], metrics["nll_nats"]
    # Heights are normal given the kind, weights given the age: the Gaussian is the truth.
    truth = np.log(5.0) + np.log(2.0) + 1.0 + np.log(2.0 * np.pi)
    assert abs(simple["gaussian"]["train"] - truth) < 0.1
    assert simple["independent"]["test"] > nll["test"] + 0.5
    checked = metrics["check"]
    assert checked["ok"] == (not checked["failed"])
    assert {"round_trip", "calibration", "train_gap"} <= set(checked["lines"])
    assert checked["lines"]["round_trip"]["ok"]

    wrong = {**_people(rows=200, seed=5), "height": 500.0 + np.arange(200.0)}
    argv = ["check", str(people / "fit"), _csv(tmp_path / "w.csv", wrong)]
    assert main([*argv, "--train", str(people / "people.csv")]) == 1
    shown = capsys.readouterr().out
    assert "FAIL" in shown and "train_gap" in shown and "What to do" in shown


@pytest.mark.parametrize("kind", ["pairs", "marginals", "latent", "calibration", "history"])
def test_plot_draws_each_kind(people, tmp_path, kind):
    held_out = [] if kind == "history" else [_csv(tmp_path / "h.csv", _people(rows=60, seed=5))]
    out = tmp_path / f"{kind}.png"
    argv = ["plot", str(people / "fit"), *held_out, "--kind", kind, "-o", str(out)]
    assert main(argv) == 0
    assert out.read_bytes().startswith(b"\x89PNG") and out.stat().st_size > 5000


def test_errors_of_plot(people, moons, tmp_path, capsys):
    fit = people / "fit"
    _fails(["plot", fit], "--kind pairs needs DATA", capsys)
    _fails(["plot", fit, "--kind", "density"], "two continuous columns", capsys)
    _fails(["plot", moons, "-o", tmp_path / "no" / "a.png"], "there is no folder", capsys)
    _fails(["plot", moons, "--kind", "density", "-o", tmp_path / "a.doc"], "cannot write", capsys)
    assert main(["plot", str(moons), "--kind", "density", "-o", str(tmp_path / "a.pdf")]) == 0


def test_missing_cells_are_refused_dropped_and_scored_as_nan(people, tmp_path, capsys):
    columns = _people(rows=6, seed=3)
    columns["age"] = ["", *columns["age"][1:]]
    columns["kind"] = [*columns["kind"][:5], "NA"]
    table = _csv(tmp_path / "t.csv", columns)
    argv = ["score", str(people / "fit"), table, "-o", str(tmp_path / "s.npy")]
    _fails(argv, "in 2 of 6 rows, by columns 'kind' (1), 'age' (1)", capsys)
    assert main([*argv, "--dropna"]) == 0
    np.testing.assert_array_equal(np.isnan(np.load(tmp_path / "s.npy")), [1, 0, 0, 0, 0, 1])
    many = _people()
    many["age"] = ["", *many["age"][1:]]
    argv = ["fit", _csv(tmp_path / "many.csv", many), "--context", "kind,age"]
    _fails(argv, "'age' (1)", capsys)
    source = open_source(build_parser().parse_args([*argv, "--dropna"]))
    assert source.table.rows == sum(source.sizes) == 399


def test_a_folder_of_others_is_not_overwritten(tmp_path, capsys):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.tex").write_text("precious")
    _fails(["fit", "moons", *SMALL, "--out", folder], "holds other files", capsys)
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]
    _fails(["fit", "moons", *SMALL, "--out", folder / "thesis.tex"], "is a file", capsys)


def test_a_fit_is_replaced_here_by_one_given_the_label(tmp_path, capsys):
    fit = tmp_path / "fit"
    argv = ["fit", "moons", "--rows", "300", *SMALL, "--out", str(fit)]
    assert main(argv) == 0
    assert (fit / "density.png").is_file() and not (fit / "pairs.png").exists()
    _fails([*argv, "--context", "label"], "holds a fit: replace it with --force", capsys)
    assert main([*argv, "--context", "label", "--force"]) == 0
    assert (fit / "pairs.png").is_file() and not (fit / "density.png").exists()
    assert "label (category: inner, outer)" in capsys.readouterr().out
    metrics = json.loads((fit / "metrics.json").read_text())
    assert metrics["entropy_nats"] == pytest.approx(-0.4039, abs=1e-3)
    assert main(["sample", str(fit), "-n", "3", "--context", "label=outer"]) == 0


def test_errors_of_fit(tmp_path, capsys):
    bad = _csv(tmp_path / "bad.csv", {"a": [*range(40)], "b": ["1"] * 20 + ["oops"] + ["2"] * 19})
    out = ["--out", tmp_path / "fit"]
    _fails(["fit", "moon"], "unknown data set 'moon'. Did you mean 'moons'?", capsys)
    _fails(["fit", "absent.csv"], "there is no file 'absent.csv'", capsys)
    _fails(["fit", bad, *out], "column 'b', row 21: 'oops' is not a number", capsys)
    _fails(["fit", bad, "--columns", "c", *out], "no column 'c'", capsys)
    _fails(["fit", bad, "--rows", "5", *out], "--rows is for named data sets", capsys)
    _fails(["fit", "moons", "--test", bad, *out], "--test is for tables", capsys)
    _fails(["fit", "moons", "--flow", "maf", "--bins", "4", *out], "--bins is for splines", capsys)
    _fails(["fit", "moons", "--flow", "gf", "--dropout", "0.1", *out], "layers; gf has", capsys)
    normal = _csv(tmp_path / "normal.csv", {"a": np.random.default_rng(0).normal(size=60)})
    _fails(["fit", normal, "--bounds", "a=0,9", *out], "rows of column 'a' lie outside", capsys)
    _fails(["fit", normal, "--bounds", "c=0,9", *out], "'c' is no modeled column", capsys)
    _fails(["fit", "moons", "--learning-rate", "0", *out], "--learning-rate must be", capsys)
    short = _csv(tmp_path / "short.csv", {"a": range(7)})
    _fails(["fit", short, *out], "has 7 rows; a fit needs at least 30", capsys)
    flat = _csv(tmp_path / "flat.csv", {"a": np.arange(100.0), "b": np.ones(100)})
    _fails(["fit", flat, *out], "column 'b' is constant", capsys)
    context = ["--columns", "a", "--context", "b:number"]
    _fails(["fit", flat, *context, *out], "context column 'b' has one value", capsys)
    assert not (tmp_path / "fit").exists()
    single = _csv(tmp_path / "single.csv", {"a": np.random.default_rng(0).normal(size=100)})
    _fails(["fit", single, "--flow", "realnvp", *out], "single coordinate", capsys)


def test_errors_of_sample(moons, people, tmp_path, capsys):
    fit = people / "fit"
    _fails(["sample", tmp_path / "absent"], "there is no folder", capsys)
    _fails(["sample", tmp_path], "not a folder that tfflows fit wrote", capsys)
    _fails(["sample", moons, "-o", tmp_path / "a.xls"], "ends in .csv or .npy", capsys)
    _fails(["sample", moons, "--context", "a=1"], "takes no context", capsys)
    _fails(["sample", fit], "needs context: --context 'kind=...,age=...'", capsys)
    _fails(["sample", fit, "--context", "kind=ant"], "no value for age", capsys)
    _fails(["sample", fit, "--context", "kind"], "expected column=value; got 'kind'", capsys)
    _fails(["sample", fit, "--context", "kind=ant, red,age=3"], "with --context-file", capsys)
    _fails(["sample", fit, "--context", "kid=ant,age=3"], "'kid' is no context column", capsys)
    _fails(["sample", fit, "--context", "age=3,age=4"], "'age' is given twice", capsys)
    _fails(["sample", fit, "--context", "kind=ant,age=old"], "'old' is not a number", capsys)
    _fails(
        ["sample", fit, "--context", "kind=cow,age=3"],
        "unknown category 'cow'. The model knows 'ant', 'bee'",
        capsys,
    )


def test_errors_of_score(moons, people, tmp_path, capsys):
    other = _csv(tmp_path / "other.csv", {"u": [1.0], "v": [2.0]})
    _fails(["score", moons, other], "other.csv has no column 'x0'. It has 'u', 'v'", capsys)
    _fails(["score", moons, tmp_path / "absent.csv"], "there is no file", capsys)
    columns = _people(rows=3)
    columns["kind"] = ["ant", "bee", "wasp"]
    table = _csv(tmp_path / "wasp.csv", columns)
    _fails(["score", people / "fit", table], "row 3: unknown category 'wasp'", capsys)


def test_a_damaged_model_is_named(moons, tmp_path, capsys):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(moons, copy)
    (copy / "model.keras").write_bytes(b"junk")
    _fails(["sample", copy], "model.keras is no .keras file", capsys)
    (copy / "model.keras").unlink()
    _fails(["sample", copy], "no model.keras; fit it again", capsys)


class _Interrupt(keras.callbacks.Callback):
    follows_blocks = True

    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def on_train_batch_end(self, batch, logs=None):
        self.calls -= 1
        if self.calls == 0:
            raise KeyboardInterrupt


def test_an_interrupted_fit_goes_on_to_the_same_weights(tmp_path, monkeypatch, capsys):
    argv = ["fit", "moons", "--rows", "3000", *SMALL, "--batch-size", "16"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    # Blocks short enough that an epoch has several, as a large flow's.
    monkeypatch.setattr("tfflows.training.feeds.longest_stride", lambda *sizes: 64)
    assert main([*argv, "--out", str(whole), "--resume"]) == 0
    fit = tfflows.Flow.fit

    def interrupted(self, *args, callbacks, **kwargs):
        callbacks[0].share = 1.0
        return fit(self, *args, callbacks=[*callbacks, _Interrupt(4)], **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(tfflows.Flow, "fit", interrupted)
        assert main([*argv, "--out", str(parts)]) == 130
    assert "interrupted: the same command with --resume" in capsys.readouterr().err
    _fails([*argv, "--out", parts], "an interrupted fit: go on with it by --resume", capsys)
    assert {path.name for path in parts.iterdir()} == {"resume.ckpt"}
    _fails([*argv, "--out", parts, "--batch-size", "32", "--resume"], "another run", capsys)
    assert main([*argv, "--out", str(parts), "--resume"]) == 0
    one, other = (tfflows.load(folder) for folder in (whole, parts))
    for w, v in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(w, v)
    metrics = [json.loads((folder / "metrics.json").read_text()) for folder in (whole, parts)]
    assert metrics[0]["history"] == metrics[1]["history"]
    assert not (parts / "resume.ckpt").exists()
    capsys.readouterr()
    assert main([*argv, "--out", str(parts), "--resume"]) == 0
    assert "is complete" in capsys.readouterr().out


def test_an_interrupted_check_costs_no_training(tmp_path, monkeypatch, capsys):
    argv = ["fit", "moons", "--rows", "3000", *SMALL, "--out", str(tmp_path / "a fit")]
    argv.remove("--no-check")

    def interrupted(self, *args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tfflows.Flow, "check", interrupted)
        assert main(argv) == 130
    said = capsys.readouterr().err
    assert f"interrupted: the flow is trained, and saved in the folder {tmp_path}/a fit" in said
    assert f"`tfflows check '{tmp_path}/a fit' TABLE`" in said and "--resume" in said
    saved = tfflows.load(tmp_path / "a fit").get_weights()
    steps = []
    monkeypatch.setattr(
        tfflows_cli.progress.Progress,
        "on_epoch_end",
        lambda self, epoch, logs=None: steps.append(epoch),
    )
    argv.remove("--quiet")
    assert main([*argv, "--resume"]) == 0
    assert "check    " in capsys.readouterr().out and not steps
    for one, other in zip(tfflows.load(tmp_path / "a fit").get_weights(), saved, strict=True):
        np.testing.assert_array_equal(one, other)
    metrics = json.loads((tmp_path / "a fit" / "metrics.json").read_text())
    assert metrics["epochs"] == 3 and metrics["check"]["ok"] in (True, False)
    assert not (tmp_path / "a fit" / "resume.ckpt").exists()


def test_export_writes_a_folder_for_a_server(people, tmp_path, capsys):
    assert main(["export", str(people / "fit"), "-o", str(tmp_path / "served")]) == 0
    shown = capsys.readouterr().out
    assert "columns height, weight" in shown and "kind (category: ant, bee)" in shown
    served = tf.saved_model.load(str(tmp_path / "served"))
    flow = tfflows.load(people / "fit")
    x, context = np.array([[150.0, 30.0]], "float32"), np.array([[1.0, 0.0, 30.0]], "float32")
    score = served.signatures["serving_default"](x=tf.constant(x), context=tf.constant(context))
    np.testing.assert_allclose(score["log_prob"], flow.log_prob(x, context=context), rtol=1e-6)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    _fails(["export", people / "fit", "-o", tmp_path / "other"], "something else", capsys)
    _fails(["export", tmp_path / "nowhere"], "there is no folder", capsys)


def test_info_says_what_a_folder_and_a_file_hold(people, moons, tmp_path, capsys):
    assert main(["info", str(people / "fit")]) == 0
    shown = capsys.readouterr().out
    for part in (
        "checksum right",
        f"tfflows {tfflows.__version__}",
        "Flow, events (2,), context (3,), float32",
        "MaskedAutoregressive(Affine)",
        "StandardNormal",
        "30 epochs in the last fit",
        "columns  height, weight",
        "kind (category: ant, bee)",
        "nats per row",
    ):
        assert part in shown, shown
    flow = tfflows.Flow([tfflows.layers.Shift()], event_shape=2)
    flow.save(tmp_path / "flow.keras")
    assert main(["info", str(tmp_path / "flow.keras")]) == 0
    shown = capsys.readouterr().out
    assert "2 numbers in 1 arrays" in shown and "none that the file tells of" in shown
    content = (tmp_path / "flow.keras").read_bytes()
    (tmp_path / "flow.keras").write_bytes(content[:-1])
    _fails(["info", tmp_path / "flow.keras"], "flow.keras is no .keras file", capsys)
    _fails(["info", tmp_path / "nowhere.keras"], "there is no file", capsys)


@pytest.mark.slow
def test_the_first_command_of_the_readme_comes_near_the_entropy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "moons", "--quiet"]) == 0
    metrics = json.loads((tmp_path / "moons-nsf" / "metrics.json").read_text())
    test = metrics["nll_nats"]["test"]
    assert abs(test - metrics["entropy_nats"]) < 0.05
    # On the same rows no chance of the draw is left in the difference.
    assert 0.0 < test - metrics["true_density_test_nll_nats"] < 0.03
