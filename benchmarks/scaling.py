"""How the cost of a density and of sampling grows with the flow and with the rows.

    python benchmarks/scaling.py

One flow of masked autoregressive layers, varied along one axis at a time: dimensions, hidden width,
layers, rows. Writes ``results/scaling.json`` and ``results/scaling.png`` and puts the table into
the README. Sampling that ran the network once for each coordinate would follow the dashed line.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import report  # noqa: E402
from floor import mask_counts  # noqa: E402
from jobs import Job, points  # noqa: E402
from run import describe_machine, load, revision  # noqa: E402

RESULTS = HERE / "results"
ROWS = 10_000
BASE = Job("base", "affine", 16, 3, (256, 256), 256)
AXES = {
    "dimensions": (2, 4, 8, 16, 32, 64, 128),
    "hidden width": (32, 64, 128, 256, 512, 1024),
    "layers": (1, 2, 4, 8, 16),
    "rows": (100, 1_000, 10_000, 100_000),
}
QUICK = {
    "dimensions": (2, 16, 64),
    "hidden width": (32, 256),
    "layers": (1, 4),
    "rows": (100, 10_000),
}


def varied(axis: str, value: int) -> tuple:
    """Return the flow and the number of rows at one point of an axis."""
    if axis == "dimensions":
        return replace(BASE, dimensions=value), ROWS
    if axis == "hidden width":
        return replace(BASE, hidden=(value, value)), ROWS
    if axis == "layers":
        return replace(BASE, layers=value), ROWS
    return BASE, value


def measured(job: Job, rows: int, runs: int) -> dict:
    """Return the best seconds of a density and of sampling, which take turns."""
    from peers.tfflows import TfflowsPeer

    peer = TfflowsPeer(job)
    peer.load(points(job.dimensions, rows))
    calls = {"log_prob": peer.log_prob, "sample": lambda: peer.sample(rows, 1)}
    found = {}
    for name, call in calls.items():
        start = time.perf_counter()
        call()
        found[f"{name}_first_s"] = time.perf_counter() - start
        call()
    for name in calls:
        found[f"{name}_s"] = float("inf")
    for _ in range(runs):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            found[f"{name}_s"] = min(found[f"{name}_s"], time.perf_counter() - start)
    used = job.layers * sum(count for count, _ in mask_counts(job))
    return {"rows": rows, "multiplications": rows * used, **found}


def slope(values, seconds) -> float:
    """Return the exponent of growth between the middle of an axis and its end."""
    import numpy as np

    half = len(values) // 2
    logs = np.log(values[half - 1 :]), np.log(seconds[half - 1 :])
    return float(np.polyfit(*logs, 1)[0])


def table(results: dict) -> str:
    """Return all points as a Markdown table."""
    rows = []
    for axis, found in results["axes"].items():
        label = axis
        for point in found:
            density, sample = point["log_prob_s"], point["sample_s"]
            rows.append(
                [
                    label,
                    f"{point['value']:,}",
                    f"{density * 1e3:.2f}",
                    f"{sample * 1e3:.2f}",
                    f"{sample / density:.1f}",
                    str(point["dimensions"]),
                ]
            )
            label = ""
    head = ["axis", "value", "density, ms", "sampling, ms", "sampling / density", "D passes"]
    return report.markdown(head, rows)


def picture(results: dict, path) -> None:
    """Draw the axes side by side, both scales logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1, len(AXES), figsize=(15, 4.2), sharey=True, constrained_layout=True
    )
    for axis, (name, found) in zip(axes, results["axes"].items(), strict=True):
        values = [point["value"] for point in found]
        density = [point["log_prob_s"] * 1e3 for point in found]
        sample = [point["sample_s"] * 1e3 for point in found]
        passes = [time * point["dimensions"] for time, point in zip(density, found, strict=True)]
        axis.loglog(values, passes, "--", color="#999999", lw=1.2, label="D density passes")
        axis.loglog(values, sample, "o-", color="#c2571a", lw=1.8, ms=5, label="sampling")
        axis.loglog(values, density, "s-", color="#1f5fa8", lw=1.8, ms=5, label="density")
        axis.set_xlabel(name)
        axis.set_xticks(values, [f"{v:,}" for v in values])
        axis.minorticks_off()
        axis.grid(color="#dddddd", lw=0.6)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_title(
            f"growth: density {slope(values, density):.2f}, sampling {slope(values, sample):.2f}",
            fontsize=10,
            loc="left",
        )
    axes[0].set_ylabel("milliseconds")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(
        f"tfflows, one axis varied: D {BASE.dimensions}, {BASE.layers} layers, hidden "
        f"{BASE.hidden[0]},{BASE.hidden[1]}, {ROWS:,} rows; exponents over the upper half",
        fontsize=12,
        x=0.01,
        ha="left",
    )
    figure.savefig(path, dpi=130)
    plt.close(figure)


def publish(results: dict) -> None:
    """Draw the picture and put the table into the README."""
    picture(results, RESULTS / "scaling.png")
    report.update_readme(HERE / "README.md", scaling=table(results))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="few points; keeps the last results")
    parser.add_argument("--report", action="store_true", help="draw the last results again")
    given = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    latest = RESULTS / "scaling.json"
    if given.report:
        publish(json.loads(latest.read_text()))
        return
    results = {
        "when": time.strftime("%Y-%m-%d %H:%M"),
        "revision": revision(),
        "machine": {**describe_machine(), "load_before": load()},
        "base": BASE.as_dict(),
        "axes": {},
    }
    for axis, values in (QUICK if given.quick else AXES).items():
        results["axes"][axis] = []
        for value in values:
            job, rows = varied(axis, value)
            found = measured(job, rows, given.runs)
            point = {"value": value, "dimensions": job.dimensions, **found}
            results["axes"][axis].append(point)
            print(
                f"{axis} {value}: density {point['log_prob_s'] * 1e3:.2f} ms, sampling "
                f"{point['sample_s'] * 1e3:.2f} ms, first calls {point['log_prob_first_s']:.1f} "
                f"and {point['sample_first_s']:.1f} s",
                flush=True,
            )
    results["machine"]["load_after"] = load()
    path = RESULTS / "partial-scaling.json" if given.quick else latest
    path.write_text(json.dumps(results, indent=1) + "\n")
    if given.quick:
        picture(results, RESULTS / "partial-scaling.png")
    else:
        publish(results)


if __name__ == "__main__":
    main()
