"""The process of one contestant: reads commands as JSON lines, answers with measured seconds.

It stays alive between commands, so that the repetitions of all contestants can be interleaved.
`run.py` starts it; by hand: ``python worker.py zuko`` and a line ``{"do": "versions"}``.
"""

import importlib
import json
import os
import sys
import time
from importlib.metadata import PackageNotFoundError, version

from jobs import POINTS, Job, points

__all__ = ["main"]

PEERS = {
    "tfflows": "TfflowsPeer",
    "flowjax": "FlowjaxPeer",
    "zuko": "ZukoPeer",
    "chapter": "ChapterPeer",
}


class Session:
    """Answers commands about one flow; training goes on inside the library's own loop."""

    def __init__(self, name: str, channel):
        self.name = name
        self.channel = channel
        self.peer = None
        self.job = None

    def next(self) -> dict:
        line = sys.stdin.readline()
        if not line:
            raise SystemExit
        return json.loads(line)

    def answer(self, **content) -> None:
        self.channel.write(json.dumps(content) + "\n")
        self.channel.flush()

    def serve(self) -> None:
        while True:
            command = self.next()
            action = command.pop("do")
            getattr(self, action)(**command)

    def versions(self, packages) -> None:
        found = {"python": sys.version.split()[0]}
        for package in packages:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                found[package] = "not installed"
        self.answer(versions=found)

    def build(self, job) -> None:
        start = time.perf_counter()
        kind = getattr(importlib.import_module(f"peers.{self.name}"), PEERS[self.name])
        imported = time.perf_counter()
        self.job = Job.from_dict(job)
        try:
            self.peer = kind(self.job)
        except NotImplementedError as reason:
            self.answer(skipped=str(reason))
            return
        self.answer(
            import_seconds=imported - start,
            seconds=time.perf_counter() - imported,
            device=self.peer.device(),
            weights=self.peer.weights(),
        )

    def fit(self) -> None:
        """Train until a command says stop; a command ``train`` lets so many epochs pass."""
        start = time.perf_counter()
        first = True
        left = 0
        epochs = 0

        def epoch_done(loss) -> bool:
            nonlocal first, left, epochs, start
            if first:
                first = False
                self.answer(seconds=time.perf_counter() - start, loss=float(loss))
            else:
                left -= 1
                if left:
                    return False
                taken = time.perf_counter() - start
                self.answer(seconds=taken / (epochs * self.job.steps), loss=float(loss))
            command = self.next()
            if command["do"] == "stop":
                return True
            left = epochs = command["epochs"]
            start = time.perf_counter()
            return False

        self.peer.fit(points(self.job.dimensions, self.job.rows), self.job.batch, epoch_done)
        self.answer(stopped=True)

    def first_log_prob(self) -> None:
        self.peer.load(points(self.job.dimensions, POINTS, seed=1))
        start = time.perf_counter()
        compiled = self.peer.compile_log_prob()
        between = time.perf_counter()
        scores = self.peer.log_prob()
        check(scores, (POINTS,))
        self._first(start, between, compiled, mean=float(scores.mean()))

    def log_prob(self, calls: int) -> None:
        self._repeat(calls, lambda number: self.peer.log_prob())

    def first_sample(self) -> None:
        start = time.perf_counter()
        compiled = self.peer.compile_sample(POINTS)
        between = time.perf_counter()
        drawn = self.peer.sample(POINTS, 0)
        check(drawn, (POINTS, self.job.dimensions))
        self._first(start, between, compiled, mean=float(drawn.mean()))

    def sample(self, calls: int) -> None:
        self._repeat(calls, lambda number: self.peer.sample(POINTS, number + 1))

    def _first(self, start, between, compiled, **content) -> None:
        end = time.perf_counter()
        # Where compiling was a step of its own, the first call is as good as any other.
        seconds = end - between if compiled else None
        self.answer(first=end - start, seconds=seconds, **content)

    def _repeat(self, calls, call) -> None:
        taken = []
        for number in range(calls):
            start = time.perf_counter()
            call(number)
            taken.append(time.perf_counter() - start)
        self.answer(seconds=min(taken), all=taken)


def check(values, shape) -> None:
    """Raise an error if a library's answer is no answer."""
    if values.shape != shape or values.dtype != "float32" or not (values == values).all():
        raise RuntimeError(
            f"expected finite float32 {shape}; got {values.dtype} {values.shape}, "
            f"{int((values != values).sum())} of them NaN"
        )


def main() -> None:
    # What libraries print must not mix with the answers.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    session = Session(sys.argv[1], channel)
    try:
        session.serve()
    except Exception as error:
        session.answer(error=f"{type(error).__name__}: {error}")
        raise


if __name__ == "__main__":
    main()
