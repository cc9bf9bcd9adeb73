"""Continuous flows learn two moons, by flow matching and by likelihood."""

import keras
import numpy as np
import pytest

import tfflows
from tfflows import losses


@pytest.mark.slow
def test_flow_matching_comes_near_the_entropy():
    train, _, test = data = tfflows.datasets.load("moons", seed=0, n=10_000, noise=0.1)
    keras.utils.set_random_seed(0)
    flow = tfflows.CNF(2, hidden_units=(64, 64, 64), rtol=1e-4, atol=1e-4)
    flow.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(5e-3, 6300)),
        loss=losses.FlowMatching(transport=True),
    )
    flow.fit(train, epochs=100, batch_size=128, verbose=0, seed=0)
    assert -np.mean(flow.log_prob(test)) - data.entropy < 0.1


@pytest.mark.slow
def test_likelihood_beats_the_best_normal_distribution():
    train, _, test = tfflows.datasets.load("moons", seed=0, n=3000)
    keras.utils.set_random_seed(0)
    flow = tfflows.CNF(2, hidden_units=(32, 32), rtol=1e-3, atol=1e-3)
    flow.compile(keras.optimizers.Adam(1e-2))
    flow.fit(train, epochs=6, batch_size=100, verbose=0, seed=0)
    normal = 0.5 * np.linalg.slogdet(2.0 * np.pi * np.e * np.cov(test, rowvar=False))[1]
    assert -np.mean(flow.log_prob(test)) < normal - 0.2
