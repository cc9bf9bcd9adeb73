"""Lines that compare what the model draws with the data, and latent data with the base."""

import math

import numpy as np

from tfflows.diagnostics import two_sample
from tfflows.diagnostics.report import CheckResult

__all__ = ["classifier", "energy_distance", "latent_joint", "latent_marginals", "marginals"]

_ENERGY_ROWS = 1000
_FEWEST = 20
_NO_ROWS = f"fewer than {_FEWEST} rows with a finite density"

_FIT = (
    "The model does not describe these data. If train_gap is good, train longer, or give it more "
    "transforms, units or bins; if not, it has learned its training rows by heart. Are these data "
    "of the kind it was fitted to, in the same units?"
)


def latent_marginals(inputs) -> CheckResult:
    """Compare each latent coordinate of the data with that of the base."""
    name = "latent_marginals"
    good = "Kolmogorov distance of a latent coordinate from that of the base: largest"
    if inputs.decomposition.base is None:
        return CheckResult.skipped(name, good, inputs.why_no_latent)
    if len(inputs.x) < _FEWEST:
        return CheckResult.skipped(name, good, _NO_ROWS)
    base = _base_draws(inputs, len(inputs.x), name)
    return _marginal_line(inputs, name, good, inputs.latent, base, "latent coordinate")


def marginals(inputs) -> CheckResult:
    """Compare each coordinate of the data with that of draws."""
    good = "Kolmogorov distance between data and draws, of one coordinate: largest"
    a, b = _pairs(inputs)
    if len(a) < _FEWEST:
        return CheckResult.skipped("marginals", good, _NO_ROWS)
    return _marginal_line(inputs, "marginals", good, a, b, "coordinate")


def _marginal_line(inputs, name, good, a, b, what) -> CheckResult:
    distance = two_sample.kolmogorov_two_samples(a, b)
    worst = int(distance.argmax())
    columns = len(distance)
    margin = two_sample.kolmogorov_margin(inputs.alpha, columns, len(a), len(b))
    return CheckResult(
        name,
        float(distance[worst]),
        inputs.tolerance + margin,
        good,
        f"The tolerance {inputs.tolerance:g}, and {margin:.2g} that chance adds with {len(a)} rows "
        f"and {columns} coordinates (by the inequality of Dvoretzky, Kiefer, Wolfowitz and "
        f"Massart, with probability {inputs.alpha:.2g}).",
        _FIT,
        f"The worst is {what} {worst}.",
        p_value=two_sample.kolmogorov_p_value(
            distance[worst] - inputs.tolerance, columns, len(a), len(b)
        ),
    )


def latent_joint(inputs) -> CheckResult:
    """Compare latent points of the data with the base as a whole."""
    name = "latent_joint"
    good = "energy distance of latent points from the base, 0 (equal) to 1"
    if inputs.decomposition.base is None:
        return CheckResult.skipped(name, good, inputs.why_no_latent)
    if len(inputs.x) < _FEWEST:
        return CheckResult.skipped(name, good, _NO_ROWS)
    points = inputs.latent[inputs.some(_ENERGY_ROWS, name)]
    base = _base_draws(inputs, len(points), name)
    return _energy_line(inputs, name, good, points, base)


def energy_distance(inputs) -> CheckResult:
    """Compare the data with draws as a whole."""
    name = "energy_distance"
    good = "energy distance between data and draws, 0 (equal) to 1"
    a, b = _pairs(inputs)
    if len(a) < _FEWEST:
        return CheckResult.skipped(name, good, _NO_ROWS)
    chosen = inputs.random(name).choice(len(a), min(_ENERGY_ROWS, len(a)), replace=False)
    a, b = (part[chosen] / inputs.scale for part in (a, b))
    return _energy_line(inputs, name, good, a, b)


def _energy_line(inputs, name, good, a, b) -> CheckResult:
    value, chance = two_sample.energy_test(a, b, inputs.random(f"{name}: permutations"))
    margin, tolerance = float(chance.isf(inputs.alpha)), inputs.tolerance**2
    return CheckResult(
        name,
        value,
        tolerance + margin,
        good,
        f"{tolerance:.2g}, the square of the tolerance, which a shift of {2 * inputs.tolerance:g} "
        f"deviations makes of one variable, and {margin:.2g} that chance adds with {len(a)} rows "
        f"(permutations, with probability {inputs.alpha:.2g}).",
        _FIT,
        p_value=float(chance.sf(value - tolerance)),
    )


def classifier(inputs) -> CheckResult:
    """Let a classifier tell data from draws."""
    name = "classifier"
    good = "share of rows that a classifier puts right as data or draws; 0.5 is a coin"
    finite = np.isfinite(inputs.flat_drawn).all(1)
    a, b = inputs.flat[finite], inputs.flat_drawn[finite]
    if len(a) < 2 * _FEWEST:
        return CheckResult.skipped(name, good, _NO_ROWS)
    if inputs.context is not None:
        context = inputs.context[finite].reshape(len(a), -1)
        a, b = (np.concatenate([part, context], 1) for part in (a, b))
    accuracy, tested = two_sample.classifier_accuracy(a, b, inputs.random(name))
    from scipy.stats import norm

    # What chance lets one half learn from the other, it lets the other learn from it: the two
    # rounds are no more telling than one.
    deviation = 0.5 / math.sqrt(tested / 2)
    margin = float(norm.isf(inputs.alpha)) * deviation
    return CheckResult(
        name,
        accuracy,
        0.5 + inputs.tolerance + margin,
        good,
        f"A coin's 0.5, the tolerance {inputs.tolerance:g}, and {margin:.2g} that chance adds for "
        f"{tested} rows (with probability {inputs.alpha:.2g}).",
        _FIT,
        p_value=float(norm.sf((accuracy - 0.5 - inputs.tolerance) / deviation)),
    )


def _base_draws(inputs, count, purpose) -> np.ndarray:
    seed = int(inputs.random(f"{purpose}: base").integers(2**31 - 1))
    drawn = inputs.decomposition.base.sample(count, seed=(0, seed)).numpy()
    return drawn.reshape(count, -1).astype(np.float64)


def _pairs(inputs) -> tuple:
    """Return the rows and the finite draws as vectors."""
    drawn = inputs.flat_drawn
    finite = np.isfinite(drawn).all(1)
    return inputs.flat[finite], drawn[finite]
