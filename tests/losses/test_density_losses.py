"""Losses and metrics weigh rows by their weights, whatever the rows hold."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfflows
from tfflows.losses import DensityLoss, NegativeLogLikelihood
from tfflows.metrics import BitsPerDimension


@pytest.fixture(scope="module")
def flow():
    keras.utils.set_random_seed(0)
    flow = tfflows.MAF(2, transforms=1, hidden_units=(8,), identity_start=False)
    flow.compile(metrics=[BitsPerDimension(), tfflows.metrics.NegativeLogLikelihood()])
    return flow


@pytest.fixture(scope="module")
def table():
    generator = np.random.default_rng(0)
    return generator.normal(size=(50, 2)).astype("float32"), generator.uniform(0, 2, 50)


def test_rows_of_weight_zero_count_for_nothing_even_if_infinite():
    log_prob = tf.Variable([-1.0, -math.inf, -3.0])
    with tf.GradientTape() as tape:
        loss = NegativeLogLikelihood()(None, log_prob, sample_weight=tf.constant([1.0, 0.0, 3.0]))
    assert float(loss) == 2.5
    np.testing.assert_array_equal(tape.gradient(loss, log_prob), [-0.25, 0, -0.75])


def test_evaluate_reports_weighted_means_in_nats_and_bits(flow, table):
    x, weight = table
    report = flow.evaluate(x, sample_weight=weight, batch_size=16, return_dict=True, verbose=0)
    nll = np.average(-flow.log_prob(x), weights=weight)
    assert report.keys() == {"loss", "nll", "bits_per_dimension"}
    np.testing.assert_allclose(report["loss"], nll, rtol=1e-5)
    np.testing.assert_allclose(report["nll"], nll, rtol=1e-5)
    np.testing.assert_allclose(report["bits_per_dimension"], nll / 2 / math.log(2), rtol=1e-5)


def test_weighted_validation_data_are_weighted(flow, table):
    x, weight = table
    flow.compile(keras.optimizers.SGD(0.0))
    history = flow.fit(x, validation_data=(x, None, weight), verbose=0).history
    expected = np.average(-flow.log_prob(x), weights=weight)
    np.testing.assert_allclose(history["val_loss"][0], expected, rtol=1e-5)


def test_a_loss_that_takes_the_mean_is_refused(flow, table):
    flow.compile(loss=lambda _, log_prob: -tf.reduce_mean(log_prob))
    with pytest.raises(ValueError, match="one value for each row"):
        flow.fit(table[0], verbose=0)


def test_a_loss_of_ones_own_trains_and_is_weighted(flow, table):
    x, weight = table
    flow.compile(keras.optimizers.SGD(0.0), loss=lambda _, log_prob: tf.square(log_prob))
    losses = flow.fit(x, sample_weight=weight, verbose=0).history["loss"]
    expected = np.average(np.square(flow.log_prob(x)), weights=weight)
    np.testing.assert_allclose(losses[0], expected, rtol=1e-5)


@pytest.mark.parametrize("arguments", [{"loss": "mse"}, {"loss": keras.losses.MeanSquaredError()}])
def test_losses_that_compare_targets_are_refused(flow, arguments):
    with pytest.raises(ValueError, match="no targets"):
        flow.compile(**arguments)


@pytest.mark.parametrize("metric", ["accuracy", keras.metrics.MeanSquaredError()])
def test_metrics_that_compare_targets_are_refused(flow, metric):
    with pytest.raises(ValueError, match="no targets"):
        flow.compile(metrics=[metric])


def test_metrics_of_ones_own_see_log_densities(flow, table):
    def shortfall(_, log_prob):
        return -log_prob

    flow.compile(keras.optimizers.SGD(0.0), metrics=[shortfall])
    history = flow.fit(table[0], verbose=0).history
    np.testing.assert_allclose(history["shortfall"], history["loss"], rtol=1e-5)


@keras.saving.register_keras_serializable(package="tests.losses")
def average(_, log_prob):
    return tf.reduce_mean(log_prob)


@pytest.mark.parametrize("how", [{}, {"run_eagerly": True}, {"steps_per_execution": 2}])
def test_a_metric_that_returns_a_mean_counts_for_each_row_of_the_batch(flow, table, how, tmp_path):
    x, weight = table
    flow.compile(keras.optimizers.SGD(0.0), metrics=[average], **how)
    for _ in range(2):  # The last batch is smaller.
        history = flow.fit(x, batch_size=len(x) // 2 - 1, verbose=0).history
        np.testing.assert_allclose(history["average"], -np.array(history["loss"]), rtol=1e-5)
    log_prob, half = flow.log_prob(x).numpy(), len(x) // 2
    scored = flow.evaluate(x, sample_weight=weight, batch_size=half, verbose=0, return_dict=True)
    parts = np.split(np.arange(len(x)), range(half, len(x), half))
    expected = np.average(
        [log_prob[rows].mean() for rows in parts], weights=[weight[rows].sum() for rows in parts]
    )
    np.testing.assert_allclose(scored["average"], expected, rtol=1e-5)
    flow.save(tmp_path / "flow.keras")
    again = tfflows.load(tmp_path / "flow.keras")
    again = again.evaluate(x, sample_weight=weight, batch_size=half, verbose=0, return_dict=True)
    np.testing.assert_allclose(again["average"], expected, rtol=1e-5)


def test_rows_of_a_density_loss_are_not_to_be_overridden():
    with pytest.raises(TypeError, match=r"Rows overrides `rows`.*implement `of"):

        class Rows(DensityLoss):
            def rows(self, model, x, context, seed):
                return -model(x)
