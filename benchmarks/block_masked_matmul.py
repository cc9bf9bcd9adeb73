"""What it saves to leave out the block of zeros of masked kernels.

Units are sorted by degree, so that those of low degree never see those of high degree, and a fourth
of the products of a wide layer is by zeros. For the jobs of the table, with the layers whole and
with their halves apart, as wide networks have them: the share of the products that is left,
milliseconds of a training step's products (forward and backward, compiled by XLA) and of the
products of a density of 10,000 rows (TensorFlow's own operations), of all layers.

    python benchmarks/block_masked_matmul.py
"""

import itertools
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from jobs import JOBS, POINTS

from tfflows.conditioners import block_masked_matmul
from tfflows.conditioners.block_masked_matmul import BlockMaskedMatmul, best_cut
from tfflows.conditioners.masks import make_masks, resolve_hidden_degrees


def products_of(job, cut: bool) -> list:
    """Return the products of one layer's network, whole or by halves, whatever its width."""
    degrees = tuple(range(1, job.dimensions + 1))
    hidden = resolve_hidden_degrees("equal", job.hidden, job.dimensions)
    masks = make_masks(degrees, hidden, job.parameters)
    outputs = np.repeat(degrees, job.parameters).tolist()
    pairs = list(itertools.pairwise([degrees, *hidden, tuple(outputs)]))
    cuts = best_cut(pairs) if cut else [None] * (len(masks) + 1)
    return [
        BlockMaskedMatmul(mask, *rows_and_columns, first=k == 0)
        for k, (mask, rows_and_columns) in enumerate(
            zip(masks, itertools.pairwise(cuts), strict=True)
        )
    ]


def size_of(product) -> int:
    """Return how many entries of the kernel are multiplied."""
    return sum(int(np.prod(block.shape)) for block in product.blocks)


def run(job, cut: bool, rounds: int = 8) -> tuple[float, float, float]:
    """Return the share of the products, and milliseconds of a step and of a density."""
    products = products_of(job, cut)
    random = np.random.default_rng(0)
    kernels = [
        [
            [
                tf.Variable(0.05 * random.normal(size=block.shape).astype("float32"))
                for block in product.blocks
            ]
            for product in products
        ]
        for _ in range(job.layers)
    ]

    def density(x):
        total = 0.0
        for layer in kernels:
            h = [x]
            for index, kernel in enumerate(layer):
                h = products[index]([tf.nn.relu(part) for part in h] if index else h, kernel)
            h = tf.reshape(tf.concat(h, -1), [-1, job.dimensions, job.parameters])
            total += tf.reduce_sum(tf.tanh(h[..., 0]), -1)
            x = x * tf.exp(tf.tanh(h[..., 0])) + h[..., 1]
        return total + tf.reduce_sum(x * x, -1)

    flat = tf.nest.flatten(kernels)

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
    whole = sum(product.mask.size for product in products)
    return sum(map(size_of, products)) / whole, *times


def main() -> None:
    # The width from which networks are cut by themselves is what is to be found out here.
    block_masked_matmul._WIDE = 1
    print("| job | layers | share of the products | training step, ms | 10k log_prob, ms |")
    print("| --- | --- | --- | --- | --- |")
    for name in ("nsf8", "maf21", "maf63"):
        for cut in (False, True):
            share, step, score = run(JOBS[name], cut)
            how = "in halves" if cut else "whole"
            print(f"| {name} | {how} | {share:.2f} | {step:.2f} | {score:.1f} |", flush=True)


if __name__ == "__main__":
    main()
