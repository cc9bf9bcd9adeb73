"""Compare `MAF` with the textbook recipe on two moons, each as its own users run it.

The recipe is three masked autoregressive bijectors with permutations, an untouched TFP chain in a
legacy Keras model that outputs the log density. It runs in a process of its own, because
TF_USE_LEGACY_KERAS holds for a whole process. All see the same 10,000 points, 100 epochs, Adam and
batches of 32. "same" has the recipe's learning rate of 1e-3 and its random start; "default" starts
as `MAF` starts by itself, and its rate falls from 5e-4 to zero by a cosine. The figure is the mean
negative log-likelihood, in nats, of 10,000 fresh points.

    python benchmarks/two_moons_chapter.py --seeds 3
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import time

import numpy as np


def points(seed: int):
    from sklearn.datasets import make_moons

    return make_moons(10_000, noise=0.05, random_state=seed)[0].astype("float32")


def recipe(seed: int, epochs: int) -> dict:
    """Train the textbook's model; runs under legacy Keras."""
    import tensorflow as tf
    from tensorflow_probability import bijectors as tfb
    from tensorflow_probability import distributions as tfd

    tf.keras.utils.set_random_seed(seed)
    base = tfd.MultivariateNormalDiag(loc=[0.0, 0.0])
    chain = []
    for _ in range(3):
        made = tfb.AutoregressiveNetwork(params=2, hidden_units=[128, 128], activation="relu")
        chain += [tfb.MaskedAutoregressiveFlow(shift_and_log_scale_fn=made)]
        chain += [tfb.Permute(permutation=[1, 0])]
    flow = tfd.TransformedDistribution(distribution=base, bijector=tfb.Chain(chain))
    x = tf.keras.Input(shape=(2,), dtype=tf.float32)
    model = tf.keras.Model(x, flow.log_prob(x))
    model.compile(tf.keras.optimizers.Adam(1e-3), loss=lambda _, log_prob: -log_prob)
    data = points(seed)
    start = time.perf_counter()
    model.fit(data, np.zeros((len(data), 0), "float32"), epochs=epochs, batch_size=32, verbose=0)
    seconds = time.perf_counter() - start
    fresh = model.predict(points(1000 + seed), batch_size=10_000, verbose=0)
    return {"seed": seed, "nll": float(-np.mean(fresh)), "seconds": seconds}


def ours(seed: int, epochs: int, decayed: bool) -> dict:
    """Train `MAF` on the same points."""
    import keras

    import tfflows

    keras.utils.set_random_seed(seed)
    flow = tfflows.MAF(2, transforms=3, hidden_units=(128, 128), identity_start=decayed)
    rate = 1e-3
    if decayed:
        rate = keras.optimizers.schedules.CosineDecay(5e-4, epochs * -(-10_000 // 32))
    flow.compile(keras.optimizers.Adam(rate))
    start = time.perf_counter()
    flow.fit(points(seed), epochs=epochs, batch_size=32, verbose=0)
    seconds = time.perf_counter() - start
    nll = float(-np.mean(flow.log_prob(points(1000 + seed))))
    return {"seed": seed, "nll": nll, "seconds": seconds}


PARTS = {
    "recipe": recipe,
    "same": functools.partial(ours, decayed=False),
    "default": functools.partial(ours, decayed=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--part", choices=PARTS)
    arguments = parser.parse_args()
    if arguments.part:
        run = PARTS[arguments.part]
        for seed in range(arguments.seeds):
            print(json.dumps(run(seed, arguments.epochs)), flush=True)
        return
    means = {}
    for part in PARTS:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        if part == "recipe":
            environment["TF_USE_LEGACY_KERAS"] = "1"
        command = [sys.executable, __file__, "--part", part, "--seeds", str(arguments.seeds)]
        command += ["--epochs", str(arguments.epochs)]
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        for row in rows:
            print(f"{part:7s} seed {row['seed']}: {row['nll']:.3f} nats, {row['seconds']:.0f} s")
        means[part] = np.mean([row["nll"] for row in rows])
    for part in ("same", "default"):
        gain = means["recipe"] - means[part]
        print(f"mean: recipe {means['recipe']:.3f}, {part} {means[part]:.3f}; gain {gain:.3f} nats")


if __name__ == "__main__":
    main()
