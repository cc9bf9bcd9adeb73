"""Chains teach a flow, which carries them from mode to mode."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, losses, mcmc, targets

BIMODAL = targets.MixtureOfDiagNormals([[-4.0, 0.0], [4.0, 0.0]], 0.8, [0.25, 0.75])


def kernel(**compile_to):
    keras.utils.set_random_seed(0)
    flow = tfflows.NSF(2, transforms=2, hidden_units=16)
    flow.compile(**{"optimizer": keras.optimizers.Adam(1e-2), **compile_to})
    inner = tfp.mcmc.HamiltonianMonteCarlo(BIMODAL, step_size=0.4, num_leapfrog_steps=3)
    return mcmc.FlowProposal(BIMODAL, flow, inner, local_steps=3)


@pytest.mark.slow
def test_the_weights_of_modes_are_found():
    # As many chains in each mode, and their weights are 1 to 3.
    start = tf.constant([[-4.0, 0.0], [4.0, 0.0]] * 50)
    found = mcmc.sample_adaptively(
        200, start, kernel(), rounds=5, steps_per_round=40, epochs=4, seed=0
    )
    assert found.states.shape == (200, 100, 2)
    assert found.acceptance.shape == found.losses.shape == (5,)
    assert found.acceptance[0] < 0.5 < found.acceptance[-1]
    assert found.kernel_results.is_accepted.shape == (200, 100)
    np.testing.assert_allclose(np.mean(found.states[..., 0] < 0.0), 0.25, atol=0.02)
    effective = tfp.mcmc.effective_sample_size(found.states, cross_chain_dims=1)
    assert np.min(effective) > 2000
    again = mcmc.sample_adaptively(
        200, start, kernel(), rounds=5, steps_per_round=40, epochs=4, seed=0
    )
    np.testing.assert_allclose(again.states[:5], found.states[:5], atol=1e-4)


@pytest.mark.parametrize(
    "make, error, match",
    [
        (lambda: kernel().inner_kernel, TypeError, "FlowProposal with a flow"),
        (lambda: mcmc.FlowProposal(BIMODAL, tfd.Normal([0.0] * 2, 1.0)), TypeError, "be fitted"),
        (
            lambda: mcmc.FlowProposal(BIMODAL, tfflows.Flow([layers.Shift()], 2)),
            ValueError,
            r"call flow\.compile",
        ),
        (lambda: kernel(loss=losses.ReverseKL(BIMODAL)), ValueError, "needs no data"),
    ],
)
def test_what_cannot_be_taught_is_refused(make, error, match):
    with pytest.raises(error, match=match):
        mcmc.sample_adaptively(10, tf.zeros([4, 2]), make())


def test_numbers_are_checked():
    with pytest.raises(ValueError, match="rounds must be a positive int; got 0"):
        mcmc.sample_adaptively(10, tf.zeros([4, 2]), kernel(), rounds=0)
