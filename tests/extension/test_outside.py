"""What is written outside the package keeps every promise, fits, and comes back from a file."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows import layers

from ..properties.checks import checks_of, name_of
from ..properties.subject import Subject
from ..registry import NETWORK, Example
from .outside import Laplace, Stretch, Tails

tf.get_logger().setLevel("ERROR")


def flow(make, **kwargs):
    return Example(
        lambda dtype, context_shape: tfflows.Flow([make(dtype)], 2, context_shape, dtype=dtype),
        (2,),
        **kwargs,
    )


EXAMPLES = {
    "layer": flow(lambda d: Stretch(dtype=d), jacobian="diagonal"),
    "inverted layer": flow(lambda d: layers.Invert(Stretch(dtype=d)), jacobian="diagonal"),
    "family, elementwise": flow(
        lambda d: layers.Elementwise(Tails(), dtype=d, **NETWORK),
        jacobian="diagonal",
        starts_as_identity=True,
    ),
    "family, autoregressive": flow(
        lambda d: layers.MaskedAutoregressive(Tails(), dtype=d, **NETWORK),
        jacobian="triangular",
        degrees=(0, 1),
        starts_as_identity=True,
    ),
    "family, coupling": flow(
        lambda d: layers.Coupling(Tails(), dtype=d, **NETWORK), starts_as_identity=True
    ),
    "model": Example(
        lambda dtype, context_shape: Laplace(dtype=dtype), (2,), context="always", kind="model"
    ),
}


def cases():
    for index, (name, example) in enumerate(EXAMPLES.items()):
        for conditional in example.contexts():
            usual = conditional == example.contexts()[-1]
            for costly in (False, True):
                for check in checks_of(example, costly):
                    dtype = ("float64", "float32")[index % 2]
                    yield pytest.param(
                        (name, dtype, conditional),
                        check,
                        id=f"{name}-{'conditional' if conditional else 'plain'}-{name_of(check)}",
                        marks=_marks(usual, costly),
                    )


def _marks(usual, costly):
    if not usual:
        return [pytest.mark.exhaustive]
    return [pytest.mark.slow] if costly else []


@pytest.fixture(scope="module")
def subject(request):
    name, dtype, conditional = request.param
    return Subject(EXAMPLES[name], dtype, conditional)


@pytest.mark.parametrize(("subject", "check"), list(cases()), indirect=["subject"])
def test_promise(subject, check):
    check(subject)


MODELS = {
    "layer": lambda: tfflows.Flow([Stretch(), layers.Shift()], 2, 2, standardize_context=False),
    "family": lambda: tfflows.Flow(
        [layers.Coupling(Tails(), hidden_units=(8,)), layers.LU()], 2, 2
    ),
    "model": Laplace,
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_fits_and_comes_back_from_a_file(make, tmp_path):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    context = rng.normal(size=(1000, 2)).astype("float32")
    x = (np.sinh(rng.normal(size=(1000, 2))) * [0.2, 3.0] + context).astype("float32")
    model = make()
    model.compile(keras.optimizers.Adam(0.02))
    losses = model.fit(x, context=context, epochs=6, batch_size=50, verbose=0).history["loss"]
    assert losses[-1] < losses[0] - 0.2
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.log_prob(x, context), model.log_prob(x, context), rtol=1e-5)
    assert loaded.fit(x, context=context, verbose=0).history["loss"][0] < losses[0] - 0.2


def test_a_layer_stands_in_a_functional_model():
    x, context = keras.Input((2,)), keras.Input((2,))
    model = keras.Model([x, context], Stretch()(x, context=context))
    assert len(model.trainable_weights) == 3
    assert model.predict([np.ones([4, 2]), np.ones([4, 2])], verbose=0).shape == (4, 2)


def test_what_is_missing_is_named():
    class Empty(tfflows.layers.BijectorLayer):
        pass

    class Nothing(tfflows.univariates.Univariate):
        parameter_size = 1

    class Void(tfflows.DensityModel):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty does not implement `bijector"):
        tfflows.Flow([Empty()], 2).log_prob(tf.zeros([1, 2]))
    with pytest.raises(NotImplementedError, match=r"Nothing does not implement `bijector"):
        tfflows.Flow([layers.Elementwise(Nothing())], 2).log_prob(tf.zeros([1, 2]))
    with pytest.raises(NotImplementedError, match=r"Void does not implement `distribution"):
        Void(2).log_prob(tf.zeros([1, 2]))
