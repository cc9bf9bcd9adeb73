"""Score, draw and fit ten million rows, and see how much memory that takes.

    python benchmarks/streaming.py
    python benchmarks/streaming.py --rows 1000000 --tasks score-npy fit-npy

The rows lie in a memory-mapped .npy file and in a folder of Parquet files, which are made first
(below ``benchmarks/.data``; Parquet needs pyarrow, from the extra `tables`). Every task runs in a
process of its own, whose peak resident memory counts everything: TensorFlow itself, mapped pages,
the results. A process beyond `--guard` is ended, so that a failure costs a figure and not the
machine.
"""

import argparse
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import report  # noqa: E402
from jobs import points  # noqa: E402
from run import describe_machine, load, revision  # noqa: E402

COLUMNS = 8
BATCH = 4096
FILES = 20
DATA = HERE / ".data"

TASKS = {
    "import": "building the flow, nothing else",
    "score-npy": "flow.log_prob(np.load('rows.npy', mmap_mode='r'))",
    "score-npy-bar": "flow.predict(np.load('rows.npy', mmap_mode='r'), verbose=1)",
    "score-parquet": "flow.predict(parquet_dataset, verbose=1)",
    "sample": "flow.sample(rows)",
    "fit-npy": f"flow.fit(np.load('rows.npy', mmap_mode='r'), batch_size={BATCH})",
    "fit-parquet": "flow.fit(parquet_dataset)",
}


def pieces(rows: int, size: int = 500_000):
    """Yield the table piece by piece."""
    for number, start in enumerate(range(0, rows, size)):
        yield start, points(COLUMNS, min(size, rows - start), seed=100 + number)


def make_npy(path: Path, rows: int) -> None:
    """Write the rows to a .npy file unless they are there."""
    if path.exists() and np.load(path, mmap_mode="r").shape == (rows, COLUMNS):
        return
    table = np.lib.format.open_memmap(path, "w+", np.float32, (rows, COLUMNS))
    for start, piece in pieces(rows):
        table[start : start + len(piece)] = piece
    table.flush()


def make_parquet(folder: Path, rows: int) -> None:
    """Write the same rows to Parquet files unless they are there."""
    import pyarrow
    import pyarrow.parquet

    done = folder / "done"
    if done.exists() and done.read_text() == str(rows):
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for start, piece in pieces(rows, -(-rows // FILES)):
        table = pyarrow.table({f"x{i}": piece[:, i] for i in range(COLUMNS)})
        pyarrow.parquet.write_table(table, folder / f"{start:010d}.parquet")
    done.write_text(str(rows))


def parquet_batches(folder: Path, size: int):
    """Return a `tf.data.Dataset` of the batches of all files of a folder, one file at a time."""
    import pyarrow.parquet
    import tensorflow as tf

    def batches():
        rest = np.empty((0, COLUMNS), np.float32)
        for path in sorted(folder.glob("*.parquet")):
            for part in pyarrow.parquet.ParquetFile(path).iter_batches(16 * size):
                table = np.column_stack([column.to_numpy() for column in part.columns])
                rest = np.concatenate([rest, table])
                whole = len(rest) // size * size
                yield from np.split(rest[:whole], whole // size) if whole else ()
                rest = rest[whole:]
        if len(rest):
            yield rest

    files = [pyarrow.parquet.ParquetFile(path) for path in folder.glob("*.parquet")]
    rows = sum(file.metadata.num_rows for file in files)
    spec = tf.TensorSpec([None, COLUMNS], tf.float32)
    dataset = tf.data.Dataset.from_generator(batches, output_signature=spec)
    # What is known to end after so many batches can be trained in blocks of them.
    return dataset.apply(tf.data.experimental.assert_cardinality(-(-rows // size))).prefetch(4)


def perform(task: str, rows: int) -> dict:
    """Do one task and return what it took."""
    import keras

    import tfflows

    keras.utils.set_random_seed(0)
    flow = tfflows.MAF(COLUMNS, transforms=3, hidden_units=(64, 64))
    flow.compile(keras.optimizers.Adam(1e-3))
    npy, folder = DATA / "rows.npy", DATA / "parquet"
    flow.adapt(np.load(npy, mmap_mode="r")[:100_000])
    kind, _, source = task.partition("-")
    start_memory = peak_memory()
    start = time.perf_counter()
    content = {}
    if kind == "score":
        if source == "npy":
            scores = flow.log_prob(np.load(npy, mmap_mode="r")).numpy()
        elif source == "npy-bar":
            scores = flow.predict(np.load(npy, mmap_mode="r"), batch_size=65536, verbose=1)
        else:
            scores = flow.predict(parquet_batches(folder, 65536), verbose=1)
        expect(scores.shape == (rows,) and np.isfinite(scores).all(), scores.shape)
        content["mean"] = float(scores.mean(dtype="float64"))
    elif kind == "sample":
        drawn = flow.sample(rows, seed=0).numpy()
        expect(drawn.shape == (rows, COLUMNS) and np.isfinite(drawn).all(), drawn.shape)
        content["mean"] = float(drawn.mean(dtype="float64"))
    elif kind == "fit":
        if source == "npy":
            history = flow.fit(np.load(npy, mmap_mode="r"), batch_size=BATCH, verbose=2)
        else:
            history = flow.fit(parquet_batches(folder, BATCH), verbose=2)
        content["loss"] = float(history.history["loss"][-1])
        expect(np.isfinite(content["loss"]), content)
    seconds = time.perf_counter() - start
    if kind != "import":
        content.update(seconds=seconds, rows_per_s=rows / seconds)
    return {"before_gb": start_memory, "peak_gb": peak_memory(), **content}


def expect(holds, got) -> None:
    """Raise an error if an answer is not as it must be."""
    if not holds:
        raise RuntimeError(f"not what was expected: {got}")


def peak_memory() -> float:
    """Return the largest resident memory of this process so far, in GB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, Linux kibibytes.
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e9


def resident(pid: int) -> float:
    """Return the resident memory of a process in GB, 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(v.split()[1]) * 1024 / 1e9 for v in lines if v.startswith("VmRSS")), 0.0)


def guarded(task: str, rows: int, guard: float) -> dict:
    """Run a task in a process, ended where it takes more than `guard` GB."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--perform", task, "--rows", str(rows)],
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]),
        },
    )
    seen = [0.0]

    def watch():
        while process.poll() is None:
            seen[0] = max(seen[0], resident(process.pid))
            if seen[0] > guard:
                process.kill()
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    watcher.join()
    if process.returncode:
        reason = f"ended beyond {guard:.0f} GB" if seen[0] > guard else "failed"
        return {"failure": reason, "peak_gb": seen[0]}
    return json.loads(output.splitlines()[-1])


def table(results: dict) -> str:
    """Return the tasks as a Markdown table."""
    rows = []
    for name, found in results["tasks"].items():
        speed = f"{found['rows_per_s']:,.0f}" if "rows_per_s" in found else "–"
        memory = f"{found['peak_gb']:.2f}" + (f", {found['failure']}" if "failure" in found else "")
        rows.append([f"`{found['what']}`" if name != "import" else found["what"], speed, memory])
    text = report.markdown(["task", "rows / s", "peak memory, GB"], rows)
    return f"{text}\n\n{results['rows']:,} rows of {results['columns']} columns; revision " + (
        f"{results['revision']}; {results['when']}; load average "
        f"{results['machine']['load_before']} before, {results['machine']['load_after']} after."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--guard", type=float, default=8.0, help="GB that end a task")
    parser.add_argument("--perform", choices=TASKS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.perform:
        print(json.dumps(perform(given.perform, given.rows)))
        return
    DATA.mkdir(exist_ok=True)
    make_npy(DATA / "rows.npy", given.rows)
    tasks = given.tasks
    if importlib.util.find_spec("pyarrow") is None:
        print("Parquet tasks left out: pyarrow is not installed (pip install -e '.[tables]')")
        tasks = [task for task in tasks if "parquet" not in task]
    elif any("parquet" in task for task in tasks):
        make_parquet(DATA / "parquet", given.rows)
    results = {
        "when": time.strftime("%Y-%m-%d %H:%M"),
        "revision": revision(),
        "machine": {**describe_machine(), "load_before": load()},
        "rows": given.rows,
        "columns": COLUMNS,
        "tasks": {},
    }
    for task in tasks:
        found = guarded(task, given.rows, given.guard)
        results["tasks"][task] = {"what": TASKS[task], **found}
        speed = f"{found['rows_per_s']:12,.0f} rows/s" if "rows_per_s" in found else " " * 19
        note = found.get("failure", "")
        print(f"{task:14s} {speed}   peak {found['peak_gb']:5.2f} GB  {note}", flush=True)
    results["machine"]["load_after"] = load()
    full = given.rows == 10_000_000 and set(tasks) == set(TASKS)
    path = HERE / "results" / ("streaming.json" if full else "partial-streaming.json")
    path.write_text(json.dumps(results, indent=1) + "\n")
    if full:
        report.update_readme(HERE / "README.md", streaming=table(results))


if __name__ == "__main__":
    main()
