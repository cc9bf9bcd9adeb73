"""Samples as a smoothed density: near the true one, and clear about what it cannot draw."""

import numpy as np
import pytest
from scipy import stats

from tfflows import plot


def test_the_colors_are_near_the_density_that_the_samples_come_from():
    x = np.random.default_rng(0).normal(size=(5000, 2))
    ax = plot.samples(x, bounds=((-3, 3), (-3, 3)), resolution=41)
    values = np.asarray(ax.collections[0].get_array()).reshape(41, 41)
    side = np.linspace(-3, 3, 41)
    grid = np.stack(np.meshgrid(side, side), -1)
    truth = stats.multivariate_normal(np.zeros(2)).pdf(grid)
    assert np.max(np.abs(values - truth)) < 0.03
    assert abs(values.sum() * (side[1] - side[0]) ** 2 - 1.0) < 0.03


def test_a_wider_kernel_is_flatter():
    x = np.random.default_rng(0).normal(size=(300, 2))
    peaks = [
        np.max(plot.samples(x, bandwidth=h, resolution=21).collections[0].get_array())
        for h in (0.2, 1.0)
    ]
    assert peaks[0] > 1.5 * peaks[1]


@pytest.mark.parametrize(
    "x, options, words",
    [
        (np.zeros((5, 3)), {}, r"shape \(n, 2\).* got \(5, 3\)"),
        (np.zeros((2, 2)), {}, "three rows or more"),
        (np.full((5, 2), np.nan), {}, "5 non-finite rows"),
        (np.arange(10.0).repeat(2).reshape(10, 2), {}, "lie on a line"),
        (np.random.default_rng(0).normal(size=(9, 2)), {"bandwidth": 0.0}, "positive number"),
    ],
)
def test_what_cannot_be_drawn_is_named(x, options, words):
    with pytest.raises(ValueError, match=words):
        plot.samples(x, **options)
