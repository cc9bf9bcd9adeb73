"""The doctor names the faults of flows as users write them, and prints code that runs."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import conditioners, layers, univariates


def network(size=None, **kwargs):
    shape = {} if size is None else {"event_shape": [size]}
    return tfb.AutoregressiveNetwork(
        **{"params": 2, "hidden_units": [8], "activation": "relu", **shape, **kwargs}
    )


def flow_of(*chain, base=None):
    base = tfd.MultivariateNormalDiag(tf.zeros(2)) if base is None else base
    return tfd.TransformedDistribution(base, tfb.Chain(list(chain)))


def built(td):
    td.log_prob(tf.zeros([1, 2]))
    return td


def trained(code, fit=False, **names):
    """Run prescribed code and see that a loss reaches every weight that trains."""
    x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    given = {"x": x, **names}
    exec(code.replace(".fit(x, epochs=10)", f".fit(x, verbose=0, epochs={1 if fit else 0})"), given)
    made = given.get("flow") or given["model"]
    assert isinstance(made, tfflows.DensityModel) and made.trainable_weights
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(made.log_prob(x))
    assert np.isfinite(loss)
    assert all(
        g is not None for g in tape.gradient(loss, [w.value for w in made.trainable_weights])
    )
    return made


def test_a_healthy_flow_has_no_fault():
    td = built(
        flow_of(
            tfb.MaskedAutoregressiveFlow(network(2)),
            tfb.Permute([1, 0]),
            tfb.MaskedAutoregressiveFlow(network(2)),
        )
    )
    diagnosis = tfflows.doctor(td)
    assert diagnosis.ok and diagnosis.faults == ()
    assert set(diagnosis.names) == {"masks_by_constraint", "stale_cache", "invisible_to_keras"}
    before = [variable.numpy() for variable in td.trainable_variables]
    tfflows.doctor(td)
    for variable, value in zip(td.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert len(trained(diagnosis.code, fit=True, td=td).trainable_weights) == 8


def test_an_error_message():
    td = flow_of(tfb.MaskedAutoregressiveFlow(network(2)))
    with pytest.raises(ValueError) as error:
        td.log_prob(keras.Input([2]))
    diagnosis = tfflows.doctor(error.value)
    assert diagnosis.faults == ("keras_input",)
    trained(diagnosis.code, td=td)
    with pytest.raises(ValueError) as error:
        keras.Sequential([tfp.layers.DistributionLambda(lambda t: tfd.Normal(t, 1.0))])
    assert tfflows.doctor(error.value).faults == ("keras_2",)
    text = "UserWarning: The model does not have any trainable weights."
    assert tfflows.doctor(text).faults == ("unreached_variables",)
    assert tfflows.doctor("something else").ok


def test_a_keras_model_around_a_distribution():
    class Model(keras.Model):
        def __init__(self, td):
            super().__init__()
            self.td = td

        def call(self, x):
            return self.td.log_prob(x)

    model = Model(built(flow_of(tfb.MaskedAutoregressiveFlow(network(2)))))
    diagnosis = tfflows.doctor(model)
    assert diagnosis.faults == ("unreached_variables",)
    assert "4 variables of td" in str(diagnosis)
    assert len(trained(diagnosis.code, td=model.td).trainable_weights) == 4


def test_variables_and_layers_of_keras_2_within_a_layer():
    class Layer(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.offsets = [tf.Variable([0.0, 0.0], name="offset")]
            self.net = network(2)

    diagnosis = tfflows.doctor(Layer())
    assert set(diagnosis.faults) == {"unreached_variables", "keras_2"}
    assert "offset" in str(diagnosis)
    lazy = tfp.layers.DistributionLambda(lambda t: tfd.Normal(t, 1.0))
    diagnosis = tfflows.doctor(lazy)
    assert diagnosis.faults == ("keras_2",)
    x = np.random.default_rng(0).normal(size=8).astype("float32")
    exec(diagnosis.code.replace("epochs=10", "epochs=1, verbose=0"), {"x": x, "c": x[:, None]})


def test_a_keras_3_network_that_tfp_does_not_see():
    made = conditioners.AutoregressiveNetwork(params=2, event_shape=2, hidden_units=[8])
    td = flow_of(tfb.MaskedAutoregressiveFlow(made))
    diagnosis = tfflows.doctor(td)
    assert diagnosis.faults == ("unreached_variables",)
    assert len(trained(diagnosis.code, td=td).trainable_weights) == 4


def test_a_frozen_keras_variable():
    shift = tfb.Shift(keras.Variable([1.0, 2.0], name="offset"))
    diagnosis = tfflows.doctor(flow_of(shift, tfb.Scale([2.0, 3.0])))
    assert diagnosis.faults == ("frozen_variable",)
    assert "shift" in str(diagnosis) and "layers.Shift([1.0, 2.0])" in diagnosis.code
    assert len(trained(diagnosis.code).trainable_weights) == 1
    normal = tfd.MultivariateNormalDiag(loc=keras.Variable([0.0, 0.0]))
    diagnosis = tfflows.doctor(normal)
    assert "frozen_variable" in diagnosis.faults
    assert len(trained(diagnosis.code).trainable_weights) == 1


def test_networks_without_weights():
    made = tfb.MaskedAutoregressiveFlow(network())
    td = flow_of(made)
    diagnosis = tfflows.doctor(td)
    assert diagnosis.faults == ("unbuilt_network",)
    assert len(trained(diagnosis.code, td=td).trainable_weights) == 4
    template = tfb.RealNVP(
        num_masked=1, shift_and_log_scale_fn=tfb.real_nvp_default_template(hidden_layers=[8])
    )
    assert "unbuilt_network" in tfflows.doctor(flow_of(template)).faults


def test_broken_masks():
    made = network(2)
    td = built(flow_of(tfb.MaskedAutoregressiveFlow(made)))
    for variable in made.trainable_variables:
        variable.assign_sub(0.1 * tf.ones_like(variable))
    diagnosis = tfflows.doctor(td)
    assert diagnosis.faults == ("broken_masks",)
    assert "hidden_units=(8,), activation='relu'" in diagnosis.code
    trained(diagnosis.code)
    assert tfflows.doctor(tfflows.DistributionModel(td)).faults == ("broken_masks",)


def test_one_bijector_many_times():
    made = tfb.MaskedAutoregressiveFlow(network(2))
    diagnosis = tfflows.doctor(built(flow_of(*[made] * 4)))
    assert diagnosis.faults == ("shared_network", "missing_permutation")
    assert "4 times" in str(diagnosis)
    flow = trained(diagnosis.code)
    assert len(flow.bijector_layers) == 7 and len(flow.trainable_weights) == 16
    one = network(2)
    pair = [tfb.MaskedAutoregressiveFlow(one), tfb.MaskedAutoregressiveFlow(lambda x: one(x))]
    diagnosis = tfflows.doctor(built(flow_of(pair[0], tfb.Permute([1, 0]), pair[1])))
    assert diagnosis.faults == ("shared_network",)


def test_a_coupling_without_a_network():
    diagnosis = tfflows.doctor(flow_of(tfb.RealNVP(num_masked=1)))
    assert diagnosis.faults == ("missing_function",)
    assert "mask=[True, False]" in diagnosis.code
    trained(diagnosis.code)


def test_couplings_that_never_move_a_coordinate():
    chain = [
        tfb.RealNVP(num_masked=1, shift_and_log_scale_fn=tfb.real_nvp_default_template([8]))
        for _ in range(2)
    ]
    diagnosis = tfflows.doctor(built(flow_of(*chain)))
    # TFP's template hides its variables even when it has some.
    assert diagnosis.faults == ("missing_permutation", "unreached_variables")
    assert "never change" in str(diagnosis)
    trained(diagnosis.code)


def test_a_base_of_the_wrong_shape():
    maf = tfb.MaskedAutoregressiveFlow(network(2))
    diagnosis = tfflows.doctor(tfd.TransformedDistribution(tfd.Normal(tf.zeros(2), 1.0), maf))
    assert "wrong_base" in diagnosis.faults
    assert "tfd.Independent" in str(diagnosis)
    assert trained(diagnosis.code).event_shape == (2,)
    wide = tfd.MultivariateNormalDiag(tf.zeros(3))
    assert "wrong_base" in tfflows.doctor(tfd.TransformedDistribution(wide, maf)).faults


def test_an_answer_out_of_date():
    diagnosis = tfflows.doctor(flow_of(tfb.Shift(tf.Variable([0.0, 1.0], name="offset"))))
    assert diagnosis.ok and "stale_cache" in diagnosis.names and "offset" in str(diagnosis)


def test_a_linear_network():
    td = built(flow_of(tfb.MaskedAutoregressiveFlow(network(2, activation=None))))
    assert "linear_network" in tfflows.doctor(td).names


def test_what_does_not_run():
    def fails(x):
        raise RuntimeError("no good")

    td = flow_of(tfb.MaskedAutoregressiveFlow(fails))
    diagnosis = tfflows.doctor(td)
    assert diagnosis.faults == ("does_not_run",) and "no good" in str(diagnosis)


def test_models_of_tfflows_and_other_things():
    flow = tfflows.MAF(2, transforms=1, hidden_units=(4,))
    diagnosis = tfflows.doctor(flow)
    assert diagnosis.ok and diagnosis.names == ("waits_for_data",) and "check" in diagnosis.code
    td = flow_of(tfb.MaskedAutoregressiveFlow(network(2)))
    assert tfflows.doctor(tfflows.DistributionModel(td)).ok
    with pytest.raises(TypeError, match="got dict"):
        tfflows.doctor({})


def test_what_cannot_be_written_down_stays_as_it_is():
    made = tfb.MaskedAutoregressiveFlow(network(2))
    matrix = tfb.ScaleMatvecLU(lower_upper=tf.eye(2), permutation=tf.range(2))
    inline = tfb.Inline(forward_fn=tf.identity, inverse_fn=tf.identity, forward_min_event_ndims=0)
    inline_ldj = tfb.Chain([tfb.Tanh(), inline, matrix])
    td = flow_of(made, made, inline_ldj)
    code = tfflows.doctor(td).code
    assert "td.bijector.bijectors[2].bijectors[1]" in code and "tfb.Tanh()" in code


def masked(**kwargs):
    return layers.MaskedAutoregressive(univariates.Affine(), hidden_units=(4,), **kwargs)


def half(**kwargs):
    return layers.Coupling(univariates.Affine(), hidden_units=(4,), **kwargs)


UNPERMUTED = {
    "autoregressive": lambda: [masked(), masked()],
    "what keeps places between": lambda: [
        masked(),
        layers.Shift(),
        tfb.Scale([1.0, 2.0]),
        layers.Elementwise(univariates.Affine()),
        layers.Invert(masked()),
    ],
    "couplings": lambda: [half(), half()],
    "bijectors of TFP": lambda: [
        tfb.MaskedAutoregressiveFlow(network(2)),
        tfb.MaskedAutoregressiveFlow(network(2)),
    ],
    "within a chain": lambda: [
        tfb.Chain([tfb.MaskedAutoregressiveFlow(network(2)) for _ in range(2)])
    ],
}


@pytest.mark.parametrize("name", UNPERMUTED)
def test_a_flow_without_a_permutation(name):
    flow = tfflows.Flow(UNPERMUTED[name](), 2, context_shape=1)
    diagnosis = tfflows.doctor(flow)
    assert diagnosis.faults == ("missing_permutation",)
    assert ("never change" in str(diagnosis)) == (name == "couplings")
    with pytest.warns(UserWarning, match="between .* keep their places"):
        flow.inspect(None, None)
    flow.inspect(None, None)  # it has said so


@pytest.mark.parametrize(
    "between",
    [
        layers.Reverse,
        layers.LU,
        lambda: layers.Permute([1, 0]),
        lambda: tfb.Permute([1, 0]),
        lambda: tfb.ScaleMatvecTriL([[1.0, 0.0], [0.5, 1.0]]),
    ],
)
def test_a_flow_with_a_permutation(between):
    assert tfflows.doctor(tfflows.Flow([masked(), between(), masked()], 2)).ok


def test_flows_in_which_nothing_is_missing():
    for flow in (
        tfflows.Flow([masked(), masked(order="right-to-left")], 2),
        tfflows.Flow([half(), half(mask=[False, True])], 2),
        tfflows.Flow([masked(), masked()], 1),
        tfflows.CouplingNSF(3, transforms=3, hidden_units=(4,)),
        tfflows.MAF(2, transforms=2, hidden_units=(4,), context_shape=1),
    ):
        assert tfflows.doctor(flow).ok


def test_fit_warns_once_of_a_missing_permutation():
    flow = tfflows.Flow([masked(), masked()], 2)
    flow.compile("sgd")
    x = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    with pytest.warns(UserWarning, match="never sees another") as noted:
        flow.fit(x, epochs=1, verbose=0)
        flow.fit(2.0 * x, epochs=1, verbose=0)
    assert len(noted) == 1
