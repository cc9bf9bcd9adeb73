"""How near `CircularNSF` comes to a density on the torus that is known, and whether it has a seam.

    python benchmarks/torus.py FOLDER

FOLDER holds ``rama_general.npz``: the Ramachandran density of protein backbone angles, 50,000 pairs
of angles drawn from it, and its entropy, the least mean negative log-likelihood there is. Nine
tenths of the pairs are for training, the rest is the test. Writes ``results/torus.json`` and
``results/torus.png``.
"""

import argparse
import json
import math
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


def seam(flow) -> tuple[float, float]:
    """Return the largest step of the log density over the seam, and of as long a step beside it.

    The points are 2e-4 rad apart; without a seam the two numbers are alike.
    """
    other = np.linspace(-math.pi, math.pi, 721)[:-1]
    h = 1e-4
    steps = {"over": 0.0, "beside": 0.0}
    for axis in (0, 1):

        def at(angle, axis=axis):
            pair = [np.full_like(other, angle), other]
            return score(flow, np.stack(pair if axis == 0 else pair[::-1], 1).astype("float32"))

        inner, last, first = at(math.pi - 3.0 * h), at(math.pi - h), at(-math.pi + h)
        steps["over"] = max(steps["over"], float(np.abs(first - last).max()))
        steps["beside"] = max(steps["beside"], float(np.abs(last - inner).max()))
    return steps["over"], steps["beside"]


def picture(flow, truth, degrees, path) -> None:
    """Draw the true density, the learned one, and samples."""
    from matplotlib.figure import Figure

    grid = np.deg2rad(np.stack(np.meshgrid(degrees, degrees, indexing="ij"), -1))
    learned = np.exp(score(flow, grid.reshape(-1, 2).astype("float32"))).reshape(truth.shape)
    drawn = np.rad2deg(flow.sample(4000, seed=0))
    figure = Figure(figsize=(12.0, 4.2), layout="constrained")
    axes = figure.subplots(1, 3)
    for ax, values, title in ((axes[0], truth, "true"), (axes[1], learned, "learned")):
        ax.pcolormesh(degrees, degrees, np.sqrt(values.T), vmin=0.0, vmax=np.sqrt(truth.max()))
        ax.set_title(f"{title} (square root of the density)", fontsize=10)
    axes[2].plot(*drawn.T, ".", ms=1.5, color="black")
    axes[2].set_title("samples", fontsize=10)
    for ax in axes:
        ax.set(xlim=(-180, 180), ylim=(-180, 180), xlabel="phi, degrees", ylabel="psi, degrees")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with rama_general.npz")
    parser.add_argument("--steps", type=int, default=3000)
    arguments = parser.parse_args()

    import keras

    import tfflows

    with np.load(arguments.folder / "rama_general.npz") as file:
        x = file["samples_rad"].astype("float32")
        truth, degrees = file["density_per_rad2"], file["grid_deg"]
        entropy = float(file["entropy_nats"])
    x = x[np.random.default_rng(0).permutation(len(x))]
    train, val, test = x[:42_500], x[42_500:45_000], x[45_000:]
    rows = []
    for coupling in (False, True):
        keras.utils.set_random_seed(0)
        flow = tfflows.CircularNSF(2, coupling=coupling, transforms=4 if coupling else 3, bins=16)
        seconds = fit(flow, train, steps=arguments.steps, batch=500, rate=3e-3, val=val)
        nll = -float(score(flow, test).mean())
        rows.append(
            {
                "structure": "couplings" if coupling else "autoregressive",
                "parameters": count(flow),
                "nll": nll,
                "miss": nll - entropy,
                "seam": seam(flow),
                "fit_seconds": seconds,
            }
        )
        print(json.dumps(rows[-1]), flush=True)
        RESULTS.mkdir(exist_ok=True)
        if not coupling:
            picture(flow, truth, degrees, RESULTS / "torus.png")
    table = report.markdown(
        ["CircularNSF", "parameters", "test NLL", "miss", "step at the seam", "beside", "fit, s"],
        [
            [
                row["structure"],
                f"{row['parameters']:,}",
                f"{row['nll']:.4f}",
                f"{row['miss']:+.4f}",
                *(f"{step:.1e}" for step in row["seam"]),
                f"{row['fit_seconds']:.0f}",
            ]
            for row in rows
        ],
    )
    print(f"\nentropy {entropy:.4f} nats, uniform {2.0 * math.log(2.0 * math.pi):.4f}\n\n{table}")
    content = {"entropy": entropy, "steps": arguments.steps, "fits": rows}
    (RESULTS / "torus.json").write_text(json.dumps(content, indent=1) + "\n")
    report.update_readme(HERE / "README.md", torus=table)


if __name__ == "__main__":
    main()
