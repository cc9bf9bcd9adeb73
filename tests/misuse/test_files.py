"""Files: whole flows, damaged files, files of other versions, and adapted layers after load."""

import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

import tfflows
from tfflows import layers


def normal(rows=200, columns=2):
    return np.random.default_rng(0).normal(size=(rows, columns)).astype("float32")


@pytest.fixture
def saved(tmp_path):
    flow = tfflows.NSF(2, 1, transforms=1, hidden_units=(4,), bins=3)
    flow.adapt(normal(), normal(columns=1))
    flow.save(tmp_path / "flow.keras")
    return tmp_path / "flow.keras"


def rewritten(file, change):
    """Rewrite the config of a file."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file


class TestDamage:
    def test_a_truncated_file_is_named(self, saved):
        saved.write_bytes(saved.read_bytes()[:-100])
        with pytest.raises(Exception, match=r"flow\.keras"):
            keras.models.load_model(saved)

    def test_something_else_is_named(self, tmp_path):
        file = tmp_path / "other.keras"
        file.write_bytes(b"not a model")
        with pytest.raises(Exception, match=r"other\.keras"):
            keras.models.load_model(file)

    def test_a_config_without_sense(self, saved):
        def change(config):
            config["config"]["bijectors"] = [{"class_name": "Nonsense", "config": {}}]

        with pytest.raises((ValueError, TypeError), match="Nonsense"):
            keras.models.load_model(rewritten(saved, change))

    def test_weights_of_another_model(self, saved, tmp_path):
        other = tfflows.NSF(3, 1, transforms=1, hidden_units=(4,), bins=3)
        other.save_weights(tmp_path / "other.weights.h5")
        flow = keras.models.load_model(saved)
        with pytest.raises(ValueError, match=r"could not be loaded"):
            flow.load_weights(tmp_path / "other.weights.h5")

    def test_an_event_shape_that_the_layers_do_not_have(self, saved):
        def change(config):
            config["config"]["event_shape"] = [3]

        with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)|\(3,\).*\(2,\)"):
            keras.models.load_model(rewritten(saved, change))


class TestVersions:
    def test_the_file_says_which_version_wrote_it(self, saved):
        with zipfile.ZipFile(saved) as archive:
            config = json.loads(archive.read("config.json"))
        assert config["config"]["tfflows_version"] == tfflows.__version__

    def test_a_newer_file_that_this_version_cannot_read_names_both(self, saved):
        def change(config):
            config["config"]["tfflows_version"] = "99.1.0"
            config["config"]["some_new_argument"] = True

        with pytest.raises(ValueError, match=rf"99\.1\.0.*{tfflows.__version__}.*[Uu]pgrade"):
            keras.models.load_model(rewritten(saved, change))

    def test_a_newer_file_that_this_version_can_read_loads(self, saved):
        def change(config):
            config["config"]["tfflows_version"] = "99.1.0"

        assert keras.models.load_model(rewritten(saved, change)).event_shape == (2,)


class TestAdapted:
    @pytest.mark.parametrize("layer", [layers.ActNorm, layers.Standardize])
    def test_is_not_adapted_again_after_load(self, layer, tmp_path):
        flow = tfflows.Flow([layer(), layers.Shift()], 2)
        flow.compile(keras.optimizers.SGD(0.0))
        flow.fit(normal(), verbose=0)
        before = flow.log_prob(normal())
        flow.save(tmp_path / "flow.keras")
        loaded = keras.models.load_model(tmp_path / "flow.keras")
        assert not loaded.needs_adapt
        loaded.fit(100.0 + 50.0 * normal(), verbose=0)
        np.testing.assert_allclose(loaded.log_prob(normal()), before, rtol=1e-5)

    def test_a_second_fit_does_not_adapt_again(self):
        flow = tfflows.Flow([layers.Standardize(), layers.Shift()], 2)
        flow.compile(keras.optimizers.SGD(0.0))
        flow.fit(normal(), verbose=0)
        before = flow.log_prob(normal())
        flow.fit(100.0 + 50.0 * normal(), verbose=0)
        np.testing.assert_allclose(flow.log_prob(normal()), before, rtol=1e-5)

    def test_adapt_sees_the_training_rows_alone(self):
        x = normal()
        held = 1e3 + normal()
        flow = tfflows.Flow([layers.Standardize(), layers.Shift()], 2)
        flow.compile(keras.optimizers.SGD(0.0))
        flow.fit(x, validation_data=(held,), verbose=0)
        np.testing.assert_allclose(flow.bijector_layers[0].location, x.mean(0), atol=1e-5)

    def test_adapt_is_weighted(self):
        x, weight = normal(), np.zeros(200)
        weight[:50] = 3.0
        flow = tfflows.Flow([layers.Standardize(), layers.ActNorm()], 2)
        flow.adapt(x, sample_weight=weight)
        np.testing.assert_allclose(flow.bijector_layers[0].location, x[:50].mean(0), atol=1e-5)
        np.testing.assert_allclose(
            np.exp(flow.bijector_layers[0].log_scale), x[:50].std(0), rtol=1e-5
        )
        z = flow.inverse(x[:50]).numpy()
        np.testing.assert_allclose(z.mean(0), [0, 0], atol=1e-5)
        np.testing.assert_allclose(z.std(0), [1, 1], rtol=1e-4)


class TestWhatCannotBeSaved:
    def test_a_bijector_with_a_lambda_says_so_when_it_is_saved(self, tmp_path):
        flow = tfflows.Flow(
            [tfb.Inline(forward_fn=lambda x: x + 1, inverse_fn=lambda y: y - 1,
                        inverse_log_det_jacobian_fn=lambda y: tf.zeros([]),
                        forward_min_event_ndims=0)], 2,
        )  # fmt: skip
        assert flow.log_prob(tf.zeros([3, 2])).shape == (3,)
        with pytest.raises(ValueError, match="config"):
            flow.save(tmp_path / "flow.keras")
