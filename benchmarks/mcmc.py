"""Effective samples per second of Hamiltonian Monte Carlo, and of chains that a flow helps.

On the twisted banana of Haario, Saksman and Tamminen (1999) and on Neal's funnel in ten
dimensions: HMC as it is, against HMC among the latent points of a flow that was fitted to the
target by the reverse Kullback-Leibler divergence (NeuTra; Hoffman et al., 2019, arXiv:1903.03704).
On two modes with the weights 0.3 and 0.7, eleven standard deviations apart: HMC against
`tfflows.mcmc.FlowProposal` with the same HMC between proposals, its flow taught by the chains
themselves.

512 chains run in one program of XLA: 200 steps from exact draws of the target (for two modes, as
many from each, as if their weights were not known), then 500 that count. Each method is run with
several step sizes and numbers of leapfrog steps, and the best of them stands in the table, by
effective samples per second of sampling. The effective sample size is that of all chains together
(`tfp.mcmc.effective_sample_size` across chains), the smallest over coordinates and their squares.
"with fit" counts the seconds of fitting the flow, too, compilation included; "per gradient" is for
each leapfrog step of a chain, what counts where a target is dear. The error is that of
the mean of the first coordinate (two modes) or of its square, in its standard deviations.

    python benchmarks/mcmc.py                  # all, results/mcmc.json and the table in README.md
    python benchmarks/mcmc.py --only funnel    # one target; the other rows stay
"""

import argparse
import json
import pathlib
import time

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from report import update_readme

import tfflows
from tfflows import layers, losses, mcmc, targets

FOLDER = pathlib.Path(__file__).parent
RESULTS = FOLDER / "results" / "mcmc.json"
README = FOLDER / "README.md"

CHAINS, BURN_IN, STEPS = 512, 200, 500
TWO_MODES = targets.MixtureOfDiagNormals([[-4.0] * 2, [4.0] * 2], 1.0, [0.3, 0.7])
SIZES, TRAJECTORIES = (0.1, 0.2, 0.4), (4, 16, 64, 256, 1024)
TARGETS = {
    "banana": targets.Banana(bend=0.1, scale=10.0),
    "funnel": targets.Funnel(10, scale=3.0),
    "two modes": TWO_MODES,
}


def summary(name: str, states) -> float:
    """Return the error of a mean that is known, in standard deviations of what is averaged."""
    first = states[..., 0].astype("float64")
    if name == "two modes":
        return float((first.mean() - 1.6) / 14.44**0.5)
    variance = TARGETS[name].scale ** 2
    return float((np.mean(first**2) / variance - 1.0) / 2**0.5)


def program_of(kernel_of):
    """Return chains of a kernel of a step size and a number of leapfrog steps, in one program."""

    def chains(state, size, number, seed, steps):
        return tfp.mcmc.sample_chain(
            steps, state, kernel=kernel_of(size, number), trace_fn=None, seed=seed
        )

    return tf.function(chains, autograph=False, jit_compile=True)


def run(program, start, size: float, number: int):
    """Run in, then sample; return the states and the seconds of the second part."""
    size, number = tf.constant(size), tf.constant(number)
    state = program(start, size, number, tf.constant([0, 1]), BURN_IN)[-1]
    begin = time.perf_counter()
    states = program(state, size, number, tf.constant([0, 2]), STEPS).numpy()
    return states, time.perf_counter() - begin


def start_of(name: str):
    """Return exact draws; of two modes as many of each."""
    if name == "two modes":
        return tf.repeat(tf.constant(TWO_MODES.loc, tf.float32), CHAINS // 2, axis=0)
    return TARGETS[name].sample(CHAINS, seed=5)


def effective(states) -> float:
    both = np.concatenate([states, states**2], -1)
    sizes = tfp.mcmc.effective_sample_size(
        both, cross_chain_dims=1, filter_beyond_positive_pairs=True
    )
    return float(np.min(sizes))


def row(name, method, states, seconds: float, fit: float, gradients: int) -> dict:
    size = effective(states)
    return {
        "target": name,
        "method": method,
        "effective": size,
        "seconds": seconds,
        "fit seconds": fit,
        "per gradient": size / CHAINS / (STEPS * gradients),
        "per second": size / seconds,
        "with fit": size / (seconds + fit),
        "error": summary(name, states),
    }


def best(name, method, kernel_of, fit=0.0, sizes=SIZES, trajectories=TRAJECTORIES) -> dict:
    """Try step sizes and trajectories, and return the row of the best."""
    program, start, rows = program_of(kernel_of), start_of(name), []
    run(program, start, sizes[0], 4)  # compiles
    for size in sizes:
        for number in trajectories:
            states, seconds = run(program, start, size, number)
            if np.all(np.isfinite(states)) and np.std(states[-1] - states[0]) > 0.0:
                kind = f"{method}, {number} steps of {size}"
                gradients = number * (3 if "Proposal" in method else 1)
                rows.append(row(name, kind, states, seconds, fit, gradients))
                print(json.dumps(rows[-1]), flush=True)
    return max(rows, key=lambda found: found["per second"])


def fitted(target, steps: int):
    """Return a flow that was fitted to a density, and the seconds that it took."""
    keras.utils.set_random_seed(0)
    size = target.event_shape[0]
    flow = tfflows.IAF(
        size,
        transforms=1,
        hidden_units=(64,),
        activation="silu",
        first=[layers.TriangularAffine()],
    )
    rate = keras.optimizers.schedules.CosineDecay(1e-2, steps)
    loss = losses.ReverseKL(target, samples=256, gradient="path")
    flow.compile(keras.optimizers.Adam(rate, clipnorm=10.0), loss=loss)
    begin = time.perf_counter()
    flow.fit(epochs=1, steps_per_epoch=steps, verbose=0, seed=0)
    return flow, time.perf_counter() - begin


def plain(name: str) -> dict:
    target = TARGETS[name]

    def kernel(size, number):
        return tfp.mcmc.HamiltonianMonteCarlo(target, size, number)

    return best(name, "HMC", kernel)


def neutra(name: str, steps: int) -> dict:
    target = TARGETS[name]
    flow, fit = fitted(target, steps)
    z, log_q = flow.sample_and_log_prob(20_000, seed=1)
    print(f"{name}: KL {float(np.mean(log_q - target(z))):.3f} nats, {fit:.0f} s", flush=True)

    def kernel(size, number):
        inner = tfp.mcmc.HamiltonianMonteCarlo(target, size, number)
        return tfp.mcmc.TransformedTransitionKernel(inner, flow.bijector())

    return best(name, "NeuTra-HMC", kernel, fit, (0.2, 0.4, 0.6, 0.8), (2, 3, 4))


def proposals(name: str) -> dict:
    target = TARGETS[name]
    keras.utils.set_random_seed(0)
    flow = tfflows.CouplingNSF(2, transforms=2, hidden_units=(16,), bins=6)
    flow.compile(keras.optimizers.Adam(1e-2))

    def kernel(size, number):
        local = tfp.mcmc.HamiltonianMonteCarlo(target, size, number)
        return mcmc.FlowProposal(target, flow, local, local_steps=3)

    begin = time.perf_counter()
    taught = mcmc.sample_adaptively(
        1, start_of(name), kernel(0.5, 4), rounds=6, steps_per_round=200, epochs=2, seed=0
    )
    fit = time.perf_counter() - begin
    print(f"{name}: acceptance by round {taught.acceptance.round(2).tolist()}", flush=True)
    return best(name, "FlowProposal, 3 of HMC", kernel, fit, (0.2, 0.5, 0.8), (4,))


def table(rows: list) -> str:
    lines = [
        "| target | kernel | effective | per second | with fit | per gradient | fit, s | error |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for found in rows:
        lines.append(
            f"| {found['target']} | {found['method']} | {found['effective']:,.0f} | "
            f"{found['per second']:,.0f} | {found['with fit']:,.0f} | "
            f"{found['per gradient']:.4f} | {found['fit seconds']:.0f} | {found['error']:+.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--steps", type=int, default=4000, help="of the fits by reverse KL")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.only:
        rows.append(plain(name))
        rows.append(proposals(name) if name == "two modes" else neutra(name, arguments.steps))
        print(f"{name}: {rows[-1]['per second'] / rows[-2]['per second']:.0f} times", flush=True)
    # Those of other targets stay as they are.
    known = json.loads(RESULTS.read_text("utf-8"))["rows"] if RESULTS.exists() else []
    rows += [found for found in known if found["target"] not in arguments.only]
    rows.sort(key=lambda found: list(TARGETS).index(found["target"]))
    content = {"chains": CHAINS, "steps": STEPS, "fit steps": arguments.steps, "rows": rows}
    RESULTS.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    update_readme(README, mcmc=table(rows))


if __name__ == "__main__":
    main()
