"""What `exposure` judges by: the cluster with hypothetical pods in it, its engine, and the oracle's confirmation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from netcheck.engines.sets import SetEngine
from netcheck.errors import InternalError, WitnessMismatch
from netcheck.logic.atoms import indexes
from netcheck.logic.classes import mask_of
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, Decider, Decision, End, Flow, NodeEnd, OwnNodeEnd, PodEnd, Reason, Verdict
from netcheck.model.objects import Node, Pod
from netcheck.model.policy import NetworkPolicy
from netcheck.model.profile import Switch
from netcheck.queries.dataplane import with_phantoms
from netcheck.queries.ends import Addresses, parse_end
from netcheck.queries.explain import readable_port
from netcheck.queries.hypothetical_pods import HypotheticalPod, hypothetical_pods, with_hypothetical_pods
from netcheck.queries.incoming import Block, Incoming, outgoing
from netcheck.queries.replay import replayed
from netcheck.queries.results import Endpoint
from netcheck.queries.unknowns import reasons
from netcheck.values.addresses import IPSet, address_number, address_text
from netcheck.values.connections import ConnectionSet
from netcheck.values.ports import PortSet, Protocol

METADATA_PORT = 80
"""Where the metadata services of AWS, Azure and Google Cloud listen."""
SOME_NODE = Node(name="some other node")
"""Stands for the nodes of an input that has none; no node can have this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """A workload that is looked at: the element that stands for it, and its loaded pods (positions)."""

    endpoint: Endpoint
    element: int
    pods: tuple[int, ...]


class ExposureScene:
    """The set engine over the cluster, hypothetical pods, and a node if it has none; elements are that engine's."""

    def __init__(self, cluster: Cluster) -> None:
        self.given = with_phantoms(cluster)
        self.hypothetical_pods = hypothetical_pods(cluster)
        self.cluster = with_hypothetical_pods(self.given, self.hypothetical_pods)
        self.has_nodes = bool(cluster.nodes)
        if not self.has_nodes:
            self.cluster = replace(self.cluster, nodes=(SOME_NODE,))
        self.engine = SetEngine(self.cluster)
        universe = self.engine.universe
        self.universe = universe
        self.nodes = mask_of(range(universe.pod_count, universe.own_node))
        exempt = cluster.profile.own_node_ingress is not Switch.NO  # NET-4; else it is a node like others
        self.own_node = 1 << universe.own_node if exempt else 0
        self.outside = universe.everything & ~((1 << universe.atom_offset) - 1)
        self._families = {version: universe.family_bits(version) for version in (4, 6)}
        # What is only assumed, a proxy that the user named or a hypothetical pod, comes after what is loaded.
        self.loaded = 0
        self.of_namespace: dict[str, int] = {}
        for number, element in enumerate(universe.elements[: universe.pod_count]):
            if element.members[0] < len(cluster.pods):
                self.loaded |= 1 << number
                self.of_namespace[element.namespace] = self.of_namespace.get(element.namespace, 0) | 1 << number
        self.hypothetical_of: dict[int, HypotheticalPod] = {}
        for position, item in enumerate(self.hypothetical_pods, len(self.given.pods)):
            self.hypothetical_of.setdefault(universe.class_of[position], item)
        self.new_pods = mask_of(self.hypothetical_of)
        self.policies: dict[str, list[NetworkPolicy]] = {}
        for policy in cluster.policies:
            self.policies.setdefault(policy.namespace, []).append(policy)
        self._slices: dict[tuple[str, ...], Cluster] = {}
        self._from_namespaces: dict[tuple[int, ...], dict[str, tuple[int, int]]] = {}
        self._metadata: dict[str, tuple[int, int]] = {}
        self._addresses: dict[int, IPSet] = {}

    @cached_property
    def incoming(self) -> Incoming:
        """What reaches the loaded pods."""
        return Incoming(self.engine, self.loaded)

    @cached_property
    def _public(self) -> IPSet:
        found = parse_end(self.given, "internet", "default")
        assert isinstance(found, Addresses)
        return found.addresses

    # ---- sources -------------------------------------------------------------------------------------------------

    def from_namespaces(self, element: int) -> dict[str, tuple[int, int]]:
        """Return for each namespace on which ports some loaded pod of it must, and may, reach an element."""
        key = self.incoming.key(element)
        found = self._from_namespaces.get(key)
        if found is None:
            found = self._from_namespaces[key] = {}
            for block in self.incoming.blocks(element, self.loaded):
                for name, bits in self.of_namespace.items():
                    if bits & block.sources:
                        must, may = found.get(name, (0, 0))
                        found[name] = (must | block.must, may | block.may)
        return found

    def source_in(self, element: int, namespace: str, must: int, may: int) -> Block:
        """Return one source in a namespace that gets in to an element on some of the ports given, and those ports."""
        for block in self.incoming.blocks(element, self.loaded):
            bits = block.sources & self.of_namespace[namespace]
            if bits and (block.must & must or block.may & may):
                return Block(bits & -bits, block.must & must, block.may & may)
        raise InternalError("a namespace that gets in has a pod that does")

    def metadata(self, address: str) -> tuple[int, int]:
        """Return which elements must, and which may, reach an address on the port of the metadata service."""
        found = self._metadata.get(address)
        if found is None:
            port = self.port(Protocol.TCP, METADATA_PORT)
            found = self._metadata[address] = outgoing(self.engine, self.element_of(address), port)
        return found

    def element_of(self, address: str) -> int:
        """Return the element of an address outside the cluster."""
        return self.universe.atom_offset + self.universe.addresses.atom(*address_number(address))

    # ---- nodes ---------------------------------------------------------------------------------------------------

    def node_of_all(self, pods: Iterable[int]) -> int:
        """Return the node on which all of some pods run, as bits: none if they run on several or it is not known."""
        names = {self.cluster.pods[position].node for position in pods}
        return mask_of(
            self.universe.pod_count + number
            for number, node in enumerate(self.cluster.nodes)
            if names == {node.name} and self.has_nodes
        )

    def node_name(self, element: int) -> str:
        """Return the name of a loaded node."""
        return self.cluster.nodes[element - self.universe.pod_count].name

    def node_addresses(self, pods: Iterable[int]) -> tuple[str, ...]:
        """Return the addresses of host-network pods, as far as they are known."""
        found: dict[str, None] = {}
        by_name = {node.name: node.addresses for node in self.given.nodes}
        for position in pods:
            pod = self.cluster.pods[position]
            found |= dict.fromkeys(by_name.get(pod.node) or pod.addresses)
        return tuple(found)

    # ---- from elements to ends -----------------------------------------------------------------------------------

    def connections(self, mask: int) -> ConnectionSet:
        """Return the connections of a port mask."""
        return self.engine.connections(mask)

    def port(self, protocol: Protocol, number: int) -> int:
        """Return the mask of one port."""
        return self.universe.ports.single(protocol, number)

    def addresses(self, bits: int) -> IPSet:
        """Return the addresses that elements outside the cluster hold."""
        bits = (bits & self.outside) >> self.universe.atom_offset
        found = self._addresses.get(bits)
        if found is None:
            found = self._addresses[bits] = self.universe.addresses.addresses(indexes(bits))
        return found

    def end(self, element: int, within: IPSet | None = None) -> End:
        """Return an end that an element stands for: of addresses a public one if it holds any, and one of `within`."""
        universe = self.universe
        if element < universe.pod_count:
            return PodEnd(self.cluster.pods[universe.elements[element].members[0]])
        if element < universe.own_node:
            return NodeEnd(self.cluster.nodes[universe.elements[element].members[0]])
        if element == universe.own_node:
            return OwnNodeEnd()
        held = self.addresses(1 << element)
        held = held & within if within is not None else held
        held = held & self._public or held
        version = 4 if held.v4 else 6
        return AddressEnd(address_text(version, held.of_family(version)[0][0]))

    def in_family_of(self, element: int, bits: int) -> int:
        """Return those of some elements outside that share an IP family with a pod, or all if none does (NET-2)."""
        families = self.universe.elements[element].families
        shared = 0
        for version in families:
            shared |= bits & self._families[version]
        return shared or bits

    # ---- the oracle ----------------------------------------------------------------------------------------------

    def confirmed(
        self, source: End, destination: End, connections: ConnectionSet, verdict: Verdict
    ) -> tuple[Decision, tuple[Decider, ...]]:
        """Return the oracle's decision about one of the connections, and what decided it.

        Raises:
            WitnessMismatch: it decides otherwise; where the engine only knows that it does not know, it may.

        """
        protocol, port = readable_port(connections or ConnectionSet.all(), destination)
        flow = Flow(source=source, destination=destination, protocol=protocol, port=port)
        try:
            decision = replayed(self._slice(source, destination), flow, verdict)
        except WitnessMismatch:
            if verdict is not Verdict.UNKNOWN:
                raise
            return Decision(verdict=verdict), ()
        if verdict is not Verdict.DENIED:
            return decision, decision.deciders
        denying = tuple(item for item in decision.deciders if item.action == "deny")
        return decision, denying or decision.deciders

    def confirmed_port(
        self, source: End, pod: Pod, protocol: Protocol, number: int, verdict: Verdict
    ) -> tuple[Decision, tuple[Decider, ...]]:
        """Return the same about one port of a pod."""
        one = ConnectionSet.of({protocol: PortSet.single(number)})
        return self.confirmed(source, PodEnd(pod), one, verdict)

    def _slice(self, *ends: End) -> Cluster:
        """Return the cluster with the policies that can select one of the ends, which are all that the oracle reads."""
        names = tuple(sorted({end.pod.namespace for end in ends if isinstance(end, PodEnd)}))
        found = self._slices.get(names)
        if found is None:
            policies = tuple(policy for name in names for policy in self.policies.get(name, ()))
            found = self._slices[names] = replace(self.cluster, policies=policies, pods=())
        return found

    def why(self, decision: Decision, source: int, destination: int) -> tuple[Reason, ...]:
        """Return the missing facts that the oracle names, or else those that the engine can think of."""
        if decision.verdict is not Verdict.UNKNOWN:
            return ()
        return decision.reasons or reasons(self.engine, source, destination)
