"""Steps of variational inference per second, beside TFP, zuko and FlowJAX, in one run.

Every contestant fits the same inverse autoregressive flow, three affine layers with networks of the
widths below in two dimensions, to the same mixture of two normal distributions by the reverse
Kullback-Leibler divergence, 128 draws a step, with Adam. Each has a process of its own and takes a
first run of 2,000 steps, which compiles, and further ones: "first" are the seconds of the first
run, compilation included, "rate" is that of the fastest of the others. TFP's loop is the usual, a
``tf.function`` for a step of ``tfp.vi.monte_carlo_variational_loss``, called from Python, with the
distribution of our flow, since TFP's own network does not run under Keras 3; and
``tfp.vi.fit_surrogate_posterior``, which loops by itself. FlowJAX runs by its own
``fit_to_key_based_loss``.

    python benchmarks/variational_speed.py

Writes ``results/variational_speed.json`` and prints a table. zuko and FlowJAX are looked for in the
environments that ``run.py --install`` makes, and left out where they are missing.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
RESULTS = HERE / "results" / "variational_speed.json"
STEPS, DRAWS, RATE, LAYERS, WIDTHS, RUNS = 2000, 128, 1e-3, 3, (32, 32), 3
MEANS = [[1.0, 1.0], [-2.0, -2.0]]


def target():
    """Return the mixture, as a distribution of TFP."""
    from tensorflow_probability import distributions as tfd

    return tfd.MixtureSameFamily(
        tfd.Categorical(probs=[0.5, 0.5]),
        tfd.MultivariateNormalDiag(loc=MEANS, scale_diag=[[1.0, 1.0]] * 2),
    )


def our_flow():
    """Return the flow of this package."""
    import keras

    import tfflows

    keras.utils.set_random_seed(0)
    return tfflows.IAF(2, transforms=LAYERS, hidden_units=WIDTHS)


def by_tfflows() -> Callable:
    """Compile and fit."""
    import keras

    import tfflows

    flow = our_flow()
    flow.compile(keras.optimizers.Adam(RATE), tfflows.losses.ReverseKL(target().log_prob, DRAWS))
    return lambda: flow.fit(epochs=1, steps_per_epoch=STEPS, verbose=0).history["loss"][-1]


def by_tfp_loop() -> Callable:
    """Call a compiled step from Python."""
    import keras
    import tensorflow as tf
    import tensorflow_probability as tfp

    flow, mixture, optimizer = our_flow(), target(), keras.optimizers.Adam(RATE)
    variables = flow.trainable_variables
    optimizer.build(variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tfp.vi.monte_carlo_variational_loss(
                mixture.log_prob, flow.distribution(), sample_size=DRAWS
            )
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def run():
        for _ in range(STEPS):
            loss = step()
        return float(loss)

    return run


def by_tfp_fit() -> Callable:
    """Let TFP loop."""
    import keras
    import tensorflow_probability as tfp

    flow, mixture = our_flow(), target()
    optimizer = keras.optimizers.Adam(RATE)
    optimizer.build(flow.trainable_variables)

    def run():
        losses = tfp.vi.fit_surrogate_posterior(
            mixture.log_prob,
            flow.distribution(),
            optimizer,
            num_steps=STEPS,
            sample_size=DRAWS,
            trainable_variables=[variable.value for variable in flow.trainable_variables],
        )
        return float(losses[-1])

    return run


def by_zuko() -> Callable:
    """Loop in PyTorch, as its documentation does."""
    import torch
    import zuko
    from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

    torch.manual_seed(0)
    mixture = MixtureSameFamily(
        Categorical(torch.ones(2) / 2), Independent(Normal(torch.tensor(MEANS), 1.0), 1)
    )
    flow = zuko.flows.MAF(2, transforms=LAYERS, hidden_features=list(WIDTHS))
    flow = zuko.flows.Flow(flow.transform.inv, flow.base)
    optimizer = torch.optim.Adam(flow.parameters(), lr=RATE, fused=True)

    def run(steps: int = STEPS):
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            z, log_q = flow().rsample_and_log_prob((DRAWS,))
            loss = (log_q - mixture.log_prob(z)).mean()
            loss.backward()
            optimizer.step()
        return float(loss)

    # One thread or more, whichever is faster.
    seconds = {}
    for threads in {1, os.cpu_count() or 1}:
        torch.set_num_threads(threads)
        run(20)
        start = time.perf_counter()
        run(100)
        seconds[threads] = time.perf_counter() - start
    torch.set_num_threads(min(seconds, key=lambda threads: seconds[threads]))
    return run


def by_flowjax() -> Callable:
    """Call FlowJAX's own loop."""
    import jax.numpy as jnp
    import jax.random as jr
    import optax
    from flowjax.distributions import Normal
    from flowjax.flows import masked_autoregressive_flow
    from flowjax.train import fit_to_key_based_loss
    from flowjax.train.losses import ElboLoss
    from jax.scipy.special import logsumexp
    from jax.scipy.stats import norm

    def log_prob(point):
        parts = norm.logpdf(point, jnp.asarray(MEANS), 1.0).sum(-1)
        return logsumexp(parts) - jnp.log(2.0)

    state = {
        "flow": masked_autoregressive_flow(
            jr.key(0),
            base_dist=Normal(jnp.zeros(2)),
            flow_layers=LAYERS,
            nn_width=WIDTHS[0],
            nn_depth=len(WIDTHS),
            invert=False,
        )
    }
    loss = ElboLoss(log_prob, num_samples=DRAWS)
    optimizer = optax.adam(RATE)

    def run():
        state["flow"], losses = fit_to_key_based_loss(
            jr.key(1),
            state["flow"],
            loss_fn=loss,
            steps=STEPS,
            optimizer=optimizer,
            show_progress=False,
        )
        return float(losses[-1])

    return run


#: What runs a contestant, and the library whose environment it needs.
CONTESTS = {
    "tfflows": (by_tfflows, "tfflows"),
    "TFP: loop": (by_tfp_loop, "tfflows"),
    "TFP: fit_surrogate_posterior": (by_tfp_fit, "tfflows"),
    "zuko": (by_zuko, "zuko"),
    "FlowJAX": (by_flowjax, "flowjax"),
}


def measure(name: str) -> dict:
    """Run a contestant in this process."""
    run, seconds, loss = CONTESTS[name][0](), [], 0.0
    for _ in range(1 + RUNS):
        start = time.perf_counter()
        loss = run()
        seconds.append(time.perf_counter() - start)
    return {"first": seconds[0], "rate": STEPS / min(seconds[1:]), "last_loss": loss}


def in_own_process(name: str) -> dict | None:
    """Run a contestant in a process of its library; None where that is missing."""
    from environments import CONTESTANTS

    library = CONTESTS[name][1]
    python = sys.executable if library == "tfflows" else CONTESTANTS[library].interpreter()
    if python is None:
        return None
    command = [python, str(Path(__file__).resolve()), "--measure", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure all, or the one that is named, in this process."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--measure", choices=CONTESTS, help=argparse.SUPPRESS)
    name = parser.parse_args().measure
    if name:
        print(json.dumps(measure(name)))
        return
    rows = {}
    for name in CONTESTS:
        found = in_own_process(name)
        if found is None:
            print(f"{name}: not installed")
            continue
        rows[name] = found
        print(name, found, flush=True)
    RESULTS.write_text(json.dumps({"steps": STEPS, "draws": DRAWS, "rows": rows}, indent=1) + "\n")
    print(
        "| contestant | first 2,000 steps, s | steps/s | tfflows is faster by |\n|" + " --- |" * 4
    )
    for name, row in rows.items():
        ratio = rows["tfflows"]["rate"] / row["rate"]
        print(f"| {name} | {row['first']:.1f} | {row['rate']:,.0f} | {ratio:.1f} |")


if __name__ == "__main__":
    main()
