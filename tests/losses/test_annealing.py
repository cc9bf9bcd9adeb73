"""Targets that harden: the power of each step, the rule that follows the draws, bad input."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, losses


@keras.saving.register_keras_serializable(package="tests")
def far(z):
    return tfd.MultivariateNormalDiag([8.0, 0.0]).log_prob(z)


@keras.saving.register_keras_serializable(package="tests")
def near(z):
    return tfd.MultivariateNormalDiag([0.0, 0.0]).log_prob(z)


def densities(count=2000):
    z = tf.random.stateless_normal([count, 2], [0, 0])
    return z, far(z), near(z)


@pytest.mark.parametrize("start", [None, near])
def test_the_target_lies_between_start_and_end(start):
    _, log_p, log_start = densities(20)
    log_start = log_start if start else tf.zeros_like(log_start)
    rule = losses.Annealing(keras.optimizers.schedules.PolynomialDecay(0.0, 10, 1.0), start)
    for step, beta in ((0, 0.0), (5, 0.5), (10, 1.0), (99, 1.0)):
        found = rule(tf.constant(step), log_p, log_start, log_p)
        np.testing.assert_allclose(found, beta * log_p + (1 - beta) * log_start, rtol=1e-5)


def test_a_start_outside_the_support_of_the_target_is_no_nan():
    log_p = tf.constant([-np.inf, 0.0])
    found = losses.Annealing(0.0)(0, log_p, tf.zeros_like(log_p), log_p)
    np.testing.assert_array_equal(found, [0.0, 0.0])


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_the_adaptive_target_keeps_its_share_of_draws(share):
    """For normals a distance d apart in steps of beta the share is exp(-(beta d)^2)."""
    _, log_p, log_start = densities(20_000)
    rule = losses.AdaptiveAnnealing(near, share)
    found = rule(0, log_p, log_start, log_start)
    beta = float((found[0] - log_start[0]) / (log_p[0] - log_start[0]))
    assert abs(beta - np.sqrt(-np.log(share)) / 8.0) < 0.02
    np.testing.assert_allclose(rule(0, log_p, log_start, log_p), log_p, rtol=1e-5)


def test_training_reads_the_step_of_the_optimizer_and_metrics_see_the_target(tmp_path):
    flow = tfflows.Flow([layers.Shift()], 2)
    rule = losses.Annealing(keras.optimizers.schedules.PolynomialDecay(0.0, 50, 1.0), near)
    flow.compile(
        keras.optimizers.SGD(0.0),
        losses.ReverseKL(far, 2000, annealing=rule),
        metrics=[tfflows.metrics.EvidenceLowerBound()],
    )
    history = flow.fit(epochs=1, steps_per_epoch=101, verbose=0, seed=0)
    losses_of_steps = history.step_loss
    np.testing.assert_allclose(losses_of_steps[[0, 25, 100]], [0.0, 16.0, 32.0], atol=1.0)
    assert abs(history.history["elbo"][0] + 32.0) < 1.0
    flow.save(tmp_path / "flow.keras")
    again = tfflows.load(tmp_path / "flow.keras")
    assert again.loss.get_config() == flow.loss.get_config()
    assert [metric.name for metric in again.metrics][-1] == "elbo"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: losses.Annealing("fast"), "callable of the number of a step"),
        (lambda: losses.Annealing(1.5), r"in \[0, 1\]; got 1.5"),
        (lambda: losses.Annealing(0.5, 3.0), "start_log_prob_fn must be a callable"),
        (lambda: losses.AdaptiveAnnealing(near, 1.0), r"a share in \(0, 1\)"),
        (lambda: losses.ReverseKL(far, annealing=0.5), "annealing must be"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_annealing_needs_a_compiled_model():
    loss = losses.ReverseKL(far, annealing=losses.Annealing(0.5))
    with pytest.raises(ValueError, match="compile the model first"):
        loss.rows(tfflows.Flow([layers.Shift()], 2), None, None, tf.constant([0, 0]))
