"""How near the prebuilt flows come to a density that is known: two moons, noise 0.1.

    python benchmarks/prebuilt.py

Every flow has its defaults, but those of affine maps have more layers, and the same fit, the
small ones at a higher rate. Writes ``results/prebuilt.json`` and
``results/prebuilt.png``, a panel for each flow (true density, learned density, samples), and
prints a table. "Miss" is the mean negative log-likelihood of fresh rows minus the entropy; "KL" is
the mean of log p - log q over the same rows, in which most of their scatter cancels.
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
from fits import count, fit, score  # noqa: E402

RESULTS = HERE / "results"
NAMES = (
    "BNAF",
    "NAF",
    "NAF, dense",
    "SOSPF",
    "GF",
    "FlowPlusPlus",
    "LinearRationalNSF",
    "BPF",
    "UNAF",
    "NSF",
    "CouplingNSF",
    "RealNVP",
    "MAF",
    "IAF",
    "NICE",
)
#: What is not the default: affine maps need more layers to tear the moons apart.
OPTIONS = {
    "MAF": {"transforms": 6},
    "IAF": {"transforms": 6},
    "RealNVP": {"transforms": 8},
    "NAF, dense": {"dense": True, "units": 4, "transforms": 1},
}
#: Rates of the fit; flows of a few hundred or thousand weights can go faster.
RATES = dict.fromkeys(NAMES, 3e-3) | {"GF": 1e-2, "BNAF": 1e-2}
#: Nats that a flow may miss the entropy by.
ALLOWED = 0.08
BOUNDS = ((-1.6, 2.6), (-1.1, 1.6))
RESOLUTION = 120


def measure(name: str, data, fresh, steps: int) -> tuple[dict, dict]:
    """Fit a flow; return its numbers, and the arrays of its panel."""
    import keras

    import tfflows

    keras.utils.set_random_seed(0)
    flow = getattr(tfflows, name.split(",")[0])(2, **OPTIONS.get(name, {}))
    seconds = fit(flow, data.train, steps=steps, batch=500, rate=RATES[name], val=data.val)
    log_prob = score(flow, fresh)
    nll = -float(np.mean(log_prob))
    numbers = {
        "flow": name,
        "options": OPTIONS.get(name, {}),
        "parameters": count(flow),
        "nll": nll,
        "miss": nll - data.entropy,
        "kl": float(np.mean(data.log_prob(fresh) - log_prob)),
        "fit_seconds": seconds,
    }
    across, up = (np.linspace(*ends, RESOLUTION) for ends in BOUNDS)
    grid = np.stack(np.meshgrid(across, up), -1).reshape(-1, 2).astype("float32")
    panel = {
        "density": np.exp(score(flow, grid)).reshape(RESOLUTION, RESOLUTION),
        "samples": np.asarray(flow.sample(1000, seed=1)),
    }
    return numbers, panel


def picture(rows: list, panels: list, data, path) -> None:
    """Draw three axes for each flow: the true density, the learned one, and samples."""
    from matplotlib.figure import Figure

    across, up = (np.linspace(*ends, RESOLUTION) for ends in BOUNDS)
    grid = np.stack(np.meshgrid(across, up), -1).reshape(-1, 2)
    truth = np.exp(data.log_prob(grid)).reshape(RESOLUTION, RESOLUTION)
    columns = 3
    lines = -(-len(rows) // columns)
    figure = Figure(figsize=(6.6 * columns, 1.75 * lines), layout="constrained")
    for place, parts in zip(rows, figure.subfigures(lines, columns).flat, strict=False):
        panel = panels[rows.index(place)]
        parts.suptitle(f"{place['flow']}: KL {place['kl']:.3f} nats", fontsize=10)
        true, learned, drawn = parts.subplots(1, 3)
        for ax, values in ((true, truth), (learned, panel["density"])):
            ax.pcolormesh(across, up, values, vmin=0.0, vmax=truth.max(), shading="gouraud")
        drawn.plot(*panel["samples"].T, ".", ms=1.5, color="black")
        for ax in (true, learned, drawn):
            ax.set(xlim=BOUNDS[0], ylim=BOUNDS[1], xticks=[], yticks=[])
        for ax, text in ((true, "true"), (learned, "learned"), (drawn, "samples")):
            ax.set_xlabel(text, fontsize=7, labelpad=1)
    figure.savefig(path, dpi=110)


def table(rows: list) -> str:
    """Return the numbers as a markdown table."""
    return report.markdown(
        ["flow", "options", "parameters", "NLL", "miss", "KL", "fit, s"],
        [
            [
                row["flow"],
                ", ".join(f"{key}={value}" for key, value in row["options"].items()),
                f"{row['parameters']:,}",
                f"{row['nll']:.3f}",
                f"{row['miss']:+.3f}",
                f"{row['kl']:.3f}",
                f"{row['fit_seconds']:.0f}",
            ]
            for row in rows
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, help="these flows; nothing is written")
    parser.add_argument("--steps", type=int, default=2000)
    arguments = parser.parse_args()

    import tfflows

    data = tfflows.datasets.load("moons", seed=0, n=25_000, noise=0.1)
    fresh = np.concatenate(list(tfflows.datasets.load("moons", seed=1, n=20_000, noise=0.1)))
    rows, panels = [], []
    RESULTS.mkdir(exist_ok=True)
    for name in arguments.only or NAMES:
        numbers, panel = measure(name, data, fresh, arguments.steps)
        rows.append(numbers)
        panels.append(panel)
        print(json.dumps(numbers), flush=True)
        if not arguments.only:
            # After each flow, so that a long run that ends early has something to show.
            content = {"entropy": data.entropy, "steps": arguments.steps, "flows": rows}
            (RESULTS / "prebuilt.json").write_text(json.dumps(content, indent=1) + "\n")
            picture(rows, panels, data, RESULTS / "prebuilt.png")
            report.update_readme(HERE / "README.md", prebuilt=table(rows))
    print(f"\nentropy {data.entropy:.3f} nats\n\n{table(rows)}")
    missed = [row["flow"] for row in rows if abs(row["miss"]) > ALLOWED]
    print(f"more than {ALLOWED} nats off: {', '.join(missed) or 'none'}")


if __name__ == "__main__":
    main()
