"""How near flows of the sphere come to published densities of places on Earth.

    python benchmarks/earth.py FOLDER

FOLDER holds ``earth_flood.npz``: 4,875 places of floods as unit vectors, and the rows of the
training, validation and test parts (80, 10 and 10 percent, as in the papers). Every candidate is
fitted to the training rows; the result is the test score of the one that scores best on the
validation rows. Scores are negative log-likelihoods in nats with respect to the surface of the unit
sphere, where the uniform density has log 4 pi = 2.531. Writes ``results/earth.json``; without the
file it says so and stops.
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

#: Of floods, from the papers: Peel, Whiten and McLachlan (2001), Rozen et al. (2021),
#: arXiv:2108.08052, Chen and Lipman (2024), arXiv:2302.03660.
PUBLISHED = {"mixture of Kent": 0.73, "Moser flow": 0.57, "Riemannian flow matching": 0.42}

CANDIDATES = {
    "6 blocks, 16 bins, 64 units": {"blocks": 6, "bins": 16, "units": 64},
    "NSF on the line, 16 bins, 64 units": {"line": True, "bins": 16, "units": 64},
    "8 blocks, 32 bins, 64 units": {"blocks": 8, "bins": 32, "units": 64},
}


def globe(blocks: int, bins: int, units: int):
    """Return a flow of the sphere to itself: heights and longitudes, rotations in between."""
    from tensorflow_probability import distributions as tfd

    import tfflows
    from tfflows import layers, univariates

    spline = univariates.RationalQuadraticSpline
    options = {"hidden_units": (units, units), "activation": "silu"}
    chain = []
    for index in range(blocks):
        height = spline(bins, bound=1.0, boundary="learned")
        angle = spline(bins, bound=math.pi, boundary="circular")
        chain += [
            layers.Rotation(seed=index),
            layers.Sphere("cylinder"),
            layers.Coupling(height, mask=[False, True], period=2.0 * math.pi, **options),
            layers.Coupling(angle, mask=[True, False], **options),
            layers.Invert(layers.Sphere("cylinder")),
        ]
    return tfflows.Flow(chain, event_shape=3, base=tfd.SphericalUniform(3))


def make(line: bool = False, **options):
    """Return a candidate."""
    if not line:
        return globe(**options)
    import tfflows

    widths = {"hidden_units": (options["units"],) * 2, "activation": "silu"}
    first = [tfflows.layers.Sphere()]
    return tfflows.NSF(3, transforms=3, bins=options["bins"], first=first, **widths)


def run(parts, options, steps: int, seed: int) -> dict:
    """Fit a candidate, and score it on the validation and the test rows."""
    import keras

    keras.utils.set_random_seed(seed)
    flow = make(**options)
    train, val, test = parts
    seconds = fit(flow, train, steps=steps, batch=256, rate=3e-3, val=val)
    return {
        "parameters": count(flow),
        "val": -float(score(flow, val).mean()),
        "test": -float(score(flow, test).mean()),
        "fit_seconds": seconds,
    }


def write(found: dict, steps: int) -> None:
    """Write what was found so far, and who is chosen by the validation rows."""
    best = min(found, key=lambda name: found[name]["val"])
    table = report.markdown(
        ["flow", "parameters", "validation NLL", "test NLL", "fit, s"],
        [
            *(
                [
                    name,
                    f"{row['parameters']:,}",
                    f"{row['val']:.3f}",
                    f"{row['test']:.3f}",
                    f"{row['fit_seconds']:.0f}",
                ]
                for name, row in found.items()
            ),
            *(
                [f"{name}, as published", "", "", f"{nll:.2f}", ""]
                for name, nll in PUBLISHED.items()
            ),
        ],
    )
    table += f"\n\nChosen by the validation rows: {best}, {found[best]['test']:.2f}."
    RESULTS.mkdir(exist_ok=True)
    content = {"steps": steps, "fits": found, "chosen": best}
    (RESULTS / "earth.json").write_text(json.dumps(content, indent=1) + "\n")
    report.update_readme(HERE / "README.md", earth=table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with earth_flood.npz")
    parser.add_argument("--steps", type=int, default=2000)
    arguments = parser.parse_args()
    path = arguments.folder / "earth_flood.npz"
    if not path.exists():
        print(f"{path} is missing; there is nothing to measure.")
        return
    with np.load(path) as file:
        x = file["xyz"].astype("float32")
        parts = [x[file[f"{part}_idx"]] for part in ("train", "val", "test")]
    found = {}
    for name, options in CANDIDATES.items():
        found[name] = run(parts, options, arguments.steps, 0)
        print(name, json.dumps(found[name]), flush=True)
        write(found, arguments.steps)


if __name__ == "__main__":
    main()
