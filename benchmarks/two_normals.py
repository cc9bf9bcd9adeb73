"""Fit every kind of flow to a mixture of two normal distributions, without data.

The target is 0.5 N((1, 1), I) + 0.5 N((-2, -2), I), normalized, so that the divergence is known to
be zero at best. Each flow has three layers and is fitted by the reverse Kullback-Leibler divergence
in 2,000 steps of 128 draws, with Adam and a rate that falls to zero by a cosine. The figure is the
mean of log q - log p over 100,000 fresh draws, with its standard error. A reflection of a standard
normal distribution is one: the Householder layers stand over a trainable diagonal normal, and that
normal alone stands beside them. The rates were chosen by the loss of the last steps of training.

The second table is of N((5, 5), I), by affine couplings: one moves one of two coordinates, and
cannot get below 25 / 2; two of them, or one over a shift and a scale, can.

    python benchmarks/two_normals.py                 # all fits; writes results/two_normals.json
    python benchmarks/two_normals.py --only IAF      # prints
"""

import argparse
import json
import pathlib
import time

import keras
import numpy as np
from tensorflow_probability import distributions as tfd

import tfflows
from tfflows import layers, losses, univariates

RESULTS = pathlib.Path(__file__).parent / "results" / "two_normals.json"
STEPS, DRAWS, FRESH = 2000, 128, 100_000
WIDTHS = (32, 32)

MIXTURE = tfd.MixtureSameFamily(
    tfd.Categorical(probs=[0.5, 0.5]),
    tfd.MultivariateNormalDiag(loc=[[1.0, 1.0], [-2.0, -2.0]], scale_diag=[[1.0, 1.0]] * 2),
)
FAR = tfd.MultivariateNormalDiag(loc=[5.0, 5.0])


def autoregressive(univariate):
    """Return a flow that samples in one pass."""
    return tfflows.AutoregressiveFlow(
        2, univariate=univariate, transforms=3, hidden_units=WIDTHS, inverse=True
    )


def normal(*, of=()):
    """Return layers over a normal distribution with trainable means and deviations."""
    return tfflows.Flow([*of, layers.Shift(), layers.Scale()], 2)


def mixed():
    """Return an affine coupling, a radial layer and an inverse autoregressive one."""
    return tfflows.Flow(
        [
            layers.Coupling(univariates.Affine(), hidden_units=WIDTHS),
            layers.Invert(layers.Radial()),
            layers.Invert(layers.MaskedAutoregressive(univariates.Affine(), hidden_units=WIDTHS)),
        ],
        2,
    )


#: A flow, and the rate it starts with.
FLOWS = {
    "diagonal normal": (normal, 1e-2),
    "Householder over it": (
        lambda: normal(of=[layers.Householder(count=3)]),
        1e-2,
    ),
    "planar": (lambda: tfflows.PlanarFlow(2, transforms=3, inverse=True), 1e-2),
    "radial": (lambda: tfflows.RadialFlow(2, transforms=3, inverse=True), 1e-2),
    "Sylvester": (lambda: tfflows.SylvesterFlow(2, transforms=3, inverse=True), 1e-2),
    "coupling, radial, IAF": (mixed, 5e-3),
    "affine coupling": (lambda: tfflows.RealNVP(2, transforms=3, hidden_units=WIDTHS), 5e-3),
    "IAF": (lambda: tfflows.IAF(2, transforms=3, hidden_units=WIDTHS), 5e-3),
    "polynomial": (lambda: autoregressive(univariates.SumOfSquares()), 5e-3),
    "NAF": (lambda: autoregressive(univariates.DeepSigmoidal()), 5e-3),
    "continuous": (lambda: tfflows.CNF(2, hidden_units=WIDTHS), 5e-3),
    "spline coupling": (
        lambda: tfflows.CouplingNSF(2, transforms=3, hidden_units=WIDTHS, bound=8.0),
        5e-3,
    ),
    "spline": (lambda: autoregressive(univariates.RationalQuadraticSpline(bound=8.0)), 5e-3),
}


def coupling(swap: bool = False):
    """Return an affine coupling, which moves one of two coordinates."""
    return layers.Coupling(univariates.Affine(), hidden_units=(8,), swap=swap)


FAR_FLOWS = {
    "one affine coupling": lambda: tfflows.Flow([coupling()], 2),
    "two, with a permutation between": lambda: tfflows.Flow(
        [coupling(), layers.Permute([1, 0]), coupling()], 2
    ),
    "one over a shift and a scale": lambda: normal(of=[coupling()]),
}


def fitted(make, rate: float, target, seed: int = 0) -> dict:
    """Fit a flow; return its divergence, the standard error and the seconds."""
    keras.utils.set_random_seed(seed)
    flow = make()
    falling = keras.optimizers.schedules.CosineDecay(rate, STEPS)
    flow.compile(
        keras.optimizers.Adam(falling, clipnorm=10.0), losses.ReverseKL(target.log_prob, DRAWS)
    )
    start = time.perf_counter()
    history = flow.fit(epochs=1, steps_per_epoch=STEPS, verbose=0, seed=seed)
    seconds = time.perf_counter() - start
    z, log_q = flow.sample_and_log_prob(FRESH, seed=1)
    gaps = np.asarray(log_q, "f8") - np.asarray(target.log_prob(z), "f8")
    return {
        "kl": float(gaps.mean()),
        "standard_error": float(gaps.std() / np.sqrt(len(gaps))),
        "last_steps": float(history.step_loss[-100:].mean()),
        "seconds": seconds,
    }


def main() -> None:
    """Fit all, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=[*FLOWS, *FAR_FLOWS])
    only = parser.parse_args().only
    fits: dict = {"two normals": {}, "far normal": {}}
    for name, (make, rate) in FLOWS.items():
        if only is None or name in only:
            found = fits["two normals"][name] = fitted(make, rate, MIXTURE)
            print(f"{name:32s} {found}", flush=True)
    for name, make in FAR_FLOWS.items():
        if only is None or name in only:
            found = fits["far normal"][name] = fitted(make, 5e-2, FAR)
            print(f"{name:32s} {found}", flush=True)
    if only is None:
        content = {"steps": STEPS, "draws": DRAWS, "fresh": FRESH, "fits": fits}
        RESULTS.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
