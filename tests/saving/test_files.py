"""Files of models: what comes back, old files, damaged files, hostile files."""

import copy
import json
import pathlib
import pickle
import random
import zipfile

import h5py
import keras
import numpy as np
import pytest

import tfflows
from tfflows import layers, univariates
from tfflows.saving import files

GOLDEN = sorted(pathlib.Path(__file__).with_name("golden").glob("*.keras"))


def normal(rows=64, columns=2, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype("float32")


@pytest.fixture(scope="module")
def flow():
    flow = tfflows.Flow(
        [
            layers.Standardize(),
            layers.MaskedAutoregressive(univariates.Affine(), order="random", hidden_units=(4,)),
            layers.Permute("random"),
        ],
        event_shape=2,
    )
    flow.compile(keras.optimizers.Adam(1e-2))
    flow.fit(normal(), validation_data=normal(seed=1), epochs=2, verbose=0)
    return flow


@pytest.fixture(scope="module")
def content(flow, tmp_path_factory):
    file = tmp_path_factory.mktemp("whole") / "flow.keras"
    flow.save(file)
    return file.read_bytes()


@pytest.fixture
def file(content, tmp_path):
    file = tmp_path / "flow.keras"
    file.write_bytes(content)
    return file


def same_numbers(one, other):
    x = normal()
    np.testing.assert_array_equal(one.log_prob(x), other.log_prob(x))
    np.testing.assert_array_equal(one.sample(5, seed=3), other.sample(5, seed=3))


class TestRoundTrip:
    def test_load(self, flow, file):
        loaded = tfflows.load(file)
        same_numbers(loaded, flow)
        assert not loaded.needs_adapt
        for ours, theirs in zip(loaded.optimizer.variables, flow.optimizer.variables, strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_keras_reads_it_too(self, flow, file):
        same_numbers(keras.models.load_model(file), flow)

    def test_without_compiling(self, flow, file):
        loaded = tfflows.load(file, compile=False)
        assert not loaded.compiled
        same_numbers(loaded, flow)

    def test_a_folder_of_a_fit(self, flow, file):
        file.rename(file.with_name("model.keras"))
        same_numbers(tfflows.load(file.parent), flow)

    def test_a_file_that_keras_wrote(self, flow, tmp_path):
        keras.saving.save_model(flow, tmp_path / "plain.keras")
        assert files.label_of(tmp_path / "plain.keras") is None
        same_numbers(tfflows.load(tmp_path / "plain.keras"), flow)

    def test_a_flow_inside_a_functional_model(self, flow, tmp_path):
        x = keras.Input([2])
        model = keras.Model(x, flow(x) * 2.0)
        model.save(tmp_path / "model.keras")
        loaded = tfflows.load(tmp_path / "model.keras")
        np.testing.assert_allclose(loaded(normal()), 2.0 * flow.log_prob(normal()), rtol=1e-6)

    def test_copies(self, flow):
        same_numbers(copy.deepcopy(flow), flow)
        same_numbers(pickle.loads(pickle.dumps(flow)), flow)
        clone = keras.models.clone_model(flow)
        assert clone.weights[0] is not flow.weights[0]
        clone.set_weights(flow.get_weights())
        same_numbers(clone, flow)

    def test_training_goes_on_as_if_nothing_had_happened(self, flow, file):
        one, other = tfflows.load(file), tfflows.load(file)
        kept = copy.deepcopy(flow)
        for model in (one, other, kept):
            model.fit(normal(), epochs=2, verbose=0, seed=5)
        for w, v in zip(one.get_weights(), kept.get_weights(), strict=True):
            np.testing.assert_array_equal(w, v)
        same_numbers(one, other)


class TestWriting:
    def test_the_label(self, flow, file):
        label = files.label_of(file)
        assert label["format"] == files.FORMAT
        assert label["versions"]["keras"] == keras.__version__
        assert label["event_shape"] == [2] and label["context_shape"] is None
        assert label["parameters"] == flow.count_params()
        assert label["training"]["steps"] == 4 and label["training"]["epochs"] == 2
        assert set(label["training"]["last"]) == {"loss", "val_loss"}

    def test_a_failed_save_leaves_the_file_that_was_there(self, file, content):
        def broken(path):
            pathlib.Path(path).write_bytes(b"half")
            raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space"):
            files.write_file(file, {}, broken)
        assert file.read_bytes() == content
        assert [path.name for path in file.parent.iterdir()] == ["flow.keras"]

    def test_a_link_goes_on_pointing_where_it_does(self, flow, file, tmp_path):
        (tmp_path / "link.keras").symlink_to(file)
        file.write_bytes(b"old")
        flow.save(tmp_path / "link.keras")
        assert (tmp_path / "link.keras").is_symlink()
        same_numbers(tfflows.load(file), flow)

    def test_a_file_is_not_replaced_against_the_will(self, flow, file):
        with pytest.raises(FileExistsError, match="overwrite=True"):
            flow.save(file, overwrite=False)

    def test_other_names_are_handled_as_in_keras(self, flow, tmp_path):
        with pytest.raises(ValueError, match=r"\.keras"):
            flow.save(tmp_path / "flow.zip")


class TestGolden:
    @pytest.mark.parametrize("golden", GOLDEN, ids=lambda file: file.stem)
    def test_is_read_to_the_same_numbers(self, golden):
        model = tfflows.load(golden)
        wanted = np.load(golden.with_suffix(".npz"))
        context = wanted.get("context")
        score = model.log_prob(wanted["x"], context=context)
        drawn = model.sample(4, seed=3, context=context)
        np.testing.assert_allclose(score, wanted["log_prob"], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(drawn, wanted["samples"], rtol=1e-5, atol=1e-5)
        assert int(model.optimizer.iterations) == wanted["steps"]

    def test_there_are_files_of_this_format(self):
        assert sum(file.stem.endswith(f"-format-{files.FORMAT}") for file in GOLDEN) == 2


def damaged(content, rng):
    """Yield kinds of damage and damaged contents."""
    size = len(content)
    for _ in range(90):
        place, broken = rng.randrange(8 * size), bytearray(content)
        broken[place // 8] ^= 1 << place % 8
        yield f"bit {place} flipped", bytes(broken)
    for _ in range(50):
        end = rng.randrange(size)
        yield f"cut at {end}", content[:end]
    for _ in range(30):
        start, length = rng.randrange(size - 600), rng.randrange(1, 600)
        broken = bytes(b ^ 0x5A for b in content[start : start + length])
        yield f"{length} bytes at {start}", content[:start] + broken + content[start + length :]
    for _ in range(15):
        place = rng.randrange(size)
        yield f"byte {place} missing", content[:place] + content[place + 1 :]
    for _ in range(15):
        place = rng.randrange(size)
        yield f"byte more at {place}", content[:place] + b"\0" + content[place:]
    yield "nothing", b""
    yield "more at the end", content + b"\0"
    yield "twice", content + content


class TestDamage:
    def test_each_of_two_hundred_damaged_files_is_refused_by_name(self, content, tmp_path):
        bad = tmp_path / "bad.keras"
        kinds = list(damaged(content, random.Random(0)))
        assert len(kinds) >= 200
        for kind, broken in kinds:
            bad.write_bytes(broken)
            with pytest.raises(ValueError, match=r"bad\.keras"):
                print(kind)
                tfflows.load(bad)

    def test_keras_never_gives_other_numbers(self, flow, content, tmp_path):
        bad = tmp_path / "bad.keras"
        x = normal()
        wanted = flow.log_prob(x)
        for kind, broken in list(damaged(content, random.Random(1)))[:90:3]:
            bad.write_bytes(broken)
            try:
                found = keras.models.load_model(bad)
            except Exception:
                continue
            # Flags and dates of the archive may change without harm.
            np.testing.assert_array_equal(found.log_prob(x), wanted, err_msg=kind)

    def test_a_damaged_file_that_keras_wrote(self, flow, tmp_path):
        file = tmp_path / "plain.keras"
        keras.saving.save_model(flow, file)
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"plain\.keras is damaged"):
            tfflows.load(file)

    def test_no_such_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"nowhere\.keras"):
            tfflows.load(tmp_path / "nowhere.keras")
        with pytest.raises(FileNotFoundError, match="holds no model"):
            tfflows.load(tmp_path)


def rewritten(file, config=None, weights=None):
    """Rewrite the parts of a file as somebody with bad intentions can, sums and all."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    if config is not None:
        content = json.loads(parts["config.json"])
        parts["config.json"] = json.dumps(config(content) or content).encode()
    if weights is not None:
        store = file.with_suffix(".h5")
        store.write_bytes(parts["model.weights.h5"])
        with h5py.File(store, "r+") as opened:
            weights(opened)
        parts["model.weights.h5"] = store.read_bytes()
    with zipfile.ZipFile(file, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return file


def datasets(opened):
    found = []
    opened.visititems(lambda name, item: found.append(name) if hasattr(item, "shape") else None)
    return [name for name in found if not name.startswith("optimizer")]


class TestHostile:
    """A file whose sums are right, made to run code or to load by halves."""

    @pytest.fixture
    def trap(self, tmp_path):
        return tmp_path / "sprung"

    @pytest.fixture(params=["system", "Lambda", "lambda", "import", "TFP"])
    def part(self, request, trap):
        command = f"touch {trap}"
        code = keras.saving.serialize_keras_object(
            keras.layers.Lambda(lambda x: pathlib.Path("sprung").touch() or x)
        )
        return {
            "system": {
                "module": "os",
                "class_name": "function",
                "config": "system",
                "registered_name": "system",
            },
            "Lambda": code,
            "lambda": code["config"]["function"],
            "import": {
                "module": "subprocess",
                "class_name": "Popen",
                "config": {"args": command, "shell": True},
                "registered_name": None,
            },
            "TFP": {
                "module": "tfflows.layers",
                "class_name": "Static",
                "registered_name": "tfflows>Static",
                "config": {
                    "bijector": {
                        "format": 1,
                        "variables": [],
                        "networks": [],
                        "object": {"class": "os.system", "parameters": {"command": command}},
                    }
                },
            },
        }[request.param]

    @pytest.mark.parametrize("place", ["layer", "base", "whole"])
    def test_code_is_not_run(self, file, part, place, trap, monkeypatch):
        def change(config):
            if place == "whole":
                return part
            if place == "layer":
                config["config"]["bijectors"][0] = part
            else:
                config["config"]["base"] = part

        monkeypatch.chdir(trap.parent)
        rewritten(file, config=change)
        with pytest.raises(ValueError, match=r"flow\.keras"):
            tfflows.load(file)
        assert not trap.exists()

    def test_no_weight_may_be_missing(self, file, content):
        with zipfile.ZipFile(file) as archive:
            store = file.with_suffix(".h5")
            store.write_bytes(archive.read("model.weights.h5"))
        with h5py.File(store) as opened:
            names = datasets(opened)
        assert len(names) > 5
        for name in names:
            file.write_bytes(content)
            rewritten(file, weights=lambda opened, name=name: opened.__delitem__(name))
            with pytest.raises(ValueError, match=r"flow\.keras"):
                tfflows.load(file)

    def test_a_weight_of_another_shape(self, file):
        def change(opened):
            name = datasets(opened)[0]
            del opened[name]
            opened[name] = np.zeros([7, 7], "float32")

        with pytest.raises(ValueError, match=r"flow\.keras"):
            tfflows.load(rewritten(file, weights=change))

    def test_the_state_of_the_optimizer_may_not_be_missing(self, file):
        def change(opened):
            del opened["optimizer/vars/2"]

        with pytest.raises(ValueError, match=r"flow\.keras"):
            tfflows.load(rewritten(file, weights=change))

    @pytest.mark.parametrize("missing", ["config.json", "model.weights.h5"])
    def test_a_part_may_not_be_missing(self, file, missing):
        with zipfile.ZipFile(file) as archive:
            parts = {name: archive.read(name) for name in archive.namelist() if name != missing}
        with zipfile.ZipFile(file, "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, part)
        with pytest.raises(ValueError, match=r"flow\.keras"):
            tfflows.load(file)

    def test_a_config_of_nonsense(self, flow, file):
        rng = random.Random(0)
        with zipfile.ZipFile(file) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        text = parts["config.json"]
        for _ in range(20):
            start = rng.randrange(len(text) - 40)
            parts["config.json"] = text[:start] + text[start + 40 :]
            with zipfile.ZipFile(file, "w") as archive:
                for name, part in parts.items():
                    archive.writestr(name, part)
            try:
                loaded = tfflows.load(file)
            except ValueError as error:
                assert "flow.keras" in str(error)
                continue
            # What is gone was of no consequence.
            same_numbers(loaded, flow)

    def test_a_part_that_would_fill_the_memory(self, file):
        with zipfile.ZipFile(file) as archive:
            config = archive.read("config.json")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("config.json", config)
            archive.writestr("model.weights.h5", bytes(1 << 27))
        with pytest.raises(ValueError, match=r"flow\.keras holds a part that would swell"):
            tfflows.load(file)

    def test_a_newer_format_asks_for_an_upgrade(self, flow, tmp_path, monkeypatch):
        monkeypatch.setattr(files, "FORMAT", files.FORMAT + 1)
        flow.save(tmp_path / "flow.keras")
        monkeypatch.undo()
        with pytest.raises(ValueError, match=r"flow\.keras was written by .* format 2.*Upgrade"):
            tfflows.load(tmp_path / "flow.keras")


def test_an_optimizer_of_another_layout_is_named_with_the_way_out(tmp_path):
    path = tmp_path / "flow.keras"
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
    flow.compile("adam")
    rows = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    flow.fit(rows, epochs=1, verbose=0)
    flow.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = tmp_path / "weights.h5"
    weights.write_bytes(members["model.weights.h5"])
    with h5py.File(weights, "r+") as stored:
        variables = stored["optimizer/vars"]
        del variables[max(variables, key=int)]
    members["model.weights.h5"] = weights.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="compile=False"):
        tfflows.load(path)
    assert tfflows.load(path, compile=False).event_shape == (2,)


def test_a_loss_that_is_not_known_is_named_with_the_way_out(tmp_path):
    def own(y, log_prob):
        return -log_prob

    path = tmp_path / "flow.keras"
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
    flow.compile("adam", loss=own)
    flow.save(path)
    with pytest.raises(ValueError, match=r"own.*compile=False"):
        tfflows.load(path)
    assert tfflows.load(path, compile=False).event_shape == (2,)


@pytest.mark.parametrize("suffix", [".h5", ".hdf5"])
def test_the_older_format_of_keras_is_refused(tmp_path, suffix):
    flow = tfflows.Flow([tfflows.layers.Shift()], event_shape=2)
    with pytest.raises(ValueError, match=r"could not be read again.*ends in \.keras"):
        flow.save(tmp_path / f"flow{suffix}")
    assert not list(tmp_path.iterdir())
    flow.save_weights(tmp_path / "flow.weights.h5")
    flow.load_weights(tmp_path / "flow.weights.h5")


@pytest.mark.parametrize("name", ["flow", "flow.model", "flow.weights"])
def test_a_name_without_the_ending_is_refused_with_the_right_one(tmp_path, name):
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
    with pytest.raises(ValueError, match=rf"ends in .keras, as in '.*{name}.keras'"):
        flow.save(tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_compiled_and_not_yet_fitted(tmp_path):
    flow = tfflows.MAF(2, hidden_units=(4,))
    flow.compile("adam")
    flow.save(tmp_path / "flow.keras")
    again = tfflows.load(tmp_path / "flow.keras")
    assert int(again.optimizer.iterations.numpy()) == 0
    x = np.random.default_rng(0).normal(size=(50, 2)).astype("float32")
    losses = [f.fit(x, epochs=2, verbose=0, seed=0).history["loss"] for f in (flow, again)]
    assert losses[0] == losses[1]
