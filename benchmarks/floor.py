"""How fast the machine multiplies and copies, and the least time that a job can take on it.

    python benchmarks/floor.py            measures the machine and prints JSON

The floor of a job is the larger of two times: its multiplications by weights that no mask removes,
at the best rate of any product measured, and the bytes it cannot but move, at the measured rate of
copying that much. Activation functions, splines and the dispatch of operations come on top of it.
"""

import itertools
import json
import os
import sys
import threading
import time

import numpy as np

__all__ = ["calibrate", "floors", "mask_counts"]

_SHAPES = ((256, 256), (256, 512), (10_000, 128), (10_000, 256), (10_000, 512), (2048, 2048))
_MEBIBYTES = (1, 4, 16, 64, 256, 512)


def calibrate(seconds: float = 0.5, rounds: int = 3) -> dict:
    """Measure products in GFLOP/s and copies in GB/s; needs TensorFlow.

    Parameters
    ----------
    seconds : float
        Length of one measurement.
    rounds : int
        Measurements of each size, of which the best counts.
    """
    return {
        "gemm_gflops": _products(seconds, rounds),
        "copy_gb_per_s": {str(m): _copy(m * 2**20, seconds, rounds) for m in _MEBIBYTES},
    }


def _products(seconds, rounds) -> dict:
    import tensorflow as tf

    def loop(a, b, count):
        # Each product takes the last one, so that none can be left out.
        return tf.while_loop(lambda i, a: i < count, lambda i, a: (i + 1, a @ b), (0, a))[1]

    programs = {
        "XLA": tf.function(loop, jit_compile=True, autograph=False),
        "TensorFlow": tf.function(loop, autograph=False),
    }
    rates = {}
    random = np.random.default_rng(0)
    for rows, width in _SHAPES:
        a = tf.constant(random.normal(size=(rows, width)), tf.float32)
        # An orthogonal matrix keeps the numbers at their size.
        b = tf.constant(np.linalg.qr(random.normal(size=(width, width)))[0], tf.float32)
        operations = 2 * rows * width * width
        for name, program in programs.items():
            count = tf.constant(2)
            program(a, b, count)
            taken = _time(lambda p=program, a=a, b=b, c=count: p(a, b, c).numpy()) / 2
            count = tf.constant(max(int(seconds / taken), 2))
            best = min(
                _time(lambda p=program, a=a, b=b, c=count: p(a, b, c).numpy())
                for _ in range(rounds)
            )
            rates[f"{name} {rows}x{width}x{width}"] = operations * int(count) / best / 1e9
    return rates


def _copy(size, seconds, rounds) -> float:
    """Copy arrays of `size` bytes in all on all cores; bytes read and written both count."""
    threads = os.cpu_count() or 1
    share = size // threads
    parts = [(np.ones(share, np.uint8), np.empty(share, np.uint8)) for _ in range(threads)]

    def run(count):
        def work(source, target):
            for _ in range(count):
                np.copyto(target, source)

        workers = [threading.Thread(target=work, args=part) for part in parts]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    run(1)
    count = max(int(seconds / _time(lambda: run(1))), 1)
    best = min(_time(lambda: run(count)) for _ in range(rounds))
    return 2 * size * count / best / 1e9


def _time(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def mask_counts(job) -> list:
    """Return ``(used, all)`` weights of each kernel of one autoregressive layer of a job."""
    size = job.dimensions
    degrees = [np.arange(1, size + 1)]
    degrees += [1 + np.arange(width) * (size - 1) // width for width in job.hidden]
    kernels = [
        (int((right[None, :] >= left[:, None]).sum()), len(left) * len(right))
        for left, right in itertools.pairwise(degrees)
    ]
    used = int((degrees[0][None, :] > degrees[-1][:, None]).sum())
    kernels.append((used * job.parameters, job.hidden[-1] * size * job.parameters))
    return kernels


def floors(job, count: int, calibration: dict) -> dict:
    """Return the least seconds for a training step and for scoring and drawing `count` rows.

    Parameters
    ----------
    job : Job
        The flow.
    count : int
        Rows to score and to draw.
    calibration : dict
        From `calibrate`.

    Returns
    -------
    dict
        For "train", "log_prob" and "sample": seconds of the floor, of its two parts, and of all
        products where masks save none.
    """
    rate = max(calibration["gemm_gflops"].values()) * 1e9
    kernels = mask_counts(job)
    used = job.layers * sum(k[0] for k in kernels)
    dense = job.layers * sum(k[1] for k in kernels)
    size = job.dimensions
    outputs = sum(job.hidden) + size * job.parameters
    # The data need no gradient, so the layer next to them saves one product.
    steps = 6 * job.batch * used - 2 * job.batch * kernels[0][0]
    dense_steps = 6 * job.batch * dense - 2 * job.batch * kernels[0][1]
    # Weights: read forward and backward; gradient: written; Adam: four read, three written.
    moved = 4 * (10 * used + 2 * job.batch * job.layers * outputs)
    found = {
        "train": _floor(steps, dense_steps, moved, 16 * used, rate, calibration),
    }
    for what in ("log_prob", "sample"):
        moved = 4 * (used + count * (size + 1))
        found[what] = _floor(2 * count * used, 2 * count * dense, moved, moved, rate, calibration)
    return found


def _floor(operations, dense, moved, held, rate, calibration):
    sizes = sorted((int(m) * 2**20, r) for m, r in calibration["copy_gb_per_s"].items())
    copy = next((r for size, r in sizes if size >= held), sizes[-1][1]) * 1e9
    return {
        "seconds": max(operations / rate, moved / copy),
        "products_s": operations / rate,
        "bytes_s": moved / copy,
        "dense_products_s": dense / rate,
    }


if __name__ == "__main__":
    json.dump(calibrate(), sys.stdout, indent=1)
    print()
