"""`cheapest_cover` against trying every choice, and what it does when the solver has no time."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcheck.engines import covers, covers_smt
from netcheck.engines.covers import cheapest_cover

CANDIDATES = range(7)
things = st.lists(st.frozensets(st.sampled_from(CANDIDATES), min_size=1, max_size=4), max_size=9)
prices = st.lists(st.integers(1, 5), min_size=len(CANDIDATES), max_size=len(CANDIDATES)).map(
    lambda costs: dict(enumerate(costs))
)


def covers_all(wanted, chosen):
    return all(item & set(chosen) for item in wanted)


def price(chosen, costs):
    return sum(costs[one] for one in chosen)


def best_of_all(wanted, costs):
    every = (some for size in range(len(CANDIDATES) + 1) for some in combinations(CANDIDATES, size))
    return min(price(some, costs) for some in every if covers_all(wanted, some))


@given(wanted=things, costs=prices)
def test_costs_what_the_cheapest_of_all_choices_costs(wanted, costs):
    found = cheapest_cover(wanted, costs, timeout_ms=20_000)
    assert covers_all(wanted, found.chosen)
    assert price(found.chosen, costs) == best_of_all(wanted, costs)
    assert found.smallest
    assert list(found.chosen) == sorted(set(found.chosen))


@given(wanted=things, costs=prices)
def test_what_the_solver_chooses_costs_the_same_without_the_reductions(wanted, costs):
    if wanted:
        chosen = covers_smt.optimum(wanted, costs, 20_000)
        assert covers_all(wanted, chosen)
        assert price(chosen, costs) == best_of_all(wanted, costs)


@given(wanted=things, costs=prices)
def test_a_greedy_choice_covers_everything_too(wanted, costs):
    assert covers_all(wanted, covers._greedy(wanted, costs))


@given(wanted=things, costs=prices)
def test_the_order_of_what_is_wanted_does_not_matter(wanted, costs):
    one, other = (cheapest_cover(items, costs, timeout_ms=20_000) for items in (wanted, wanted[::-1]))
    assert one == other


TRIANGLE = [frozenset(pair) for pair in ((0, 1), (1, 2), (0, 2))]
"""What the reductions leave as it is."""


def test_without_an_answer_in_time_the_choice_is_greedy_and_says_so(monkeypatch):
    monkeypatch.setattr(covers_smt, "optimum", lambda *_: None)
    found = cheapest_cover(TRIANGLE, dict.fromkeys(range(3), 1), timeout_ms=1)
    assert covers_all(TRIANGLE, found.chosen)
    assert not found.smallest


def test_what_only_one_candidate_covers_needs_no_solver(monkeypatch):
    monkeypatch.setattr(covers_smt, "optimum", lambda *_: pytest.fail("the solver was asked"))
    found = cheapest_cover([frozenset({3}), frozenset({3, 4})], {3: 5, 4: 1}, timeout_ms=1)
    assert (found.chosen, found.smallest) == ((3,), True)


def test_the_dearer_of_two_that_cover_the_same_is_left_out():
    found = cheapest_cover([frozenset({0, 1}), frozenset({0, 1, 2})], {0: 3, 1: 2, 2: 1}, timeout_ms=20_000)
    assert found.chosen == (1,)


def test_nothing_wanted_takes_nothing():
    assert cheapest_cover([], {}, timeout_ms=1).chosen == ()
