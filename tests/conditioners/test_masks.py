"""Degrees and masks: published tables, properties over many sizes, errors."""

import itertools

import numpy as np
import pytest

from tfflows.conditioners.masks import (
    group_degrees,
    layer_mask,
    make_masks,
    resolve_hidden_degrees,
    resolve_order,
)


def rows(mask):
    return ["".join(str(int(entry)) for entry in row) for row in mask]


def tables(order, hidden, conditional=False):
    degrees = group_degrees(resolve_order(order, 3))
    hidden_degrees = resolve_hidden_degrees("equal", hidden, 3, conditional=conditional)
    return [rows(mask) for mask in make_masks(degrees, hidden_degrees, 2)]


def test_published_masks_left_to_right():
    assert tables("left-to-right", [4, 4]) == [
        ["1111", "0011", "0000"],
        ["1111", "1111", "0011", "0011"],
        ["001111", "001111", "000011", "000011"],
    ]


@pytest.mark.parametrize("order", ["right-to-left", [3, 2, 1], np.array([3, 2, 1])])
def test_published_masks_right_to_left(order):
    assert tables(order, [4, 4]) == [
        ["0000", "0011", "1111"],
        ["1111", "1111", "0011", "0011"],
        ["111100", "111100", "110000", "110000"],
    ]


def test_published_masks_of_unequal_widths():
    assert tables("left-to-right", [5, 3]) == [
        ["11111", "00011", "00000"],
        ["111", "111", "111", "001", "001"],
        ["001111", "001111", "000011"],
    ]


def test_masks_with_a_context_start_at_degree_zero():
    assert tables("left-to-right", [6], conditional=True) == [
        ["001111", "000011", "000000"],
        ["111111", "111111", "001111", "001111", "000011", "000011"],
    ]


def test_rank_mask():
    assert layer_mask([0, 1], [0, 1, 1, 2], strict=True).T.tolist() == [
        [0, 0],
        [1, 0],
        [1, 0],
        [1, 1],
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("degrees", ["equal", "random"])
def test_outputs_reach_exactly_the_coordinates_before_them(size, conditional, degrees):
    for passes, hidden in itertools.product(range(1, size + 1), [(), (3,), (16, 9, 12)]):
        order = resolve_order("random", size, seed=3)
        inputs = group_degrees(order, passes)
        assert sorted(set(inputs)) == list(range(1, passes + 1))
        counts = np.bincount(inputs)[1:]
        assert counts.max() - counts.min() <= 1
        layers = resolve_hidden_degrees(degrees, hidden, passes, conditional=conditional, seed=5)
        assert all(list(layer) == sorted(layer) for layer in layers)
        reach = np.linalg.multi_dot([*make_masks(inputs, layers, 2), np.eye(2 * size)]) > 0
        before = layer_mask(inputs, np.repeat(inputs, 2), strict=True) > 0
        assert not np.any(reach & ~before)
        if degrees == "equal" and (not hidden or min(hidden) >= passes):
            np.testing.assert_array_equal(reach, before)


def test_narrow_layers_leave_no_coordinate_without_the_first_ones():
    degrees = resolve_hidden_degrees("equal", [3], groups=10)
    assert degrees == ((1, 4, 7),)
    reach = np.linalg.multi_dot(make_masks(range(1, 11), degrees, 1)) > 0
    assert reach[0, 1:].all()


def test_random_is_seeded_and_random_layers_may_be_shared():
    orders = {resolve_order("random", 6, seed=seed) for seed in range(8)}
    assert len(orders) > 4
    assert resolve_order("random", 6, seed=2) == resolve_order("random", 6, seed=2)
    free = resolve_hidden_degrees("random", [20, 20], 6, seed=1)
    shared = resolve_hidden_degrees("random", [20, 20], 6, shared=True, seed=1)
    assert free[0] != free[1]
    assert shared[0] == shared[1]
    assert {min(layer) for layer in free} == {1}
    conditional = resolve_hidden_degrees("random", [20, 20], 6, conditional=True, seed=1)
    assert {min(layer) for layer in conditional} == {0}


def test_explicit_degrees_are_sorted():
    assert resolve_hidden_degrees([[2, 1, 2], [1, 2]], [3, 2], 3) == ((1, 2, 2), (1, 2))


@pytest.mark.parametrize("order", ["up", [1, 2], [1, 1, 3], [0, 1, 3], [1.5, 2, 3], 3, None])
def test_bad_order_says_what_a_good_one_is(order):
    with pytest.raises(
        ValueError, match=r"input_order must be.*each of 1\.\.3 or each of 0\.\.2 once"
    ):
        resolve_order(order, 3)


def test_an_order_counts_from_one_or_from_zero():
    assert resolve_order([4, 2, 0, 3, 1], 5) == resolve_order([5, 3, 1, 4, 2], 5) == (5, 3, 1, 4, 2)
    assert resolve_order([0], 1) == resolve_order([1], 1) == (1,)


@pytest.mark.parametrize(
    "order, words",
    [
        ([5, 2, 0, 3, 1], r"4 is missing; .* by their ranks, write \[4, 2, 0, 3, 1\]"),
        ([5, 2, 6, 3, 1], r"4 is missing; .* write \[3, 1, 4, 2, 0\]"),
        ([1, 2, 2, 3, 1], "It holds 1, 2 more than once"),
        ([1, 2, 3], "It has 3 entries for 5 coordinates"),
    ],
)
def test_what_is_wrong_with_an_order_is_said(order, words):
    with pytest.raises(ValueError, match=words):
        resolve_order(order, 5)


@pytest.mark.parametrize("passes", [0, 4, 1.5, True, "two"])
def test_bad_passes(passes):
    with pytest.raises(ValueError, match="passes must be an integer from 1 to the event size 3"):
        group_degrees((1, 2, 3), passes)


@pytest.mark.parametrize(
    "degrees", ["even", [[1, 2]], [[1, 2], [1]], [[1, 3], [1, 2]], [[0, 1], [1, 2]], [1, 2], 7]
)
def test_bad_hidden_degrees(degrees):
    with pytest.raises(ValueError, match="hidden_degrees must be"):
        resolve_hidden_degrees(degrees, [2, 2], 3)


def test_residual_layers_need_shared_degrees():
    with pytest.raises(ValueError, match="same hidden_degrees in every layer"):
        resolve_hidden_degrees([[1, 2], [1, 1]], [2, 2], 3, shared=True)
