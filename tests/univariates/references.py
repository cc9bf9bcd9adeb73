"""The families that are inverted by search, written down anew with NumPy and SciPy.

Each function takes data values and one vector of raw parameters, and returns latent values.
"""

import math

import numpy as np
import scipy.integrate
import scipy.special
import scipy.stats

FLOOR = 1e-3


def tilted(z, x, floor=FLOOR):
    return (1.0 - floor) * z + floor * x


def soft(raw, bound):
    return bound * np.tanh(raw / bound)


def places(count, share, distribution):
    """Quantiles that hold a share of the variance, and the rate of what is between them."""
    quantiles = distribution.ppf((np.arange(count) + 0.5) / count)
    quantiles *= math.sqrt(share * distribution.var() / np.mean(quantiles**2))
    return quantiles, 1.0 / math.sqrt(1.0 - share)


def gaussianization(x, raw, kernel="logistic"):
    distribution = {"logistic": scipy.stats.logistic, "normal": scipy.stats.norm}[kernel]
    logits, positions, rates = np.split(raw, 3)
    start, rate = places(len(logits), 0.3, distribution)
    positions = positions + start / distribution.std()
    scales = 1.0 / (rate * distribution.std() * np.exp(soft(rates, 5.0)))
    weights = scipy.special.softmax(logits)
    below, above = (
        sum(w * tail(x, m, s) for w, m, s in zip(weights, positions, scales, strict=True))
        for tail in (distribution.cdf, distribution.sf)
    )
    # Each half by its own tail: next to one, probabilities have few digits left.
    z = np.where(below < 0.5, scipy.stats.norm.ppf(below), scipy.stats.norm.isf(above))
    return tilted(z, x)


def mixture_of_logistics(x, raw):
    logits, positions, rates = np.split(raw[:-2], 3)
    start, rate = places(len(logits), 0.3, scipy.stats.logistic)
    scales = np.exp(-soft(rates, 5.0)) / rate
    weights = scipy.special.softmax(logits)
    total = sum(
        w * scipy.stats.logistic.cdf(x, m, s)
        for w, m, s in zip(weights, positions + start, scales, strict=True)
    )
    return tilted(np.exp(soft(raw[-2], 5.0)) * scipy.special.logit(total) + raw[-1], x)


def deep_sigmoidal(x, raw, layers):
    value = x
    for index, layer in enumerate(np.split(raw, layers)):
        logits, offsets, rates = np.split(layer, 3)
        start, rate = places(len(logits), 0.3 / (index + 1), scipy.stats.logistic)
        rates = rate * np.exp(soft(rates, 5.0))
        units = scipy.special.expit(rates * value[..., None] + offsets - rate * start)
        value = scipy.special.logit(units @ scipy.special.softmax(logits))
    return tilted(value, x)


def deep_dense_sigmoidal(x, raw, units, layers):
    value, used = x[..., None], 0
    along = np.linspace(-1.0, 1.0, units)

    def take(count):
        nonlocal used
        used += count
        return raw[used - count : used]

    for index in range(layers):
        outputs = 1 if index == layers - 1 else units
        offsets, rates = take(units), take(units)
        mixing = take(outputs * units).reshape(outputs, units)
        mixing = mixing + (np.outer(along, along) if outputs > 1 else 0.0)
        start, rate = places(units, 0.3 / (index + 1), scipy.stats.logistic)
        if index:
            inner = take(units * units).reshape(units, units) + np.outer(along, along)
            value = value @ scipy.special.softmax(inner, -1).T
        hidden = rate * np.exp(soft(rates, 5.0)) * value + offsets - rate * start
        hidden = scipy.special.expit(hidden) @ scipy.special.softmax(mixing, -1).T
        value = scipy.special.logit(hidden)
    assert used == len(raw)
    return tilted(value[..., 0], x)


def sum_of_squares(x, raw, polynomials, bound=5.0):
    """By numerical integration of the squared polynomials."""
    coefficients = soft(raw[:-1].reshape(polynomials, -1), 10.0)
    coefficients[:, 0] += 1.0 / math.sqrt(polynomials)
    if polynomials > 1:
        coefficients[:, 1] += 0.3 * np.linspace(-1.0, 1.0, polynomials) / math.sqrt(polynomials)

    def slope(t):
        values = [np.polynomial.chebyshev.chebval(t / bound, c) for c in coefficients]
        return tilted(sum(value**2 for value in values), 1.0)

    return integral(slope, x, bound) + raw[-1]


def unconstrained_monotonic(x, raw, family):
    """By numerical integration of the network."""
    weights = [weight.numpy().astype("float64") for weight in family.weights]
    kernels, biases = weights[0::2], weights[1::2]

    def slope(t):
        value = np.append(t, raw[1:])
        for kernel, bias in zip(kernels[:-1], biases[:-1], strict=True):
            value = np.tanh(value @ kernel + bias)
        value = value @ kernels[-1] + biases[-1]
        return math.exp(soft(value[0], family.log_slope_bound))

    return integral(slope, x, family.bound) + raw[0]


def monotone(x, raw):
    return np.exp(soft(raw[0], 2.0)) * x + np.exp(soft(raw[1], 2.0)) * np.tanh(x + 0.3) + raw[2]


def integral(slope, x, bound):
    """Integrate from zero, with straight lines outside a box."""
    found = []
    for value in x:
        boxed = min(max(value, -bound), bound)
        inside = scipy.integrate.quad(slope, 0.0, boxed, epsabs=1e-11, epsrel=1e-11, limit=200)[0]
        found.append(inside + slope(boxed) * (value - boxed))
    return np.asarray(found)
