"""Files written here give the same densities and the same samples in a process of their own."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, univariates

from ..registry import EVERY, NETWORK
from .subject import Subject, perturb

READER = textwrap.dedent(
    """
    import sys, pathlib
    import keras, numpy as np
    import tfflows

    for file in sorted(pathlib.Path(sys.argv[1]).glob("*.keras")):
        model = keras.models.load_model(file)
        given = np.load(file.with_suffix(".npz"))
        context = given["context"] if "context" in given else None
        score = model.log_prob(given["x"], context=context)
        events = model.sample(4, seed=3, context=context)
        assert not model.needs_adapt, file
        np.savez(file.with_suffix(".out.npz"), score=score, events=events)
    """
)

NAMES = (
    "autoregressive, random order",
    "autoregressive, residual",
    "coupling, functional",
    "coupling, Sequential",
    "permute, random, matrix",
    "actnorm",
    "static, nested",
    "static, MaskedAutoregressiveFlow of our network",
    "inverted, coupling",
    "unconditional",
    "flow, trained base",
    "flow, context network",
    "flow, layers and TFP",
    "NSF",
    "IAF",
    "MAF, scalar",
    "model, textbook",
)


def models():
    """Yield names, models with moved weights, events and contexts."""
    for index, name in enumerate(NAMES):
        subject = Subject(
            EVERY[name], ("float32", "float64")[index % 2], EVERY[name].contexts()[-1]
        )
        yield name, subject.model, subject.x, subject.context
    drawn = [
        layers.MaskedAutoregressive(univariates.Affine(), order="random", **NETWORK),
        layers.Permute("random"),
        layers.MaskedAutoregressive(univariates.Affine(), order="random", **NETWORK),
    ]
    flow = tfflows.Flow(drawn, 6)
    perturb(flow)
    yield "orders without a seed", flow, tf.random.stateless_normal([5, 6], [0, 1]), None
    made = tfb.AutoregressiveNetwork(
        params=2, hidden_units=[8], input_order="random", hidden_degrees="random"
    )
    model = tfflows.DistributionModel(
        tfd.TransformedDistribution(
            tfd.MultivariateNormalDiag(loc=tf.zeros([4])), tfb.MaskedAutoregressiveFlow(made)
        )
    )
    perturb(model)
    yield "random masks of TFP", model, tf.random.stateless_normal([5, 4], [0, 1]), None


@pytest.mark.exhaustive
def test_a_new_process_gives_the_same_numbers(tmp_path):
    expected = {}
    for name, model, x, context in models():
        key = name.replace(" ", "_").replace(",", "")
        model.save(tmp_path / f"{key}.keras")
        np.savez(tmp_path / f"{key}.npz", x=x, **({} if context is None else {"context": context}))
        expected[key] = (
            model.log_prob(x, context=context).numpy(),
            model.sample(4, seed=3, context=context).numpy(),
        )
    script = tmp_path / "read.py"
    script.write_text(READER)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for key, (score, events) in expected.items():
        found = np.load(tmp_path / f"{key}.out.npz")
        np.testing.assert_allclose(found["score"], score, rtol=1e-6, atol=1e-6, err_msg=key)
        np.testing.assert_allclose(found["events"], events, rtol=1e-6, atol=1e-6, err_msg=key)
