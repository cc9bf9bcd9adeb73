"""Where the time of a compiled training step goes: TensorFlow's profile of one epoch.

Prints, for each kind of XLA's programs, how often a step runs it and how many milliseconds it
takes where it was started. What a large product hands to other threads is in nobody's trace, only
in the processor's time of a step, which counts threads that wait for work awake, too.

    python benchmarks/profile_step.py [JOB ...]      jobs of jobs.py; maf63 by default
"""

import collections
import os
import re
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from jobs import JOBS, points
from peers.tfflows import TfflowsPeer
from tensorflow.tsl.profiler.protobuf import xplane_pb2

# So many steps are enough to tell; but how a step is compiled depends on how many are planned.
STEPS, PLANNED_EPOCHS = 1600, 100_000


class Epochs(keras.callbacks.Callback):
    """Times every epoch, profiles the last and ends the training."""

    def __init__(self, folder, last):
        super().__init__()
        self.folder, self.last, self.seconds, self.busy = folder, last, [], []

    def on_epoch_begin(self, epoch, logs=None):
        """Start the clock, or the profiler."""
        if epoch == self.last:
            tf.profiler.experimental.start(self.folder)
        self.start, self.used = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        """Stop what was started."""
        self.seconds.append(time.perf_counter() - self.start)
        self.busy.append(time.process_time() - self.used)
        if epoch == self.last:
            tf.profiler.experimental.stop()
            self.model.stop_training = True


def profile(job) -> tuple[float, float, float, collections.Counter, collections.Counter]:
    """Return ms of a step, of the processor and with the profiler; ms and calls by program."""
    flow = TfflowsPeer(job).flow
    epochs = -(-STEPS // job.steps) + 1
    with tempfile.TemporaryDirectory() as folder:
        clock = Epochs(folder, epochs - 1)
        flow.fit(
            points(job.dimensions, job.rows),
            batch_size=job.batch,
            epochs=PLANNED_EPOCHS,
            verbose=0,
            callbacks=[clock],
        )
        space = xplane_pb2.XSpace()
        (file,) = Path(folder).rglob("*.xplane.pb")
        space.ParseFromString(file.read_bytes())
    times, calls = collections.Counter(), collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                metadata = plane.event_metadata[event.metadata_id]
                if not _is_program(plane, event, metadata):
                    continue
                name = re.sub(r"_?[.\d]+|_clone|_$", "", metadata.name)
                times[name] += event.duration_ps / 1e9 / job.steps
                calls[name] += 1 / job.steps
    *plain, profiled = (1e3 * seconds / job.steps for seconds in clock.seconds)
    fastest = min(range(1, len(plain)), key=plain.__getitem__)
    return plain[fastest], 1e3 * clock.busy[fastest] / job.steps, profiled, times, calls


def _is_program(plane, event, metadata) -> bool:
    """Whether an event is a program that XLA made, not a call that waits for some."""
    stats = {plane.stat_metadata[s.metadata_id].name for s in (*event.stats, *metadata.stats)}
    return "hlo_op" in stats and not metadata.name.startswith("while")


def main() -> None:
    for name in sys.argv[1:] or ["maf63"]:
        plain, busy, profiled, times, calls = profile(JOBS[name])
        total = sum(times.values())
        print(f"{name}: {plain:.3f} ms a step, {busy:.3f} of the processor; ", end="")
        print(f"{profiled:.3f} with the profiler, which saw {total:.3f} on all threads\n")
        print("| program | in a step | ms | share |")
        print("| --- | ---: | ---: | ---: |")
        for kind, milliseconds in times.most_common(12):
            share = 100 * milliseconds / total
            print(f"| {kind} | {calls[kind]:.0f} | {milliseconds:.3f} | {share:.0f} % |")
        print(flush=True)


if __name__ == "__main__":
    main()
