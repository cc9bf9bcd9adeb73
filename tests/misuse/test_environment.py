"""Processes of their own: what an import prints and costs, other backends, Keras 2 next door."""

import importlib.util
import os
import subprocess
import sys
import textwrap

import keras
import pytest

import tfflows


def run(code, cwd=None, **environment):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        timeout=300,
    )


@pytest.mark.slow
def test_an_import_prints_nothing_and_costs_little():
    done = run(
        """
        import sys, time
        import keras
        from tensorflow_probability import bijectors, distributions
        bijectors.Chain, distributions.Normal
        print("before", flush=True)
        print("before", file=sys.stderr, flush=True)
        start = time.perf_counter()
        import tfflows
        cost = time.perf_counter() - start
        print("after", flush=True)
        print("after", file=sys.stderr, flush=True)
        print(cost)
        """
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for text in (done.stdout, done.stderr):
        assert text.partition("before\n")[2].partition("after\n")[0] == ""
    assert float(done.stdout.split()[-1]) < 2.0  # 0.5 s on a machine that does nothing else


def test_another_backend_is_refused_by_name(monkeypatch):
    """The first thing that an import does is to look at the backend."""
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    spec = importlib.util.spec_from_file_location("tfflows_again", tfflows.__file__)
    module = importlib.util.module_from_spec(spec)
    with pytest.raises(ImportError, match=r"'jax' is active.*KERAS_BACKEND=tensorflow"):
        spec.loader.exec_module(module)


@pytest.mark.slow
def test_keras_2_next_door(tmp_path):
    """`TF_USE_LEGACY_KERAS=1`, set for somebody else's code, changes nothing here."""
    done = run(
        """
        import numpy as np, tensorflow as tf, keras
        import tfflows
        from tensorflow_probability import bijectors as tfb, distributions as tfd

        assert tf.keras.Model.__module__.startswith("tf_keras"), tf.keras.Model
        assert not issubclass(tfflows.Flow, tf.keras.Model)
        x = np.random.default_rng(0).normal(size=(400, 2)).astype("float32") @ [[1, 1], [0, 1]]
        flow = tfflows.MAF(2, transforms=1, hidden_units=(8,))
        flow.compile(keras.optimizers.Adam(1e-2))
        x = x.astype("float32")
        losses = flow.fit(x, epochs=3, batch_size=50, verbose=0).history["loss"]
        assert losses[-1] < losses[0], losses
        flow.save("flow.keras")
        loaded = keras.models.load_model("flow.keras")
        assert np.allclose(loaded.log_prob(x[:5]), flow.log_prob(x[:5]), atol=1e-5)

        made = tfb.AutoregressiveNetwork(params=2, hidden_units=[8], activation="relu")
        model = tfflows.DistributionModel(
            tfd.TransformedDistribution(
                tfd.MultivariateNormalDiag(loc=[0.0, 0.0]), tfb.MaskedAutoregressiveFlow(made)
            )
        )
        model.compile("adam")
        losses = model.fit(x, epochs=3, batch_size=50, verbose=0).history["loss"]
        assert losses[-1] < losses[0], losses
        try:
            flow.compile(tf.keras.optimizers.Adam())
        except TypeError as error:
            assert "Keras 3 optimizer" in str(error)
        else:
            raise AssertionError("an optimizer of Keras 2 was accepted")
        print("works")
        """,
        cwd=tmp_path,
        TF_USE_LEGACY_KERAS="1",
    )
    assert "works" in done.stdout, done.stderr[-3000:]
