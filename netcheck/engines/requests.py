"""Questions about all requests: is a match ever the one that decides, which requests reach a backend, what conflicts.

Answers hold for every request, by Z3 over atoms that are exact. What the input does not tell (regular expressions, ages)
is free: `YES` and `NO` are given only if they hold whatever it is. Witnesses are put to the oracle by `queries.requests`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from netcheck.engines.requests_smt import Asked, EntrySolver
from netcheck.logic.requests import CompiledFrontend, Entry, Frontend, FrontendId, HostKind, PathKind, Seen, Tie
from netcheck.logic.routing import Router
from netcheck.model.cluster import Cluster
from netcheck.model.request import Chosen, Request, Scheme, Share


class Ever(Enum):
    """Whether some request is taken: yes or no, whatever the missing facts are, or it depends on them."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Whether a match is ever the one that takes a request.

    Attributes:
        witness: a request that it takes, iff `YES`.
        shadowed_by: iff `NO`: a minimal set of matches that take all that it matches; empty: it matches nothing.
    """

    verdict: Ever
    witness: Request | None = None
    shadowed_by: tuple[Chosen, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Requests that come to a backend through one door, as their matches say it; earlier matches may take some of them.

    Attributes:
        hosts: as hostnames, `*` for any; paths: `/a`, `/a/*` for what is below too, `~` for a regular expression.
        methods, headers, query: empty: any.
        rules: what takes them; `certain` is false iff it depends on missing facts whether any comes.
    """

    frontend: FrontendId
    hosts: tuple[str, ...]
    paths: tuple[str, ...]
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    rules: tuple[Chosen, ...] = ()
    certain: bool = True
    mirrored: bool = False
    witness: Request | None = None


class Clash(Enum):
    """Why two objects are in conflict."""

    TIE = "tie"
    """Both match some request and nothing that is known decides between them (GW-18, ING-6)."""
    HIDDEN = "hidden"
    """One takes every request that the other matches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two objects that contend for requests; of `HIDDEN`, `one` is hidden by `other`."""

    kind: Clash
    frontend: FrontendId
    one: Chosen
    other: Chosen
    witness: Request


@dataclass(frozen=True, slots=True)
class _State:
    """What one pass found about an entry: a request that surely comes to it, and whether any can."""

    surely: Request | None
    possibly: bool


class RequestEngine:
    """Questions about the requests of a cluster. Each door is encoded when it is first asked about."""

    def __init__(self, cluster: Cluster, router: Router | None = None) -> None:
        self.cluster = cluster
        self.router = router or Router(cluster)
        self._forms = {forms[0].id: forms for forms in self.router.frontends()}
        self._passes: dict[FrontendId, tuple[_Pass, ...]] = {}
        self._answers: dict[tuple[FrontendId, Chosen], Reached] = {}

    def frontends(self) -> tuple[FrontendId, ...]:
        """Return every door with routes, in order."""
        return tuple(self._forms)

    def matches(self, frontend: FrontendId) -> tuple[Chosen, ...]:
        """Return every match of a door, each once, in the order of precedence."""
        found = (entry.outcome.chosen for entry in self._forms[frontend][0].entries)
        return tuple(dict.fromkeys(chosen for chosen in found if chosen is not None))

    def reached(self, frontend: FrontendId, chosen: Chosen) -> Reached:
        """Return whether a match is ever the one that takes a request.

        Raises:
            SolverLimit: the solver gave up.

        """
        known = self._answers.get((frontend, chosen))
        if known is None:
            known = self._answers[frontend, chosen] = self._reached(frontend, chosen)
        return known

    def _reached(self, frontend: FrontendId, chosen: Chosen) -> Reached:
        answers = [form.reached(chosen) for form in self._passed(frontend)]
        verdicts = {answer.verdict for answer in answers}
        if verdicts == {Ever.NO}:
            return answers[0]
        if verdicts != {Ever.YES}:
            return Reached(verdict=Ever.UNKNOWN)
        for answer in answers:
            if answer.witness and all(form.takes(answer.witness, chosen) for form in self._passed(frontend)):
                return answer
        return Reached(verdict=Ever.UNKNOWN)

    def _passed(self, frontend: FrontendId) -> tuple[_Pass, ...]:
        if frontend not in self._passes:
            self._passes[frontend] = tuple(_Pass(form) for form in self._forms[frontend])
        return self._passes[frontend]

    # ---- backends ----------------------------------------------------------------------------------------------

    def requests_to(self, namespace: str, service: str) -> tuple[Way, ...]:
        """Return the requests that can come to a Service, as few lines as their shapes allow.

        Raises:
            SolverLimit: the solver gave up.

        """
        found: list[Way] = []
        for frontend, forms in self._forms.items():
            entries = forms[0].entries
            if any(_leads_to(entry, namespace, service) for entry in entries):
                found += _joined(self._ways(frontend, namespace, service))
        return tuple(found)

    def _ways(self, frontend: FrontendId, namespace: str, service: str) -> Iterator[Way]:
        passed = self._passed(frontend)[0]
        for number, entry in enumerate(passed.frontend.entries):
            chosen = entry.outcome.chosen
            if chosen is None or not _leads_to(entry, namespace, service):
                continue
            state = passed.states[number]
            if state.possibly:
                known = self.reached(frontend, chosen).verdict is Ever.YES and not entry.outcome.reasons
                kept = state.surely if known else None
                mirrored = not any(_is(share, namespace, service) for share in entry.outcome.shares)
                way = _way(frontend, entry, chosen)
                yield replace(way, certain=kept is not None, witness=kept, mirrored=mirrored)

    # ---- conflicts ---------------------------------------------------------------------------------------------

    def conflicts(self) -> tuple[Conflict, ...]:
        """Return the pairs of objects that contend: undecided ties, and objects that another one hides entirely.

        Raises:
            SolverLimit: the solver gave up.

        """
        found: dict[tuple[str, ...], Conflict] = {}
        for frontend in self._forms:
            for conflict in self._passed(frontend)[0].ties():
                found.setdefault(("tie", conflict.one.label, conflict.other.label), conflict)
        for conflict in self._hidden():
            found.setdefault(("hidden", conflict.one.label, conflict.other.label), conflict)
        return tuple(found[key] for key in sorted(found))

    def _hidden(self) -> Iterator[Conflict]:
        """Yield the objects of which no match is ever reached, at any door, because of one other object."""
        by_object: dict[str, list[tuple[FrontendId, Chosen]]] = {}
        for frontend in self._forms:
            for chosen in self.matches(frontend):
                by_object.setdefault(chosen.label, []).append((frontend, chosen))
        for _, places in sorted(by_object.items()):
            answers = [self.reached(frontend, chosen) for frontend, chosen in places]
            hiding = {item.label: item for answer in answers for item in answer.shadowed_by}
            hiding.pop(places[0][1].label, None)
            if len(hiding) != 1 or any(answer.verdict is not Ever.NO for answer in answers):
                continue
            other = next(iter(hiding.values()))
            for (frontend, chosen), answer in zip(places, answers, strict=True):
                if other.label in {item.label for item in answer.shadowed_by}:
                    witness = self._passed(frontend)[0].both(chosen, other)
                    if witness is not None:
                        yield Conflict(kind=Clash.HIDDEN, frontend=frontend, one=chosen, other=other, witness=witness)
                        break


# ---- one frontend ------------------------------------------------------------------------------------------------


class _Pass:
    """One frontend in Z3: every entry is asked about in the order of precedence, with what went before negated."""

    def __init__(self, frontend: Frontend) -> None:
        self.frontend = frontend
        self.compiled = CompiledFrontend(frontend)
        self.solver = EntrySolver(frontend.entries, frontend.id.port)
        self.ranks: dict[int, list[int]] = {}
        for number, entry in enumerate(frontend.entries):
            self.ranks.setdefault(entry.rank, []).append(number)
        self.numbers: dict[Chosen, list[int]] = {}
        for number, entry in enumerate(frontend.entries):
            if entry.outcome.chosen is not None:
                self.numbers.setdefault(entry.outcome.chosen, []).append(number)
        self.states: Mapping[int, _State] = dict(self._run())

    def _run(self) -> Iterator[tuple[int, _State]]:
        surely, possibly = self.solver.asked(), self.solver.asked()
        for rank in self.ranks.values():
            for number in rank:
                yield number, self._state(number, rank, surely, possibly)
            surely.rule_out(rank, exact=True)
            possibly.rule_out(rank, exact=False)

    def _state(self, number: int, rank: Sequence[int], surely: Asked, possibly: Asked) -> _State:
        entry = self.frontend.entries[number]
        found = None
        if not entry.predicate.all_facts:
            rivals = [other for other in rank if self._may_win(other, number)]
            found = surely.find([number], rivals, exact=True)
        if found is not None:
            return _State(self._plain(found, entry), True)
        before = [other for other in rank if self._wins(other, number)]
        return _State(None, possibly.find([number], before, exact=False) is not None)

    def _known(self, entry: Entry) -> bool:
        return self.frontend.tie is Tie.AGE and bool(entry.created or not entry.owner)

    def _wins(self, one: int, other: int) -> bool:
        """Return whether of two tied entries the first surely wins."""
        first, second = self.frontend.entries[one], self.frontend.entries[other]
        if one == other:
            return False
        if first.owner != second.owner and not (self._known(first) and self._known(second)):
            return False
        return (first.created, *first.order, one) < (second.created, *second.order, other)

    def _may_win(self, one: int, other: int) -> bool:
        """Return whether of two tied entries the first may win, and that would be something else."""
        first, second = self.frontend.entries[one], self.frontend.entries[other]
        if one == other or self._wins(other, one):
            return False
        return self._wins(one, other) or first.outcome.decided != second.outcome.decided

    def takes(self, request: Request, chosen: Chosen) -> bool:
        """Return whether the match, or another one of its rule, takes the request whatever the missing facts are."""
        outcomes, _ = self.compiled.outcomes(Seen.of(request))
        return len(outcomes) == 1 and _rule(outcomes[0].chosen) == _rule(chosen)

    def _plain(self, found: Request, entry: Entry) -> Request:
        """Return a plainer request that surely comes to the same entry."""

        def keeps(request: Request) -> bool:
            outcomes, _ = self.compiled.outcomes(Seen.of(request))
            return len(outcomes) == 1 and outcomes[0].decided == entry.outcome.decided

        return self._plainer(found, keeps)

    def _plainer(self, found: Request, keeps: Callable[[Request], bool]) -> Request:
        """Leave out what does not matter, one thing after another."""
        clear = replace(found, scheme=Scheme.HTTP, sni="", port=self.frontend.id.port or 80)
        found = clear if keeps(clear) else found
        if found.scheme is not Scheme.TLS:
            named = replace(found, sni=found.host if found.scheme is Scheme.HTTPS else "")
            found = named if keeps(named) else found
        if found.scheme is not Scheme.GRPC:
            asked = replace(found, method="GET")
            found = asked if keeps(asked) else found
        for name in [name for name, _ in found.headers]:
            less = replace(found, headers=tuple(pair for pair in found.headers if pair[0] != name))
            found = less if keeps(less) else found
        for name in [name for name, _ in found.query]:
            less = replace(found, query=tuple(pair for pair in found.query if pair[0] != name))
            found = less if keeps(less) else found
        return found

    def reached(self, chosen: Chosen) -> Reached:
        """Return whether a match ever takes a request of this frontend."""
        numbers = self.numbers.get(chosen, [])
        for number in numbers:
            if self.states[number].surely is not None:
                return Reached(verdict=Ever.YES, witness=self.states[number].surely)
        if any(self.states[number].possibly for number in numbers):
            return Reached(verdict=Ever.UNKNOWN)
        shadows = (self._shadows(number) for number in numbers)
        return Reached(verdict=Ever.NO, shadowed_by=tuple(dict.fromkeys(item for part in shadows for item in part)))

    def _shadows(self, number: int) -> Iterator[Chosen]:
        rank = self.frontend.entries[number].rank
        rivals = [other for other in range(len(self.frontend.entries)) if self._before(other, number, rank)]
        for other in self.solver.core(number, rivals):
            chosen = self.frontend.entries[other].outcome.chosen
            if chosen is not None:
                yield chosen

    def _before(self, other: int, number: int, rank: int) -> bool:
        earlier = self.frontend.entries[other].rank
        goes_first = earlier < rank or (earlier == rank and self._wins(other, number))
        return goes_first and self.solver.may_meet(other, number)

    def ties(self) -> Iterator[Conflict]:
        """Yield pairs of objects that match one request equally well, with nothing known to decide between them."""
        asked = self.solver.asked()
        for rank in self.ranks.values():
            seen: set[frozenset[str]] = set()
            for one, other in self._pairs(rank):
                entries = self.frontend.entries[one], self.frontend.entries[other]
                pair = frozenset(entry.owner for entry in entries)
                witness = None if pair in seen else self._both(asked, one, other)
                if witness is not None and entries[0].outcome.chosen and entries[1].outcome.chosen:
                    seen.add(pair)
                    yield Conflict(
                        kind=Clash.TIE,
                        frontend=self.frontend.id,
                        one=entries[0].outcome.chosen,
                        other=entries[1].outcome.chosen,
                        witness=witness,
                    )
            asked.rule_out(rank, exact=True)

    def _both(self, asked: Asked, one: int, other: int) -> Request | None:
        found = asked.find([one, other], exact=True)
        if found is None:
            return None
        wanted = {self.frontend.entries[number].outcome.decided for number in (one, other)}

        def keeps(request: Request) -> bool:
            outcomes, _ = self.compiled.outcomes(Seen.of(request))
            return wanted <= {outcome.decided for outcome in outcomes}

        return self._plainer(found, keeps) if keeps(found) else None

    def _pairs(self, rank: Sequence[int]) -> Iterator[tuple[int, int]]:
        for place, one in enumerate(rank):
            for other in rank[place + 1 :]:
                if not self._wins(one, other) and not self._wins(other, one) and self._may_win(one, other):
                    yield one, other

    def both(self, chosen: Chosen, other: Chosen) -> Request | None:
        """Return a request that two matches match, whichever takes it."""
        for one in self.numbers.get(chosen, ()):
            for two in self.numbers.get(other, ()):
                found = self.solver.asked().find([one, two], exact=True)
                if found is not None:
                    return found
        return None


def _rule(chosen: Chosen | None) -> tuple[str, str, str, int] | None:
    return (chosen.kind, chosen.namespace, chosen.name, chosen.rule) if chosen is not None else None


# ---- shapes of requests ------------------------------------------------------------------------------------------


def _is(share: Share, namespace: str, service: str) -> bool:
    return not share.problem and (share.kind, share.namespace, share.name) == ("Service", namespace, service)


def _leads_to(entry: Entry, namespace: str, service: str) -> bool:
    return any(_is(share, namespace, service) for share in (*entry.outcome.shares, *entry.outcome.mirrors))


def _way(frontend: FrontendId, entry: Entry, chosen: Chosen) -> Way:
    predicate = entry.predicate
    host = predicate.sni if Scheme.HTTP not in predicate.schemes and predicate.host.kind is HostKind.ANY else None
    name, kind = predicate.host.name, predicate.host.kind
    if host is not None:
        name, kind = getattr(host, "name", ""), getattr(host, "kind", HostKind.ANY)
    shown = {HostKind.ANY: "*", HostKind.EXACT: name, HostKind.MADE_UP: f"{name}.*"}.get(kind, f"*.{name}")
    return Way(
        frontend=frontend,
        hosts=(shown,),
        paths=(_path(entry),),
        methods=(predicate.method,) if predicate.method else (),
        headers=tuple(f"{test.name}: {'~' if test.fact else ''}{test.value}" for test in predicate.headers),
        query=tuple(f"{test.name}={'~' if test.fact else ''}{test.value}" for test in predicate.query),
        rules=(chosen,),
    )


def _path(entry: Entry) -> str:
    test = entry.predicate.path
    patterns = [fact.key.partition("~ ")[2] for fact in entry.predicate.facts if "~ " in fact.key]
    match test.kind:
        case PathKind.EXACT:
            return test.value
        case PathKind.PREFIX:
            return f"{test.value}/*"
        case PathKind.LAST:
            return f"/*/{test.value}"
        case PathKind.ANY:
            return f"~{patterns[0]}" if patterns else "/*"


def _joined(ways: Iterable[Way]) -> list[Way]:
    """Join ways that differ in hosts only, then those that differ in paths only, then in methods only."""
    found = list(ways)
    for field_name in ("hosts", "paths", "methods"):
        groups: dict[tuple[object, ...], Way] = {}
        for way in found:
            if field_name == "methods" and not way.methods:
                key: tuple[object, ...] = (id(way),)
            else:
                key = tuple(
                    getattr(way, name)
                    for name in ("hosts", "paths", "methods", "headers", "query", "certain", "mirrored")
                    if name != field_name
                )
            known = groups.get(key)
            groups[key] = way if known is None else _with(known, way, field_name)
        found = list(groups.values())
    return found


def _with(one: Way, other: Way, field_name: str) -> Way:
    joined = tuple(sorted({*getattr(one, field_name), *getattr(other, field_name)}))
    rules = tuple(dict.fromkeys((*one.rules, *other.rules)))
    changes: dict[str, Any] = {field_name: _least(joined)}
    return replace(one, **changes, rules=rules, witness=one.witness or other.witness)


def _least(names: Sequence[str]) -> tuple[str, ...]:
    """Leave out what another pattern covers."""
    return tuple(name for name in names if not any(other != name and _covers(other, name) for other in names))


def _covers(wide: str, name: str) -> bool:
    if wide == "*" or (wide == "/*" and name.startswith("/")):
        return True
    if wide.startswith("/") and wide.endswith("/*") and name.startswith("/"):
        return name == wide[:-2] or name.startswith(wide[:-1])
    return wide.startswith("*.") and name.endswith(wide[1:]) and name != wide
