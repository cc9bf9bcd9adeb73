"""SavedModels: what they offer, and that TensorFlow alone runs them to the same numbers."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import layers, univariates
from tfflows.saving.endpoints import endpoints
from tfflows.saving.saved_model import write_saved_model

from ..properties.subject import Subject
from ..registry import EVERY

READER = pathlib.Path(__file__).with_name("read_served.py")

# One of each kind of sampling, base, context and type; the whole registry is in benchmarks.
CHOSEN = (
    ("coupling, functional", "float32", True),
    ("autoregressive, random order", "float64", False),
    ("flow, context network", "float32", True),
    ("model, mixture", "float32", False),
)


def answers(subject):
    """What the reader asks, answered by the model itself."""
    model, x, context = subject.model, subject.x, subject.context
    found = {
        "serving_default.log_prob": model.log_prob(x, context=context),
        "sample.x": model.sample(4, seed=3, context=context),
        "sample_and_log_prob.log_prob": model.sample_and_log_prob(4, seed=3, context=context)[1],
    }
    if isinstance(model, tfflows.Flow):
        found["inverse.z"] = model.inverse(x, context=context)
        found["forward.x"] = model.forward(found["inverse.z"], context=context)
    return found


def size_of_variables(folder):
    return sum(
        int(np.prod(shape))
        for name, shape in tf.train.list_variables(str(folder / "variables" / "variables"))
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH"
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    subjects = {}
    for name, dtype, conditional in CHOSEN:
        key = name.replace(", ", "_").replace(" ", "_")
        subject = subjects[key] = Subject(EVERY[name], dtype, conditional)
        subject.model.export(folder / f"{key}.served")
        given = {"x": subject.x, "context": subject.context}
        np.savez(folder / f"{key}.npz", **{k: v for k, v in given.items() if v is not None})
    return folder, subjects


class TestTensorFlowAlone:
    def test_gives_the_same_numbers(self, written):
        folder, subjects = written
        done = subprocess.run(
            [sys.executable, str(READER), str(folder)],
            capture_output=True,
            text=True,
            timeout=300,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        )
        assert done.returncode == 0, done.stderr[-3000:]
        for key, subject in subjects.items():
            found = np.load(folder / f"{key}.served.npz")
            for name, value in answers(subject).items():
                where = f"{key}: {name}"
                np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=1e-6, err_msg=where)

    def test_each_variable_is_stored_once(self, written):
        folder, subjects = written
        for key, subject in subjects.items():
            # Beside the weights there is the counter of saves, one number.
            stored = size_of_variables(folder / f"{key}.served")
            assert stored <= subject.model.count_params() + 1, key

    def test_the_inspector_of_tensorflow_shows_the_signatures(self, written):
        folder, _ = written
        shown = subprocess.run(
            [
                str(pathlib.Path(sys.executable).with_name("saved_model_cli")),
                *("show", "--dir", str(folder / "coupling_functional.served")),
                *("--tag_set", "serve", "--signature_def", "serving_default"),
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert shown.returncode == 0, shown.stderr[-2000:]
        for part in ("inputs['x']", "inputs['context']", "outputs['log_prob']", "shape: (-1, 2)"):
            assert part in shown.stdout, shown.stdout
        assert "tensorflow/serving/predict" in shown.stdout


@pytest.fixture(scope="module")
def flow():
    flow = tfflows.Flow(
        [layers.Standardize(), layers.Coupling(univariates.Affine(), hidden_units=(4,))],
        event_shape=2,
        context_shape=3,
    )
    rng = np.random.default_rng(0)
    x, context = rng.normal(size=(64, 2)), rng.normal(size=(64, 3))
    flow.compile(keras.optimizers.Adam(1e-2))
    flow.fit(x.astype("float32"), context=context.astype("float32"), epochs=2, verbose=0)
    return flow


@pytest.fixture(scope="module")
def served(flow, tmp_path_factory):
    folder = tmp_path_factory.mktemp("one") / "served"
    flow.export(folder)
    return tf.saved_model.load(str(folder))


@pytest.fixture(scope="module")
def shift():
    return tfflows.Flow([layers.Shift()], event_shape=1)


class TestSignatures:
    def test_names_of_arguments_and_results(self, served):
        found = {
            name: (
                set(signature.structured_input_signature[1]),
                set(signature.structured_outputs),
            )
            for name, signature in served.signatures.items()
        }
        assert found == {
            "serving_default": ({"x", "context"}, {"log_prob"}),
            "log_prob": ({"x", "context"}, {"log_prob"}),
            "sample": ({"n", "seed", "context"}, {"x"}),
            "sample_and_log_prob": ({"n", "seed", "context"}, {"x", "log_prob"}),
            "forward": ({"z", "context"}, {"x"}),
            "inverse": ({"x", "context"}, {"z"}),
        }

    @pytest.mark.parametrize("seed", [3, (5, 7)])
    def test_seeds_mean_what_they_mean_in_sample(self, flow, served, seed):
        context = tf.ones([2, 3])
        drawn = served.sample(n=4, seed=seed, context=context)["x"]
        np.testing.assert_array_equal(drawn, flow.sample(4, seed=seed, context=context))

    def test_a_seed_of_three_numbers_is_refused(self, served):
        with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
            served.sample(n=4, seed=(1, 2, 3), context=tf.ones([2, 3]))

    def test_one_context_serves_all_events(self, flow, served):
        x, context = tf.random.stateless_normal([5, 2], [0, 1]), tf.ones([1, 3])
        found = served.log_prob(x, context)["log_prob"]
        np.testing.assert_allclose(found, flow.log_prob(x, context=context), rtol=1e-6)

    def test_it_keeps_the_weights_of_the_time(self, flow, served):
        x, context = tf.ones([1, 2]), tf.ones([1, 3])
        before = served.log_prob(x, context)["log_prob"].numpy()
        kept = flow.get_weights()
        flow.set_weights([w + 0.1 for w in kept])
        np.testing.assert_array_equal(served.log_prob(x, context)["log_prob"], before)
        assert abs(flow.log_prob(x, context=context) - before) > 1e-3
        flow.set_weights(kept)

    def test_gradients(self, flow, served):
        x, context = tf.random.stateless_normal([5, 2], [0, 1]), tf.ones([1, 3])
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            ours = flow.log_prob(x, context=context)
            theirs = served.log_prob(x, context)["log_prob"]
        np.testing.assert_allclose(tape.gradient(theirs, x), tape.gradient(ours, x), rtol=1e-5)

    def test_gradients_by_formulas_of_our_own(self, tmp_path):
        # Coordinate by coordinate, whose gradient is no derivative of the operations.
        affine = layers.MaskedAutoregressive(
            univariates.Affine(), hidden_units=(4,), identity_start=False, dtype="float64"
        )
        flow = tfflows.Flow([affine], event_shape=3, dtype="float64")
        (forward,) = (one for one in endpoints(flow) if one.name == "forward")
        write_saved_model([forward], tmp_path / "served")
        served = tf.saved_model.load(str(tmp_path / "served"))
        z = tf.random.stateless_normal([1, 3], [0, 1], dtype=tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(z)
            x = served.forward(z)["x"]
        slope = tape.gradient(x, z)
        steps = 1e-5 * np.eye(3)
        ends = (served.forward(z + sign * steps)["x"].numpy().sum(1) for sign in (1.0, -1.0))
        np.testing.assert_allclose(slope[0], np.subtract(*ends) / 2e-5, rtol=1e-6)


class TestFolder:
    def test_an_unknown_format_names_the_known(self, shift, tmp_path):
        with pytest.raises(ValueError, match=r"'onnx'.*'tf_saved_model'"):
            shift.export(tmp_path / "served", format="onnx")
        assert not any(tmp_path.iterdir())

    def test_an_earlier_export_is_replaced_and_nothing_is_left_beside_it(self, shift, tmp_path):
        folder = tmp_path / "deeper" / "served"
        shift.export(folder)
        (folder / "assets" / "old").write_text("old")
        shift.export(folder, verbose=False)
        assert not (folder / "assets" / "old").exists()
        assert [path.name for path in folder.parent.iterdir()] == ["served"]

    def test_other_files_are_left_alone(self, shift, tmp_path):
        (tmp_path / "thesis.tex").write_text("years of work")
        with pytest.raises(FileExistsError, match="something else"):
            shift.export(tmp_path)
        with pytest.raises(FileExistsError, match="is a file"):
            shift.export(tmp_path / "thesis.tex")
        assert (tmp_path / "thesis.tex").read_text() == "years of work"

    def test_a_density_that_cannot_be_sampled_is_exported_without_samples(self, tmp_path):
        class Unnormalized(tfflows.DensityModel):
            def _log_density(self, x, context):
                return -tf.reduce_sum(x**2, -1)

        Unnormalized(event_shape=2).export(tmp_path / "served")
        served = tf.saved_model.load(str(tmp_path / "served"))
        assert set(served.signatures) == {"serving_default", "log_prob"}
