"""What a denial that holds rests on: minimal sets of policies, and which of them the creator of a pod could evade."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netcheck.engines.new_pods import Flows, Grounds, NewPod, NewPodEngine
from netcheck.engines.smt import AnyPod, Existing, Reached, Undecided
from netcheck.errors import Place, SolverLimit
from netcheck.logic.atoms import indexes
from netcheck.model.admin import AdminPolicy
from netcheck.model.flow import Verdict
from netcheck.model.intents import Closes, Demand, IntentScope
from netcheck.model.policy import Direction, NetworkPolicy
from netcheck.queries.flow_table import Box
from netcheck.queries.intent_witness import Witnesses
from netcheck.queries.verify import Asked, Question, Side, forbidden_by
from netcheck.queries.verify_any_pod import NewPodQuestions, boxes_as_flows, new_pod_engine, replayed_witness
from netcheck.queries.verify_results import Basis, Evidence, IntentResult, Outcome, Support
from netcheck.values.labels import LabelSelector, Requirement

_MOST_ELEMENTS = 4_000
"""Of so many pairs of groups of ends a proof is looked into; of more it would take minutes."""


def with_basis(question: Question, asked: Asked, result: IntentResult, timeout_ms: int) -> IntentResult:
    """Return the result with what it rests on, if it is a denial that holds of something."""
    if result.outcome is not Outcome.HOLDS or asked.intent.demand is Demand.ALLOW:
        return result
    return replace(result, basis=_Why(question, asked, timeout_ms).basis())


class _Why:
    def __init__(self, question: Question, asked: Asked, timeout_ms: int) -> None:
        self._question = question
        self._asked = asked
        self._timeout_ms = timeout_ms
        self._flows = self._denied()
        self._policies: dict[str, NetworkPolicy | AdminPolicy] = {
            **{policy.label: policy for policy in question.cluster.policies},
            **{policy.label: policy for policy in question.cluster.admin},
        }

    def _denied(self) -> list[Flows]:
        """Return the flows whose denial the intent demands."""
        _, possible = forbidden_by(self._asked, self._question.table)
        found = [] if possible.excepted else list(boxes_as_flows(self._question, possible.sources, possible.boxes))
        for sources, boxes in self._rest(possible.sources, possible.excepted):
            found += boxes_as_flows(self._question, sources, boxes)
        if self._asked.intent.scope is IntentScope.ANY_POD:
            found += NewPodQuestions(self._question, self._asked).flows()
        return found

    def _rest(self, sources: int, excepted: tuple[Box, ...]) -> Iterator[tuple[int, tuple[Box, ...]]]:
        """Yield what `closes: from` forbids: everything but the boxes that it lists."""
        if not excepted:
            return
        table = self._question.table
        everything = table.engine.universe.ports.everything
        listed = 0
        for box in excepted:
            listed |= box.destinations
        yield sources, (Box(table.ends & ~listed, everything),)
        yield (
            sources,
            tuple(
                Box(1 << number, rest)
                for number in indexes(listed)
                if (rest := everything & ~_ports_to(number, excepted))
            ),
        )

    def basis(self) -> Basis:
        """Return the ways in which the denial is grounded, and how it could be evaded."""
        if sum(self._size(item) for item in self._flows) > _MOST_ELEMENTS:
            return Basis(unfinished=True)
        try:
            engine = new_pod_engine(self._question, self._flows, self._timeout_ms)
            grounds = engine.grounds(self._flows, self._question.table.alone & self._overlap())
            evasions = tuple(self._evasions())
        except SolverLimit:
            return Basis(unfinished=True)
        if grounds is None:
            return Basis(unfinished=True, evasions=evasions)
        ways = tuple(tuple(self._support(label, grounds) for label in way) for way in grounds.ways)
        examined = self._asked.intent.closes is Closes.TO or self._asked.intent.demand is Demand.DENY
        return Basis(
            ways=tuple(way for way in ways if way),
            more=grounds.more,
            evasions=evasions,
            unevadable=examined and not evasions,
        )

    @staticmethod
    def _size(flows: Flows) -> int:
        return sum(
            end.elements.bit_count() if isinstance(end, Existing) else 1 for end in (flows.source, flows.destination)
        )

    def _overlap(self) -> int:
        """Return the elements that are both a source and a destination."""
        found = 0
        for item in self._flows:
            if isinstance(item.source, Existing) and isinstance(item.destination, Existing):
                found |= item.source.elements & item.destination.elements
        return found

    # ---- evasion -----------------------------------------------------------------------------------------------

    def _support(self, label: str, grounds: Grounds) -> Support:
        policy = self._policies.get(label)
        place: Place | None = policy.place if policy is not None else None
        return Support(
            policy=label,
            essential=label in grounds.essential,
            evaded_by=self._evaded_by(policy) if policy is not None else "",
            place=place,
        )

    def _evaded_by(self, policy: NetworkPolicy | AdminPolicy) -> str:
        """Return by which labels a pod's creator decides whether the policy selects it; empty for a whole namespace."""
        selector = policy.pod_selector if isinstance(policy, NetworkPolicy) else policy.subject.pod_selector
        if selector is None:
            return ""
        parts = []
        for direction, side, who in (
            (Direction.INGRESS, self._asked.destinations, "destination"),
            (Direction.EGRESS, self._asked.sources, "source"),
        ):
            if who == "source" and self._asked.intent.demand is Demand.ONLY and self._asked.intent.closes is Closes.TO:
                continue  # those listed are not those denied
            chosen = [item for item in selector.requirements if item not in _fixed(side)]
            if chosen and self._acts(policy, direction) and self._selects_some(policy, selector, side):
                labels = LabelSelector.of(expressions=chosen)
                parts.append(f"a {who} pod whose creator does not label it `{labels}`")
        return "; ".join(parts)

    def _selects_some(self, policy: NetworkPolicy | AdminPolicy, selector: LabelSelector, side: Side) -> bool:
        """Return whether the policy selects some pod of a side by its labels."""
        elements = self._question.engine.universe.elements
        pods = self._question.cluster.pods
        return any(
            selector.matches(pods[member].labels)
            for number in indexes(side.possible & self._question.table.pods)
            for member in elements[number].members
            if not isinstance(policy, NetworkPolicy) or pods[member].namespace == policy.namespace
        )

    @staticmethod
    def _acts(policy: NetworkPolicy | AdminPolicy, direction: Direction) -> bool:
        if isinstance(policy, NetworkPolicy):
            return direction in policy.types
        return bool(policy.rules(direction))

    def _evasions(self) -> Iterator[Evidence]:
        """Yield a flow for each end whose pods could be created so that they are let through, in the same namespaces."""
        if self._asked.intent.demand is Demand.ONLY and self._asked.intent.closes is Closes.FROM:
            return
        questions = list(self._questions())
        if not questions:
            return
        engine = new_pod_engine(self._question, questions, self._timeout_ms)
        witnesses = Witnesses(self._question.cluster, self._question.engine)
        for flows in questions:
            found = self._evasion(engine, witnesses, flows)
            if found is not None:
                yield found

    def _evasion(self, engine: NewPodEngine, witnesses: Witnesses, flows: Flows) -> Evidence | None:
        answer = engine.reach(flows.source, flows.destination, flows.ports)
        if isinstance(answer, Undecided) and answer.limit:
            raise SolverLimit("the solver gave up")
        if not isinstance(answer, Reached):
            return None
        return replayed_witness(self._question.cluster, witnesses, flows, answer.witness, Verdict.ALLOWED)

    def _questions(self) -> Iterator[Flows]:
        """Yield, of the flows that are denied, those with one end replaced by any pod of its namespaces."""
        asked, pods = self._asked, self._question.table.pods
        spaces = self._namespaces(asked.sources.possible & pods)
        boxes = [box for box in asked.possible if box.destinations]
        if (
            asked.intent.demand is Demand.ONLY
        ):  # a new pod that a selector lists may reach it; one that is named, is not new
            listed = [item.selector for item in asked.sources.members if item.selector is not None]
            like = [AnyPod(namespaces=x.namespaces, pods=x.pods, namespace_labels=x.namespace_labels) for x in listed]
            for box in boxes:
                yield self._flow(NewPod(but=tuple(like)), Existing(elements=box.destinations), box.mask)
            return
        for box in boxes if spaces else ():
            yield self._flow(NewPod(namespaces=spaces), Existing(elements=box.destinations), box.mask)
        for box in boxes:
            there = self._namespaces(box.destinations & pods)
            sources = forbidden_by(asked, self._question.table)[1].sources
            if there and sources:
                yield self._flow(Existing(elements=sources), NewPod(namespaces=there), box.mask)

    def _flow(self, source: AnyPod | Existing, destination: AnyPod | Existing, mask: int) -> Flows:
        return Flows(source=source, destination=destination, ports=self._question.engine.connections(mask))

    def _namespaces(self, elements: int) -> frozenset[str]:
        universe = self._question.engine.universe
        return frozenset(universe.elements[number].namespace for number in indexes(elements))


def _fixed(side: Side) -> set[Requirement]:
    """Return what every pod of an end that is given by labels must have anyway."""
    each = [set(item.selector.pods.requirements) for item in side.members if item.selector is not None]
    return set.intersection(*each) if each and len(each) == len(side.members) else set()


def _ports_to(number: int, boxes: tuple[Box, ...]) -> int:
    found = 0
    for box in boxes:
        if box.destinations >> number & 1:
            found |= box.mask
    return found
