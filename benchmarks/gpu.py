"""Run the jobs of the table with tfflows on the accelerator that TensorFlow sees, and say which.

    python benchmarks/gpu.py
    python benchmarks/gpu.py --cpu         the same on the processor, where there is no accelerator

Nothing in tfflows names a device: where TensorFlow finds a GPU, this is what a user gets.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import report  # noqa: E402
from jobs import JOBS, POINTS, points  # noqa: E402
from run import describe_machine, load, revision  # noqa: E402


def accelerators() -> list:
    """Return the accelerators in words, as TensorFlow describes them."""
    import tensorflow as tf

    found = []
    for device in tf.config.list_physical_devices():
        if device.device_type == "CPU":
            continue
        details = tf.config.experimental.get_device_details(device)
        name = details.get("device_name", device.name)
        capability = details.get("compute_capability")
        found.append(f"{device.device_type} {name}" + (f", {capability}" if capability else ""))
    return found


def measured(job, seconds: float, runs: int) -> dict:
    """Return the seconds of a training step, of scoring and of sampling, the best of `runs`."""
    from peers.tfflows import TfflowsPeer

    peer = TfflowsPeer(job)
    epochs = []
    last = time.perf_counter()

    def epoch_done(loss):
        nonlocal last
        now = time.perf_counter()
        epochs.append(now - last)
        last = now
        return len(epochs) > runs and sum(epochs[1:]) > seconds

    x = points(job.dimensions, job.rows)
    peer.fit(x, job.batch, epoch_done)
    found = {"train_s": min(epochs[1:]) / job.steps}
    found["train_start_s"] = epochs[0] - min(epochs[1:])
    peer.load(points(job.dimensions, POINTS, seed=1))
    for name, call in (("log_prob", peer.log_prob), ("sample", lambda: peer.sample(POINTS, 1))):
        taken = []
        while len(taken) <= runs or sum(taken[1:]) < seconds:
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
        found[f"{name}_s"] = min(taken[1:])
        found[f"{name}_start_s"] = taken[0] - min(taken[1:])
    return {**found, "device": peer.device(), "weights": peer.weights()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cpu", action="store_true", help="run even without an accelerator")
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--seconds", type=float, default=2.0, help="least length of a measurement")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    import tensorflow as tf

    import tfflows

    found = accelerators()
    if found:
        print(f"TensorFlow {tf.__version__} sees: {'; '.join(found)}")
    else:
        built = "can use CUDA" if tf.test.is_built_with_cuda() else "is built without CUDA"
        print(
            f"TensorFlow {tf.__version__} ({built}) sees no accelerator, only the processor: there "
            "are no GPU figures from this machine."
        )
        if not given.cpu:
            print("With --cpu the same jobs run on the processor.")
            return
    results = {
        "when": time.strftime("%Y-%m-%d %H:%M"),
        "revision": revision(),
        "accelerators": found,
        "machine": {**describe_machine(), "load_before": load()},
        "versions": {"tfflows": tfflows.__version__, "tensorflow": tf.__version__},
        "jobs": [],
    }
    for name in given.jobs:
        job = JOBS[name]
        print(f"{name}: {job.describe()}", flush=True)
        peers = {"tfflows": measured(job, given.seconds, given.runs)}
        print(f"    on {peers['tfflows']['device']}", flush=True)
        results["jobs"].append({"job": job.as_dict(), "peers": peers})
    results["machine"]["load_after"] = load()
    where = "; ".join(found) if found else "processor"
    print(f"\nMilliseconds on {where}, the best of several runs\n\n{report.table(results)}")
    print(f"\nSeconds before that\n\n{report.starts(results)}")
    path = HERE / "results" / ("gpu.json" if found else "partial-gpu.json")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nwritten to {path.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
