"""Checkpoints of plain TFP: what was trained with TFP alone goes on as a model."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfflows

tfb, tfd = tfp.bijectors, tfp.distributions


def textbook(hidden=6, seed=None):
    """A flow as the textbooks of TFP build it; its network has no weights before the first call."""
    if seed is not None:
        np.random.seed(seed)
    made = tfb.AutoregressiveNetwork(
        params=2,
        hidden_units=[hidden],
        activation="tanh",
        input_order="left-to-right" if seed is None else "random",
        hidden_degrees="equal" if seed is None else "random",
    )
    chain = tfb.Chain([tfb.Shift(tf.Variable([0.0, 0.0, 0.0])), tfb.MaskedAutoregressiveFlow(made)])
    return tfd.TransformedDistribution(tfd.MultivariateNormalDiag(loc=tf.zeros([3])), chain)


def trained(seed=None):
    td = textbook(seed=seed)
    td.log_prob(tf.zeros([1, 3]))
    rng = np.random.default_rng(0)
    for variable in td.trainable_variables:
        value = variable + 0.5 * rng.normal(size=variable.shape).astype("float32")
        variable.assign(value if variable.constraint is None else variable.constraint(value))
    return td


X = np.random.default_rng(1).normal(size=(5, 3)).astype("float32")


def test_a_checkpoint_is_read_into_a_model(tmp_path):
    seed = 3
    td = trained(seed)
    path = tf.train.Checkpoint(flow=td).save(tmp_path / "trained")
    again = textbook(seed=seed)
    model = tfflows.DistributionModel(again)
    # Its network has its weights by now, so that nothing may be left over.
    tf.train.Checkpoint(flow=again).read(path).expect_partial().assert_existing_objects_matched()
    np.testing.assert_allclose(model.log_prob(X), td.log_prob(tf.constant(X)), rtol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = tfflows.load(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.log_prob(X), td.log_prob(tf.constant(X)), rtol=1e-6)


def test_reading_before_the_weights_exist_works_too(tmp_path):
    td = trained()
    path = tf.train.Checkpoint(flow=td).save(tmp_path / "trained")
    again = textbook()
    tf.train.Checkpoint(flow=again).read(path).expect_partial()
    model = tfflows.DistributionModel(again)
    np.testing.assert_allclose(model.log_prob(X), td.log_prob(tf.constant(X)), rtol=1e-6)


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    path = tf.train.Checkpoint(flow=trained()).save(tmp_path / "trained")
    wider = textbook(hidden=7)
    tfflows.DistributionModel(wider)
    with pytest.raises(ValueError, match=r"[Ss]hape"):
        tf.train.Checkpoint(flow=wider).read(path)


def test_the_model_writes_checkpoints_that_plain_tfp_reads(tmp_path):
    td = textbook()
    model = tfflows.DistributionModel(td)
    model.compile("adam")
    model.fit(np.random.default_rng(2).normal(size=(64, 3)).astype("float32"), verbose=0)
    path = tf.train.Checkpoint(flow=td).save(tmp_path / "trained")
    plain = textbook()
    tf.train.Checkpoint(flow=plain).read(path).expect_partial()
    np.testing.assert_allclose(plain.log_prob(tf.constant(X)), model.log_prob(X), rtol=1e-6)
