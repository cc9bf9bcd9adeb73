"""Write the golden files of the present format: ``python -m tests.saving.write_golden``.

They are written once for each version of the format and then stay as they are: every later version
must read them to the same numbers.
"""

import pathlib

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

import tfflows
from tfflows import layers, univariates
from tfflows.saving.files import FORMAT

tfb, tfd = tfp.bijectors, tfp.distributions

FOLDER = pathlib.Path(__file__).with_name("golden")


def conditional_flow():
    """A flow with a part of every kind: drawn orders, adapted statistics, TFP, a trained base."""
    network = {"hidden_units": (4,), "activation": "tanh"}
    embed = keras.Sequential([keras.layers.Input([2]), keras.layers.Dense(3, "tanh")])
    flow = tfflows.Flow(
        [
            layers.Standardize(),
            layers.MaskedAutoregressive(
                univariates.RationalQuadraticSpline(bins=3, bound=4.0), order="random", **network
            ),
            layers.Permute("random"),
            tfb.Shift(tf.Variable([0.1, 0.2, 0.3])),
            layers.ActNorm(),
            layers.Coupling(univariates.Affine(), **network),
            layers.LU(),
            layers.Invert(layers.MaskedAutoregressive(univariates.Affine(), **network)),
        ],
        event_shape=3,
        context_shape=2,
        context_network=embed,
        base=tfd.MultivariateNormalDiag(tf.Variable([0.0, 0.1, 0.2]), tf.ones([3])),
    )
    rng = np.random.default_rng(0)
    x, context = rng.normal(size=(64, 3)), rng.normal(size=(64, 2))
    flow.compile(keras.optimizers.Adam(1e-2))
    flow.fit(
        x.astype("float32"), context=context.astype("float32"), epochs=3, verbose=0, seed=0
    )  # fmt: skip
    return flow


def textbook_model():
    """A distribution of plain TFP with a network whose masks are drawn at random."""
    made = tfb.AutoregressiveNetwork(
        params=2, hidden_units=[6], activation="tanh", input_order="random", hidden_degrees="random"
    )
    chain = tfb.Chain([tfb.Shift(tf.Variable([0.5, 0.2])), tfb.MaskedAutoregressiveFlow(made)])
    base = tfd.MultivariateNormalDiag(loc=tf.zeros([2]))
    model = tfflows.DistributionModel(tfd.TransformedDistribution(base, chain))
    x = np.random.default_rng(1).normal(size=(64, 2)).astype("float32")
    model.compile(keras.optimizers.Adam(1e-2))
    model.fit(x, epochs=3, verbose=0, seed=0)
    return model


def main():
    keras.utils.set_random_seed(0)
    for name, make in (("flow", conditional_flow), ("textbook", textbook_model)):
        model = make()
        stem = f"{name}-format-{FORMAT}"
        x = tf.random.stateless_normal([5, *model.event_shape], [0, 1])
        context = None
        if model.context_shape is not None:
            context = tf.random.stateless_normal([5, *model.context_shape], [0, 2])
        model.save(FOLDER / f"{stem}.keras")
        np.savez(
            FOLDER / f"{stem}.npz",
            x=x,
            log_prob=model.log_prob(x, context=context),
            samples=model.sample(4, seed=3, context=context),
            steps=int(model.optimizer.iterations),
            **({} if context is None else {"context": context}),
        )


if __name__ == "__main__":
    main()
