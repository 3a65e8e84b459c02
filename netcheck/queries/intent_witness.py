"""Concrete flows between elements of a universe, each put to the oracle before it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from netcheck.engines.sets import SetEngine
from netcheck.logic.ir import Kind
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, End, Flow, NodeEnd, OwnNodeEnd, PodEnd, Tier, Verdict
from netcheck.queries.asked import pod_text
from netcheck.queries.explain import readable_port
from netcheck.queries.intent_ends import Members
from netcheck.queries.replay import replayed
from netcheck.queries.results import FlowText
from netcheck.queries.verify_results import Evidence
from netcheck.values.addresses import IPSet, address_number, address_text


class Witnesses:
    """Makes evidence of pairs of elements."""

    def __init__(self, cluster: Cluster, engine: SetEngine) -> None:
        self._cluster = cluster
        self._engine = engine
        self._taken: IPSet | None = None

    def evidence(
        self, source: int, destination: int, mask: int, verdict: Verdict, named: Sequence[Members] = ()
    ) -> Evidence:
        """Return a flow between two elements on a port of `mask` that has the verdict, confirmed by the oracle.

        Raises:
            WitnessMismatch: the oracle decides otherwise.

        """
        ends = self._ends(source, destination, named)
        protocol, port = readable_port(self._engine.connections(mask), ends[1])
        flow = Flow(source=ends[0], destination=ends[1], protocol=protocol, port=port)
        decision = replayed(self._cluster, flow, verdict)
        deciders = decision.deciders
        if verdict is Verdict.DENIED:
            deciders = tuple(item for item in deciders if item.action == "deny") or deciders
        text = FlowText(source=end_text(ends[0]), destination=end_text(ends[1]), protocol=protocol, port=port)
        return Evidence(
            flow=text,
            verdict=verdict,
            decided_by=tuple(item for item in deciders if item.tier is not Tier.DEFAULT) or deciders,
            reasons=decision.reasons,
        )

    def _ends(self, source: int, destination: int, named: Sequence[Members]) -> tuple[End, End]:
        one, other = self.end(source, named), self.end(destination, named)
        if source != destination or not isinstance(one, PodEnd):
            return one, other
        members = self._engine.universe.elements[source].members
        if len(members) > 1:
            return one, PodEnd(self._cluster.pods[members[1]])
        twin = replace(one.pod, replicas=max(2, one.pod.replicas))
        return PodEnd(twin), PodEnd(twin)

    def end(self, element: int, named: Sequence[Members] = ()) -> End:
        """Return what stands for an element: its first pod, the node, or an address that is no known pod or node."""
        universe = self._engine.universe
        if element >= universe.atom_offset:
            return AddressEnd(self._address(element - universe.atom_offset, named))
        found = universe.elements[element]
        if found.kind is Kind.NODE:
            return NodeEnd(self._cluster.nodes[found.members[0]])
        if found.kind is Kind.OWN_NODE:
            return OwnNodeEnd()
        return PodEnd(self._cluster.pods[found.members[0]])

    def _address(self, atom: int, named: Sequence[Members]) -> str:
        held = self._engine.universe.addresses.addresses([atom])
        for item in named:
            if item.addresses and item.addresses & held:
                held = item.addresses & held
                break
        left = held - self._known_addresses() or held
        version = 4 if left.v4 else 6
        return address_text(version, left.of_family(version)[0][0])

    def _known_addresses(self) -> IPSet:
        if self._taken is None:
            known = {address_number(text) for text in _addresses(self._cluster)}
            self._taken = IPSet.of_cidrs(
                *(f"{address_text(*one)}/{32 if one[0] == 4 else 128}" for one in sorted(known))
            )
        return self._taken


def _addresses(cluster: Cluster) -> Iterable[str]:
    for pod in cluster.pods:
        yield from pod.addresses
    for node in cluster.nodes:
        yield from node.addresses


def end_text(end: End) -> str:
    """Return an end as outputs name it."""
    match end:
        case PodEnd(pod):
            return pod_text(pod)
        case NodeEnd(node):
            return f"node:{node.name}"
        case AddressEnd(address):
            return address
        case OwnNodeEnd():
            return "own-node"
