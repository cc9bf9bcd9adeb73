"""Files and SavedModels of every example of the registry, read back in processes of their own.

    python benchmarks/artifacts.py [--only NAME ...] [--at-once 20] [--json FILE]
    python benchmarks/artifacts.py --sizes

For each flow and model of ``tests/registry.py``, without and with a context, its weights moved at
random: the ``.keras`` file is loaded in a new process, the SavedModel in one where tfflows,
TensorFlow Probability and Keras are hidden. Both score the same events and draw with the same seed.
The table shows the worst difference from the model that was written, as
max |found - given| / max(1, |given|), the sizes in kilobytes, and seconds to write. `--sizes` shows
how the sizes of larger flows grow with the number of weights.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import numpy as np

import tfflows
from tests.properties.subject import Subject
from tests.registry import EVERY, IMPLICIT, in_structure
from tfflows import univariates

ROOT = pathlib.Path(__file__).resolve().parents[1]
READERS = (
    [sys.executable, "-m", "tests.saving.read_files"],
    [sys.executable, str(ROOT / "tests" / "saving" / "read_served.py")],
)


# The suite of the registry leaves families of root searches to tests of their own; `Monotone` holds
# a function of a person.
SEARCHED = sorted(
    name.partition(".")[2]
    for name in IMPLICIT
    if name.startswith("univariates.") and not name.endswith(".Monotone")
)
EXAMPLES = {
    **EVERY,
    **{
        f"{name} in Coupling": in_structure(getattr(univariates, name), "Coupling", (3,), "always")
        for name in SEARCHED
    },
}

LARGER = {
    "MAF, D 2, hidden 128,128": lambda: tfflows.MAF(2, hidden_units=(128, 128)),
    "MAF, D 21, hidden 256,256": lambda: tfflows.MAF(21, hidden_units=(256, 256)),
    "MAF, D 63, hidden 512,512": lambda: tfflows.MAF(63, hidden_units=(512, 512)),
    "NSF, D 8, hidden 256,256": lambda: tfflows.NSF(8, hidden_units=(256, 256)),
    "CouplingNSF, D 8, hidden 256,256": lambda: tfflows.CouplingNSF(8, hidden_units=(256, 256)),
}


def size(path: pathlib.Path) -> int:
    """Bytes of a file or of all files of a folder."""
    parts = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(part.stat().st_size for part in parts)


def write(folder: pathlib.Path, key: str, name: str, conditional: bool):
    """Write both artifacts of an example; return its row and what they must answer."""
    subject = Subject(EXAMPLES[name], "float32", conditional)
    model, x, context = subject.model, subject.x, subject.context
    file, served = folder / f"{key}.keras", folder / f"{key}.served"
    started = time.perf_counter()
    model.save(file)
    saved = time.perf_counter()
    model.export(served)
    exported = time.perf_counter()
    given = {"x": x, "context": context}
    np.savez(folder / f"{key}.npz", **{k: v for k, v in given.items() if v is not None})
    variables = served / "variables" / "variables.data-00000-of-00001"
    row = {
        "name": name,
        "context": conditional,
        "parameters": model.count_params(),
        "keras bytes": size(file),
        "served bytes": size(served),
        "served variables bytes": variables.stat().st_size,
        "save seconds": saved - started,
        "export seconds": exported - saved,
    }
    wanted = {
        "log_prob": model.log_prob(x, context=context).numpy(),
        "sample": model.sample(4, seed=3, context=context).numpy(),
    }
    return row, wanted


def differ(found, wanted) -> float:
    """Return the worst difference, relative to numbers beyond 1; NaN must meet NaN."""
    assert found.shape == wanted.shape, (found.shape, wanted.shape)
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    with np.errstate(invalid="ignore"):
        error = np.abs(found - wanted) / np.maximum(1.0, np.abs(wanted))
    return float(np.max(np.where(same, 0.0, error), initial=0.0))


def measure(cases) -> list[dict]:
    """Write cases, read them in new processes and return their rows."""
    with tempfile.TemporaryDirectory() as room:
        folder = pathlib.Path(room)
        rows = {}
        for index, (name, conditional) in enumerate(cases):
            rows[f"{index:03}"] = write(folder, f"{index:03}", name, conditional)
        for reader in READERS:
            done = subprocess.run(
                [*reader, room], cwd=ROOT, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise RuntimeError(done.stderr[-3000:])
        for key, (row, wanted) in rows.items():
            kept = np.load(folder / f"{key}.keras.npz")
            served = np.load(folder / f"{key}.served.npz")
            row["keras log_prob"] = differ(kept["log_prob"], wanted["log_prob"])
            row["keras sample"] = differ(kept["sample"], wanted["sample"])
            row["served log_prob"] = differ(served["serving_default.log_prob"], wanted["log_prob"])
            row["served sample"] = differ(served["sample.x"], wanted["sample"])
        return [row for row, _ in rows.values()]


def table(rows) -> str:
    """Return the rows as a table in Markdown."""
    lines = [
        "| example | context | parameters | .keras log_prob | .keras samples | SavedModel log_prob "
        "| SavedModel samples | .keras kB | SavedModel kB | its variables kB | export s |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        differences = [
            f"{row[f'{kind} {what}']:.1e}" if row[f"{kind} {what}"] else "0"
            for kind in ("keras", "served")
            for what in ("log_prob", "sample")
        ]
        sizes = [
            f"{row[key] / 1000:.1f}"
            for key in ("keras bytes", "served bytes", "served variables bytes")
        ]
        cells = (
            row["name"],
            "yes" if row["context"] else "no",
            row["parameters"],
            *differences,
            *sizes,
            f"{row['export seconds']:.1f}",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def sizes() -> str:
    """Return the sizes of the artifacts of larger flows as a table in Markdown."""
    lines = [
        "| flow | parameters | 4 bytes each, kB | .keras kB | .keras with Adam kB "
        "| SavedModel variables kB | SavedModel program kB | export s |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, make in LARGER.items():
        flow = make()
        with tempfile.TemporaryDirectory() as room:
            folder = pathlib.Path(room)
            flow.save(folder / "plain.keras")
            started = time.perf_counter()
            flow.export(folder / "served")
            seconds = time.perf_counter() - started
            flow.compile("adam")
            flow.optimizer.build(flow.trainable_variables)
            flow.save(folder / "adam.keras")
            parts = (
                4 * flow.count_params(),
                size(folder / "plain.keras"),
                size(folder / "adam.keras"),
                size(folder / "served" / "variables" / "variables.data-00000-of-00001"),
                size(folder / "served" / "saved_model.pb"),
            )
        cells = [f"{part / 1000:,.0f}" for part in parts]
        lines.append(f"| {name} | {flow.count_params():,} | {' | '.join(cells)} | {seconds:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", help="names of examples (default: all)")
    parser.add_argument("--at-once", type=int, default=20, help="examples for one pair of readers")
    parser.add_argument("--json", help="file for the rows")
    parser.add_argument("--sizes", action="store_true", help="sizes of larger flows")
    arguments = parser.parse_args()
    if arguments.sizes:
        print(sizes())
        return
    cases = [
        (name, conditional)
        for name, example in EXAMPLES.items()
        if example.kind != "bijector" and (not arguments.only or name in arguments.only)
        for conditional in example.contexts()
    ]
    rows = []
    for start in range(0, len(cases), arguments.at_once):
        rows += measure(cases[start : start + arguments.at_once])
        print(f"{len(rows)} of {len(cases)}", file=sys.stderr, flush=True)
        if arguments.json:
            pathlib.Path(arguments.json).write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    print(table(rows))
    worst = {
        f"{kind} {what}": max(row[f"{kind} {what}"] for row in rows)
        for kind in ("keras", "served")
        for what in ("log_prob", "sample")
    }
    print("\nworst of all: " + ", ".join(f"{key} {value:.1e}" for key, value in worst.items()))


if __name__ == "__main__":
    main()
