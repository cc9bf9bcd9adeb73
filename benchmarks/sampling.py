"""What a sample of one masked autoregressive layer costs, in passes of its density.

    python benchmarks/sampling.py [--draws 10000] [--rounds 7] [--mode xla|graph|eager]
                                  [--passes] [--gradients] [--memory]

For each size: milliseconds of a density pass, of latent to data by the sweep and (`--passes`) by
one evaluation per coordinate, without and (`--gradients`) with gradients; wall-clock time and, in
brackets, CPU time, the minimum of the rounds, in which all take turns. `--memory` runs each
function, compiled by XLA, in a process of its own and adds the growth of its peak memory.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from tfflows import bijectors, layers, univariates

CASES = {
    "D 2, affine, hidden 128,128": (2, univariates.Affine, (128, 128)),
    "D 8, spline of 8 bins, hidden 128,128": (8, univariates.RationalQuadraticSpline, (128, 128)),
    "D 21, affine, hidden 256,256": (21, univariates.Affine, (256, 256)),
    "D 63, affine, hidden 512,512": (63, univariates.Affine, (512, 512)),
}


def by_passes(bijector: bijectors.MaskedAutoregressive) -> bijectors.MaskedAutoregressive:
    """Return the bijector without the view into its network."""
    bijector._stack = None
    return bijector


class Contest:
    """The functions of one case."""

    def __init__(self, size: int, family, hidden: tuple, draws: int):
        self.layer = layers.MaskedAutoregressive(
            family(), hidden_units=hidden, identity_start=False
        )
        self.layer.build((size,))
        rng = np.random.default_rng(0)
        for weight in self.layer.trainable_weights:
            weight.assign(weight + 0.05 * rng.normal(size=weight.shape))
        self.points = tf.constant(rng.normal(size=(draws, size)), "float32")

    def density(self, x):
        bijector = self.layer.bijector()
        return bijector.inverse(x), bijector.inverse_log_det_jacobian(x, 1)

    def sweep(self, z):
        bijector = self.layer.bijector()
        return bijector.forward(z), bijector.forward_log_det_jacobian(z, 1)

    def passes(self, z):
        bijector = by_passes(self.layer.bijector())
        return bijector.forward(z), bijector.forward_log_det_jacobian(z, 1)

    def program(self, name: str, gradients: bool = False, mode: str = "xla"):
        function = getattr(self, name)

        def program(points):
            if not gradients:
                return function(points)
            variables = [weight.value for weight in self.layer.trainable_weights]
            with tf.GradientTape() as tape:
                tape.watch(points)
                outputs = function(points)
                total = tf.add_n([tf.reduce_sum(tf.square(output)) for output in outputs])
            return tape.gradient(total, [points, *variables])

        if mode != "eager":
            program = tf.function(program, jit_compile=mode == "xla", autograph=False)
        return lambda: tf.nest.flatten(program(self.points))[0].numpy()


def timed(call) -> tuple[float, float]:
    """Return wall-clock and CPU seconds of a call."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def measure(contest: Contest, keys: list, rounds: int, mode: str) -> dict:
    """Return, for each (name, gradients), seconds of the first call and minima of the rounds."""
    programs = {key: contest.program(*key, mode) for key in keys}
    first = {key: timed(program) for key, program in programs.items()}
    runs = {key: [] for key in programs}
    for _ in range(rounds):
        for key, program in programs.items():
            runs[key].append(timed(program))
    return {
        key: {
            "first": first[key],
            "wall": min(wall for wall, _ in found),
            "cpu": min(processor for _, processor in found),
        }
        for key, found in runs.items()
    }


def peak_memory() -> int:
    """Return the peak resident memory of this process, in bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell the peak memory of a process.")


def growth(case: str, name: str, gradients: bool, draws: int) -> float:
    """Return by how many MB a first call raises the peak memory of a process, less compiling."""
    found = []
    for points in (draws, 16):
        question = json.dumps([case, name, gradients])
        command = [sys.executable, __file__, "--draws", str(points), "--one", question]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        found.append(float(done.stdout))
    return found[0] - found[1]


def one(case: str, name: str, gradients: bool, draws: int) -> None:
    """Print by how many MB a first call raises the peak memory."""
    program = Contest(*CASES[case], draws).program(name, gradients)
    before = peak_memory()
    program()
    print((peak_memory() - before) / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--case", action="append", help="part of a case's name")
    parser.add_argument("--passes", action="store_true", help="time one evaluation per coordinate")
    parser.add_argument("--gradients", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--mode", choices=["xla", "graph", "eager"], default="xla")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(*json.loads(options.one), options.draws)
        return
    names = ["density", "sweep", *(["passes"] if options.passes else [])]
    keys = [(name, False) for name in names]
    keys += [(name, True) for name in names] if options.gradients else []
    for case, arguments in CASES.items():
        if options.case and not any(part in case for part in options.case):
            continue
        found = measure(Contest(*arguments, options.draws), keys, options.rounds, options.mode)
        print(f"{case}; {options.draws} draws, {options.mode}")
        for (name, gradients), value in found.items():
            base = found["density", gradients]
            text = (
                f"  {name + (', gradients' if gradients else ''):20s}"
                f"{value['wall'] * 1e3:9.1f} ms ({value['cpu'] * 1e3:9.1f})"
                f"{value['wall'] / base['wall']:8.2f} x ({value['cpu'] / base['cpu']:6.2f} x)"
                f"   first call {value['first'][0]:5.1f} s ({value['first'][1]:5.1f})"
            )
            if options.memory:
                text += f"   {growth(case, name, gradients, options.draws):8.1f} MB"
            print(text, flush=True)


if __name__ == "__main__":
    main()
