"""Continuous and residual flows on two moons, beside those of zuko and FlowJAX, in one run.

    python benchmarks/continuous.py

Each fit has a process of its own, the same 24,000 rows in batches of 256, Adam with a rate that
falls to zero by a cosine, and networks of the widths below. The figure is the mean negative
log-likelihood of 3,000 fresh rows minus the entropy of the density they are drawn from, in nats.
"Evaluations" are those of the velocity on the way of a row to its latent point, on average; FlowJAX
has no continuous flow, so its block neural autoregressive flow stands in. Writes
``results/continuous.json`` and prints a table. zuko and FlowJAX are looked for in the environments
that ``run.py --install`` makes, and left out where they are missing.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
RESULTS = HERE / "results" / "continuous.json"
BATCH, RATE = 256, 5e-3

#: Contestant, library, steps.
FITS = {
    "CNF, flow matching": ("tfflows", 18_000),
    "CNF, flow matching with transport": ("tfflows", 9_000),
    "CNF, likelihood": ("tfflows", 2_000),
    "ResidualFlow": ("tfflows", 1_000),
    "zuko: CNF, likelihood": ("zuko", 500),
    "FlowJAX: block neural autoregressive": ("flowjax", 1_000),
}
WIDTHS = (64, 64, 64)


def by_tfflows(name: str, steps: int, arrays) -> dict:
    """Fit a flow of this package."""
    import keras

    import tfflows

    keras.utils.set_random_seed(0)
    train, test = arrays
    residual = name == "ResidualFlow"
    flow = tfflows.ResidualFlow(2) if residual else tfflows.CNF(2, hidden_units=WIDTHS)
    loss = None
    if "matching" in name:
        loss = tfflows.losses.FlowMatching(transport="transport" in name)
    rate = keras.optimizers.schedules.CosineDecay(2 * RATE if residual else RATE, steps)
    flow.compile(keras.optimizers.Adam(rate), loss=loss)
    start = time.perf_counter()
    flow.fit(train, epochs=round(steps * BATCH / len(train)), batch_size=BATCH, verbose=0, seed=0)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    nll = -float(np.mean(flow.log_prob(test)))
    scored = time.perf_counter() - start
    found = {"nll": nll, "fit_seconds": seconds, "score_seconds": scored}
    if not residual:
        standardize, continuous = flow.bijector_layers
        found["evaluations"] = float(np.mean(continuous.evaluations(standardize(test))))
    return found


def by_zuko(steps: int, arrays) -> dict:
    """Fit zuko's continuous flow by likelihood, as its documentation does."""
    import torch
    import zuko

    torch.manual_seed(0)
    train, test = (torch.as_tensor(part) for part in arrays)
    mean, deviation = train.mean(0), train.std(0)
    flow = zuko.flows.CNF(2, freqs=3, hidden_features=list(WIDTHS))
    optimizer = torch.optim.Adam(flow.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    start, taken = time.perf_counter(), 0
    while taken < steps:
        for rows in torch.randperm(len(train)).split(BATCH)[: steps - taken]:
            optimizer.zero_grad(set_to_none=True)
            loss = -flow().log_prob((train[rows] - mean) / deviation).mean()
            loss.backward()
            optimizer.step()
            schedule.step()
            taken += 1
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    with torch.no_grad():
        log_prob = flow().log_prob((test - mean) / deviation) - deviation.log().sum()
    scored = time.perf_counter() - start
    return {"nll": -float(log_prob.mean()), "fit_seconds": seconds, "score_seconds": scored}


def by_flowjax(steps: int, arrays) -> dict:
    """Fit FlowJAX's block neural autoregressive flow."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import jax.random as jr
    import optax
    import paramax
    from flowjax.distributions import Normal
    from flowjax.flows import block_neural_autoregressive_flow

    train, test = (jnp.asarray(part) for part in arrays)
    mean, deviation = train.mean(0), train.std(0)
    flow = block_neural_autoregressive_flow(jr.key(0), base_dist=Normal(jnp.zeros(2)), nn_depth=2)
    parameters, static = eqx.partition(
        flow, eqx.is_inexact_array, is_leaf=lambda leaf: isinstance(leaf, paramax.NonTrainable)
    )
    optimizer = optax.adam(optax.cosine_decay_schedule(RATE, steps))

    def log_prob(parameters, rows):
        return paramax.unwrap(eqx.combine(parameters, static)).log_prob((rows - mean) / deviation)

    @eqx.filter_jit
    def epoch(parameters, state, key):
        order = jr.permutation(key, len(train))[: len(train) // BATCH * BATCH]

        def step(carry, rows):
            parameters, state = carry
            gradient = jax.grad(lambda p: -log_prob(p, train[rows]).mean())(parameters)
            updates, state = optimizer.update(gradient, state, parameters)
            return (optax.apply_updates(parameters, updates), state), None

        carry = (parameters, state)
        return jax.lax.scan(step, carry, order.reshape(-1, BATCH))[0]

    state, key = optimizer.init(parameters), jr.key(1)
    start = time.perf_counter()
    for _ in range(round(steps * BATCH / len(train))):
        key, this = jr.split(key)
        parameters, state = jax.block_until_ready(epoch(parameters, state, this))
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    scores = jax.device_get(log_prob(parameters, test) - jnp.log(deviation).sum())
    scored = time.perf_counter() - start
    return {"nll": -float(scores.mean()), "fit_seconds": seconds, "score_seconds": scored}


def in_own_process(name: str, folder: Path) -> dict | None:
    """Fit in a process of the library's environment; None where that is missing."""
    from environments import CONTESTANTS

    library, _ = FITS[name]
    python = sys.executable if library == "tfflows" else CONTESTANTS[library].interpreter()
    if python is None:
        return None
    command = [python, str(Path(__file__).resolve()), "--fit", name, "--folder", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Fit all, or the one that is named, in this process."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fit", choices=FITS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="*", choices=FITS, default=list(FITS))
    arguments = parser.parse_args()
    if arguments.fit:
        library, steps = FITS[arguments.fit]
        arrays = [np.load(arguments.folder / f"{part}.npy") for part in ("train", "test")]
        if library == "tfflows":
            found = by_tfflows(arguments.fit, steps, arrays)
        else:
            found = {"zuko": by_zuko, "flowjax": by_flowjax}[library](steps, arrays)
        print(json.dumps(found))
        return
    import tempfile

    import tfflows

    data = tfflows.datasets.load("moons", seed=0, n=30_000)
    entropy = -float(np.mean(data.log_prob(data.test)))
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for part in ("train", "test"):
            np.save(Path(folder) / f"{part}.npy", getattr(data, part))
        for name in arguments.only:
            found = in_own_process(name, Path(folder))
            if found is None:
                print(f"{name}: not installed")
                continue
            rows[name] = {**found, "above_entropy": found["nll"] - entropy, "steps": FITS[name][1]}
            print(name, rows[name], flush=True)
    document = {"entropy_of_test_rows": entropy, "threads": os.cpu_count(), "fits": rows}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    print("| fit | steps | above the entropy | seconds | evaluations |\n|" + " --- |" * 5)
    for name, row in rows.items():
        evaluations = f"{row['evaluations']:.0f}" if "evaluations" in row else "–"
        print(
            f"| {name} | {row['steps']:,} | {row['above_entropy']:.3f} | "
            f"{row['fit_seconds']:.0f} | {evaluations} |"
        )


if __name__ == "__main__":
    main()
