"""How exact and how fast every univariate family is.

    python benchmarks/families.py

Raw parameters are standard normal numbers, another set for each value; the values are spread over
[-7, 7] (over a circle where the family turns one), beyond the box of most families. Writes
``results/families.json`` and prints a table of the worst of 100,000 values:

- *round trip*: how far data -> latent -> data ends from where it started. In float32 an answer
  cannot be nearer than the rounding of the latent point allows, so there the error is divided by
  max(1, |x|, |z| / slope); in float64 it is not.
- *log-det*: the difference from the logarithm of the slope by automatic differentiation, over
  max(1, |log-det|), the worse of both directions. In float32 the slope of data -> latent is
  that by float32 or that by float64, whichever is nearer.
- *residual*: how far the latent point of the answer of latent -> data is from the one asked for,
  over max(1, |z|, slope (1 + |x|)), be the answer from a root search or from a formula.
- *time*: seconds per million values of the compiled map in float32, values with log-dets, each
  value with parameters of its own, on all cores.
"""

import argparse
import json
import math
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import numpy as np  # noqa: E402
import report  # noqa: E402
import tensorflow as tf  # noqa: E402
from fits import best_seconds  # noqa: E402

from tfflows import univariates  # noqa: E402

RESULTS = HERE / "results"
ROWS, DIMENSIONS = 20_000, 5


def bend(x, raw):
    """Return an increasing function of a user."""
    slope, bent = (tf.exp(2.0 * tf.tanh(raw[..., i] / 2.0)) for i in (0, 1))
    return slope * x + bent * tf.tanh(x + raw[..., 2])


def families() -> dict:
    """Return every family, its default and its variants, by name."""
    spline = univariates.RationalQuadraticSpline
    found = {
        name: getattr(univariates, name)()
        for name in univariates.__all__
        if name not in ("Univariate", "Monotone")
    }
    found |= {
        "RationalQuadraticSpline, learned": spline(boundary="learned"),
        "RationalQuadraticSpline, circular": spline(bound=math.pi, boundary="circular"),
        "Bernstein, bounded": univariates.Bernstein(bounded=True),
        "Gaussianization, normal": univariates.Gaussianization(kernel="normal"),
        "Monotone": univariates.Monotone(bend, 3),
    }
    return dict(sorted(found.items()))


def both(bijector, direction, values):
    """Return values and elementwise log-determinants of a direction."""
    log_det = getattr(bijector, f"{direction}_log_det_jacobian")(values, event_ndims=0)
    return getattr(bijector, direction)(values), log_det


def exactness(family, dtype: str) -> dict:
    """Return the worst errors in one type of numbers."""
    rng = np.random.default_rng(0)
    shape = [ROWS, DIMENSIONS]
    raw = tf.constant(rng.normal(size=[*shape, family.parameter_size]), dtype)
    reach = 7.0 if family.period is None else 0.499 * family.period
    x = tf.constant(rng.uniform(-reach, reach, size=shape), dtype)

    def differentiated(direction):
        @tf.function
        def run(values, raw):
            with tf.GradientTape() as tape:
                tape.watch(values)
                result, log_det = both(family.bijector(raw), direction, values)
            return result, log_det, tape.gradient(result, values)

        return run

    z, log_slope, slope = differentiated("inverse")(x, raw)
    back, forward, shrink = differentiated("forward")(tf.identity(z), raw)
    # In float32 a log-det is wrong where it agrees with neither type's slope: where a map is nearly
    # flat, differentiation in float32 subtracts large terms; where it bends within a few roundings
    # of x, float64 has the slope of another place.
    references = [slope]
    if dtype == "float32":
        wide = (tf.cast(x, "float64"), tf.cast(raw, "float64"))
        references.append(differentiated("inverse")(*wide)[2])

    def off(log_det, *slopes):
        gaps = [np.abs(np.log(np.float64(auto)) - np.float64(log_det)) for auto in slopes]
        return float((np.min(gaps, 0) / np.maximum(1.0, np.abs(log_det))).max())

    log_det_error = max(off(log_slope, *references), off(forward, shrink))

    def apart(one, other):
        gap = np.abs(np.float64(one) - np.float64(other))
        turn = family.period
        return gap if turn is None else np.minimum(gap, np.abs(gap - turn))

    error = apart(back, x)
    single = dtype == "float32"
    if single:
        error /= np.maximum(1.0, np.maximum(np.abs(x), np.abs(z) / slope))
    found = {"round_trip": float(error.max()), "log_det": log_det_error}
    again, _ = both(family.bijector(raw), "inverse", tf.identity(back))
    scale = np.maximum(1.0, np.maximum(np.abs(z), slope * (1.0 + np.abs(x))))
    found["residual"] = float((apart(again, z) / scale).max())
    return found


def speed(family) -> dict:
    """Return the seconds per million values of both directions."""
    rng = np.random.default_rng(1)
    shape = [ROWS, DIMENSIONS]
    raw = tf.constant(rng.normal(size=[*shape, family.parameter_size]).astype("float32"))
    reach = 5.0 if family.period is None else 0.499 * family.period
    values = tf.constant(rng.uniform(-reach, reach, size=shape).astype("float32"))
    found = {}
    for direction in ("inverse", "forward"):

        @tf.function(jit_compile=True)
        def run(values, raw, direction=direction):
            return both(family.bijector(raw), direction, values)

        seconds = best_seconds(lambda run=run, values=values: run(values, raw)[0])
        found[direction] = 1e6 * seconds / math.prod(shape)
        values = run(values, raw)[0]
    return found


def table(rows: dict) -> str:
    """Return the numbers as a markdown table."""
    head = ["family", "P", "round trip 64", "32", "log-det 64", "32"]
    head += ["residual 64", "32", "data → latent, s", "latent → data, s"]

    lines = []
    for name, row in rows.items():
        cells = [
            f"{row[dtype][kind]:.0e}"
            for kind in ("round_trip", "log_det", "residual")
            for dtype in ("float64", "float32")
        ]
        times = [f"{row['seconds'][way]:.2f}" for way in ("inverse", "forward")]
        lines.append([name, str(row["parameter_size"]), *cells, *times])
    return report.markdown(head, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", help="these families; nothing is written")
    arguments = parser.parse_args()
    rows = {}
    for name, family in families().items():
        if arguments.only and name not in arguments.only:
            continue
        family.build((DIMENSIONS,))
        rows[name] = {
            "parameter_size": family.parameter_size,
            **{dtype: exactness(family, dtype) for dtype in ("float64", "float32")},
            "seconds": speed(family),
        }
        print(name, json.dumps(rows[name]), flush=True)
    print(f"\n{table(rows)}")
    if not arguments.only:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "families.json").write_text(json.dumps(rows, indent=1) + "\n")
        report.update_readme(HERE / "README.md", families=table(rows))


if __name__ == "__main__":
    main()
