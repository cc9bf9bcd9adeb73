"""Measure tfflows beside FlowJAX, zuko and the textbook's TFP recipe: the same work, in one run.

    python benchmarks/run.py --setup       makes a virtual environment for each of them
    python benchmarks/run.py               measures, prints the table, writes JSON, picture, README
    python benchmarks/run.py --quick       a look in a few minutes; keeps the last full results

Whoever is not installed is left out by name. Each library runs in a process of its own with all the
threads it likes; they take turns, and the best turn of each counts, so that a drift of the machine
hits all alike.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import report  # noqa: E402
from environments import CONTESTANTS, set_up  # noqa: E402
from floor import floors  # noqa: E402
from jobs import JOBS, POINTS  # noqa: E402
from measure import Worker, measure  # noqa: E402

RESULTS = HERE / "results"


def describe_machine() -> dict:
    """Return the processor, the cores, the memory and the system."""
    processor = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [
            line.split(":", 1)[1].strip()
            for line in cpuinfo.read_text().splitlines()
            if line.startswith("model name")
        ]
        processor = models[0] if models else processor
    memory = float("nan")
    if hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "processor": processor or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": memory,
        "system": f"{platform.system()} {platform.release()}",
    }


def revision() -> str:
    """Return the commit of the source tree, and whether it was changed since."""
    try:
        commit, changed = (
            subprocess.run(
                ["git", "-C", str(HERE.parent), *words],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                check=True,
            ).stdout.strip()
            for words in (
                ("rev-parse", "--short", "HEAD"),
                ("status", "--porcelain", "--", "tfflows"),
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + (" with changes" if changed else "")


def load() -> str:
    """Return the load average of the last minutes."""
    return "/".join(f"{v:.1f}" for v in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"


def calibrate() -> dict:
    """Measure products and copies in the environment of tfflows, which has TensorFlow."""
    done = subprocess.run(
        [CONTESTANTS["tfflows"].interpreter(), str(HERE / "floor.py")],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def run(jobs, names, rounds: int, seconds: float, say) -> dict:
    """Measure `jobs` with the contestants of `names` that are installed."""
    missing = {
        name: "not installed (python benchmarks/run.py --setup)"
        for name in names
        if CONTESTANTS[name].interpreter() is None
    }
    for name, reason in missing.items():
        say(f"{name}: left out, {reason}")
    names = [name for name in names if name not in missing]
    results = {
        "when": time.strftime("%Y-%m-%d %H:%M"),
        "machine": {**describe_machine(), "load_before": load()},
        "revision": revision(),
        "rounds": rounds,
        "seconds": seconds,
        "points": POINTS,
        "missing": missing,
        "versions": {},
        "jobs": [],
    }
    for name in names:
        worker = Worker(name)
        asked = worker.ask("versions", packages=CONTESTANTS[name].packages)
        results["versions"][name] = asked["versions"]
        worker.close()
    if "tfflows" in names:
        say("the machine's products and copies")
        results["calibration"] = calibrate()
    for job in jobs:
        say(f"{job.name}: {job.describe()}")
        entry = {"job": job.as_dict(), "peers": measure(job, names, rounds, seconds, say)}
        if "calibration" in results:
            entry["floor"] = floors(job, POINTS, results["calibration"])
        results["jobs"].append(entry)
    results["machine"]["load_after"] = load()
    return results


def show(results) -> None:
    """Print the tables."""
    print("\nMilliseconds, the best of several runs; multiples of tfflows; floor of the machine\n")
    print(report.table(results))
    print("\nSeconds before that: tracing, compiling and whatever else a first call does\n")
    print(report.starts(results))
    print("\n" + report.machine(results))


def publish(results) -> None:
    """Draw the picture and put the tables into the READMEs, here and of the project."""
    report.picture(results, RESULTS / "latest.png")
    report.update_readme(HERE.parent / "README.md", speed=report.summary(results))
    report.update_readme(
        HERE / "README.md",
        table=report.table(results),
        starts=report.starts(results),
        machine=report.machine(results),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--setup", action="store_true", help="make the virtual environments")
    parser.add_argument("--torch", default="torch", help="what pip installs as PyTorch")
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant")
    parser.add_argument("--seconds", type=float, default=2.0, help="least length of a turn")
    parser.add_argument("--quick", action="store_true", help="two short turns")
    parser.add_argument("--report", action="store_true", help="show the last results again")
    given = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    latest = RESULTS / "latest.json"
    if given.setup:
        sys.exit(1 if set_up(given.only, given.torch) else 0)
    if given.report:
        results = json.loads(latest.read_text())
        show(results)
        publish(results)
        return
    if given.quick:
        given.rounds, given.seconds = 2, 0.2
    jobs = [JOBS[name] for name in given.jobs]
    results = run(jobs, given.only, given.rounds, given.seconds, lambda t: print(t, flush=True))
    show(results)
    # A part of the table, or a hasty one, does not replace it.
    full = set(given.jobs) == set(JOBS) and set(given.only) == set(CONTESTANTS) and not given.quick
    path = latest if full else RESULTS / "partial.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    if full:
        publish(results)
    else:
        report.picture(results, RESULTS / "partial.png")
    print(f"\nwritten to {path.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
