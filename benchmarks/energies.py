"""Fit planar, radial and Sylvester flows of 2, 8 and 32 layers to the four energies.

The picture is that of figure 3 of Rezende and Mohamed (2015, arXiv:1505.05770), with Sylvester
flows in place of NICE: a row for each energy, the density itself at the left, and behind it what
each flow makes of a standard normal distribution. Flows are fitted by the reverse Kullback-Leibler
divergence, without data, in the direction of the paper, from latent to data. The figure of a fit is
that divergence, in nats, estimated by fresh draws; where the first coordinate of an energy has no
end, flow and energy live between -4 and 4.

    python benchmarks/energies.py                     # all 36 fits, and the picture
    python benchmarks/energies.py --steps 500 --only Energy2 --output /tmp/energies.png
"""

import argparse
import json
import math
import pathlib
import time

import keras
import matplotlib.pyplot as plt
import numpy as np

import tfflows
from tfflows import layers, targets

FOLDER = pathlib.Path(__file__).parent
RESULTS = FOLDER / "results" / "energies.json"
PICTURE = FOLDER.parent / "tutorials" / "architectures" / "energies.png"

ENERGIES = ("Energy1", "Energy2", "Energy3", "Energy4")
FLOWS = {
    "planar": tfflows.PlanarFlow,
    "radial": tfflows.RadialFlow,
    "Sylvester": tfflows.SylvesterFlow,
}
DEPTHS = (2, 8, 32)
HALF = 4.0
CELLS = 120


def grid():
    """Return the middles of the cells of a square, ``[CELLS**2, 2]``."""
    axis = (np.arange(CELLS) + 0.5) / CELLS * 2.0 * HALF - HALF
    return np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2).astype("float32")


def log_volume(target) -> float:
    """Return the logarithm of the integral of exp(target): known, or that over the square."""
    if target.log_z is not None:
        return target.log_z
    values = np.asarray(target(grid()), "float64")
    return float(np.log(np.exp(values).sum()) + 2.0 * math.log(2.0 * HALF / CELLS))


def fitted(kind: str, depth: int, energy: str, steps: int, seed: int = 0):
    """Return a flow, its divergence in nats, and the seconds that the fit took."""
    keras.utils.set_random_seed(seed)
    target = getattr(targets, energy)()
    # What is beyond -4 and 4 does not belong to an energy without an end.
    sides = [layers.Interval([-HALF, -np.inf], [HALF, np.inf])] if energy != "Energy1" else []
    flow = FLOWS[kind](2, transforms=depth, inverse=True, first=sides)
    rate = keras.optimizers.schedules.CosineDecay(1e-2, steps)
    loss = tfflows.losses.ReverseKL(target, samples=256)
    flow.compile(keras.optimizers.Adam(rate, clipnorm=10.0), loss=loss)
    start = time.perf_counter()
    flow.fit(epochs=1, steps_per_epoch=steps, verbose=0, seed=seed)
    seconds = time.perf_counter() - start
    z, log_q = flow.sample_and_log_prob(20_000, seed=1)
    gap = float(np.mean(log_q - np.asarray(target(z)))) + log_volume(target)
    return flow, gap, seconds


def draw(axis, density, title: str) -> None:
    axis.imshow(
        density.reshape(CELLS, CELLS),
        origin="lower",
        extent=(-HALF, HALF, -HALF, HALF),
        cmap="cividis",
    )
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--only", nargs="+", choices=ENERGIES, default=ENERGIES)
    parser.add_argument("--output", type=pathlib.Path, default=PICTURE)
    arguments = parser.parse_args()
    columns = [(kind, depth) for kind in FLOWS for depth in DEPTHS]
    shape = len(arguments.only), 1 + len(columns)
    size = (1.25 * shape[1], 1.4 * shape[0])
    figure, axes = plt.subplots(*shape, figsize=size, layout="constrained", squeeze=False)
    points, rows = grid(), []
    for energy, line in zip(arguments.only, axes, strict=True):
        draw(line[0], np.exp(getattr(targets, energy)()(points)), energy)
        for (kind, depth), axis in zip(columns, line[1:], strict=True):
            flow, gap, seconds = fitted(kind, depth, energy, arguments.steps)
            draw(axis, np.exp(flow.log_prob(points).numpy()), f"{kind} {depth}: {gap:.2f}")
            rows.append({"energy": energy, "flow": kind, "layers": depth, "kl": gap})
            print(f"{energy} {kind:9s} {depth:2d}: {gap:.3f} nats, {seconds:.0f} s", flush=True)
    figure.savefig(arguments.output, dpi=110)
    if tuple(arguments.only) == ENERGIES and arguments.output == PICTURE:
        content = {"steps": arguments.steps, "samples": 256, "fits": rows}
        RESULTS.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
