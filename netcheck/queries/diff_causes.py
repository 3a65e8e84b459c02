"""Why a pair differs: a flow that the oracle decides otherwise on the two sides, and the objects that make it so.

An object is a cause iff the oracle changes its verdict when BASE gets this object alone as HEAD has it; if none does
alone, the causes are a minimal set that does together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from netcheck.errors import WitnessMismatch
from netcheck.logic.ir import Kind
from netcheck.model.admin import AdminPolicy
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, Decider, Decision, End, Flow, NodeEnd, OwnNodeEnd, PodEnd, Reason, Verdict
from netcheck.model.objects import Pod
from netcheck.model.policy import Direction, NetworkPolicy, OpaquePolicy
from netcheck.queries.diff_results import Cause, Probe, Why
from netcheck.queries.diff_sides import Side, Sides
from netcheck.queries.endpoints import Resolution
from netcheck.queries.explain import readable_port
from netcheck.queries.results import Endpoint
from netcheck.queries.slices import Slices
from netcheck.semantics.completions import OracleLimit
from netcheck.semantics.decide import decide
from netcheck.values.addresses import IPSet, address_number, address_text
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import Protocol

_MOST_TOGETHER = 12
"""Of so many objects a minimal set is looked for; of more, all that concern the pair are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """An object that differs between the sides and may concern a pair; `end` 0 is the source, 1 the destination."""

    what: str
    name: str
    end: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The ends of a pair on both sides, and a port."""

    before: tuple[End, End]
    after: tuple[End, End]
    protocol: Protocol
    port: int


class Explainer:
    """Explains pairs of endpoints, by position."""

    def __init__(self, sides: Sides) -> None:
        self._sides = sides
        self._taken = _taken(sides)
        self._addresses: dict[int, str] = {}
        self._pods = [_by_owner(side, sides.resolution) for side in sides.pair()]
        self._policies = [side.policies for side in sides.pair()]
        self._slices = {id(side): Slices(side.cluster) for side in sides.pair()}

    def why(self, source: int, destination: int, before: ConnectionSet, after: ConnectionSet) -> Why:
        """Return the witness and the causes of a change between two endpoints.

        Raises:
            WitnessMismatch: the oracle decides the witness otherwise than the engine.
        """
        ends = (source, destination)
        gone = [n for n in ends if self._sides.joined[n].workload]
        asked = self._asked(ends, before, after)
        verdicts = self._verdicts(asked, before, after, alone=bool(gone))
        probe = Probe(
            protocol=asked.protocol,
            port=asked.port,
            before=verdicts[0].verdict,
            after=verdicts[1].verdict,
            source_address=_address(asked.after[0]),
            destination_address=_address(asked.after[1]),
        )
        if gone:
            causes = tuple(self.appearance(position) for position in dict.fromkeys(gone))
            return Why(causes=causes, probe=probe)
        labels = self._selecting(ends)
        chosen = self._deciding(asked, self._candidates(ends, labels), labels, verdicts[1].verdict)
        return Why(causes=tuple(sorted(self._cause(item, ends, verdicts) for item in chosen)), probe=probe)

    def missing(self, source: int, destination: int, connections: ConnectionSet) -> set[Reason]:
        """Return the facts that the oracle misses, on either side, to decide one of the connections of a pair."""
        found: set[Reason] = set()
        for number, side in enumerate(self._sides.pair()):
            ends = self._ends(number, (source, destination))
            if ends[0] is None or ends[1] is None:
                continue
            protocol, port = readable_port(connections, ends[1])
            flow = Flow(source=ends[0], destination=ends[1], protocol=protocol, port=port)
            try:
                found |= set(decide(self._slices[id(side)].of(ends[0], ends[1]), flow).reasons)
            except OracleLimit:
                continue
        return found

    def appearance(self, position: int) -> Cause:
        """Return the cause that an end is there on one side only."""
        item = self._sides.joined[position]
        endpoint = item.endpoint
        label = f"{endpoint.kind or 'Node'} {endpoint.namespace}/{endpoint.name}" if endpoint.namespace else endpoint.id
        return Cause(object=label, change=item.workload, place=endpoint.place)

    def on_the_last_leg(self, position: int, *, ends: bool) -> tuple[Cause, ...]:
        """Return what differs of the policies that let others in to an endpoint, and with `ends` of its pods."""
        joined, sides = self._sides.joined[position], self._sides
        labels = self._of_position(position, Direction.INGRESS)
        nothing = Decision(verdict=Verdict.UNKNOWN)
        found = [self._policy_cause(label, (nothing, nothing)) for label in labels & sides.changed_policies]
        old, new = (self.end(number, position) for number in range(2))
        if ends and isinstance(old, PodEnd) and isinstance(new, PodEnd) and _read(old.pod) != _read(new.pod):
            found.append(pod_cause(joined.endpoint, old.pod, new.pod))
        return tuple(sorted(found))

    # ---- the witness -------------------------------------------------------------------------------------------

    def _asked(self, ends: tuple[int, int], before: ConnectionSet, after: ConnectionSet) -> _Asked:
        old, new = (self._ends(number, ends) for number in range(2))
        shown = new[1] or old[1]
        assert shown is not None
        protocol, port = readable_port((after - before) or (before - after), shown)
        found = [
            (a or b, c or d) for a, b, c, d in ((old[0], new[0], old[1], new[1]), (new[0], old[0], new[1], old[1]))
        ]
        pairs = [(one, other) for one, other in found if one is not None and other is not None]
        return _Asked(before=pairs[0], after=pairs[1], protocol=protocol, port=port)

    def _ends(self, number: int, ends: tuple[int, int]) -> tuple[End | None, End | None]:
        source, destination = (self.end(number, position) for position in ends)
        if ends[0] == ends[1] and isinstance(source, PodEnd):
            source = PodEnd(replace(source.pod, replicas=2))  # two pods of one workload, not one pod with itself
        return source, destination

    def end(self, number: int, position: int) -> End | None:
        """Return an end that an endpoint stands for on a side (0: BASE), None where it is not there."""
        side, joined = self._sides.pair()[number], self._sides.joined[position]
        element = (joined.base, joined.head)[number]
        if element is None:
            return None
        if element >= side.universe.atom_offset:
            return AddressEnd(self.free_address(position))
        found = side.universe.elements[element]
        if found.kind is Kind.NODE:
            return NodeEnd(side.cluster.nodes[found.members[0]])
        if found.kind is Kind.OWN_NODE:
            return OwnNodeEnd()
        return PodEnd(self._pods[number][_owner(joined.endpoint, self._sides.resolution), element])

    def free_address(self, position: int) -> str:
        """Return the first address of an endpoint that is no known pod or node, else its first."""
        text = self._addresses.get(position)
        if text is None:
            held = self._sides.joined[position].endpoint.addresses or IPSet.all()
            left = held - self._taken or held
            version = 4 if left.v4 else 6
            text = self._addresses[position] = address_text(version, left.of_family(version)[0][0])
        return text

    def _verdicts(
        self, asked: _Asked, before: ConnectionSet, after: ConnectionSet, *, alone: bool
    ) -> tuple[Decision, Decision]:
        found = []
        for side, ends, connections in zip(
            self._sides.pair(), (asked.before, asked.after), (before, after), strict=True
        ):
            passes = asked.port in connections.of_protocol(asked.protocol)
            if alone and not passes:
                found.append(Decision(verdict=Verdict.DENIED))
                continue
            found.append(
                _replayed(self._slices[id(side)].of(*ends), ends, asked, Verdict.ALLOWED if passes else Verdict.DENIED)
            )
        return found[0], found[1]

    # ---- the causes --------------------------------------------------------------------------------------------

    def _selecting(self, ends: tuple[int, int]) -> frozenset[str]:
        """Return the labels of the policies that decide a pair, on some side."""
        directions = (Direction.EGRESS, Direction.INGRESS)
        found = (self._of_position(position, way) for position, way in zip(ends, directions, strict=True))
        return frozenset().union(*found)

    def _of_position(self, position: int, direction: Direction) -> frozenset[str]:
        joined, sides = self._sides.joined[position], self._sides
        elements = zip(sides.pair(), (joined.base, joined.head), strict=True)
        return frozenset().union(*(side.selecting(one, direction) for side, one in elements if one is not None))

    def _candidates(self, ends: tuple[int, int], labels: frozenset[str]) -> tuple[_Change, ...]:
        """Return what differs between the sides and can concern a pair that the policies of `labels` decide."""
        sides = self._sides
        found = []
        for end, position in enumerate(ends):
            joined = sides.joined[position]
            old, new = (self.end(number, position) for number in range(2))
            if isinstance(old, PodEnd) and isinstance(new, PodEnd) and _read(old.pod) != _read(new.pod):
                found.append(_Change(what="pod", name=joined.endpoint.id, end=end))
            if isinstance(old, NodeEnd) and isinstance(new, NodeEnd) and old.node != new.node:
                found.append(_Change(what="node", name=joined.endpoint.name, end=end))
        spaces = {sides.joined[position].endpoint.namespace for position in ends} - {""}
        base, head = (side.cluster.namespaces for side in sides.pair())
        found += [_Change(what="namespace", name=name) for name in sorted(spaces) if base.get(name) != head.get(name)]
        found += [_Change(what="policy", name=label) for label in sorted(labels & sides.changed_policies)]
        return tuple(found)

    def _deciding(
        self, asked: _Asked, candidates: Sequence[_Change], labels: Iterable[str], wanted: Verdict
    ) -> Sequence[_Change]:
        """Return what of the candidates turns the verdict of BASE into that of HEAD; `labels` select the ends."""
        if len(candidates) <= 1:
            return candidates
        alone = [item for item in candidates if self._with(asked, (item,), labels) is wanted]
        if alone or len(candidates) > _MOST_TOGETHER:
            return alone or candidates
        chosen = list(candidates)
        for item in candidates:
            rest = [other for other in chosen if other is not item]
            if self._with(asked, rest, labels) is wanted:
                chosen = rest
        return chosen

    def _with(self, asked: _Asked, changes: Iterable[_Change], labels: Iterable[str]) -> Verdict:
        """Return the oracle's verdict in BASE with some objects as HEAD has them; of the policies only `labels` count."""
        changes = tuple(changes)
        base, head = (side.cluster for side in self._sides.pair())
        ends = list(asked.before)
        spaces = dict(base.namespaces)
        for item in changes:
            if item.end >= 0:
                ends[item.end] = asked.after[item.end]
            elif item.what == "namespace":
                spaces.pop(item.name, None)
                if item.name in head.namespaces:
                    spaces[item.name] = head.namespaces[item.name]
        swapped = {item.name for item in changes if item.what == "policy"}
        found = (self._policies[label in swapped].get(label) for label in sorted(labels))
        policies = [item for item in found if item is not None]
        mixed = replace(
            base,
            namespaces=spaces,
            policies=tuple(item for item in policies if isinstance(item, NetworkPolicy)),
            admin=tuple(item for item in policies if isinstance(item, AdminPolicy)),
            opaque=tuple(item for item in policies if isinstance(item, OpaquePolicy)),
        )
        flow = Flow(source=ends[0], destination=ends[1], protocol=asked.protocol, port=asked.port)
        try:
            return decide(mixed, flow).verdict
        except OracleLimit:
            return Verdict.UNKNOWN

    def _cause(self, change: _Change, ends: tuple[int, int], verdicts: tuple[Decision, Decision]) -> Cause:
        if change.what == "policy":
            return self._policy_cause(change.name, verdicts)
        if change.what == "namespace":
            return self.namespace_cause(change.name)
        position = ends[change.end]
        old, new = (self.end(number, position) for number in range(2))
        if isinstance(old, PodEnd) and isinstance(new, PodEnd):
            return pod_cause(self._sides.joined[position].endpoint, old.pod, new.pod)
        endpoint = self._sides.joined[position].endpoint
        return Cause(object=f"Node {endpoint.name}", change="changed", place=endpoint.place)

    def _policy_cause(self, label: str, verdicts: tuple[Decision, Decision]) -> Cause:
        before, after = (policies.get(label) for policies in self._policies)
        shown = after or before
        assert shown is not None
        change = "added" if before is None else "removed" if after is None else "changed"
        spoken = [_said_by(label, decision) for decision in verdicts]
        said = next((item for item in reversed(spoken) if item is not None and item.rule), None)
        said = said or next((item for item in reversed(spoken) if item is not None), None)
        in_head = said is not None and said is spoken[1]
        word = "" if said is None else f"{_tense(said, in_head=in_head)} it"
        place = said.place if said is not None and (in_head or after is None) and said.place else shown.place
        return Cause(object=label, change=change, detail=word, rule=said.rule if said is not None else "", place=place)

    def namespace_cause(self, name: str) -> Cause:
        """Return the cause that a namespace differs."""
        old, new = (side.cluster.namespaces.get(name) for side in self._sides.pair())
        change = "added" if old is None or not old.labels_known else "removed" if new is None else "changed"
        detail = _labels_text(old.labels if old else {}, new.labels if new else {})
        return Cause(object=f"Namespace {name}", change=change, detail=detail, place=new.place if new else None)


def pod_cause(endpoint: Endpoint, old: Pod, new: Pod) -> Cause:
    """Return the cause that the pods of an endpoint differ."""
    details = [
        _labels_text(old.labels, new.labels),
        "its declared ports differ" if old.ports != new.ports else "",
        "its addresses differ" if (old.addresses, old.node) != (new.addresses, new.node) else "",
        "it joins its node's network" if new.host_network and not old.host_network else "",
        "it leaves its node's network" if old.host_network and not new.host_network else "",
    ]
    return Cause(
        object=f"{endpoint.kind} {endpoint.namespace}/{endpoint.name}",
        change="changed",
        detail="; ".join(part for part in details if part),
        place=new.place,
    )


def _said_by(label: str, decision: Decision) -> Decider | None:
    return next((item for item in decision.deciders if item.policy == label), None)


def _tense(said: Decider, *, in_head: bool) -> str:
    now, then = {"allow": ("allows", "allowed"), "pass": ("passes on", "passed on")}.get(
        said.action, ("denies", "denied")
    )
    return now if in_head else then


def _labels_text(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    parts = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if before != after:
            gone, come = (f"{key}={value}" if value is not None else "" for value in (before, after))
            parts.append(f"{gone} became {come}" if gone and come else f"without {gone}" if gone else f"with {come}")
    return f"labels: {', '.join(parts)}" if parts else ""


def _read(pod: Pod) -> object:
    """Return what rules can read of a pod."""
    return (dict(pod.labels), pod.host_network, pod.addresses, pod.ports, pod.node)


def _replayed(cluster: Cluster, ends: tuple[End, End], asked: _Asked, expected: Verdict) -> Decision:
    flow = Flow(source=ends[0], destination=ends[1], protocol=asked.protocol, port=asked.port)
    try:
        decision = decide(cluster, flow)
    except OracleLimit:
        return Decision(verdict=expected)
    if decision.verdict is not expected:
        raise WitnessMismatch(
            f"the engine says {expected.value}, the oracle {decision.verdict.value}: {flow.source} -> "
            f"{flow.destination} on {flow.protocol.value}/{flow.port}"
        )
    return decision


def _address(end: End) -> str:
    return end.address if isinstance(end, AddressEnd) else ""


def _owner(endpoint: Endpoint, resolution: Resolution) -> tuple[str, ...]:
    if resolution is Resolution.POD:
        return (endpoint.namespace, endpoint.id.partition("/")[2])
    return (endpoint.namespace, endpoint.kind, endpoint.name)


def _by_owner(side: Side, resolution: Resolution) -> dict[tuple[tuple[str, ...], int], Pod]:
    """Return for each owner and element a pod that stands for both."""
    found: dict[tuple[tuple[str, ...], int], Pod] = {}
    for item in side.located(resolution):
        for element in item.elements if item.element < side.universe.pod_count else ():
            for member in side.universe.elements[element].members:
                pod = side.cluster.pods[member]
                key = _owner(item.endpoint, resolution)
                workload = (pod.workload.namespace, pod.workload.kind, pod.workload.name)
                mine = workload == key if resolution is Resolution.WORKLOAD else item.endpoint.name == pod.name
                if mine and pod.namespace == item.endpoint.namespace:
                    found.setdefault((key, element), pod)
    return found


def _taken(sides: Sides) -> IPSet:
    texts = {
        text
        for side in sides.pair()
        for texts in (*(pod.addresses for pod in side.cluster.pods), *(node.addresses for node in side.cluster.nodes))
        for text in texts
    }
    known = {address_number(text) for text in texts}
    return IPSet.of_cidrs(*(f"{address_text(*one)}/{32 if one[0] == 4 else 128}" for one in known))
