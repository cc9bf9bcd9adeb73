"""Fit flows to three targets of known constant by FAB, and weigh what they draw.

For each target and seed: the absolute error of log Z, estimated by 2,000 draws of the fitted flow
with their importance weights; the effective sample size of these draws as a share of them; for the
forty modes, how many are met by a draw within three standard deviations. Beside it, how often
training evaluated the target, point by point, and what as many steps of the reverse
Kullback-Leibler divergence come to with the same flow.

    python benchmarks/fab.py                     # all, five seeds; writes results/fab.json
    python benchmarks/fab.py --seeds 1 --only forty --steps 500   # a part, printed alone
"""

import argparse
import json
import math
import pathlib
import time

import keras
import numpy as np
from tensorflow_probability import bijectors as tfb

import tfflows
from tfflows import losses, targets

RESULTS = pathlib.Path(__file__).parent / "results" / "fab.json"
DRAWS = 2000

TARGETS = {
    "forty": {
        "target": targets.MixtureOfDiagNormals.forty(),
        # It begins as wide as the square; the draws of the flow have to find the modes in it.
        "first": lambda: [tfb.Scale(20.0)],
        "flow": tfflows.CouplingNSF,
        "options": {"transforms": 4, "hidden_units": (64, 64), "bins": 16, "bound": 3.0},
        "loss": {"samples": 256, "levels": 1, "transition_steps": 5, "step_size": 2.0},
        "steps": 1500,
    },
    "many well": {
        "target": targets.ManyWell(6),
        "first": list,
        "flow": tfflows.CouplingNSF,
        "options": {"transforms": 4, "hidden_units": (64, 64), "bins": 8, "bound": 5.0},
        "loss": {"samples": 128, "levels": 2, "transition_steps": 5, "step_size": 0.3},
        "steps": 1200,
    },
    "funnel": {
        "target": targets.Funnel(10),
        "first": list,
        "flow": tfflows.RealNVP,
        "options": {"transforms": 4, "hidden_units": (64, 64)},
        "loss": {"samples": 256, "levels": 4, "transition_steps": 5, "step_size": 0.3},
        "steps": 1500,
    },
}


def made(job: dict, seed: int):
    """Return the flow of a job at its start."""
    keras.utils.set_random_seed(seed)
    return job["flow"](job["target"].event_shape, first=job["first"](), **job["options"])


def fits(job: dict, loss, seeds: int, steps: int, jit_compile: bool = True):
    """Yield a flow fitted from each seed, and the seconds that took; one program serves all."""
    flow = made(job, 0)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    flow.compile(keras.optimizers.Adam(rate, clipnorm=10.0), loss=loss, jit_compile=jit_compile)
    flow.optimizer.build(flow.trainable_variables)
    start = [variable.numpy() for variable in flow.optimizer.variables]
    for seed in range(seeds):
        flow.set_weights(made(job, seed).get_weights())
        for variable, value in zip(flow.optimizer.variables, start, strict=True):
            variable.assign(value)
        if isinstance(loss, losses.FAB):
            loss.reset(flow)
        begin = time.perf_counter()
        flow.fit(epochs=1, steps_per_epoch=steps, seed=seed, verbose=0)
        yield flow, time.perf_counter() - begin


def figures(flow, target, seed: int) -> dict:
    """Return what the weights of draws tell."""
    z, log_q = (part.numpy().astype("float64") for part in flow.sample_and_log_prob(DRAWS, seed))
    log_weight = np.asarray(target(z.astype("float32")), "float64") - log_q
    top = log_weight.max()
    weight = np.exp(log_weight - top)
    found = {
        "log_z_error": abs(top + math.log(weight.mean()) - target.log_z),
        "ess": weight.sum() ** 2 / (weight**2).sum() / DRAWS,
    }
    if hasattr(target, "loc"):
        apart = np.linalg.norm((z[:, None] - target.loc) / target.scale, axis=-1)
        found["modes"] = len(set(apart.argmin(1)[apart.min(1) < 3.0]))
    return {key: float(value) for key, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--steps", type=int, help="steps of each fit, instead of each its own")
    parser.add_argument("--without-reverse", action="store_true")
    arguments = parser.parse_args()
    content: dict = {"draws": DRAWS, "targets": {}}
    for name in arguments.only:
        job, rows = TARGETS[name], []
        target, steps = job["target"], arguments.steps or job["steps"]
        loss = losses.FAB(target, **job["loss"])
        for seed, (flow, seconds) in enumerate(fits(job, loss, arguments.seeds, steps)):
            rows.append({**figures(flow, target, 100 + seed), "seconds": seconds})
            print(name, {key: round(value, 4) for key, value in rows[-1].items()}, flush=True)
        entry = {
            "steps": steps,
            "evaluations": loss.target_evaluations(steps),
            "mean": {key: float(np.mean([row[key] for row in rows])) for key in rows[0]},
            "fits": rows,
        }
        if not arguments.without_reverse:
            samples = job["loss"]["samples"]
            reverse = losses.ReverseKL(target, samples)
            ((flow, _),) = fits(job, reverse, 1, steps, jit_compile=False)
            entry["reverse_kl"] = {**figures(flow, target, 100), "evaluations": samples * steps}
        content["targets"][name] = entry
        print(name, {**entry, "fits": None}, flush=True)
        # After each target, so that whoever stops here keeps what there is.
        if arguments.steps is None and not arguments.without_reverse:
            kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
            content["targets"] = {**kept.get("targets", {}), **content["targets"]}
            RESULTS.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
