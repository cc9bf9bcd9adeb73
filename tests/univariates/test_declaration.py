"""What follows from the options that a family declares."""

import copy
import functools
import inspect
import pickle
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

import tfflows
from tfflows import layers, univariates
from tfflows.bijectors.checks import check_at_most, check_positive
from tfflows.univariates import CubicSpline, Univariate
from tfflows.univariates.declaration import option

FAMILIES = [getattr(univariates, name) for name in univariates.__all__ if name != "Univariate"]


@keras.saving.register_keras_serializable(package="tests")
class Bent(Univariate):
    """A family declared outside the package, with an option that only shapes its size."""

    bijector_class = tfb.SinhArcsinh
    copies: int = option(1)
    tailweight: float = option(1.0, check_positive, functools.partial(check_at_most, 3.0))
    allow: bool = option(True)
    parameter_size = functools.cached_property(lambda self: self.copies)

    def _arguments(self, raw):
        return {"skewness": tf.reduce_sum(raw, -1)}


@keras.saving.register_keras_serializable(package="tests")
class Fine(CubicSpline):
    """A subclass with a constructor, a size and a config of its own, written by hand."""

    def __init__(self, level, bound=2.0):
        super().__init__(bins=2**level, bound=bound)
        self.level = level
        self.parameter_size = self.parameter_size + 1

    def bijector(self, raw):
        return tfb.Shift(raw[..., -1])(
            CubicSpline(bins=self.bins, bound=self.bound).bijector(raw[..., :-1])
        )

    def get_config(self):
        return {"level": self.level, "bound": self.bound}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_every_option_is_in_the_signature_and_in_the_docstring(family):
    parameters = inspect.signature(family).parameters
    section = re.search(r"Parameters\n-+\n(.*?)\n\n\S+\n-+\n", inspect.getdoc(family), re.DOTALL)
    documented = re.findall(r"^\**(\w+)(?: : |$)", section[1], re.MULTILINE) if section else []
    assert list(parameters) == documented
    if family not in (univariates.Monotone, univariates.UnconstrainedMonotonic):
        for name, parameter in parameters.items():
            assert type(parameter.default) is parameter.annotation
            assert getattr(family(), name) == getattr(family, name) == parameter.default
        assert family().get_config() == {name: p.default for name, p in parameters.items()}


def test_signature():
    expected = "(bins: int = 8, bound: float = 5.0, min_bin: float = 0.001)"
    assert str(inspect.signature(CubicSpline)) == expected
    assert str(inspect.signature(Bent)) == (
        "(copies: int = 1, tailweight: float = 1.0, allow: bool = True)"
    )


def test_options_are_taken_by_place_and_by_name_and_become_of_their_type():
    family = Bent(np.int64(2), allow=0, tailweight=np.float32(1.5))
    assert repr(family) == "Bent(copies=2, tailweight=1.5, allow=False)"
    assert [type(value) for value in family.get_config().values()] == [int, float, bool]
    assert family.parameter_size == 2


def test_the_bijector_gets_the_options_it_takes():
    bijector = Bent(copies=2, tailweight=1.5).bijector(tf.constant([[0.25, 0.5]]))
    expected = tfb.SinhArcsinh(0.75, 1.5).forward(0.3)
    np.testing.assert_allclose(bijector.forward(0.3), [expected], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Bent(bins=3), TypeError, r"Bent\.__init__\(\) got an unexpected .* 'bins'"),
        (lambda: Bent(1, 1.0, True, 4), TypeError, r"Bent\.__init__\(\) too many positional"),
        (lambda: Bent(1, copies=1), TypeError, r"Bent\.__init__\(\) multiple values .* 'copies'"),
        (lambda: Bent(tailweight=0), ValueError, "^tailweight=0: expected a positive finite num"),
        (lambda: Bent(tailweight=4.0), ValueError, r"^tailweight=4\.0: expected at most 3\.0\.$"),
        (
            lambda: univariates.QuadraticSpline(min_bin=0.0, min_slope=0),
            ValueError,
            r"^min_bin=0\.0, min_slope=0: expected a number above 0; a network can drive",
        ),
        (
            lambda: CubicSpline(bins=8, min_bin=0.2),
            ValueError,
            r"^min_bin=0\.2 with bins=8: expected 0 <= min_bin < 1 / bins = 0\.125, because",
        ),
        (
            lambda: univariates.CircularShift(bound=-1.0),
            ValueError,
            r"^bound=-1\.0: expected a positive finite number, half the width of the box\.$",
        ),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_what_is_annotated_but_not_declared_is_no_option():
    class Plain(Univariate):
        parameter_size: int = 1
        strength: float = 2.0

        def bijector(self, raw):
            return tfb.Shift(raw[..., 0])

    assert Plain().get_config() == {} and repr(Plain()) == "Plain()"
    with pytest.raises(TypeError):
        Plain(strength=1.0)

    class Scaled(Bent):
        parameter_size: int = 1
        strength: float = 2.0

    assert list(Scaled().get_config()) == ["copies", "tailweight", "allow"]


def test_a_subclass_adds_options_and_replaces_defaults():
    class Wide(CubicSpline):
        bound: float = option(9.0)
        shifted: bool = option(False)

    family = Wide(4)
    assert family.get_config() == {"bins": 4, "bound": 9.0, "min_bin": 1e-3, "shifted": False}
    assert list(inspect.signature(Wide).parameters) == ["bins", "bound", "min_bin", "shifted"]
    assert family.bijector(tf.zeros([10])).bound == 9.0
    assert CubicSpline().bound == CubicSpline.bound == 5.0


def test_a_subclass_with_a_constructor_of_its_own():
    family = Fine(2)
    assert str(inspect.signature(Fine)) == "(level, bound=2.0)"
    assert (family.bins, family.bound, family.parameter_size) == (4, 2.0, 11)
    assert repr(family) == "Fine(level=2, bound=2.0)"
    assert repr(Fine.from_config(family.get_config())) == repr(family)


@pytest.mark.parametrize(
    "family", [CubicSpline(4, 3), Bent(2, 0.7), Fine(2, 3.0)], ids=lambda family: repr(family)
)
def test_copies_and_files(family, tmp_path):
    flow = tfflows.Flow([layers.Elementwise(family)], 3)
    raw = tf.random.stateless_normal([3, family.parameter_size], [0, 1])
    flow.bijector_layers[0].raw.value.assign(raw)
    flow.save(tmp_path / "flow.keras")
    again = keras.saving.load_model(tmp_path / "flow.keras")
    x = tf.random.stateless_normal([20, 3], [0, 2])
    np.testing.assert_array_equal(again.log_prob(x), flow.log_prob(x))
    others = (
        again.bijector_layers[0].univariate,
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(family)),
        pickle.loads(pickle.dumps(family)),
        copy.deepcopy(family),
    )
    for other in others:
        assert type(other) is type(family) and other.get_config() == family.get_config()
        assert other.parameter_size == family.parameter_size
