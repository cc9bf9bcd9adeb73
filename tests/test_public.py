"""What a user reaches as ``tfflows.NAME`` is listed and there; the papers name one version."""

import re
import types
from pathlib import Path

import keras
import pytest

import tfflows

ROOT = Path(__file__).parents[1]
VERSION = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)[1]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "tutorials").glob("guide/*.md")),
    *sorted((ROOT / "tutorials").glob("practice/*.md")),
]
NAMED = sorted(
    {
        name
        for page in PAGES
        for name in re.findall(r"\btfflows\.([a-zA-Z]\w*)", page.read_text("utf-8"))
    }
)


@pytest.mark.parametrize("name", tfflows.__all__)
def test_a_listed_name_is_there_and_explains_itself(name):
    assert name in dir(tfflows)
    assert getattr(tfflows, name).__doc__.strip()


def test_no_name_is_listed_twice():
    assert len(set(tfflows.__all__)) == len(tfflows.__all__)


@pytest.mark.parametrize("name", ["doctor", "training"])
def test_training_and_doctor_are_listed(name):
    assert name in tfflows.__all__


# What completion lists beside Keras's own names.
OF_A_FLOW = """
    adapt base bijector bijector_layers check context_network context_shape context_standardize
    distribution embed estimates event_shape event_size exact explain forward intermediate
    intermediate_distribution inverse level log_prob needs_adapt prob rsample_and_log_prob sample
    sample_and_log_prob sample_frame standardize_context
"""
OF_A_LAYER = """
    adapt adjacency bijective bijector bounded data_shape estimates exact forward inverse
    latent_shape needs_adapt raw_parameters scalar_bijector statistics transformed
"""


@pytest.mark.parametrize(
    "make, kept, names",
    [
        (lambda: tfflows.MAF(2, transforms=1, hidden_units=(4,)), keras.Model, OF_A_FLOW),
        (tfflows.layers.BijectorLayer, keras.layers.Layer, OF_A_LAYER),
    ],
)
def test_completion_lists_what_a_user_calls(make, kept, names):
    made, of_keras = make(), set(dir(kept()))
    if isinstance(made, keras.Model):
        made.compile("adam")
        of_keras |= {"optimizer", "stop_training"}  # of a compiled model
    assert of_keras - set(dir(made)) == set()
    assert {name for name in dir(made) if name[0] != "_"} - of_keras == set(names.split())


@pytest.mark.parametrize("name", tfflows.__all__)
def test_completion_of_a_package_lists_its_names(name):
    package = getattr(tfflows, name)
    if isinstance(package, types.ModuleType):
        assert dir(package) == sorted(package.__all__)


def test_what_the_documents_name_is_listed():
    assert {"NSF", "doctor", "load", "training"} <= set(NAMED)
    assert set(NAMED) <= set(tfflows.__all__)


@pytest.mark.parametrize(
    "page, pattern",
    [("CHANGELOG.md", r"^## \[(\d.*?)\]"), ("CITATION.cff", r"^version: (.+)")],
)
def test_the_version_is_the_same_everywhere(page, pattern):
    assert re.search(pattern, (ROOT / page).read_text("utf-8"), re.M)[1] == VERSION
