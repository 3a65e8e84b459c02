"""Hosts, paths, methods and fields cut where the matches of a frontend cut: finite domains that lose nothing.

Each atom has a concrete value, its representative. Two values of one atom pass the same tests, and each value is in some
atom: so a question about all requests is one about finitely many. Why that is so, by domain:

- hosts: of the mentioned names, the ones below which a host lies are its suffixes, so the longest of them and whether one
  label or more is in front tell everything; mentioned names are atoms themselves;
- paths: prefixes of one path are prefixes of each other, so the longest mentioned one tells everything, besides whether
  the path is a mentioned one, and (gRPC) whether it is `/service/method` and with which method.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from netcheck.logic.requests import (
    ANY_HOST,
    ANY_PATH,
    FieldTest,
    HostKind,
    HostSet,
    HostTest,
    PathKind,
    PathTest,
    RequestPredicate,
    host_tests,
    path_tests,
)
from netcheck.model.request import Scheme

Passed = Callable[[str], Sequence[Hashable]]
METHODS = ("GET", "POST")
SCHEMES = tuple(Scheme)


@dataclass(frozen=True, slots=True)
class Domain:
    """The atoms of one field: their representatives, and which of them pass each test (bits)."""

    values: tuple[str | None, ...]
    masks: Mapping[Hashable, int]

    @property
    def everything(self) -> int:
        """All atoms."""
        return (1 << len(self.values)) - 1

    @property
    def width(self) -> int:
        """Bits of a number that names an atom."""
        return max(1, (len(self.values) - 1).bit_length())


def fresh(mentioned: Iterable[str], start: str) -> str:
    """Return a label that no mentioned text holds."""
    texts = list(mentioned)
    number, label = 0, start
    while any(label in text for text in texts):
        number, label = number + 1, f"{start}{number}"
    return label


def host_domain(tests: Iterable[HostTest | HostSet]) -> Domain:
    """Return the atoms of the Host header or of the SNI; the first is the empty one."""
    wanted = {ANY_HOST, HostTest(HostKind.EXACT, "")}
    sets = set()
    for test in tests:
        if isinstance(test, HostSet):
            sets.add(test)
            wanted |= test.tests
        else:
            wanted.add(test)
    names = sorted({test.name for test in wanted if test.name and test.kind is not HostKind.MADE_UP})
    made_up = sorted({test.name for test in wanted if test.kind is HostKind.MADE_UP})
    new = fresh((*names, *made_up), "other")
    bases = sorted({test.name for test in wanted if test.kind in (HostKind.BELOW, HostKind.CHILD)})
    values = ["", *names, new, *(f"{front}.{base}" for base in bases for front in (new, f"{new}.{new}", *made_up))]
    values += [f"{name}.{new}" for name in made_up]
    return _domain(values, lambda value: _passed_hosts(value, wanted, made_up), sets)


def _passed_hosts(host: str, wanted: set[HostTest], made_up: Sequence[str]) -> list[HostTest]:
    found = [test for test in host_tests(host) if test in wanted]
    guessed = (HostTest(HostKind.MADE_UP, name) for name in made_up)
    return [*found, *(test for test in guessed if test.holds(host))]


GRPC_FORM = "is /service/method"


def path_domain(tests: Iterable[PathTest]) -> Domain:
    """Return the atoms of the path; the mask of `GRPC_FORM` holds those that a call of gRPC can have."""
    wanted = {*tests, ANY_PATH}
    texts = sorted(test.value for test in wanted)
    new = fresh(texts, "other")
    values = ["/", *(test.value for test in sorted(wanted, key=_path_key) if test.kind is PathKind.EXACT)]
    bases = ["", *sorted({test.value for test in wanted if test.kind is PathKind.PREFIX})]
    last = sorted({test.value for test in wanted if test.kind is PathKind.LAST})
    for base in bases:
        values += [base or "/", f"{base}/{new}", f"{base}/{new}/{new}", f"{base}/"]
        values += [f"{base}/{name}" for name in last if base.count("/") == 1]
    for name in last:
        values += [f"/{new}/{name}", f"//{name}"]
    return _domain(values, lambda value: _passed_paths(value, wanted), ())


def _path_key(test: PathTest) -> tuple[str, str]:
    return (test.kind.value, test.value)


def _passed_paths(path: str, wanted: set[PathTest]) -> list[Hashable]:
    found: list[Hashable] = [test for test in path_tests(path) if test in wanted]
    elements = path.split("/")[1:]
    return [*found, GRPC_FORM] if len(elements) == 2 and all(elements) else found


def word_domain(mentioned: Iterable[str], always: Sequence[str | None], other: str) -> Domain:
    """Return the atoms of a field that is compared as a whole: each mentioned value, and another one."""
    words = sorted({*mentioned, *(item for item in always if item is not None)})
    values = (*(item for item in always if item is None), *words, fresh(words, other))
    return Domain(values, {value: 1 << number for number, value in enumerate(values)})


def _domain(values: Sequence[str], passed: Passed, sets: Iterable[HostSet]) -> Domain:
    """Keep one representative of each set of passed tests: the first."""
    kept: dict[frozenset[Hashable], str] = {}
    for value in values:
        kept.setdefault(frozenset(passed(value)), value)
    masks: dict[Hashable, int] = {}
    ordered = sorted((value, tests) for tests, value in kept.items())
    for number, (_, tests) in enumerate(ordered):
        for test in tests:
            masks[test] = masks.get(test, 0) | 1 << number
    for each in sets:
        mask = 0
        for test in each.tests:
            mask |= masks.get(test, 0)
        masks[each] = mask
    return Domain(tuple(value for value, _ in ordered), masks)


class Atoms:
    """The domains of every field that some predicates test."""

    def __init__(self, predicates: Sequence[RequestPredicate]) -> None:
        self.hosts = host_domain(test for item in predicates for test in (ANY_HOST, item.host, *item.also_host))
        self.names = host_domain(test for item in predicates for test in (ANY_HOST, item.sni))
        self.paths = path_domain(item.path for item in predicates)
        self.methods = word_domain((item.method for item in predicates if item.method), METHODS, "OTHER")
        self.headers = _fields(test for item in predicates for test in item.headers)
        self.query = _fields(test for item in predicates for test in item.query)


def _fields(tests: Iterable[FieldTest]) -> dict[str, Domain]:
    mentioned: dict[str, set[str]] = {}
    for test in tests:
        values = mentioned.setdefault(test.name, set())
        if test.fact is None:
            values.add(test.value)
    return {name: word_domain(values, (None,), "other") for name, values in sorted(mentioned.items())}
