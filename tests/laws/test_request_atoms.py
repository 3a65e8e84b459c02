"""The atoms of requests are exact: no test tells two values of one atom apart, and every value is in some atom."""

from __future__ import annotations

import random

from netcheck.engines.requests_atoms import Domain, fresh, host_domain, path_domain, word_domain
from netcheck.logic.requests import (
    ANY_HOST,
    ANY_PATH,
    HostKind,
    HostSet,
    HostTest,
    PathKind,
    PathTest,
    host_tests,
    path_tests,
    prefix,
)

LABELS = ("a", "b", "com", "other", "x")
ELEMENTS = ("a", "b", "foo", "other", "")


def _hosts(rng: random.Random) -> list[HostTest | HostSet]:
    kinds = (HostKind.EXACT, HostKind.BELOW, HostKind.CHILD)
    names = [".".join(rng.choice(LABELS) for _ in range(rng.randint(1, 3))) for _ in range(rng.randint(0, 5))]
    tests: list[HostTest | HostSet] = [ANY_HOST, *(HostTest(rng.choice(kinds), name) for name in names)]
    tests += [HostTest(HostKind.MADE_UP, rng.choice(("web-shop", "db-shop")))] if rng.random() < 0.3 else []
    plain = [test for test in tests if isinstance(test, HostTest) and test.kind is not HostKind.MADE_UP]
    return [*tests, HostSet(frozenset(rng.sample(plain, rng.randint(0, len(plain)))))]


def _paths(rng: random.Random) -> list[PathTest]:
    drawn = [ANY_PATH]
    for _ in range(rng.randint(0, 5)):
        path = "/" + "/".join(rng.choice(ELEMENTS) for _ in range(rng.randint(1, 3)))
        made = rng.choice((prefix(path), PathTest(PathKind.EXACT, path), PathTest(PathKind.LAST, rng.choice("ab"))))
        drawn.append(made)
    return drawn


def _holds_of(domain: Domain, tests: list, value: str) -> bool:
    """Whether some representative passes exactly the tests that the value passes."""
    passed = [test.holds(value) for test in tests]
    return any(
        passed == [bool(domain.masks.get(test, 0) >> number & 1) for test in tests]
        for number in range(len(domain.values))
    )


def test_masks_say_which_representatives_pass() -> None:
    rng = random.Random(0)
    for _ in range(300):
        for domain, tests in ((host_domain(drawn := _hosts(rng)), drawn), (path_domain(found := _paths(rng)), found)):
            for number, value in enumerate(domain.values):
                assert value is not None
                assert [bool(domain.masks.get(test, 0) >> number & 1) for test in tests] == [
                    test.holds(value) for test in tests
                ]


def test_no_two_representatives_pass_the_same_tests() -> None:
    rng = random.Random(1)
    for _ in range(300):
        hosts = [HostTest(HostKind.EXACT), *(test for test in _hosts(rng) if not isinstance(test, HostSet))]
        domain = host_domain(hosts)
        rows = [
            tuple(domain.masks.get(test, 0) >> number & 1 for test in hosts) for number in range(len(domain.values))
        ]
        assert len(set(rows)) == len(rows)


def test_every_host_is_in_some_atom() -> None:
    rng = random.Random(2)
    for _ in range(300):
        tests = _hosts(rng)
        domain = host_domain(tests)
        for _ in range(40):
            labels = [rng.choice((*LABELS, "web-shop")) for _ in range(rng.randint(0, 4))]
            assert _holds_of(domain, tests, ".".join(labels)), (tests, labels)


def test_every_path_is_in_some_atom() -> None:
    rng = random.Random(3)
    for _ in range(300):
        tests = _paths(rng)
        domain = path_domain(tests)
        for _ in range(40):
            path = "/" + "/".join(rng.choice((*ELEMENTS, "food")) for _ in range(rng.randint(1, 4)))
            assert _holds_of(domain, tests, path), (tests, path)


def test_indexes_name_exactly_the_tests_that_hold() -> None:
    rng = random.Random(4)
    for _ in range(300):
        hosts = [test for test in _hosts(rng) if isinstance(test, HostTest) and test.kind is not HostKind.MADE_UP]
        host = ".".join(rng.choice(LABELS) for _ in range(rng.randint(1, 4)))
        assert {test for test in hosts if test.holds(host)} == set(hosts) & set(host_tests(host))
        paths = _paths(rng)
        path = "/" + "/".join(rng.choice(ELEMENTS) for _ in range(rng.randint(1, 4)))
        assert {test for test in paths if test.holds(path)} == set(paths) & set(path_tests(path))


def test_another_word_is_none_that_is_mentioned() -> None:
    domain = word_domain(["other", "another"], (None, "GET"), "other")
    assert len(set(domain.values)) == len(domain.values) == 5
    assert domain.values[0] is None
    assert fresh(["other", "other0", "xother1x"], "other") == "other2"
