"""Repairs of violated intents: the smallest edits of NetworkPolicies after which they hold, each proved by `verify`.

The optimizer proposes; nothing that it proposes is believed. Each proposal is applied to the cluster, the intents are
verified there, an edit that turns out not to be needed is left out, and what else changes is read off the matrices of
both clusters. With `scope: any-pod` a proposal that some pod to come would get around is met by adding this pod to what
is looked at, and proposing again.
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace

from netcheck.engines.repairs import Choice, Way
from netcheck.engines.repairs_smt import cheapest
from netcheck.errors import SolverLimit, WitnessMismatch
from netcheck.logic.atoms import indexes
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Decider, Flow, PodEnd, Tier, Verdict
from netcheck.model.intents import Demand, Intent, IntentScope
from netcheck.model.policy import Direction, NetworkPolicy
from netcheck.model.profile import Switch
from netcheck.queries.dataplane import with_phantoms
from netcheck.queries.explain import readable_port
from netcheck.queries.flow_table import Parts, meets, minus
from netcheck.queries.free import WITNESS_POD
from netcheck.queries.intent_ends import Members
from netcheck.queries.intent_witness import Witnesses, end_text
from netcheck.queries.repair_candidates import Candidates, Lack, View, all_labels, by_namespace, views
from netcheck.queries.repair_edits import Edit, applied, touched, with_free_names
from netcheck.queries.repair_effects import Effects
from netcheck.queries.repair_model import Cell, Flows, NoWay, RepairModel, TooMany, with_default
from netcheck.queries.repair_peers import Speller, declared
from netcheck.queries.repair_results import Repair, RepairEdit, Repairs
from netcheck.queries.verify import Asked, Judge, Question, forbidden_by, verify
from netcheck.queries.verify_results import IntentResult, Outcome, Verification
from netcheck.semantics.decide import OracleLimit, decide
from netcheck.values.connections import ConnectionSet

MOST_REPAIRS = 3
_MOST_PROPOSALS = 12
"""So many proposals are verified for one intent."""
_MANY_PODS = 2_000
"""With more pods than this the first repairs that are found are taken, and not the best of several."""
_MANY_EDITS = 3
"""A repair of so many edits more than twice those of another is none that anybody would choose."""
_MOST_ROUNDS = 6
_MOST_EDITS = 600
_MOST_SPACES = 4
"""In more namespaces than this the pods that an intent does not list are not edited one namespace after the other."""


def with_repairs(
    cluster: Cluster,
    found: Verification,
    *,
    timeout_ms: int,
    most: int = MOST_REPAIRS,
    of: Container[str] | None = None,
) -> Verification:
    """Return the verification with at most `most` repairs of each violated intent; `timeout_ms` for those of each.

    `of`, unless None, holds the names of the intents to repair: the others are only not to be broken.
    """
    intents = tuple(item.intent for item in found.results)
    held = frozenset(item.intent.name for item in found.results if item.outcome is Outcome.HOLDS)
    results = tuple(
        replace(item, repairs=_Repairer(cluster, item, intents, held, timeout_ms).repairs(most))
        if item.outcome is Outcome.VIOLATED and (of is None or item.intent.name in of)
        else item
        for item in found.results
    )
    return replace(found, results=results)


class _Repairer:
    """Finds the repairs of one violated intent."""

    def __init__(
        self,
        cluster: Cluster,
        result: IntentResult,
        intents: Sequence[Intent],
        held: frozenset[str],
        timeout_ms: int,
    ) -> None:
        self._cluster = with_phantoms(cluster)
        self._result = result
        self._intent = result.intent
        self._intents = intents
        self._held = held
        self._timeout_ms = timeout_ms
        self._end = time.monotonic() + timeout_ms / 1000
        self._doubt = ""

    def repairs(self, most: int) -> Repairs:
        """Return the repairs, the smallest first."""
        if self._result.vacuous:
            return Repairs(message="it matches nothing, which no policy changes")
        found: dict[tuple[Edit, ...], Repair] = {}
        message = ""
        world: Cluster | None = self._cluster
        for _ in range(_MOST_ROUNDS):
            if world is None or len(found) >= most:
                break
            message, world = self._round(world, found, most)
        ranked = sorted(found.values(), key=self._rank)
        whole = [item for item in ranked if not item.breaks]
        chosen = tuple((whole or ranked)[:most])
        if chosen:
            return Repairs(repairs=chosen, message=message if message == _LATE else "")
        if message == _LATE:
            return Repairs(message="none was found in time (--solver-timeout)")
        if not message and self._doubt:
            return Repairs(message=f"whether it would hold is not known after any edit that was tried: {self._doubt}")
        return Repairs(message=message or "no edit that was tried makes it hold")

    def _round(self, world: Cluster, found: dict[tuple[Edit, ...], Repair], most: int) -> tuple[str, Cluster | None]:
        """Add the repairs that are read off one cluster; return why not more, and the cluster to go on with, if any."""
        try:
            proposer = _Proposer(world, self._intent, self._cluster.namespaces)
            effects = Effects(self._cluster, self._intent, proposer.mentioned)
            for chosen in proposer.proposals(max(1, round((self._end - time.monotonic()) * 1000))):
                if self._is_enough(found, len(chosen), most):
                    return "", None
                bigger = self._tried(proposer, chosen, effects, found)
                if bigger is not None:
                    return "", _joined(world, bigger)
        except SolverLimit:
            return _LATE, None
        except TooMany:
            return "it speaks of too many different flows to look for edits", None
        except NoWay as error:
            return proposer.blocked_by(error.cell), None
        except _Unnamed as error:
            return str(error), None
        return "", None

    def _is_enough(self, found: dict[tuple[Edit, ...], Repair], edits: int, most: int) -> bool:
        """Return whether no repair of so many edits would be among the first."""
        good = [item for item in found.values() if not item.breaks and not self._is_bold(item)]
        if len(good) >= most and len(self._cluster.pods) > _MANY_PODS:
            return True
        if good and edits > 2 * min(len(item.edits) for item in good) + _MANY_EDITS:
            return True
        return sum(len(item.edits) < edits for item in good) >= most

    def _is_bold(self, repair: Repair) -> bool:
        """Return whether a repair opens connections although the intent demands that some be closed."""
        return self._intent.demand is not Demand.ALLOW and repair.opened > 0

    def _rank(self, repair: Repair) -> tuple[object, ...]:
        ports = sum(item.pairs * _size(item.connections) for item in repair.effects)
        texts = [edit.text for edit in repair.edits]
        written = sum(item.edit.size for item in repair.edits)
        return self._is_bold(repair), len(repair.edits), repair.opened + repair.closed, ports, written, texts

    def _tried(
        self, proposer: _Proposer, chosen: frozenset[int], effects: Effects, found: dict[tuple[Edit, ...], Repair]
    ) -> Cluster | None:
        """Add a repair if the edits are one; return the cluster with the pod that gets around them, if there is such."""
        edits = proposer.edits_of(chosen)
        try:
            after, verified = self._verified(edits)
        except WitnessMismatch:  # what is not proved is not shown; the answers about what is loaded stand
            self._doubt = "the proof of it was not confirmed by the oracle, please report this"
            return None
        mine = next(item for item in verified.results if item.intent == self._intent)
        if mine.outcome is not Outcome.HOLDS:
            self._doubt = mine.reasons[0].message if mine.reasons else ""
            return mine.evidence.world if mine.evidence is not None else None
        smaller = self._minimal(proposer, chosen)
        if smaller != chosen:
            edits = proposer.edits_of(smaller)
            after, verified = self._verified(edits)
        found.setdefault(edits, self._repair(edits, after, verified, effects))
        return None

    def _verified(self, edits: Sequence[Edit], *, alone: bool = False) -> tuple[Cluster, Verification]:
        if time.monotonic() > self._end:
            raise SolverLimit("repairs were not verified in time")
        after = applied(self._cluster, edits)
        asked = (self._intent,) if alone else self._intents
        return after, verify(after, asked, timeout_ms=self._timeout_ms, coverage=False)

    def _minimal(self, proposer: _Proposer, chosen: frozenset[int]) -> frozenset[int]:
        """Return a part of the edits that suffices and of which none can be left out."""
        for number in sorted(chosen) if len(chosen) > 1 else ():
            rest = chosen - {number}
            if proposer.is_refuted(rest):
                continue
            if self._verified(proposer.edits_of(rest), alone=True)[1].results[0].outcome is Outcome.HOLDS:
                return self._minimal(proposer, rest)
        return chosen

    def _repair(self, edits: tuple[Edit, ...], after: Cluster, verified: Verification, effects: Effects) -> Repair:
        policies = self._cluster.policies
        changed = effects.of(after)
        broken = (
            item.intent.name
            for item in verified.results
            if item.intent.name in self._held and item.outcome is not Outcome.HOLDS
        )
        return Repair(
            edits=tuple(_shown(edit, policies) for edit in edits),
            policies=touched(self._cluster, edits),
            added=frozenset(edit.new.label for edit in edits if edit.new is not None),
            effects=changed,
            opened=sum(item.pairs for item in changed if item.opens),
            closed=sum(item.pairs for item in changed if not item.opens),
            breaks=tuple(sorted(broken)),
        )


_LATE = "no more repairs were looked for: the time is up (--solver-timeout)"


class _Unnamed(Exception):
    """An end of the intent is nothing that a policy can name."""


def _size(connections: ConnectionSet) -> int:
    return sum(len(ports) for _, ports in connections.items())


def _shown(edit: Edit, policies: Sequence[NetworkPolicy]) -> RepairEdit:
    policy = edit.new if edit.new is not None else policies[edit.policy or 0]
    return RepairEdit(
        action=edit.action.value,
        text=edit.text(policies),
        policy=policy.label,
        rule=f"{edit.direction.value.lower()}[{edit.rule}]" if edit.rule is not None else "",
        place=edit.place,
        edit=edit,
    )


def _joined(world: Cluster, bigger: Cluster) -> Cluster | None:
    """Return the cluster with the pods that a witness added to another, under names that are free; None if it has none."""
    known = {id(pod) for pod in world.pods}
    names = {(pod.namespace, pod.name) for pod in world.pods}
    pods, namespaces = list(world.pods), dict(world.namespaces)
    for pod in bigger.pods[len(bigger.pods) - 2 :]:
        if id(pod) in known or any(pod == other for other in world.pods) or not pod.name.startswith(WITNESS_POD):
            continue
        space = pod.namespace
        new = bigger.namespaces.get(space)
        if space not in namespaces and new is not None:
            namespaces[space] = new
        name, number = pod.name, 1
        while (space, name) in names:
            number += 1
            name = f"{pod.name}-{number}"
        names.add((space, name))
        pods.append(replace(pod, name=name, workload=replace(pod.workload, name=name)))
    if len(pods) == len(world.pods):
        return None
    return replace(world, pods=tuple(pods), namespaces=namespaces)


# ---- proposals ---------------------------------------------------------------------------------------------------------


class _Proposer:
    """Proposes edits of the policies of one cluster for one intent."""

    def __init__(self, cluster: Cluster, intent: Intent, spaces: Container[str]) -> None:
        self._cluster = cluster
        self._intent = intent
        self._spaces = spaces
        self._plain = Question(cluster, (replace(intent, scope=IntentScope.EXISTING),))
        self._speller = Speller(cluster, all_labels=all_labels(intent))
        self._candidates = Candidates(cluster, intent, self._speller, spaces)
        self._opens = intent.demand is Demand.ALLOW
        self._directions: tuple[Direction, ...] = tuple(Direction)
        self._shown_by: dict[tuple[Way, ...], Cell] = {}
        self._chosen_from = Choice(costs=(), demands=())
        flows = list(_flows(self._plain))
        self._edits = list(dict.fromkeys(self._widening(flows) if self._opens else self._narrowing(flows)))
        self.mentioned = tuple(edit.probe(cluster.policies) for edit in self._edits)
        self._question = Question(cluster, (self._plain.asked[0].intent,), self.mentioned)

    def proposals(self, timeout_ms: int) -> Iterator[frozenset[int]]:
        """Yield sets of edits that should do, the smallest first.

        Raises:
            NoWay: no edits change what becomes of some flow.
            TooMany: there are too many different flows, or edits.
            SolverLimit: the solver gave up.
        """
        if len(self._edits) > _MOST_EDITS:
            raise TooMany
        for number, chosen in enumerate(cheapest(self._choice(), timeout_ms), start=1):
            yield chosen
            if number >= _MOST_PROPOSALS:
                return

    def _choice(self) -> Choice:
        """Return the choice that settles all flows that may matter; where none does, those that surely matter."""
        try:
            return self._choice_of(surely=False)
        except NoWay as error:
            try:
                return self._choice_of(surely=True)
            except NoWay:
                raise error from None

    def _choice_of(self, *, surely: bool) -> Choice:
        flows = list(_flows(self._question, surely=surely))
        model = RepairModel(self._question, flows, self._edits, self._directions, closes=not self._opens)
        choice = model.opening() if self._opens else model.stopping()
        self._shown_by = model.shown_by
        self._chosen_from = choice
        return choice

    def is_refuted(self, chosen: frozenset[int]) -> bool:
        """Return whether the oracle shows a flow by which the intent is violated after some edits; it need not find one."""
        unmet = self._chosen_from.unmet(chosen)
        if unmet is None or not self._is_plain:
            return False
        cell = self._shown_by[unmet]
        after = applied(self._cluster, self.edits_of(chosen))
        verdict = Verdict.DENIED if self._opens else Verdict.ALLOWED
        try:
            found = Witnesses(after, self._question.engine).evidence(cell.source, cell.destination, cell.mask, verdict)
        except WitnessMismatch:
            return False
        return bool(found.decided_by)  # nothing decided it where the oracle gave up

    @property
    def _is_plain(self) -> bool:
        """Return whether one flow is enough to violate the intent, and all ends surely stand for what they may."""
        asked = self._question.asked[0]
        sure = asked.sources.certain == asked.sources.possible and asked.certain == asked.possible
        return sure and not (self._opens and (asked.choices or asked.intent.ports is None))

    def edits_of(self, chosen: frozenset[int]) -> tuple[Edit, ...]:
        """Return the edits of a proposal; new policies have names that are free."""
        return with_free_names(self._cluster, [self._edits[number] for number in sorted(chosen)])

    # ---- edits -------------------------------------------------------------------------------------------------

    def _narrowing(self, flows: Flows) -> Iterator[Edit]:
        asked = self._plain.asked[0]
        ports = _ports(self._plain, asked)
        active = [view for view in views(asked, self._speller, ports) if self._is_near(view, flows)]
        self._directions = tuple(view.direction for view in active)
        for view in active:
            subjects = self._subjects(view.direction, flows)
            chosen = {
                position
                for number in indexes(subjects)
                for position in self._plain.engine.universe.elements[number].members
            }
            isolating = self._isolating(view.direction, chosen)
            closed = {position for _, positions in isolating for position in positions}
            loose = chosen - closed
            for number, _ in isolating:
                for index in range(len(self._cluster.policies[number].rules(view.direction))):
                    yield from self._candidates.narrowing(view, number, index)
            yield from self._candidates.isolating(view, by_namespace(self._cluster, loose))

    def _is_near(self, view: View, flows: Flows) -> bool:
        """Return whether the pods of a view are given, or lie in few namespaces."""
        if view.ends is not None:
            return True
        spaces = {
            self._plain.engine.universe.elements[number].namespace
            for number in indexes(self._subjects(view.direction, flows))
        }
        return len(spaces) <= _MOST_SPACES

    def _subjects(self, direction: Direction, flows: Flows) -> int:
        found = 0
        for sources, parts in flows:
            if direction is Direction.EGRESS:
                found |= sources
                continue
            for others in parts.values():
                found |= others
        return found & self._plain.table.pods

    def _isolating(self, direction: Direction, chosen: set[int]) -> list[tuple[int, set[int]]]:
        """Return the policies that select some of the pods in a direction, with those that they select."""
        pods, near = self._cluster.pods, by_namespace(self._cluster, chosen)
        found = []
        for number, policy in enumerate(self._cluster.policies):
            there = near.get(policy.namespace)
            if there and direction in policy.types:
                selected = {position for position in there if policy.pod_selector.matches(pods[position].labels)}
                if selected:
                    found.append((number, selected))
        return found

    def _widening(self, flows: Flows) -> Iterator[Edit]:
        asked = self._plain.asked[0]
        model = RepairModel(self._plain, flows, (), closes=False)
        lacking: dict[Direction, set[Cell]] = {direction: set() for direction in Direction}
        for cell in model.cells():
            ways = [direction for direction in Direction if model.lacks(cell, direction)]
            for direction in ways or Direction:
                lacking[direction].add(cell)
        for direction, subject_ends, peer_ends in (
            (Direction.INGRESS, asked.destinations.members, asked.sources.members),
            (Direction.EGRESS, asked.sources.members, asked.destinations.members),
        ):
            yield from self._opening(direction, subject_ends, peer_ends, flows, lacking[direction])

    def _opening(
        self,
        direction: Direction,
        subject_ends: Sequence[Members],
        peer_ends: Sequence[Members],
        flows: Flows,
        lacking: set[Cell],
    ) -> Iterator[Edit]:
        universe = self._plain.engine.universe
        inward = direction is Direction.INGRESS
        subjects = peers = mask = 0
        for some, parts in flows:
            for ports, others in parts.items():
                for cell in lacking:
                    if some >> cell.source & 1 and others >> cell.destination & 1 and ports & cell.mask:
                        subjects |= others if inward else some
                        peers |= some if inward else others
                        mask |= ports
        positions = {
            position
            for number in indexes(subjects & self._plain.table.pods)
            for position in universe.elements[number].members
        }
        if not positions:
            return
        named = [item for item in peer_ends if self._plain.side((item,)).possible & peers]
        who = self._speller.who(named)
        if who is None:
            raise _Unnamed("an end of it is nothing that a NetworkPolicy can name")
        lack = Lack(
            pods=by_namespace(self._cluster, positions),
            ports=self._opened_ports(mask),
            policies=tuple(number for number, _ in self._isolating(direction, positions)),
        )
        near = [item for item in subject_ends if self._plain.side((item,)).possible & subjects]
        yield from self._candidates.widening(direction, near, who, lack)

    def _opened_ports(self, mask: int) -> ConnectionSet:
        """Return the ports to open: those asked; if any will do, those that the destinations declare."""
        if self._intent.ports is not None:
            return self._plain.engine.connections(mask)
        if self._plain.asked[0].choices:
            return self._plain.engine.connections(mask)
        return _declared_by_destinations(self._plain)

    # ---- why there is none -------------------------------------------------------------------------------------

    def blocked_by(self, cell: Cell) -> str:
        """Return why no edit of NetworkPolicies changes what becomes of a flow."""
        witnesses = Witnesses(self._cluster, self._question.engine)
        source, destination = witnesses.end(cell.source), witnesses.end(cell.destination)
        protocol, port = readable_port(self._question.engine.connections(cell.mask), destination)
        flow = Flow(source=source, destination=destination, protocol=protocol, port=port)
        cluster = self._cluster
        for direction in Direction:
            cluster = with_default(cluster, direction, allows=self._opens)
        text = f"{end_text(source)} -> {end_text(destination)} {protocol.value}/{port}"
        spaces = [end.pod.namespace for end in (source, destination) if isinstance(end, PodEnd)]
        if any(space not in self._spaces for space in spaces):
            return f"no NetworkPolicy selects pods of a namespace that does not exist yet: {text}"
        if self._opens and self._cluster.profile.host_net_peer is not Switch.YES:
            for end in (source, destination):
                if isinstance(end, PodEnd) and end.pod.host_network and not end.pod.addresses:
                    return f"{end_text(end)} is on the host network, where no selector meets it, at an address not known: {text}"
        try:
            decision = decide(cluster, flow)
        except OracleLimit:
            return f"no edit that was tried makes it hold: {text}"
        wanted = Verdict.ALLOWED if self._opens else Verdict.DENIED
        if decision.verdict is wanted:
            return f"no edit that was tried makes it hold: {text}"
        deciders = [item for item in decision.deciders if _is_of_others(item, opens=self._opens)]
        if deciders:
            who = " and ".join(dict.fromkeys(f"{item.policy} `{item.rule}`" for item in deciders))
            return f"{who} decides it, which is not edited here: {text}"
        if decision.reasons:
            return f"what becomes of {text} is not known: {decision.reasons[0].message}"
        rules = ", ".join(dict.fromkeys(item.cites for item in decision.deciders if item.cites))
        return f"NetworkPolicies have no say in it{f' ({rules})' if rules else ''}: {text}"


def _is_of_others(item: Decider, *, opens: bool) -> bool:
    action = "deny" if opens else "allow"
    return item.tier in (Tier.ADMIN, Tier.BASELINE) and item.action == action


def _ports(question: Question, asked: Asked) -> ConnectionSet:
    """Return the connections that the intent asks about, whichever destination they are of."""
    mask = 0
    for box in asked.possible:
        mask |= box.mask
    return question.engine.connections(mask) if mask else ConnectionSet.all()


def _flows(question: Question, *, surely: bool = False) -> Iterator[tuple[int, Parts]]:
    """Yield what must be stopped, or let through, so that the one intent of a question holds for sure.

    With `surely` only what the intent surely means, and what surely is against it.
    """
    asked, table = question.asked[0], question.table
    if asked.intent.demand is Demand.ALLOW:
        yield from _lacking(question, asked, surely=surely)
        return
    certain, possible = forbidden_by(asked, table)
    forbidden = certain if surely else possible
    for group in table.groups:
        sources = group.sources & forbidden.sources
        if sources:
            row = group.allowed if surely else (*group.allowed, *group.unknown)
            parts = minus(meets(row, forbidden.boxes), forbidden.excepted)
            if parts:
                yield sources, parts


def _lacking(question: Question, asked: Asked, *, surely: bool) -> Iterator[tuple[int, Parts]]:
    judge, table = Judge(question), question.table
    in_choice = {box for choice in asked.choices for box in choice}
    any_port = asked.intent.ports is None
    meant = asked.sources.certain if surely else asked.sources.possible
    for group in table.groups:
        for chosen, reachable in judge.by_family(group.sources & meant):
            for box in asked.certain if surely else asked.possible:
                inside = replace(box, destinations=box.destinations & reachable)
                if box not in in_choice:
                    lacking = judge.lacking(group, inside, any_port, strictly=False)
                    if lacking:
                        yield chosen, _on_one_port(question, lacking) if any_port else lacking
    yield from _unserved(question, asked, meant)


def _unserved(question: Question, asked: Asked, meant: int) -> Iterator[tuple[int, Parts]]:
    """SVC-37: yield the sources that reach no backend, with all backends, for each port of each Service."""
    table, any_port = question.table, asked.intent.ports is None
    choices = asked.choices
    if any_port and choices:
        choices = (tuple(box for choice in choices for box in choice),)
    for choice in choices:
        for group in table.groups:
            sources = group.sources & meant
            for hits in meets(group.allowed, choice).values() if sources else ():
                sources &= ~table.satisfied(sources, hits)
            if sources:
                yield sources, {box.mask: box.destinations for box in choice}


def _on_one_port(question: Question, lacking: Parts) -> Parts:
    """Return destinations with one of the ports to open, one that they declare if they do, where any port will do."""
    universe, cluster = question.engine.universe, question.cluster
    opened = universe.ports.mask(_declared_by_destinations(question))
    found: Parts = {}
    for mask, destinations in lacking.items():
        for number in indexes(destinations):
            members = universe.elements[number].members if number < universe.pod_count else ()
            own = universe.ports.mask(declared(cluster.pods[position] for position in members)) & opened & mask
            wanted = own or opened & mask or mask
            low = wanted & -wanted
            found[low] = found.get(low, 0) | 1 << number
    return found


def _declared_by_destinations(question: Question) -> ConnectionSet:
    """Return the ports that the destinations declare, all ports if they declare none."""
    universe = question.engine.universe
    return declared(
        question.cluster.pods[position]
        for number in indexes(question.asked[0].destinations.possible & question.table.pods)
        for position in universe.elements[number].members
    )
