"""Losses of draws and of a target: values in closed form, gradients on average and at the end."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, losses

NORMAL = tfd.MultivariateNormalDiag(loc=np.zeros(2, "f4"))


@keras.saving.register_keras_serializable(package="tests")
def to_normal(z, context=None):
    """The target: a standard normal density, or one around the context."""
    return NORMAL.log_prob(z if context is None else z - context)


@keras.saving.register_keras_serializable(package="tests")
def reverse(samples, log_q, log_p):
    return log_q - log_p


def shifted(by, context_shape=None):
    """A normal distribution with unit deviations around a point, whose weights may move it."""
    flow = tfflows.Flow([layers.Shift(), layers.Scale()], 2, context_shape)
    flow.bijector_layers[0].raw.value.assign([by, 0.0])
    return flow


def gradient_of(loss, flow, seed):
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(loss.rows(flow, None, None, tf.constant([0, seed])))
    return np.concatenate(
        [np.ravel(g) for g in tape.gradient(value, flow.trainable_variables)]
    ), float(value)


def of_seeds(loss, flow, count):
    """Return gradients and values by as many seeds."""
    both = [gradient_of(loss, flow, seed) for seed in range(count)]
    return np.array([g for g, _ in both]), np.array([value for _, value in both])


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (losses.ReverseKL(to_normal, 4000), 0.5),
        (losses.ReverseKL(to_normal, 4000, gradient="path"), 0.5),
        (losses.ForwardKL(to_normal, 4000), 0.5),
        (losses.ImportanceWeighted(to_normal, 4000), 0.0),
        (losses.ImportanceWeighted(to_normal, 4000, gradient="doubly"), 0.0),
        (losses.ImportanceWeighted(to_normal, 4000, alpha=0.5), 0.25),
        (losses.ImportanceWeighted(to_normal, 4000, alpha=-1.0), -0.5),
        (losses.Variational(reverse, to_normal, 4000), 0.5),
        (
            losses.Variational(
                lambda z, log_q, log_p: tfp.vi.jeffreys(log_p - log_q), to_normal, 20_000
            ),
            0.5,  # TFP's is half of both divergences
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_between_normals_a_unit_apart(loss, expected):
    values = [gradient_of(loss, shifted(1.0), seed)[1] for seed in range(3)]
    assert abs(np.mean(values) - expected) < 0.1


def test_the_gradient_of_the_path_has_no_noise_at_the_target():
    total, path = (losses.ReverseKL(to_normal, 50, gradient=g) for g in ("total", "path"))
    flow = shifted(0.0)
    assert np.abs(gradient_of(path, flow, 0)[0]).max() < 1e-5
    assert np.abs(gradient_of(total, flow, 0)[0]).max() > 1e-2


@pytest.mark.parametrize(
    ("reference", "other"),
    [
        (
            losses.ReverseKL(to_normal, 200),
            losses.ReverseKL(to_normal, 200, gradient="path"),
        ),
        (
            losses.ImportanceWeighted(to_normal, 8, bounds=50),
            losses.ImportanceWeighted(to_normal, 8, bounds=50, gradient="doubly"),
        ),
    ],
    ids=["path", "doubly reparameterized"],
)
def test_gradients_agree_on_average(reference, other):
    flow, count = shifted(0.7), 40
    (one, _), (two, _) = (of_seeds(loss, flow, count) for loss in (reference, other))
    error = np.sqrt((one.var(0) + two.var(0)) / count)
    assert np.all(np.abs(one.mean(0) - two.mean(0)) < 4.0 * error + 1e-6)
    assert np.abs(one.mean(0)).max() > 0.1 and two.var(0).sum() < one.var(0).sum()


def test_the_forward_divergence_covers_two_modes():
    """Where the reverse one keeps to one of them."""
    mixture = tfd.MixtureSameFamily(
        tfd.Categorical(probs=[0.5, 0.5]),
        tfd.MultivariateNormalDiag(loc=[[3.0, 0.0], [-3.0, 0.0]], scale_diag=[[1.0, 1.0]] * 2),
    )
    deviations = {}
    for loss, start in (
        (losses.ForwardKL(mixture.log_prob, 500), [1.0, 0.0]),
        (losses.ReverseKL(mixture.log_prob), [2.5, 0.0]),
    ):
        flow = tfflows.Flow([layers.Shift(start), layers.Scale(start[0])], 2)
        flow.compile(keras.optimizers.Adam(0.03), loss=loss)
        flow.fit(epochs=1, steps_per_epoch=400, verbose=0, seed=0)
        deviations[loss.name] = float(tf.math.reduce_std(flow.sample(2000, seed=0)[:, 0]))
    assert abs(deviations["forward_kl"] - np.sqrt(10.0)) < 0.3
    assert deviations["reverse_kl"] < 1.6


LOSSES = [
    losses.ReverseKL(to_normal, 32, gradient="path"),
    losses.ForwardKL(to_normal, 32),
    losses.ImportanceWeighted(to_normal, 8, gradient="doubly"),
    losses.ImportanceWeighted(to_normal, 8, alpha=0.5),
    losses.Variational(reverse, to_normal, 32),
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_it_fits_each_context_and_comes_back_from_a_file(loss, tmp_path):
    flow = shifted(2.0, context_shape=2)
    flow.compile(keras.optimizers.Adam(0.05), loss=loss)
    context = np.random.default_rng(0).normal(size=(64, 2)).astype("f4")
    history = flow.fit(context=context, epochs=15, batch_size=16, verbose=0, seed=0).history
    assert np.all(np.isfinite(history["loss"]))
    found = flow.sample(500, seed=0, context=context[:3]).numpy().mean(0)
    np.testing.assert_allclose(found, context[:3], atol=0.7)
    flow.save(tmp_path / "flow.keras")
    again = tfflows.load(tmp_path / "flow.keras").loss
    assert type(again) is type(loss) and again.get_config() == loss.get_config()


def test_one_step_moves_a_layer_by_its_gradient(capsys):
    """The norm of the triangular matrix of a Sylvester layer, before and after a step."""
    keras.utils.set_random_seed(0)
    flow = tfflows.Flow([layers.Invert(layers.Sylvester())], 2)
    loss, rate = losses.ReverseKL(to_normal, 64), 0.1
    flow.bijector_layers[0].layer.raw.value.assign(
        np.random.default_rng(0).normal(size=flow.bijector_layers[0].layer.raw.value.shape)
    )
    flow.compile(keras.optimizers.SGD(rate), loss=loss)
    before = flow.get_weights()
    gradient, _ = gradient_of(loss, flow, 0)
    flow.fit(epochs=1, steps_per_epoch=1, verbose=0, seed=0)
    after = flow.get_weights()
    print(np.linalg.norm(before[0]), np.linalg.norm(after[0]))
    moved = np.concatenate([np.ravel(b - a) for a, b in zip(after, before, strict=True)])
    assert np.linalg.norm(moved) > 1e-3
    np.testing.assert_allclose(moved, rate * gradient, atol=1e-5, rtol=1e-3)
    first, second = capsys.readouterr().out.split()
    assert first != second


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: losses.ReverseKL(to_normal, gradient="short"), "'total', 'path'; got 'short'"),
        (lambda: losses.ImportanceWeighted(to_normal, bounds=0), "bounds must be a positive int"),
        (lambda: losses.ImportanceWeighted(to_normal, alpha=1.0), "At 1 it is ReverseKL"),
        (
            lambda: losses.ImportanceWeighted(to_normal, alpha=0.5, gradient="doubly"),
            "is for alpha=0",
        ),
        (lambda: losses.ForwardKL(to_normal, samples=0), "samples must be a positive int"),
    ],
)
def test_options(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_function_that_takes_a_mean():
    loss = losses.Variational(lambda z, log_q, log_p: tf.reduce_mean(log_q - log_p), to_normal)
    with pytest.raises(ValueError, match="Drop the mean"):
        loss.rows(shifted(0.0), None, None, tf.constant([0, 1]))


@pytest.mark.parametrize("jit_compile", ["auto", True], ids=["graph", "XLA"])
@pytest.mark.parametrize("steps_per_execution", ["auto", 1])
def test_what_fit_is_given_beside_comes_to_the_step(steps_per_execution, jit_compile):
    def tempered(samples, log_q, log_p, extra=None):
        return 0.0 * tf.reduce_sum(samples, -1) + (-1.0 if extra is None else extra) + 0.0 * log_q

    flow = shifted(0.0)
    flow.compile(
        loss=losses.Variational(tempered, to_normal, 4),
        steps_per_execution=steps_per_execution,
        jit_compile=jit_compile,
    )
    each = np.arange(6.0, dtype="f4")
    history = flow.fit(epochs=2, steps_per_epoch=3, extra=each, verbose=0)
    np.testing.assert_array_equal(history.step_loss, each)
    np.testing.assert_allclose(history.history["loss"], [1.0, 4.0])
    history = flow.fit(epochs=2, steps_per_epoch=3, extra=each[:3], verbose=0)
    np.testing.assert_array_equal(history.step_loss, [0.0, 1.0, 2.0, 0.0, 1.0, 2.0])
    assert flow.evaluate(verbose=0) == -1.0


@pytest.mark.parametrize("steps_per_execution", ["auto", 1])
def test_what_fit_is_given_beside_belongs_to_rows(steps_per_execution):
    def marked(samples, log_q, log_p, extra):
        return 0.0 * tf.reduce_sum(samples, -1) + 0.0 * log_q + extra

    flow = shifted(0.0, context_shape=1)
    flow.compile(
        loss=losses.Variational(marked, to_normal, 4), steps_per_execution=steps_per_execution
    )
    each = np.arange(10.0, dtype="f4")
    history = flow.fit(
        context=each[:, np.newaxis], extra=each, batch_size=4, shuffle=False, verbose=0
    )
    np.testing.assert_allclose(history.step_loss, [1.5, 5.5, 8.5])


class Marked(losses.Loss):
    """The mean of what is given beside."""

    takes_extra = True

    def rows(self, model, x, context, seed, extra=None):
        return 0.0 * model(x) + (-1.0 if extra is None else tf.cast(extra, x.dtype))


@pytest.mark.parametrize("steps_per_execution", ["auto", 1])
def test_a_loss_of_data_may_take_something_beside(steps_per_execution):
    flow, x = shifted(0.0), np.random.default_rng(0).normal(size=(10, 2)).astype("f4")
    flow.compile(loss=Marked(), steps_per_execution=steps_per_execution)
    history = flow.fit(
        x, extra=np.arange(10), batch_size=4, shuffle=False, verbose=0, validation_split=0.2
    )
    assert history.history["val_loss"] == [-1.0] and len(history.step_loss) == 2
    assert abs(history.history["loss"][0] - history.step_loss.mean()) < 1e-5


@pytest.mark.parametrize(
    ("loss", "extra", "message"),
    [
        (losses.ReverseKL(to_normal), np.zeros(3), "'reverse_kl' takes no extra="),
        (
            losses.Variational(reverse, to_normal),
            np.zeros(4),
            "3 for an epoch or 6 for 2 epochs; got 4",
        ),
    ],
)
def test_nothing_beside_is_ignored(loss, extra, message):
    flow = shifted(0.0)
    flow.compile(loss=loss)
    with pytest.raises(ValueError, match=message):
        flow.fit(epochs=2, steps_per_epoch=3, extra=extra, verbose=0)


def test_a_reservoir_is_drawn_from_by_its_weights():
    """Points of another density, weighted, stand for those of the target."""
    rng = np.random.default_rng(0)
    points = rng.normal(1.0, 2.0, size=(20_000, 2)).astype("f4")
    log_r = -np.sum((points - 1.0) ** 2, -1) / 8.0
    loss = losses.ForwardKL(to_normal, 256, reservoir=points, reservoir_log_prob=log_r)
    flow = tfflows.Flow([layers.Shift(), layers.Scale(3.0)], 2)
    flow.compile(keras.optimizers.Adam(0.05), loss)
    flow.fit(epochs=1, steps_per_epoch=400, verbose=0, seed=0)
    drawn = flow.sample(4000, seed=0).numpy()
    np.testing.assert_allclose(drawn.mean(0), 0.0, atol=0.1)
    np.testing.assert_allclose(drawn.std(0), 1.0, atol=0.1)
    again = losses.ForwardKL.from_config(loss.get_config())
    np.testing.assert_array_equal(again.reservoir, points)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"reservoir_log_prob": np.zeros(3)}, "give both"),
        ({"reservoir": np.zeros((3, 2), "f4"), "reservoir_log_prob": np.zeros(4)}, "got shape"),
        ({"reservoir": np.zeros((0, 2), "f4")}, "no finite weight"),
        ({"reservoir": np.zeros((3, 2)), "annealing": losses.Annealing(0.5)}, "weighed once"),
    ],
)
def test_a_reservoir_that_does_not_fit(given, message):
    with pytest.raises(ValueError, match=message):
        losses.ForwardKL(to_normal, **given)


def test_a_subclass_that_training_would_not_ask_is_refused():
    with pytest.raises(TypeError, match="overrides `rows`"):

        class Odd(losses.TargetLoss):
            def rows(self, model, x, context, seed, extra=None):
                return 0.0
