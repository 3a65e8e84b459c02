"""What the rules ask about requests: which matches never get one, and which are equally good.

Every match is first tried with a few requests of its own; Z3 is asked about those only that none of these reaches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from netcheck.engines.requests_shadow import rivals, shadows, wins
from netcheck.errors import InternalError, SolverLimit, WitnessMismatch
from netcheck.lint.finding import Related
from netcheck.logic.requests import (
    CompiledFrontend,
    Entry,
    FrontendId,
    HostKind,
    HostSet,
    HostTest,
    PathKind,
    RequestPredicate,
    Seen,
    Tie,
)
from netcheck.logic.routing import Router
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Verdict
from netcheck.model.request import Chosen, Request, Scheme
from netcheck.queries.requests import routed_by_oracle

MOST_BEFORE = 200
"""A match behind more others than this that it can meet is not asked about."""
MOST_ASKED = 200
"""Of more matches than this that their own requests do not reach, the others are not asked about."""

MOST_CONTENDERS = 20
"""Of more objects than this that are equally good the others are not named."""

_OTHER = "other"
_SCHEMES = (Scheme.HTTP, Scheme.HTTPS, Scheme.GRPC, Scheme.TLS, Scheme.TCP, Scheme.UDP)


@dataclass(frozen=True, slots=True)
class Never:
    """A match that never gets a request: `request`, which it matches, is one of those that `shadows` take."""

    chosen: Chosen
    shadows: tuple[Chosen, ...]
    request: Request


@dataclass(frozen=True, slots=True)
class Tied:
    """Matches of different objects that are equally good for a request, by name; nothing known decides between them.

    `pair` names two of the objects that do something different with it.
    """

    frontend: FrontendId
    contenders: tuple[Chosen, ...]
    pair: tuple[str, str]
    request: Request


@dataclass(frozen=True, slots=True)
class _Place:
    """An entry at a door, in one of the forms that the door may have."""

    form: CompiledFrontend
    number: int

    @property
    def entry(self) -> Entry:
        return self.form.frontend.entries[self.number]


class Questions:
    """Answers about the requests of a cluster, each found once."""

    def __init__(self, cluster: Cluster, router: Router) -> None:
        self._cluster = cluster
        self._router = router

    @cached_property
    def _doors(self) -> tuple[tuple[CompiledFrontend, ...], ...]:
        return tuple(tuple(CompiledFrontend(form) for form in forms) for forms in self._router.frontends())

    @cached_property
    def _places(self) -> Mapping[Chosen, tuple[_Place, ...]]:
        found: dict[Chosen, list[_Place]] = {}
        for forms in self._doors:
            for form in forms:
                for number, entry in enumerate(form.frontend.entries):
                    if entry.outcome.chosen is not None:
                        found.setdefault(entry.outcome.chosen, []).append(_Place(form, number))
        return {chosen: tuple(places) for chosen, places in found.items()}

    # ---- matches that never get a request ------------------------------------------------------------------------

    def never(self, *kinds: str) -> Iterator[Never]:
        """Yield the matches of routes of these kinds that never get a request, at any door."""
        yield from (item for item in self._never if item.chosen.kind in kinds)

    @cached_property
    def _never(self) -> tuple[Never, ...]:
        suspects = [chosen for chosen, places in self._places.items() if not any(map(_is_reached, places))]
        found = (self._proved(chosen) for chosen in suspects[:MOST_ASKED])
        return tuple(item for item in found if item is not None)

    def _proved(self, chosen: Chosen) -> Never | None:
        taken: dict[Chosen, None] = {}
        for place in self._places[chosen]:
            frontend = place.form.frontend
            before = rivals(frontend, place.number)
            if not before or len(before) > MOST_BEFORE:
                return None
            try:
                core = shadows(frontend, place.number, before)
            except SolverLimit:
                return None
            if core is None:
                return None
            others = (frontend.entries[number].outcome.chosen for number in core)
            taken |= dict.fromkeys(other for other in others if other is not None)
        request = _samples(self._places[chosen][0].entry.predicate)[0]
        request = replace(request, port=self._places[chosen][0].form.frontend.id.port or request.port)
        return Never(chosen, tuple(taken), request) if taken else None

    # ---- matches that are equally good ---------------------------------------------------------------------------

    def ties(self, *doors: str) -> Iterator[Tied]:
        """Yield what is tied at doors of these kinds, each set of objects once; the oracle agrees that nothing decides.

        Raises:
            WitnessMismatch: it does not.
        """
        yield from (item for item in self._ties if item.frontend.kind in doors)

    @cached_property
    def _ties(self) -> tuple[Tied, ...]:
        found: dict[tuple[str, ...], Tied] = {}
        for forms in self._doors:
            asked: set[tuple[int, Request]] = set()
            for number, entry in enumerate(forms[0].frontend.entries):
                tie = _tie(forms[0], number, asked) if entry.outcome.chosen is not None else None
                if tie is not None:
                    found.setdefault(tuple(item.label for item in tie.contenders), tie)
        for tie in found.values():
            self._confirm(tie)
        return tuple(found.values())

    def _confirm(self, tie: Tied) -> None:
        """Put a tie to the oracle, with two of its objects only: what decides between them is theirs alone."""
        labels = set(tie.pair)
        few = replace(
            self._cluster,
            routes=tuple(item for item in self._cluster.routes if item.label in labels),
            ingresses=tuple(item for item in self._cluster.ingresses if item.label in labels),
            openshift_routes=tuple(item for item in self._cluster.openshift_routes if item.label in labels),
        )
        routed = routed_by_oracle(few, tie.frontend, tie.request)
        if routed is None or routed.verdict is not Verdict.UNKNOWN:
            names = " and ".join(sorted(labels))
            raise WitnessMismatch(f"{names} are said to be tied for {tie.request}; the oracle says they are not")


def _is_reached(place: _Place) -> bool:
    """Return whether a request of its own may come to an entry, or to another one that does the same with it."""
    return any(_may_take(place.form, place.number, Seen.of(item)) for item in _samples(place.entry.predicate))


def _may_take(form: CompiledFrontend, number: int, seen: Seen) -> bool:
    """Return whether nothing surely takes a request before an entry does, but what does the same with it."""
    frontend = form.frontend
    entry = frontend.entries[number]
    needed = entry.predicate.facts_for(seen)
    if needed is None:
        return False
    for other in form.candidates(seen):
        rival = frontend.entries[other]
        if rival.rank > entry.rank:
            break
        if rival.rank == entry.rank and not wins(frontend, other, number):
            continue
        facts = rival.predicate.facts_for(seen)
        if facts is not None and set(facts) <= set(needed):  # whatever makes the entry match makes it match
            return frontend.tie is Tie.OPEN and rival.outcome.answer == entry.outcome.answer
    return True


def _tie(form: CompiledFrontend, number: int, asked: set[tuple[int, Request]]) -> Tied | None:
    """Return the objects that match a request of an entry as well as it does, where that makes a difference.

    `asked`: the requests that were tried for entries of a rank.
    """
    frontend = form.frontend
    rank = frontend.entries[number].rank
    for request in _samples(frontend.entries[number].predicate):
        if (rank, request) in asked:
            continue
        asked.add((rank, request))
        contenders = sorted(_contenders(form, number, Seen.of(request)).items())
        other = next((name for name, item in contenders if item.outcome.answer != contenders[0][1].outcome.answer), "")
        if other:
            shown = replace(request, port=frontend.id.port or request.port)
            chosen = [item.outcome.chosen for _, item in contenders if item.outcome.chosen is not None]
            return Tied(frontend.id, tuple(chosen[:MOST_CONTENDERS]), (contenders[0][0], other), shown)
    return None


def _contenders(form: CompiledFrontend, number: int, seen: Seen) -> dict[str, Entry]:
    """Return object -> its entry of one rank that takes a request, if nothing may take it before: one for each object.

    Of those whose age counts and is known only the oldest can win.
    """
    frontend, mine = form.frontend, form.frontend.entries[number]
    rank = mine.rank
    found: dict[str, Entry] = {}
    oldest: int | None = None
    for other in form.candidates(seen):
        entry = frontend.entries[other]
        if entry.rank > rank:
            break
        if entry.rank == rank and not _same_fields(entry.predicate, mine.predicate):
            continue  # of one rank they are as many, and the request has those of the first only
        facts = entry.predicate.facts_for(seen)
        if facts is None:
            continue
        if entry.rank < rank:
            return {}
        if facts or entry.outcome.chosen is None:
            continue
        if frontend.tie is Tie.AGE and entry.created:
            oldest = other if oldest is None or wins(frontend, other, oldest) else oldest
        else:
            found.setdefault(entry.owner, entry)
    if oldest is not None:
        found[frontend.entries[oldest].owner] = frontend.entries[oldest]
    return found


def _same_fields(one: RequestPredicate, other: RequestPredicate) -> bool:
    """Return whether two predicates ask for the same headers and query parameters, in any order."""
    if (one.headers, one.query) == (other.headers, other.query):
        return True
    return len(one.headers) + len(one.query) > 1 and (set(one.headers), set(one.query)) == (
        set(other.headers),
        set(other.query),
    )


# ---- requests ----------------------------------------------------------------------------------------------------------


def _samples(predicate: RequestPredicate) -> tuple[Request, ...]:
    """Return requests that a predicate probably matches: in the widest sense, then in the narrowest."""
    scheme = next(item for item in _SCHEMES if item in predicate.schemes)
    host = _host(predicate.host) or next((_host(test) for test in predicate.also_host), "") or f"{_OTHER}.example"
    secure = scheme in (Scheme.HTTPS, Scheme.TLS)
    request = Request(
        scheme=scheme,
        host=host,
        sni=(_host(predicate.sni) or host) if secure else "",
        port=443 if secure else 80,
        method=predicate.method or "GET",
        headers=tuple((test.name, test.value) for test in predicate.headers),
        query=tuple((test.name, test.value) for test in predicate.query),
    )
    return tuple(replace(request, path=path) for path in _paths(predicate))


def _paths(predicate: RequestPredicate) -> Sequence[str]:
    test = predicate.path
    match test.kind:
        case PathKind.EXACT:
            return (test.value,)
        case PathKind.PREFIX:
            return (f"{test.value}/{_OTHER}", test.value, f"{test.value}/")
        case PathKind.LAST:
            return (f"/{_OTHER}/{test.value}",)
        case PathKind.ANY:
            return (f"/{_OTHER}", "/")
    raise InternalError(f"there is no kind of path {test.kind}")


def _host(test: HostTest | HostSet) -> str:
    if isinstance(test, HostSet):
        return next((_host(item) for item in sorted(test.tests)), "") if test.tests else ""
    match test.kind:
        case HostKind.EXACT:
            return test.name
        case HostKind.BELOW | HostKind.CHILD:
            return f"{_OTHER}.{test.name}"
        case HostKind.MADE_UP:
            return f"{test.name}.{_OTHER}"
        case HostKind.ANY:
            return ""
    raise InternalError(f"there is no kind of host {test.kind}")


def request_text(request: Request) -> str:
    """Return a request as people write it."""
    if request.scheme in (Scheme.TCP, Scheme.UDP):
        return f"a {request.scheme.value.upper()} connection to port {request.port}"
    if request.scheme is Scheme.TLS:
        return f"a TLS connection for `{request.sni}`"
    scheme = "https" if request.scheme is Scheme.HTTPS else "http"
    port = "" if request.port in (0, 80, 443) else f":{request.port}"
    query = "&".join(f"{name}={value}" for name, value in request.query)
    headers = ", ".join(f"{name}: {value}" for name, value in request.headers)
    text = f"`{request.method} {scheme}://{request.host}{port}{request.path}{'?' if query else ''}{query}`"
    return f"{text} with `{headers}`" if headers else text


def rule_text(chosen: Chosen, than: Chosen | None = None) -> str:
    """Return which match it is: `rule 1 match 0 of HTTPRoute shop/web`; of the same object as `than` without its name."""
    rule = f"rule {chosen.rule_name or chosen.rule}" if chosen.rule >= 0 else "the default backend"
    number = f" match {chosen.match}" if chosen.match >= 0 else ""
    if chosen.kind == "Ingress":
        number = f" path {chosen.match}" if chosen.match >= 0 else ""
    if chosen.kind == "Route":
        return chosen.label
    same = than is not None and than.label == chosen.label
    return f"{rule}{number}" if same else f"{rule}{number} of {chosen.label}"


def chosen_related(chosen: Chosen, message: str) -> Related:
    """Return a match as something that a finding about another one speaks of."""
    return Related(message=message, place=chosen.place, object=chosen.label)
