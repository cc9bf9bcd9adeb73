"""The line about normalization: the density must hold the mass that its sampler puts there."""

import math

import numpy as np

from tfflows.diagnostics.report import CheckResult

__all__ = ["integral"]

_CELLS = {1: 20_000, 2: 250}
_SYSTEMATIC = 1e-3
_DRAWS = 10_000
_INSIDE = 0.02


def integral(inputs) -> CheckResult:
    """Compare the integral of the density over a region with the share of draws in it.

    Up to two coordinates the region is a box with nearly all draws. Above, it is a ball in
    whitened coordinates with a fiftieth of them, small enough for the density to vary little.
    """
    size = inputs.model.event_size
    region = "a box" if size <= 2 else "a ball"
    good = f"integral of the density over {region} against the share of draws in it: difference"
    if not len(inputs.x):
        return CheckResult.skipped("integral", good, "there are no rows with a finite density")
    if not inputs.model.exact:
        found = "an estimate" if inputs.model.estimates else "a lower bound"
        return CheckResult.skipped("integral", good, f"log_prob is {found} of the density")
    context = None
    if inputs.context is not None:
        context = inputs.context[inputs.some(1, "integral: context")[0]]
    random = inputs.random("integral")
    seeds = [int(s) for s in random.integers(2**31 - 1, size=2)]
    pilot = _draw(inputs, 2000, seeds[0], context)
    draws = _draw(inputs, _DRAWS, seeds[1], context)
    if len(pilot) < 1000 or len(draws) < _DRAWS // 2:
        return CheckResult.skipped("integral", good, "too few draws are finite")
    found = (_box if size <= 2 else _ball)(inputs, pilot, draws, context, random)
    if found is None:
        return CheckResult.skipped(
            "integral", good, "the density varies too much within a ball to integrate it by chance"
        )
    mass, share, error = found
    difference = abs(mass - share)
    allowed = _SYSTEMATIC * max(mass, share) + _deviations(inputs.alpha) * error
    return CheckResult(
        "integral",
        float(difference),
        float(allowed),
        good,
        f"{_deviations(inputs.alpha):.1f} standard errors of both numbers together; a right "
        f"density differs by more with probability {inputs.alpha:.2g}.",
        "The density does not integrate to one, or the sampler draws from another one. See log_det "
        "and round_trip for the layer; without layers, compare `log_prob` and `sample` of the "
        "distribution.",
        f"By the density {mass:.4g}, by draws {share:.4g}"
        + ("" if context is None else " (for the context of one of the rows)")
        + ".",
        p_value=_two_sided(max(difference - _SYSTEMATIC * max(mass, share), 0.0) / error),
    )


def _draw(inputs, count, seed, context):
    drawn = inputs.model.sample(count, seed=seed, context=context).numpy()
    drawn = drawn.reshape(count, -1).astype(np.float64)
    return drawn[np.isfinite(drawn).all(1)]


def _density(inputs, points, context):
    x = points.astype(inputs.model.variable_dtype).reshape(-1, *inputs.model.event_shape)
    return inputs.model.log_prob(x, context).numpy().astype(np.float64)


def _box(inputs, pilot, draws, context, random):
    low, high = np.quantile(pilot, [0.005, 0.995], axis=0)
    high = np.where(high > low, high, low + 1e-6)
    size = pilot.shape[1]
    cells = _CELLS[size]
    corner = np.stack(np.meshgrid(*[np.arange(cells)] * size, indexing="ij"), -1)
    corner = corner.reshape(-1, size)
    # Two random points in each cell: unbiased however sharp the density, with an honest error.
    values = []
    for _ in range(2):
        inside = (corner + random.uniform(size=corner.shape)) / cells
        values.append(np.exp(_density(inputs, low + inside * (high - low), context)))
    volume = np.prod(high - low)
    mass = volume * np.mean(values)
    noise = volume * math.sqrt(np.mean((values[0] - values[1]) ** 2) / (4 * len(corner)))
    share = np.mean(((draws >= low) & (draws <= high)).all(1))
    return mass, share, math.hypot(noise, _share_error(share, len(draws)))


def _ball(inputs, pilot, draws, context, random):
    size = pilot.shape[1]
    center_of_all, covariance = pilot.mean(0), np.cov(pilot, rowvar=False)
    spread = np.trace(covariance) / size
    root = np.linalg.cholesky(covariance + 1e-9 * spread * np.eye(size))
    white = np.linalg.solve(root, (pilot - center_of_all).T).T
    candidates = pilot[random.choice(len(pilot), min(8, len(pilot)), replace=False)]
    best = None
    for center in [center_of_all, *candidates]:
        middle = np.linalg.solve(root, center - center_of_all)
        radius = np.quantile(np.linalg.norm(white - middle, axis=1), _INSIDE)
        points = _in_ball(random, 256, center, radius, root)
        effective = _effective(_density(inputs, points, context)) / 256
        if best is None or effective > best[0]:
            best = (effective, center, middle, radius)
    effective, center, middle, radius = best
    if effective < 0.1 or radius == 0:
        return None
    # Fresh points: those that chose the ball would flatter it.
    log_density = _density(inputs, _in_ball(random, 20_000, center, radius, root), context)
    if _effective(log_density) < 0.02 * len(log_density):
        return None
    volume = (
        size / 2 * math.log(math.pi)
        - math.lgamma(size / 2 + 1)
        + size * math.log(radius)
        + np.log(np.diag(root)).sum()
    )
    weights = np.exp(log_density + volume)
    inner = np.linalg.norm(np.linalg.solve(root, (draws - center_of_all).T).T - middle, axis=1)
    share = np.mean(inner <= radius)
    noise = weights.std() / math.sqrt(len(weights))
    return weights.mean(), share, math.hypot(noise, _share_error(share, len(draws)))


def _in_ball(random, count, center, radius, root):
    direction = random.normal(size=(count, len(center)))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = radius * random.uniform(size=(count, 1)) ** (1 / len(center))
    return center + (direction * length) @ root.T


def _effective(log_weights) -> float:
    """Return the effective number of weights."""
    log_weights = np.where(np.isnan(log_weights), -np.inf, log_weights)
    largest = log_weights.max()
    if not np.isfinite(largest):
        return 0.0
    weights = np.exp(log_weights - largest)
    return weights.sum() ** 2 / (weights**2).sum()


def _share_error(share, count) -> float:
    share = (share * count + 1) / (count + 2)
    return math.sqrt(share * (1 - share) / count)


def _deviations(alpha) -> float:
    from scipy.stats import norm

    return float(norm.isf(alpha / 2))


def _two_sided(deviations) -> float:
    from scipy.stats import norm

    return float(2 * norm.sf(deviations))
