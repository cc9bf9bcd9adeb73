"""Prebuilt flows of comparable size on a real table of ten columns.

    python benchmarks/magic_gamma.py FOLDER

FOLDER holds ``magic_gamma.npz`` (arrays train, val, test, standardized). All flows have the same
fit, with weight decay; those that can have learned linear maps between their layers and some
dropout; the weights that score best on the validation rows are kept. Writes
``results/magic_gamma.json`` and prints a table: test log-likelihood in nats per row with its
standard error, weights, seconds of the fit, seconds for 10,000 samples.
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import numpy as np  # noqa: E402
import report  # noqa: E402
from fits import best_seconds, count, fit, score  # noqa: E402

RESULTS = HERE / "results"

COMMON = {"linear": True, "dropout": 0.05}
#: About 100,000 weights each, but for GF, which has no networks to put them in.
FLOWS = {
    "MAF": {"transforms": 5, "hidden_units": (128, 128), **COMMON},
    "NSF": {"transforms": 5, "hidden_units": (64, 64), **COMMON},
    "CouplingNSF": {"transforms": 6, "hidden_units": (96, 96), **COMMON},
    "NAF": {"transforms": 3, "hidden_units": (64, 64), **COMMON},
    "BNAF": {"transforms": 3, "units": (16, 16), "linear": True},
    "UNAF": {"transforms": 3, "hidden_units": (128, 128), "nodes": 16, **COMMON},
    "SOSPF": {"transforms": 4, "hidden_units": (96, 96), **COMMON},
    "BPF": {"transforms": 5, "hidden_units": (64, 64), **COMMON},
    "GF": {"transforms": 8},
}

#: Rates of the fit; maps that are no network's outputs can go faster.
RATES = dict.fromkeys(FLOWS, 2e-3) | {"BNAF": 1e-2, "GF": 1e-2}


def measure(name: str, data, steps: int) -> dict:
    """Fit a flow and return its numbers."""
    import keras

    import tfflows

    keras.utils.set_random_seed(0)
    flow = getattr(tfflows, name)(data["train"].shape[1], **FLOWS[name])
    seconds = fit(
        flow,
        data["train"],
        steps=steps,
        batch=256,
        rate=RATES[name],
        val=data["val"],
        weight_decay=0.02,
    )
    log_prob = score(flow, data["test"])
    return {
        "flow": name,
        "options": FLOWS[name],
        "parameters": count(flow),
        "log_likelihood": float(log_prob.mean()),
        "standard_error": float(log_prob.std() / np.sqrt(len(log_prob))),
        "train_log_likelihood": float(score(flow, data["train"][:5000]).mean()),
        "fit_seconds": seconds,
        "sample_seconds": best_seconds(lambda: flow.sample(10_000, seed=0), turns=2),
    }


def table(rows: list) -> str:
    """Return the numbers as a markdown table, best first."""
    return report.markdown(
        ["flow", "test log-likelihood", "parameters", "fit, s", "10k samples, s"],
        [
            [
                row["flow"],
                f"{row['log_likelihood']:.2f} ± {row['standard_error']:.2f}",
                f"{row['parameters']:,}",
                f"{row['fit_seconds']:.0f}",
                f"{row['sample_seconds']:.2f}",
            ]
            for row in sorted(rows, key=lambda row: -row["log_likelihood"])
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with magic_gamma.npz")
    parser.add_argument("--only", nargs="+", choices=FLOWS, help="these flows")
    parser.add_argument("--steps", type=int, default=3000)
    arguments = parser.parse_args()
    with np.load(arguments.folder / "magic_gamma.npz") as file:
        data = {part: file[part].astype("float32") for part in ("train", "val", "test")}
    path = RESULTS / "magic_gamma.json"
    kept = {}
    if arguments.only and path.exists():
        kept = {row["flow"]: row for row in json.loads(path.read_text())["flows"]}
    RESULTS.mkdir(exist_ok=True)
    for name in arguments.only or FLOWS:
        kept[name] = measure(name, data, arguments.steps)
        print(json.dumps(kept[name]), flush=True)
        rows = [kept[name] for name in FLOWS if name in kept]
        path.write_text(json.dumps({"steps": arguments.steps, "flows": rows}, indent=1) + "\n")
        report.update_readme(HERE / "README.md", magic_gamma=table(rows))
    print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
