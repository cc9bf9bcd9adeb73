"""The check finds each fault by its name, and none in a flow that has none."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, univariates
from tfflows.conditioners.block_masked_matmul import BlockMaskedMatmul
from tfflows.diagnostics import CheckResult, Report, masks, two_sample

from .flows import ROWS, Poison, conditional, contexts, draw, flipped, maf, nsf, shake

FIT = {"marginals", "energy_distance", "classifier", "latent_marginals", "latent_joint"}
CALIBRATION = {"calibration", "calibration_by_context"}


@pytest.fixture(scope="module")
def flows():
    return [maf(), nsf(), conditional()]


@pytest.mark.parametrize("kind", range(3))
def test_a_healthy_flow_passes(flows, kind):
    flow = shake(flows[kind], 0)
    context = contexts() if flow.context_shape else None
    report = flow.check(draw(flow, context=context), context)
    assert report.ok and report.failed == (), report
    applies = {line.name for line in report if line.applies}
    expected = {"finite", "round_trip", "round_trip_latent", "log_det", "masks", "integral", *FIT}
    assert expected <= applies
    assert ("box" in applies) == (kind > 0)
    assert (applies >= CALIBRATION) == (kind == 2)


@pytest.mark.slow
def test_false_alarms_are_rare_over_ten_seeds(flows):
    # With no tolerance: what is left is chance alone.
    alarms, lines = [], 0
    for seed in range(10):
        flow = shake(flows[seed % 3], seed)
        context = contexts(seed) if flow.context_shape else None
        x = draw(flow, seed, 2 * ROWS if context is None else None, context)
        train, x = (x[:ROWS], x[ROWS:]) if context is None else (None, x)
        report = flow.check(x, context, train=train, seed=seed, tolerance=0)
        alarms += [(seed, name) for name in report.failed]
        lines += sum(line.applies for line in report)
    assert lines > 130
    assert len(alarms) <= lines / 100, alarms


def test_a_flipped_log_determinant():
    flow = flipped()
    report = flow.check(draw(flow))
    assert report.failed[0] == "log_det"
    assert set(report.failed) <= {"log_det", "integral"}
    assert "'flipped' (its sign is flipped)" in report["log_det"].detail


def test_a_broken_mask():
    flow = maf()
    layer = flow.bijector_layers[-1]
    network = layer.network
    network.masks = tuple(np.ones_like(mask) for mask in network.masks)
    for dense, mask in zip(network._network.layers, network.masks, strict=True):
        dense.product = BlockMaskedMatmul(mask)
    report = flow.check(draw(flow))
    assert report.failed[0] == "masks" and layer.name in report["masks"].detail
    assert set(report.failed) <= {"masks", "round_trip", "round_trip_latent", "log_det", *FIT}
    assert layer.name in report["round_trip"].detail


def test_other_data():
    flow, other = maf(0), maf(5)
    report = flow.check(draw(other))
    assert {"classifier", "energy_distance", "latent_joint"} <= set(report.failed) <= FIT


def test_data_outside_the_box():
    flow = nsf()
    report = flow.check(4 * draw(flow))
    assert report.failed[0] == "box" and set(report.failed) <= {"box", *FIT}
    assert "%" in report["box"].detail


def test_an_overfitted_flow():
    train, _, test = tfflows.datasets.load("moons", seed=0)
    keras.utils.set_random_seed(0)
    flow = tfflows.NSF(2, transforms=2, hidden_units=(64, 64))
    flow.compile(keras.optimizers.Adam(5e-3))
    flow.fit(train[:40], epochs=150, batch_size=40, verbose=0)
    report = flow.check(test[:500], train=train[:40])
    assert report.failed[0] == "train_gap" and set(report.failed) <= {"train_gap", *FIT}
    assert report["train_gap"].p_value < 1e-6


@pytest.mark.parametrize("raw", [40.0, -40.0])
def test_a_saturated_affine_layer(raw):
    flow = maf()
    layer = flow.bijector_layers[1]
    bias = layer.network.biases[-1]
    bias.assign(np.where(np.arange(6) == 3, raw, bias.numpy()))  # the log-scale of coordinate 1
    report = flow.check(draw(flow))
    # What is drawn may lie on a curve: a coordinate with a scale of zero follows from the other.
    assert report.failed in (("saturation",), ("surface", "saturation"))
    assert layer.name in report["saturation"].detail
    assert "Coordinate 1" in report["saturation"].detail


def test_a_saturated_spline_layer():
    flow = nsf()
    bias = flow.bijector_layers[1].network.biases[-1]
    signs = np.random.default_rng(0).choice([-1, 1], bias.shape)
    bias.assign(bias.numpy() + 30 * signs)
    assert flow.check(draw(flow)).failed == ("saturation",)


def test_events_wider_than_the_model_says():
    flow, context = conditional(), contexts()
    z = np.random.default_rng(1).normal(size=(ROWS, 2)).astype("float32")
    report = flow.check(flow.forward(1.6 * z, context).numpy(), context)
    assert report.failed[0] == "calibration"
    assert set(report.failed) <= {"box", *CALIBRATION, *FIT}


def test_contexts_that_belong_to_other_rows():
    flow, context = conditional(), contexts()
    x = draw(flow, context=context)
    report = flow.check(x, context[::-1])
    assert report.failed[0] in CALIBRATION and set(report.failed) <= {*CALIBRATION, *FIT}
    # Regardless of the contexts, the events are the right ones.
    assert report["marginals"].ok and report["energy_distance"].ok


def test_a_layer_that_emits_nan_for_one_row():
    flow = maf()
    x = draw(flow)
    poisoned = tfflows.Flow([Poison(x[7, 1], name="poison"), *flow.bijector_layers], 3)
    report = poisoned.check(x)
    assert report.failed == ("finite",) and report["finite"].value == 1
    assert "row 7" in report["finite"].detail and "'poison'" in report["finite"].detail


def test_rows_outside_the_support():
    flow = tfflows.Flow([tfb.Exp(), layers.Shift()], event_shape=1)
    x = draw(flow)
    x[[3, 5]] = -1
    report = flow.check(x)
    assert report.failed == ("support",) and report["support"].value == 2


def test_a_flow_that_waits_for_data():
    flow = tfflows.MAF(2, transforms=1, hidden_units=(4,))
    report = flow.check(np.random.default_rng(0).normal(size=(200, 2)).astype("float32"))
    assert report.failed == ("adapted",) and "'standardize" in report["adapted"].detail


def test_a_density_that_does_not_integrate_to_one():
    class Half(tfflows.DensityModel):
        def distribution(self, context=None):
            class Wrong(tfd.Normal):
                def _log_prob(self, x):
                    return super()._log_prob(x) - 0.5

            return tfd.Independent(Wrong(tf.zeros([self.event_size]), 1.0), 1)

    for size in (1, 2, 5):
        model = Half(event_shape=size)
        x = np.random.default_rng(0).normal(size=(500, size)).astype("float32")
        report = model.check(x)
        assert report.failed == ("integral",)
        assert not report["log_det"].applies and report["log_det"].ok


def test_a_distribution_of_tfp_is_taken_apart():
    made = tfb.AutoregressiveNetwork(params=2, hidden_units=[8], activation="relu")
    td = tfd.TransformedDistribution(
        tfd.MultivariateNormalDiag(tf.zeros(3)), tfb.MaskedAutoregressiveFlow(made)
    )
    model = tfflows.DistributionModel(td)
    x = draw(model, rows=600)
    report = model.check(x)
    assert report.ok and report["masks"].applies and report["log_det"].applies, report
    # What an optimizer that ignores constraints does.
    kernel = made.trainable_variables[-2]
    kernel.assign_add(tf.ones_like(kernel))
    assert model.check(x)["masks"].value > 0


def test_inverted_and_wrapped_layers():
    chain = [
        layers.Unconditional(layers.Elementwise(univariates.RationalQuadraticSpline(bins=4))),
        layers.Invert(layers.MaskedAutoregressive(univariates.Affine(), hidden_units=(8,))),
    ]
    flow = shake(tfflows.Flow(chain, event_shape=2, context_shape=1), 0)
    context = contexts()
    report = flow.check(draw(flow, context=context), context)
    assert report.ok, report
    assert report["box"].applies and report["masks"].applies and report["saturation"].applies


def test_float64_is_held_to_float64():
    keras.utils.set_random_seed(0)
    flow = shake(tfflows.MAF(2, transforms=2, hidden_units=(8,), dtype="float64"), 0)
    report = flow.check(draw(flow, rows=400))
    assert report.ok and report["round_trip"].threshold < 1e-10


def test_events_of_higher_rank_and_few_rows():
    chain = [layers.MaskedAutoregressive(univariates.Affine(), hidden_units=(16,))]
    flow = shake(tfflows.Flow(chain, event_shape=(2, 3)), 0)
    report = flow.check(draw(flow, rows=10))
    assert report.ok and not report["classifier"].applies and report["log_det"].applies


def test_the_same_seed_gives_the_same_report():
    flow = nsf()
    x = draw(flow, rows=200)
    values = [[line.value for line in flow.check(x, seed=3)] for _ in range(2)]
    assert values[0] == values[1]


def test_bad_arguments():
    flow = maf()
    x = draw(flow, rows=30)
    for wrong, words in (
        ({"tolerance": 0.7}, "tolerance"),
        ({"alpha": 0.0}, "alpha"),
        ({"rows": 0}, "rows"),
        ({"train_context": x}, "without train"),
        ({"train": x[:, :2]}, "events of shape"),
    ):
        with pytest.raises(ValueError, match=words):
            flow.check(x, **wrong)
    with pytest.raises(ValueError, match="no rows"):
        flow.check(x[:0])
    with pytest.raises(ValueError, match="non-finite"):
        flow.check(np.full([5, 3], np.nan, "float32"))


def test_the_report_prints_what_to_do():
    lines = [
        CheckResult("first", 2.0, 1.0, "a number", "it is so", "do this", "here"),
        CheckResult("second", float("nan"), 1.0, "another", "it is so", "do this"),
        CheckResult.skipped("third", "a thing", "there is none"),
    ]
    report = Report(lines, "a model")
    text = str(report)
    assert report.failed == ("first", "second") and not report
    for part in ("a model", "FAIL", "do this", "here", "there is none", "Begin with 'first'"):
        assert part in text
    assert text.count("do this") == 1 and "as for first" in text
    with pytest.raises(KeyError, match="there are first, second, third"):
        report["fourth"]
    assert "as it should be" in str(Report([lines[2]]))


def test_cycles_are_found_whatever_the_order():
    random = np.random.default_rng(0)
    triangular = np.tril(random.normal(size=(4, 6, 6)))
    order = random.permutation(6)
    shuffled = triangular[:, order][:, :, order]
    assert masks.cyclic(shuffled) == 0
    shuffled[1, np.argsort(order)[0], np.argsort(order)[5]] = 0.5
    assert masks.cyclic(shuffled) > 0


def test_p_values_of_the_energy_distance_are_uniform():
    random = np.random.default_rng(0)
    p = []
    for _ in range(60):
        a, b = random.normal(size=(2, 60, 2))
        h, chance = two_sample.energy_test(a, b, random, permutations=200)
        p.append(chance.sf(h))
    assert (
        two_sample.kolmogorov_uniform(np.array(p)[:, None])[0] < 0.21
    )  # 1 % of the time by chance
