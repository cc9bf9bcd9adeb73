"""Levels cover what they say, on data that they have not seen."""

import numpy as np
import pytest

from .flows import conditional, contexts, draw, maf


@pytest.fixture(scope="module")
def scored():
    flow = maf()
    return flow, draw(flow, 1, 4000), draw(flow, 2, 20_000)


@pytest.mark.parametrize("alpha", [0.5, 0.9, 0.99])
def test_the_coverage_on_fresh_rows(scored, alpha):
    flow, held_out, fresh = scored
    level = flow.level(alpha, calibration=held_out)
    error = np.sqrt(alpha * (1 - alpha) * (1 / len(held_out) + 1 / len(fresh)))
    assert abs(level.contains(fresh).mean() - alpha) < 2 * error


def test_the_coverage_is_exact_on_average(scored):
    flow, _, fresh = scored
    random = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        rows = random.choice(len(fresh), 40, replace=False)
        covered.append(flow.level(0.9, fresh[rows[:19]]).contains(fresh[rows[19:]]).mean())
    # 18 of 20 places among the calibration rows lie above the level.
    assert abs(np.mean(covered) - 0.9) < 2 * np.std(covered) / 20


def test_p_values_are_uniform_and_small_for_anomalies(scored):
    flow, held_out, fresh = scored
    level = flow.level(0.9, calibration=held_out)
    p = level.p_value(fresh)
    for share in (0.01, 0.1, 0.5):
        error = np.sqrt(share * (1 - share) * (1 / len(held_out) + 1 / len(fresh)))
        assert abs(np.mean(p <= share) - share) < 3 * error
    np.testing.assert_array_equal(p > 0.1, level.contains(fresh))
    assert level.p_value([50.0, 50.0, 50.0]) == 1 / (len(held_out) + 1)


def test_a_conditional_flow():
    flow, context = conditional(), contexts(rows=4000)
    x = draw(flow, context=context)
    level = flow.level(0.9, calibration=x[:2000], context=context[:2000])
    covered = level.contains(x[2000:], context[2000:]).mean()
    assert abs(covered - 0.9) < 2 * np.sqrt(0.09 / 1000)
    same = flow.level(0.9, calibration=(x[:2000], context[:2000]))
    assert same.log_prob == level.log_prob and "rows=2000" in repr(same)


def test_too_few_rows_and_bad_arguments(scored):
    flow, held_out, _ = scored
    assert flow.level(0.9, held_out[:9]).rows == 9
    with pytest.raises(ValueError, match="at least 9 calibration rows; got 8"):
        flow.level(0.9, held_out[:8])
    with pytest.raises(ValueError, match="at least 99 calibration rows; got 0"):
        flow.level(0.99, held_out[:0])
    with pytest.raises(ValueError, match="between 0 and 1"):
        flow.level(1.0, held_out)
    with pytest.raises(ValueError, match="calibration has 1 non-finite"):
        flow.level(0.5, [[0.0, 0.0, np.nan]])
