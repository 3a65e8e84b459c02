"""Selectors: the operators against the table of SEMANTICS NP-12, conjunction, negation and canonical form."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcheck.values.labels import LabelSelector, Operator, Requirement
from tests.strategies import KEYS, label_maps, label_selectors, requirements

NEGATION = {
    Operator.IN: Operator.NOT_IN,
    Operator.NOT_IN: Operator.IN,
    Operator.EXISTS: Operator.DOES_NOT_EXIST,
    Operator.DOES_NOT_EXIST: Operator.EXISTS,
}


def negated(requirement):
    return Requirement(requirement.key, NEGATION[requirement.operator], requirement.values)


def by_the_table(requirement, labels):
    """NP-12, row by row, over plain dicts."""
    present = requirement.key in labels
    listed = present and labels[requirement.key] in set(requirement.values)
    return {
        Operator.IN: present and listed,
        Operator.NOT_IN: not present or not listed,
        Operator.EXISTS: present,
        Operator.DOES_NOT_EXIST: not present,
    }[requirement.operator]


@given(requirements, label_maps)
def test_a_requirement_and_its_negation_never_agree(requirement, labels):
    value = labels.get(requirement.key)
    assert requirement.matches(value) != negated(requirement).matches(value)


@given(requirements, label_maps)
def test_an_operator_means_what_its_row_of_the_table_says(requirement, labels):
    assert requirement.matches(labels.get(requirement.key)) == by_the_table(requirement, labels)


@given(label_selectors, label_maps)
def test_a_selector_is_the_conjunction_of_its_requirements(selector, labels):
    assert selector.matches(labels) == all(by_the_table(one, labels) for one in selector.requirements)


@given(label_selectors, label_selectors, label_maps)
def test_joining_requirements_intersects_what_is_matched(a, b, labels):
    joined = LabelSelector.of(None, (*a.requirements, *b.requirements))
    assert joined.matches(labels) == (a.matches(labels) and b.matches(labels))


@given(st.lists(requirements, max_size=4), st.randoms())
def test_the_order_and_repetition_of_requirements_do_not_matter(parts, rng):
    shuffled = [*parts, *parts]
    rng.shuffle(shuffled)
    once, twice = LabelSelector.of(None, parts), LabelSelector.of(None, shuffled)
    assert once == twice
    assert hash(once) == hash(twice)
    assert str(once) == str(twice)


@given(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(("", "a", "b")), max_size=3))
def test_match_labels_are_in_requirements_of_one_value(labels):
    written = [Requirement(key, Operator.IN, (value,)) for key, value in labels.items()]
    selector = LabelSelector.of(labels)
    assert selector == LabelSelector.of(None, written)
    assert selector.matches(labels)
    assert selector.matches({**labels, "other": "x"})


@given(label_maps)
def test_only_the_empty_selector_matches_every_set_of_labels(labels):
    assert LabelSelector.everything().matches(labels)
    assert LabelSelector() == LabelSelector.everything() == LabelSelector.of({}, [])


@given(label_selectors, label_selectors)
def test_equal_selectors_match_the_same_labels(a, b):
    universe = [
        {key: value for key, value in zip(KEYS, values, strict=True) if value is not None}
        for values in product((None, "", "a", "b", "c", "elsewhere", "z"), repeat=len(KEYS))
    ]
    if a == b:
        assert [a.matches(labels) for labels in universe] == [b.matches(labels) for labels in universe]


def test_an_empty_value_is_present():
    assert Requirement("app", Operator.EXISTS).matches("")
    assert Requirement("app", Operator.IN, ("",)).matches("")
    assert not Requirement("app", Operator.IN, ("",)).matches(None)


def test_matching_is_case_sensitive():
    assert not LabelSelector.of({"app": "Web"}).matches({"app": "web"})
    assert not LabelSelector.of({"App": "web"}).matches({"app": "web"})


@pytest.mark.parametrize(
    ("operator", "values"),
    [
        (Operator.IN, ()),
        (Operator.NOT_IN, ()),
        (Operator.EXISTS, ("a",)),
        (Operator.DOES_NOT_EXIST, ("a",)),
        (Operator.IN, ("b", "a")),
        (Operator.IN, ("a", "a")),
    ],
)
def test_a_requirement_that_is_not_canonical_is_refused(operator, values):
    with pytest.raises(ValueError, match="not a canonical requirement"):
        Requirement("app", operator, values)


def test_a_selector_that_is_not_canonical_is_refused():
    first, second = Requirement("app", Operator.EXISTS), Requirement("tier", Operator.EXISTS)
    for parts in ((second, first), (first, first)):
        with pytest.raises(ValueError, match="not a canonical selector"):
            LabelSelector(parts)
