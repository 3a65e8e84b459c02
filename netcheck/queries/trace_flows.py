"""One flow of a trace: do the policies of both ends let it through, and which of them decides?

The set engine answers and the oracle confirms. Ends that are not one pod or address (the internet, a node that is not
known, a proxy whose pods are not loaded) stand for several; then the verdict holds for each of them, or it is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from netcheck.engines.sets import SetEngine
from netcheck.errors import Place
from netcheck.logic.ir import Action
from netcheck.model.cluster import Assumption, Cluster
from netcheck.model.flow import AddressEnd, Decider, End, Flow, NodeEnd, OwnNodeEnd, PodEnd, Reason, Tier, Verdict
from netcheck.model.objects import NAMESPACE_NAME_LABEL, ContainerPort, Namespace, Node, Pod, WorkloadId
from netcheck.model.policy import Direction
from netcheck.model.profile import Switch
from netcheck.queries.dataplane import with_phantoms
from netcheck.queries.domains import reason, with_name_resolved
from netcheck.queries.entries import Judge
from netcheck.queries.replay import replayed
from netcheck.values.addresses import IPSet, address_number, address_text
from netcheck.values.ports import Protocol

UNKNOWN_NODE = "some-node"
UNKNOWN_PROXY = "the-proxy"
_DNS_NAMESPACE, _DNS_NAME = "kube-system", "kube-dns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The verdict about a flow, what decided it, and the missing facts iff it is unknown."""

    verdict: Verdict
    deciders: tuple[Decider, ...] = ()
    reasons: tuple[Reason, ...] = ()
    said: str = ""
    """What is not a policy's doing, in words."""
    assumed: Assumption | None = None
    """What the verdict takes for granted, or None."""

    @property
    def place(self) -> Place | None:
        """Where what decided is written: of a denial the policy that denies."""
        denying = [item for item in self.deciders if item.action == "deny"]
        found = [item.place for item in denying or self.deciders if item.place is not None]
        found += [item.place for item in self.reasons if item.place is not None]
        return found[0] if found else None

    def text(self) -> str:
        """The reason in words."""
        if self.said:
            return self.said
        if self.verdict is Verdict.UNKNOWN:
            return "; ".join(dict.fromkeys(item.message for item in self.reasons)) or "a missing fact decides"
        named = [item for item in self.deciders if item.cites != "NP-1"]  # what is no pod has no policies
        shown = [item for item in named if item.action == "deny"] or named
        return "; ".join(dict.fromkeys(map(_decider_text, shown))) or "no policy speaks of it"


_ACTIONS = {"allow": "allowed", "deny": "denied", "pass": "passed on", "exempt": "not policed"}


def _decider_text(item: Decider) -> str:
    direction, action = item.direction.value.lower(), _ACTIONS.get(item.action, item.action)
    if not item.policy:
        return f"{direction} {action}: {item.note}" if item.note else f"{direction} {action}"
    return f"{direction} {action} by {item.policy}{f' {item.rule}' if item.rule else ''}"


class Flows:
    """Judges flows of one cluster; each once. Positions of pods are those of `cluster.pods`."""

    def __init__(self, cluster: Cluster) -> None:
        added = with_phantoms(cluster)
        nodes = added.nodes or (Node(name=UNKNOWN_NODE),)
        self.cluster = replace(added, nodes=nodes)
        self._knows_nodes = bool(added.nodes)
        self._slices: dict[tuple[int, ...], tuple[Cluster, SetEngine]] = {}
        self._judged: dict[tuple[Any, ...], Judged] = {}

    # ---- what may be asked -------------------------------------------------------------------------------------

    def between(self, source: int, destination: int, protocol: Protocol, port: int) -> Judged:
        """Return the verdict about a flow between two loaded pods."""
        return self._once(("pods", source, destination, protocol, port), self._between)

    def to_address(self, source: int, address: str, protocol: Protocol, port: int) -> Judged:
        """Return the verdict about a flow from a pod to an address that is no pod's."""
        return self._once(("to", source, address, protocol, port), self._to_address)

    def to_outside(self, source: int, name: str, protocol: Protocol, port: int) -> Judged:
        """Return the verdict about a flow from a pod to an outside address that nobody knows here."""
        return self._once(("outside", source, name, protocol, port), self._to_outside)

    def from_addresses(self, addresses: IPSet, destination: int, protocol: Protocol, port: int) -> Judged:
        """Return the verdict about flows from each of some addresses to a pod; unknown where they differ."""
        return self._once(("from", addresses, destination, protocol, port), self._from_addresses)

    def from_nodes(self, destination: int, protocol: Protocol, port: int) -> Judged:
        """Return the verdict about flows from each node, the pod's own among them (NP-22)."""
        return self._once(("nodes", destination, protocol, port), self._from_nodes)

    def from_node(self, node: int, destination: int, protocol: Protocol, port: int) -> Judged:
        """Return the verdict about flows from one loaded node."""
        return self._once(("node", node, destination, protocol, port), self._from_node)

    def from_proxy(
        self, destination: int, protocol: Protocol, port: int, missing: Sequence[Reason], *, pods: bool
    ) -> Judged:
        """Return the verdict about flows from a proxy that is not known (ING-13, GW-29); `pods`: it is some pod."""
        return self._once(("proxy", destination, protocol, port, tuple(missing), pods), self._from_proxy)

    def to_own_node(self, source: int, protocol: Protocol, port: int) -> Judged:
        """Return the verdict about a flow from a pod to its own node."""
        return self._once(("own", source, protocol, port), self._to_own_node)

    def to_dns(self, source: int, protocol: Protocol) -> Judged:
        """Return the verdict about a flow to DNS pods as a cluster usually has them, none being loaded (DNS-9)."""
        return self._once(("dns", source, protocol), self._to_dns)

    def is_isolated(self, pod: int, direction: Direction) -> bool:
        """Return whether some policy selects the pod in `direction`."""
        _, engine = self._slice(pod)
        return engine.is_isolated(engine.universe.class_of[pod], direction)

    def _once(self, key: tuple[Any, ...], judge: Callable[..., Judged]) -> Judged:
        found = self._judged.get(key)
        if found is None:
            found = self._judged[key] = judge(*key[1:])
        return found

    # ---- the engine --------------------------------------------------------------------------------------------

    def _slice(self, *pods: int) -> tuple[Cluster, SetEngine]:
        key = tuple(sorted(set(pods)))
        found = self._slices.get(key)
        if found is None:
            found = self._slices[key] = _slice(self.cluster, key)
        return found

    def _pair(self, pods: Sequence[int], ends: tuple[int, int], flow: Flow, *, why: Sequence[Reason] = ()) -> Judged:
        """Judge one pair of elements of the slice of `pods`, and put it to the oracle."""
        cluster, engine = self._slice(*pods)
        mask = engine.universe.ports.single(flow.protocol, flow.port)
        masks = engine.pair(*ends)
        verdict = (
            Verdict.ALLOWED if masks.allowed & mask else Verdict.UNKNOWN if masks.unknown & mask else Verdict.DENIED
        )
        decision = replayed(cluster, flow, verdict)
        return Judged(verdict=verdict, deciders=decision.deciders, reasons=(*decision.reasons, *why))

    # ---- pods --------------------------------------------------------------------------------------------------

    def _between(self, source: int, destination: int, protocol: Protocol, port: int) -> Judged:
        pods = self.cluster.pods
        one, other = pods[source], pods[destination]
        if source == destination and not one.template:
            note = Decider(direction=Direction.EGRESS, tier=Tier.DEFAULT, action="exempt", cites="NET-6", note=_SELF)
            return Judged(verdict=Verdict.ALLOWED, deciders=(note,))
        _, engine = self._slice(source, destination)
        elements = engine.universe.class_of
        ends: list[End] = [PodEnd(one), PodEnd(other)]
        found = [elements[source], elements[destination]]
        at = self._at_own_node(one, other)
        if at is not None:
            ends[at], found[at] = OwnNodeEnd(), engine.universe.own_node
        flow = Flow(source=ends[0], destination=ends[1], protocol=protocol, port=port)
        return self._pair((source, destination), (found[0], found[1]), flow)

    def _at_own_node(self, source: Pod, destination: Pod) -> int | None:
        """NET-4, NET-5: which end (0 or 1) lives on the node that the other end's pod is known to run on, or None."""
        profile = self.cluster.profile
        if not source.node or source.node != destination.node or source.host_network is destination.host_network:
            return None
        if source.host_network:
            return None if profile.own_node_ingress is Switch.NO else 0
        return None if profile.own_node_egress is Switch.NO else 1

    # ---- addresses ---------------------------------------------------------------------------------------------

    def _to_address(self, source: int, address: str, protocol: Protocol, port: int) -> Judged:
        _, engine = self._slice(source)
        element = _address_element(engine, address)
        flow = Flow(
            source=PodEnd(self.cluster.pods[source]), destination=AddressEnd(address), protocol=protocol, port=port
        )
        return self._pair((source,), (engine.universe.class_of[source], element), flow)

    def _to_outside(self, source: int, name: str, protocol: Protocol, port: int) -> Judged:
        """SVC-12, NP-24: what every address is allowed, the name is; what none is, it is not."""
        cluster = with_name_resolved(self.cluster, name)
        other = Flows(cluster)
        found = [other.to_address(source, address, protocol, port) for address in other.one_of_each_atom(source, None)]
        return _for_each(found, (reason(name),))

    def one_of_each_atom(self, pod: int, within: IPSet | None) -> tuple[str, ...]:
        """Return an address of every part of `within` (None: of all addresses) that the pod's policies tell apart."""
        _, engine = self._slice(pod)
        universe = engine.universe
        families = universe.elements[universe.class_of[pod]].families
        found = []
        for atom in range(universe.addresses.count):
            version = universe.addresses.version(atom)
            if version not in families:
                continue
            ranges = tuple(universe.addresses.ranges(atom))
            held = IPSet(ranges if version == 4 else (), ranges if version == 6 else ())
            part = held if within is None else held & within
            if part:
                found.append(address_text(version, (part.v4 or part.v6)[0][0]))
        return tuple(found)

    def _from_addresses(self, addresses: IPSet, destination: int, protocol: Protocol, port: int) -> Judged:
        shown = self.one_of_each_atom(destination, addresses)
        found = [self._from_address(address, destination, protocol, port) for address in shown]
        message = "which addresses it comes from decides: the policies let in some of them only"
        return _for_each(found, (Reason(rule="NP-20", message=message),))

    def _from_address(self, address: str, destination: int, protocol: Protocol, port: int) -> Judged:
        _, engine = self._slice(destination)
        flow = Flow(
            source=AddressEnd(address),
            destination=PodEnd(self.cluster.pods[destination]),
            protocol=protocol,
            port=port,
        )
        ends = (_address_element(engine, address), engine.universe.class_of[destination])
        return self._pair((destination,), ends, flow)

    # ---- nodes -------------------------------------------------------------------------------------------------

    def _from_nodes(self, destination: int, protocol: Protocol, port: int) -> Judged:
        found = [self._from_own_node(destination, protocol, port)]
        found += [self.from_node(node, destination, protocol, port) for node in range(len(self.cluster.nodes))]
        message = "the pod sees the address of the node that takes the packet, and which node that is decides"
        return _for_each(found, (Reason(rule="NP-22", message=message),))

    def _from_own_node(self, destination: int, protocol: Protocol, port: int) -> Judged:
        _, engine = self._slice(destination)
        pod = self.cluster.pods[destination]
        flow = Flow(source=OwnNodeEnd(), destination=PodEnd(pod), protocol=protocol, port=port)
        return self._pair((destination,), (engine.universe.own_node, engine.universe.class_of[destination]), flow)

    def _from_node(self, node: int, destination: int, protocol: Protocol, port: int) -> Judged:
        pod, one = self.cluster.pods[destination], self.cluster.nodes[node]
        if pod.node == one.name:
            return self._from_own_node(destination, protocol, port)
        _, engine = self._slice(destination)
        flow = Flow(source=NodeEnd(one), destination=PodEnd(pod), protocol=protocol, port=port)
        ends = (engine.universe.pod_count + node, engine.universe.class_of[destination])
        return self._pair((destination,), ends, flow)

    def _to_own_node(self, source: int, protocol: Protocol, port: int) -> Judged:
        _, engine = self._slice(source)
        flow = Flow(source=PodEnd(self.cluster.pods[source]), destination=OwnNodeEnd(), protocol=protocol, port=port)
        return self._pair((source,), (engine.universe.class_of[source], engine.universe.own_node), flow)

    # ---- pods that are not loaded ------------------------------------------------------------------------------

    def _to_dns(self, source: int, protocol: Protocol) -> Judged:
        labels = {NAMESPACE_NAME_LABEL: _DNS_NAMESPACE}
        namespaces = dict(self.cluster.namespaces)
        namespaces.setdefault(_DNS_NAMESPACE, Namespace(name=_DNS_NAMESPACE, labels=labels, labels_known=False))
        pod = Pod(
            namespace=_DNS_NAMESPACE,
            name=_DNS_NAME,
            workload=WorkloadId(_DNS_NAMESPACE, "Deployment", _DNS_NAME),
            labels={"k8s-app": "kube-dns"},
            template=True,
            ports=(
                ContainerPort(number=53, protocol="UDP", name="dns"),
                ContainerPort(number=53, name="dns-tcp"),
            ),
        )
        other = Flows(replace(self.cluster, pods=(*self.cluster.pods, pod), namespaces=namespaces))
        return other.between(source, len(self.cluster.pods), protocol, 53)

    # ---- a proxy that is not known -----------------------------------------------------------------------------

    def _from_proxy(
        self, destination: int, protocol: Protocol, port: int, missing: tuple[Reason, ...], pods: bool
    ) -> Judged:
        """Allowed iff whoever it is gets in; denied iff nobody does."""
        _, engine = self._slice(destination)
        element = engine.universe.class_of[destination]
        mask = engine.universe.ports.single(protocol, port)
        table = engine.table(element, Direction.INGRESS)
        verdict = Judge(engine).of_anybody(element, mask, pods=pods)
        denies = any(rule.action is Action.DENY for stage in table.stages for rule in stage.rules)
        if verdict is Verdict.UNKNOWN or (verdict is Verdict.ALLOWED and denies):
            return Judged(verdict=Verdict.UNKNOWN, reasons=missing)
        return self._replayed_proxy(destination, protocol, port, verdict)

    def _replayed_proxy(self, destination: int, protocol: Protocol, port: int, verdict: Verdict) -> Judged:
        proxy = Pod(
            namespace=UNKNOWN_PROXY,
            name=UNKNOWN_PROXY,
            workload=WorkloadId(UNKNOWN_PROXY, "Pod", UNKNOWN_PROXY),
            labels={},
            template=True,
        )
        cluster, _ = self._slice(destination)
        labels = {NAMESPACE_NAME_LABEL: UNKNOWN_PROXY}
        inferred = Namespace(name=UNKNOWN_PROXY, labels=labels, labels_known=False)
        namespaces = {**cluster.namespaces, UNKNOWN_PROXY: inferred}
        addressing = replace(cluster.addressing, pod_cidrs=())  # of what family the proxy is, they do not tell (NET-2)
        cluster = replace(cluster, pods=(*cluster.pods, proxy), namespaces=namespaces, addressing=addressing)
        target = self.cluster.pods[destination]
        flow = Flow(source=PodEnd(proxy), destination=PodEnd(target), protocol=protocol, port=port)
        decision = replayed(cluster, flow, verdict)
        deciders = tuple(item for item in decision.deciders if item.direction is Direction.INGRESS)
        return Judged(verdict=verdict, deciders=deciders)


_SELF = "a pod's traffic to itself is not policed"


def _slice(cluster: Cluster, pods: tuple[int, ...]) -> tuple[Cluster, SetEngine]:
    """Return the cluster with the policies that can select the pods, and the engine over them."""
    namespaces = {cluster.pods[position].namespace for position in pods}
    part = replace(cluster, policies=tuple(item for item in cluster.policies if item.namespace in namespaces))
    return part, SetEngine(part, pods)


def _address_element(engine: SetEngine, address: str) -> int:
    return engine.universe.atom_offset + engine.universe.addresses.atom(*address_number(address))


def _for_each(found: Iterable[Judged], differing: tuple[Reason, ...]) -> Judged:
    """Return the verdict that all have in common; where they differ, unknown, for the reasons given."""
    items = list(found)
    verdicts = {item.verdict for item in items}
    if len(verdicts) == 1 and Verdict.UNKNOWN not in verdicts:
        return items[-1]
    if not items:
        return Judged(verdict=Verdict.DENIED)
    own = tuple(reason for item in items for reason in item.reasons)
    return Judged(
        verdict=Verdict.UNKNOWN, reasons=tuple(dict.fromkeys((*own, *(differing if len(verdicts) > 1 else ()))))
    )
