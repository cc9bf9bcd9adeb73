"""Whether it pays to leave out the blocks of zeros of masked kernels.

Units are sorted by degree, so that a mask is nearly triangular and up to half of the products are
by zeros. Cut into column blocks, each multiplied only over the rows that the mask leaves it, the
products shrink; but slices and joints are copies, and smaller products run at a lower rate. For
each number of blocks: milliseconds of a training step's products (forward and backward, compiled by
XLA) and of the products of a density of 10,000 rows (TensorFlow's own operations), of all layers.

    python benchmarks/blocks.py
"""

import itertools
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from jobs import JOBS, POINTS

from tfflows.conditioners.masks import make_masks, resolve_hidden_degrees


def cut(mask: np.ndarray, count: int) -> list:
    """Return column blocks, each with the range of rows it needs."""
    edges = [mask.shape[1] * index // count for index in range(count + 1)]
    found = []
    for first, last in itertools.pairwise(edges):
        rows = np.flatnonzero(mask[:, first:last].any(axis=1))
        start, stop = (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, 0)
        found.append((slice(start, stop), slice(first, last)))
    return found


class Product:
    """``x @ (kernel * mask)`` by blocks, with the two products of its gradient."""

    def __init__(self, mask: np.ndarray, count: int):
        self.mask = mask
        self.by_columns = cut(mask, count)
        self.by_rows = [(columns, rows) for rows, columns in cut(mask.T, count)]
        area = sum((r.stop - r.start) * (c.stop - c.start) for r, c in self.by_columns)
        self.share = area / mask.size

    def entries(self, kernel, rows, columns):
        return kernel[rows, columns] * tf.constant(self.mask[rows, columns])

    def __call__(self, x, kernel):
        @tf.custom_gradient
        def product(x, kernel):
            def gradient(upstream):
                to_x = [
                    tf.linalg.matmul(upstream[:, c], self.entries(kernel, r, c), transpose_b=True)
                    for r, c in self.by_rows
                ]
                to_kernel = []
                for r, c in self.by_columns:
                    part = tf.linalg.matmul(x[:, r], upstream[:, c], transpose_a=True)
                    part *= tf.constant(self.mask[r, c])
                    around = [r.start, self.mask.shape[0] - r.stop]
                    to_kernel.append(tf.pad(part, [around, [0, 0]]))
                return tf.concat(to_x, 1), tf.concat(to_kernel, 1)

            parts = [x[:, r] @ self.entries(kernel, r, c) for r, c in self.by_columns]
            return tf.concat(parts, 1), gradient

        return product(x, kernel)


def whole(mask):
    """Return the product as one."""
    constant = tf.constant(mask)
    return lambda x, kernel: x @ (kernel * constant)


def run(job, count: int, rounds: int = 8) -> tuple[float, float, float]:
    """Return the share of the products, and milliseconds of a step and of a density."""
    degrees = tuple(range(1, job.dimensions + 1))
    hidden = resolve_hidden_degrees("equal", job.hidden, job.dimensions)
    masks = make_masks(degrees, hidden, 2)
    products = [whole(mask) if count == 1 else Product(mask, count) for mask in masks]
    random = np.random.default_rng(0)
    kernels = [
        [tf.Variable(0.05 * random.normal(size=m.shape).astype("float32")) for m in masks]
        for _ in range(job.layers)
    ]

    def density(x):
        total = 0.0
        for layer in kernels:
            h = x
            for index, kernel in enumerate(layer):
                h = products[index](tf.nn.relu(h) if index else h, kernel)
            h = tf.reshape(h, [-1, job.dimensions, 2])
            total += tf.reduce_sum(tf.tanh(h[..., 0]), -1)
            x = x * tf.exp(tf.tanh(h[..., 0])) + h[..., 1]
        return total + tf.reduce_sum(x * x, -1)

    flat = [kernel for layer in kernels for kernel in layer]

    @tf.function(jit_compile=True, autograph=False)
    def steps(x, count):
        def body(step, _):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(density(x))
            for kernel, gradient in zip(flat, tape.gradient(loss, flat), strict=True):
                kernel.assign_sub(1e-9 * gradient)
            return step + 1, loss

        return tf.while_loop(lambda step, _: step < count, body, (tf.constant(0), 0.0))[1]

    score = tf.function(density, autograph=False)
    draw = random.normal(size=(POINTS, job.dimensions)).astype("float32")
    rows, batch = tf.constant(draw), tf.constant(draw[: job.batch])
    times = []
    for call, per in ((lambda: steps(batch, tf.constant(20)), 20), (lambda: score(rows), 1)):
        call()
        best = np.inf
        for _ in range(rounds):
            start = time.perf_counter()
            call().numpy()
            best = min(best, (time.perf_counter() - start) / per)
        times.append(1e3 * best)
    areas = 1.0
    if count > 1:
        areas = sum(p.share * p.mask.size for p in products) / sum(m.size for m in masks)
    return areas, *times


def main() -> None:
    print("| job | blocks | share of the products | training step, ms | 10k log_prob, ms |")
    print("| --- | --- | --- | --- | --- |")
    for name in ("maf21", "maf63"):
        for count in (1, 2, 4, 8):
            share, step, score = run(JOBS[name], count)
            print(f"| {name} | {count} | {share:.2f} | {step:.2f} | {score:.1f} |", flush=True)


if __name__ == "__main__":
    main()
