"""The representation of request matching: conjunctions of tests, in order, and the first that holds decides.

Every router is one shape here: Gateway listeners, Ingresses, OpenShift Routes and mesh routes differ in what they test
and in what makes their order, and in nothing else. A test is exact, or it is *opaque*: it rests on a `Fact` that the
input does not tell (what a regular expression means, who owns a host). What happens to a request is then one of several
outcomes, and it is known iff they are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from netcheck.errors import Place
from netcheck.model.flow import Reason
from netcheck.model.gateway import Redirect
from netcheck.model.request import Chosen, Request, Scheme, Served, Share

BOOLEAN = ("yes", "no")


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact that the input does not tell: `key` has one of the values `options`, and the test holds iff it is `value`."""

    key: str
    value: str = "yes"
    options: tuple[str, ...] = field(default=BOOLEAN, compare=False)
    reason: Reason = field(default=Reason(rule="", message=""), compare=False)


class HostKind(Enum):
    """How a host is compared with a name."""

    ANY = "any"
    EXACT = "exact"
    BELOW = "below"
    """One or more labels in front of the name (GW-8)."""
    CHILD = "child"
    """Exactly one label in front of the name (ING-4)."""
    MADE_UP = "made up"
    """Begins with the name and a dot, and whether it is the one that a router made up is not known (ING-15)."""


@dataclass(frozen=True, slots=True, order=True)
class HostTest:
    """A test of the Host header or the SNI. `name` has no asterisk and is in lower case."""

    kind: HostKind = HostKind.ANY
    name: str = ""

    def holds(self, host: str) -> bool:
        """Return whether the host passes (of `MADE_UP`: whether it may pass)."""
        match self.kind:
            case HostKind.ANY:
                return True
            case HostKind.EXACT:
                return host == self.name
            case HostKind.BELOW:
                return len(host) > len(self.name) + 1 and host.endswith("." + self.name)
            case HostKind.CHILD:
                first, dot, rest = host.partition(".")
                return bool(first and dot) and rest == self.name
            case HostKind.MADE_UP:
                return host.startswith(self.name + ".")


ANY_HOST = HostTest()


def host_test(hostname: str) -> HostTest:
    """Return the test of a hostname of the Gateway API: empty: any; `*.` in front: any host below (GW-8)."""
    if not hostname:
        return ANY_HOST
    wildcard = hostname.startswith("*.")
    return HostTest(HostKind.BELOW, hostname[2:]) if wildcard else HostTest(HostKind.EXACT, hostname)


@dataclass(frozen=True, slots=True)
class HostSet:
    """The hosts that some test lets pass: a disjunction for what is not indexed."""

    tests: frozenset[HostTest]

    def holds(self, host: str) -> bool:
        """Return whether the host passes one of the tests."""
        tests = self.tests
        return bool(tests) and any(test in tests for test in host_tests(host))


def host_tests(host: str) -> Iterator[HostTest]:
    """Yield every test other than of made up names that lets the host pass."""
    yield ANY_HOST
    yield HostTest(HostKind.EXACT, host)
    first, _, rest = host.partition(".")
    if first and rest:
        yield HostTest(HostKind.CHILD, rest)
    while rest:
        if len(host) > len(rest) + 1:
            yield HostTest(HostKind.BELOW, rest)
        rest = rest.partition(".")[2]


class PathKind(Enum):
    """How a path is compared."""

    ANY = "any"
    EXACT = "exact"
    PREFIX = "prefix"
    """Element by element; a trailing slash of the prefix is ignored (GW-17, ING-6)."""
    LAST = "last"
    """The path is `/service/method` with this method (GW-19)."""


@dataclass(frozen=True, slots=True)
class PathTest:
    """A test of the path. `value` of a prefix has no trailing slash, so that of `/` is empty."""

    kind: PathKind = PathKind.ANY
    value: str = ""

    def holds(self, path: str) -> bool:
        """Return whether the path passes."""
        match self.kind:
            case PathKind.ANY:
                return True
            case PathKind.EXACT:
                return path == self.value
            case PathKind.PREFIX:
                return path == self.value or path.startswith(self.value + "/")
            case PathKind.LAST:
                return path.count("/") == 2 and path.endswith("/" + self.value)


ANY_PATH = PathTest()


def prefix(path: str) -> PathTest:
    """Return the test of an element-wise prefix; of `/` or nothing: any path."""
    bare = path.removesuffix("/")
    return PathTest(PathKind.PREFIX, bare) if bare else ANY_PATH


@dataclass(frozen=True, slots=True)
class FieldTest:
    """A test of a header (`name` in lower case) or query parameter: it is there, with this value.

    `fact` is set iff the value is a regular expression: then it must be there, and the rest is the fact.
    """

    name: str
    value: str
    fact: Fact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPredicate:
    """A conjunction of tests; `method` empty: any. `facts` must hold besides."""

    schemes: frozenset[Scheme] = frozenset(Scheme)
    host: HostTest = ANY_HOST
    also_host: tuple[HostTest | HostSet, ...] = ()
    sni: HostTest | HostSet = ANY_HOST
    path: PathTest = ANY_PATH
    method: str = ""
    headers: tuple[FieldTest, ...] = ()
    query: tuple[FieldTest, ...] = ()
    facts: tuple[Fact, ...] = ()

    def facts_for(self, seen: Seen) -> tuple[Fact, ...] | None:
        """Return the facts on which it rests whether the request passes; None iff it does not, whatever they are."""
        if not (self.host.holds(seen.host) and self.path.holds(seen.path) and seen.scheme in self.schemes):
            return None
        if (self.method and self.method != seen.method) or not self.sni.holds(seen.sni):
            return None
        if not all(test.holds(seen.host) for test in self.also_host):
            return None
        if not (self.headers or self.query):
            return self.facts
        return self._with_fields(seen)

    def _with_fields(self, seen: Seen) -> tuple[Fact, ...] | None:
        found = list(self.facts)
        for test, values, what in (
            *((test, seen.headers.get(test.name, ()), "header") for test in self.headers),
            *((test, seen.query.get(test.name, ()), "query parameter") for test in self.query),
        ):
            if not values or (test.fact is None and test.value not in values and ",".join(values) != test.value):
                return None
            if test.fact is not None:
                found.append(test.fact)
            elif any(value != test.value for value in values):
                found.append(_repeated(what, test))
        return tuple(found)

    @property
    def all_facts(self) -> tuple[Fact, ...]:
        """Every fact on which it can rest for a request that repeats no field."""
        fields = (test.fact for test in (*self.headers, *self.query))
        return (*self.facts, *(fact for fact in fields if fact is not None))


def _repeated(what: str, test: FieldTest) -> Fact:
    message = f"the {what} `{test.name}` is repeated with different values; which of them counts is left to the proxy"
    return Fact(f"{what} {test.name} counts as {test.value}", reason=Reason(rule="GW-17", message=message))


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as tests see it."""

    scheme: Scheme
    host: str
    sni: str
    path: str
    method: str
    headers: Mapping[str, tuple[str, ...]]
    query: Mapping[str, tuple[str, ...]]

    @staticmethod
    def of(request: Request) -> Seen:
        """Return the request with its fields by name; a call of gRPC is a POST."""
        secure = request.scheme in (Scheme.HTTPS, Scheme.TLS, Scheme.GRPC)
        return Seen(
            request.scheme,
            request.host,
            request.sni or (request.host if secure else ""),
            request.path,
            "POST" if request.scheme is Scheme.GRPC else request.method,
            _by_name(request.headers),
            _by_name(request.query),
        )


def _by_name(pairs: Sequence[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        found[name] = (*found.get(name, ()), value)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What becomes of a request that an entry takes; see `model.request.Routed` for the fields.

    `prefix` is the path prefix of the match, which a redirect may replace, None if the match is of another type.
    `encrypted`: a listener for TLS took it. `reasons` name what is not known even when it is known that this entry takes
    the request.
    """

    status: int | None = None
    refused: str = ""
    served: Served | None = None
    chosen: Chosen | None = None
    shares: tuple[Share, ...] = ()
    mirrors: tuple[Share, ...] = ()
    redirect: Redirect | None = None
    prefix: str | None = ""
    encrypted: bool = False
    reasons: tuple[Reason, ...] = ()

    @property
    def decided(self) -> tuple[object, ...]:
        """What two outcomes have in common that are one."""
        replaced = self.prefix if self.redirect and self.redirect.path else ""
        shown = (self.status, bool(self.refused), self.shares, self.mirrors, self.redirect, replaced, self.reasons)
        return (*shown, self.served, self.chosen)

    @property
    def answer(self) -> tuple[object, ...]:
        """What becomes of the request, whoever decided it."""
        return self.decided[:-2]


class Tie(Enum):
    """What decides between objects whose matches are equally good."""

    AGE = "age"
    """The older, then the first by name; not known where an age is missing (GW-18)."""
    OPEN = "open"
    """It is left to the implementation (ING-6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a frontend. Entries of one `rank` are tied; of one object the earlier one wins.

    Attributes:
        owner: `Kind namespace/name` of the object, or empty: nobody's (a default answer).
        order: (namespace/name, rule, match): which of equally good ones is first, ages left aside.
        created: of the object, or empty.
    """

    rank: int
    predicate: RequestPredicate
    outcome: Outcome
    owner: str = ""
    order: tuple[str, int, int] = ("", 0, 0)
    created: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class FrontendId:
    """Which door: `kind` is `Gateway`, `Ingress`, `Router` or `Service`.

    Attributes:
        name: of the Gateway, IngressClass or Service; with `namespace` where it has one.
        port: of a Gateway's listeners or of a Service.
        client: of a Service: the namespace from which is asked; empty: one without routes of its own.
    """

    kind: str
    namespace: str = ""
    name: str = ""
    port: int = 0
    client: str = ""

    @property
    def label(self) -> str:
        """`Gateway namespace/name port 80` or the like."""
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        head = f"{self.kind} {name}" if name else self.kind
        tail = f" for clients in {self.client}" if self.client else ""
        return f"{head} port {self.port}{tail}" if self.port else head + tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontend:
    """The entries of one door by rank, and what becomes of a request that none of them takes."""

    id: FrontendId
    entries: tuple[Entry, ...]
    otherwise: Outcome
    tie: Tie = Tie.AGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An entry before it has a rank: a smaller `key` goes first, and equal ones are tied. For the rest see `Entry`."""

    key: tuple[int, ...]
    predicate: RequestPredicate
    outcome: Outcome
    owner: str = ""
    order: tuple[str, int, int] = ("", 0, 0)
    created: str = ""
    place: Place | None = None


def ranked(lines: Iterable[Line]) -> tuple[Entry, ...]:
    """Return the lines in their order as entries."""
    entries: list[Entry] = []
    rank = -1
    last: tuple[int, ...] | None = None
    for line in sorted(lines, key=lambda line: line.key):
        if line.key != last:
            rank, last = rank + 1, line.key
        entries.append(
            Entry(
                rank=rank,
                predicate=line.predicate,
                outcome=line.outcome,
                owner=line.owner,
                order=line.order,
                created=line.created,
                place=line.place,
            )
        )
    return tuple(entries)


class CompiledFrontend:
    """A frontend with its entries indexed by host and path: the cost of a request is that of the entries it can meet."""

    def __init__(self, frontend: Frontend) -> None:
        self.frontend = frontend
        self._hosts: dict[HostTest, dict[PathTest, list[int]]] = {}
        self._names: dict[HostTest, dict[PathTest, list[int]]] = {}
        made_up: set[HostTest] = set()
        for number, entry in enumerate(frontend.entries):
            host, name, path = entry.predicate.host, entry.predicate.sni, entry.predicate.path
            by_name = host == ANY_HOST and isinstance(name, HostTest) and name != ANY_HOST
            index, key = (self._names, name) if by_name else (self._hosts, host)
            assert isinstance(key, HostTest)
            index.setdefault(key, {}).setdefault(path, []).append(number)
            if host.kind is HostKind.MADE_UP:
                made_up.add(host)
        self._made_up = tuple(sorted(made_up, key=lambda test: test.name))

    def candidates(self, seen: Seen) -> list[int]:
        """Return the positions of all entries whose host (of those without: SNI) and path let the request pass, in order."""
        hosts = [self._hosts[test] for test in self._host_tests(seen.host) if test in self._hosts]
        if self._names:
            hosts += [self._names[test] for test in host_tests(seen.sni) if test in self._names]
        if not hosts:
            return []
        found: list[int] = []
        for test in path_tests(seen.path):
            for paths in hosts:
                found += paths.get(test, ())
        found.sort()
        return found

    def _host_tests(self, host: str) -> Iterator[HostTest]:
        yield from host_tests(host)
        yield from (test for test in self._made_up if test.holds(host))

    def outcomes(self, seen: Seen) -> tuple[tuple[Outcome, ...], tuple[Reason, ...]]:
        """Return what can become of the request, each once, and the missing facts that decide between them."""
        met = []
        certain = len(self.frontend.entries)
        for number in self.candidates(seen):
            entry = self.frontend.entries[number]
            if entry.rank > certain:
                break
            facts = entry.predicate.facts_for(seen)
            if facts is not None:
                met.append((entry, facts))
                certain = certain if facts else entry.rank
        return _Walk(self.frontend, met).run()


def path_tests(path: str) -> Iterator[PathTest]:
    """Yield every test that lets the path pass."""
    yield ANY_PATH
    yield PathTest(PathKind.EXACT, path)
    yield PathTest(PathKind.PREFIX, path)
    end = path.rfind("/")
    if path.count("/") == 2:
        yield PathTest(PathKind.LAST, path[end + 1 :])
    while end > 0:
        yield PathTest(PathKind.PREFIX, path[:end])
        end = path.rfind("/", 0, end)


def first_named(one: Outcome, other: Outcome) -> Outcome:
    """Return that of two outcomes, which are the same, whose rule is the first by name."""
    return min((one, other), key=_named)


def _named(outcome: Outcome) -> tuple[bool, str, int, int]:
    chosen = outcome.chosen
    return (False, chosen.label, chosen.rule, chosen.match) if chosen else (True, "", 0, 0)


Met = tuple[Entry, tuple[Fact, ...]]
MAX_WAYS = 4096


class _Walk:
    """All ways through the entries that a request meets, one for each way to fill in the missing facts."""

    def __init__(self, frontend: Frontend, met: Sequence[Met]) -> None:
        self.otherwise = frontend.otherwise
        self.tie = frontend.tie
        ranks: dict[int, list[Met]] = {}
        for entry, facts in met:
            ranks.setdefault(entry.rank, []).append((entry, facts))
        self.groups = [self._chains(group) for _, group in sorted(ranks.items())]
        self.outcomes: dict[tuple[object, ...], Outcome] = {}
        self.reasons: dict[Reason, None] = {}
        self.ways = 0

    def _chains(self, group: Sequence[Met]) -> list[list[Met]]:
        """Split what is tied: within a chain the order is known, between chains it is not."""
        chains: dict[str, list[Met]] = {}
        for entry, facts in group:
            known = self.tie is Tie.AGE and (entry.created or not entry.owner)
            chains.setdefault("" if known else entry.owner, []).append((entry, facts))
        for chain in chains.values():
            chain.sort(key=lambda met: (met[0].created, *met[0].order))
        return [chains[owner] for owner in sorted(chains)]

    def run(self) -> tuple[tuple[Outcome, ...], tuple[Reason, ...]]:
        """Return every outcome once, and what decides between them."""
        self._group(0, {})
        found = tuple(self.outcomes.values())
        if self.ways > MAX_WAYS:
            message = f"more than {MAX_WAYS} ways to fill in the facts that are missing here: not all were tried"
            return found, (*self.reasons, Reason(rule="LIMIT", message=message))
        return found, (tuple(self.reasons) if len(found) > 1 else ())

    def _ends(self, outcome: Outcome) -> None:
        self.ways += 1
        key = self._same(outcome)
        self.outcomes[key] = first_named(self.outcomes.get(key, outcome), outcome)

    def _same(self, outcome: Outcome) -> tuple[object, ...]:
        """Of controllers of Ingresses nobody says which object counts, so it does not matter which it was."""
        return outcome.answer if self.tie is Tie.OPEN else outcome.decided

    def _group(self, number: int, known: dict[str, str]) -> None:
        if self.ways > MAX_WAYS:
            return
        if number == len(self.groups):
            self._ends(self.otherwise)
            return
        self._tied(number, 0, known, [])

    def _tied(self, number: int, chain: int, known: dict[str, str], winners: list[Entry]) -> None:
        """Find each chain's own winner, then any of the winners may be the one."""
        chains = self.groups[number]
        if chain < len(chains):
            self._chain(number, chain, 0, known, winners)
        elif winners:
            if len({self._same(winner.outcome) for winner in winners}) > 1:
                self.reasons[self._tie_reason(winners)] = None
            for winner in winners:
                self._ends(winner.outcome)
        else:
            self._group(number + 1, known)

    def _chain(self, number: int, chain: int, place: int, known: dict[str, str], winners: list[Entry]) -> None:
        chosen = self.groups[number][chain]
        if place == len(chosen):
            self._tied(number, chain + 1, known, winners)
            return
        entry, facts = chosen[place]
        open_facts = [fact for fact in facts if known.get(fact.key, fact.value) == fact.value]
        if len(open_facts) < len(facts):
            self._chain(number, chain, place + 1, known, winners)
            return
        missing = [fact for fact in facts if fact.key not in known]
        if not missing:
            self._tied(number, chain + 1, known, [*winners, entry])
            return
        for option in missing[0].options:
            self.reasons[missing[0].reason] = None
            self._chain(number, chain, place, {**known, missing[0].key: option}, winners)

    def _tie_reason(self, winners: Sequence[Entry]) -> Reason:
        names = ", ".join(sorted({winner.owner for winner in winners}))
        if self.tie is Tie.OPEN:
            return Reason(
                rule="ING-6", message=f"{names} match equally well; which of them wins is left to controllers"
            )
        return Reason(rule="GW-18", message=f"{names} match equally well and not all have a creationTimestamp")
