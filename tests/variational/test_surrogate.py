"""A flow over the structure of a joint distribution, fitted by Keras and by TFP."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, losses, variational

DATA = [1.0, 2.5, 0.5, 3.0]


def named():
    return tfd.JointDistributionNamed(
        {
            "scale": tfd.Gamma(2.0, 1.0),
            "loc": lambda scale: tfd.Sample(tfd.Normal(0.0, scale), 2),
            "y": lambda loc: tfd.Sample(tfd.Normal(tf.reduce_sum(loc, -1), 1.0), 4),
        }
    )


def sequential():
    return tfd.JointDistributionSequential(
        [
            tfd.Gamma(2.0, 1.0),
            lambda scale: tfd.Sample(tfd.Normal(0.0, scale), 2),
            lambda loc: tfd.Sample(tfd.Normal(tf.reduce_sum(loc, -1), 1.0), 4),
        ]
    )


def coroutine():
    @tfd.JointDistributionCoroutineAutoBatched
    def model():
        scale = yield tfd.Gamma(2.0, 1.0, name="scale")
        loc = yield tfd.Sample(tfd.Normal(0.0, scale), 2, name="loc")
        yield tfd.Sample(tfd.Normal(tf.reduce_sum(loc, -1), 1.0), 4, name="y")

    return model


def pinned(joint):
    return joint.experimental_pin([None, None, DATA] if joint is SEQUENTIAL else {"y": DATA})


SEQUENTIAL = sequential()


def parts(values):
    """Return scale and loc of any structure, also where a dictionary sorts its keys."""
    if isinstance(values, dict):
        return values["scale"], values["loc"]
    return values


def density(scale, loc):
    """Return the joint log density at the data, of Python's own numbers."""
    normal = tfd.Normal(tf.reduce_sum(loc, -1)[..., tf.newaxis], 1.0)
    return (
        tfd.Gamma(2.0, 1.0).log_prob(scale)
        + tf.reduce_sum(tfd.Normal(0.0, scale[..., tf.newaxis]).log_prob(loc), -1)
        + tf.reduce_sum(normal.log_prob(DATA), -1)
    )


def disturbed(joint, **options):
    keras.utils.set_random_seed(1)
    options = {"transforms": 1, "hidden_units": 8, "identity_start": False, **options}
    surrogate = variational.surrogate_for(joint, tfflows.IAF, **options)
    rng = np.random.default_rng(0)
    surrogate.flow.set_weights(
        [w + rng.normal(scale=0.2, size=w.shape) for w in surrogate.flow.get_weights()]
    )
    return surrogate


@pytest.fixture(params=[named, lambda: SEQUENTIAL, coroutine], ids=["named", "list", "coroutine"])
def joint(request):
    return request.param()


class TestDensities:
    def test_of_the_structure_of_a_pinned_joint(self, joint):
        surrogate = disturbed(pinned(joint))
        draws = surrogate.sample(5, seed=2)
        tf.nest.assert_same_structure(draws, pinned(joint).dtype)
        scale, loc = parts(draws)
        assert scale.shape == (5,) and loc.shape == (5, 2) and np.all(scale > 0.0)
        # By the derivatives of the map, point by point.
        bijector, flow = surrogate.bijector, surrogate.flow
        found = surrogate.log_prob(draws)
        for row in range(5):
            one = tf.nest.map_structure(lambda part, row=row: part[row], draws)
            z = tf.identity(bijector.inverse(one))
            with tf.GradientTape() as tape:
                tape.watch(z)
                values = bijector.forward(tf.identity(z))
                flat = tf.concat([tf.reshape(p, [-1]) for p in tf.nest.flatten(values)], 0)
            slope = np.linalg.slogdet(tape.jacobian(flat, z))[1]
            np.testing.assert_allclose(found[row], flow.log_prob(z) - slope, atol=1e-4)

    def test_of_the_target(self, joint):
        surrogate = disturbed(pinned(joint))
        z = tf.random.stateless_normal([6, 3], [0, 1])
        scale, loc = parts(surrogate.bijector.forward(z))
        # A Gamma variable is the softplus of a real number.
        real = tfp.math.softplus_inverse(scale)
        expected = density(scale, loc) + tf.math.log_sigmoid(real)
        np.testing.assert_allclose(surrogate.target_log_prob(z), expected, rtol=1e-5)

    def test_draws_and_densities_at_once(self, joint):
        surrogate = disturbed(pinned(joint))
        draws, log_q = surrogate.experimental_sample_and_log_prob([4], seed=3)
        np.testing.assert_allclose(surrogate.log_prob(draws), log_q, atol=1e-4)

    def test_of_a_joint_without_data(self):
        surrogate = disturbed(tfd.JointDistributionSequential(sequential().model[:2]))
        assert [part.shape for part in surrogate.sample([2, 3], seed=0)] == [(2, 3), (2, 3, 2)]
        assert surrogate.target_log_prob(tf.zeros([4, 3])).shape == (4,)

    def test_in_double_precision(self):
        joint = tfd.JointDistributionSequential(
            [tfd.HalfNormal(tf.constant(2.0, tf.float64)), lambda s: tfd.Normal(0 * s, s)]
        )
        surrogate = variational.surrogate_for(joint, transforms=1, hidden_units=4)
        assert surrogate.flow.variable_dtype == "float64"
        assert surrogate.log_prob(surrogate.sample(2, seed=0)).dtype == tf.float64

    def test_a_support_of_fewer_dimensions_than_numbers(self):
        joint = tfd.JointDistributionSequential([tfd.CholeskyLKJ(3, 1.0), tfd.Normal(0.0, 1.0)])
        surrogate = variational.surrogate_for(joint, transforms=1, hidden_units=4)
        assert surrogate.flow.event_shape == (4,)
        factor, _ = surrogate.sample(7, seed=0)
        np.testing.assert_allclose(tf.norm(factor, axis=-1), np.ones([7, 3]), rtol=1e-5)


def conjugate():
    """Normal data with a normal mean: posterior and evidence have closed forms."""
    joint = tfd.JointDistributionSequential(
        [tfd.Normal(1.0, 2.0), lambda loc: tfd.Sample(tfd.Normal(loc, 0.5), 4)]
    )
    precision = 1.0 / 2.0**2 + 4.0 / 0.5**2
    mean = (1.0 / 2.0**2 + sum(DATA) / 0.5**2) / precision
    covariance = 0.5**2 * np.eye(4) + 2.0**2
    evidence = tfd.MultivariateNormalFullCovariance(
        tf.ones([4]), tf.constant(covariance, tf.float32)
    ).log_prob(DATA)
    return joint.experimental_pin([None, DATA]), mean, precision**-0.5, float(evidence)


class TestFits:
    def test_in_compiled_blocks(self):
        target, mean, scale, evidence = conjugate()
        flow = tfflows.Flow([layers.TriangularAffine()], 1)
        surrogate = variational.surrogate_for(target, flow)
        loss = losses.ReverseKL(surrogate.target_log_prob, samples=64, gradient="path")
        rate = keras.optimizers.schedules.CosineDecay(0.1, 300)
        flow.compile(keras.optimizers.Adam(rate), loss=loss)
        flow.fit(epochs=1, steps_per_epoch=300, verbose=0, seed=0)
        (draws,) = surrogate.sample(20_000, seed=1)
        np.testing.assert_allclose(np.mean(draws), mean, atol=0.02)
        np.testing.assert_allclose(np.std(draws), scale, rtol=0.03)
        # At the posterior the bound is tight for each draw.
        z, log_q = flow.sample_and_log_prob(100, seed=2)
        np.testing.assert_allclose(surrogate.target_log_prob(z) - log_q, evidence, atol=0.01)

    @pytest.mark.parametrize("jit_compile", [False, True])
    def test_by_tfp(self, jit_compile):
        target, mean, _, evidence = conjugate()
        flow = tfflows.Flow([layers.TriangularAffine()], 1)
        surrogate = variational.surrogate_for(target, flow)
        before = surrogate.log_prob([2.0])
        found = tfp.vi.fit_surrogate_posterior(
            target.unnormalized_log_prob,
            surrogate,
            keras.optimizers.Adam(0.1),
            num_steps=150,
            sample_size=32,
            seed=1,
            jit_compile=jit_compile,
        )
        np.testing.assert_allclose(tf.reduce_mean(found[-20:]), -evidence, atol=0.1)
        np.testing.assert_allclose(flow.sample(20_000, seed=1).numpy().mean(), mean, atol=0.1)
        # Nothing of the weights before is kept.
        after = surrogate.log_prob([2.0])
        assert abs(float(after - before)) > 0.1
        np.testing.assert_allclose(after, flow.log_prob([2.0]), rtol=1e-6)

    @pytest.mark.parametrize("make", [tfflows.IAF, tfflows.RealNVP])
    def test_a_plain_flow_by_tfp(self, make):
        keras.utils.set_random_seed(0)
        options = {"transforms": 2, "hidden_units": 4, "identity_start": False}
        flow = make(2, first=[layers.Shift()], **options)
        surrogate = flow.distribution()
        assert len(surrogate.trainable_variables) == len(flow.trainable_weights)
        before, point = flow.get_weights(), tf.constant([0.3, -0.2])
        surrogate.log_prob(point)
        target = tfd.MultivariateNormalDiag([1.0, -2.0], [1.0, 0.5])
        tfp.vi.fit_surrogate_posterior(
            target.log_prob, surrogate, keras.optimizers.Adam(0.05), num_steps=20, seed=1
        )
        moved = [np.any(a != b) for a, b in zip(before, flow.get_weights(), strict=True)]
        assert sum(moved) == len(flow.trainable_weights)
        np.testing.assert_allclose(surrogate.log_prob(point), flow.log_prob(point), rtol=1e-5)

    def test_its_variables_are_those_of_the_flow_and_not_of_the_joint(self):
        scale = tf.Variable(1.0)
        joint = tfd.JointDistributionSequential([tfd.Normal(0.0, scale), tfd.Normal(0.0, 1.0)])
        surrogate = disturbed(joint)
        weights = [weight.value for weight in surrogate.flow.trainable_weights]
        assert all(a is b for a, b in zip(surrogate.trainable_variables, weights, strict=True))
        assert len(surrogate.variables) == len(surrogate.flow.weights)
        assert len(surrogate.non_trainable_variables) == len(surrogate.flow.weights) - len(weights)

    def test_a_copy_is_of_the_same_flow(self):
        surrogate = disturbed(named())
        again = surrogate.copy(name="again")
        assert again.name == "again" and again.flow is surrogate.flow
        values = surrogate.sample(seed=0)
        np.testing.assert_array_equal(again.log_prob(values), surrogate.log_prob(values))


class TestErrors:
    def test_discrete_parts(self):
        joint = tfd.JointDistributionSequential([tfd.Bernoulli(0.5), tfd.Normal(0.0, 1.0)])
        with pytest.raises(ValueError, match=r"int32. Pin them"):
            variational.surrogate_for(joint)

    def test_several_types(self):
        joint = tfd.JointDistributionSequential(
            [tfd.Normal(0.0, 1.0), tfd.Normal(tf.constant(0.0, tf.float64), 1.0)]
        )
        with pytest.raises(ValueError, match="float32, float64"):
            variational.surrogate_for(joint)

    @pytest.mark.parametrize(
        "joint, match",
        [
            (tfd.JointDistributionSequential([tfd.Normal([[0.0]] * 3, 1.0)]), r"shape \(3, 7\)\. "),
            (
                tfd.JointDistributionSequential(
                    [tfd.Sample(tfd.Normal(0.0, 1.0), 3), lambda z: tfd.Normal(z, 1.0)]
                ).experimental_pin([None, [1.0, 2.0, 3.0]]),
                r"no answer \(.*tfd.Independent",
            ),
        ],
        ids=["batch", "axes that do not fit"],
    )
    def test_a_density_with_a_batch(self, joint, match):
        with pytest.raises(ValueError, match=match):
            variational.surrogate_for(joint, transforms=1, hidden_units=4)

    @pytest.mark.parametrize(
        "make, match",
        [
            (lambda: tfflows.Flow([layers.Shift()], 2), "event_shape=3 .*event shape"),
            (lambda: tfflows.Flow([layers.Shift()], 3, 1), "takes a context"),
            (lambda: tfflows.Flow([layers.Shift(dtype="float64")], 3, dtype="float64"), "float32"),
        ],
    )
    def test_a_flow_that_does_not_fit(self, make, match):
        with pytest.raises(ValueError, match=match):
            variational.surrogate_for(pinned(named()), make())

    def test_what_is_no_flow(self):
        with pytest.raises(TypeError, match=r"such as tfflows\.NSF"):
            variational.surrogate_for(named(), "NSF")
        with pytest.raises(TypeError, match="transforms"):
            flow = tfflows.Flow([layers.Shift()], 3)
            variational.surrogate_for(pinned(named()), flow, transforms=2)
