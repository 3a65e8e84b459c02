"""`verify`: do intents hold, of the pods that exist and of those that could be created?

The matrix of all pairs is made once for all intents, over classes cut where policies or intents cut. An end whose
selection rests on missing facts (WL-3) is judged twice: a violation must be one of what is surely selected, and an
intent holds only if it does for all that is perhaps selected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from netcheck.engines.sets import SetEngine
from netcheck.errors import NetcheckError, Problem, Severity, UsageError
from netcheck.logic.classes import Universe, mask_of
from netcheck.logic.translate import resolutions, translate
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Verdict
from netcheck.model.intents import Closes, Demand, Intent, IntentEnd, IntentScope
from netcheck.model.policy import NetworkPolicy
from netcheck.queries.dataplane import with_phantoms
from netcheck.queries.flow_table import Box, FlowTable, Group, Parts, meets, minus
from netcheck.queries.intent_ends import EndResolver, Members, cuts
from netcheck.queries.intent_witness import Witnesses
from netcheck.queries.symbolic_ends import SymbolicEnds
from netcheck.queries.unknowns import reasons as missing_facts
from netcheck.queries.verify_results import IntentResult, Outcome, Uncovered, Verification
from netcheck.values.addresses import IPSet
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import Protocol

DEFAULT_TIMEOUT_MS = 10_000


class IntentsRefused(UsageError):
    """Intents that cannot be used, each with its place (exit 2)."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = [f"{item.place}: {item.message}" + (f"\n  hint: {item.hint}" if item.hint else "") for item in problems]
        head = "1 fault" if len(lines) == 1 else f"{len(lines)} faults"
        super().__init__(f"the intents cannot be used: {head}\n" + "\n".join(lines))
        self.problems = tuple(problems)


def verify(
    cluster: Cluster,
    intents: Sequence[Intent],
    *,
    timeout_ms: int = DEFAULT_TIMEOUT_MS,
    why: bool = False,
    coverage: bool = True,
) -> Verification:
    """Return for each intent whether it holds, violated ones first, and the allowed connections that none speaks of.

    Raises:
        IntentsRefused: an end of some intent cannot be read.

    """
    question = Question(with_phantoms(cluster), intents)
    judge = Judge(question)
    results = [judge.existing(item) for item in question.asked]
    if any(item.outcome is Outcome.UNKNOWN for item in results):
        from netcheck.queries.verify_settled import settled  # noqa: PLC0415 - it builds on this module

        results = [
            settled(question, asked, found) if found.outcome is Outcome.UNKNOWN else found
            for asked, found in zip(question.asked, results, strict=True)
        ]
    if any(item.scope is IntentScope.ANY_POD for item in intents):
        from netcheck.queries.verify_any_pod import any_pod  # noqa: PLC0415 - the solver is loaded when it is wanted

        results = [
            any_pod(question, asked, found, timeout_ms) if asked.intent.scope is IntentScope.ANY_POD else found
            for asked, found in zip(question.asked, results, strict=True)
        ]
    if why:
        from netcheck.queries.verify_why import with_basis  # noqa: PLC0415

        results = [
            with_basis(question, asked, found, timeout_ms) for asked, found in zip(question.asked, results, strict=True)
        ]
    uncovered: tuple[Uncovered, ...] = ()
    if coverage:
        from netcheck.queries.verify_coverage import uncovered_flows  # noqa: PLC0415

        uncovered = uncovered_flows(question)
    ordered = sorted(results, key=lambda item: list(Outcome).index(item.outcome))
    return Verification(results=tuple(ordered), uncovered=uncovered)


# ---- what is asked -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One end of an intent over the elements of the universe: what it surely, and what it perhaps stands for."""

    members: tuple[Members, ...]
    certain: int
    possible: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An intent with its ends resolved. A destination that is a Service has a port of its own for each backend.

    Attributes:
        certain, possible: the destinations with their ports.
        choices: for each port of each Service its backends: an `allow` needs one of them.
        mask: the ports asked, of ends that name none of their own.
    """

    intent: Intent
    sources: Side
    destinations: Side
    certain: tuple[Box, ...]
    possible: tuple[Box, ...]
    choices: tuple[tuple[Box, ...], ...] = ()
    mask: int


class Question:
    """All intents over one cluster: their ends, and the engine whose classes tell the ends apart."""

    def __init__(self, cluster: Cluster, intents: Sequence[Intent], mentioned: Sequence[NetworkPolicy] = ()) -> None:
        """`mentioned` are policies that have no effect: the classes are cut where they cut."""
        self.cluster = cluster
        self._mentioned = tuple(mentioned)
        self.resolver = EndResolver(cluster)
        ends = [self._ends(item) for item in intents]
        every = list({id(found): found for pair in ends for side in pair for found in side}.values())
        self.engine = self._engine(every, intents)
        self.table = FlowTable(self.engine)
        self._bits: dict[frozenset[int], int] = {}
        self.asked = [self._asked(item, *found) for item, found in zip(intents, ends, strict=True)]

    def _ends(self, intent: Intent) -> tuple[tuple[Members, ...], tuple[Members, ...]]:
        problems: list[Problem] = []
        found = tuple(
            tuple(self._member(end, intent, problems, is_source=is_source) for end in side)
            for side, is_source in ((intent.sources, True), (intent.destinations, False))
        )
        if problems:
            raise IntentsRefused(problems)
        return found[0], found[1]

    def _member(self, end: IntentEnd, intent: Intent, problems: list[Problem], *, is_source: bool) -> Members:
        try:
            found = self.resolver.members(end, None if is_source else intent.ports)
        except NetcheckError as error:
            message, _, hint = str(error).partition("\n  hint: ")
            problems.append(Problem(severity=Severity.ERROR, message=message, hint=hint, place=end.place))
            return Members(text=end.text, place=end.place)
        if is_source and found.services is not None:
            message = f"`{end.text}`: a Service opens no connections"
            problems.append(
                Problem(severity=Severity.ERROR, message=message, hint="name its pods as the source", place=end.place)
            )
        return found

    def _engine(self, every: Sequence[Members], intents: Sequence[Intent]) -> SetEngine:
        """Return the engine whose classes, addresses and ports are cut where intents cut."""
        apart: list[list[int]] = [[] for _ in self.cluster.pods]
        sets = {found for item in every for found in (item.pods, item.maybe) if found}
        sets |= {
            frozenset(position for position, held in backends.pods if held == ports)
            for item in every
            for backends in item.services or ()
            for ports in {held for _, held in backends.pods}
        }
        for number, chosen in enumerate(sorted(sets, key=lambda one: (len(one), sorted(one)))):
            for position in chosen:
                apart[position].append(number)
        names = sorted({name for item in intents for name in self.resolver.port_numbers(item.ports or ())[1]}, key=str)
        numbers = [self.resolver.named(position, tuple(names)) for position in range(len(apart))] if names else []
        groups = [
            (tuple(one), tuple(self.resolver.named(position, (name,)) for name in names))
            for position, one in enumerate(apart)
        ]
        ports = {self.resolver.port_numbers(item.ports or ())[0] for item in intents} | set(numbers)
        ports |= {held for item in every for backends in item.services or () for _, held in backends.pods}
        ports |= {held for item in every for backends in item.services or () for _, held in backends.addresses}
        programs = [translate(self.cluster, profile) for profile in resolutions(self.cluster)]
        if self._mentioned:
            named = replace(self.cluster, policies=self._mentioned, admin=(), opaque=())
            programs += [translate(named, profile) for profile in resolutions(named)]
        universe = Universe(
            self.cluster,
            programs,
            cuts=tuple(dict.fromkeys(cuts(every))),
            port_cuts=sorted(ports, key=str),
            apart=groups,
        )
        return SetEngine(self.cluster, universe=universe)

    # ---- over the universe -------------------------------------------------------------------------------------

    def bits(self, pods: frozenset[int]) -> int:
        """Return the elements that some pods are; the universe tells them apart from all others."""
        found = self._bits.get(pods)
        if found is None:
            class_of = self.engine.universe.class_of
            found = self._bits[pods] = mask_of({class_of[position] for position in pods})
        return found

    def atoms(self, addresses: IPSet) -> int:
        """Return the elements of a set of addresses, but for those that are all known pods' or nodes'."""
        universe = self.engine.universe
        return universe.addresses.bits(addresses) << universe.atom_offset & ~self.table.taken

    def side(self, members: tuple[Members, ...]) -> Side:
        """Return what some ends stand for, as elements."""
        certain = possible = 0
        for item in members:
            bits = self._plain(item)
            for backends in item.services or ():
                bits |= self.bits(frozenset(position for position, _ in backends.pods))
            certain |= bits
            possible |= bits | self.bits(item.maybe)
        return Side(members=members, certain=certain, possible=possible)

    def _plain(self, item: Members) -> int:
        universe = self.engine.universe
        bits = self.bits(item.pods) | sum(1 << (universe.pod_count + position) for position in item.nodes)
        if item.addresses:
            bits |= self.atoms(item.addresses)
        return bits | (1 << universe.own_node if item.own_node else 0)

    def _asked(self, intent: Intent, sources: tuple[Members, ...], destinations: tuple[Members, ...]) -> Asked:
        numbers, names = self.resolver.port_numbers(intent.ports or ())
        ports = self.engine.universe.ports
        mask = ports.everything if intent.ports is None else ports.mask(numbers)
        certain: list[Box] = []
        possible: list[Box] = []
        choices: list[tuple[Box, ...]] = []
        for item in destinations:
            if item.services is not None:
                each = self._service_boxes(item)
                choices += each
                certain += [box for boxes in each for box in boxes]
                possible += [box for boxes in each for box in boxes]
                continue
            plain = self._plain(item)
            certain += self._boxes(plain, item.pods, mask, names)
            possible += self._boxes(plain | self.bits(item.maybe), item.pods | item.maybe, mask, names)
        return Asked(
            intent=intent,
            sources=self.side(sources),
            destinations=self.side(destinations),
            certain=tuple(certain),
            possible=tuple(possible),
            choices=tuple(choices),
            mask=mask,
        )

    def _boxes(
        self, bits: int, pods: frozenset[int], mask: int, names: tuple[tuple[str, Protocol], ...]
    ) -> Iterable[Box]:
        if bits and mask:
            yield Box(bits, mask)
        by_ports: dict[ConnectionSet, set[int]] = {}
        for position in pods if names else ():
            by_ports.setdefault(self.resolver.named(position, names), set()).add(position)
        for held, members in by_ports.items():
            if held:
                yield Box(self.bits(frozenset(members)), self.engine.universe.ports.mask(held))

    def _service_boxes(self, item: Members) -> list[tuple[Box, ...]]:
        ports = self.engine.universe.ports
        found = []
        for backends in item.services or ():
            by_ports: dict[ConnectionSet, set[int]] = {}
            for position, held in backends.pods:
                by_ports.setdefault(held, set()).add(position)
            boxes = [Box(self.bits(frozenset(chosen)), ports.mask(held)) for held, chosen in by_ports.items()]
            boxes += [Box(self.atoms(addresses), ports.mask(held)) for addresses, held in backends.addresses]
            found.append(tuple(boxes))
        return found


# ---- judging -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """Flows that must not be: from `sources` to `boxes`, but for `excepted`."""

    sources: int
    boxes: tuple[Box, ...]
    excepted: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A pair of elements with ports that show an outcome."""

    source: int
    destination: int
    mask: int


class Judge:
    """Judges intents of the pods that exist."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._table = question.table
        self._witnesses = Witnesses(question.cluster, question.engine)
        self._symbolic = SymbolicEnds(question.cluster, question.engine)

    def existing(self, asked: Asked) -> IntentResult:
        """Return whether an intent holds of what is loaded."""
        vacuous = self._vacuous(asked)
        if vacuous is not None and any(item.lost for item in (*asked.sources.members, *asked.destinations.members)):
            return self._unclear(asked) or vacuous
        result = vacuous or self._judged(asked)
        if result.outcome is not Outcome.HOLDS:
            return result
        return self._symbolic_result(asked) or self._unclear(asked) or result

    def _unclear(self, asked: Asked) -> IntentResult | None:
        """Return the doubt about an intent of which an end may stand for nothing, or for what is not loaded."""
        members = (*asked.sources.members, *asked.destinations.members)
        lost = {reason for item in members for reason in item.lost}
        if asked.intent.demand is Demand.ONLY:
            lost |= set(self._question.resolver.lost())
        unclear = tuple(
            reason
            for item in members
            for reason in item.reasons
            if not item.pods and (item.services is not None or not asked.intent.allow_empty)
        )
        unclear += tuple(sorted(lost, key=lambda reason: reason.message))
        if not unclear:
            return None
        message = "what an end stands for is not known"
        return IntentResult(intent=asked.intent, outcome=Outcome.UNKNOWN, message=message, reasons=unclear)

    # ---- vacuity -----------------------------------------------------------------------------------------------

    def _vacuous(self, asked: Asked) -> IntentResult | None:
        """Return the result of an intent of which some end stands for nothing, or that speaks of no pair."""
        intent = asked.intent
        message = next((text for item in self._empty(asked) if (text := item.nothing)), "")
        if not message and not self._speaks_of_something(asked):
            message = "no two ends of it can meet: it speaks of no connection"
        if not message or intent.allow_empty:
            return None
        if intent.scope is IntentScope.ANY_POD and self._is_about_new_pods(asked):
            return None
        return IntentResult(intent=intent, outcome=Outcome.VIOLATED, vacuous=True, message=f"vacuous: {message}")

    @staticmethod
    def _empty(asked: Asked) -> Iterable[Members]:
        return (item for item in (*asked.sources.members, *asked.destinations.members) if item.is_empty)

    def _is_about_new_pods(self, asked: Asked) -> bool:
        """Return whether each end that stands for nothing selects pods, which may come to be."""
        return all(item.selector is not None for item in self._empty(asked))

    def _speaks_of_something(self, asked: Asked) -> bool:
        if any(item.symbolic or item.reasons for item in (*asked.sources.members, *asked.destinations.members)):
            return True
        if asked.intent.demand is Demand.ONLY and asked.intent.closes is Closes.FROM:
            return bool(asked.sources.possible)
        sources = self._table.ends if asked.intent.demand is Demand.ONLY else asked.sources.possible
        return any(self._table.pair(sources, box.destinations) for box in asked.possible)

    # ---- verdicts ----------------------------------------------------------------------------------------------

    def _judged(self, asked: Asked) -> IntentResult:
        if asked.intent.demand is Demand.ALLOW:
            return self._allowed(asked)
        certain, possible = forbidden_by(asked, self._table)
        hit = self.forbidden(certain, possible=False)
        if hit is not None:
            return self._violated(asked, hit, Verdict.ALLOWED)
        hit = self.forbidden(possible, possible=True)
        if hit is not None:
            return self._unknown(asked, hit)
        return IntentResult(intent=asked.intent, outcome=Outcome.HOLDS)

    def forbidden(self, flows: Forbidden, *, possible: bool) -> Hit | None:
        """Return a flow among those forbidden that is allowed, or where `possible` one that may be."""
        for group in self._table.groups:
            sources = group.sources & flows.sources
            if not sources:
                continue
            row = (*group.allowed, *group.unknown) if possible else group.allowed
            found = self._first(sources, minus(meets(row, flows.boxes), flows.excepted))
            if found is not None:
                return found
        return None

    def _first(self, sources: int, parts: Parts) -> Hit | None:
        for mask, destinations in sorted(parts.items()):
            pair = self._table.pair(sources, destinations)
            if pair is not None:
                return Hit(source=pair[0], destination=pair[1], mask=mask)
        return None

    def _allowed(self, asked: Asked) -> IntentResult:
        services = self._services(asked)
        if services is not None and services.outcome is Outcome.VIOLATED:
            return services
        boxes = {box for choice in asked.choices for box in choice}
        certain = [box for box in asked.certain if box not in boxes]
        possible = [box for box in asked.possible if box not in boxes]
        any_port = asked.intent.ports is None
        hit = self._missing(asked.sources.certain, certain, any_port=any_port, strictly=True)
        if hit is not None:
            return self._violated(asked, hit, Verdict.DENIED)
        hit = self._missing(asked.sources.possible, possible, any_port=any_port, strictly=False)
        if hit is not None:
            return self._unknown(asked, hit)
        return services or IntentResult(intent=asked.intent, outcome=Outcome.HOLDS)

    def _missing(self, sources: int, boxes: Sequence[Box], *, any_port: bool, strictly: bool) -> Hit | None:
        """Return a pair that lacks what is asked: `strictly` one that is denied, else one that is not surely allowed."""
        for group in self._table.groups:
            for chosen, reachable in self.by_family(group.sources & sources):
                for box in boxes:
                    lacking = self.lacking(group, Box(box.destinations & reachable, box.mask), any_port, strictly)
                    found = self._first(chosen, lacking)
                    if found is not None:
                        return found
        return None

    def by_family(self, sources: int) -> Iterable[tuple[int, int]]:
        """Yield parts of some sources with all that shares a family with them (NET-2); of non-pods, pods only."""
        four, six = (self._table.families[version] for version in (4, 6))
        kinds = ((self._table.pods, -1), (~self._table.pods, self._table.pods))
        for within, towards in kinds:
            for chosen, families in ((four & six, four | six), (four & ~six, four), (six & ~four, six)):
                if found := sources & chosen & within:
                    yield found, families & towards

    @staticmethod
    def lacking(group: Group, box: Box, any_port: bool, strictly: bool) -> Parts:
        """Return what of a box a group lacks: all that is denied, or, if not `strictly`, that is not surely allowed."""
        if not box.destinations or not box.mask:
            return {}
        row = (*group.allowed, *group.unknown) if strictly else group.allowed
        if not any_port:
            return minus({box.mask: box.destinations}, row)
        rest = box.destinations
        for item in row:
            if item.mask & box.mask:
                rest &= ~item.destinations
        return {box.mask: rest} if rest else {}

    def _services(self, asked: Asked) -> IntentResult | None:
        """SVC-37: of a Service each source must reach some backend, for each port that is asked (some port if none is)."""
        choices = asked.choices
        if asked.intent.ports is None and choices:
            choices = (tuple(box for choice in choices for box in choice),)
        doubtful: Hit | None = None
        for choice in choices:
            for group in self._table.groups:
                hit = self._unserved(group, group.sources & asked.sources.certain, choice, strictly=True)
                if hit is not None:
                    return self._violated(asked, hit, Verdict.DENIED)
                doubtful = doubtful or self._unserved(
                    group, group.sources & asked.sources.possible, choice, strictly=False
                )
        return self._unknown(asked, doubtful) if doubtful is not None else None

    def _unserved(self, group: Group, sources: int, choice: Sequence[Box], *, strictly: bool) -> Hit | None:
        if not sources:
            return None
        row = (*group.allowed, *group.unknown) if strictly else group.allowed
        for hits in meets(row, choice).values():
            sources &= ~self._table.satisfied(sources, hits)
        return self._first(sources, {box.mask: box.destinations for box in choice}) if sources else None

    # ---- results -----------------------------------------------------------------------------------------------

    def _violated(self, asked: Asked, hit: Hit, verdict: Verdict) -> IntentResult:
        evidence = self._witnesses.evidence(hit.source, hit.destination, hit.mask, verdict, self._held(asked))
        return IntentResult(
            intent=asked.intent, outcome=Outcome.VIOLATED, message=_said(asked.intent, verdict), evidence=evidence
        )

    def _unknown(self, asked: Asked, hit: Hit) -> IntentResult:
        """Return the result of an intent that a missing fact decides: about the flow, or about what an end selects."""
        found = missing_facts(self._question.engine, hit.source, hit.destination)
        selection = [
            reason for item in (*asked.sources.members, *asked.destinations.members) for reason in item.reasons
        ]
        masks = self._question.engine.pair(hit.source, hit.destination)
        mask = masks.unknown & hit.mask
        if not mask:
            return IntentResult(
                intent=asked.intent,
                outcome=Outcome.UNKNOWN,
                message="what an end selects is not known",
                reasons=tuple(selection) or found,
            )
        evidence = self._witnesses.evidence(hit.source, hit.destination, mask, Verdict.UNKNOWN, self._held(asked))
        reasons = tuple(dict.fromkeys((*evidence.reasons, *selection))) or found
        return IntentResult(
            intent=asked.intent,
            outcome=Outcome.UNKNOWN,
            message="whether a flow passes is not known",
            evidence=evidence,
            reasons=reasons,
        )

    def _held(self, asked: Asked) -> tuple[Members, ...]:
        return (*asked.sources.members, *asked.destinations.members)

    # ---- ends that are not elements ----------------------------------------------------------------------------

    def _symbolic_result(self, asked: Asked) -> IntentResult | None:
        """Return what proxies that are not loaded, names outside and refused pods make of an intent that else holds."""
        intent = asked.intent
        listed = asked.sources if intent.closes is Closes.TO else asked.destinations
        found = None
        for side in (asked.sources, asked.destinations):
            for item in side.members:
                if item.symbolic is None or (intent.demand is Demand.ONLY and side is listed):
                    continue
                answer = self._symbolic.judged(asked.intent, item, is_source=side is asked.sources, asked=asked)
                if answer is not None and answer.outcome is Outcome.VIOLATED:
                    return answer
                found = found or answer
        return found


def forbidden_by(asked: Asked, table: FlowTable) -> tuple[Forbidden, Forbidden]:
    """Return what a `deny` or `only` forbids: surely, and perhaps."""
    intent, everything = asked.intent, table.engine.universe.ports.everything
    if intent.demand is Demand.DENY:
        return (
            Forbidden(sources=asked.sources.certain, boxes=asked.certain),
            Forbidden(sources=asked.sources.possible, boxes=asked.possible),
        )
    if intent.closes is Closes.TO:
        return (
            Forbidden(sources=table.ends & ~asked.sources.possible, boxes=asked.certain),
            Forbidden(sources=table.ends & ~asked.sources.certain, boxes=asked.possible),
        )
    anything = (Box(table.ends, everything),)
    return (
        Forbidden(sources=asked.sources.certain, boxes=anything, excepted=asked.possible),
        Forbidden(sources=asked.sources.possible, boxes=anything, excepted=asked.certain),
    )


def _said(intent: Intent, verdict: Verdict) -> str:
    if verdict is Verdict.DENIED:
        return "this must be allowed and is denied"
    if intent.demand is Demand.DENY:
        return "this must be denied and is allowed"
    return "this is not listed and is allowed"
