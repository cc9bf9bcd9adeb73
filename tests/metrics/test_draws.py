"""Metrics of importance weights: closed forms, an independent fit of tails, training."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import importance, layers, losses, metrics

ALL = [
    metrics.EvidenceLowerBound,
    metrics.ImportanceWeightedBound,
    metrics.EffectiveSampleSize,
    metrics.ParetoK,
    metrics.LogNormalizer,
]


@keras.saving.register_keras_serializable(package="tests")
def twice_a_normal(z, context=None):
    return tfd.MultivariateNormalDiag([1.0, 0.0]).log_prob(z) + np.log(2.0)


def shape_of_tail(x):
    """Return Zhang and Stephens' estimate with Vehtari's prior, for sorted excesses."""
    n = len(x)
    points = 30 + int(n**0.5)
    b = 1 / x[-1] + (1 - np.sqrt(points / (np.arange(1, points + 1) - 0.5))) / (
        3 * x[int(n / 4 + 0.5) - 1]
    )
    k = np.log1p(-b[:, None] * x).mean(1)
    profile = n * (np.log(-b / k) - k - 1)
    weight = 1 / np.exp(profile - profile[:, None]).sum(1)
    k = np.log1p(-(b * weight).sum() / weight.sum() * x).mean()
    return (n * k + 5) / (n + 10)


@pytest.mark.parametrize("draws", [25, 128, 4000])
@pytest.mark.parametrize("k", [0.1, 0.5, 0.9])
def test_the_tail_is_fitted_as_in_the_papers(k, draws):
    log_weights = k * np.random.default_rng(0).exponential(size=draws)
    size = int(min(0.2 * draws, np.ceil(3 * np.sqrt(draws))))
    weights = np.sort(np.exp(log_weights - log_weights.max()))
    expected = shape_of_tail(weights[-size:] - weights[-size - 1])
    np.testing.assert_allclose(importance.pareto_k(log_weights), expected, rtol=1e-9)
    both = np.stack([log_weights, log_weights[::-1] + 3.0], 1).astype("f4")
    compiled = tf.function(importance.pareto_k, jit_compile=True)
    np.testing.assert_allclose(compiled(both), [expected] * 2, rtol=1e-3)


def test_a_long_tail_is_found_out():
    """Of k = 0.9 with many draws, where the estimate is close."""
    log_weights = 0.9 * np.random.default_rng(1).exponential(size=(100_000,))
    assert abs(float(importance.pareto_k(log_weights)) - 0.9) < 0.1


def test_the_tail_needs_draws():
    with pytest.raises(ValueError, match=r"at least 25 draws; got log weights of shape \(24,\)"):
        importance.pareto_k(np.zeros(24))


def test_weights_between_normals_have_closed_forms():
    """From N(0, 1) to N(d, 1) the second moment of the weights is exp(d^2)."""
    z, d = np.random.default_rng(0).normal(size=(400_000, 1)), 0.5
    log_weights = d * z - d * d / 2 + np.log(3.0)
    share = importance.effective_sample_size(log_weights)
    np.testing.assert_allclose(share, np.exp(-d * d), rtol=0.01)
    log_z, error = importance.log_normalizer(log_weights)
    np.testing.assert_allclose(error, np.sqrt(np.expm1(d * d) / len(z)), rtol=0.02)
    assert abs(log_z - np.log(3.0)) < 4 * error


def test_the_normalizer_adds_up_the_draws_of_all_steps():
    log_weights = np.random.default_rng(0).normal(50.0, size=(4, 100)).astype("f4")
    metric = metrics.LogNormalizer()
    for part in log_weights:
        metric.update_state(part)
    found = metric.result()
    expected = importance.log_normalizer(log_weights.ravel())
    np.testing.assert_allclose([found["log_z"], found["log_z_error"]], expected, rtol=1e-3)
    metric.reset_state()
    metric.update_state(log_weights[0])
    expected = importance.log_normalizer(log_weights[0])[0]
    np.testing.assert_allclose(metric.result()["log_z"], expected, rtol=1e-5)


@pytest.mark.parametrize("steps_per_execution", ["auto", 1])
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "XLA"])
def test_they_are_in_the_history(steps_per_execution, jit_compile, tmp_path):
    flow = tfflows.Flow([layers.Shift()], 2)
    flow.compile(
        keras.optimizers.Adam(0.05),
        losses.ReverseKL(twice_a_normal, 64),
        metrics=[kind() for kind in ALL],
        steps_per_execution=steps_per_execution,
        jit_compile=jit_compile,
    )
    history = flow.fit(epochs=5, steps_per_epoch=40, verbose=0, seed=0).history
    names = {"loss", "elbo", "iw_bound", "ess", "pareto_k", "log_z", "log_z_error"}
    assert history.keys() == names
    np.testing.assert_allclose(history["elbo"], np.negative(history["loss"]), atol=1e-4)
    scores = flow.evaluate(steps=10, verbose=0, return_dict=True)
    assert scores.keys() == names and scores["ess"] > 0.95 and scores["pareto_k"] < 0.5
    for name in ("elbo", "iw_bound", "log_z"):
        assert abs(scores[name] - np.log(2.0)) < 0.05
    flow.save(tmp_path / "flow.keras")
    again = tfflows.load(tmp_path / "flow.keras")
    assert again.evaluate(steps=10, verbose=0, return_dict=True) == pytest.approx(scores)


def test_with_contexts_and_with_validation_data():
    flow = tfflows.Flow([layers.Shift()], 2, context_shape=1)
    flow.compile(
        loss=losses.ReverseKL(twice_a_normal, 32),
        metrics=[metrics.EffectiveSampleSize(), metrics.NegativeLogLikelihood()],
    )
    context = np.zeros((6, 1), "f4")
    held_out = np.zeros((6, 2), "f4"), context
    history = flow.fit(context=context, validation_data=held_out, verbose=0).history
    assert history.keys() == {"loss", "ess", "val_loss", "val_nll", "val_ess"}
    assert 0.0 < history["ess"][0] < 1.0 and np.isfinite(history["val_nll"][0])


def test_contexts_have_a_normalizer_each():
    flow = tfflows.Flow([layers.Shift()], 2, context_shape=1)
    flow.compile(loss=losses.ReverseKL(twice_a_normal, 32), metrics=[metrics.LogNormalizer()])
    with pytest.raises(ValueError, match="With contexts use ImportanceWeightedBound"):
        flow.fit(context=np.zeros((6, 1), "f4"), verbose=0)


@pytest.mark.parametrize("kind", ALL)
def test_a_loss_of_data_has_no_draws(kind):
    flow = tfflows.Flow([layers.Shift()], 2)
    with pytest.raises(ValueError, match="looks at draws of the model, and the loss"):
        flow.compile(metrics=[kind()])
