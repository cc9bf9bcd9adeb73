"""Every prescription of the doctor runs: it takes data, and a loss reaches all that trains."""

import re
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows.diagnostics import messages, prescriptions

MVN = tfd.MultivariateNormalDiag([0.0, 0.0])


def normal():
    return tfd.Normal(0.0, 1.0)


def over(base, *chain):
    return tfd.TransformedDistribution(base, tfb.Chain(list(chain)) if chain[1:] else chain[0])


def made(**kwargs):
    return tfb.AutoregressiveNetwork(params=2, hidden_units=[4], activation="relu", **kwargs)


def spline(x, units, **kwargs):
    raw = tf.stack([x[..., :units]] * 4, -1)
    return tfb.RationalQuadraticSpline(
        *(tf.nn.softmax(raw) * 4.0,) * 2, 1.0 + tf.nn.softplus(raw[..., :3]), range_min=-2.0
    )


class Folded(tfb.Bijector):
    """A bijector whose log-determinant is summed over the batch, too."""

    def __init__(self):
        super().__init__(forward_min_event_ndims=0)

    def _forward(self, z):
        return tf.tanh(z)

    def _inverse(self, x):
        return tf.atanh(x)

    def _forward_log_det_jacobian(self, z):
        return tfb.Tanh().forward_log_det_jacobian(z, event_ndims=2)


class Fails(tfb.Bijector):
    def __init__(self):
        super().__init__(forward_min_event_ndims=0)

    def _inverse(self, x):
        raise RuntimeError("no good")


def cosine():
    return tfb.Inline(
        forward_fn=tf.cos,
        inverse_fn=tf.acos,
        inverse_log_det_jacobian_fn=lambda x: -0.5 * tf.math.log(1.0 - x**2),
        forward_min_event_ndims=0,
    )


# What to look at, and the names of what is found.
CASES = {
    "named": (lambda: tfd.JointDistributionNamed({"a": normal(), "b": normal()}), "several_arrays"),
    "dependent": (
        lambda: tfd.JointDistributionSequential(
            [tfd.Normal(tf.Variable(0.0), 1.0), lambda a: tfd.Normal(a, 1.0)]
        ),
        "several_arrays",
    ),
    "transformed joint": (
        lambda: over(
            tfd.JointDistributionSequential([normal(), normal()]),
            tfb.JointMap([tfb.Exp(), tfb.Scale(tf.Variable(2.0))]),
        ),
        "several_arrays",
    ),
    "a bijector of lists": (lambda: tfb.Split(2), "several_arrays"),
    "a batch by its shift": (
        lambda: over(normal(), tfb.Shift(tf.Variable([1.0, 2.0, 3.0]))),
        "batch_of_distributions",
    ),
    "a batch by its scale": (
        lambda: over(tfd.Normal(1.0, 2.0), tfb.Scale(tf.Variable([1.0, 2.0]))),
        "batch_of_distributions",
    ),
    "one number in a vector": (
        lambda: over(tfd.MultivariateNormalDiag([0.0]), tfb.Scale(tf.Variable([1.0, 1.0]))),
        "wrong_base",
    ),
    "a scalar under a matrix": (
        lambda: over(normal(), tfb.ScaleMatvecDiag(tf.Variable([1.0]))),
        "wrong_base",
    ),
    "a scalar under a network": (
        lambda: over(normal(), tfb.MaskedAutoregressiveFlow(made(event_shape=[2]))),
        "wrong_base",
    ),
    "a batch": (lambda: tfd.Normal(tf.Variable([0.0, 1.0]), 1.0), "batch_of_distributions"),
    "a batch that is transformed": (
        lambda: over(tfd.Normal([0.0, 0.0], 1.0), tfb.Shift(tf.Variable([1.0, 2.0]))),
        "batch_of_distributions",
    ),
    "nothing trains": (normal, ""),
    "splines": (lambda: over(MVN, tfb.RealNVP(1, bijector_fn=spline)), ""),
    "splines without a permutation": (
        lambda: over(MVN, *[tfb.RealNVP(1, bijector_fn=spline) for _ in range(2)]),
        "missing_permutation",
    ),
    "batch normalization": (
        lambda: over(MVN, tfb.BatchNormalization(), tfb.Scale(tf.Variable([1.0, 2.0]))),
        "depends_on_batch",
    ),
    "folded": (lambda: over(MVN, Folded()), "depends_on_batch"),
    "fails": (lambda: over(MVN, Fails()), "does_not_run"),
    "a square": (lambda: over(normal(), tfb.Square()), "not_one_to_one"),
    "an absolute value": (lambda: over(normal(), tfb.AbsoluteValue()), "not_one_to_one"),
    "a cosine": (lambda: over(tfd.Uniform(0.0, 2.0 * np.pi), cosine()), "not_one_to_one"),
    "a frozen variable": (
        lambda: over(MVN, tfb.Shift(keras.Variable([1.0, 2.0]))),
        "frozen_variable",
    ),
    "no network": (lambda: over(MVN, tfb.RealNVP(num_masked=1)), "missing_function"),
    "one network": (
        lambda: over(MVN, *[tfb.MaskedAutoregressiveFlow(made())] * 2),
        "shared_network",
    ),
    "a bijector": (lambda: tfb.Shift(tf.Variable([1.0, 2.0])), ""),
}


def run(code, shape=None, **names):
    """Run prescribed code on data that fit it, and see that a loss reaches what trains."""
    rng = np.random.default_rng(0)
    told = re.search(r"event_shape=(\d+)", code)
    if shape is None:
        shape = (int(told[1]),) if told else ()
    x = rng.normal(size=(64, *shape)).astype("float32")
    if "IteratedSigmoid" in code:
        x = rng.dirichlet(np.ones(shape[0]), size=64).astype("float32")
    given = {"x": x, "c": x[:, None], **names}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "columns of x follow from others")  # those of a simplex
        exec(re.sub(r"epochs=10", "epochs=0, verbose=0", code), given)
    model = given.get("flow") or given.get("model")
    if model is None:
        assert "bijector" in given
        return None
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model.log_prob(x, given["c"] if model.context_shape else None))
    weights = [weight.value for weight in model.trainable_weights]
    assert ".fit(" in code if weights else ".log_prob(" in code
    assert all(gradient is not None for gradient in tape.gradient(loss, weights))
    return model


@pytest.mark.parametrize("name", CASES)
def test_what_the_doctor_prescribes_runs(name):
    make, finding = CASES[name]
    thing = make()
    diagnosis = tfflows.doctor(thing)
    assert finding in (*diagnosis.names, ""), diagnosis
    assert not finding or finding in str(diagnosis)
    shape = None
    if isinstance(thing, tfd.Distribution) and "DistributionModel" in diagnosis.code:
        sizes = tf.nest.flatten(tf.nest.map_structure(tf.size, thing.sample(seed=(0, 0))))
        scalar = len(sizes) == 1 and "Independent" not in diagnosis.code and sizes[0] == 1
        shape = () if scalar else (int(sum(sizes)),)
    run(diagnosis.code, shape, td=thing, bijector=thing)


@pytest.mark.parametrize("code", dict.fromkeys(code for *_, code in messages._KNOWN))
def test_what_messages_prescribe_runs(code):
    td = over(MVN, tfb.Shift(tf.Variable([1.0, 2.0])))
    run(code, (2,) if code == prescriptions.ADOPT else None, td=td)


def test_the_network_runs():
    run(prescriptions.NETWORK)


def test_a_prescription_is_fitted():
    td = over(tfd.MultivariateNormalDiag([0.0]), tfb.Shift(tf.Variable([1.0, 2.0, 3.0])))
    code = tfflows.doctor(td).code
    assert "layers.Shift([1.0, 2.0, 3.0])" in code and "event_shape=3" in code
    given = {"x": np.random.default_rng(0).normal(size=(64, 3)).astype("float32")}
    exec(code.replace("epochs=10", "epochs=2, verbose=0"), given)
    assert given["flow"].trainable_weights


def test_two_points_with_one_image_are_named():
    text = str(tfflows.doctor(over(normal(), tfb.Square())))
    points = re.search(r"maps (-?[\d.]+)\s+and\s+(-?[\d.]+)\s+both\s+to\s+([\d.]+)", text)
    one, other, image = map(float, points.groups())
    assert one == -other and abs(one * one - image) < 1e-2
    assert tfflows.doctor(over(tfd.HalfNormal(1.0), tfb.Square())).ok


@pytest.mark.parametrize(
    "message",
    ["log_prob returns positive values", "my loss is negative", "Density greater than 1?"],
)
def test_a_density_above_one(message):
    diagnosis = tfflows.doctor(message)
    assert diagnosis.ok and diagnosis.names == ("density_above_one",)
    assert "may exceed one" in str(diagnosis)


def test_what_numpy_breaks_within_tfp():
    assert tfflows.doctor("reshape() got an unexpected keyword argument 'newshape'").faults == (
        "numpy_2",
    )
    if tuple(map(int, np.__version__.split(".")[:2])) >= (2, 4):
        for make in (lambda: tfb.Pad([[0, 1]]), lambda: tfb.SoftmaxCentered().forward([0.0])):
            with pytest.raises(TypeError) as error:
                make()
            assert tfflows.doctor(error.value).faults == ("numpy_2",)
