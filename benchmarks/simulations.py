"""Posteriors of simulators by conditional flows, beside the reference of the sbi benchmark.

Three simulators of Lueckmann et al. (2021, arXiv:2101.04653), written from the paper: two moons, a
mixture of two normal distributions, and a "simple likelihood with a complex posterior" (SLCP). A
conditional flow of the parameters given the data is fitted once to 10,000 and once to 100,000
simulations, and draws 10,000 parameters for each of ten observations; a classifier tells them from
as many draws of the reference. Its accuracy (C2ST) is 0.5 for a perfect posterior: a network of two
layers of 10 D units on standardized parameters, five folds, as in the paper. What the sbi project's
own neural posteriors reach stands beside. Options were chosen by the likelihood of held-out
simulations; the reference was never looked at.

The last figure is that of a neural likelihood, p(x | parameters), for the first observation of the
two moons: five rounds, each of 2,000 simulations at parameters from the posterior of the round
before, which a Hamiltonian Monte Carlo of ``tfp.mcmc`` draws from.

    python benchmarks/simulations.py --data ../shared/data
    python benchmarks/simulations.py --data ../shared/data --only slcp --simulations 10000

The folder holds ``sbibm_two_moons.npz`` and so on, each with ``observation`` [10, d] and
``posterior`` [10, 10000, D]. Writes ``results/simulations.json`` after each figure.
"""

import argparse
import json
import math
import pathlib
import time

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from tensorflow_probability import bijectors as tfb

import tfflows
from tfflows import layers

RESULTS = pathlib.Path(__file__).parent / "results" / "simulations.json"
SIMULATIONS = (10_000, 100_000)
DRAWS = 10_000
ROUNDS, IN_ROUND = 5, 2_000


def two_moons(theta, rng):
    """A crescent whose place depends on the parameters by their sum's size."""
    angle = rng.uniform(-math.pi / 2, math.pi / 2, len(theta))
    radius = rng.normal(0.1, 0.01, len(theta))
    crescent = np.stack([radius * np.cos(angle) + 0.25, radius * np.sin(angle)], 1)
    a, b = theta.T
    return crescent + np.stack([-np.abs(a + b), b - a], 1) / math.sqrt(2.0)


def gaussian_mixture(theta, rng):
    """A wide and a narrow normal distribution around the parameters."""
    scale = np.where(rng.random(len(theta)) < 0.5, 1.0, 0.1)
    return theta + scale[:, np.newaxis] * rng.normal(size=theta.shape)


def slcp(theta, rng):
    """Four points of a normal distribution whose moments the parameters are."""
    mean = theta[:, np.newaxis, :2]
    one, two = (theta[:, i, np.newaxis] ** 2 for i in (2, 3))
    rho = np.tanh(theta[:, 4, np.newaxis])
    u, v = rng.normal(size=(2, len(theta), 4))
    points = np.stack([one * u, two * (rho * u + np.sqrt(1.0 - rho**2) * v)], -1)
    return (mean + points).reshape(len(theta), 8)


#: Simulator, parameters, half of the width of the uniform prior, and what sbi's posteriors reach.
TASKS = {
    "two_moons": (two_moons, 2, 1.0, (0.606, 0.542)),
    "gaussian_mixture": (gaussian_mixture, 2, 10.0, (0.661, 0.555)),
    "slcp": (slcp, 5, 3.0, (0.901, 0.831)),
}


def simulate(task: str, count: int, seed: int = 0) -> tuple:
    """Return parameters of the prior and data."""
    simulator, dimensions, half, _ = TASKS[task]
    rng = np.random.default_rng(seed)
    theta = rng.uniform(-half, half, (count, dimensions))
    return theta.astype("f4"), simulator(theta, rng).astype("f4")


def fitted(flow, x, context, steps: int, batch: int = 256):
    """Fit a flow, with a tenth of the rows to stop by; the best weights stay."""
    epochs = max(math.ceil(steps * batch / len(x)), 1)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    flow.compile(keras.optimizers.Adam(rate, clipnorm=5.0))
    patience = keras.callbacks.EarlyStopping(
        patience=max(epochs // 4, 3), restore_best_weights=True
    )
    history = flow.fit(
        x,
        context=context,
        batch_size=batch,
        epochs=epochs,
        validation_split=0.1,
        callbacks=[patience],
        verbose=0,
        seed=0,
    ).history
    return min(history["val_loss"])


def accuracy_of_a_classifier(one, other) -> float:
    """Return the C2ST of Lueckmann et al."""
    mean, deviation = one.mean(0), one.std(0)
    rows = np.concatenate([one, other])
    rows, labels = (rows - mean) / deviation, np.repeat([0, 1], [len(one), len(other)])
    units = 10 * one.shape[1]
    network = MLPClassifier((units, units), max_iter=1000, solver="adam", random_state=1)
    folds = KFold(5, shuffle=True, random_state=1)
    return float(cross_val_score(network, rows, labels, cv=folds, scoring="accuracy").mean())


def posterior(task: str, count: int, reference) -> dict:
    """Fit a posterior to simulations, and compare it with the reference."""
    keras.utils.set_random_seed(0)
    theta, x = simulate(task, count)
    _, dimensions, half, _ = TASKS[task]
    flow = tfflows.NSF(
        dimensions,
        x.shape[1],
        transforms=5,
        hidden_units=(128, 128),
        bins=10,
        first=[layers.Interval(-half, half)],
    )
    start = time.perf_counter()
    held_out = fitted(flow, theta, x, steps=4000 if count <= 10_000 else 20_000)
    seconds = time.perf_counter() - start
    scores = []
    pairs = zip(reference["observation"], reference["posterior"], strict=True)
    for number, (observation, draws) in enumerate(pairs):
        context = observation[np.newaxis].astype("f4")
        found = flow.sample(DRAWS, seed=number, context=context).numpy().reshape(DRAWS, -1)
        scores.append(accuracy_of_a_classifier(draws[:DRAWS], found))
        print(task, count, number, round(scores[-1], 3), flush=True)
    return {"c2st": float(np.mean(scores)), "each": scores, "held_out": held_out, "fit": seconds}


def likelihood(reference) -> dict:
    """Fit a likelihood in rounds, with chains between them, for the first observation."""
    keras.utils.set_random_seed(0)
    task, (simulator, dimensions, half, _) = "two_moons", TASKS["two_moons"]
    rng = np.random.default_rng(0)
    theta, x = simulate(task, IN_ROUND)
    observation = tf.constant(reference["observation"][0], tf.float32)
    flow = tfflows.NSF(2, dimensions, transforms=5, hidden_units=(64, 64))
    inside = tfb.Sigmoid(-half, half)

    @tf.function(autograph=False)
    def draws(start, count, seed):
        def log_prob(theta):  # the prior is flat
            return flow.distribution(theta).log_prob(observation)

        local = tfp.mcmc.HamiltonianMonteCarlo(log_prob, step_size=0.2, num_leapfrog_steps=5)
        kernel = tfp.mcmc.SimpleStepSizeAdaptation(
            tfp.mcmc.TransformedTransitionKernel(local, inside), num_adaptation_steps=200
        )
        return tfp.mcmc.sample_chain(
            count, start, kernel=kernel, num_burnin_steps=300, trace_fn=None, seed=seed
        )

    start = time.perf_counter()
    for number in range(ROUNDS):
        fitted(flow, x, theta, steps=3000)
        # Chains begin where the likelihood of now is, by weighted draws of the prior.
        many = rng.uniform(-half, half, (20_000, dimensions)).astype("f4")
        log_weight = flow.log_prob(np.tile(observation, (len(many), 1)), many).numpy()
        weight = np.exp(log_weight - log_weight.max())
        begin = many[rng.choice(len(many), 200, p=weight / weight.sum())]
        last = number == ROUNDS - 1
        found = draws(tf.constant(begin), 50 if last else 10, tf.constant([0, number]))
        found = found.numpy().reshape(-1, dimensions)
        if not last:
            theta = np.concatenate([theta, found[:IN_ROUND]])
            x = np.concatenate([x, simulator(found[:IN_ROUND], rng).astype("f4")])
    return {
        "c2st": accuracy_of_a_classifier(reference["posterior"][0][:DRAWS], found[:DRAWS]),
        "simulations": len(theta),
        "seconds": time.perf_counter() - start,
    }


def main() -> None:
    """Run all, or what is named."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--only", nargs="+", choices=[*TASKS, "likelihood"])
    parser.add_argument("--simulations", nargs="+", type=int, default=list(SIMULATIONS))
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    wanted = arguments.only or [*TASKS, "likelihood"]
    for task in wanted:
        file = "two_moons" if task == "likelihood" else task
        reference = np.load(arguments.data / f"sbibm_{file}.npz")
        if task == "likelihood":
            results[task] = likelihood(reference)
            print(task, results[task], flush=True)
        else:
            for count in arguments.simulations:
                found = posterior(task, count, reference)
                results.setdefault(task, {})[str(count)] = found
                print(task, count, round(found["c2st"], 3), flush=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
