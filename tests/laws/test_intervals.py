"""Interval arithmetic agrees with Python's own sets of integers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from netcheck.values import intervals

LEAST, MOST = 0, 30
raw = st.lists(st.tuples(st.integers(LEAST, MOST), st.integers(LEAST, MOST)), max_size=6)
numbers = st.sets(st.integers(LEAST, MOST))


def members(ranges):
    return {number for low, high in ranges for number in range(low, high + 1)}


def ranges_of(wanted):
    return intervals.canonical((number, number) for number in wanted)


@given(raw)
def test_canonical_keeps_the_members_and_drops_empty_ranges(ranges):
    made = intervals.canonical(ranges)
    assert members(made) == members(ranges)
    assert intervals.is_canonical(made, LEAST, MOST)
    assert intervals.canonical(made) == made
    assert intervals.canonical(reversed(ranges)) == made


@given(numbers)
def test_one_set_has_one_representation(wanted):
    made = ranges_of(wanted)
    assert members(made) == wanted
    assert all(after[0] > before[1] + 1 for before, after in pairwise(made))


@given(numbers, numbers)
def test_the_operations_are_those_of_sets(a, b):
    left, right = ranges_of(a), ranges_of(b)
    for made, wanted in (
        (intervals.union(left, right), a | b),
        (intervals.intersection(left, right), a & b),
        (intervals.difference(left, right), a - b),
        (intervals.complement(left, LEAST, MOST), set(range(LEAST, MOST + 1)) - a),
    ):
        assert made == ranges_of(wanted)
        assert intervals.is_canonical(made, LEAST, MOST)
    assert intervals.is_subset(left, right) == (a <= b)
    assert intervals.size(left) == len(a)


@given(numbers, st.integers(LEAST - 2, MOST + 2))
def test_containment_is_membership(wanted, number):
    assert intervals.contains(ranges_of(wanted), number) == (number in wanted)


@given(raw, st.integers(LEAST, 10), st.integers(10, MOST))
def test_canonical_means_sorted_disjoint_apart_and_within_bounds(ranges, least, most):
    made = tuple(ranges)
    by_definition = (
        all(least <= low <= high <= most for low, high in made)
        and all(before[1] + 1 < after[0] for before, after in pairwise(made))
    )  # fmt: skip
    assert intervals.is_canonical(made, least, most) == by_definition
