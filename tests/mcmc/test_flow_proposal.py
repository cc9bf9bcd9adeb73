"""The kernel leaves its target as it is, whatever the flow and the local kernel are."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, mcmc, targets

# Weights 0.3 and 0.7, and two modes that no local step joins.
LOC = np.array([[-4.0, 1.0], [4.0, 0.0]])
SCALE = np.array([[0.7, 1.0], [1.0, 0.5]])
PROBS = np.array([0.3, 0.7])
BIMODAL = targets.MixtureOfDiagNormals(LOC, SCALE, PROBS)
MEAN = PROBS @ LOC
SQUARES = PROBS @ (LOC**2 + SCALE**2)


def flow_that_is_not_the_target(scale=(5.0, 2.5)):
    keras.utils.set_random_seed(3)
    network = {"transforms": 1, "hidden_units": 8, "identity_start": False}
    flow = tfflows.MAF(2, first=[layers.Shift([0.5, 0.3]), layers.Scale(scale)], **network)
    rng = np.random.default_rng(0)
    flow.set_weights([w + rng.normal(scale=0.1, size=w.shape) for w in flow.get_weights()])
    return flow


def hmc(target=BIMODAL, step_size=0.4):
    return tfp.mcmc.HamiltonianMonteCarlo(target, step_size=step_size, num_leapfrog_steps=3)


def one_step(kernel, state, seed):
    def step(state, seed):
        return kernel.one_step(state, kernel.bootstrap_results(state), seed)

    return tf.function(step, autograph=False)(state, tf.constant(seed))


def run(kernel, number, state, jit_compile=False):
    def chains():
        return tfp.mcmc.sample_chain(
            number, state, kernel=kernel, trace_fn=lambda _, results: results, seed=(0, 0)
        )

    return tf.function(chains, autograph=False, jit_compile=jit_compile)()


class TestProposals:
    def test_are_accepted_by_the_ratio_of_metropolis_and_hastings(self):
        flow = flow_that_is_not_the_target()
        state = BIMODAL.sample(500, seed=1)
        after, results = one_step(mcmc.FlowProposal(BIMODAL, flow), state, [0, 1])
        proposed = results.proposed_state
        ratio = BIMODAL(proposed) + flow.log_prob(state) - BIMODAL(state) - flow.log_prob(proposed)
        np.testing.assert_allclose(results.log_accept_ratio, ratio, atol=1e-3)
        went = results.is_accepted.numpy()
        assert went[ratio > 0.01].all() and 50 < went.sum() < 450
        np.testing.assert_array_equal(after, np.where(went[:, None], proposed, state))
        np.testing.assert_allclose(results.target_log_prob, BIMODAL(after), rtol=1e-5)

    def test_are_draws_of_the_flow(self):
        flow = flow_that_is_not_the_target()
        state = BIMODAL.sample(20_000, seed=1)
        _, results = one_step(mcmc.FlowProposal(BIMODAL, flow), state, [0, 1])
        drawn, proposed = flow.sample(20_000, seed=2), results.proposed_state
        error = np.std(drawn, axis=0) * (2 / 20_000) ** 0.5
        assert np.all(abs(np.mean(drawn, axis=0) - np.mean(proposed, axis=0)) < 5 * error)
        # Where a chain is has nothing to do with it.
        assert abs(np.corrcoef(state[:, 0], proposed[:, 0])[0, 1]) < 5 / 20_000**0.5

    def test_are_in_detailed_balance(self):
        """As often from A to B as from B to A: x and x' have a joint density that is symmetric."""
        state = BIMODAL.sample(200_000, seed=1)
        kernel = mcmc.FlowProposal(BIMODAL, flow_that_is_not_the_target())
        after, results = one_step(kernel, state, [0, 3])
        assert 0.1 < np.mean(results.is_accepted) < 0.9
        for f, g in [
            (lambda x: x[:, 0], lambda x: x[:, 0] ** 2),
            (lambda x: x[:, 0], lambda x: x[:, 1]),
            (lambda x: np.float64(x[:, 0] > 0), lambda x: x[:, 1] ** 2),
            (lambda x: np.float64(x[:, 1] > 1), lambda x: np.float64(x[:, 0] < 4)),
        ]:
            x, y = np.float64(state), np.float64(after)
            flows = f(x) * g(y) - f(y) * g(x)
            assert abs(flows.mean()) < 5 * flows.std() / len(flows) ** 0.5

    def test_that_are_not_numbers_are_refused(self):
        def target(x):
            return tf.where(x[..., 0] > 0.0, BIMODAL(x), float("nan"))

        state = tf.constant([[4.0, 0.0]] * 200)
        states, results = run(mcmc.FlowProposal(target, flow_that_is_not_the_target()), 20, state)
        assert np.all(states[..., 0] > 0.0) and 0.01 < np.mean(results.is_accepted) < 0.9

    def test_follow_the_weights_in_a_compiled_chain(self):
        flow = tfflows.Flow([layers.Shift([30.0, 0.0])], 2)
        kernel = mcmc.FlowProposal(BIMODAL, flow)
        step = tf.function(lambda x: kernel.one_step(x, kernel.bootstrap_results(x), (0, 1))[1])
        state = tf.fill([50, 2], 4.0)
        assert not np.any(step(state).is_accepted)
        flow.set_weights([np.array([-26.0, 0.0], "float32")])
        assert np.any(step(state).is_accepted)
        assert step.experimental_get_tracing_count() == 1


class TestStationaryDistribution:
    @pytest.mark.parametrize(
        "inner, jit_compile",
        [(None, False), (None, True), (hmc(), False)],
        ids=["alone", "alone, XLA", "HMC"],
    )
    def test_is_the_target(self, inner, jit_compile):
        # All chains begin in the lighter mode.
        kernel = mcmc.FlowProposal(BIMODAL, flow_that_is_not_the_target(), inner, local_steps=2)
        start = tf.tile(tf.constant(LOC[:1], tf.float32), [1000, 1])
        states, results = run(kernel, 150, start, jit_compile=jit_compile)
        assert 0.1 < np.mean(results.is_accepted) < 0.6
        # The last states of chains that know nothing of each other.
        last = states[-1].numpy()
        error = np.sqrt(SQUARES - MEAN**2) / 1000**0.5
        assert np.all(abs(last.mean(0) - MEAN) < 4 * error)
        late = states[50:].numpy().reshape(-1, 2)
        share = np.mean(late[:, 0] < 0)
        np.testing.assert_allclose(share, 0.3, atol=0.02)
        np.testing.assert_allclose((late**2).mean(0), SQUARES, rtol=0.03)

    @pytest.mark.parametrize(
        "inner",
        [
            lambda f: hmc(f, 0.5),
            lambda f: tfp.mcmc.NoUTurnSampler(f, 0.5, max_tree_depth=3),
            lambda f: tfp.mcmc.MetropolisAdjustedLangevinAlgorithm(f, 0.5),
            lambda f: tfp.mcmc.RandomWalkMetropolis(f),
            lambda f: tfp.mcmc.SimpleStepSizeAdaptation(hmc(f, 0.5), 10),
            lambda f: tfp.mcmc.DualAveragingStepSizeAdaptation(hmc(f, 0.5), 10),
            lambda f: tfp.mcmc.TransformedTransitionKernel(hmc(f, 0.5), tfp.bijectors.Scale(2.0)),
        ],
        ids=["HMC", "NUTS", "MALA", "RWM", "simple", "dual averaging", "transformed"],
    )
    def test_with_every_local_kernel(self, inner):
        """A local step after a jump is that of the same kernel, begun where the jump ended."""
        inner = inner(BIMODAL)
        kernel = mcmc.FlowProposal(BIMODAL, flow_that_is_not_the_target(), inner, local_steps=1)
        start = BIMODAL.sample(40, seed=1)

        @tf.function(autograph=False)
        def steps():
            state, results = kernel.one_step(start, kernel.bootstrap_results(start), seed=(0, 1))
            jump = kernel.copy(inner_kernel=None)
            at_jump = jump.one_step(state, jump.bootstrap_results(state), seed=(0, 2))[0]
            whole = kernel.one_step(state, results, seed=(0, 2))[0]
            seeds = tfp.random.split_seed(tfp.random.sanitize_seed((0, 2)), n=3)
            fresh = inner.bootstrap_results(at_jump)
            if hasattr(fresh, "new_step_size"):
                fresh = fresh._replace(new_step_size=results.inner_results.new_step_size)
            alone = inner.one_step(at_jump, fresh, seed=tfflows.random.fold_in(seeds[2], 0))[0]
            return state, at_jump, whole, alone

        state, at_jump, whole, alone = steps()
        assert np.any(state != at_jump)
        np.testing.assert_allclose(whole, alone, atol=1e-5)

    def test_step_sizes_go_on_to_adapt(self):
        inner = tfp.mcmc.DualAveragingStepSizeAdaptation(hmc(step_size=0.01), 60)
        kernel = mcmc.FlowProposal(BIMODAL, flow_that_is_not_the_target(), inner, local_steps=4)
        start = BIMODAL.sample(50, seed=1)
        results = run(kernel, 20, start)[1].inner_results
        np.testing.assert_array_equal(results.step, np.arange(4, 81, 4))
        assert float(results.new_step_size[-1]) > 0.1
        np.testing.assert_array_equal(results.new_step_size[15:], results.new_step_size[-1])


class TestNeutra:
    def test_chains_among_latent_points_have_the_target(self):
        """HMC through the bijector of a flow that is not the target keeps draws of the target."""
        banana = targets.Banana(bend=0.5, scale=1.5)
        bijector = flow_that_is_not_the_target(scale=(1.5, 1.5)).bijector()
        kernel = tfp.mcmc.TransformedTransitionKernel(
            tfp.mcmc.HamiltonianMonteCarlo(banana, step_size=0.4, num_leapfrog_steps=4), bijector
        )
        start = banana.sample(4000, seed=1)
        states, results = run(kernel, 12, start)
        assert 0.4 < np.mean(results.inner_results.is_accepted) < 0.95
        last = states[-1].numpy()
        # The chains have moved, and 0.5 (z1^2 - 1.5^2) is still the center of z2.
        assert abs(np.corrcoef(last[:, 0], start[:, 0])[0, 1]) < 0.5
        apart = last[:, 1] - 0.5 * (last[:, 0] ** 2 - 1.5**2)
        for found, scale in ((last[:, 0], 1.5), (apart, 1.0)):
            assert abs(found.mean()) < 4 * scale / 4000**0.5
            np.testing.assert_allclose(found.std(), scale, rtol=0.05)


class TestErrors:
    @pytest.mark.parametrize(
        "arguments, error, match",
        [
            ((3.0, "flow"), TypeError, "must be a callable"),
            ((BIMODAL, "flow"), TypeError, "model of tfflows or a distribution"),
            ((BIMODAL, tfd.Normal(0.0, 1.0), BIMODAL), TypeError, r"kernel of tfp\.mcmc"),
            ((BIMODAL, tfd.Normal(0.0, 1.0), None, 0), ValueError, "positive int; got 0"),
        ],
    )
    def test_arguments(self, arguments, error, match):
        with pytest.raises(error, match=match):
            mcmc.FlowProposal(*arguments)

    def test_flows_that_do_not_fit(self):
        with pytest.raises(ValueError, match=r"flow\.distribution\(context\)"):
            mcmc.FlowProposal(BIMODAL, tfflows.Flow([layers.Shift()], 2, context_shape=1))
        counts = tfflows.Flow([layers.Dequantize()], 2)
        with pytest.raises(NotImplementedError, match="lower bound"):
            mcmc.FlowProposal(BIMODAL, counts)

    def test_states_that_do_not_fit(self):
        kernel = mcmc.FlowProposal(BIMODAL, tfflows.Flow([layers.Shift()], 2))
        with pytest.raises(TypeError, match="one tensor"):
            kernel.bootstrap_results([tf.zeros([2]), tf.zeros([2])])
        with pytest.raises(ValueError, match=r"\(\.\.\., 2\).*\(5, 3\)"):
            kernel.bootstrap_results(tf.zeros([5, 3]))
        summed = mcmc.FlowProposal(lambda x: tf.reduce_sum(x), kernel.flow)
        with pytest.raises(ValueError, match="one log density for each chain"):
            summed.bootstrap_results(tf.zeros([5, 2]))
