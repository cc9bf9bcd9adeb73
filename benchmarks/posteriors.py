"""Posterior moments of fitted flows against long runs of the No-U-Turn sampler.

Four posteriors:

- eight schools, centered, with the priors of the Inference Gym (`EightSchools`);
- a logistic regression with standard normal priors on scikit-learn's breast cancer data (569 rows,
  30 standardized columns and an intercept);
- Brownian motion with both scales unknown and ten of thirty observations missing (the Inference
  Gym's `BrownianMotionUnknownScalesMissingMiddleObservations`, with its data);
- a quartic measurement, whose posterior is a thin closed curve (its
  `NonIdentifiableQuarticMeasurementModel`).

Each is a joint distribution of TFP; `tfflows.variational.surrogate_for` makes the flow, fitted by
`tfflows.losses.ReverseKL` with path gradients and a rate that falls to zero by a cosine; for the
closed curve the target begins flat. Rates and steps are such that Adam, which moves a weight by
about its rate in a step, can reach the posterior from the origin; they were chosen by the ELBO. The
table has, over all unconstrained parameters, the largest difference of means in posterior standard
deviations and the largest relative difference of standard deviations: of 100,000 draws of the flow
as they are, and weighted by their importance. The effective size of the weights is a share of the
draws. log Z is that of importance sampling. The reference is 64 chains of 1,000 steps after 500 of
adaptation; its own error is about the last column, the largest Monte Carlo error of a mean.

    python benchmarks/posteriors.py                 # all, results/posteriors.json and README.md
    python benchmarks/posteriors.py --only schools  # one; the other rows stay
"""

import argparse
import json
import math
import pathlib
import time

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from report import update_readme
from sklearn.datasets import load_breast_cancer
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import importance, losses, variational

FOLDER = pathlib.Path(__file__).parent
RESULTS = FOLDER / "results" / "posteriors.json"
README = FOLDER / "README.md"

CHAINS, ADAPTATION, STEPS, DRAWS = 64, 500, 1000, 100_000
MISSING = [math.nan] * 10
# fmt: off
BROWNIAN = np.array([
    0.21592641, 0.118771404, -0.07945447, 0.037677474, -0.27885845, -0.1484156, -0.3250906,
    -0.22957903, -0.44110894, -0.09830782, *MISSING, -0.8786016, -0.83736074, -0.7384849,
    -0.8939254, -0.7774566, -0.70238715, -0.87771565, -0.51853573, -0.6948214, -0.6202789,
], np.float32)
# fmt: on


def schools():
    effects = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0]
    errors = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0]

    @tfd.JointDistributionCoroutineAutoBatched
    def model():
        mean = yield tfd.Normal(0.0, 10.0, name="mean")
        log_scale = yield tfd.Normal(5.0, 1.0, name="log_scale")
        each = yield tfd.Sample(tfd.Normal(mean, tf.exp(log_scale)), 8, name="schools")
        yield tfd.Independent(tfd.Normal(each, errors), 1, name="effects")

    return model.experimental_pin(effects=effects)


def logistic():
    x, y = load_breast_cancer(return_X_y=True)
    x = (x - x.mean(0)) / x.std(0)
    x = tf.constant(np.concatenate([x, np.ones([len(x), 1])], 1), tf.float32)

    def likelihood(weights):
        return tfd.Independent(
            tfd.Bernoulli(logits=tf.matmul(weights[..., None, :], x, transpose_b=True)[..., 0, :]),
            1,
        )

    model = tfd.JointDistributionNamed(
        {"weights": tfd.Sample(tfd.Normal(0.0, 1.0), 31), "labels": likelihood}
    )
    return model.experimental_pin(labels=y)


def brownian():
    seen = np.flatnonzero(np.isfinite(BROWNIAN))

    def path(step):
        covariance = np.minimum.outer(np.arange(1.0, 31.0), np.arange(1.0, 31.0))
        factor = tf.constant(np.linalg.cholesky(covariance), tf.float32)
        return tfd.MultivariateNormalTriL(scale_tril=step[..., None, None] * factor)

    def observed(path, noise):
        return tfd.Independent(tfd.Normal(tf.gather(path, seen, axis=-1), noise[..., None]), 1)

    model = tfd.JointDistributionNamed(
        {
            "step": tfd.LogNormal(0.0, 2.0),
            "noise": tfd.LogNormal(0.0, 2.0),
            "path": path,
            "observed": observed,
        }
    )
    return model.experimental_pin(observed=BROWNIAN[seen])


def quartic():
    def measured(theta):
        first, second = tf.unstack(theta, axis=-1)
        return tfd.Normal(second**2 + 3.0 * first**2 * (first**2 - 1.0), 0.1)

    model = tfd.JointDistributionNamed(
        {"theta": tfd.Sample(tfd.Normal(0.0, 1.0), 2), "y": measured}
    )
    return model.experimental_pin(y=1.0)


COUPLINGS = {"flow": tfflows.CouplingNSF, "transforms": 4, "hidden_units": (32, 32)}
FINE = {"flow": tfflows.CouplingNSF, "transforms": 6, "hidden_units": (64, 64), "bins": 16}
IAF = {"flow": tfflows.IAF, "transforms": 3, "hidden_units": (64, 64)}
WIDE = {"flow": tfflows.IAF, "transforms": 4, "hidden_units": (128, 128)}
# The posterior, the arguments of the surrogate, the rate, steps and draws in each.
POSTERIORS = {
    "schools": (schools, IAF, 2e-2, 2000, 128),
    "logistic": (logistic, COUPLINGS, 5e-3, 2000, 128),
    "brownian": (brownian, WIDE, 5e-3, 8000, 128),
    "quartic": (quartic, FINE, 5e-3, 5000, 256),
}


def fitted(name: str):
    """Return the surrogate of a posterior, and the seconds of its fit."""
    make, options, rate, steps, samples = POSTERIORS[name]
    keras.utils.set_random_seed(0)
    surrogate = variational.surrogate_for(make(), **options)
    falling = keras.optimizers.schedules.CosineDecay(rate, steps)
    rising = keras.optimizers.schedules.PolynomialDecay(0.05, steps // 2, 1.0)
    loss = losses.ReverseKL(
        surrogate.target_log_prob,
        samples=samples,
        gradient="path",
        # From a flat target, so that no flow settles in the first mode that it meets.
        annealing=losses.Annealing(rising) if name == "quartic" else None,
    )
    surrogate.flow.compile(keras.optimizers.Adam(falling, clipnorm=100.0), loss=loss)
    begin = time.perf_counter()
    surrogate.flow.fit(epochs=1, steps_per_epoch=steps, verbose=0, seed=0)
    return surrogate, time.perf_counter() - begin


def reference(surrogate):
    """Return states of NUTS ``[STEPS, CHAINS, D]``, and the seconds that they took."""
    kernel = tfp.mcmc.DualAveragingStepSizeAdaptation(
        tfp.mcmc.NoUTurnSampler(surrogate.target_log_prob, 0.1, max_tree_depth=8),
        ADAPTATION,
        0.9,
    )

    @tf.function(autograph=False, jit_compile=True)
    def chains(start):
        return tfp.mcmc.sample_chain(
            STEPS, start, kernel=kernel, num_burnin_steps=ADAPTATION, trace_fn=None, seed=(0, 1)
        )

    begin = time.perf_counter()
    # From the flow, wide: NUTS is to find the posterior by itself.
    z = surrogate.flow.sample(1000, seed=3).numpy()
    start = z.mean(0) + 2.0 * (z[:CHAINS] - z.mean(0))
    states = chains(tf.constant(start)).numpy()
    return states.astype("float64"), time.perf_counter() - begin


def moments(z, weights=None) -> tuple:
    mean = np.average(z, 0, weights)
    return mean, np.average((z - mean) ** 2, 0, weights) ** 0.5


def measured(name: str) -> dict:
    surrogate, fit = fitted(name)
    print(f"{name}: fitted in {fit:.0f} s", flush=True)
    z, log_q = (part.numpy() for part in surrogate.flow.sample_and_log_prob(DRAWS, seed=1))
    parts = [surrogate.target_log_prob(part).numpy() for part in np.split(z, 10)]
    log_w = np.concatenate(parts).astype("float64") - log_q
    weights = np.exp(log_w - log_w.max())
    z = z.astype("float64")
    states, seconds = reference(surrogate)
    flat = states.reshape(-1, states.shape[-1])
    sizes = tfp.mcmc.effective_sample_size(
        states.astype("float32"), cross_chain_dims=1, filter_beyond_positive_pairs=True
    )
    mean, scale = moments(flat)
    found = {
        "posterior": name,
        "dimensions": z.shape[1],
        "fit seconds": fit,
        "NUTS seconds": seconds,
        "ELBO": float(log_w.mean()),
        "log Z": float(importance.log_normalizer(log_w)[0]),
        "effective": float(importance.effective_sample_size(log_w)),
        "NUTS error": float(np.max(1.0 / np.sqrt(sizes))),
    }
    for kind, given in (("flow", None), ("weighted", weights)):
        of_flow = moments(z, given)
        found[f"{kind} mean"] = float(np.max(np.abs(of_flow[0] - mean) / scale))
        found[f"{kind} sd"] = float(np.max(np.abs(of_flow[1] / scale - 1.0)))
    print(json.dumps(found), flush=True)
    return found


def table(rows: list) -> str:
    lines = [
        "| posterior | D | mean | sd | mean, weighted | sd, weighted | effective | ELBO | log Z | "
        "fit, s | NUTS, s | NUTS error |",
        "| --- " * 12 + "|",
    ]
    for found in rows:
        lines.append(
            f"| {found['posterior']} | {found['dimensions']} | {found['flow mean']:.3f} | "
            f"{100 * found['flow sd']:.1f} % | {found['weighted mean']:.3f} | "
            f"{100 * found['weighted sd']:.1f} % | {100 * found['effective']:.0f} % | "
            f"{found['ELBO']:.2f} | {found['log Z']:.2f} | {found['fit seconds']:.0f} | "
            f"{found['NUTS seconds']:.0f} | {found['NUTS error']:.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=POSTERIORS, default=list(POSTERIORS))
    arguments = parser.parse_args()
    rows = [measured(name) for name in arguments.only]
    # Those of other posteriors stay as they are.
    known = json.loads(RESULTS.read_text("utf-8"))["rows"] if RESULTS.exists() else []
    rows += [found for found in known if found["posterior"] not in arguments.only]
    rows.sort(key=lambda found: list(POSTERIORS).index(found["posterior"]))
    content = {"chains": CHAINS, "steps": STEPS, "draws": DRAWS, "rows": rows}
    RESULTS.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    update_readme(README, posteriors=table(rows))


if __name__ == "__main__":
    main()
