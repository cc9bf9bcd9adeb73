"""Measure a job with all contestants, their repetitions interleaved."""

import json
import math
import os
import subprocess
import tempfile
import time

from environments import CONTESTANTS, HERE

__all__ = ["Failure", "Worker", "measure"]

# A contestant's threads spin for a while after its work; the next one should not feel it.
_SETTLE = 0.2
# A call that takes longer than this is not repeated.
_LONG = 5.0


class Failure(Exception):
    """A contestant's process reported an error or ended."""


class Worker:
    """The process of a contestant."""

    def __init__(self, name: str):
        self.name = name
        contestant = CONTESTANTS[name]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **contestant.variables}
        environment["PYTHONUNBUFFERED"] = "1"
        if name == "tfflows":
            # The source tree that holds this harness, whatever else is installed.
            paths = [str(HERE.parent), environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(p for p in paths if p)
        # Open as long as the process is.
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [contestant.interpreter(), str(HERE / "worker.py"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=environment,
        )

    def ask(self, do: str, **content) -> dict:
        """Send a command and return the answer."""
        try:
            self.process.stdin.write(json.dumps({"do": do, **content}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer = json.loads(line) if line else {"error": "the process ended"}
        if "error" in answer:
            self.errors.seek(0)
            tail = self.errors.read()[-1500:]
            raise Failure(f"{self.name}, {do}: {answer['error']}\n{tail}")
        return answer

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.errors.close()


def measure(job, names, rounds: int, seconds: float, say) -> dict:
    """Return what each contestant took for the job, as a dictionary by name.

    Parameters
    ----------
    job : Job
        What to build, train, score and sample.
    names : list of str
        Contestants, all of them installed.
    rounds : int
        How many times all contestants take their turns.
    seconds : float
        How long a turn should last at least.
    say : callable
        Takes a line on what happens.
    """
    results, workers = {}, {}

    def guarded(name, action):
        try:
            return action()
        except Failure as failure:
            say(f"    {failure}")
            results[name]["failure"] = str(failure).splitlines()[0]
            workers.pop(name).close()
            return None

    try:
        for name in names:
            results[name] = {}
            workers[name] = Worker(name)
            built = guarded(name, lambda name=name: workers[name].ask("build", job=job.as_dict()))
            if built is None:
                continue
            if "skipped" in built:
                results[name]["skipped"] = built["skipped"]
                workers.pop(name).close()
                say(f"    {name}: left out, {built['skipped']}")
                continue
            results[name].update(
                device=built["device"],
                weights=built["weights"],
                import_s=built["import_seconds"],
                build_s=built["seconds"],
            )
        _train(job, workers, results, rounds, seconds, say, guarded)
        for kind in ("log_prob", "sample"):
            _call(kind, workers, results, rounds, seconds, say, guarded)
    finally:
        for worker in workers.values():
            worker.close()
    return results


def _train(job, workers, results, rounds, seconds, say, guarded):
    epochs = {}
    for name in list(workers):
        first = guarded(name, lambda name=name: workers[name].ask("fit"))
        if first is None:
            continue
        results[name]["first_epoch_s"] = first["seconds"]
        # The second epoch, too, may compile something; it says how long one takes.
        second = guarded(name, lambda name=name: workers[name].ask("train", epochs=1))
        if second is None:
            continue
        epochs[name] = math.ceil(seconds / (second["seconds"] * job.steps))
    taken = {name: [] for name in epochs}
    for _ in range(rounds):
        for name in list(taken):
            time.sleep(_SETTLE)
            answer = guarded(
                name, lambda name=name: workers[name].ask("train", epochs=epochs[name])
            )
            if answer is None:
                taken.pop(name)
                continue
            taken[name].append(answer["seconds"])
            results[name]["loss"] = answer["loss"]
    for name, values in taken.items():
        if guarded(name, lambda name=name: workers[name].ask("stop")) is None:
            continue
        result = results[name]
        result["train_s"] = min(values)
        result["train_all_s"] = values
        result["train_start_s"] = result["first_epoch_s"] - min(values) * job.steps
        say(
            f"    {name}: train step {min(values) * 1e3:.3f} ms "
            f"({_spread(values)}), start {result['train_start_s']:.1f} s, loss {result['loss']:.2f}"
        )


def _call(kind, workers, results, rounds, seconds, say, guarded):
    taken, calls, rest = {}, {}, {}
    for name in list(workers):
        time.sleep(_SETTLE)
        first = guarded(name, lambda name=name: workers[name].ask(f"first_{kind}"))
        if first is None:
            continue
        results[name][f"{kind}_first_s"] = first["first"]
        results[name][f"{kind}_mean"] = first["mean"]
        taken[name] = [] if first["seconds"] is None else [first["seconds"]]
        one = first["seconds"]
        if one is None or one < _LONG:
            second = guarded(name, lambda name=name: workers[name].ask(kind, calls=1))
            if second is None:
                taken.pop(name)
                continue
            one = second["seconds"]
            taken[name].append(one)
        calls[name] = min(math.ceil(seconds / one), 50)
        rest[name] = rounds if one < _LONG else 0
    for number in range(rounds):
        for name in list(taken):
            if number >= rest[name]:
                continue
            time.sleep(_SETTLE)
            answer = guarded(name, lambda name=name: workers[name].ask(kind, calls=calls[name]))
            if answer is None:
                taken.pop(name)
                continue
            taken[name].append(answer["seconds"])
    for name, values in taken.items():
        result = results[name]
        result[f"{kind}_s"] = min(values)
        result[f"{kind}_all_s"] = values
        result[f"{kind}_start_s"] = result[f"{kind}_first_s"] - min(values)
        say(
            f"    {name}: {kind} {min(values) * 1e3:.1f} ms ({_spread(values)}), "
            f"start {result[f'{kind}_start_s']:.1f} s"
        )


def _spread(values) -> str:
    if len(values) == 1:
        return "1 run"
    return f"{len(values)} runs, up to {max(values) * 1e3:.3g}"
